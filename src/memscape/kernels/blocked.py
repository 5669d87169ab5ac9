"""Exact asynchronous dynamics at the speed of matrix products: blocked Gauss-Seidel in pattern space.

Units are visited in blocks of 64, all cues at once. The fields of a block come from the overlaps o = X s by
one matrix product, H = o A_B'. Inside the block every cue settles by itself: a unit that flips corrects the
fields of the units of its block through their couplings G = X_B A_B', and then the overlaps, one column of
X a flip. The sequence of single-unit updates is that of the textbook loop, whatever the block.

Two steps inside the block, with the same results: numba on the CPU, torch on any device.
"""

import typing

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from memscape.kernels.couplings import thermal
from memscape.kernels.noise import logistic, logistic_noise, stream
from memscape.kernels.patterns import PatternForm
from memscape.kernels.sweeps import Noise

BLOCK = 64
"""Units of a block: one line of couplings fits the vector registers, all of them the first cache."""


@njit(cache=True, parallel=True)
@typing.no_type_check
def settle(
    fields, states, overlaps, rows, units, signs, mutual, own, theta, tolerance,
    temperature, seed, sweep, cues, flips, tied,
):  # fmt: skip
    """Visit the block's units once for every cue; states, overlaps, flips and ties change in place."""
    width = units.shape[0]
    for k in prange(rows.shape[0]):
        state = states[rows[k]]
        field = fields[k]
        overlap = overlaps[k]
        side = np.empty(width, fields.dtype)
        heat = np.empty(width if temperature > 0 else 0, np.float64)
        address = stream(seed, cues[rows[k]], sweep)
        for i in range(heat.shape[0]):
            heat[i] = temperature * logistic(address, units[i])
        for i in range(width):
            side[i] = state[units[i]]
        quiet = temperature == 0
        for i in range(width):
            field[i] = field[i] + theta[i] - own[i] * side[i]
            quiet &= field[i] * side[i] > tolerance
        if quiet:  # most blocks after the first sweep: nothing flips, so nothing changes
            continue
        count = 0
        near = False
        for i in range(width):
            stability = field[i] * side[i]
            near |= abs(stability) <= tolerance
            flip = stability < -tolerance
            if temperature > 0:
                flip = (side[i] > 0) != (field[i] + heat[i] > 0)
            if flip:
                side[i] = -side[i]
                state[units[i]] = -state[units[i]]
                twice = side[i] + side[i]
                for j in range(width):
                    field[j] += twice * mutual[i, j]
                change = overlaps.dtype.type(twice)
                for q in range(overlap.shape[0]):
                    overlap[q] += change * signs[i, q]
                count += 1
        flips[k] += count
        tied[k] |= near


def settle_torch(
    fields, states, overlaps, rows, units, signs, mutual, own, theta, tolerance,
    temperature, seed, sweep, cues, flips, tied,
):  # fmt: skip
    """Do what `settle` does, vectorised over cues in torch: the fallback on other devices, and its oracle."""
    before = states[rows[:, None], units].to(fields.dtype)
    side = before.clone()
    fields = fields + theta - own * side
    heat = temperature * logistic_noise(seed, cues[rows], sweep, units) if temperature > 0 else None
    for i in range(len(units)):
        stability = fields[:, i] * side[:, i]
        tied |= stability.abs() <= tolerance
        if heat is None:
            flip = stability < -tolerance
        else:
            flip = (side[:, i] > 0) != (fields[:, i] + heat[:, i] > 0)
        change = torch.where(flip, -2 * side[:, i], 0)
        side[:, i] += change
        fields += change[:, None] * mutual[i]
        flips += flip
    states[rows[:, None], units] = side.to(states.dtype)
    moved = (side - before).to(overlaps.dtype)
    columns = moved.any(1).nonzero()[:, 0]
    overlaps[columns] += moved[columns] @ signs


def sweep_blocks(
    form: PatternForm,
    states: Tensor,
    overlaps: Tensor,
    rows: Tensor,
    cues: Tensor,
    order: Tensor,
    noise: Noise | None,
    *,
    compiled: bool,
) -> tuple[Tensor, Tensor]:
    """Visit every unit of states[rows] once in `order`; states (c, n) and overlaps (rows, p) change in place.

    Returns flips and ties as `Sweeper.sweep` does. Cost: 2 n p FLOP a cue for the fields, n additions a
    block of 64 and p a flip; X is converted to float one block at a time, so the memory beside X is that of
    the overlaps.
    """
    flips = torch.zeros(len(rows), dtype=torch.int64, device=states.device)
    tied = torch.zeros(len(rows), dtype=torch.bool, device=states.device)
    steady = (states, rows, cues, flips, tied)
    states_, rows_, cues_, flips_, tied_ = (x.numpy() for x in steady) if compiled else steady
    for units in order.split(BLOCK):
        kind = form.product_type(overlaps)
        signs, factor, mutual = form.block(units, kind)
        fields = overlaps.to(kind) @ factor.T
        changing = (signs.to(overlaps.dtype), mutual, form.own[units].to(kind), form.theta[units].to(kind))
        if compiled:
            fields, units, changed = fields.numpy(), units.numpy(), overlaps.numpy()
            changing = tuple(x.numpy() for x in changing)
            tolerance = fields.dtype.type(form.tolerance)
            settle(
                fields,
                states_,
                changed,
                rows_,
                units,
                *changing,
                tolerance,
                *thermal(noise),
                cues_,
                flips_,
                tied_,
            )
        else:
            tolerance = form.tolerance
            settle_torch(
                fields,
                states_,
                overlaps,
                rows_,
                units,
                *changing,
                tolerance,
                *thermal(noise),
                cues_,
                flips_,
                tied_,
            )
    return flips, tied
