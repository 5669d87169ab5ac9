"""Tokens that are not of size 1: sharp weights, strong decays and large steps stay finite, or are refused."""

import pytest
import torch

from memscape.core.errors import DivergedError
from memscape.sequence import MemoryLayer
from memscape.sequence.parts import STEEPEST, LocalLinearRead, LqNorm
from memscape.sequence.window import _solved, attend

HIDDEN = 16


def run(name, size, dtype=torch.float64, **options):
    """Outputs and the gradient of their mean square with respect to tokens of a size."""
    layer = MemoryLayer(HIDDEN, 2, name, generator=0).to(dtype)
    source = torch.Generator().manual_seed(1)
    x = (size * torch.randn(1, 70, HIDDEN, generator=source)).to(dtype).requires_grad_()
    y = layer(x, **options)[0]
    return y.detach(), torch.autograd.grad(y.square().mean(), x)[0]


def apart(one, other):
    return float((one - other).abs().max() / one.abs().max())


@pytest.mark.parametrize(
    ("name", "size"),
    [(name, size) for name in ("lla", "moneta") for size in (1e-3, 1.0, 10.0, 100.0)]
    + [("lla", 1e3), ("lla", 1e6)],  # moneta's gradient through its own learning is chaotic there
)
def test_large_and_small_tokens_have_finite_outputs_and_gradients(name, size):
    y, slope = run(name, size, torch.float32)
    assert bool(torch.isfinite(y).all())
    assert bool(torch.isfinite(slope).all())
    assert float(slope.abs().max()) > 0


@pytest.mark.parametrize(("name", "limit"), [("lla", 1e-4), ("moneta", 1e-8)])
@pytest.mark.parametrize("size", [1.0, 10.0, 100.0])
def test_the_ways_agree_for_large_tokens(name, limit, size):
    by_chunk = run(name, size)
    for options in ({"path": "step"}, {"path": "scan"}, {"chunk_size": 16}):
        for one, other in zip(by_chunk, run(name, size, **options), strict=True):
            assert apart(one, other) < limit


@pytest.mark.parametrize("size", [1.0, 10.0, 100.0])
def test_a_local_regression_in_float32_is_that_in_float64(size):
    assert apart(run("lla", size)[0], run("lla", size, torch.float32)[0].double()) < 1e-4


def test_a_local_regression_with_sharp_weights_reads_the_nearest_key():
    keys = torch.nn.functional.normalize(torch.randn(9, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    values = torch.randn(9, 3, generator=torch.Generator().manual_seed(1))
    read = attend(LocalLinearRead(beta=1e5), keys, keys, values, torch.ones(9, 9, dtype=torch.bool))
    assert apart(values, read) < 1e-6


def test_a_direction_below_rounding_keeps_no_slope_and_one_above_keeps_all():
    """A direction of variance l keeps 1 - (f / (l + f))^2 of its slope, f half of the digits of the keys."""
    variances = torch.tensor([1.0, 1e-4, 1e-8, 1e-12, 0.0], dtype=torch.float64)
    one, none = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    least = torch.finfo(torch.float64).eps ** 0.5
    slope = _solved(torch.diag(variances), none, one, torch.ones(5, dtype=torch.float64))
    kept = 1 - (least / (variances + least)).square()
    assert torch.allclose(slope * variances, kept, rtol=1e-9, atol=1e-12)
    assert abs(float(kept[0]) - 1) < 1e-15
    plain = _solved(torch.diag(variances), one, one, torch.ones(5, dtype=torch.float64))
    assert torch.allclose(plain, 1 / (variances + 1), rtol=1e-14)  # a ridge that is enough is not raised


@pytest.mark.parametrize("q", [2.0, 2.01, 2.05, 2.5, 3.0, 4.0, 8.0])
def test_the_norm_map_is_the_papers_until_its_factor_is_a_thousand(q):
    start = torch.randn(5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    start = start / start.abs().pow(q).sum().pow(1 / q)
    for size in (1e12, 1e3, 1.0, 0.5, 1e-2, 1e-30):
        accumulated = (size * start).requires_grad_()
        made = LqNorm(q).weights(accumulated)
        factor = min(size ** (2 - q), STEEPEST) if q > 2 else 1.0
        assert torch.allclose(made, accumulated * factor, rtol=1e-9, atol=0)
        assert bool(torch.isfinite(torch.autograd.grad(made.sum(), accumulated)[0]).all())
    empty = torch.zeros(5, 6, requires_grad=True)
    made = LqNorm(q).weights(empty)
    assert not made.any()
    assert bool(torch.isfinite(torch.autograd.grad(made.sum(), empty)[0]).all())


def test_a_memory_that_learns_itself_up_to_infinity_is_refused():
    assert bool(torch.isfinite(run("titans", 1.0, torch.float32)[0]).all())
    with pytest.raises(DivergedError, match=r"tokens are up to \d.*a normalisation before the layer"):
        run("titans", 100.0, torch.float32)
