"""Single-unit dynamics over a coupling matrix: the fields of all units are kept, a flip adds one row of W.

h_i = (W s)_i + theta_i with a symmetric W of zero diagonal. A visit costs one look at h_i, a flip n
additions, so a sweep in which few units flip costs next to nothing. A flip is bound by reading its row:
integer couplings are kept in the narrowest integer type and summed exactly in int32; others stay float64,
where a field within the tolerance counts as zero.
"""

import typing
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Int8, Num
from numba import njit, prange
from torch import Tensor

from memscape.core.errors import InputError
from memscape.kernels.noise import logistic, stream, uniform_noise
from memscape.kernels.sweeps import Noise

EXACT = 2**24
"""Integers up to it are exact in float32."""

RELATIVE = 1e-10
"""The tolerance of float fields, relative to the largest field of a few random states."""

REFRESH = 64
"""Sweeps after which float fields are computed afresh, so that rounding cannot pile up."""

_PIECE = 1024  # rows of W that are converted at a time


@njit(cache=True, inline="always")
@typing.no_type_check
def flip_unit(state, field, weights, i):
    """Flip unit i; every field changes by twice its coupling to the unit."""
    state[i] = -state[i]
    weight = weights[i]
    if state[i] > 0:
        for j in range(field.shape[0]):
            field[j] += 2 * field.dtype.type(weight[j])
    else:
        for j in range(field.shape[0]):
            field[j] -= 2 * field.dtype.type(weight[j])


@njit(cache=True)
@typing.no_type_check
def _descend(state, field, order, weights, tolerance):
    """Visit every unit once at temperature 0; return the flips and whether a visited field was zero."""
    count, near = 0, False
    for i in order:
        stability = field[i] * state[i]
        if stability <= tolerance:
            if stability < -tolerance:
                flip_unit(state, field, weights, i)
                count += 1
            else:
                near = True
    return count, near


@njit(cache=True)
@typing.no_type_check
def _heat_bath(state, field, order, weights, tolerance, temperature, address):
    """Visit every unit once at a temperature; return the flips and whether a visited field was zero."""
    heat = np.empty(order.shape[0], np.float64)
    for i in range(order.shape[0]):
        heat[i] = temperature * logistic(address, i)
    count, near = 0, False
    for i in order:
        near |= abs(field[i]) <= tolerance
        if (state[i] > 0) != (field[i] + heat[i] > 0):
            flip_unit(state, field, weights, i)
            count += 1
    return count, near


@njit(cache=True, parallel=True)
@typing.no_type_check
def sweep_fields(
    states, fields, rows, order, weights, tolerance, temperature, seed, sweep, cues, flips, tied
):
    """Visit every unit of states[rows] in `order`, in place; fields[rows] follow."""
    for k in prange(rows.shape[0]):
        row = rows[k]
        if temperature > 0:
            address = stream(seed, cues[row], sweep)
            done = _heat_bath(states[row], fields[row], order, weights, tolerance, temperature, address)
        else:
            done = _descend(states[row], fields[row], order, weights, tolerance)
        flips[k] = done[0]
        tied[k] = done[1]


class CouplingForm:
    """Couplings (n, n) and thresholds (n,), ready for the kernels.

    Attributes:
        weights: (n, n), the narrowest integer type that holds them where all fields are integers, else
        float64. theta: (n,), of the type of the fields: int32 or float64. tolerance: 0 where all fields are
        integers, else `RELATIVE` times the largest field of random states.

    Raises:
        InputError: if the diagonal is not zero. Symmetry is the caller's to check.

    Cost: O(n^2) once, and a copy of the couplings where their type changes.
    """

    def __init__(
        self, weights: Num[Tensor, "n n"], theta: Num[Tensor, " n"] | None = None, *, tolerance: float = 0.0
    ):
        if weights.diagonal().any():
            raise InputError(
                "the couplings have a diagonal that is not zero; subtract it, it only shifts the energy"
            )
        theta = torch.zeros(len(weights), dtype=torch.int32) if theta is None else theta
        self.units = len(weights)
        self._bound = largest_sum(weights, theta)
        integer = self._bound < 2**30 and whole(weights) and whole(theta)
        self.dtype = torch.int32 if integer else torch.float64
        self.weights = weights.to(narrowest(weights) if integer else torch.float64).contiguous()
        self.theta = theta.to(self.dtype)
        self.tolerance = 0 if integer else max(tolerance, tolerance_of(self.fields, self.units))

    def fields(self, states: Num[Tensor, "c n"]) -> Num[Tensor, "c n"]:
        """Return h = W s + theta of all units. Cost: O(c n^2), W is converted piece by piece."""
        exact = self._bound < EXACT and self.dtype == torch.int32 and full_precision()
        real = states.to(torch.float32 if exact else torch.float64)
        fields = torch.empty(len(states), self.units, dtype=self.dtype)
        for first in range(0, self.units, _PIECE):
            piece = self.weights[first : first + _PIECE]
            fields[:, first : first + _PIECE] = real @ piece.to(real.dtype).T
        return fields.add_(self.theta)

    def __call__(self, states: Int8[Tensor, "c n"], cues: Tensor) -> "CouplingSweeper":
        """Start a sweeper; see `sweeps.run`."""
        return CouplingSweeper(self, states, cues)


