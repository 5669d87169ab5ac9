"""From second moments to the share of a weight matrix that holds a concept."""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float
from scipy.linalg import lapack
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.engrams.deltas import Delta, Dense, LowRank, Share
from memscape.engrams.handlers import FULL, Part
from memscape.engrams.inputs import InputMoments, ordered
from memscape.engrams.labelling import Concept
from memscape.engrams.moments import WIDE, Diagonal, Rows

RIDGE = 0.3
"""The default ridge in units of the mean diagonal of the total, for the default `ORDER`.

Both were found with `python -m benchmarks.ridge` on generated pictures, mixtures and wine, by what is left of
an erased class and what the others lose; docs/concepts/engrams.md has the table.
"""
ORDER = 2
"""How often the default solves: each time for what the solves before have left."""
GUARD = 1e-9
"""Keeps the share of a token that never came at 0 / 0 = 0."""
KEPT = 2**28
"""Bytes of factors that are kept for the next concept."""
CHUNK = 2**25
"""Bytes of a weight's rows that are solved at a time: rows do not see each other."""


@dataclass(frozen=True, kw_only=True)
class Solution:
    """How an engram is computed from the statistics.

    Attributes:
        solver: "ridge" (default), "pinv" (the published estimator: eigenvalues above `rtol` of the largest),
            or "nullspace" (hard: only directions in which the reference is silent; fragile).
        ridge: epsilon, relative to the mean diagonal of the total; at least 0.
        order: how often the ridge is solved, at least 1, each time for what is left: with
            $R = (\\Sigma^+ + \\lambda\\Sigma^- + \\varepsilon I)^{-1}$ order 2 is $R + \\varepsilon R^2$.
            It damps small directions as a larger epsilon does and takes less from the large ones.
        rtol: cut of "pinv" and "nullspace", relative to the largest eigenvalue.
        reference_weight: lambda, the weight of the reference rows; above 1 spares more, below 1 erases more.
        bias: edit biases too, as the weight of an appended 1; None is True for "ridge", False else.
        rank: keep this many directions per layer, the best ones on the data; None keeps all.
    """

    solver: str = "ridge"
    ridge: float = RIDGE
    order: int = ORDER
    rtol: float = 1e-6
    reference_weight: float = 1.0
    bias: bool | None = None
    rank: int | None = None

    def __post_init__(self) -> None:
        if self.solver not in ("ridge", "pinv", "nullspace"):
            raise InputError(f"solver is {self.solver!r}; it must be 'ridge', 'pinv' or 'nullspace'")
        for name, low in (("ridge", 0.0), ("rtol", 0.0)):
            value = getattr(self, name)
            if not low <= value < float("inf"):
                raise InputError(f"{name} is {value}; it must be a finite number of at least {low:g}")
        if not 0 < self.reference_weight < float("inf"):
            raise InputError(
                f"reference_weight is {self.reference_weight}; it must be a finite number above 0"
            )
        require_count(self.order, "order")
        if self.rank is not None:
            require_count(self.rank, "rank")

    @property
    def absorbs(self) -> bool:
        """Whether biases are edited."""
        return self.solver == "ridge" if self.bias is None else self.bias

    @property
    def additive(self) -> bool:
        """Whether the engram of a union is the sum of the engrams: lambda 1, one total, one ridge."""
        return self.reference_weight == 1.0 and self.solver != "nullspace"

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values."""
        return asdict(self)


class Inverse(ABC):
    """What takes the place of $T^{-1}$: `back` of `whiten`, lengths between them being lengths of outputs."""

    @abstractmethod
    def apply(self, rows: Float[Tensor, "g o e"]) -> Float[Tensor, "g o e"]:
        """Return rows $T^{-1}$."""

    @abstractmethod
    def whiten(self, rows: Float[Tensor, "g o e"]) -> Float[Tensor, "g o k"]:
        """Return what `back` turns into rows $T^{-1}$."""

    @abstractmethod
    def back(self, rows: Float[Tensor, "g r k"]) -> Float[Tensor, "g r e"]:
        """Return rows that were whitened as rows of a weight."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes held."""


