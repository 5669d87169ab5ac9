"""Which directions of a layer's inputs are worth protecting: singular vectors, or what Oja's rule learns."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.mechanisms.subspace import Oja, Subspace, principal


@runtime_checkable
class Learner(Protocol):
    """Something that sees rows and then names a subspace."""

    def see(self, x: Float[Tensor, "b n"]) -> None:
        """Learn from rows, in place."""

    def subspace(self) -> Subspace:
        """Return what was learned, on top of what was known."""


class Basis(ABC):
    """A law that picks directions. Bases are frozen values."""

    @abstractmethod
    def learner(self, known: Subspace, generator: torch.Generator) -> Learner:
        """Return a fresh learner for one layer, whose known directions are given."""


@dataclass(frozen=True)
class Singular(Basis):
    """The leading singular vectors of all rows seen: gradient projection memory (GPM, Saha et al. 2021).

    Args:
        rank: directions that one call of `protect` adds at most; None sets no limit.
        share: add until this share of the rows' squared length is held, those known before counted in.

    Raises:
        InputError: without a rank and a share, or for values out of range.

    Cost: O(n^2) memory for each layer, O(b n^2) for rows seen, O(n^3) once.

    >>> Singular(rank=30)
    Singular(rank=30, share=None)
    """

    rank: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if self.rank is None and self.share is None:
            raise InputError("give rank, share or both: how many directions, or how much they have to hold")
        if self.rank is not None:
            require_count(self.rank, "rank")
        if self.share is not None and not 0 < self.share <= 1:
            raise InputError(f"share is {self.share}; it must lie in (0, 1]")

    def learner(self, known: Subspace, generator: torch.Generator) -> "Learner":
        return _Moments(self, known)


class _Moments:
    """Sums second moments of rows; their square root has the same singular vectors as the rows."""

    def __init__(self, basis: Singular, known: Subspace):
        self.basis, self.known = basis, known
        self.moment = torch.zeros(known.units, known.units, dtype=torch.float64)

    def see(self, x: Float[Tensor, "b n"]) -> None:
        wide = x.detach().cpu()
        self.moment += (wide.T @ wide).double()

    def subspace(self) -> Subspace:
        values, vectors = torch.linalg.eigh(self.moment)
        # what is below float32's rounding of the sums is noise, no direction of the data
        kept = values > 1e-7 * values[-1]
        if not bool(kept.any()):
            return self.known
        root = (vectors[:, kept] * values[kept].sqrt()).T.flip(0)
        return principal(
            root.to(self.known.basis), self.basis.rank, share=self.basis.share, beyond=self.known
        )


@dataclass(frozen=True)
class Lateral(Basis):
    """What lateral weights learn by Oja's rule while rows stream by (HLOP, Xiao et al. 2024).

    Args:
        rank: directions that one call of `protect` adds.
        rate, passes: as in `mechanisms.Oja`.

    Raises:
        InputError: for counts below 1, or a rate that is not above 0.

    Cost: O(k n) memory for each layer, O(passes b k n) for rows seen.

    >>> Lateral(rank=30).passes
    3
    """

    rank: int
    rate: float = 2.0
    passes: int = 3

    def __post_init__(self) -> None:
        require_count(self.rank, "rank")
        require_count(self.passes, "passes")
        if not 0 < self.rate < float("inf"):
            raise InputError(f"rate is {self.rate}; it must be a finite number above 0")

    def learner(self, known: Subspace, generator: torch.Generator) -> "Learner":
        return Oja(
            known.units, self.rank, beyond=known, rate=self.rate, passes=self.passes, generator=generator
        )
