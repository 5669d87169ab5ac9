"""What an engram is in one layer: a matrix, two thin ones, or a share of each row."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import FileFormatError, InputError


class Delta(ABC):
    """A change of one weight matrix (g, o, e): e = in, or in + 1 with the bias as last column."""

    @abstractmethod
    def dense(self, weight: Tensor | None = None) -> Float[Tensor, "g o e"]:
        """Return the change in float64; a share needs the `weight` (g, o, in) that it is a share of."""

    @abstractmethod
    def scaled(self, factor: float) -> "Delta":
        """Return the change times a number."""

    @abstractmethod
    def plus(self, other: "Delta") -> "Delta":
        """Return the sum of two changes of one matrix."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """Return what a file must hold."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(t.nbytes for t in self.tensors().values())


@dataclass(frozen=True)
class Dense(Delta):
    """The whole matrix (g, o, e)."""

    matrix: Float[Tensor, "g o e"]

    def dense(self, weight: Tensor | None = None) -> Float[Tensor, "g o e"]:
        return self.matrix.double()

    def scaled(self, factor: float) -> "Delta":
        return Dense(self.matrix * factor)

    def plus(self, other: Delta) -> Delta:
        return Dense(self.matrix.double() + other.dense())

    def tensors(self) -> dict[str, Tensor]:
        return {"matrix": self.matrix}


@dataclass(frozen=True)
class LowRank(Delta):
    """left @ right, (g, o, r) and (g, r, e)."""

    left: Float[Tensor, "g o r"]
    right: Float[Tensor, "g r e"]

    def dense(self, weight: Tensor | None = None) -> Float[Tensor, "g o e"]:
        return self.left.double() @ self.right.double()

    def scaled(self, factor: float) -> "Delta":
        return LowRank(self.left * factor, self.right)

    def plus(self, other: Delta) -> Delta:
        if not isinstance(other, LowRank):
            return other.plus(self)
        left = torch.cat([self.left.double(), other.left.double()], dim=2)
        joined = LowRank(left, torch.cat([self.right.double(), other.right.double()], dim=1))
        return joined if joined.is_thin else Dense(joined.dense())

    @property
    def rank(self) -> int:
        """Number of directions r."""
        return self.left.shape[2]

    @property
    def is_thin(self) -> bool:
        """Whether the two factors hold fewer numbers than the matrix."""
        o, e = self.left.shape[1], self.right.shape[2]
        return self.rank * (o + e) < o * e

    def tensors(self) -> dict[str, Tensor]:
        return {"left": self.left, "right": self.right}


@dataclass(frozen=True)
class Share(Delta):
    """The share (d,) of each row of a table, or of each channel's gain, that belongs to the concept."""

    values: Float[Tensor, " d"]

    def dense(self, weight: Tensor | None = None) -> Float[Tensor, "g o e"]:
        if weight is None:
            raise InputError("a share of a table or gain is a change of a weight; give that weight")
        share, wide = self.values.double().to(weight.device), weight.double()
        # a table has one row per entry, a gain one column
        return wide * (share[None, :, None] if wide.shape[1] == len(share) and wide.shape[1] > 1 else share)

    def scaled(self, factor: float) -> "Delta":
        return Share(self.values * factor)

    def plus(self, other: Delta) -> Delta:
        return Share(self.values.double() + other.tensors()["share"].double())

    def tensors(self) -> dict[str, Tensor]:
        return {"share": self.values}


def from_tensors(held: dict[str, Tensor]) -> Delta:
    """Return the change whose `tensors()` are given.

    Raises:
        FileFormatError: where they belong to none.
    """
    if held.keys() == {"matrix"}:
        return Dense(held["matrix"])
    if held.keys() == {"left", "right"}:
        return LowRank(held["left"], held["right"])
    if held.keys() == {"share"}:
        return Share(held["share"])
    raise FileFormatError(f"no change of a layer is made of {', '.join(sorted(held))}")