@dataclass(frozen=True)
class CholeskyInverse(Inverse):
    """Iterated Tikhonov regularisation of an order, from the Cholesky factor L of the total and its ridge."""

    factor: Float[Tensor, "g e e"]
    ridge: Float[Tensor, "g 1 1"]
    order: int = 1

    def apply(self, rows: Float[Tensor, "g o e"]) -> Float[Tensor, "g o e"]:
        return self._solved(self._corrected(rows))

    def whiten(self, rows: Float[Tensor, "g o e"]) -> Float[Tensor, "g o k"]:
        wanted = self._corrected(rows).transpose(1, 2)
        return torch.linalg.solve_triangular(self.factor, wanted, upper=False).transpose(1, 2)

    def back(self, rows: Float[Tensor, "g r k"]) -> Float[Tensor, "g r e"]:
        return torch.linalg.solve_triangular(self.factor, rows, upper=False, left=False)

    @property
    def nbytes(self) -> int:
        return self.factor.nbytes

    def _corrected(self, rows: Tensor) -> Tensor:
        made = rows
        for _ in range(self.order - 1):  # what a solve leaves is the ridge times what it gives
            made = self._solved(made).mul_(self.ridge).add_(rows)
        return made

    def _solved(self, rows: Tensor) -> Tensor:
        if self.factor.device.type != "cpu":
            return torch.cholesky_solve(rows.transpose(1, 2), self.factor).transpose(1, 2)
        made = rows.clone(memory_format=torch.contiguous_format)
        for block, right in zip(self.factor.numpy(), made.numpy(), strict=True):
            # rows in memory are columns to LAPACK: neither the factor nor the rows are copied
            lapack.dpotrs(block.T, right.T, lower=0, overwrite_b=1)  # ty: ignore[missing-attribute]
        return made


@dataclass(frozen=True)
class EigenInverse(Inverse):
    """By a root (g, e, k) from eigenvectors, those of small eigenvalues left out."""

    root: Float[Tensor, "g e k"]

    def apply(self, rows: Float[Tensor, "g o e"]) -> Float[Tensor, "g o e"]:
        return self.back(self.whiten(rows))

    def whiten(self, rows: Float[Tensor, "g o e"]) -> Float[Tensor, "g o k"]:
        return rows @ self.root

    def back(self, rows: Float[Tensor, "g r k"]) -> Float[Tensor, "g r e"]:
        return rows @ self.root.transpose(1, 2)

    @property
    def nbytes(self) -> int:
        return self.root.nbytes


class Inverses:
    """The factors of one collection that are kept for the next concept, up to `KEPT` bytes."""

    def __init__(self) -> None:
        self._held: OrderedDict[tuple, Inverse] = OrderedDict()

    def get(self, key: tuple, make: Callable[[], Inverse]) -> Inverse:
        """Return the factor of a key, made where it is not held."""
        if key not in self._held:
            self._held[key] = make()
            while sum(inverse.nbytes for inverse in self._held.values()) > KEPT and len(self._held) > 1:
                self._held.popitem(last=False)
        made = self._held[key]
        if made.nbytes > KEPT:
            del self._held[key]
        return made


