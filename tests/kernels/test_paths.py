"""Ways and rising water against the oracle that walks over states one by one."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import SizeError
from memscape.kernels import naive_paths
from memscape.kernels.lids import rise
from memscape.kernels.packing import pack, unpack
from memscape.kernels.paths import beam_way, lowest_way

subjects = st.tuples(st.integers(2, 8), st.integers(0, 2**31), st.booleans())


def couplings(units, seed, whole):
    """Symmetric couplings and thresholds: small integers, so that energies tie, or real numbers."""
    draw = np.random.default_rng(seed)
    weights = (
        draw.integers(-2, 3, (units, units)).astype(float) if whole else draw.normal(size=(units, units))
    )
    weights = np.triu(weights, 1)
    theta = draw.integers(-1, 2, units).astype(float) if whole else draw.normal(size=units)
    return weights + weights.T, theta, draw.choice([-1, 1], units)


def costs_of(weights, theta):
    def costs(state):
        s = np.array(state, dtype=float)
        return (2 * s * (weights @ s + theta)).tolist()

    return costs


def energy(weights, theta, state):
    s = np.asarray(state, dtype=float)
    return -0.5 * s @ weights @ s - theta @ s


@given(subjects)
def test_the_lowest_way_is_that_of_the_oracle_and_a_beam_is_never_below_it(subject):
    weights, theta, start = couplings(*subject)
    cost, pair = np.array(costs_of(weights, theta)(start)), -4 * weights * np.outer(start, start)
    exact = naive_paths.lowest_height(
        tuple(start.tolist()), tuple((-start).tolist()), costs_of(weights, theta)
    )
    way = lowest_way(cost, pair)
    assert way.height == pytest.approx(exact)
    for width in (1, 4, 300):
        beam = beam_way(cost, pair, width)
        assert beam.height >= way.height - 1e-9
        for found in (way, beam):
            top = np.where(found.flipped, -start, start)
            rise = energy(weights, theta, top) - energy(weights, theta, start)
            assert rise == pytest.approx(found.height)


@given(subjects)
def test_a_beam_that_keeps_every_set_finds_the_lowest_way_that_never_turns_back(subject):
    weights, theta, start = couplings(*subject)
    cost, pair = np.array(costs_of(weights, theta)(start)), -4 * weights * np.outer(start, start)
    count = len(start)
    best = [0.0] + [np.inf] * (2**count - 1)
    for key in range(1, 2**count):
        here = [key >> i & 1 for i in range(count)]
        level = sum(c * on for c, on in zip(cost, here, strict=True)) + 0.5 * np.array(here) @ pair @ here
        best[key] = max(level, min(best[key ^ (1 << i)] for i in range(count) if here[i]))
    assert beam_way(cost, pair, 300).height == pytest.approx(best[-1])


@given(subjects, st.integers(1, 300), st.sampled_from([3.0, 8.0, np.inf]))
def test_rising_water_meets_what_the_oracle_meets(subject, visits, lid):
    weights, theta, start = couplings(*subject)
    wells = np.random.default_rng(subject[1]).choice([-1, 1], (5, len(start)))
    wells = np.unique(wells, axis=0).astype(np.int8)
    slack = 1e-9
    slow = naive_paths.spill(
        tuple(start.tolist()),
        costs_of(weights, theta),
        {tuple(w.tolist()) for w in wells},
        lid,
        slack,
        visits,
    )
    packed = pack(torch.from_numpy(start.astype(np.int8)))
    fast = rise(packed, weights, theta, pack(torch.from_numpy(wells)), lid=lid, slack=slack, visits=visits)
    assert fast.level == pytest.approx(slow.level)
    assert fast.over == pytest.approx(slow.over)
    assert fast.closed == slow.closed
    levels = {tuple(wells[w].tolist()): level for w, level in zip(fast.wells, fast.levels, strict=True)}
    assert levels.keys() == slow.met.keys()
    assert all(levels[well] == pytest.approx(slow.met[well][0]) for well in levels)
    tops = unpack(fast.highest, len(start)).numpy()
    for top, level in zip(tops, fast.levels, strict=True):
        assert energy(weights, theta, top) - energy(weights, theta, start) == pytest.approx(level)


def test_the_water_s_arrays_grow_without_losing_a_state():
    """12 units: all 4,096 states are visited once, more than there is room for at first."""
    weights, theta, start = couplings(12, 1, False)
    packed = pack(torch.from_numpy(start.astype(np.int8)))
    found = rise(packed, weights, theta, packed[None], lid=np.inf, slack=1e-9, visits=10_000)
    assert found.visited == 4096
    assert found.closed


def test_too_many_differing_units_are_refused_before_memory_is_taken():
    with pytest.raises(SizeError, match="beam_way"):
        lowest_way(np.zeros(21), np.zeros((21, 21)))
