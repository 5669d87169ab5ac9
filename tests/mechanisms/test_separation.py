"""Separations: their weights are the gradient of their total, and sit on the simplex."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

from memscape.core.errors import FileFormatError, InputError
from memscape.mechanisms import Entmax, Exponential, Power, RectifiedPower, Softmax, Sparsemax
from memscape.mechanisms.separation import from_settings, to_settings
from memscape.theory.dense import exact_gap

seeds = st.integers(0, 2**31)
MAXIMA = [
    Softmax(0.7),
    Sparsemax(1.3),
    Entmax(1.5, 0.9),
    Entmax(2.0, 1.1),
    Entmax(1.2, 2.0),
    Entmax(3.0, 0.8),
]
SUMS = [Power(2), Power(3), RectifiedPower(2), RectifiedPower(4)]


def overlaps(seed: int, *shape: int, scale: float = 2.0) -> torch.Tensor:
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("separation", [*MAXIMA, *SUMS], ids=repr)
@given(seed=seeds, count=st.integers(1, 9))
def test_weights_are_the_gradient_of_the_total(separation, seed, count):
    o = overlaps(seed, 3, count).requires_grad_()
    (slope,) = torch.autograd.grad(separation.total(o).sum(), o)
    assert torch.allclose(separation.weights(o.detach()), slope, atol=1e-8)


@pytest.mark.parametrize("separation", MAXIMA, ids=repr)
@given(seed=seeds, count=st.integers(1, 12), scale=st.sampled_from([0.01, 1.0, 30.0]))
def test_the_weights_of_a_maximum_are_a_distribution(separation, seed, count, scale):
    o = overlaps(seed, 4, count, scale=scale)
    w = separation.weights(o)
    assert (w >= 0).all()
    assert torch.allclose(w.sum(-1), torch.ones(4).double(), atol=1e-10)
    assert torch.equal(w.argmax(-1), o.argmax(-1))
    assert (w.gather(1, o.argsort(1)).diff(dim=1) >= -1e-12).all()  # more overlap never weighs less
    assert torch.allclose(separation.weights(o + 5.0), w, atol=1e-7)  # a common shift changes nothing


@pytest.mark.parametrize("separation", MAXIMA, ids=repr)
@given(seed=seeds, count=st.integers(1, 12))
def test_a_maximum_lies_above_the_largest_overlap_by_less_than_its_constant(separation, seed, count):
    """max o <= total - Omega* at the vertices <= max o + (largest entropy) / beta; a shift passes through."""
    o = overlaps(seed, 4, count)
    total = separation.total(o)
    assert (total >= o.amax(-1) - 1e-9).all()
    assert (total <= o.amax(-1) + torch.tensor(float(count)).log() / separation.beta + 1e-9).all()
    assert torch.allclose(separation.total(o + 3.0), total + 3.0, atol=1e-9)


@pytest.mark.parametrize("separation", MAXIMA, ids=repr)
def test_weights_and_totals_have_exact_derivatives(separation):
    o = overlaps(1, 3, 5).requires_grad_()
    assert gradcheck(separation.weights, (o,))
    assert gradcheck(separation.total, (o,))


@pytest.mark.parametrize("make", [Softmax, Sparsemax, lambda beta: Entmax(1.5, beta)])
def test_beta_has_exact_derivatives(make):
    o, beta = overlaps(2, 3, 5), torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda b: make(b).weights(o), (beta,))
    assert gradcheck(lambda b: make(b).total(o), (beta,))


@pytest.mark.parametrize("separation", [Sparsemax(0.5), Entmax(1.5, 2.0), Entmax(3.0, 1.0)], ids=repr)
@given(seed=seeds, count=st.integers(2, 10), distance=st.floats(-0.5, 0.5))
def test_weights_are_exactly_one_hot_where_the_best_leads_by_the_gap(separation, seed, count, distance):
    """One-hot iff the lead is at least 1 / ((alpha - 1) beta), on both sides of the edge."""
    alpha = getattr(separation, "alpha", 2.0)
    gap = exact_gap(alpha) / separation.beta
    o = overlaps(seed, 20, count)
    index = o.argmax(-1, keepdim=True)
    second = o.scatter(1, index, -torch.inf).amax(-1, keepdim=True)
    lead = gap * (1 + distance)
    o = o.scatter(1, index, second + lead)
    one_hot = ((separation.weights(o) > 0).sum(-1) == 1) & (separation.weights(o).amax(-1) == 1)
    if distance > 1e-6:
        assert one_hot.all()
    elif distance < -1e-6:
        assert not one_hot.any()


def test_single_precision_is_one_hot_too():
    """2,739 random leads above the gap, none below: as in double precision."""
    o = overlaps(3, 5000, 6, scale=1.0).float()
    top = o.topk(2, dim=1).values
    lead = top[:, 0] - top[:, 1]
    w = Sparsemax(1.0).weights(o)
    one_hot = (w > 0).sum(-1) == 1
    clear = (lead - 1).abs() > 1e-5
    assert (lead[clear] > 1).sum() > 500
    assert torch.equal(one_hot[clear], (lead > 1)[clear])
    assert (w[one_hot].amax(-1) == 1).all()


def test_sparsemax_is_the_projection_on_the_simplex():
    """The nearest point of the simplex: no other distribution is closer (Martins and Astudillo 2016)."""
    o = overlaps(4, 50, 5)
    w = Sparsemax(1.0).weights(o)
    generator = torch.Generator().manual_seed(5)
    for _ in range(50):
        rival = torch.rand(50, 5, generator=generator).double().clamp_min(1e-9).log().neg()
        rival = rival / rival.sum(-1, keepdim=True)
        assert ((w - o).norm(dim=-1) <= (rival - o).norm(dim=-1) + 1e-12).all()


def test_entmax_ends_in_its_two_neighbours():
    o = overlaps(6, 20, 7)
    assert torch.allclose(Entmax(2.0, 1.4).weights(o), Sparsemax(1.4).weights(o), atol=1e-12)
    assert torch.allclose(Entmax(1.0001, 1.4).weights(o), Softmax(1.4).weights(o), atol=1e-3)


@pytest.mark.parametrize("separation", [*MAXIMA, *SUMS], ids=repr)
def test_settings_describe_a_separation_completely(separation):
    assert from_settings(to_settings(separation)) == separation


def test_an_unknown_separation_in_a_file_is_refused():
    with pytest.raises(FileFormatError, match="Exploit"):
        from_settings({"name": "Exploit"})


@pytest.mark.parametrize(
    "make",
    [
        lambda: Power(1),
        lambda: Power(True),
        lambda: RectifiedPower(0),
        lambda: Softmax(0.0),
        lambda: Softmax(-1.0),
        lambda: Softmax(float("nan")),
        lambda: Sparsemax(float("inf")),
        lambda: Entmax(alpha=1.0),
        lambda: Entmax(alpha=9.0),
        lambda: Entmax(beta=-2.0),
    ],
)
def test_parameters_out_of_range_are_refused(make):
    with pytest.raises(InputError):
        make()


def test_exponential_is_softmax_in_log_form():
    assert Exponential is Softmax


@pytest.mark.parametrize("degree", [2, 3, 4])
def test_tables_hold_every_overlap(degree):
    assert torch.equal(Power(degree).table(3), torch.arange(-3, 4).double() ** degree)
    assert torch.equal(RectifiedPower(degree).table(3), torch.arange(-3, 4).clamp_min(0).double() ** degree)
