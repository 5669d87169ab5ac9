"""Subspaces: the directions that activity lives in, by singular vectors or Hebbian learning.

A weight matrix W (out, n) answers an input x in the subspace as before exactly if its change has no component
there, $\\Delta W U^T U = 0$. That one projection is orthogonal gradient projection (GPM, Saha et al. 2021),
Hebbian orthogonal projection (HLOP, Xiao et al. 2024) and null-space editing.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve

CLIP = 10.0
"""Largest Hebbian change of one weight in one step (Xiao et al. 2024)."""

DEPENDENT = 1e-6
"""Rows whose part outside a subspace is smaller than this share of their length add no direction to it."""


@dataclass(frozen=True)
class Subspace:
    """The span of the rows of `basis` (r, n), which are orthonormal; r may be 0.

    >>> import torch
    >>> plane = Subspace.empty(3).extended(torch.tensor([[2.0, 0.0, 0.0], [1.0, 1.0, 0.0]]))
    >>> plane.outside(torch.tensor([[1.0, 2.0, 3.0]]))
    tensor([[0., 0., 3.]])
    """

    basis: Float[Tensor, "r n"]

    @classmethod
    def empty(cls, units: int, dtype: torch.dtype = torch.float32) -> "Subspace":
        """Return the subspace of `units` dimensions that holds the origin only."""
        return cls(torch.zeros(0, require_count(units, "units"), dtype=dtype))

    @property
    def rank(self) -> int:
        """The number of its dimensions, r."""
        return len(self.basis)

    @property
    def units(self) -> int:
        """The number of dimensions around it, n."""
        return self.basis.shape[1]

    def inside(self, x: Float[Tensor, "... n"]) -> Float[Tensor, "... n"]:
        """Return the part of rows that lies in the subspace, $x U^T U$. O(b r n)."""
        basis = self.basis.to(x)
        return (x @ basis.T) @ basis

    def outside(self, x: Float[Tensor, "... n"]) -> Float[Tensor, "... n"]:
        """Return the part of rows that is orthogonal to the subspace, $x - x U^T U$. O(b r n)."""
        return x - self.inside(x)

    def captured(self, x: Float[Tensor, "b n"]) -> float:
        """Return the share of the squared length of rows that lies in the subspace, in [0, 1]. O(b r n)."""
        return float((x @ self.basis.to(x).T).double().square().sum() / x.double().square().sum())

    def extended(self, rows: Float[Tensor, "k n"]) -> "Subspace":
        """Return the span of the subspace and `rows`.

        Rows that lie in it already add nothing. O((r + k)^2 n).
        """
        if rows.shape[-1] != self.units:
            raise InputError(f"the rows have {rows.shape[-1]} units; this subspace lies in {self.units}")
        rows = rows.double()
        lengths = rows.norm(dim=1).clamp_min(1e-300)
        fresh = self.outside(self.outside(rows / lengths[:, None]))  # twice: Gram-Schmidt loses digits once
        _, values, directions = torch.linalg.svd(fresh, full_matrices=False)
        keep = directions[values > DEPENDENT][: self.units - self.rank]
        return Subspace(torch.cat([self.basis, keep.to(self.basis)]))


def principal(
    x: Float[Tensor, "b n"],
    rank: int | None = None,
    *,
    share: float | None = None,
    beyond: Subspace | None = None,
) -> Subspace:
    """Return the subspace of the leading right singular vectors of rows, optionally on top of another.

    Args:
        x: (b, n) rows, such as the inputs of a layer.
        rank: how many directions to add at most; None sets no limit.
        share: add directions until this share of the squared length of `x` is captured, in (0, 1].
        beyond: a subspace to extend; the directions are those of what lies outside it.

    Returns:
        `beyond` and the new directions; one of `rank` and `share` has to be given.

    Raises:
        InputError: if neither is given, or `share` is outside (0, 1].

    Cost: O(b n min(b, n)).

    >>> import torch
    >>> rows = torch.tensor([[3.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    >>> principal(rows, 1).basis.abs(), principal(rows, share=0.95).rank
    (tensor([[1., 0., 0.]]), 2)
    """
    if rank is None and share is None:
        raise InputError("give rank, share or both: how many directions, or how much they have to capture")
    if share is not None and not 0 < share <= 1:
        raise InputError(f"share is {share}; it must lie in (0, 1]")
    start = Subspace.empty(x.shape[-1], x.dtype) if beyond is None else beyond
    rest = start.outside(x.double())
    if not bool(rest.any()):
        return start
    _, values, directions = torch.linalg.svd(rest, full_matrices=False)
    count = int((values > DEPENDENT * values[0]).sum())
    if share is not None:
        held = x.double().square().sum() - rest.square().sum() + values.square().cumsum(0)
        enough = held >= share * x.double().square().sum() * (1 - 1e-12)
        count = min(count, int((~enough).sum()) + 1)
        if start.rank and float(held[0] - values[0] ** 2) >= share * float(x.double().square().sum()):
            count = 0
    count = count if rank is None else min(count, require_count(rank, "rank"))
    return start.extended(directions[:count].to(x.dtype))


def oja_change(rows: Float[Tensor, "k n"], x: Float[Tensor, "b n"]) -> Float[Tensor, "k n"]:
    """Return Hebbian minus anti-Hebbian change of lateral weights H (k, n), which learn a subspace. O(b k n).

    $\\Delta H = \\frac1b\\, y^T (x - y H)$ with $y = x H^T$, clipped to +-10: Oja's subspace rule (Oja 1989),
    the form of Xiao et al. (2024). It is zero exactly where the rows of H are an orthonormal basis of a
    subspace that the second moment of x maps into itself, and stable only at the leading one.

    >>> import torch
    >>> oja_change(torch.tensor([[1.0, 0.0]]), torch.tensor([[2.0, 0.0]]))
    tensor([[0., 0.]])
    """
    answer = x @ rows.T
    return (answer.T @ (x - answer @ rows) / len(x)).clamp(-CLIP, CLIP)


class Oja:
    """Lateral weights that learn the leading subspace of a stream of rows, batch by batch.

    Each batch makes `passes` steps of `oja_change` with momentum, $m \\leftarrow .9 m + .1 \\Delta H$,
    $H \\leftarrow H + \\eta m$ (Xiao et al. 2024). What lies in `beyond` is not seen. The rate is relative to
    the mean squared length of the rows, so that one rate serves layers of any width and scale.

    Args:
        units: n, the width of the rows.
        rank: k, the number of directions to learn.
        beyond: a subspace that is learned already.
        rate: step size times mean squared length; above about 2 the rule is unstable.
        passes: steps for each batch.
        generator: of the orthonormal start.

    Cost: O(passes b k n) for each batch.

    >>> import torch
    >>> x = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1.0, 0.1])
    >>> oja = Oja(3, 1, generator=0)
    >>> for batch in x.split(50):
    ...     oja.see(batch)
    >>> round(oja.subspace().captured(x), 1)
    0.9
    """

    def __init__(
        self,
        units: int,
        rank: int,
        *,
        beyond: Subspace | None = None,
        rate: float = 0.5,
        passes: int = 3,
        generator: Generator = None,
    ):
        self.beyond = Subspace.empty(units) if beyond is None else beyond
        rank = min(require_count(rank, "rank"), units - self.beyond.rank)
        start = torch.randn(max(rank, 1), units, generator=resolve(generator))
        self.rows = Subspace.empty(units).extended(self.beyond.outside(start.to(self.beyond.basis))).basis
        self.rows = self.rows.to(self.beyond.basis)[:rank]
        self.rate, self.passes = rate, require_count(passes, "passes")
        self._momentum = torch.zeros_like(self.rows)

    def see(self, x: Float[Tensor, "b n"]) -> None:
        """Learn from one batch of rows, in place."""
        x = self.beyond.outside(x.detach().to(self.rows))
        scale = float(x.square().sum(1).mean())
        if scale == 0.0 or not len(self.rows):
            return
        for _ in range(self.passes):
            change = oja_change(self.rows, x / scale**0.5)
            self._momentum = 0.9 * self._momentum + 0.1 * change
            self.rows = self.rows + self.rate * self._momentum

    def subspace(self) -> Subspace:
        """Return the learned directions on top of those known before, orthonormal."""
        return self.beyond.extended(self.rows) if len(self.rows) else self.beyond
