"""Storkey's rule: what each pattern writes, and how many it holds."""

import warnings

import pytest
import torch

import memscape as ms
from memscape.mechanisms.writing import storkey


def _stable(memory: ms.memories.PatternMemory, X: torch.Tensor) -> float:
    return float(((memory.field(X) * X) >= 0).all(-1).double().mean())


def test_one_write_is_the_rule_as_published() -> None:
    generator = torch.Generator().manual_seed(0)
    n = 7
    J = torch.randn(n, n, generator=generator, dtype=torch.float64)
    J = ((J + J.T) / 2).fill_diagonal_(0)
    xi = torch.randint(2, (n,), generator=generator).double() * 2 - 1
    expected = J.clone()
    for i in range(n):
        for j in range(n):
            if i == j:
                continue
            h_ij = sum(J[i, k] * xi[k] for k in range(n) if k not in (i, j))
            h_ji = sum(J[j, k] * xi[k] for k in range(n) if k not in (i, j))
            expected[i, j] += (xi[i] * xi[j] - xi[i] * h_ji - h_ij * xi[j]) / n
    assert torch.allclose(storkey(J, xi), expected, atol=1e-14)


@pytest.mark.parametrize(("count", "least", "most"), [(50, 0.97, 1.0), (80, 0.75, 0.95)])
def test_it_holds_what_hebbs_rule_has_lost(count: int, least: float, most: float) -> None:
    kept, lost = [], []
    for seed in range(8):
        X = ms.patterns.independent(count, 200, generator=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kept.append(_stable(ms.memories.Storkey(X), X))
            lost.append(_stable(ms.memories.Hebbian(X), X))
    assert least <= sum(kept) / 8 <= most
    assert sum(lost) / 8 < 0.1


def test_the_order_of_storing_matters_and_forgetting_stores_the_rest_anew() -> None:
    X = ms.patterns.independent(6, 50, generator=0)
    forward, backward = ms.memories.Storkey(X), ms.memories.Storkey(X.flip(0))
    assert not torch.equal(forward.weights, backward.weights)
    assert torch.equal(forward.forget([1, 4]).weights, ms.memories.Storkey(X[[0, 2, 3, 5]]).weights)
