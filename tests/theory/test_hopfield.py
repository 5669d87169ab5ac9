"""Hebb's rule without noise: the critical state, energies, mixtures."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.theory import hopfield, replica

LOADS = st.floats(1e-4, 0.1379)


def test_the_critical_state_is_that_of_amit_gutfreund_and_sompolinsky():
    assert hopfield.critical_load() == pytest.approx(0.137906, abs=1e-6)
    assert hopfield.critical_overlap() == pytest.approx(0.967417, abs=1e-6)


@pytest.mark.parametrize(
    ("load", "overlap"),
    [(0.05, 0.999992), (0.10, 0.997999), (0.12, 0.993223), (0.13, 0.987212), (0.135, 0.980791)],
)
def test_overlap_of_the_retrieval_state(load, overlap):
    assert hopfield.retrieval_overlap(load) == pytest.approx(overlap, abs=1e-6)


def test_recall_is_lost_at_once_beyond_the_critical_load():
    edge = hopfield.critical_load()
    assert hopfield.retrieval_overlap(edge) == pytest.approx(hopfield.critical_overlap(), abs=1e-6)
    assert hopfield.retrieval_overlap(edge + 1e-9) == 0.0
    with pytest.raises(InputError, match="retrieval state"):
        hopfield.retrieval_energy(edge + 1e-9)


def test_an_empty_memory_is_perfect():
    assert hopfield.retrieval_overlap(0.0) == 1.0
    assert hopfield.retrieval_energy(0.0) == -0.5
    assert hopfield.retrieval_energy(1e-9) == pytest.approx(-0.5, abs=1e-6)


@given(LOADS, LOADS)
def test_more_patterns_are_recalled_less_well(one, other):
    few, many = sorted((one, other))
    assert hopfield.retrieval_overlap(few) >= hopfield.retrieval_overlap(many) - 1e-12
    assert hopfield.spin_glass_energy(few) >= hopfield.spin_glass_energy(many)


@given(LOADS)
def test_the_closed_curve_and_the_replica_equations_agree(load):
    state = replica.retrieval(load, 0.0)
    assert state is not None
    assert hopfield.retrieval_overlap(load) == pytest.approx(state.m, abs=1e-7)
    assert hopfield.retrieval_energy(load) == pytest.approx(replica.free_energy(load, 0.0, state), abs=1e-9)


@given(st.floats(1e-3, 2.0))
def test_spin_glass_energy_is_the_solution_without_overlap(load):
    solved = replica.free_energy(load, 0.0, replica.spin_glass(load, 0.0))
    assert hopfield.spin_glass_energy(load) == pytest.approx(solved, abs=1e-12)


def test_patterns_are_the_deepest_states_up_to_a_twentieth():
    edge = hopfield.global_minimum_load()
    assert edge == pytest.approx(0.0519, abs=1e-4)
    for load, deeper in ((edge - 0.001, True), (edge + 0.001, False)):
        assert (hopfield.retrieval_energy(load) < hopfield.spin_glass_energy(load)) is deeper


@pytest.mark.parametrize(
    ("count", "overlap", "energy"), [(3, 1 / 2, -0.375), (5, 3 / 8, -0.35156), (7, 5 / 16, -0.34180)]
)
def test_mixtures_lie_where_a_sum_of_patterns_points(count, overlap, energy):
    assert hopfield.mixture_overlap(count) == overlap
    assert hopfield.mixture_energy(count) == pytest.approx(energy, abs=1e-5)
    units = 20_000
    patterns = np.random.default_rng(count).choice([-1, 1], (count, units))
    mixture = np.sign(patterns.sum(0))
    measured = patterns @ mixture / units
    assert np.abs(measured - overlap).max() < 3.5 / math.sqrt(units)
    assert -(measured @ measured) / 2 == pytest.approx(energy, abs=3.5 * count * overlap / math.sqrt(units))


def test_larger_mixtures_lie_higher_towards_the_spin_glass():
    energies = [hopfield.mixture_energy(count) for count in range(1, 200, 2)]
    assert energies == sorted(energies)
    assert energies[-1] == pytest.approx(-1 / math.pi, abs=1e-3)


@pytest.mark.parametrize("count", [0, 2, 4])
def test_even_mixtures_are_refused(count):
    with pytest.raises(InputError, match=str(count)):
        hopfield.mixture_overlap(count)
