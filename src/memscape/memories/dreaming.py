"""Dreaming: between Hebb's rule and the projection rule."""

from typing import Unpack

import torch

from memscape.core.arrays import require_fraction
from memscape.core.cards import Card, register
from memscape.mechanisms.energies import PatternEnergy
from memscape.memories.gram_memory import GramMemory
from memscape.memories.pattern_memory import Reading


@register
class Dreaming(GramMemory):
    """Stores patterns with Hebb's rule, then unlearns spurious states for a while, in closed form.

    $J(t) = \\frac{1+t}{n} X^T (I + tC)^{-1} X$ without its diagonal, $C = X X^T / n$. At t = 0 it is Hebb's
    rule, as t grows it goes to the projection rule (the distance falls as 1/t), and its critical load from
    .14 to 1.

    Args:
        patterns: (p, n) entries +-1, or 0 where a pattern has no opinion; or None with `units`.
        time: t, how long it dreams, at least 0.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`.

    Store costs O(p^2 n); the factors O(p^3 + p^2 n) once, on first use; a recall O(pn) per cue and sweep.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(60, 200, generator=0)
    >>> memory = ms.memories.Dreaming(X, time=5.0)
    >>> bool(memory.recall(X, generator=0).exact.all())
    True

    Fachechi, Agliari and Barra 2019 (arXiv 1810.12217).
    """

    card = Card(
        name="Dreaming",
        paper="Fachechi, Agliari and Barra 2019 (arXiv 1810.12217)",
        parts="Bipolar x dreaming (unlearning in closed form) x quadratic x asynchronous descent",
        space="-1, +1; patterns may hold 0",
        capacity="from .138 n (t = 0) to n (t to infinity) independent patterns",
        cost="store O(p^2 n + p^3); recall O(bpn) per sweep; memory 9pn + 16p^2 bytes",
        limits="not local; the factors are recomputed after store and forget",
    )

    _options = ("time",)

    def __init__(
        self,
        patterns: object = None,
        *,
        time: float = 1.0,
        units: int | None = None,
        **reading: Unpack[Reading],
    ):
        self.time = require_fraction(time, "time", high=1e12)
        super().__init__(patterns, units, reading)

    def _build_energy(self) -> PatternEnergy:
        n = self.units
        if self.time == 0:
            return PatternEnergy(self.patterns, 1.0 / n)
        one = torch.eye(len(self), dtype=torch.float64, device=self.gram.device)
        mixing = torch.cholesky_inverse(torch.linalg.cholesky(one + self.time / n * self.gram))
        return PatternEnergy(self.patterns, mixing * ((1 + self.time) / n))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, time={self.time:g}"
