"""Quadratic memories whose couplings follow from the patterns' Gram matrix."""

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import lapack
from torch import Tensor

from memscape.memories.pattern_memory import Reading, warn_dependent
from memscape.memories.quadratic_memory import QuadraticMemory


class GramMemory(QuadraticMemory):
    """Keeps $G = X X^T$ of its patterns, in whole numbers, beside them.

    G is exact, so a pattern is forgotten by deleting its row and column: bit for bit the memory that never
    saw it. Store costs O(p^2 n).
    """

    gram: Tensor

    def __init__(self, patterns: object, units: int | None, reading: Reading):
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

    def _warn(self) -> None:
        warn_dependent(dependent(self.gram), "equal to or linear combinations of others")

    @property
    def condition(self) -> float:
        """The condition number of the Gram matrix; infinite where patterns depend on each other."""
        return float("inf") if dependent(self.gram) else float(torch.linalg.cond(self.gram))


def inverse(gram: Float[Tensor, "p p"]) -> Float[Tensor, "p p"]:
    """Return the inverse of a Gram matrix, the pseudo-inverse where rows depend. O(p^3)."""
    factor, info = torch.linalg.cholesky_ex(gram)
    if not bool(info) and not dependent(gram):
        return torch.cholesky_inverse(factor)
    return torch.linalg.pinv(gram, hermitian=True, rtol=1e-12)


def rounding(gram: Float[Tensor, "p p"], inverse: Float[Tensor, "p p"]) -> float:
    """Return how far the rounding of an inverse may shift a field: its condition number times epsilon.

    Where nearly all of a unit is determined by the others (p near n, or dependent patterns) its true field is
    about 0, and what is left of it is this rounding. The condition number is the 1-norm one. O(p^2).
    """
    condition = float(gram.abs().sum(0).max() * inverse.abs().sum(0).max())
    return torch.finfo(torch.float64).eps * condition


def dependent(gram: Float[Tensor, "p p"]) -> list[int]:
    """Return patterns to leave out so that the rest is linearly independent.

    By a pivoted Cholesky factorisation. Of two equal patterns the later one is named. O(p^3).
    """
    if not len(gram):
        return []
    tolerance = 1e-10 * float(gram.diagonal().max())
    _, pivots, rank, _ = lapack.dpstrf(gram.cpu().numpy(), tol=tolerance, lower=1)  # ty: ignore[missing-attribute]
    return sorted(int(i) - 1 for i in np.asarray(pivots)[rank:])
