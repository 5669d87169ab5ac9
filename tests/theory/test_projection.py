"""The projection rule: exact identities on any patterns, averages on random ones."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import DtypeError, InputError
from memscape.theory import hopfield, projection


def signs(seed, count, units, correlated=False):
    rng = np.random.default_rng(seed)
    patterns = rng.choice([-1.0, 1.0], (count, units))
    if correlated:
        patterns[1:] = np.where(rng.random((count - 1, units)) < 0.7, patterns[0], patterns[1:])
    return patterns


SHAPES = st.tuples(st.integers(0, 10**6), st.integers(2, 12), st.integers(24, 60), st.booleans())


@given(SHAPES)
def test_fields_and_stabilities_of_stored_patterns(shape):
    patterns = signs(*shape)
    couplings = np.linalg.pinv(patterns) @ patterns
    share = np.diag(couplings).copy()
    np.fill_diagonal(couplings, 0.0)
    fields = patterns * (patterns @ couplings)
    rank = np.linalg.matrix_rank(patterns)
    diagonal = projection.diagonal(patterns).numpy()
    assert np.abs(diagonal - share).max() < 1e-10
    assert diagonal.mean() == pytest.approx(rank / patterns.shape[1], abs=1e-10)
    assert np.abs(fields - (1 - diagonal)).max() < 1e-9
    row_norms = np.linalg.norm(couplings, axis=1)
    clear = diagonal < 1 - 1e-6  # a unit that the patterns alone determine has no couplings to speak of
    stabilities = projection.margins(patterns).numpy()
    assert np.abs(fields / row_norms - stabilities)[:, clear].max(initial=0.0) < 1e-8
    assert stabilities[~clear].max(initial=0.0) < 1e-2


@given(SHAPES)
def test_energy_is_the_distance_to_the_span(shape):
    patterns = signs(*shape)
    units = patterns.shape[1]
    projector = np.linalg.pinv(patterns) @ patterns
    state = np.random.default_rng(shape[0] + 1).choice([-1.0, 1.0], units)
    load = np.trace(projector) / units
    energy = (-(state @ projector @ state) / 2 + np.trace(projector) / 2) / units
    distance = ((state - projector @ state) ** 2).sum() / units
    assert energy == pytest.approx(projection.energy(min(load, 1.0)) + distance / 2, abs=1e-10)


@given(SHAPES)
def test_a_repeated_pattern_changes_nothing(shape):
    patterns = signs(*shape)
    again = np.vstack([patterns, patterns[:1], -patterns[:1]])
    assert torch.allclose(projection.diagonal(patterns), projection.diagonal(again), atol=1e-9)


def test_as_many_patterns_as_units_leave_no_margin():
    full = signs(1, 40, 40)
    assert np.linalg.matrix_rank(full) == 40
    assert projection.diagonal(full).min() == pytest.approx(1.0, abs=1e-9)
    assert projection.margin(1.0) == 0.0


def test_a_unit_that_no_pattern_uses_has_no_limit():
    assert projection.margins([[1.0, 0.0], [1.0, 0.0]]).tolist() == [0.0, math.inf]


@given(st.floats(0.001, 1.0))
def test_spin_glass_states_never_lie_below_the_patterns(load):
    assert projection.spin_glass_energy(load) >= projection.energy(load)
    deeper = load < projection.spin_glass_load() - 1e-6
    assert (projection.spin_glass_energy(load) > projection.energy(load)) is deeper


def test_the_spin_glass_joins_the_patterns_at_its_load():
    edge = projection.spin_glass_load()
    assert edge == pytest.approx(0.3634, abs=1e-4)
    assert projection.spin_glass_energy(edge) == pytest.approx(projection.energy(edge), abs=1e-12)
    assert projection.spin_glass_energy(1e-9) == pytest.approx(hopfield.spin_glass_energy(1e-9), abs=1e-4)


def test_descents_into_spurious_minima_end_above_the_bound():
    rng = np.random.default_rng(8)
    units, load = 300, 0.1
    patterns = rng.choice([-1.0, 1.0], (round(load * units), units))
    couplings = np.linalg.pinv(patterns) @ patterns
    np.fill_diagonal(couplings, 0.0)
    ends = []
    for _ in range(20):
        state = rng.choice([-1.0, 1.0], units)
        while (state * (couplings @ state) < -1e-9).any():
            for unit in rng.permutation(units):
                if state[unit] * (couplings[unit] @ state) < 0:
                    state[unit] *= -1
        if np.abs(patterns @ state / units).max() < 0.6:
            ends.append(-(state @ couplings @ state) / (2 * units))
    assert len(ends) >= 5
    assert projection.spin_glass_energy(load) < min(ends)
    assert np.mean(ends) < projection.spin_glass_energy(load) + 0.06


def test_stability_is_refused_outside_a_projector():
    with pytest.raises(InputError, match=r"1\.5"):
        projection.stability([0.5, 1.5])
    with pytest.raises(InputError, match="shape"):
        projection.diagonal([1.0, -1.0])
    with pytest.raises(DtypeError, match="numbers"):
        projection.diagonal(torch.ones(2, 2, dtype=torch.complex64))
    with pytest.raises(InputError, match="finite"):
        projection.diagonal([[1.0, math.nan]])
