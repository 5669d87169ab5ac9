"""Dreaming goes from Hebb's rule to the projection rule."""

import warnings

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import InputError


def _memory(X: torch.Tensor, time: float) -> ms.memories.Dreaming:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ms.memories.Dreaming(X, time=time)


@given(st.integers(1, 12), st.integers(13, 40), st.integers(0, 2**20))
def test_without_sleep_it_is_hebbs_rule(count: int, units: int, seed: int) -> None:
    X = ms.patterns.independent(count, units, generator=seed)
    assert torch.equal(_memory(X, 0.0).weights, ms.memories.Hebbian(X, damage=0.2).weights)


@given(st.integers(2, 10), st.integers(20, 40), st.floats(0.01, 50), st.integers(0, 2**20))
def test_the_closed_form_is_the_published_one(count: int, units: int, time: float, seed: int) -> None:
    X = ms.patterns.independent(count, units, generator=seed)
    C = X.double() @ X.double().T / units
    inner = torch.linalg.inv(torch.eye(count, dtype=torch.float64) + time * C)
    J = (X.double().T @ ((1 + time) * inner) @ X.double() / units).fill_diagonal_(0)
    assert torch.allclose(_memory(X, time).weights, J, atol=1e-10)


def test_the_distance_to_the_projection_rule_falls_as_one_over_time() -> None:
    X = ms.patterns.independent(60, 200, generator=1)
    P = ms.memories.Projection(X).weights
    distance = [float((_memory(X, t).weights - P).norm() / P.norm()) for t in (100.0, 1000.0)]
    assert 0.008 < distance[0] < 0.016
    assert abs(distance[0] / distance[1] - 10) < 1.0


def test_sleep_rescues_patterns_that_hebbs_rule_has_lost() -> None:
    X = ms.patterns.independent(60, 200, generator=1)
    kept = [float(_memory(X, t).recall(X, generator=0).exact.double().mean()) for t in (0.0, 1.0, 5.0)]
    assert kept[0] < 0.1
    assert 0.7 < kept[1] < 1.0
    assert kept[2] == 1.0


def test_a_negative_time_is_refused() -> None:
    with pytest.raises(InputError, match="time"):
        ms.memories.Dreaming(units=10, time=-1.0)
