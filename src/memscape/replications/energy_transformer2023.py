"""Hoover et al., Energy transformer (2023): attention as descent on an energy, here over earlier tokens."""

import torch
from torch import Tensor

from memscape.core.random import derived
from memscape.replications.claim import Measured, claim
from memscape.replications.heads import apart
from memscape.sequence import PRESETS, MemoryLayer
from memscape.sequence.mixers import EnergyMixer
from memscape.sequence.parts import EnergyRead


def descending(
    seed: int, width: int, heads: int, *, steps: int, rate: float
) -> tuple[MemoryLayer, EnergyMixer]:
    """Return an energy layer of the seed and its mixer, float64."""
    spec = PRESETS["energy"].but(read=EnergyRead(steps=steps, rate=rate, bank=32))
    layer = MemoryLayer(width, heads, spec, generator=derived(seed, 0)).double()
    if not isinstance(layer.mixer, EnergyMixer):
        raise TypeError("an energy spec is run by an EnergyMixer")
    return layer, layer.mixer


def energy(mixer: EnergyMixer, tokens: Tensor, g: Tensor) -> Tensor:
    """Return each token's energy at normed states g (b, t, hidden), the keys being those of `tokens`.

    $E = -\\frac1\\beta \\sum_h \\log \\sum_{j < i} e^{\\beta k_{hj} \\cdot q_{hi}} - \\frac12 \\sum
    \\max(\\xi \\cdot g, 0)^2$; the first token has no earlier one, and no first term.
    """
    heads, width = mixer.sizes.num_heads, mixer.sizes.head_dim
    beta = width**-0.5 if mixer.read.beta is None else mixer.read.beta
    keys = mixer.k_proj(mixer.norm(tokens)).unflatten(-1, (heads, -1))
    queries = mixer.q_proj(g).unflatten(-1, (heads, -1))
    scores = beta * torch.einsum("bihk,bjhk->bhij", queries, keys)
    count = tokens.shape[1]
    earlier = torch.ones(count, count, dtype=torch.bool).tril(-1)
    terms = torch.logsumexp(scores[..., 1:, :].masked_fill(~earlier[1:], -torch.inf), -1).sum(1) / beta
    attention = torch.cat([torch.zeros_like(terms[:, :1]), terms], 1)
    return -attention - 0.5 * torch.relu(g @ mixer.bank.T).square().sum(-1)


@claim(
    "gradient",
    where="the update: tau dx/dt = -dE/dg",
    statement="A step of the layer is minus the gradient of one energy, taken by automatic differentiation: "
    "largest difference.",
    claimed=0.0,
    tolerance=1e-10,
    unit="per entry",
)
def gradient(seed: int, *, tokens: int = 24, width: int = 16, heads: int = 2) -> Measured:
    """Return the largest difference between the layer's first step and the energy's gradient."""
    layer, mixer = descending(seed, width, heads, steps=1, rate=1.0)
    x = torch.randn(2, tokens, width, generator=derived(seed, 1), dtype=torch.float64)
    step = layer(x)[0].detach()
    g = mixer.norm(x).detach().requires_grad_()
    slope = torch.autograd.grad(energy(mixer, x, g).sum(), g)[0]
    return Measured(apart(step, -slope), None, width, 0, f"{tokens} normal tokens, float64", seed)


@claim(
    "energy-falls",
    where="section 3: the energy falls along the dynamics",
    statement="No step raises the energy of a token: share of steps that do, at three step sizes.",
    claimed=0.0,
)
def energy_falls(
    seed: int, *, tokens: int = 64, width: int = 16, heads: int = 2, steps: int = 20
) -> Measured:
    """Return the share of steps of all tokens that raise their energy."""
    rows = []
    x = torch.randn(4, tokens, width, generator=derived(seed, 1), dtype=torch.float64)
    for rate in (0.01, 0.1, 0.3):
        course = []
        for count in range(1, steps + 1):
            layer, mixer = descending(seed, width, heads, steps=count, rate=rate)
            with torch.no_grad():
                course.append(energy(mixer, x, mixer.norm(x + layer(x)[0])))
        with torch.no_grad():
            course.insert(0, energy(mixer, x, mixer.norm(x)))
        moves = torch.stack(course).diff(dim=0)
        fallen = float((course[0] - course[-1]).mean())
        row = {"step size": rate, "raised": int((moves > 1e-9).sum()), "steps": moves.numel()}
        rows.append(row | {"mean fall": fallen})
    value = sum(row["raised"] for row in rows) / sum(row["steps"] for row in rows)
    return Measured(value, None, width, 0, f"{tokens} normal tokens, float64", seed, rows)


@claim(
    "causal",
    where="our restriction: a token descends over the keys before it",
    statement="A later token changes no earlier output: largest change.",
    claimed=0.0,
    unit="per entry",
)
def causal(seed: int, *, tokens: int = 24, width: int = 16) -> Measured:
    """Return the largest change of earlier outputs when the last tokens change."""
    layer, _ = descending(seed, width, 2, steps=3, rate=0.1)
    x = torch.randn(1, tokens, width, generator=derived(seed, 1), dtype=torch.float64)
    other, half = x.clone(), tokens // 2
    other[:, half:] *= -1
    with torch.no_grad():
        before, after = layer(x)[0], layer(other)[0]
    change = apart(before[:, :half], after[:, :half])
    note = f"the later outputs change by up to {apart(before[:, half:], after[:, half:]):.3g}"
    return Measured(change, None, width, 0, f"{tokens} normal tokens, float64", seed, note=note)
