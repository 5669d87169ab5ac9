"""Hebb's rule: the memory of Hopfield 1982."""

from typing import Unpack

from memscape.core.cards import Card, register
from memscape.mechanisms.energies import PatternEnergy
from memscape.memories.pattern_memory import Reading, warn_load
from memscape.memories.quadratic_memory import QuadraticMemory
from memscape.theory import hopfield as theory


@register
class Hebbian(QuadraticMemory):
    """Stores patterns with Hebb's rule, $J_{ij} = \\frac1n \\sum_\\mu \\xi_i^\\mu \\xi_j^\\mu$, $J_{ii} = 0$.

    Holds .138 n independent patterns with about 3 % of the bits wrong at the limit; correlated patterns
    destroy it (use `Projection`). Couplings are never built and stay integers inside, so ties and fixed
    points are exact.

    Args:
        patterns: (p, n) entries +-1, or 0 where a pattern has no opinion; or None with `units`.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`.

    Store costs O(pn) bytes and no arithmetic; a recall O(pn) per cue and sweep.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(5, 200, generator=0)
    >>> memory = ms.memories.Hebbian(X)
    >>> memory.recall(ms.patterns.flip(X, fraction=0.1, generator=1), generator=2).match
    tensor([0, 1, 2, 3, 4])

    Hopfield 1982; capacity: Amit, Gutfreund and Sompolinsky 1985.
    """

    card = Card(
        name="Hebbian",
        paper="Hopfield 1982; Amit, Gutfreund and Sompolinsky 1985",
        parts="Bipolar x Hebb x quadratic x asynchronous descent",
        space="-1, +1; patterns may hold 0",
        capacity=".138 n independent patterns (n to infinity); n / (2 ln n) without error",
        cost="store O(pn); recall O(bpn) per sweep; memory pn bytes",
        limits="fails on correlated patterns; stores the negatives too",
    )

    def __init__(self, patterns: object = None, *, units: int | None = None, **reading: Unpack[Reading]):
        super().__init__(patterns, units, reading)

    def _build_energy(self) -> PatternEnergy:
        return PatternEnergy(self.patterns, 1.0 / self.units)

    def _warn(self) -> None:
        remedy = "Projection keeps up to n (basins shrink with the load), Dense far more"
        warn_load(len(self), self.units, theory.critical_load(), "Hebb's rule", remedy)
