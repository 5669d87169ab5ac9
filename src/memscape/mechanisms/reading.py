"""Reading a recall: which pattern, how sure, how familiar, and what verdict follows.

Two numbers carry the verdict. *Familiarity* is read at the cue: is anything like this stored? The *gap* is
read at the
end: is one well clearly ahead? Both come from the wells' terms of the energy; neither can replace the other.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from memscape.core.random import derived
from memscape.core.recall import Kind, Verdict
from memscape.core.spaces import Bipolar, Space
from memscape.mechanisms.energies import Energy, Wells

ROWS = 1 << 24
"""Numbers of the states that are looked at together."""

REAL_TOLERANCE = 1e-4
"""Root mean square difference below which a real state equals a pattern."""

MASK_DRAWS = 32
"""Stored patterns and random states that set the familiarity scale under one mask."""


@runtime_checkable
class HoldsWells(Protocol):
    """What a reading needs: patterns (p, n) and their wells' terms at states, as energies have."""

    patterns: Any

    @property
    def units(self) -> int:
        """The number of units, n."""
        ...

    def wells(self, states: Float[Tensor, "b n"]) -> Wells:
        """Return the best well's term at each state, its pattern, and its lead."""
        ...


@dataclass(frozen=True)
class Calibration:
    """The scale of familiarity and the two thresholds, from the memory's own wells.

    Attributes:
        low: mean over random states of the best term; familiarity 0.
        high: median over stored patterns of the best term; familiarity 1.
        unknown: familiarity below it is UNKNOWN.
        ambiguous: gap below it is AMBIGUOUS, in units of the terms.
        false_alarm: share of the random states that reach `unknown`.
        miss: share of the damaged stored patterns that do not.
        damage: the damage at which `miss` was measured.
    """

    low: float
    high: float
    unknown: float
    ambiguous: float
    false_alarm: float
    miss: float
    damage: float

    def familiarity(self, best: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        """Return best terms on the scale 0 = a random state, 1 = a stored pattern."""
        return (best - self.low) / _span(self.high - self.low)

    def to_dict(self) -> dict:
        """Return the numbers as a dictionary."""
        return asdict(self)


def _span(difference: float) -> float:
    return difference if abs(difference) > 1e-30 else 1e-30


def calibrate(
    energy: HoldsWells,
    space: Space,
    *,
    unknown: float | None = None,
    ambiguous: float | None = None,
    damage: float = 0.2,
    draws: int = 2000,
    most: int = 1000,
) -> Calibration:
    """Return the familiarity scale of an energy with patterns.

    Random states come from `space.sample`, damaged ones from `space.corrupt`, at most `most` patterns are
    used, all drawn from fixed seeds, so that the same patterns give the same thresholds. `unknown` None puts
    the threshold half-way between the 99.9 % quantile of the random states and the median of the damaged
    patterns; `ambiguous` None puts it at a tenth of the median gap of the stored patterns, at least 0.
    O((draws + 2 most) p n).
    """
    patterns = energy.patterns
    dtype = patterns.dtype if patterns.is_floating_point() else torch.float32
    rows = max(1, ROWS // energy.units)  # few states at once: at 100,000 units even 2,000 states are 800 MB
    at_random = [
        energy.wells(
            space.sample(min(rows, draws - first), energy.units, generator=derived(0, 1, first)).to(
                patterns.device, dtype
            )
        ).best
        for first in range(0, draws, rows)
    ]
    at_stored, at_damaged = [], []
    for first, chosen in enumerate(_subset(len(patterns), most).to(patterns.device).split(rows)):
        stored = patterns[chosen].to(dtype)
        at_stored.append(energy.wells(space.project(stored)))
        at_damaged.append(energy.wells(space.corrupt(stored, damage, generator=derived(0, 2, first))).best)
    random = torch.cat(at_random)
    low, high = float(random.mean()), float(torch.cat([wells.best for wells in at_stored]).median())
    noise = (random - low) / _span(high - low)
    signal = (torch.cat(at_damaged) - low) / _span(high - low)
    if unknown is None:
        unknown = (float(torch.quantile(noise.double(), 0.999)) + float(signal.median())) / 2
    if ambiguous is None:
        median = float(torch.cat([wells.gap for wells in at_stored]).median())
        ambiguous = 0.1 * median if math.isfinite(median) and median > 0 else 0.0
    miss = float((signal < unknown).double().mean())
    return Calibration(low, high, unknown, ambiguous, float((noise >= unknown).double().mean()), miss, damage)


def _subset(count: int, most: int) -> Int[Tensor, " k"]:
    if count <= most:
        return torch.arange(count)
    return torch.randperm(count, generator=derived(0, 3))[:most].sort().values


def masked_familiarity(
    energy: Energy, space: Space, cues: Float[Tensor, "b n"], best: Float[Tensor, " b"]
) -> Float[Tensor, " b"]:
    """Return the familiarity of cues with unknown units (0).

    Both ends of the scale are taken under the cue's own mask. Each distinct mask costs 64 states, O(64 p n).
    """
    masks, which = (cues != 0).unique(dim=0, return_inverse=True)
    stored = energy.patterns[_subset(len(energy.patterns), MASK_DRAWS).to(cues.device)].to(cues.dtype)
    random = space.sample(MASK_DRAWS, energy.units, generator=derived(0, 4)).to(cues)
    low = torch.stack([energy.wells(random * mask).best.mean() for mask in masks])
    high = torch.stack([energy.wells(stored * mask).best.median() for mask in masks])
    span = torch.where((high - low).abs() < 1e-30, 1e-30, high - low)
    return (best - low[which]) / span[which]


@dataclass(frozen=True)
class Nearest:
    """States as seen from the stored patterns."""

    index: Int[Tensor, " b"]
    overlap: Float[Tensor, " b"]
    match: Int[Tensor, " b"]
    exact: Bool[Tensor, " b"]
    kind: Int[Tensor, " b"]


def nearest(patterns: Tensor, space: Space, states: Float[Tensor, "b n"], threshold: float = 0.9) -> Nearest:
    """Return the stored pattern of largest |overlap|, whether it is matched, equal, and the kind of state.

    A match needs an overlap of `threshold` on the units on which the pattern has an opinion. O(b p n).
    """
    parts, shares = [], _shares(patterns, space)
    width = max(len(patterns), patterns.shape[1])
    for rows in states.split(max(1, (1 << 24) // width)):
        parts.append(_nearest(patterns, space, rows, threshold, shares))
    return Nearest(
        *(torch.cat([getattr(part, name) for part in parts]) for name in Nearest.__dataclass_fields__)
    )


def matched(
    patterns: Tensor,
    space: Space,
    states: Float[Tensor, "b n"],
    index: Int[Tensor, " b"],
    threshold: float = 0.9,
) -> Nearest:
    """Return how real states stand to one candidate pattern each, found on the way. O(b n).

    A dense recall meets all patterns at every step, so it knows the pattern nearest to the state before the
    last step; the overlap is that of the last state with it.
    """
    chosen = patterns[index].to(states.dtype)
    overlap = torch.nn.functional.cosine_similarity(states, chosen, dim=-1)
    exact = (chosen - states).double().square().mean(-1).sqrt() <= REAL_TOLERANCE
    found = (overlap >= threshold) | exact
    kind = torch.where(found, int(Kind.STORED), int(Kind.SPURIOUS))
    kind = torch.where(~found & (overlap <= -threshold), int(Kind.INVERTED), kind).to(torch.int8)
    return Nearest(index, overlap, torch.where(found, index, -1), exact, kind)


def _nearest(
    patterns: Tensor, space: Space, states: Tensor, threshold: float, shares: Tensor | float
) -> Nearest:
    m = space.overlap(states, patterns)
    index = m.abs().argmax(-1)
    overlap = m.gather(1, index[:, None])[:, 0]
    # the pattern of largest |overlap| may be an inverted one while another is matched: matching asks for the
    # largest
    own = m / shares
    score, best = own.max(-1)
    chosen = patterns[best].to(states.dtype)
    if space.discrete:
        silent = chosen == 0 if isinstance(space, Bipolar) else torch.zeros_like(chosen, dtype=torch.bool)
        exact = ((chosen == states) | silent).all(-1)
    else:
        exact = (chosen - states).double().square().mean(-1).sqrt() <= REAL_TOLERANCE
    match = torch.where((score >= threshold) | exact, best, -1)
    near, equal = _mixtures(patterns, space, states, m, threshold)
    kind = _kinds(own.amin(-1), match, exact, near, equal, threshold)
    return Nearest(index, overlap, match, exact, kind)


def _shares(patterns: Tensor, space: Space) -> Tensor | float:
    """Return on which share of the units each pattern has an opinion (p,); 1.0 where all have one on all."""
    if not isinstance(space, Bipolar):
        return 1.0
    counts = torch.cat([(rows != 0).sum(-1) for rows in patterns.split(max(1, ROWS // patterns.shape[1]))])
    return counts.clamp_min(1).float() / patterns.shape[1]


def _kinds(
    lowest: Tensor, match: Tensor, exact: Tensor, near: Tensor, equal: Tensor, threshold: float
) -> Tensor:
    """Return the kinds, an equal state before one that is near; `near` and `equal` are said of mixtures."""
    kind = torch.full(match.shape, int(Kind.SPURIOUS), dtype=torch.int8, device=match.device)
    kind[near] = int(Kind.MIXTURE)
    kind[lowest <= -threshold] = int(Kind.INVERTED)
    kind[match >= 0] = int(Kind.STORED)
    kind[equal] = int(Kind.MIXTURE)
    kind[lowest <= -1 + 1e-7] = int(Kind.INVERTED)
    kind[exact] = int(Kind.STORED)
    return kind


def _mixtures(
    patterns: Tensor, space: Space, states: Tensor, m: Tensor, threshold: float
) -> tuple[Tensor, Tensor]:
    """Return which states are near, and which equal, a signed sum of their 3, 5 or 7 best patterns."""
    near = torch.zeros(len(states), dtype=torch.bool, device=states.device)
    equal = near.clone()
    if len(patterns) < 3 or not isinstance(space, Bipolar):
        return near, equal
    top = m.abs().topk(min(7, m.shape[1]), dim=1).indices
    sums = torch.zeros_like(states)
    for k in range(top.shape[1]):
        sign = m.gather(1, top[:, k : k + 1]).sign()
        sums = sums + sign * patterns[top[:, k]].to(states.dtype)
        if k in (2, 4, 6):
            agree = (sums.sign() * states).mean(-1)
            near |= agree >= threshold
            equal |= agree == 1
    return near, equal


def verdicts(
    familiarity: Float[Tensor, " b"], gap: Float[Tensor, " b"], match: Int[Tensor, " b"], scale: Calibration
) -> Int[Tensor, " b"]:
    """Return the int8 codes of `Verdict`: UNKNOWN before AMBIGUOUS before RECALLED before SPURIOUS."""
    code = torch.where(match >= 0, int(Verdict.RECALLED), int(Verdict.SPURIOUS))
    code = torch.where(gap < scale.ambiguous, int(Verdict.AMBIGUOUS), code)
    return torch.where(familiarity < scale.unknown, int(Verdict.UNKNOWN), code).to(torch.int8)
