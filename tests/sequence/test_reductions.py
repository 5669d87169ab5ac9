"""The family is one family: with these choices, this member is that one, exactly."""

import pytest
import torch
from torch.nn.functional import normalize

from memscape.memories import Continuous
from memscape.sequence import PRESETS, MemorySpec, chunk, scan
from memscape.sequence.engines import run
from memscape.sequence.objectives import L2, Dot, Huber, Lp
from memscape.sequence.parts import (
    Decay,
    GradientStep,
    Keep,
    LocalLinearRead,
    LqNorm,
    MatrixStore,
    Momentum,
    Ridge,
    SoftmaxRead,
)
from memscape.sequence.signals import Owned, Signals
from memscape.sequence.views import (
    coincide,
    of_attention,
    of_gates,
    of_memory,
    of_state_space,
    taylor_features,
)
from memscape.sequence.window import attend

T, K, V = 30, 6, 5
GENERATOR = torch.Generator().manual_seed(0)


def draw(*shape):
    return torch.randn(*shape, generator=GENERATOR, dtype=torch.float64)


Q, KEYS, VALUES = draw(1, T, 1, K), normalize(draw(1, T, 1, K), dim=-1), draw(1, T, 1, V)
G, BETA = -draw(1, T, 1).exp() / 10, torch.sigmoid(draw(1, T, 1))
MOMENTUM = torch.full((1, T, 1), -1e6, dtype=torch.float64)
"""The logarithm of no momentum."""


def inner(spec, *, g=G, momentum=None, path="scan", rate=BETA):
    """Run a spec on the inner learner, from a memory of zeros."""
    signals = Signals(Q, KEYS, VALUES, torch.zeros(1, dtype=torch.long), g=g, rate=rate, momentum=momentum)
    owned = Owned([torch.zeros(1, K, V, dtype=torch.float64)])
    from memscape.sequence import inner as engine

    return engine.run(spec, signals, engine.start(spec, 1, owned, Q), owned, path, 16)[0]


def apart(a, b):
    return float((a - b).detach().abs().max())


TITANS = MemorySpec(store=MatrixStore(), retention=Decay(), learner=Momentum(), grad_at="decayed")


def test_titans_without_momentum_at_the_decayed_memory_is_gated_deltanet():
    gated = scan(Q, KEYS, VALUES, g=G, beta=BETA, scale=1.0)[0]
    assert apart(inner(TITANS, momentum=MOMENTUM), gated) < 1e-12


def test_titans_at_the_previous_memory_is_not_gated_deltanet():
    """It is the low-rank form, whose erase sees the memory before its decay."""
    previous = inner(TITANS.but(grad_at="previous"), momentum=MOMENTUM)
    assert apart(previous, scan(Q, KEYS, VALUES, g=G, beta=BETA, scale=1.0)[0]) > 0.01
    spec = MemorySpec(retention=Decay(), grad_at="previous")
    assert spec.engine == "low_rank"
    signals = Signals(Q, KEYS, VALUES, torch.zeros(1, dtype=torch.long), g=G, rate=BETA)
    low = run(spec, signals, {"matrix": torch.zeros(1, 1, K, V, dtype=torch.float64)}, Owned(), "chunk", 16)[
        0
    ]
    assert apart(previous, low) < 1e-12


def test_yaad_with_a_far_threshold_and_moneta_at_two_are_titans_without_momentum():
    titans = TITANS.but(grad_at="chunk", chunk=8)
    plain = inner(titans, momentum=MOMENTUM)
    for change in ({"objective": Huber(1e9)}, {"objective": Lp(2.0), "retention": LqNorm(2.0)}):
        spec = titans.but(learner=GradientStep(), **change)
        for path in ("scan", "chunk"):
            assert apart(inner(spec, path=path), plain) < 1e-12


def test_hebb_linear_attention_and_the_inner_learner_on_a_dot_are_one_write():
    hebb = KEYS[0, :, 0].T @ VALUES[0, :, 0]
    assert apart(scan(KEYS, KEYS, VALUES, erase=None)[1][0, 0], hebb) < 1e-12
    spec = TITANS.but(objective=Dot(), learner=GradientStep(), retention=Keep())
    linear = chunk(Q, KEYS, VALUES, erase=None, beta=BETA, scale=1.0)[0]
    assert apart(inner(spec, g=None), linear) < 1e-12


