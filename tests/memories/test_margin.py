"""Maximal margins: the constraints hold, the duals certify the optimum, the budget is Gardner's."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapacityWarning, InputError
from memscape.kernels.adatron import adatron_sweep, naive_adatron_sweep
from memscape.mechanisms.margins import STEP, adatron


@given(st.integers(1, 5), st.integers(4, 12), st.integers(0, 2**20))
def test_the_kernel_makes_the_sweep_of_the_literature(count: int, units: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    X = rng.choice([-1.0, 0.0, 1.0], (count, units), p=[0.45, 0.1, 0.45])
    c = rng.uniform(0.2, 2.0, count)
    fast, slow = np.zeros((count, units)), np.zeros((count, units))
    J, K = np.zeros((units, units)), np.zeros((units, units))
    for _ in range(3):
        adatron_sweep(X, c, STEP, fast, J)
        naive_adatron_sweep(X, c, STEP, slow, K)
    assert np.allclose(fast, slow, atol=1e-10)


def test_margins_are_met_and_the_duals_certify_the_optimum() -> None:
    X = ms.patterns.independent(8, 80, generator=0)
    c = torch.linspace(0.5, 2.0, 8, dtype=torch.float64)
    found = adatron(X, c, tolerance=1e-6, max_sweeps=20000)
    assert found.converged
    assert bool((found.achieved >= c - 3e-6).all())
    assert bool((found.duals >= 0).all())
    # complementary slackness: a unit with more than its margin has no dual
    slack = X.double() * (X.double() @ found.couplings) - c[:, None]
    assert float((slack.clamp_min(0) * found.duals).max()) < 1e-3
    assert torch.equal(found.couplings, found.couplings.T)
    assert not bool(found.couplings.diagonal().any())


def test_wider_margins_make_larger_stabilities_within_the_budget() -> None:
    X = ms.patterns.independent(10, 200, generator=0)
    memory = ms.memories.MaxMargin(X, margins=torch.linspace(0.5, 2.0, 10))
    kappa = memory.stabilities.mean(1)
    assert bool((kappa.diff() > 0).all())
    assert abs(float(ms.theory.gardner.budget(kappa)) / 200 - 1) < 0.08


def test_it_beats_the_projection_rule_in_its_least_stability() -> None:
    X = ms.patterns.independent(60, 120, generator=0)
    J = ms.memories.Projection(X).weights
    projection = (X.double() * (X.double() @ J) / J.norm(dim=1)).min()
    assert float(ms.memories.MaxMargin(X).stabilities.min()) > float(projection)


def test_a_warm_start_ends_where_a_cold_one_does() -> None:
    X = ms.patterns.independent(6, 60, generator=0)
    c = torch.linspace(0.7, 1.5, 6)
    first = ms.memories.MaxMargin(X).fit(tolerance=1e-6, max_sweeps=20000)
    warm = first.reshaped(c).fit(tolerance=1e-7, max_sweeps=40000)
    cold = ms.memories.MaxMargin(X, margins=c).fit(tolerance=1e-7, max_sweeps=40000)
    assert float((warm.weights - cold.weights).abs().max()) < 1e-3


def test_margins_that_cannot_be_met_are_named() -> None:
    X = ms.patterns.independent(60, 30, generator=0)
    memory = ms.memories.MaxMargin(X)
    with pytest.warns(CapacityWarning, match="margins not met"):
        memory.fit(max_sweeps=50)
    with pytest.raises(InputError, match="above 0"):
        ms.memories.MaxMargin(X[:3], margins=[1.0, 0.0, 1.0])
    with pytest.raises(InputError, match="3 units"):
        ms.memories.MaxMargin(X[:3], margins=[1.0, 2.0])


def test_a_file_brings_the_couplings_along(tmp_path: object) -> None:
    X = ms.patterns.independent(5, 60, generator=0)
    memory = ms.memories.MaxMargin(X, margins=torch.linspace(0.5, 1.5, 5)).fit()
    path = f"{tmp_path}/memory.safetensors"
    memory.save(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = ms.load(path)
    assert torch.equal(again.weights, memory.weights)
    assert torch.equal(again.strengths, memory.strengths)


def test_every_quadratic_memory_can_be_made_shapeable() -> None:
    X = ms.patterns.independent(4, 60, generator=0)
    shaped = ms.memories.Hebbian(X, threshold=0.8).shapeable()
    assert isinstance(shaped, ms.memories.MaxMargin)
    assert torch.equal(shaped.patterns, X.to(torch.int8))
    assert shaped.reading["threshold"] == 0.8
