"""Prescribed correlations, in expectation and exactly, and what no +-1 patterns can have."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape import patterns
from memscape.core.errors import DtypeError, InfeasibleError, InputError
from memscape.patterns import exact
from memscape.patterns.feasible import latent, nearest_feasible

SEEDS = st.integers(0, 2**40)


def equicorrelated(p, rho):
    return torch.full((p, p), rho, dtype=torch.float64).fill_diagonal_(1.0)


def drawable(p, seed):
    """A matrix that the dichotomised normal law can make: a random latent matrix, mapped to signs."""
    factors = torch.randn(p, p + 1, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    factors /= factors.norm(dim=1, keepdim=True)
    return (torch.asin((factors @ factors.T).clamp(-1, 1)) * 2 / torch.pi).fill_diagonal_(1.0)


def test_correlation_is_the_mean_product():
    x = np.array([[1, 1, -1, 1], [1, -1, -1, 1], [-1, -1, 1, -1]])
    assert np.array_equal(patterns.correlation(x).numpy(), (x @ x.T / 4).astype(np.float32))
    assert patterns.correlation(x > 0)[0, 1] == 0.5
    assert patterns.correlation(torch.ones(2, 3, dtype=torch.float64)).dtype == torch.float64
    with pytest.raises(InputError, match=r"\(p, n\)"):
        patterns.correlation([1, -1])


@given(st.integers(1, 8), SEEDS)
def test_correlations_are_the_prescribed_ones_up_to_chance(p, seed):
    n = 10_000
    c = drawable(p, seed)
    x = patterns.correlated(c, size=n, generator=seed)
    assert bool((x.abs() == 1).all())
    assert float((patterns.correlation(x) - c).abs().max()) < 6 / n**0.5


def test_every_kind_of_correlation_within_five_deviations():
    n = 400_000
    for rho in (-0.3, 0.2, 0.5, 0.8):
        c = equicorrelated(2, rho)
        measured = patterns.correlation(patterns.correlated(c, size=n, generator=3))
        assert float((measured - c).abs().max()) < 5 * (1 - rho**2) ** 0.5 / n**0.5


def test_units_have_mean_zero_and_do_not_know_each_other():
    x = patterns.correlated(equicorrelated(3, 0.5), size=100_000, generator=1)
    assert float(x.mean(1).abs().max()) < 5 / 100_000**0.5
    assert abs(float((x[0, 1:] * x[0, :-1]).mean())) < 5 / 100_000**0.5


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_full_correlation_is_equality(sign):
    x = patterns.correlated([[1, sign], [sign, 1]], size=10_000, generator=0)
    assert float((x[0] != sign * x[1]).float().mean()) < 1e-3


INFEASIBLE = {
    "not symmetric": ([[1, 0.2], [0.3, 1]], r"not symmetric.*C\[0,1\]"),
    "diagonal": ([[1, 0.2], [0.2, 0.9]], r"diagonal is not 1.*C\[1,1\]"),
    "beyond one": ([[1, 1.2], [1.2, 1]], r"C\[0,1\] = 1.2"),
    "three that all disagree": (equicorrelated(3, -0.5), "patterns 0, 1 and 2 break the triangle"),
    "a friend's enemy": ([[1, 0.9, -0.2], [0.9, 1, 0.9], [-0.2, 0.9, 1]], "patterns 0, 1 and 2 break"),
    "latent": (equicorrelated(5, -0.22), "eigenvalue"),
}


@pytest.mark.parametrize(("matrix", "reason"), INFEASIBLE.values(), ids=INFEASIBLE.keys())
def test_infeasible_correlations_are_named_and_the_nearest_is_offered(matrix, reason):
    with pytest.raises(InfeasibleError, match=reason) as caught:
        patterns.correlated(matrix, size=100)
    assert "largest change" in str(caught.value)
    nearest = caught.value.nearest
    assert nearest.dtype == torch.float64
    x = patterns.correlated(nearest, size=40_000, generator=0)
    assert float((patterns.correlation(x) - nearest).abs().max()) < 5 / 40_000**0.5


def test_the_triple_that_is_named_is_the_one_that_breaks_the_inequality():
    c = torch.eye(6, dtype=torch.float64)
    for i, j, value in ((1, 3, 0.9), (3, 5, 0.9), (1, 5, -0.9)):
        c[i, j] = c[j, i] = value
    with pytest.raises(InfeasibleError, match=r"patterns 1, 3 and 5 .* left side is -1\.7"):
        patterns.correlated(c, size=100)


@given(st.integers(2, 7), SEEDS)
def test_the_nearest_of_a_feasible_matrix_is_itself(p, seed):
    c = drawable(p, seed)
    assert float((nearest_feasible(c) - c).abs().max()) < 1e-6


@given(st.integers(2, 7), SEEDS)
def test_the_nearest_is_feasible_and_no_random_feasible_matrix_is_nearer(p, seed):
    wild = torch.rand(p, p, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1
    wild = torch.triu(wild, 1)
    wild = wild + wild.T + torch.eye(p)
    near = nearest_feasible(wild)
    assert torch.equal(near, near.T)
    assert bool((near.diagonal() == 1).all())
    assert float(torch.linalg.eigvalsh(latent(near))[0]) > -1e-7
    distance = float((latent(near) - latent(wild)).norm())
    for other in range(20):
        candidate = latent(drawable(p, seed + other))
        mixed = 0.9 * latent(near) + 0.1 * candidate  # the set is convex
        assert float((mixed - latent(wild)).norm()) > distance - 1e-6


def test_float32_rounding_is_forgiven():
    c = drawable(6, 4).to(torch.float32)
    c[0, 1] += 1e-7
    assert patterns.correlated(c, size=10, generator=0).shape == (6, 10)


@pytest.mark.parametrize("matrix", [[[1.0, 0.0]], [1.0], [[1.0, float("nan")], [0.0, 1.0]]])
def test_what_is_no_matrix_is_refused(matrix):
    for draw in (
        lambda: patterns.correlated(matrix, size=10),
        lambda: patterns.exactly_correlated(matrix, 10),
    ):
        with pytest.raises(InputError):
            draw()
    with pytest.raises(DtypeError):
        patterns.correlated([["a"]], size=10)


@settings(max_examples=15)
@given(st.integers(1, 6), st.integers(1, 200), SEEDS)
def test_correlations_of_any_patterns_can_be_had_again_exactly(p, n, seed):
    c = patterns.correlation(patterns.independent(p, n, generator=seed).double())
    x = patterns.exactly_correlated(c, n, generator=seed + 1)
    assert bool((x.abs() == 1).all())
    assert torch.equal(patterns.correlation(x.double()), c)


def test_twelve_patterns_are_made_exact():
    c = patterns.correlation(patterns.family(12, 400, overlap=0.2, generator=1).double())
    x = patterns.exactly_correlated(c, 400, generator=2)
    assert torch.equal(patterns.correlation(x.double()), c)


def test_a_seed_is_a_set_of_exact_patterns():
    c = equicorrelated(4, 0.2)
    first, again, other = (patterns.exactly_correlated(c, 200, generator=seed) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_what_a_normal_law_cannot_make_can_still_be_made_exactly():
    c = equicorrelated(5, -0.2)
    with pytest.raises(InfeasibleError, match="exactly_correlated"):
        patterns.correlated(c, size=100)
    x = patterns.exactly_correlated(c, 100, generator=0)
    assert torch.equal(patterns.correlation(x.double()), c)


def test_exact_units_are_signs_of_mean_zero():
    x = patterns.exactly_correlated(equicorrelated(3, 0.2), 10_000, generator=4)
    assert float(x.mean(1).abs().max()) < 5 / 10_000**0.5


UNCOUNTABLE = {
    "pair": (equicorrelated(2, 0.5), 10, "differ in 2.5 of 10"),
    "triple": (torch.eye(3), 10, "agree in 2.5 of 10"),
    "triangle": (equicorrelated(3, -0.5), 16, "triangle"),
    "five that disagree": (equicorrelated(5, -0.22), 100, "cut polytope"),
    "diagonal": ([[1, 0], [0, 2]], 10, "diagonal"),
}


@pytest.mark.parametrize(("matrix", "size", "reason"), UNCOUNTABLE.values(), ids=UNCOUNTABLE.keys())
def test_exact_correlations_that_no_units_have(matrix, size, reason):
    with pytest.raises(InfeasibleError, match=reason) as caught:
        patterns.exactly_correlated(matrix, size, generator=0)
    nearest = caught.value.nearest
    x = patterns.exactly_correlated(nearest, size, generator=1)
    assert torch.equal(patterns.correlation(x.double()), nearest)


def test_a_search_that_fails_says_so(monkeypatch):
    monkeypatch.setattr(exact, "ATTEMPTS", (1, 1))
    c = patterns.correlation(patterns.independent(8, 101, generator=0).double())
    with pytest.raises(InfeasibleError, match="were found in 2 inversions") as caught:
        patterns.exactly_correlated(c, 101, generator=3)
    assert caught.value.nearest.shape == (8, 8)


def test_at_most_twelve_are_made_exact():
    with pytest.raises(InputError, match="at most 12"):
        patterns.exactly_correlated(torch.eye(13), 64)
