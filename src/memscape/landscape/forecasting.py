r"""Recall against load, and what it will be at loads that were never tried.

A cue fails where one of the other vectors has the larger cosine. Let k of the N others have it: in a random
subset of P others none has it with the probability $\binom{N-k}{P} / \binom{N}{P}$, so all loads up to
today's follow from the counts k alone, without a simulation. Beyond today's load, k is taken as Poisson with
a mean $\lambda$ that differs from cue to cue; the distribution of $\lambda$ is the one of largest likelihood,
found by expectation maximisation on a grid, and recall at g times the load is the mean of $e^{-g\lambda}$
under it (Good and Toulmin 1956; Efron and Thisted 1976, "How many words did Shakespeare know?").
"""

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.special import gammaln
from torch import Tensor

from memscape.core.intervals import share_interval
from memscape.core.random import derived

FARTHEST = 4.0
"""Times today's load: beyond it the counts say next to nothing."""

_TOP = 30  # counts above it fail at any load that is asked for
_STEPS = 300
_NEVER = 0.2  # of the cues are taken to fail at no load, at the start of the fit
_GROWN = (0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, FARTHEST)
_DRAWS = 200  # resamples of the cues
_HALVES = 8

_RATES = np.concatenate([[0.0], np.geomspace(0.01, 300.0, 70)])


@dataclass(frozen=True)
class Forecast:
    """Recall, or the stability of winners, against the number of vectors.

    Attributes:
        kind: "recall" (needs labels) or "winner stability", which is no accuracy.
        load: numbers of vectors, duplicates counted once.
        share: of the cues, what is had at each load: those whose best vector is the right one; or those whose
            winner of today wins again when they are asked again with the noise of another cue.
        interval: (k, 2) its interval: of resampled cues, and at least that of as many counted ones.
        known: False where the share is a forecast.
        error: root mean square error of the same forecast, made from random halves of the vectors, on cues
            that it had not seen; in points of share.
        worst: the largest of these errors.
        halves: how many random halves there were.
        room: vectors that can be added until the share has fallen by `allowed`; as many as were looked at
            where `open`.
        open: True where the room ends at the farthest load that can be forecast.
        allowed: the loss that `room` allows.
    """

    kind: str
    load: tuple[int, ...]
    share: tuple[float, ...]
    interval: Float[Tensor, "k 2"]
    known: tuple[bool, ...]
    error: float
    worst: float
    halves: int
    room: int
    open: bool
    allowed: float

    def at(self, load: int) -> float:
        """Return the share at one of the loads of the table."""
        return self.share[self.load.index(load)]

    def table(self) -> str:
        """Return the curve as lines of text."""
        lines = [f"{'vectors':>10}  {self.kind:<18} interval"]
        for load, share, (low, high), known in zip(
            self.load, self.share, self.interval.tolist(), self.known, strict=True
        ):
            lines.append(f"{load:>10,}  {share:<18.3f} {low:.3f}-{high:.3f}{'' if known else '  forecast'}")
        return "\n".join([*lines, f"error of the forecast on held-out halves: {self.error:.3f} (rms)"])

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return {
            "kind": self.kind,
            "load": list(self.load),
            "share": list(self.share),
            "interval": self.interval.tolist(),
            "known": list(self.known),
            "error": self.error,
            "worst": self.worst,
            "halves": self.halves,
            "room": self.room,
            "open": self.open,
            "allowed": self.allowed,
        }

    def __repr__(self) -> str:
        return f"Forecast of {self.kind}\n{self.table()}"


def none_of(counts: Int[Tensor, " b"], total: int, load: int) -> Float[Tensor, " b"]:
    """Return the chance that a random `load` of `total` holds none of `counts` marked ones.

    >>> none_of(torch.tensor([0, 1, 3]), 4, 2)
    tensor([1.0000, 0.5000, 0.0000], dtype=torch.float64)
    """
    k = counts.double().numpy()
    left = total - k - load
    logs = gammaln(total - k + 1) - gammaln(np.maximum(left, 0) + 1)
    logs += gammaln(total - load + 1) - gammaln(total + 1)
    return torch.from_numpy(np.where(left < 0, 0.0, np.exp(np.minimum(logs, 0.0))))


def rates(counts: Int[Tensor, " b"], weights: Float[Tensor, "r b"] | None = None) -> Float[Tensor, "r g"]:
    """Return the distribution over the grid of rates under which such counts are most likely.

    Args:
        counts: marked ones per cue.
        weights: (r, b) how often each cue counts, a row per resample; None is once.
    """
    k = counts.clamp(max=_TOP + 1)
    once = torch.ones(1, len(k), dtype=torch.float64) if weights is None else weights.double()
    tally = torch.zeros(len(once), _TOP + 2, dtype=torch.float64).index_add_(1, k.long(), once).numpy()
    tally = tally / tally.sum(1, keepdims=True)
    law = _likelihood()
    share = np.full((len(tally), len(_RATES)), (1 - _NEVER) / (len(_RATES) - 1))
    share[:, 0] = _NEVER
    for _ in range(_STEPS):
        share = share * ((tally / np.maximum(share @ law.T, 1e-300)) @ law)
    return torch.from_numpy(share)


