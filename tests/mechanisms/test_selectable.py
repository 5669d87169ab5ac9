"""Bases and edges that choose among them: what is dropped is what the rest can replace."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BSpline

from memscape.core.errors import InputError
from memscape.mechanisms.bases import FAMILIES, basis
from memscape.mechanisms.learnt_separation import LearntSeparation
from memscape.mechanisms.selectable import SelectableEdges, SelectableNetwork
from memscape.mechanisms.separation import from_settings, to_settings

seeds = st.integers(0, 2**31)
GRID = torch.linspace(-1, 0.999, 41, dtype=torch.float64)


@given(size=st.integers(4, 12))
def test_splines_are_those_of_scipy_and_sum_to_one(size):
    step = 2 / (size - 3)
    knots = [-1 + step * i for i in range(-3, size + 1)]
    theirs = BSpline.design_matrix(GRID.numpy(), knots, 3).toarray()
    torch.testing.assert_close(basis("spline", GRID, size), torch.from_numpy(theirs))
    torch.testing.assert_close(basis("spline", GRID, size).sum(-1), torch.ones(41).double())


@given(size=st.integers(4, 12))
def test_chebyshev_is_the_cosine_of_multiples(size):
    direct = torch.cos(torch.arange(size) * GRID.acos()[:, None])
    torch.testing.assert_close(basis("chebyshev", GRID, size), direct)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("size", [4, 7, 12])
def test_the_functions_of_a_family_are_independent_and_hold_the_constant_nearly(family, size):
    values = basis(family, torch.linspace(-1, 1, 200, dtype=torch.float64), size)
    assert values.shape == (200, size)
    assert torch.linalg.matrix_rank(values) == size
    one = torch.ones(200, dtype=torch.float64)
    assert (values @ torch.linalg.lstsq(values, one[:, None]).solution[:, 0] - one).abs().max() < 0.1


@given(seed=seeds, n=st.integers(1, 3), m=st.integers(1, 3))
def test_an_output_is_the_sum_of_its_edges_over_families(seed, n, m):
    edges = SelectableEdges(n, m, size=5, generator=seed)
    x = 2 * torch.rand(4, n, generator=torch.Generator().manual_seed(seed)) - 1
    torch.testing.assert_close(edges(x), edges.shares(x).sum((-1, -2)))


@given(seed=seeds)
def test_a_family_that_the_others_replace_goes_first(seed):
    """An edge whose function is a cubic has no regret for Fourier's family, whatever its coefficients are."""
    edges = SelectableEdges(1, 1, families=("fourier", "chebyshev"), size=6, generator=seed).double()
    x = torch.linspace(-1, 1, 60, dtype=torch.float64)[:, None]
    edges.coefficients.data[0, 0, 0] = 0
    before = edges(x)
    regrets = edges.regrets(x)[0, 0]
    assert regrets[0] < 1e-9 < regrets[1]
    edges.drop(x)
    assert edges.chosen == [["chebyshev"]]
    torch.testing.assert_close(edges(x), before, atol=1e-3, rtol=0)
    edges.drop(x)  # the last family stays
    assert edges.chosen == [["chebyshev"]]


def test_dropping_ends_with_one_family_on_each_edge():
    network = SelectableNetwork((2, 3, 1), size=4, generator=0)
    x = 2 * torch.rand(50, 2, generator=torch.Generator().manual_seed(0)) - 1
    left = []
    for _ in range(5):
        left.append((network.families_left, network.parameters_left))
        network.drop(x)
    assert left == [(k, 9 * 4 * k) for k in (5, 4, 3, 2, 1)]
    assert all(name in FAMILIES for layer in network.chosen for row in layer for name in row)


@pytest.mark.parametrize("family", FAMILIES)
@given(seed=seeds)
def test_the_weights_of_a_learnt_separation_are_its_slope(family, seed):
    drawn = torch.Generator().manual_seed(seed)
    c = torch.randn(6, generator=drawn)
    learnt = LearntSeparation(family, tuple(c.tolist()), 20)
    o = 15 * (2 * torch.rand(7, generator=drawn, dtype=torch.float64) - 1)
    slope = (learnt.value(o + 1e-5) - learnt.value(o - 1e-5)) / 2e-5
    torch.testing.assert_close(learnt.weights(o), slope, atol=1e-5, rtol=1e-4)
    back = from_settings(to_settings(learnt))
    assert back == learnt


def test_a_learnt_separation_is_flat_beyond_what_was_learnt():
    learnt = LearntSeparation("chebyshev", (0.0, 1.0, 0.0, 0.0), 10, low=-4, high=6)
    assert learnt.value(torch.tensor([-10.0, -4.0, 6.0, 9.0])).tolist() == pytest.approx(
        [-0.4, -0.4, 0.6, 0.6]
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda: basis("sine", torch.zeros(1), 5),
        lambda: basis("spline", torch.zeros(1), 3),
        lambda: SelectableEdges(0, 1),
        lambda: SelectableEdges(1, 1, families=()),
        lambda: SelectableEdges(1, 1, families=("sine",)),
        lambda: SelectableEdges(2, 1)(torch.zeros(1, 3)),
        lambda: SelectableNetwork((3,)),
        lambda: LearntSeparation("spline", (0.0, math.nan, 0.0, 0.0), 5),
        lambda: LearntSeparation("spline", (0.0, 1.0), 5),
        lambda: LearntSeparation("spline", (0.0, 1.0, 0.0, 0.0), 5, low=3, high=3),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()