class CouplingSweeper:
    """States with the fields of all their units; a flip adds one row of the couplings to the fields."""

    def __init__(self, form: CouplingForm, states: Tensor, cues: Tensor, fields: Tensor | None = None):
        self._form = form
        self._states = states.clone(memory_format=torch.contiguous_format)
        self._fields = form.fields(states) if fields is None else fields
        self._cues = cues.numpy()
        self._rows = np.arange(len(states))
        self._since = 0

    def sweep(self, order: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        """See `Sweeper.sweep`. Cost: O(n) a cue and O(n) a flip."""
        if self._since == REFRESH and self._form.tolerance > 0:
            self._fields[self._rows] = self._form.fields(self._states[self._rows])
            self._since = 0
        self._since += 1
        flips = np.empty(len(self._rows), np.int64)
        tied = np.empty(len(self._rows), np.bool_)
        temperature, seed, number = thermal(noise)
        sweep_fields(
            self._states.numpy(),
            self._fields.numpy(),
            self._rows,
            order.numpy(),
            self._form.weights.numpy(),
            self._form.theta.numpy().dtype.type(self._form.tolerance),
            temperature,
            seed,
            number,
            self._cues,
            flips,
            tied,
        )
        return torch.from_numpy(flips), torch.from_numpy(tied)

    def keep(self, rows: Tensor) -> None:
        """See `Sweeper.keep`. The others stay where they are: moving the rest would cost more."""
        self._rows = self._rows[rows.numpy()]

    def states(self) -> Tensor:
        """See `Sweeper.states`."""
        return self._states[self._rows]


def thermal(noise: Noise | None) -> tuple[float, int, int]:
    """Return (temperature, seed, sweep) as the kernels take them; the temperature of descent is 0."""
    return (0.0, 0, 0) if noise is None else (float(noise.temperature), noise.seed, noise.sweep)


def whole(values: Tensor) -> bool:
    """Return whether all values are integers."""
    return not values.is_floating_point() or all(bool((v == v.round()).all()) for v in values.split(_PIECE))


def narrowest(values: Tensor) -> torch.dtype:
    """Return the narrowest of int8, int16 and int32 that holds every value and its negative."""
    largest = max((float(v.abs().max()) for v in values.split(_PIECE) if v.numel()), default=0.0)
    return torch.int8 if largest < 2**7 else torch.int16 if largest < 2**15 else torch.int32


def largest_sum(weights: Tensor, theta: Tensor) -> float:
    """Return max_i (sum_j |W_ij| + |theta_i|): no field, and no part of its sum, is ever larger."""
    if not len(weights):
        return 0.0
    sums = [piece.to(torch.float64).abs().sum(1) for piece in weights.split(_PIECE)]
    return float((torch.cat(sums) + theta.to(torch.float64).abs()).max())


def tolerance_of(fields: Callable[[Tensor], Tensor], units: int) -> float:
    """Return the size below which a float field counts as zero, from eight fixed random states."""
    if not units:
        return 0.0
    sides = uniform_noise(0, torch.arange(8), 0, torch.arange(units)) > 0.5
    return RELATIVE * float(fields(torch.where(sides, 1, -1).to(torch.int8)).abs().max())


def full_precision() -> bool:
    """Return whether float32 products are that: TF32 and bfloat16 round integers above 2^11 and 2^8."""
    return torch.get_float32_matmul_precision() == "highest"
