"""Binary memories of sparse pairs: formulas against stored random pairs."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.theory import willshaw


def stored(rng, units, active, count):
    """Bit density and false positives of one memory of random pairs."""
    inputs = np.argpartition(rng.random((count, units)), active, axis=1)[:, :active]
    outputs = np.argpartition(rng.random((count, units)), active, axis=1)[:, :active]
    synapses = np.zeros((units, units), bool)
    for x, y in zip(inputs, outputs, strict=True):
        synapses[y[:, None], x] = True
    recalled = np.array([synapses[:, x].all(1).sum() for x in inputs])
    return synapses.mean(), (recalled - active).mean() / (units - active)


def test_random_pairs_fill_and_confuse_as_predicted():
    rng = np.random.default_rng(1)
    units, active, count = 200, 6, 700
    density, false = np.transpose([stored(rng, units, active, count) for _ in range(30)])
    for measured, theory in (
        (density, willshaw.bit_density(units, active, count)),
        (false, willshaw.false_positive(units, active, count)),
    ):
        assert abs(measured.mean() - theory) < 3 * measured.std(ddof=1) / math.sqrt(len(measured))
    # the classical estimate is clearly too low at this size
    assert false.mean() > 1.2 * willshaw.bit_density(units, active, count) ** active


def test_a_tiny_memory_is_counted_out():
    units, active = 4, 2
    subsets = list(itertools.combinations(range(units), active))
    cue, silent = {0, 1}, 3
    # one other pair is stored; the unit is silent in the cue's own pair
    false = sum(cue <= set(x) and silent in y for x in subsets for y in subsets) / len(subsets) ** 2
    assert willshaw.false_positive(units, active, 2) == pytest.approx(false, abs=1e-15)
    # two other pairs
    pairs = list(itertools.product(subsets, subsets))
    reached = sum(
        cue <= {i for x, y in chosen if silent in y for i in x} for chosen in itertools.product(pairs, pairs)
    )
    assert willshaw.false_positive(units, active, 3) == pytest.approx(reached / len(pairs) ** 2, abs=1e-15)


@given(st.integers(3, 400), st.data())
def test_more_pairs_make_more_false_positives(units, data):
    active = data.draw(st.integers(1, min(units - 1, 30)))
    few, many = sorted(data.draw(st.lists(st.integers(1, 2000), min_size=2, max_size=2)))
    low, high = (willshaw.false_positive(units, active, count) for count in (few, many))
    assert 0.0 <= low <= high <= 1.0
    assert willshaw.bit_density(units, active, few) <= willshaw.bit_density(units, active, many)
    assert willshaw.false_positive(units, active, 1) == pytest.approx(0.0, abs=1e-20)


@pytest.mark.parametrize("power", [8, 12, 16, 20])
def test_half_of_the_synapses_at_the_optimum(power):
    units, active = 2**power, power
    count = round(willshaw.optimum_patterns(units, active))
    assert willshaw.bit_density(units, active, count) == pytest.approx(0.5, abs=1e-3)
    assert count == pytest.approx(math.log(2) * (units / active) ** 2, rel=2e-3)


def test_the_classical_estimate_is_the_limit_of_many_units():
    ratios = []
    for power in (8, 12, 16, 20, 24):
        units, count = 2**power, round(willshaw.optimum_patterns(2**power, power))
        classical = willshaw.bit_density(units, power, count) ** power
        ratios.append(willshaw.false_positive(units, power, count) / classical)
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[-1] == pytest.approx(1.0, abs=0.01)


def test_information_stays_below_ln_two_and_grows_with_size():
    best = []
    for power in (6, 9, 12, 16):
        units = 2**power
        top = willshaw.optimum_patterns(units, power)
        best.append(max(willshaw.information(units, power, round(top * f)) for f in (0.4, 0.6, 0.8, 1.0)))
    assert best == sorted(best)
    assert best[-1] < math.log(2)


def test_patterns_must_be_sparse():
    with pytest.raises(InputError, match="active is 10"):
        willshaw.bit_density(10, 10, 5)