def none_at(share: Float[Tensor, "r g"], growth: float) -> Float[Tensor, " r"]:
    """Return the share of cues without a marked one at `growth` times the load."""
    return share @ torch.from_numpy(np.exp(-growth * _RATES))


def recall_forecast(
    counts: Int[Tensor, "b f"],
    others: int,
    fitting: Bool[Tensor, " b"],
    *,
    seed: int,
    kind: str = "recall",
    allowed: float = 0.05,
    level: float = 0.95,
) -> Forecast:
    """Return recall against load: exact up to today's, forecast beyond.

    Args:
        counts: for each cue with a right vector, how many of the others are nearer, by fold: random, equally
            large parts of the vectors, an even number of them.
        others: how many other vectors there are, at least 1.
        fitting: the cues that may set the forecast whose error is measured on the rest.
        seed: of the halves and of the resamples.
        kind: what it is that is forecast, in words.
        allowed: the loss that `room` allows.
        level: of the intervals.
    """
    fitted = _Fitted(counts, others, seed)
    loads = sorted({max(1, round(growth * (others + 1))) for growth in _GROWN})
    shares = torch.stack([fitted.none(load - 1) for load in loads])
    errors = _errors(counts, fitting, seed)
    growth, is_open = _room(fitted.share[:1], allowed)
    return Forecast(
        kind=kind,
        load=tuple(loads),
        share=tuple(shares[:, 0].tolist()),
        interval=_interval(shares, len(counts), level),
        known=tuple(load <= others + 1 for load in loads),
        error=float(errors.square().mean().sqrt()),
        worst=float(errors.abs().max()),
        halves=len(errors),
        room=math.floor((growth - 1) * (others + 1)),
        open=is_open,
        allowed=allowed,
    )


class _Fitted:
    """The rates behind some counts, once for all cues (row 0) and once for each resample of them."""

    def __init__(self, counts: Tensor, total: int, seed: int):
        self.counts, self.total = counts.sum(1), total
        cues = len(counts)
        drawn = torch.randint(cues, (_DRAWS, cues), generator=derived(seed, 11))
        ones = torch.ones(drawn.shape, dtype=torch.float64)
        resampled = torch.zeros(_DRAWS, cues, dtype=torch.float64).scatter_add_(1, drawn, ones)
        self.weights = torch.cat([torch.ones(1, cues, dtype=torch.float64), resampled]) / cues
        self.share = rates(self.counts, self.weights)

    def none(self, load: int) -> Tensor:
        """The share of cues without a marked one among `load` vectors; a row per resample."""
        if load <= self.total:
            return self.weights @ none_of(self.counts, self.total, load)
        return none_at(self.share, load / self.total)


def _errors(counts: Tensor, fitting: Tensor, seed: int) -> Tensor:
    """Return by how much the forecast from each random half of the vectors misses what all of them give."""
    measured = float((counts[~fitting].sum(1) == 0).double().mean())
    errors = []
    for index in range(_HALVES):
        folds = torch.randperm(counts.shape[1], generator=derived(seed, 12, index))[: counts.shape[1] // 2]
        errors.append(float(none_at(rates(counts[fitting][:, folds].sum(1)), 2.0)[0]) - measured)
    return torch.tensor(errors, dtype=torch.float64)


def _interval(shares: Tensor, cues: int, level: float) -> Tensor:
    """Return what covers the resamples, and the interval of as many counted cues: few cues resample alike."""
    tails = torch.tensor([0.5 - level / 2, 0.5 + level / 2], dtype=torch.float64)
    ends = torch.quantile(shares[:, 1:], tails, dim=1)
    counted = share_interval((shares[:, 0] * cues).round(), cues, level=level)
    return torch.stack([torch.minimum(ends[0], counted[:, 0]), torch.maximum(ends[1], counted[:, 1])], 1)


def _room(share: Tensor, allowed: float) -> tuple[float, bool]:
    """Return the growth at which `allowed` is lost, and whether it lies beyond what can be forecast."""

    def lost(growth: float) -> float:
        return float(none_at(share, 1.0)[0] - none_at(share, growth)[0])

    low, high = 1.0, FARTHEST
    if lost(high) <= allowed:
        return high, True
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if lost(middle) <= allowed else (low, middle)
    return low, False


@cache
def _likelihood() -> np.ndarray:
    """Poisson chances of the counts 0 to _TOP, and of more, under each rate of the grid."""
    k = np.arange(_TOP + 1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(k == 0, -_RATES, k * np.log(_RATES) - _RATES - gammaln(k + 1))
    law = np.exp(logs)
    return np.concatenate([law, 1 - law.sum(0, keepdims=True)]).clip(min=0.0)
