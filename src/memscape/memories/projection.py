"""The projection rule: any linearly independent patterns, without error."""

from typing import Unpack

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import lapack
from torch import Tensor

from memscape.core.cards import Card, register
from memscape.mechanisms.energies import PatternEnergy
from memscape.memories.pattern_memory import Reading, warn_dependent, warn_load
from memscape.memories.quadratic_memory import QuadraticMemory


@register
class Projection(QuadraticMemory):
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

    gram: Tensor

    def __init__(self, patterns: object = None, *, units: int | None = None, **reading: Unpack[Reading]):
        super().__init__(patterns, units, reading)

    def _start(self, units: int) -> None:
        super()._start(units)
        self.register_buffer("gram", torch.zeros(0, 0, dtype=torch.float64))

    def _add(self, patterns: Tensor) -> None:
        old, new = self.patterns.float(), patterns.float()  # whole numbers below 2^24: exact in float32
        across, within = (new @ old.T).double(), (new @ new.T).double()
        top = torch.cat([self.gram, across.T], 1)
        self.gram = torch.cat([top, torch.cat([across, within], 1)])
        super()._add(patterns)

    def _keep(self, rows: Tensor) -> None:
        super()._keep(rows)
        self.gram = self.gram[rows][:, rows]

    def _build_energy(self) -> PatternEnergy:
        inverse, _ = _inverse(self.gram)
        return PatternEnergy(self.patterns, inverse)

    def _warn(self) -> None:
        remedy = "Dense or Continuous hold more"
        warn_load(len(self), self.units, 1.0, "the projection rule", remedy)
        warn_dependent(dependent(self.gram), "equal to or linear combinations of others")

    @property
    def condition(self) -> float:
        """The condition number of the patterns' correlation matrix.

        Infinite where they depend on each other.
        """
        return float(torch.linalg.cond(self.gram))


def _inverse(gram: Float[Tensor, "p p"]) -> tuple[Tensor, bool]:
    """Return the (pseudo-)inverse of a Gram matrix of whole numbers, and whether it has full rank."""
    if not dependent(gram):
        factor, info = torch.linalg.cholesky_ex(gram)
        if not bool(info):
            return torch.cholesky_inverse(factor), True
    return torch.linalg.pinv(gram, hermitian=True, rtol=1e-12), False


def dependent(gram: Float[Tensor, "p p"]) -> list[int]:
    """Return patterns to leave out so that the rest is linearly independent.

    By a pivoted Cholesky factorisation. Of two equal patterns the later one is named. O(p^3).
    """
    if not len(gram):
        return []
    _, pivots, rank, _ = lapack.dpstrf(  # ty: ignore[missing-attribute]
        gram.cpu().numpy(), tol=1e-10 * float(gram.diagonal().max()), lower=1
    )
    return sorted(int(i) - 1 for i in np.asarray(pivots)[rank:])
