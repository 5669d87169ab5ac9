"""Quadratic energies in pattern form: h = A'(X s) - d s + theta, never a matrix of n by n.

X (p, n) holds -1, 0 and +1; J = X'A is symmetric with its diagonal d taken away. Without a factor A is X
itself, all sums are integers, and float32 is exact while they stay below 2^24. The overlaps o = X s are the
state of the computation: a flip adds one column of X to them.
"""

import typing
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Int8, Num
from numba import njit, prange
from torch import Tensor

from memscape.core.errors import InputError
from memscape.kernels.couplings import EXACT, RELATIVE, CouplingForm, full_precision, tolerance_of, whole
from memscape.kernels.noise import logistic, stream

_PIECE = 1024  # units whose patterns are converted to floats at a time
_COPY = 2**28  # bytes up to which a factor is copied to make its columns contiguous


class PatternForm:
    """Patterns, factor and thresholds, ready for the kernels.

    Attributes:
        signs: (n, p) int8, the patterns by unit.
        factor: (n, p) float64, the second factor by unit, or `signs` itself.
        own: (n,), d_i = sum_mu A_mi x_mi, what a unit must not feel of itself.
        theta: (n,).
        dtype: of overlaps and fields, float32 where all of them are integers, else float64.
        safe: no sum over patterns can leave the exact integers of `dtype`.
        tolerance: 0 where all fields are integers, else relative to the largest field of random states and to
        the largest part of a unit's own.
        rent: cue-sweeps spent on sweeps with few flips; when they reach n, W has paid for itself.

    Raises:
        InputError: if the shapes of patterns, factor and thresholds differ.

    Cost: O(p n) time and bytes once (nine times the bytes with a factor below 256 MiB).
    """

    def __init__(
        self,
        patterns: Int8[Tensor, "p n"],
        factor: Num[Tensor, "_ _"] | None = None,
        theta: Num[Tensor, " n"] | None = None,
    ):
        if factor is not None and factor.shape != patterns.shape:
            raise InputError(
                f"the factor is {tuple(factor.shape)} and the patterns are {tuple(patterns.shape)}"
            )
        self.count, self.units = patterns.shape
        self.device = patterns.device
        integer = factor is None and (
            theta is None or (whole(theta) and bool((theta.abs() < EXACT // 2).all()))
        )
        self.dtype = torch.float32 if integer else torch.float64
        self.signs = patterns.T.contiguous()
        self.factor = self.signs if factor is None else _by_unit(factor)
        self.theta = torch.zeros(self.units, dtype=self.dtype, device=self.device)
        if theta is not None:
            self.theta = theta.to(self.dtype)
        self.own = torch.cat([(self._signs(u) * self._factor(u)).sum(1) for u in self._pieces()]).to(
            self.dtype
        )
        largest = float(self.theta.abs().max()) if self.units else 0.0
        self.safe = self.dtype == torch.float64 or self.count * self.units + largest < EXACT
        self.tolerance = 0.0 if integer else self._rounding()
        self.rent = 0

    def _rounding(self) -> float:
        """Return the tolerance of float fields; they are what is left when a unit's own part is taken off.

        At p = n independent patterns under the projection rule nothing is left, and all of it is rounding.
        """
        left = tolerance_of(lambda s: self.fields(s.to(self.device)), self.units)
        return max(left, RELATIVE * float(self.own.abs().max())) if self.units else left

    def overlaps(self, states: Num[Tensor, "c n"]) -> Num[Tensor, "c p"]:
        """Return o = X s. Cost: O(c p n), the patterns converted piece by piece."""
        overlaps = torch.zeros(len(states), self.count, dtype=self._exact(), device=self.device)
        for units in self._pieces():
            overlaps += states[:, units].to(overlaps.dtype) @ self.signs[units].to(overlaps.dtype)
        return overlaps.to(self.dtype)

    def fields(self, states: Num[Tensor, "c n"], overlaps: Tensor | None = None) -> Num[Tensor, "c n"]:
        """Return h of all units, from the overlaps if they are known. Cost: O(c p n)."""
        overlaps = self.overlaps(states) if overlaps is None else overlaps
        overlaps = overlaps.to(self.product_type(overlaps))
        fields = torch.empty(states.shape, dtype=overlaps.dtype, device=self.device)
        for units in self._pieces():
            fields[:, units] = overlaps @ self._factor(units).to(overlaps.dtype).T
        return fields.sub_(states * self.own).add_(self.theta)

    def product_type(self, overlaps: Tensor) -> torch.dtype:
        """Return the type in which sums over patterns are exact, for overlaps (c, p) and 64 flips more.

        |sum_mu x_mi o_mu| never exceeds p n; where that is too much for float32, the sum of |o_mu| at hand
        plus what the flips can add may still be small enough.
        """
        if self.safe or self._exact() == torch.float64 or not overlaps.numel():
            return self._exact()
        bound = overlaps.abs().sum(1, dtype=torch.float64).max() + self.theta.abs().max() + 130 * self.count
        return torch.float32 if bound < EXACT else torch.float64

    def _exact(self) -> torch.dtype:
        return self.dtype if full_precision() else torch.float64

    def block(self, units: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
        """Return patterns (b, p), factor (b, p) and couplings (b, b), zero diagonal, of some units."""
        signs = self.signs[units].to(dtype)
        factor = signs if self.factor is self.signs else self.factor[units].to(dtype)
        return signs, factor, (signs @ factor.T).fill_diagonal_(0)

    def rows(self, units: Tensor, dtype: torch.dtype) -> Tensor:
        """Return the rows (b, n) of J of some units, zero diagonal. Cost: 2 b n p FLOP."""
        signs = self.signs[units].to(dtype)
        rows = torch.cat([signs @ self.factor[piece].to(dtype).T for piece in self._pieces()], 1)
        return rows.scatter_(1, units[:, None], 0)

    @cached_property
    def couplings(self) -> CouplingForm:
        """W and thresholds in the form of `kernels.couplings`. Cost: O(n^2 p), 3 n^2 bytes (8 in float64)."""
        integer = self.dtype == torch.float32
        kind = torch.float64 if not integer else torch.int16 if self.count < 2**15 else torch.int32
        weights = torch.empty(self.units, self.units, dtype=kind)
        exact = self._exact() if self.count < EXACT else torch.float64
        for rows in self._pieces():
            signs = self.signs[rows].to(exact)
            for columns in self._pieces():
                weights[rows, columns] = (signs @ self._factor(columns).to(exact).T).to(kind)
        theta = self.theta if not integer else self.theta.to(torch.int32)
        return CouplingForm(weights.fill_diagonal_(0), theta, tolerance=self.tolerance)

    def _pieces(self) -> list[slice]:
        return [slice(first, first + _PIECE) for first in range(0, self.units, _PIECE)]

    def _signs(self, units: slice) -> Tensor:
        return self.signs[units].to(self.dtype)

    def _factor(self, units: slice) -> Tensor:
        return self.factor[units].to(self.dtype)


def _by_unit(factor: Tensor) -> Tensor:
    """The factor by unit: contiguous where a copy is affordable, else a view whose rows are gathered."""
    factor = factor.to(torch.float64).T
    return factor.contiguous() if factor.numel() * 8 <= _COPY else factor


@njit(cache=True, fastmath={"reassoc", "nsz"})
@typing.no_type_check
def _product(row, overlap, zero):
    """sum_mu A_mi o_mu, in any order of summation (exact for integers); `zero` gives the type of the sum."""
    total = zero
    for q in range(row.shape[0]):
        total += row[q] * overlap[q]
    return total


@njit(cache=True, parallel=True)
@typing.no_type_check
def sweep_overlaps(
    states,
    overlaps,
    rows,
    order,
    signs,
    factor,
    own,
    theta,
    tolerance,
    temperature,
    seed,
    sweep,
    cues,
    flips,
    tied,
):
    """Visit every unit of states[rows] in `order`, in place, one product with the overlaps a visit."""
    for k in prange(rows.shape[0]):
        state = states[rows[k]]
        overlap = overlaps[k]
        heat = np.empty(order.shape[0] if temperature > 0 else 0, np.float64)
        address = stream(seed, cues[rows[k]], sweep)
        for i in range(heat.shape[0]):
            heat[i] = temperature * logistic(address, i)
        count = 0
        near = False
        for i in order:
            h = _product(factor[i], overlap, tolerance - tolerance)
            h = h - own[i] * state[i] + theta[i]
            near |= abs(h) <= tolerance
            flip = h * state[i] < -tolerance
            if temperature > 0:
                flip = (state[i] > 0) != (h + heat[i] > 0)
            if flip:
                state[i] = -state[i]
                for q in range(overlap.shape[0]):
                    overlap[q] += overlap.dtype.type(2) * state[i] * signs[i, q]
                count += 1
        flips[k] = count
        tied[k] = near
