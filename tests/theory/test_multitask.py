"""Diluted patterns: the hierarchical state and where it is lost, against the dynamics."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.theory import multitask


def diluted(rng, count, units, dilution):
    return np.where(rng.random((count, units)) < dilution, 0.0, rng.choice([-1.0, 1.0], (count, units)))


def settle(patterns, steps=30):
    """Parallel descent from the hierarchical state; units without a field keep their value."""
    units = patterns.shape[1]
    state = np.zeros(units)
    for pattern in patterns:
        state = np.where(state == 0, pattern, state)
    state[state == 0] = 1.0
    start = patterns @ state / units
    for _ in range(steps):
        field = patterns.T @ (patterns @ state / units)
        state = np.where(field == 0, state, np.sign(field))
    return start, patterns @ state / units


@pytest.mark.parametrize(("count", "dilution"), [(3, 0.1), (3, 0.3), (3, 0.5), (4, 0.3), (5, 0.4)])
def test_the_hierarchical_state_has_these_amplitudes_and_stays(count, dilution):
    patterns = diluted(np.random.default_rng(count), count, 10_000, dilution)
    start, end = settle(patterns)
    theory = multitask.amplitudes(count, dilution).numpy()
    assert multitask.hierarchical_regime(count, dilution)
    assert np.abs(start - theory).max() < 0.02
    assert np.abs(end - theory).max() < 0.02


@pytest.mark.parametrize("count", [3, 5])
def test_beyond_the_critical_dilution_the_hierarchy_is_lost(count):
    dilution = multitask.critical_dilution(count)
    rng = np.random.default_rng(2)
    for shift, stays in ((-0.05, True), (0.05, False)):
        start, end = settle(diluted(rng, count, 100_000, dilution + shift))
        assert multitask.hierarchical_regime(count, dilution + shift) is stays
        assert bool(abs(end[0] - start[0]) < 0.01) is stays


@pytest.mark.parametrize(
    ("count", "dilution"), [(2, 1.0), (3, 0.6180), (4, 0.5437), (5, 0.5188), (50, 0.5), (5000, 0.5)]
)
def test_critical_dilutions(count, dilution):
    assert multitask.critical_dilution(count) == pytest.approx(dilution, abs=5e-5)


@given(st.integers(1, 30), st.floats(0.0, 0.99))
def test_amplitudes_share_the_units_that_have_an_opinion(count, dilution):
    amplitudes = multitask.amplitudes(count, dilution)
    assert amplitudes.dtype == torch.float64
    assert amplitudes.sum().item() == pytest.approx(1 - dilution**count, abs=1e-12)
    assert (amplitudes[1:] <= amplitudes[:-1]).all()
    strongest_wins = amplitudes[0] > amplitudes[1:].sum() + 1e-9
    if abs(float(amplitudes[0] - amplitudes[1:].sum())) > 1e-9:
        assert multitask.hierarchical_regime(count, dilution) is bool(strongest_wins)


def test_dataset_entropy_is_the_noise_of_a_mean_of_examples():
    rng = np.random.default_rng(9)
    examples, quality, units = 20, 0.4, 40_000
    agrees = rng.random((examples, units)) < (1 + quality) / 2
    mean = np.where(agrees, 1.0, -1.0).mean(0)
    measured = mean.var() / quality**2
    theory = multitask.dataset_entropy(examples, quality)
    assert measured == pytest.approx(theory, rel=3 * np.sqrt(2 / units))
    assert multitask.dataset_entropy(examples, 1.0) == 0.0