def test_the_repeated_delta_rule_is_the_projection_rule_and_mesa_finds_it_in_one_pass():
    """Kaczmarz: many passes converge to the pseudo-inverse; one does not; least squares is exact at once."""
    k, v = KEYS[:, :4], VALUES[:, :4]
    projection = torch.linalg.pinv(k[0, :, 0]) @ v[0, :, 0]
    once = scan(k, k, v)[1]
    often = scan(*(x.repeat(1, 500, 1, 1) for x in (k, k, v)))[1]
    assert apart(once[0, 0], projection) > 0.1
    assert apart(often[0, 0], projection) < 1e-6
    spec = MemorySpec(learner=Ridge(), retention=Keep(), rate="one")
    signals = Signals(k, k, v, torch.zeros(1, dtype=torch.long))
    owned = Owned(ridge=torch.full((1, K), 1e-10, dtype=torch.float64))
    empty = {
        "moment": torch.zeros(1, 1, K, K, dtype=torch.float64),
        "cross": torch.zeros(1, 1, K, V, dtype=torch.float64),
    }
    for path in ("scan", "chunk"):
        solved, _ = run(spec, signals, empty, owned, path, 2)
        assert apart(solved[:, -1], v[:, -1]) < 1e-8


def test_longhorn_is_the_exact_proximal_step():
    """S minimises |S - S_0|^2 + theta |S'k - v|^2 (Liu et al. 2024)."""
    signals = Signals(Q, 2 * KEYS, VALUES, torch.zeros(1, dtype=torch.long), rate=BETA)
    first = draw(1, 1, K, V)
    one = signals.rows(torch.tensor([0]), T - 1)
    found = run(PRESETS["longhorn"], one, {"matrix": first}, Owned(), "scan", 1)[1]["matrix"][0, 0]
    k, v, theta = one.k[0, 0, 0], one.v[0, 0, 0], BETA[0, -1, 0]
    normal = torch.eye(K, dtype=torch.float64) + theta * torch.outer(k, k)
    exact = torch.linalg.solve(normal, first[0, 0] + theta * torch.outer(k, v))
    assert apart(found, exact) < 1e-12


def test_one_step_of_softmax_attention_is_one_recall_of_a_continuous_memory():
    keys, query = KEYS[0, :, 0], Q[0, -1, 0]
    spec = PRESETS["softmax"].but(read=SoftmaxRead(beta=3.0))
    signals = Signals(Q, KEYS, KEYS, torch.zeros(1, dtype=torch.long))
    empty = {"keys": KEYS[:, :0], "values": KEYS[:, :0], "held": torch.zeros(1, 0, dtype=torch.bool)}
    read, _ = run(spec, signals, empty, Owned(), "chunk", 64)
    assert apart(read[0, -1, 0], Continuous(keys, beta=3.0)(query)) < 1e-12


def test_local_linear_attention_is_weighted_ridge_regression():
    """Intercept and slopes by the normal equations (the definition), and the closed form of the paper."""
    keys, values, q = KEYS[0, :, 0], VALUES[0, :, 0], Q[0, :1, 0]
    read = LocalLinearRead(ridge=0.3)
    found = attend(read, q, keys, values, torch.ones(1, T, dtype=torch.bool))
    weights = torch.exp(q[0] @ keys.T / K**0.5)
    design = torch.cat([torch.ones(T, 1, dtype=torch.float64), keys - q], 1)
    ridge = torch.diag(torch.tensor([0.0] + [0.3] * K, dtype=torch.float64))
    exact = torch.linalg.solve(
        design.T @ (weights[:, None] * design) + ridge, design.T @ (weights[:, None] * values)
    )
    assert apart(found[0], exact[0]) < 1e-12


def test_local_linear_attention_has_the_right_limits():
    keys, values, q = KEYS[0, :, 0], VALUES[0, :, 0], Q[0, :, 0]
    every = torch.ones(T, T, dtype=torch.bool)
    softmax = attend(SoftmaxRead(), q, keys, values, every)
    assert apart(attend(LocalLinearRead(1e12), q, keys, values, every), softmax) < 1e-9
    affine = keys @ draw(K, V) + draw(V)
    exact = q @ torch.linalg.lstsq(keys - keys.mean(0), affine - affine.mean(0)).solution
    exact = (
        exact
        + affine.mean(0)
        - keys.mean(0) @ torch.linalg.lstsq(keys - keys.mean(0), affine - affine.mean(0)).solution
    )
    assert apart(attend(LocalLinearRead(1e-9), q, keys, affine, every), exact) < 1e-6
    assert apart(attend(SoftmaxRead(), q, keys, affine, every), exact) > 0.5