def solve(
    moments: InputMoments,
    part: Part,
    weight: Float[Tensor, "g o e"],
    shares: dict[Concept, float],
    solution: Solution,
    inverses: Inverses,
    key: tuple,
) -> Delta:
    """Return the engram of $\\sum_c a_c \\Sigma_c$ in one layer.

    Args:
        moments: of the layer's input.
        part: how the layer's weight is read.
        weight: (groups, out, in), or in + 1 with the bias as last column, in the model's own precision.
        shares: $a_c$ by concept; all 1 where the solution is not additive.
        solution: solver, ridge, lambda, rank.
        inverses: factors that are kept.
        key: names the input among them.

    Sums run over concepts in their canonical order, so the order of a user's additions cannot be seen.
    O(d^3 / 3) for a new total, O(m o d^2) for each concept at order m, O(m n d^2) where the concept kept n
    rows only.
    """
    present = {c: shares[c] for c in ordered(shares) if c in moments.concepts}
    if part.kind != FULL:
        return Share(_shares(moments, present, solution))
    bias = weight.shape[2] > part.width
    if solution.solver == "nullspace":
        return _hard(moments, weight.double(), present, solution, bias)
    if solution.additive:
        held = (*key, bias, solution.solver, solution.ridge, solution.order, solution.rtol)
        inverse = inverses.get(held, lambda: _inverse(moments.total(bias), solution))
    else:
        inverse = _inverse(_weighted(moments, present, solution, bias), solution)
    if solution.rank is None and (thin := _thin(moments, weight, present, inverse, bias)) is not None:
        return thin
    if solution.rank is None or solution.rank >= min(weight.shape[1:]):
        return Dense(_by_rows(moments, weight, present, inverse, bias))
    return _truncated(_target(moments, weight.double(), present, bias), inverse, solution.rank)


