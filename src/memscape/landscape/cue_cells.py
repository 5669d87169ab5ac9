"""The cues in the cells of the distinct vectors: what recall, abstention and forecast are read from."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.intervals import share_interval
from memscape.core.random import derived
from memscape.landscape.abstention import Abstention, best_threshold, measured
from memscape.landscape.check_input import Input
from memscape.landscape.forecasting import Forecast, recall_forecast
from memscape.landscape.nearness import nearer

FOLDS = 16
"""Random, equally large parts of the vectors from which the loads up to today's are put together."""


@dataclass(frozen=True)
class Cells:
    """The cues in the cells of the distinct vectors, and which of them set something."""

    given: Input
    x: Tensor
    best: Tensor
    second: Tensor
    winner: Tensor
    right: Tensor | None
    fitting: Tensor

    @property
    def known(self) -> Tensor:
        """Cues that have an answer; all of them where nobody says."""
        if self.given.labels is None:
            return torch.ones_like(self.fitting)
        return self.given.labels >= 0

    def correct(self) -> Tensor:
        """Cues whose winner is the right vector."""
        return self.known & (self.winner == self.right)

    def recall(self, level: float) -> tuple[float, Tensor]:
        """Share of the held-out cues whose winner is right, and its interval; NaN without labels."""
        if self.right is None:
            return math.nan, torch.full((2,), math.nan, dtype=torch.float64)
        held = self.known & ~self.fitting
        hits = int(self.correct()[held].sum())
        return hits / int(held.sum()), share_interval(hits, int(held.sum()), level=level)

    def mistakes(self, rows: Tensor, most: int = 1000) -> tuple[tuple[int, int, int], ...]:
        """(right row, row that won, cues), the most frequent first; `rows` are those of the vectors."""
        if self.right is None:
            return ()
        wrong = self.known & ~self.correct()
        pairs = torch.stack([rows[self.right[wrong]], rows[self.winner[wrong]]], 1)
        kinds, counts = pairs.unique(dim=0, return_counts=True)
        order = counts.argsort(descending=True, stable=True)[:most]
        return tuple((int(a), int(b), int(c)) for (a, b), c in zip(kinds[order], counts[order], strict=True))

    def abstention(self, level: float) -> Abstention:
        """The threshold that one half of the cues sets, and what it does to the other."""
        strangers, scores, law = self._strangers()
        known, fit = self.known, self.fitting
        threshold = best_threshold(self.best[known & fit], scores[strangers & fit])
        right = None if self.right is None else self.correct()[known & ~fit]
        return measured(threshold, self.best[known & ~fit], scores[strangers & ~fit], right, law, level=level)

    def _strangers(self) -> tuple[Tensor, Tensor, str]:
        """Return which cues stand for those without an answer, their best cosines, and what they are."""
        labels = self.given.labels
        if labels is None or self.right is None:
            return self.known, self.second, "the same cues, their best vector and its duplicates taken away"
        if int((labels < 0).sum()) >= 4:
            return labels < 0, self.best, "the cues that were labelled -1"
        other = torch.where(self.winner == self.right, self.second, self.best)
        return self.known, other, "the same cues, their right vector and its duplicates taken away"

    def forecast(self, level: float, allowed: float, seed: int) -> Forecast:
        """Recall against load where labels say what is right, else the stability of the winners."""
        cues, right, fitting, kind = self._asked(seed)
        folds = min(FOLDS, 2 * (len(self.x) // 2))
        own = (cues * self.x[right]).sum(1)
        counts = nearer(cues, self.x, own, folds, besides=right)
        return recall_forecast(
            counts, len(self.x) - 1, fitting, seed=seed, kind=kind, allowed=allowed, level=level
        )

    def _asked(self, seed: int) -> tuple[Tensor, Tensor, Tensor, str]:
        """Return cues with a right vector, which it is, and which of the cues may set the forecast."""
        if self.right is not None:
            known = self.known
            return self.given.cues[known], self.right[known], self.fitting[known], "recall"
        answered = self.best >= best_threshold(self.best[self.fitting], self.second[self.fitting])
        if int((answered & self.fitting).sum()) < 2 or int((answered & ~self.fitting).sum()) < 2:
            answered = torch.ones_like(answered)
        cues = asked_again(self.given.cues[answered], self.x[self.winner[answered]], seed)
        return cues, self.winner[answered], self.fitting[answered], "winner stability"


def asked_again(cues: Float[Tensor, "b n"], own: Float[Tensor, "b n"], seed: int) -> Float[Tensor, "b n"]:
    r"""Return each cue anew: as near to its vector as before, but with the direction of another cue's noise.

    A cue is $m x + r$, r orthogonal to its vector x. Whoever won because of r has to win again without it.

    Args:
        cues: of length 1, at least 2.
        own: the vector of each, of length 1.
        seed: of which cue takes whose noise.
    """
    m = (cues * own).sum(1, keepdim=True)
    noise = cues - m * own
    order = torch.randperm(len(cues), generator=derived(seed, 5))
    other = torch.empty_like(noise)
    other[order] = noise[order.roll(1)]
    other -= (other * own).sum(1, keepdim=True) * own
    other /= torch.linalg.vector_norm(other, dim=1, keepdim=True).clamp(min=1e-12)
    return m * own + (1 - m.square()).clamp(min=0).sqrt() * other


def halves(given: Input, seed: int) -> Tensor:
    """Return a mask of the cues that may set something.

    Half of those with an answer, half of those without.
    """
    fitting = torch.zeros(len(given.cues), dtype=torch.bool)
    kinds = [torch.ones_like(fitting)] if given.labels is None else [given.labels >= 0, given.labels < 0]
    for index, kind in enumerate(kinds):
        rows = kind.nonzero()[:, 0]
        order = torch.randperm(len(rows), generator=derived(seed, 3, index))
        fitting[rows[order[: len(rows) // 2]]] = True
    return fitting
