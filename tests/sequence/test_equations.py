"""Every preset does what its paper's equations say: plain loops over tokens, gradients by autograd."""

import pytest
import torch
from torch.nn.functional import gelu, layer_norm, normalize

from memscape.sequence import PRESETS, MemoryLayer
from memscape.sequence.engines import run, start
from memscape.sequence.parts import EnergyRead, MatrixStore
from memscape.sequence.signals import Owned, Signals

T, K, C = 21, 4, 8
"""Tokens, width of keys and values, chunk of the memories whose gradient is taken at a chunk's start."""


def draw(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


q, k, v = draw(T, K, seed=0), normalize(draw(T, K, seed=1), dim=-1), draw(T, K, seed=2)
RATE, GAIN = torch.sigmoid(draw(T, seed=3)), torch.sigmoid(draw(T, K, seed=4))
KEPT, FADED = torch.exp(-draw(T, seed=5).abs() / 5), torch.exp(-draw(T, K, seed=6).abs() / 5)
ETA, DELTA = torch.sigmoid(draw(T, seed=7)), draw(T, seed=8).abs()
LENGTH, SHIFT = draw(K, seed=9), draw(K, seed=10)


def found(spec, path, *, owned=None, **gates):
    """What the library reads at each token, (T, K), from one head of one row."""
    lifted = {name: x.log() if name in ("g", "momentum") else x for name, x in gates.items()}
    lifted = {name: x[None, :, None] for name, x in lifted.items()}
    given = Signals(
        q[None, :, None], k[None, :, None], v[None, :, None], torch.zeros(1, dtype=torch.long), **lifted
    )
    owned = Owned() if owned is None else owned
    return run(spec, given, start(spec, given, owned), owned, path, 16)[0][0, :, 0].detach()


def agree(spec, expected, **given):
    for path in ("scan", "chunk"):
        torch.testing.assert_close(found(spec, path, **given), expected, rtol=0, atol=1e-12)


def matrix_rules(i):
    """Per preset: what token i multiplies the state with, what it adds, and its gates."""
    key, eye = k[i], torch.eye(K, dtype=torch.float64)
    pair, own = torch.outer(key, v[i]), torch.outer(key, key)
    theta = RATE[i] / (1 + RATE[i] * key @ key)
    decayed, channels = KEPT[i] * eye, torch.diag(FADED[i])
    return {
        "linear": (eye, pair, {}),
        "retnet": (decayed, pair, {"g": KEPT}),
        "mamba2": (decayed, RATE[i] * pair, {"g": KEPT, "rate": RATE}),
        "gla": (channels, pair, {"g": FADED}),
        "deltanet": (eye - RATE[i] * own, RATE[i] * pair, {"rate": RATE}),
        "gated_deltanet": (
            KEPT[i] * (eye - RATE[i] * own),
            RATE[i] * pair,
            {"g": KEPT, "rate": RATE},
        ),
        "kda": ((eye - RATE[i] * own) @ channels, RATE[i] * pair, {"g": FADED, "rate": RATE}),
        "longhorn": (eye - theta * own, theta * pair, {"rate": RATE}),
        "rwkv7": (
            channels - torch.outer(key, GAIN[i] * key),
            torch.outer(GAIN[i] * key, v[i]),
            {"g": FADED, "gain": GAIN},
        ),
    }


@pytest.mark.parametrize("name", matrix_rules(0))
def test_a_matrix_memory_is_its_recurrence(name):
    state, reads = torch.zeros(K, K, dtype=torch.float64), []
    for i in range(T):
        moved, added, gates = matrix_rules(i)[name]
        state = moved @ state + added
        reads.append(state.T @ q[i])
    agree(PRESETS[name], torch.stack(reads), **gates)


def test_mesa_solves_least_squares_over_all_tokens_so_far():
    """Each pair weighs its rate, faded since; the ridge does not fade (von Oswald et al. 2025)."""
    ridge, reads = torch.tensor([0.1, 0.2, 0.4, 0.8], dtype=torch.float64), []
    for i in range(T):
        weight = torch.stack([RATE[j] * KEPT[j + 1 : i + 1].prod() for j in range(i + 1)])
        moment = (weight[:, None] * k[: i + 1]).T @ k[: i + 1] + torch.diag(ridge)
        cross = (weight[:, None] * k[: i + 1]).T @ v[: i + 1]
        reads.append(torch.linalg.solve(moment, cross).T @ q[i])
    agree(PRESETS["mesa"], torch.stack(reads), owned=Owned(ridge=ridge[None]), g=KEPT, rate=RATE)


def with_one(x, bias):
    return torch.cat([x, torch.ones(1, dtype=x.dtype)]) if bias else x


def through(weights, x, bias=False):
    """A matrix, or two with GELU between."""
    for i, matrix in enumerate(weights):
        x = with_one(gelu(x) if i else x, bias) @ matrix
    return x


def normed(x, epsilon=1e-6):
    return layer_norm(x, (K,), LENGTH, SHIFT, epsilon)


def slopes(loss, weights):
    leaves = [w.detach().requires_grad_() for w in weights]
    return torch.autograd.grad(loss(leaves), leaves)


def first_weights(*shapes):
    return [draw(*shape, seed=20 + i) / 2 for i, shape in enumerate(shapes)]


def owned_by(weights, *, norm=True):
    start = [w[None] for w in weights]
    return Owned(start, LENGTH[None], SHIFT[None]) if norm else Owned(start)


@pytest.mark.parametrize("deep", [False, True], ids=["matrix", "network"])
def test_titans_is_momentum_and_decay_on_the_surprise(deep):
    """Eq. 13, 14 with the half in the loss; the gradient is taken at the chunk's start."""
    rate = RATE / 20 if deep else RATE  # a network with Titans' full step diverges
    weights = first_weights((K, 4 * K), (4 * K, K)) if deep else first_weights((K, K))
    current, push, reads = weights, [torch.zeros_like(w) for w in weights], []
    for i in range(T):
        anchor = current if i % C == 0 else anchor
        steep = slopes(lambda w, i=i: 0.5 * (through(w, k[i]) - v[i]).square().sum(), anchor)
        push = [ETA[i] * p - rate[i] * s for p, s in zip(push, steep, strict=True)]
        current = [KEPT[i] * w + p for w, p in zip(current, push, strict=True)]
        reads.append(through(current, q[i]))
    spec = PRESETS["titans"].but(chunk=C)
    spec = spec if deep else spec.but(store=MatrixStore())
    owned = owned_by(weights, norm=False)
    agree(spec, torch.stack(reads), owned=owned, g=KEPT, rate=rate, momentum=ETA)


@pytest.mark.parametrize("name", ["ttt_linear", "ttt_mlp"])
def test_ttt_steps_by_the_mean_gradient_of_its_chunk(name):
    """The target is v - k, the step 1/i of the sum, the read q + LN(M(q)) (Sun et al. 2024)."""
    shapes = ((K + 1, K),) if name == "ttt_linear" else ((K + 1, 4 * K), (4 * K + 1, K))
    weights = current = first_weights(*shapes)
    reads = []
    for i in range(T):
        if i % C == 0:
            anchor, total = current, [torch.zeros_like(w) for w in weights]

        def loss(w, i=i):
            return 0.5 * (normed(through(w, k[i], bias=True)) - (v[i] - k[i])).square().sum()

        total = [t + RATE[i] * s for t, s in zip(total, slopes(loss, anchor), strict=True)]
        current = [w - t / (i % C + 1) for w, t in zip(anchor, total, strict=True)]
        reads.append(q[i] + normed(through(current, q[i], bias=True)))
    agree(PRESETS[name].but(chunk=C), torch.stack(reads), owned=owned_by(weights), rate=RATE)


def moneta(weights):
    """$W = A / |A|_4^2$."""
    return [w / w.pow(4).sum().pow(0.5) for w in weights]


def yaad_loss(error, i):
    length = error.norm()
    return 0.5 * length**2 if length <= DELTA[i] else DELTA[i] * (length - 0.5 * DELTA[i])


def test_moneta_and_yaad_descend_their_losses_with_decay():
    weights = first_weights((K, 4 * K), (4 * K, K))
    for name, read_of, loss_of in (
        ("moneta", moneta, lambda error, i: error.abs().pow(3).sum() / 3),
        ("yaad", lambda w: w, yaad_loss),
    ):
        current, reads = weights, []
        for i in range(T):
            anchor = read_of(current) if i % C == 0 else anchor

            def loss(w, i=i, loss_of=loss_of):
                return loss_of(k[i] + normed(through(w, k[i]), 1e-2) - v[i], i)

            steep = slopes(loss, anchor)
            current = [KEPT[i] * w - RATE[i] * s for w, s in zip(current, steep, strict=True)]
            reads.append(q[i] + normed(through(read_of(current), q[i]), 1e-2))
        gates = {"threshold": DELTA} if name == "yaad" else {}
        spec = PRESETS[name].but(chunk=C)
        agree(spec, torch.stack(reads), owned=owned_by(weights), g=KEPT, rate=RATE, **gates)


def test_memora_is_a_softmax_of_the_faded_logarithm():
    """$W_t = c\\,\\mathrm{softmax}(\\alpha \\log W_{t-1} - \\eta \\nabla)$, on W itself, not its log."""
    weights = first_weights((K, 4 * K), (4 * K, K))
    current, reads = [len(w) * w.softmax(0) for w in weights], []
    for i in range(T):
        anchor = current if i % C == 0 else anchor

        def loss(w, i=i):
            return 0.5 * (k[i] + normed(through(w, k[i]), 1e-2) - v[i]).square().sum()

        current = [
            len(w) * torch.softmax(KEPT[i] * w.log() - RATE[i] * s, 0)
            for w, s in zip(current, slopes(loss, anchor), strict=True)
        ]
        reads.append(q[i] + normed(through(current, q[i]), 1e-2))
    spec = PRESETS["memora"].but(chunk=C)
    agree(spec, torch.stack(reads), owned=owned_by(weights), g=KEPT, rate=RATE)


def test_softmax_and_hopfield_look_at_the_tokens_so_far():
    def look(i, query, what, beta):
        return torch.softmax(beta * k[: i + 1] @ query, 0) @ what[: i + 1]

    agree(PRESETS["softmax"], torch.stack([look(i, q[i], v, K**-0.5) for i in range(T)]))
    reads = [look(i, look(i, look(i, q[i], k, 8.0), k, 8.0), v, 8.0) for i in range(T)]
    agree(PRESETS["hopfield"], torch.stack(reads))


def test_the_energy_layer_goes_down_the_gradient_of_its_energy():
    """One step moves each token by -alpha dE/dg, E over the keys of earlier tokens (Hoover et al. 2023)."""
    spec = PRESETS["energy"].but(read=EnergyRead(steps=1, rate=0.3, bank=5))
    layer = MemoryLayer(8, 2, spec, generator=0).double()
    own, x = layer.mixer, draw(1, 7, 8, seed=11)
    keys = own.k_proj(own.norm(x))[0].unflatten(-1, (2, 4)).detach()
    expected = []
    for i in range(7):
        g = own.norm(x)[0, i].detach().requires_grad_()
        asked = own.q_proj(g).unflatten(-1, (2, 4))
        scores = torch.einsum("jhk,hk->hj", keys[:i], asked) * 4**-0.5
        energy = -0.5 * torch.relu(own.bank @ g).square().sum()
        energy = energy - (scores.logsumexp(1).sum() * 4**0.5 if i else 0)
        expected.append(-0.3 * torch.autograd.grad(energy, g)[0])
    torch.testing.assert_close(layer(x)[0][0].detach(), torch.stack(expected), rtol=0, atol=1e-12)


def test_a_gated_associative_memory_looks_up_a_bank_beside_a_convolution():
    layer = MemoryLayer(8, 1, "gam", conv_size=3, generator=0).double()
    own, x = layer.mixer, draw(1, 6, 8, seed=12)
    seen = own.norm(x)[0]
    padded = torch.cat([torch.zeros(2, 8, dtype=torch.float64), seen])
    near = sum(padded[j : j + 6] * own.conv.weight[j] for j in range(3))
    far = torch.softmax(seen @ own.bank.T, -1) @ own.bank
    expected = torch.sigmoid(own.near(seen)) * near + torch.sigmoid(own.far(seen)) * far
    torch.testing.assert_close(layer(x)[0][0], expected, rtol=0, atol=1e-12)
