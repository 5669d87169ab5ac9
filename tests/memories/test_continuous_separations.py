"""Continuous with other separations: exact in one step, wells that end, minima that nobody stored."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import gradcheck

import memscape as ms
from memscape.core.errors import CapabilityError, FileFormatError, InputError
from memscape.mechanisms import (
    Asynchronous,
    Entmax,
    Epanechnikov,
    FixedPoint,
    GradientFlow,
    Power,
    Softmax,
    Sparsemax,
)
from memscape.mechanisms.separation import from_settings, to_settings

seeds = st.integers(0, 2**31)
SEPARATIONS = [Softmax(0.3), Sparsemax(0.3), Entmax(1.5, 0.3), Epanechnikov(0.02)]


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def nearest_pair(X: torch.Tensor) -> float:
    return float(torch.cdist(X, X).fill_diagonal_(torch.inf).min())


@pytest.mark.parametrize("separation", SEPARATIONS, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_separation_keeps_the_laws(separation, dtype):
    X = normal(3, 5, 100).to(dtype)
    sharp = Epanechnikov(0.015) if isinstance(separation, Epanechnikov) else separation.sharpened(0.1)
    made = ms.testing.check_memory(lambda x: ms.memories.Continuous(x, separation=sharp), X)
    assert len(made) > 15


@pytest.mark.parametrize("separation", [Sparsemax(0.7), Entmax(1.5, 0.4), Entmax(3.0, 0.2)], ids=repr)
@given(seed=seeds, count=st.integers(2, 30))
def test_one_step_is_exact_iff_the_best_overlap_leads_by_the_gap(separation, seed, count):
    """A18: the weights are one-hot, and the state is the pattern to the last bit, iff the lead is enough."""
    X, cue = normal(seed, count, 24), normal(seed + 1, 40, 24)
    top = (cue @ X.T).topk(2, dim=1)
    lead = top.values[:, 0] - top.values[:, 1]
    wanted = 1 / ((getattr(separation, "alpha", 2.0) - 1) * separation.beta)
    clear = (lead - wanted).abs() > 1e-9
    state = ms.memories.Continuous(X, separation=separation).recall(cue, max_steps=1).state
    exact = (state == X[top.indices[:, 0]]).all(-1)
    assert torch.equal(exact[clear], (lead >= wanted)[clear])


@given(seed=seeds, count=st.integers(1, 40), units=st.integers(2, 30), shift=st.floats(0, 20))
def test_a_pattern_alone_in_its_ball_is_stationary_to_the_last_bit(seed, count, units, shift):
    X = normal(seed, count, units) + shift
    radius = nearest_pair(X) if count > 1 else 1.0
    memory = ms.memories.Continuous(X, separation=Epanechnikov(beta=2.02 / radius**2))
    result = memory.recall(X)
    assert torch.equal(result.state, X)
    assert (result.steps == 1).all()
    assert memory.field(X).abs().max() <= 1e-9 * X.abs().max()


@given(seed=seeds, count=st.integers(2, 12), units=st.integers(2, 20))
def test_a_cue_that_one_well_alone_reaches_is_recalled_exactly_in_one_step(seed, count, units):
    X = normal(seed, count, units)
    radius = nearest_pair(X) / 2.01
    direction = torch.nn.functional.normalize(normal(seed + 1, count, units), dim=-1)
    memory = ms.memories.Continuous(X, separation=Epanechnikov(beta=2 / radius**2))
    assert torch.equal(memory.recall(X + 0.99 * radius * direction, max_steps=1).state, X)


@given(seed=seeds, count=st.integers(2, 6), units=st.integers(2, 20))
def test_where_all_balls_hold_the_centroid_it_is_a_new_minimum(seed, count, units):
    X = normal(seed, count, units)
    centre = X.mean(0)
    reach = float((X - centre).norm(dim=-1).max()) * 1.05
    memory = ms.memories.Continuous(X, separation=Epanechnikov(beta=2 / reach**2))
    result = memory.recall(centre)
    assert torch.allclose(result.state, centre, atol=1e-12)
    around = centre + 1e-3 * reach * torch.nn.functional.normalize(normal(seed + 1, 20, units), dim=-1)
    assert (memory.energy(around) > memory.energy(centre)).all()


def test_outside_all_wells_the_landscape_is_flat_and_nothing_is_known():
    X = normal(0, 10, 50)
    memory = ms.memories.Continuous(X, separation=Epanechnikov(beta=0.1, floor=1e-4))
    far = 30 * normal(1, 5, 50)
    result = memory.recall(far)
    assert torch.equal(result.state, far)
    assert (result.verdict == ms.Verdict.UNKNOWN).all()
    assert (memory.field(far) == 0).all()
    assert torch.allclose(result.energy, -torch.tensor(1e-4).double().log() / 0.1)


@given(seed=seeds, dynamics=st.sampled_from([FixedPoint(), GradientFlow(0.3)]))
def test_energy_never_rises_where_wells_overlap(seed, dynamics):
    X = normal(seed, 30, 4)
    memory = ms.memories.Continuous(X, separation=Epanechnikov(beta=0.8))
    energy = memory.recall(normal(seed + 1, 10, 4), dynamics=dynamics, trace=True, max_steps=50).trace.energy
    assert (energy.diff(dim=1) <= 1e-9).all()


def test_a_bias_widens_the_ball_of_its_pattern():
    X = torch.tensor([[0.0, 0.0], [10.0, 0.0]], dtype=torch.float64)
    cue = torch.tensor([[0.0, 3.0]], dtype=torch.float64)  # three away, outside the ball of radius 2
    memory = ms.memories.Continuous(X, separation=Epanechnikov(beta=0.5))
    assert torch.equal(memory.recall(cue).state, cue)
    assert torch.equal(memory.reshaped([3.0, 0.0]).recall(cue).state, X[:1])  # sqrt(4 + 6) > 3
    drive = torch.tensor([0.0, 0.1], dtype=torch.float64)
    driven = memory.recall(X[:1], field=drive).state  # the well holds against a weak pull, off its bottom
    assert 0 < float(driven[0, 1]) < 2


@pytest.mark.parametrize("separation", SEPARATIONS, ids=repr)
def test_forward_is_one_recall_step_and_differentiable(separation):
    X, cue = normal(1, 6, 5), 0.3 * normal(2, 3, 5)
    memory = ms.memories.Continuous(X, separation=separation, learnable=True)
    step = memory.recall(cue, max_steps=1).state
    assert torch.allclose(memory(cue), step, atol=1e-12)
    assert gradcheck(memory, (cue.requires_grad_(),), atol=1e-6)
    memory(cue.detach(), steps=2).square().sum().backward()
    assert float(memory.patterns.grad.abs().sum()) > 0
    if not isinstance(separation, Epanechnikov):  # whose map does not depend on beta, almost everywhere
        assert float(memory.beta.grad.abs()) > 0


def test_the_separation_is_kept_in_files_and_shapes(tmp_path):
    memory = ms.memories.Continuous(normal(0, 4, 8), separation=Entmax(1.5, 0.7), bias=[0.1, 0, 0, 0])
    memory.save(tmp_path / "m.safetensors")
    again = ms.load(tmp_path / "m.safetensors")
    assert again.separation == memory.separation == memory.reshaped([0.0] * 4).separation
    assert "Entmax" in repr(again)
    assert from_settings(to_settings(Epanechnikov(0.3, 1e-3))) == Epanechnikov(0.3, 1e-3)
    with pytest.raises(FileFormatError, match="unknown"):
        from_settings({"name": "Gaussian"})


def test_refusals_say_what_to_do():
    X = normal(0, 3, 4)
    with pytest.raises(InputError, match=r"Sparsemax\(beta=...\)"):
        ms.memories.Continuous(X, beta=2.0, separation=Sparsemax())
    with pytest.raises(InputError, match="Dense"):
        ms.memories.Continuous(X, separation=Power(3))
    with pytest.raises(InputError, match="floor"):
        Epanechnikov(floor=0.0)
    with pytest.raises(CapabilityError, match="FixedPoint"):
        ms.memories.Continuous(X, separation=Epanechnikov()).recall(X, dynamics=Asynchronous())
