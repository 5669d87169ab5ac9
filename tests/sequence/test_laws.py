"""What one-pass memories hold, measured on random unit keys against the laws, without training."""

import pytest
import torch
from torch.nn.functional import normalize
from torch.utils._python_dispatch import TorchDispatchMode

from memscape.sequence import PRESETS, MemoryLayer, chunk
from memscape.sequence.engines import run
from memscape.sequence.objectives import Huber
from memscape.sequence.parts import GradientStep, MatrixStore, Ridge, SoftmaxRead, WindowStore
from memscape.sequence.signals import Owned, Signals
from memscape.sequence.spec import MemorySpec
from memscape.sequence.window import attend
from memscape.theory.interference import delta_error, delta_trace, hebb_error, ridge_error

WIDTH, STREAMS = 64, 40


def stream(pairs, streams=STREAMS, seed=0):
    generator = torch.Generator().manual_seed(seed)
    k = torch.randn(streams, pairs, 1, WIDTH, generator=generator, dtype=torch.float64)
    v = torch.randn(streams, pairs, 1, WIDTH, generator=generator, dtype=torch.float64)
    return normalize(k, dim=-1), v


def error(read, v):
    return ((read - v).square().sum(-1) / WIDTH).mean(0)[:, 0]


@pytest.mark.parametrize("pairs", [16, 32, 64, 128])
def test_hebb_and_delta_follow_their_interference_laws(pairs):
    k, v = stream(pairs)
    hebb = torch.einsum("bthk,bhkv->bthv", k, chunk(k, k, v, erase=None)[1])
    assert float(error(hebb, v).mean()) == pytest.approx(hebb_error(pairs, WIDTH), rel=0.1)
    delta = error(torch.einsum("bthk,bhkv->bthv", k, chunk(k, k, v)[1]), v)
    assert float(delta.mean()) == pytest.approx(delta_error(pairs, WIDTH), rel=0.1)
    assert float(delta[-1]) < 1e-10
    middle = pairs // 2
    assert float(delta[middle]) == pytest.approx(delta_trace(pairs - 1 - middle, middle, WIDTH), rel=0.2)


def test_beyond_its_width_the_delta_rule_loses_to_the_answer_zero():
    assert delta_error(128, WIDTH) > 1 > delta_error(64, WIDTH)


@pytest.mark.parametrize("pairs", [48, 96, 128])
def test_solved_memories_follow_the_ridge_law(pairs):
    k, v = stream(pairs, 4)
    spec = MemorySpec(learner=Ridge(), rate="one")
    owned = Owned(ridge=torch.full((1, WIDTH), 1e-6, dtype=torch.float64))
    moment = torch.einsum("bthk,bthl->bhkl", k, k)
    tensors = {"moment": moment, "cross": torch.einsum("bthk,bthv->bhkv", k, v)}
    silent = Signals(k, 0 * k, 0 * v, torch.zeros(4, dtype=torch.long))
    read = error(run(spec, silent, tensors, owned, "chunk", 64)[0], v).mean()
    assert float(read) == pytest.approx(ridge_error(pairs, WIDTH), rel=0.1, abs=1e-9)


def test_softmax_reads_every_key_exactly():
    k, v = stream(256, 1)
    k, v = k[0, :, 0], v[0, :, 0]
    read = attend(SoftmaxRead(beta=40.0), k, k, v, torch.ones(256, 256, dtype=torch.bool))
    assert float((read - v).square().sum(-1).mean() / WIDTH) < 1e-12


def test_orthonormal_keys_are_exact_and_a_key_written_twice_reads_its_last_value():
    eye = torch.eye(WIDTH, dtype=torch.float64)[None, :, None]
    v = stream(WIDTH, 1)[1]
    for erase in (None, "key"):
        torch.testing.assert_close(chunk(eye, eye, v, erase=erase)[1][0, 0], v[0, :, 0])
    twice = eye[:, [0, 0]]
    torch.testing.assert_close(chunk(twice, twice, v[:, :2])[1][0, 0, 0], v[0, 1, 0])
    torch.testing.assert_close(chunk(twice, twice, v[:, :2], erase=None)[1][0, 0, 0], v[0, :2, 0].sum(0))


