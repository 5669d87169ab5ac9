"""Storkey's rule: local, incremental, and more capacious than Hebb's."""

from typing import Unpack

import torch
from torch import Tensor

from memscape.core.arrays import require_memory
from memscape.core.cards import Card, register
from memscape.mechanisms.energies import Couplings
from memscape.mechanisms.writing import storkey
from memscape.memories.pattern_memory import Reading, warn_load
from memscape.memories.quadratic_memory import QuadraticMemory


@register
class Storkey(QuadraticMemory):
    """Stores patterns one by one with Storkey's rule: each writes Hebb's term minus what is already there.

    With $h_{ij} = \\sum_{k \\neq i,j} J_{ik} \\xi_k$ each pattern adds
    $\\frac1n(\\xi_i \\xi_j - \\xi_i h_{ji} - h_{ij} \\xi_j)$ to $J_{ij}$. The couplings depend on the order
    of storing.

    Args:
        patterns: (p, n) entries +-1, or 0 where a pattern has no opinion; or None with `units`.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`.

    Store costs O(n^2) per pattern, 8 n^2 bytes; `forget` stores the rest anew, O(p n^2); a recall O(n) per
    flip.

    Raises:
        SizeError: where the couplings would not fit in memory.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(40, 200, generator=0)
    >>> bool(ms.memories.Storkey(X).recall(X, generator=0).exact.all())
    True

    Storkey 1997.
    """

    card = Card(
        name="Storkey",
        paper="Storkey 1997",
        parts="Bipolar x Storkey's rule x quadratic x asynchronous descent",
        space="-1, +1; patterns may hold 0",
        capacity="about n / sqrt(2 ln n) independent patterns",
        cost="store O(pn^2); recall O(n^2) per cue and O(n) per flip; memory 8n^2 + pn bytes",
        limits="depends on the order of storing; forgetting rebuilds",
    )

    couplings: Tensor

    def __init__(self, patterns: object = None, *, units: int | None = None, **reading: Unpack[Reading]):
        super().__init__(patterns, units, reading)

    def _start(self, units: int) -> None:
        super()._start(units)
        remedy = "use Hebbian, Projection or Dense, which build no couplings"
        require_memory(24 * units * units, f"Storkey's couplings of {units:,} units", remedy)
        self.register_buffer("couplings", torch.zeros(units, units, dtype=torch.float64))

    def _add(self, patterns: Tensor) -> None:
        super()._add(patterns)
        for pattern in patterns.double():
            self.couplings = storkey(self.couplings, pattern)

    def _keep(self, rows: Tensor) -> None:
        rest = self.patterns[rows]
        self._start(self.units)
        self.to(rest.device)
        if len(rest):
            self._add(rest)

    def _build_energy(self) -> Couplings:
        return Couplings(self.couplings, patterns=self.patterns)

    def _warn(self) -> None:
        n = self.units
        critical = 1 / (2 * torch.tensor(float(max(n, 3))).log().item()) ** 0.5
        warn_load(len(self), n, critical, "Storkey's rule", "Projection keeps up to n")
