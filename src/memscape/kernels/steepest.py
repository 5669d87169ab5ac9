"""Steepest descent: the unit of lowest energy cost flips, one flip a step, until no flip lowers the energy.

dE_i = 2 s_i h_i; the lowest negative one is taken, the smallest index among equals (for float couplings:
among those within the tolerance of the lowest). The fields of all units are kept; a flip changes them by one
row of W, or by one product A'x_i where W is not built.
"""

import typing
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Int8
from numba import njit, prange
from torch import Tensor

from memscape.kernels.couplings import CouplingForm, flip_unit
from memscape.kernels.patterns import PatternForm
from memscape.kernels.sweeps import ORDER_BLOCK, Outcome

Advance = Callable[[int], bool] | None


@njit(cache=True, fastmath={"nnan", "nsz"})
@typing.no_type_check
def _lowest(state, field):
    """min_i s_i h_i."""
    lowest = field[0] * state[0]
    for i in range(field.shape[0]):
        cost = field[i] if state[i] > 0 else -field[i]
        lowest = min(lowest, cost)
    return lowest


@njit(cache=True)
@typing.no_type_check
def _first(state, field, limit):
    """The smallest index with s_i h_i <= limit."""
    for i in range(field.shape[0]):
        if (field[i] if state[i] > 0 else -field[i]) <= limit:
            return i
    return -1


@njit(cache=True, parallel=True)
@typing.no_type_check
def _settle(states, fields, weights, tolerance, max_steps, steps, converged):
    """Bring every state to its minimum, in place, with at most `max_steps` flips."""
    for k in prange(states.shape[0]):
        state = states[k]
        field = fields[k]
        for step in range(max_steps + 1):
            lowest = _lowest(state, field)
            steps[k] = step
            converged[k] = lowest >= -tolerance
            if converged[k] or step == max_steps:
                break
            i = _first(state, field, lowest + tolerance)
            flip_unit(state, field, weights, i)


def steepest_couplings(
    form: CouplingForm, states: Int8[Tensor, "c n"], *, max_steps: int, advance: Advance = None
) -> Outcome:
    """Return where steepest descent over W ends, one step a flip; `advance` is told every 256 cues.

    Cost: 2 c n^2 FLOP for the first fields, then O(n) a step and cue.
    """

    def settle(block: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fields = form.fields(block)
        steps = np.empty(len(block), np.int64)
        converged = np.empty(len(block), np.bool_)
        tolerance = form.theta.numpy().dtype.type(form.tolerance)
        _settle(block.numpy(), fields.numpy(), form.weights.numpy(), tolerance, max_steps, steps, converged)
        return torch.from_numpy(steps), torch.from_numpy(converged), (fields.abs() <= form.tolerance).any(1)

    return _blocks(settle, states, advance)


def steepest_patterns(
    form: PatternForm, states: Int8[Tensor, "c n"], *, max_steps: int, advance: Advance = None
) -> Outcome:
    """Return where steepest descent in pattern space ends, for units too many for a matrix W.

    Cost: 2 n p FLOP a step and cue, all cues of a block in one matrix product; any device.
    """

    def settle(block: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fields = form.fields(block)
        steps = torch.zeros(len(block), dtype=torch.int64, device=block.device)
        rows = torch.arange(len(block), device=block.device)
        for step in range(max_steps + 1):
            cost = fields[rows] * block[rows]
            lowest = cost.min(1).values
            going = lowest < -form.tolerance
            rows, cost, lowest = rows[going], cost[going], lowest[going]
            if not len(rows) or step == max_steps:
                break
            units = (cost <= (lowest + form.tolerance)[:, None]).to(torch.int8).argmax(1)
            block[rows, units] = -block[rows, units]
            fields[rows] += 2 * block[rows, units, None] * form.rows(units, fields.dtype)
            steps[rows] += 1
        converged = torch.ones(len(block), dtype=torch.bool, device=block.device)
        converged[rows] = False
        return steps, converged, (fields.abs() <= form.tolerance).any(1)

    return _blocks(settle, states.to(form.device), advance)


def _blocks(
    settle: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]], states: Tensor, advance: Advance
) -> Outcome:
    """Settle the cues block by block; blocks never reached keep their states and count as not converged."""
    states = states.clone(memory_format=torch.contiguous_format)
    steps = torch.zeros(len(states), dtype=torch.int64)
    converged, tied = torch.zeros(2, len(states), dtype=torch.bool)
    complete = True
    for cues in torch.arange(len(states)).split(ORDER_BLOCK):
        block = states[cues]
        steps[cues], converged[cues], tied[cues] = (x.cpu() for x in settle(block))
        states[cues] = block
        if advance is not None and not advance(len(cues)):
            complete = int(cues[-1]) == len(states) - 1
            break
    return Outcome(states, steps, steps.clone(), converged, tied, None, complete)
