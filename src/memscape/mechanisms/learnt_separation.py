"""A separation function that was learnt: one family of bases, and its coefficients."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.mechanisms.bases import basis
from memscape.mechanisms.separation import Additive


@dataclass(frozen=True)
class LearntSeparation(Additive):
    """$F(o) = \\sum_k c_k B_k(o / n)$, the function of a pruned edge as the shape of a dense memory's wells.

    Args:
        family: a name of `bases.FAMILIES`.
        coefficients: c.
        units: n, the width of the memory that it is for.
        low, high: overlaps between which it was learnt; F is flat beyond. None is -n, n.

    Raises:
        InputError: for an unknown family, fewer than 4 coefficients or ones that are not finite.

    >>> cubic = LearntSeparation("chebyshev", (0.0, 0.75, 0.0, 0.25), units=10)  # x^3 = (3 T_1 + T_3) / 4
    >>> cubic.value(torch.tensor([10.0, 5.0]))
    tensor([1.0000, 0.1250])
    """

    family: str
    coefficients: Sequence[float]
    units: int
    low: int | None = None
    high: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "coefficients", tuple(float(c) for c in self.coefficients))
        require_count(self.units, "units")
        low, high = self._ends()
        if not -self.units <= low < high <= self.units:
            raise InputError(f"F is learnt from {low} to {high}; the ends must rise within +-{self.units}")
        if not torch.tensor(self.coefficients).isfinite().all():
            raise InputError("a coefficient is not finite; learn again at a lower rate")
        basis(self.family, torch.zeros(1), len(self.coefficients))  # refuses names and sizes

    def _ends(self) -> tuple[int, int]:
        return (
            -self.units if self.low is None else self.low,
            self.units if self.high is None else self.high,
        )

    def value(self, overlaps: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        dtype = overlaps.dtype if overlaps.is_floating_point() else torch.float32
        x = overlaps.to(dtype).clamp(*self._ends()) / self.units
        values = basis(self.family, x, len(self.coefficients))
        return values @ torch.tensor(self.coefficients, dtype=dtype, device=x.device)

    def weights(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        kept = overlaps.requires_grad
        with torch.enable_grad():
            o = overlaps if kept else overlaps.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self.value(o).sum(), o, create_graph=kept)
        return slope

    def __repr__(self) -> str:
        return f"LearntSeparation({self.family}, {len(self.coefficients)} coefficients, units={self.units})"
