"""Ramsauer et al., Hopfield networks is all you need (2021)."""

from typing import Any

import torch

from memscape.core.intervals import share_interval
from memscape.core.random import derived
from memscape.memories import Continuous
from memscape.replications.claim import Measured, claim
from memscape.theory.dense import is_separated, retrieval_error_bound, separation


def _patterns(count: int, width: int, seed: int) -> torch.Tensor:
    x = torch.randn(count, width, generator=derived(seed, count, width), dtype=torch.float64)
    return x / x.norm(dim=1, keepdim=True) * 0.5 * width**0.5


@claim(
    "energy-falls",
    where="theorem 1",
    statement="An update never raises the energy, which lies between 0 and 2 M^2: share of updates "
    "that break "
    "either.",
    claimed=0.0,
)
def energy_falls(
    seed: int, *, count: int = 20, width: int = 32, starts: int = 200, updates: int = 10
) -> Measured:
    """Return the share of updates that raise the energy or leave its bounds."""
    X, beta = _patterns(count, width, seed), 8 / width**0.5
    memory, largest = Continuous(X, beta=beta), float(X.norm(dim=1).max())
    state = torch.randn(starts, width, generator=derived(seed, 1), dtype=torch.float64)
    state = state / state.norm(dim=1, keepdim=True) * largest
    shift = torch.tensor(float(count)).double().log() / beta + largest**2 / 2
    broken, energy = 0, memory.energy(state) + shift
    for _ in range(updates):
        state = torch.softmax(beta * state @ X.T, -1) @ X
        after = memory.energy(state) + shift
        broken += int(((after > energy + 1e-9) | (after < -1e-9) | (after > 2 * largest**2)).sum())
        energy = after
    total = starts * updates
    low, high = share_interval([broken], total)[0].tolist()
    note = f"{broken} of {total:,} updates"
    return Measured(
        broken / total, (low, high), width, count, "normal, scaled to norm .5 sqrt(n)", seed, note=note
    )


@claim(
    "retrieval-error",
    where="theorem 5, error at most 2 e (p - 1) M exp(-beta Delta)",
    statement="A well-separated pattern is retrieved in one step with an exponentially small error: largest "
    "error as a share of the bound.",
    claimed=1.0,
    unit="share of the bound",
    relation="at most",
)
def retrieval_error(seed: int, *, count: int = 20, width: int = 32) -> Measured:
    """Return the largest ratio of the error of one update to its bound, over the separated patterns."""
    X, beta = _patterns(count, width, seed), 16 / width**0.5
    largest, good = float(X.norm(dim=1).max()), is_separated(X, beta)
    fixed = Continuous(X, beta=beta).recall(X, max_steps=1000, generator=0).state
    errors, gaps = (fixed - X).norm(dim=1), separation(X)
    ratios = [
        float(errors[i]) / retrieval_error_bound(float(gaps[i]), count, beta, largest)
        for i in good.nonzero()[:, 0].tolist()
    ]
    note = f"{len(ratios)} of {count} patterns are separated; fixed points against patterns"
    return Measured(max(ratios), None, width, count, "normal, scaled to norm .5 sqrt(n)", seed, note=note)


@claim(
    "three-kinds",
    where="section 2, fixed points",
    statement="Fixed points are one pattern, the mean of similar ones, or the mean of all, as beta falls: "
    "share of cues that end where they should.",
    claimed=1.0,
)
def three_kinds(seed: int, *, groups: int = 4, members: int = 5, width: int = 64) -> Measured:
    """Return the share of cues that end in the pattern, in their group's mean, or in the mean of all."""
    g = derived(seed, 3)
    centres = torch.randn(groups, 1, width, generator=g, dtype=torch.float64)
    X = (centres + 0.3 * torch.randn(groups, members, width, generator=g, dtype=torch.float64)).flatten(0, 1)
    X = X / X.norm(dim=1, keepdim=True)
    means = X.reshape(groups, members, width).mean(1).repeat_interleave(members, 0)
    rows: list[dict[str, Any]] = []
    for kind, beta, goal in (
        ("one pattern", 400.0, X),
        ("mean of the group", 12.0, means),
        ("mean of all", 0.05, X.mean(0).expand_as(X)),
    ):
        end = Continuous(X, beta=beta).recall(X, max_steps=5000, generator=0).state
        near = (end - goal).norm(dim=1) <= 0.05
        rows.append({"kind": kind, "beta": beta, "share": float(near.double().mean())})
    value = sum(row["share"] for row in rows) / len(rows)
    return Measured(value, None, width, len(X), f"{groups} groups of {members} unit vectors", seed, rows)


@claim(
    "attention",
    where="equation 3",
    statement="One update is one step of attention: largest difference to softmax attention of torch.",
    claimed=0.0,
    tolerance=1e-10,
    unit="per entry",
)
def attention(seed: int, *, count: int = 50, width: int = 16) -> Measured:
    """Return the largest difference between one recall step and scaled dot-product attention."""
    X = torch.randn(count, width, generator=derived(seed, 0), dtype=torch.float64)
    cue = torch.randn(30, width, generator=derived(seed, 1), dtype=torch.float64)
    step = Continuous(X, beta=width**-0.5).recall(cue, max_steps=1, generator=0).state
    reference = torch.nn.functional.scaled_dot_product_attention(cue[None], X[None], X[None])[0]
    return Measured(float((step - reference).abs().max()), None, width, count, "normal", seed)