def _by_rows(
    moments: InputMoments, weight: Tensor, shares: dict[Concept, float], inverse: Inverse, bias: bool
) -> Tensor:
    """Return $W \\Sigma^+ T^{-1}$, some rows of W at a time, so that wide copies stay small."""
    made = torch.empty_like(weight, dtype=torch.float64, memory_format=torch.contiguous_format)
    step = max(1, CHUNK // (8 * weight.shape[0] * weight.shape[2]))
    for start in range(0, weight.shape[1], step):
        some = weight[:, start : start + step].double()
        made[:, start : start + step] = inverse.apply(_target(moments, some, shares, bias))
    return made


def _target(moments: InputMoments, weight: Tensor, shares: dict[Concept, float], bias: bool) -> Tensor:
    """Return $W \\Sigma^+$."""
    made = torch.zeros_like(weight)
    for concept, share in shares.items():
        made += share * moments.concepts[concept].times(weight, bias)
    return made


def _thin(
    moments: InputMoments, weight: Tensor, shares: dict[Concept, float], inverse: Inverse, bias: bool
) -> LowRank | None:
    """Return $(W X^+)(X^{+T} T^{-1})$ where the concepts kept few rows: no matrix of the weight's size."""
    held = [(share, moments.concepts[c]) for c, share in shares.items()]
    if not all(isinstance(moment, Rows) for _, moment in held):
        return None
    count = sum(moment.rows.shape[1] for _, moment in held if isinstance(moment, Rows))
    if count * (weight.shape[1] + weight.shape[2]) >= weight.shape[1] * weight.shape[2]:
        return None  # two factors would be larger than their product
    keys = [moment.keys(bias) for _, moment in held if isinstance(moment, Rows)]
    wide = weight.double()
    joined = torch.cat(keys, dim=1) if keys else wide.new_zeros(wide.shape[0], 0, wide.shape[2])
    scale = [k.new_full((k.shape[1],), share) for k, (share, _) in zip(keys, held, strict=True)]
    left = (wide @ joined.transpose(1, 2)) * (torch.cat(scale) if scale else 1.0)
    return LowRank(left, inverse.apply(joined))


def _truncated(target: Tensor, inverse: Inverse, rank: int) -> LowRank:
    """Return the matrix of this rank whose outputs on the data are nearest to the engram's."""
    u, s, v = torch.linalg.svd(inverse.whiten(target), full_matrices=False)
    return LowRank(u[:, :, :rank] * s[:, None, :rank], inverse.back(v[:, :rank]))


def _weighted(moments: InputMoments, shares: dict[Concept, float], solution: Solution, bias: bool) -> Tensor:
    """Return $\\Sigma^+ + \\lambda \\Sigma^-$."""
    total = moments.total(bias).mul_(solution.reference_weight)
    for concept in shares:
        moments.concepts[concept].add_to(total, bias, 1 - solution.reference_weight)
    return total


def _inverse(total: Tensor, solution: Solution) -> Inverse:
    if not all(bool(rows.isfinite().all()) for rows in total.split(WIDE, dim=1)):
        raise InputError(
            "the inputs' second moments are not finite: the squares of what the layer sees overflow; scale "
            "its inputs down, or collect from the model in float64"
        )
    if solution.solver == "pinv":
        values, vectors = torch.linalg.eigh(total)
        keep = values > solution.rtol * values[:, -1:].clamp_min(0)
        root = (
            vectors
            * torch.where(keep, values.clamp_min(torch.finfo(values.dtype).tiny).rsqrt(), 0.0)[:, None]
        )
        return EigenInverse(root[:, :, keep.any(0)])
    diagonal = total.diagonal(dim1=1, dim2=2)
    level = solution.ridge * diagonal.mean(1, keepdim=True)
    level = torch.where(level > 0, level, 1.0 if solution.ridge else 0.0)  # an input that is always 0
    diagonal += level
    factor = _cholesky(total)
    if factor is None:
        raise InputError(
            f"the inputs' second moments are singular at ridge {solution.ridge:g}; take a larger ridge, "
            f"such as {RIDGE:g}, or solver='pinv'"
        )
    return CholeskyInverse(factor, level[:, :, None], solution.order)


def _cholesky(total: Tensor) -> Tensor | None:
    """Return the lower factor, None where there is none; on the CPU in the matrix's own memory."""
    if total.device.type != "cpu":
        factor, failed = torch.linalg.cholesky_ex(total)
        return None if bool(failed.any()) else factor
    for block in total.numpy():
        # the transpose of a symmetric matrix in rows is one in columns: LAPACK's order
        _, failed = lapack.dpotrf(block.T, lower=0, clean=1, overwrite_a=1)  # ty: ignore[missing-attribute]
        if failed:
            return None
    return total


def _hard(
    moments: InputMoments, weight: Tensor, shares: dict[Concept, float], solution: Solution, bias: bool
) -> Delta:
    """Return $W \\Sigma^+ N (N \\Sigma^+ N)^\\dagger$, N the directions in which the reference is silent."""
    target = sum(
        (moments.concepts[c].full(bias) for c in shares),
        torch.zeros_like(weight[:, :1] * weight[:, :1].transpose(1, 2)),
    )
    values, vectors = torch.linalg.eigh(moments.total(bias) - target)
    made = torch.zeros_like(weight)
    for g in range(len(weight)):  # each block has its own number of silent directions
        silent = vectors[g][:, values[g] <= solution.rtol * values[g, -1].clamp_min(0)]
        inner = silent.T @ target[g] @ silent
        made[g] = (
            weight[g]
            @ target[g]
            @ silent
            @ torch.linalg.pinv(inner, hermitian=True, rtol=solution.rtol)
            @ silent.T
        )
    return Dense(made)


def _shares(moments: InputMoments, shares: dict[Concept, float], solution: Solution) -> Tensor:
    """Return n+ / (n+ + lambda n-) of each entry of a diagonal input: exact, whatever the ridge."""
    total = moments.diagonal()
    held = {c: m.values.double() for c in shares if isinstance(m := moments.concepts[c], Diagonal)}
    target = sum((share * held[c] for c, share in shares.items()), torch.zeros_like(total))
    if solution.solver == "nullspace":
        return torch.where(
            (total > 0) & (sum(held.values(), torch.zeros_like(total)) >= total),
            target / total.clamp_min(GUARD),
            0.0,
        )
    below = total
    if solution.reference_weight != 1.0:
        union = sum(held.values(), torch.zeros_like(total))
        below = union + solution.reference_weight * (total - union)
    return target / (below + GUARD)
