"""The projection rule: any linearly independent patterns, without error."""

from typing import Unpack

from memscape.core.cards import Card, register
from memscape.mechanisms.energies import PatternEnergy
from memscape.memories.gram_memory import GramMemory, inverse, rounding
from memscape.memories.pattern_memory import Reading, warn_load


@register
class Projection(GramMemory):
    """Stores patterns with the projection (pseudo-inverse) rule.

    $J = X^T (X X^T)^{-1} X$ without its diagonal. Before that is removed, J projects on the span of the
    patterns, so every linearly independent set is stored without error, however correlated, up to p = n;
    basins shrink to nothing there. The energy is the squared distance from that span, up to a constant:
    patterns are its global minima.

    Args:
        patterns: (p, n) entries +-1, or 0 where a pattern has no opinion; or None with `units`.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`.

    Store costs O(p^2 n); the factors O(p^3 + p^2 n) once, on first use; a recall O(pn) per cue and sweep.
    `forget` works on the exact integer Gram matrix and so gives bit for bit the memory that never saw the
    pattern.

    >>> import memscape as ms
    >>> X = ms.patterns.tree((4, 5), overlap=(0.0, 0.6), size=200, generator=0)
    >>> memory = ms.memories.Projection(X)
    >>> bool(memory.recall(X, generator=0).exact.all())
    True

    Personnaz, Guyon and Dreyfus 1985; Kanter and Sompolinsky 1987.
    """

    card = Card(
        name="Projection",
        paper="Personnaz, Guyon and Dreyfus 1985; Kanter and Sompolinsky 1987",
        parts="Bipolar x projection x quadratic x asynchronous descent",
        space="-1, +1; patterns may hold 0",
        capacity="n linearly independent patterns, whatever their correlations",
        cost="store O(p^2 n + p^3); recall O(bpn) per sweep; memory 9pn + 16p^2 bytes",
        limits="basins vanish as p nears n; not local, the factors are recomputed after store and forget",
    )

    def __init__(self, patterns: object = None, *, units: int | None = None, **reading: Unpack[Reading]):
        super().__init__(patterns, units, reading)

    def _build_energy(self) -> PatternEnergy:
        factor = inverse(self.gram)
        return PatternEnergy(self.patterns, factor, rounding=rounding(self.gram, factor))

    def _warn(self) -> None:
        super()._warn()
        warn_load(len(self), self.units, 1.0, "the projection rule", "Dense or Continuous hold more")
