"""The modern Hopfield network: one step is attention, its energy falls, its gradients are exact."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd import gradcheck
from torch.nn.functional import scaled_dot_product_attention

import memscape as ms
from memscape.core.errors import InputError
from memscape.mechanisms import FixedPoint, GradientFlow
from memscape.memories import Continuous, Dense
from memscape.theory import dense as theory

seeds = st.integers(0, 2**31)


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.float64, 1e-12)])
@given(seed=seeds, count=st.integers(1, 40), units=st.integers(1, 40), beta=st.floats(0.01, 3.0))
def test_one_step_of_recall_is_softmax_attention(dtype, close, seed, count, units, beta):
    """Queries are cues, keys and values are the patterns, beta is the scale."""
    X, cue = normal(seed, count, units, dtype=dtype), normal(seed + 1, 7, units, dtype=dtype)
    memory = Continuous(X, beta=beta, unknown=0.0)
    wanted = scaled_dot_product_attention(cue[None], X[None], X[None], scale=beta)[0]
    for state in (memory(cue), memory.recall(cue, max_steps=1).state):
        assert state.dtype == dtype
        assert torch.allclose(state, wanted, rtol=close, atol=close * 10)


@given(seed=seeds, count=st.integers(2, 20), units=st.integers(2, 20))
def test_a_bias_is_an_attention_mask(seed, count, units):
    X, cue, bias = normal(seed, count, units), normal(seed + 1, 5, units), normal(seed + 2, count)
    wanted = scaled_dot_product_attention(
        cue[None], X[None], X[None], attn_mask=0.5 * bias.expand(5, -1), scale=0.5
    )
    memory = Continuous(X, beta=0.5, bias=bias)
    assert torch.allclose(memory(cue), wanted[0], atol=1e-10)
    assert torch.allclose(memory.recall(cue, max_steps=1).state, wanted[0], atol=1e-10)


@pytest.mark.parametrize(
    "dynamics", [FixedPoint(), GradientFlow(0.1), GradientFlow(1.0), GradientFlow(1.5)], ids=repr
)
@settings(max_examples=8)
@given(seed=seeds, count=st.integers(1, 12), units=st.integers(1, 20), beta=st.floats(0.02, 4.0))
def test_energy_never_rises(dynamics, seed, count, units, beta):
    X = normal(seed, count, units)
    memory = Continuous(X, beta=beta, bias=normal(seed + 2, count))
    result = memory.recall(3 * normal(seed + 1, 6, units), dynamics=dynamics, max_steps=12, trace=True)
    energy = result.trace.energy
    assert (energy.diff(dim=1) <= 1e-9 * energy.abs().max()).all()
    assert torch.allclose(energy[:, 0], memory.energy(result.trace.states[:, 0]))


def test_the_energy_of_ramsauer_lies_between_its_bounds():
    """n = 32, p = 20, norms sqrt(n) / 2, beta = 8 / sqrt(n), 200 starts of 10 updates: 0 <= E <= 2 M^2."""
    n, p = 32, 20
    X = normal(0, p, n)
    X = X / X.norm(dim=-1, keepdim=True) * 0.5 * n**0.5
    beta, largest = 8 / n**0.5, float(X.norm(dim=-1).max())
    start = normal(1, 200, n)
    start = start / start.norm(dim=-1, keepdim=True) * largest * torch.linspace(0, 1, 200)[:, None]
    memory = Continuous(X, beta=beta)
    path = memory.recall(start, max_steps=10, trace=True, dynamics=FixedPoint(tolerance=0.0)).trace
    energy = path.energy + math.log(p) / beta + largest**2 / 2
    assert path.energy.shape == (200, 11)
    assert (energy.diff(dim=1) <= 1e-12).all()
    assert (energy >= 0).all()
    assert (energy <= 2 * largest**2).all()
    separated = theory.is_separated(X, beta)
    assert separated.any()
    end = memory.recall(X, generator=0).state
    for i in separated.nonzero()[:, 0].tolist():
        bound = theory.retrieval_error_bound(float(theory.separation(X)[i]), p, beta, largest)
        assert float((end[i] - X[i]).norm()) <= bound


def test_gradients_reach_cue_patterns_beta_and_bias():
    X, cue, bias = normal(0, 5, 4), normal(1, 3, 4).requires_grad_(), normal(2, 5)
    memory = Continuous(X, beta=0.7, bias=bias, learnable=True)
    assert {name for name, _ in memory.named_parameters()} == {"patterns", "beta", "bias"}

    def call(cue, patterns, beta, bias):
        held = {"patterns": patterns, "beta": beta, "bias": bias}
        return torch.func.functional_call(memory, held, (cue, 2))

    inputs = [
        cue,
        *(
            memory.get_parameter(name).detach().double().requires_grad_()
            for name in ("patterns", "beta", "bias")
        ),
    ]
    assert gradcheck(call, inputs)


def test_a_frozen_memory_is_differentiable_in_the_cue_only():
    memory, cue = Continuous(normal(0, 5, 4), beta=0.7), normal(1, 3, 4).requires_grad_()
    assert list(memory.parameters()) == []
    assert gradcheck(memory, (cue,))


def test_recall_keeps_no_graph():
    memory, cue = Continuous(normal(0, 5, 4), learnable=True), normal(1, 3, 4).requires_grad_()
    result = memory.recall(cue)
    assert not result.state.requires_grad
    assert not result.energy.requires_grad


def test_training_moves_the_wells_and_the_landscape_follows():
    memory = Continuous(normal(0, 3, 6, dtype=torch.float32), beta=2.0, learnable=True)
    target, cue = normal(1, 3, 6, dtype=torch.float32), normal(2, 3, 6, dtype=torch.float32)
    before = float(memory.energy(cue)[0])
    optimiser = torch.optim.Adam(memory.parameters(), lr=0.05)
    losses = []
    for _ in range(200):
        loss = (memory(cue) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.2 * losses[0]
    assert float(memory.energy(cue)[0]) != before
    fresh = Continuous(memory.patterns.detach(), beta=float(memory.beta.detach()))
    assert torch.allclose(memory.energy(cue), fresh.energy(cue))


def test_large_beta_is_the_nearest_neighbour_by_overlap():
    X, cue = normal(0, 50, 20), normal(1, 100, 20)
    memory = Continuous(X, beta=1e4)
    assert torch.allclose(memory.recall(cue, max_steps=1).state, X[(cue @ X.T).argmax(-1)], atol=1e-6)


def test_small_beta_has_one_well_near_the_average():
    X = normal(0, 30, 10)
    end = Continuous(X, beta=1e-3).recall(normal(1, 5, 10)).state
    assert torch.allclose(end, end[:1].expand(5, -1), atol=1e-5)
    assert float((end[0] - X.mean(0)).norm()) < 0.1 * float(X[0].norm())


def test_on_the_corners_of_the_cube_it_recalls_what_the_dense_memory_recalls():
    X = ms.patterns.independent(20, 100, generator=0)
    cues = ms.patterns.flip(X, fraction=0.2, generator=1)
    real = Continuous(X, beta=0.5).recall(cues)
    dense = Dense(X, separation=ms.mechanisms.Softmax(0.5)).recall(cues, generator=0)
    assert torch.equal(real.match, dense.match)
    assert torch.equal(real.state.sign(), dense.state)


def test_the_gap_is_the_log_odds_of_the_best_well():
    X = normal(0, 6, 8)
    memory = Continuous(X, beta=0.4)
    cue = normal(1, 5, 8)
    p = torch.softmax(0.4 * cue @ X.T, -1).amax(-1)
    assert torch.allclose(memory.recall(cue, max_steps=1).gap, (p / (1 - p)).log() / 0.4, rtol=1e-6)


def test_one_step_says_that_it_reads_the_cue():
    result = Continuous(normal(0, 6, 8)).recall(normal(1, 2, 8), max_steps=1)
    assert "cue" in repr(result).splitlines()[1]


def test_double_precision_comes_from_the_input():
    for dtype in (torch.float32, torch.float64):
        memory = Continuous(normal(0, 4, 6, dtype=dtype), beta=0.1)
        assert memory.recall(normal(1, 2, 6, dtype=dtype)).state.dtype == dtype
    assert float(Continuous(normal(0, 4, 6), beta=0.1).beta) == 0.1


@pytest.mark.parametrize("beta", [0.0, -1.0, float("nan"), float("inf")])
def test_a_sharpness_out_of_range_is_refused(beta):
    with pytest.raises(InputError, match="beta"):
        Continuous(normal(0, 3, 4), beta=beta)


@pytest.mark.parametrize("bias", [[1.0], normal(0, 4), [float("inf")] * 3])
def test_a_bias_needs_one_finite_number_for_each_pattern(bias):
    with pytest.raises(InputError):
        Continuous(normal(0, 3, 4), bias=bias)
