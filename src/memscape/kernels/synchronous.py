"""Parallel dynamics: all units at once, by whatever computes the fields of a batch of states.

Under a symmetric quadratic energy the end is a fixed point or a cycle of two states (Goles-Chacc,
Fogelman-Soulie, Pellegrin 1985); the second is found by comparing with the state before the last.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Int8
from torch import Tensor

from memscape.kernels.noise import logistic_noise


@dataclass(frozen=True)
class ParallelOutcome:
    """What parallel dynamics ended in; each tensor has one row per cue."""

    states: Tensor  # (c, n) int8
    steps: Tensor  # (c,) int64, updates made, the one that showed the end included
    flips: Tensor  # (c,) int64
    converged: Tensor  # (c,) bool, the last update changed nothing
    cycle: Tensor  # (c,) bool, the last update led back to the state before the last
    tied: Tensor  # (c,) bool, the last update met a zero field
    snapshots: Tensor | None  # (c, updates + 1, n) int8
    complete: bool  # False where `advance` ended the run early


def synchronous(
    fields: Callable[[Tensor], Tensor],
    states: Int8[Tensor, "c n"],
    *,
    max_steps: int,
    tolerance: float = 0.0,
    temperature: float = 0.0,
    seed: int = 0,
    snapshots: bool = False,
    advance: Callable[[int], bool] | None = None,
) -> ParallelOutcome:
    """Update all units of `states` at once until nothing changes, a two-cycle closes, or `max_steps`.

    `fields(states)` returns h (c, n). $s_i <- sign(h_i)$, a field within `tolerance` keeps the unit (Little
    1974 for temperatures above 0, where all `max_steps` updates are made). `advance(done)` is told after
    every update how many cues have newly finished and returns False to end the run.

    Cost: one call of `fields` an update, over the cues that still move.

    >>> weights = torch.tensor([[0.0, -1.0], [-1.0, 0.0]])
    >>> states = torch.tensor([[1, 1], [1, -1]], dtype=torch.int8)
    >>> out = synchronous(lambda s: s.float() @ weights, states, max_steps=9)
    >>> out.cycle.tolist(), out.converged.tolist()
    ([True, False], [False, True])
    """
    count = len(states)
    now, before = states.clone(), states.clone()
    steps, flips = torch.zeros(2, count, dtype=torch.int64)
    converged, cycle, tied = torch.zeros(3, count, dtype=torch.bool)
    history = [now.clone()] if snapshots else None
    rows, complete = torch.arange(count), True
    for step in range(max_steps):
        state = now[rows]
        h = fields(state)
        new = _updated(state, h, tolerance, temperature, seed, rows, step)
        still, back = (new == state).all(1).cpu(), (new == before[rows]).all(1).cpu()
        steps[rows] += 1
        flips[rows] += (new != state).sum(1).cpu()
        tied[rows] = (h.abs() <= tolerance).any(1).cpu()
        before[rows], now[rows] = state, new
        done = torch.zeros_like(still)
        if temperature == 0:
            done = still | (back if step else still)
            converged[rows], cycle[rows] = still, done & ~still
        rows = rows[~done]
        if history is not None:
            history.append(now.clone())
        complete = advance is None or advance(int(done.sum()))
        if not complete or not len(rows):
            break
    taken = None if history is None else torch.stack(history, 1)
    return ParallelOutcome(now, steps, flips, converged, cycle, tied, taken, complete)


def _updated(
    state: Tensor, h: Tensor, tolerance: float, temperature: float, seed: int, rows: Tensor, step: int
) -> Tensor:
    """The signs of the fields, of the noisy fields at a temperature; at 0 a tie keeps the unit."""
    if temperature > 0:
        noise = logistic_noise(seed, rows, step, torch.arange(state.shape[1])).to(h.device)
        return torch.where(h + temperature * noise > 0, 1, -1).to(torch.int8)
    kept = torch.where(h.abs() <= tolerance, state, torch.where(h > 0, 1, -1))
    return kept.to(torch.int8)
