"""Sieber et al., Understanding the differences in foundation models (2024): one dynamical system for all."""

from typing import Any

import torch
from torch.nn.functional import normalize

from memscape.core.random import derived
from memscape.replications.claim import Measured, claim
from memscape.replications.heads import apart, drawn
from memscape.sequence import low_rank_scan, scan
from memscape.sequence.views import (
    coincide,
    of_attention,
    of_gates,
    of_memory,
    of_state_space,
    taylor_features,
)


@claim(
    "one-form",
    where="section 3: the dynamical systems framework",
    statement="Linear attention, its decays, the delta rule and its gated forms are linear dynamical "
    "systems: largest difference between system and layer.",
    claimed=0.0,
    tolerance=1e-10,
    unit="per entry",
)
def one_form(seed: int, *, tokens: int = 60, width: int = 8) -> Measured:
    """Return the largest difference of outputs over the matrix members of the family."""
    given, rows = drawn(seed, tokens, width, width), []
    channels = given.g[..., None] * torch.rand(width, generator=derived(seed, 1), dtype=torch.float64)
    q, k, v, beta = (x[0, :, 0] for x in (given.q, given.k, given.v, given.rate))
    for name, g, rate, erase in (
        ("linear", None, None, None),
        ("retnet, mamba2", given.g, given.rate, None),
        ("gla", channels, None, None),
        ("deltanet", None, given.rate, "key"),
        ("gated_deltanet", given.g, given.rate, "key"),
        ("kda", channels, given.rate, "key"),
    ):
        out = scan(given.q, given.k, given.v, g=g, beta=rate, erase=erase, scale=1.0)[0][0, :, 0]
        decay, strength = None if g is None else g[0, :, 0], None if rate is None else beta
        system = of_memory(q, k, g=decay, beta=strength, erase=None if erase is None else k)
        rows.append({"layer": name, "difference": apart(system.run(v), out)})
    law = f"{tokens} tokens, unit keys, float64"
    return Measured(max(row["difference"] for row in rows), None, width, 0, law, seed, rows)


@claim(
    "coincide",
    where="section 4: when attention, state-space model and recurrent network are the same layer",
    statement="They have the same mixing matrix exactly under their conditions: largest difference where "
    "they should coincide, while every violated condition leaves at least .01.",
    claimed=0.0,
    tolerance=1e-10,
    unit="per entry",
)
def conditions(seed: int, *, tokens: int = 30, width: int = 6) -> Measured:
    """Return the largest difference under the conditions; 1 if a violated one makes none."""
    given = drawn(seed, tokens, width, width)
    q, k, step = given.q[0, :, 0], given.k[0, :, 0], given.rate[0, :, 0]
    rates, one = torch.full_like(q[0], 0.7), torch.ones(tokens, 1, dtype=q.dtype)
    several = torch.linspace(0.2, 1.5, width, dtype=q.dtype)
    space, spread = of_state_space(step, rates, k, q), of_state_space(step, several, k, q)
    decayed, channels = of_memory(q, k, g=-0.7 * step, beta=step), -step[:, None] * several
    gated, single = of_gates(torch.exp(-0.7 * step)[:, None], step[:, None], one), rates[:1]
    positive = q.exp(), k.exp()
    rows: list[dict[str, Any]] = [
        {"pair": name, "same": same, "difference": coincide(a, b)}
        for name, a, b, same in (
            ("decayed attention, state space", decayed, space, True),
            ("decay per channel, rates per channel", of_memory(q, k, g=channels, beta=step), spread, True),
            ("gated network, state space", gated, of_state_space(step, single, one, one), True),
            ("strength other than the step", of_memory(q, k, g=-0.7 * step), space, False),
            ("delta rule", of_memory(q, k, g=-0.7 * step, beta=step, erase=k), space, False),
            ("normaliser", of_attention(*positive), of_memory(*positive), False),
        )
    ]
    broken = any(not row["same"] and row["difference"] < 0.01 for row in rows)
    value = 1.0 if broken else max(row["difference"] for row in rows if row["same"])
    return Measured(value, None, width, 0, f"{tokens} tokens, float64", seed, rows)


@claim(
    "low-rank",
    where="section 3: transitions that are not diagonal",
    statement="RWKV-7's layer is a dynamical system with a diagonal plus low-rank transition: largest "
    "difference.",
    claimed=0.0,
    tolerance=1e-10,
    unit="per entry",
)
def low_rank(seed: int, *, tokens: int = 40, width: int = 8) -> Measured:
    """Return the difference between the layer's scan and the product of its transitions."""
    given = drawn(seed, tokens, width, width)
    g, gain = given.g[..., None].expand_as(given.k), given.rate[..., None] * given.k
    out = low_rank_scan(given.q, given.k, given.v, -given.k, gain, g=g, scale=1.0)[0][0, :, 0]
    state, reads = torch.zeros(width, width, dtype=torch.float64), []
    for q, k, v, b, decay in zip(*(x[0, :, 0] for x in (given.q, given.k, given.v, gain, g)), strict=True):
        state = (torch.diag(decay.exp()) - torch.outer(k, b)) @ state + torch.outer(k, v)
        reads.append(q @ state)
    law = f"{tokens} tokens, unit keys, float64"
    return Measured(apart(torch.stack(reads), out), None, width, 0, law, seed)


@claim(
    "taylor",
    where="section 4.1: softmax attention needs an infinite state",
    statement="With the features of the exponential's Taylor sum of order 4 linear attention is softmax "
    "attention within .001, and the error falls with every order.",
    claimed=1e-3,
    unit="largest difference",
    relation="at most",
)
def taylor(seed: int, *, tokens: int = 64, width: int = 8, orders: int = 5) -> Measured:
    """Return the error at the highest order; 1 if it rises with an order."""
    draws = torch.randn(3, tokens, width, generator=derived(seed, tokens), dtype=torch.float64)
    q, k, v = normalize(draws, dim=-1).unbind(0)
    later = torch.ones(tokens, tokens, dtype=torch.bool).triu(1)
    softmax = torch.softmax((q @ k.T).masked_fill(later, -torch.inf), -1) @ v
    rows = []
    for order in range(orders):
        one, other = taylor_features(q, order), taylor_features(k, order)
        weights = (one @ other.T).tril()  # an odd sum may be negative, which `of_attention` refuses
        read = weights / weights.sum(-1, keepdim=True) @ v
        rows.append({"order": order, "states": one.shape[1], "largest difference": apart(read, softmax)})
    errors = [row["largest difference"] for row in rows]
    value = errors[-1] if errors == sorted(errors, reverse=True) else 1.0
    return Measured(value, None, width, 0, f"{tokens} tokens, unit queries and keys, float64", seed, rows)
