"""The one driver of single-unit dynamics: sweeps over the units, blocks of cues, converged cues leave.

A *sweeper* holds a batch of states and knows how to visit every unit once in a given order. All sweepers
make the same sequence of single-unit updates for the same order, whatever their arithmetic, so they end in
the same states.

At temperature 0 a visited unit takes the sign of its field and keeps its value on a tie. At temperature T
it becomes +1 with probability 1/(1 + exp(-2h/T)) (Glauber 1963), written as h + T * g > 0 with the logistic
noise g = logit(u)/2, so that descent and Glauber dynamics are one kernel. u is a hash of (seed, cue, sweep,
unit): the same seed gives the same trajectory whatever the kernel and the number of threads.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from memscape.core.random import derived

ORDER_BLOCK = 256
"""Cues that share one random order; orders are drawn from (seed, block, sweep)."""

FIXED_BLOCK = 4096
"""Cues swept together when the order is fixed; it bounds the working memory and changes no result."""

_FIXED_UNITS = 2**24  # units of all cues of a fixed-order block together: fewer cues where n is large


@dataclass(frozen=True)
class Noise:
    """Thermal noise of one sweep: temperature (in the units of the field), seed, number of the sweep."""

    temperature: float
    seed: int
    sweep: int


@runtime_checkable
class Sweeper(Protocol):
    """A batch of states under one energy, visited unit by unit."""

    def sweep(self, order: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        """Visit every unit once in `order` (n,) int64.

        Returns the flips (c,) int64 of this sweep and whether any visited unit had a zero field (c,) bool
        (for float couplings: a field within the tolerance).
        """
        ...

    def keep(self, rows: Tensor) -> None:
        """Go on with the given rows (int64, ascending) only; the others have converged."""
        ...

    def states(self) -> Tensor:
        """The current states, (c, n) int8."""
        ...


@dataclass(frozen=True)
class Outcome:
    """What a run of single-unit dynamics ended in; each tensor has one row per cue."""

    states: Tensor  # (c, n) int8
    steps: Tensor  # (c,) int64, sweeps made, the last one without a flip included
    flips: Tensor  # (c,) int64
    converged: Tensor  # (c,) bool, the last sweep made no flip
    tied: Tensor  # (c,) bool, the last sweep met a zero field
    snapshots: Tensor | None  # (c, sweeps + 1, n) int8, the state before the first and after each sweep
    complete: bool  # False where `stop` ended the run early


class _Orders:
    """The order in which one block of cues visits the units, sweep by sweep."""

    def __init__(self, order: str, units: int, seed: int, block: int):
        self.seed = seed
        self._block, self._identity = block, torch.arange(units)
        self._random = order == "random"

    def __call__(self, sweep: int) -> Tensor:
        if not self._random:
            return self._identity
        return torch.randperm(len(self._identity), generator=derived(self.seed, self._block, sweep))


def run(
    start: Callable[[Tensor, Tensor], Sweeper],
    states: Tensor,
    *,
    order: str,
    max_steps: int,
    seed: int,
    temperature: float = 0.0,
    snapshots: bool = False,
    advance: Callable[[int], bool] | None = None,
) -> Outcome:
    """Sweep `states` (c, n) int8 until nothing flips or `max_steps` sweeps are made.

    `start(states, cues)` makes a sweeper for a block of states and their numbers `cues` (c,) int64 in the
    batch. `order` is "fixed" (0 ... n-1) or "random" (a fresh permutation for each block of 256 cues and
    sweep). At a temperature above 0 all `max_steps` sweeps are made. `advance(done)` is told after every
    sweep how many cues have newly finished and returns False to end the run. Snapshots take c * n bytes a
    sweep made, twice that while they are put together.
    """
    count, units = states.shape
    result = Outcome(
        states=states.clone(),
        steps=torch.zeros(count, dtype=torch.int64),
        flips=torch.zeros(count, dtype=torch.int64),
        converged=torch.zeros(count, dtype=torch.bool),
        tied=torch.zeros(count, dtype=torch.bool),
        snapshots=None,
        complete=True,
    )
    history = [states.clone()] if snapshots else None
    complete = True
    for block, cues in enumerate(torch.arange(count).split(_block_size(order, units)) if count else ()):
        orders = _Orders(order, units, seed, block)
        complete = _run_block(start, result, cues, orders, max_steps, temperature, history, advance)
        if not complete:
            break
    taken = None if history is None else torch.stack(history, 1)
    return replace(result, snapshots=taken, complete=complete)


def _run_block(
    start: Callable[[Tensor, Tensor], Sweeper],
    result: Outcome,
    cues: Tensor,
    orders: _Orders,
    max_steps: int,
    temperature: float,
    history: list[Tensor] | None,
    advance: Callable[[int], bool] | None,
) -> bool:
    """Sweep one block of cues and write what they end in into `result`; False if `advance` ended it."""
    rows, alive = cues, True
    sweeper = start(result.states[cues], cues)
    for sweep in range(max_steps):
        noise = Noise(temperature, orders.seed, sweep) if temperature > 0 else None
        flips, tied = sweeper.sweep(orders(sweep), noise)
        result.steps[rows] += 1
        result.flips[rows] += flips.cpu()
        result.tied[rows] = tied.cpu()
        still = (flips == 0).cpu() if noise is None else torch.zeros_like(rows, dtype=torch.bool)
        if history is not None or still.any():
            result.states[rows] = sweeper.states()
        if history is not None:
            _remember(history, sweep + 1, result.states, cues)
        finished = int(still.sum())
        if finished:
            result.converged[rows[still]] = True
            rows = rows[~still]
            if rows.numel():
                sweeper.keep((~still).nonzero()[:, 0])
        alive = advance is None or advance(finished)
        if not alive or not rows.numel():
            break
    if rows.numel():
        result.states[rows] = sweeper.states()
    for later in (history or [])[sweep + 2 if max_steps else 1 :]:
        later[cues] = result.states[cues]
    return alive


def _remember(history: list[Tensor], sweep: int, states: Tensor, cues: Tensor) -> None:
    """Write the states of one block after `sweep` sweeps; earlier blocks stay where they ended."""
    if sweep == len(history):
        history.append(states.clone())
    else:
        history[sweep][cues] = states[cues]


def _block_size(order: str, units: int) -> int:
    if order == "random":
        return ORDER_BLOCK
    return min(FIXED_BLOCK, max(ORDER_BLOCK, _FIXED_UNITS // max(units, 1)))