def test_huber_ignores_outliers_that_ruin_least_squares():
    """A linear map from a stream where 5 % of the values are wrong by far (30 times their size)."""
    generator = torch.Generator().manual_seed(1)
    k = normalize(torch.randn(4, 400, 1, 16, generator=generator, dtype=torch.float64), dim=-1)
    truth = torch.randn(16, 16, generator=generator, dtype=torch.float64)
    clean = k @ truth
    wrong = torch.rand(4, 400, 1, 1, generator=generator) < 0.05
    noise = 30 * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    v = clean + wrong * noise
    owned = Owned([torch.zeros(1, 16, 16, dtype=torch.float64)])
    spec = MemorySpec(store=MatrixStore(), learner=GradientStep(), grad_at="chunk", chunk=1)
    from memscape.sequence import inner

    def map_error(objective, values):
        signals = Signals(
            k, k, values, torch.zeros(4, dtype=torch.long), rate=torch.full_like(k[..., 0], 0.5)
        )
        chosen = spec.but(objective=objective)
        state = inner.run(chosen, signals, inner.start(chosen, 4, owned, k), owned, "chunk", 1)[1]
        return float((state["weight0"][:, 0] - truth).square().mean())

    least, huber = map_error(spec.objective, v), map_error(Huber(2.0), v)
    assert huber < 0.1 * least
    assert map_error(Huber(2.0), clean) < 1e-3


class Largest(TorchDispatchMode):
    """Keeps the size of the largest tensor that any operation returns."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for each in out if isinstance(out, tuple | list) else (out,):
            if isinstance(each, torch.Tensor):
                self.numbers = max(self.numbers, each.numel())
        return out


@pytest.mark.parametrize("name", ["softmax", "lla", "hopfield", "energy"])
def test_looking_at_n_tokens_takes_room_for_n_and_not_for_their_square(name):
    """Queries go in blocks of 64, so the largest tensor has 64 numbers per token."""
    spec = PRESETS[name]
    spec = spec.but(store=WindowStore(10_000)) if name == "softmax" else spec  # not torch's own attention
    layer = MemoryLayer(2, 1, spec, generator=0)
    for n in (1024, 2048):
        x = torch.randn(1, n, 2, generator=torch.Generator().manual_seed(0))
        with torch.no_grad(), Largest() as largest:
            layer(x)
        assert largest.numbers <= 64 * n


def test_a_bank_moves_nothing_beyond_its_convolution():
    """GAM: content reaches conv_size - 1 tokens per layer, and no further."""
    layer = MemoryLayer(8, 1, "gam", conv_size=3, generator=0).double()
    x = torch.randn(1, 20, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    changed = x.clone()
    changed[:, 5] *= -1
    moved = (layer(x)[0] - layer(changed)[0]).abs().amax(-1)[0] > 1e-12
    assert moved.nonzero()[:, 0].tolist() == [5, 6, 7]


def test_memora_stays_on_its_simplex_over_long_streams():
    layer = MemoryLayer(8, 1, "memora", generator=0).double()
    x = torch.randn(1, 2000, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with torch.no_grad():
        state = layer(x)[1]
    weights = PRESETS["memora"].retention.weights(state.tensors["weight0"])
    assert (weights > 0).all()
    torch.testing.assert_close(weights.sum(-2), torch.full_like(weights.sum(-2), 8.0))


def test_a_step_of_decoding_needs_no_more_memory_later():
    layer = MemoryLayer(8, 2, "gated_deltanet", generator=0)
    x = torch.randn(1, 300, 8, generator=torch.Generator().manual_seed(0))
    early, late = layer(x[:, :3])[1], layer(x)[1]
    assert early.nbytes == late.nbytes