def test_a_matrix_memory_is_its_dynamical_system():
    q, k, v, g, beta = Q[0, :, 0], KEYS[0, :, 0], VALUES[0, :, 0], G[0, :, 0], BETA[0, :, 0]
    for erase in (None, k):
        out = scan(Q, KEYS, VALUES, g=G, beta=BETA, erase="key" if erase is k else None, scale=1.0)[0]
        system = of_memory(q, k, g=g, beta=beta, erase=erase)
        assert apart(system.run(v), out[0, :, 0]) < 1e-12
        assert apart(system.mixing()[0] @ v, out[0, :, 0]) < 1e-12


def test_systems_coincide_under_their_conditions_only():
    q, k, step = Q[0, :, 0], KEYS[0, :, 0], BETA[0, :, 0]
    rate = torch.full((K,), 0.7, dtype=torch.float64)
    space = of_state_space(step, rate, k, q)
    assert coincide(space, of_memory(q, k, g=-0.7 * step, beta=step)) < 1e-12
    assert coincide(space, of_memory(q, k, g=-0.7 * step)) > 0.01
    assert coincide(space, of_memory(q, k, g=-0.7 * step, beta=step, erase=k)) > 0.01
    forget = torch.exp(-0.7 * step)[:, None]
    one = torch.ones(T, 1, dtype=torch.float64)
    gated = of_gates(forget, step[:, None], one)
    assert coincide(gated, of_state_space(step, rate[:1], one, one)) < 1e-12


def test_normalised_linear_attention_is_a_system_and_softmax_its_limit():
    """The error of the Taylor features falls with every degree, below 1e-3 at 4 (unit keys of width 8)."""
    q, k, v = (normalize(draw(64, 8), dim=-1) for _ in range(3))
    scores = (q @ k.T).masked_fill(torch.ones(64, 64, dtype=torch.bool).triu(1), -torch.inf)
    softmax = torch.softmax(scores, -1) @ v
    errors = [
        apart(of_attention(taylor_features(q, n), taylor_features(k, n)).run(v), softmax) for n in (0, 2, 4)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3
    assert errors[0] > 0.05


@pytest.mark.parametrize(
    "objective",
    [Dot(), L2(), Lp(3.0), Lp(1.5), Huber(0.5), Huber(0.5, "coordinate"), Huber(0.5, "mixed")],
    ids=str,
)
def test_the_gradient_of_an_objective_is_that_of_its_loss(objective):
    from memscape.sequence.objectives import Pair

    prediction = draw(7, V).requires_grad_()
    pair = Pair(KEYS[0, :7, 0], VALUES[0, :7, 0])
    slope = torch.autograd.grad(objective.loss(prediction, pair).sum(), prediction)[0]
    assert apart(objective.gradient(prediction.detach(), pair), slope) < 1e-12


@pytest.mark.parametrize("name", ["ttt_linear", "ttt_mlp", "titans", "moneta", "yaad", "memora"])
def test_the_gradients_of_a_network_are_those_of_autograd(name):
    from memscape.sequence.networks import Network
    from memscape.sequence.objectives import Pair

    spec = PRESETS[name]
    net = Network(spec.store)
    weights = [draw(*shape).requires_grad_() for shape in net.shapes(K, K)]
    key, value = KEYS[0, :1, 0], draw(1, K)
    pair = Pair(key, value, draw(1, K), draw(1, K), torch.full((1,), 0.7, dtype=torch.float64), 1e-2)
    loss = spec.objective.loss(net.forward(lambda i, x: x @ weights[i], key, pair)[0], pair).sum()
    slopes = torch.autograd.grad(loss, weights)
    inputs, outer = net.gradients(weights, pair, spec.objective)
    for slope, u, s in zip(slopes, inputs, outer, strict=True):
        assert apart(u.T @ s, slope) < 1e-10


@pytest.mark.parametrize("shape", [(6, 6), (4, 9), (9, 4)], ids=str)
def test_newton_schulz_brings_singular_values_near_one_and_keeps_their_directions(shape):
    """Five steps with Muon's coefficients: singular values of .05 to 1 of the largest end in [.65, 1.25]."""
    from memscape.sequence.inner import orthogonalised

    left, _, right = torch.linalg.svd(draw(*shape), full_matrices=False)
    spread = torch.linspace(0.05, 1, 4 if 4 in shape else 6, dtype=torch.float64)
    found = left.mT @ orthogonalised(left * spread @ right, 5) @ right.mT
    assert apart(found, torch.diag(found.diagonal())) < 1e-12
    assert 0.65 < float(found.diagonal().min()) <= float(found.diagonal().max()) < 1.25
    assert not orthogonalised(torch.zeros(shape, dtype=torch.float64), 5).any()
