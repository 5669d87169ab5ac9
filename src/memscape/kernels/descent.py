"""The sweeper of pattern-form energies: three ways to make the same sequence of updates, changed as it pays.

*blocks*: all cues through blocks of 64 units by matrix products (`blocked`): the first sweeps, many flips.
*couplings*: kept fields over W (`couplings`): the long tail of random starts, few flips a sweep.
*overlaps*: one product with the overlaps a visit (`patterns`): a handful of cues.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from memscape.kernels.blocked import sweep_blocks
from memscape.kernels.couplings import CouplingSweeper, thermal
from memscape.kernels.patterns import PatternForm, sweep_overlaps
from memscape.kernels.sweeps import Noise

Choice = Callable[[PatternForm, int, float], str]
"""(form, cues left, flips per unit visited in the last sweep; 1 before the first) -> a way of `WAYS`."""

WAYS = ("blocks", "torch", "overlaps", "couplings")
"""The ways; "torch" is "blocks" without compiled code, for other devices."""


class PatternSweeper:
    """States with their overlaps; every sweep goes the way that `choose` names."""

    def __init__(self, form: PatternForm, choose: Choice, states: Tensor, cues: Tensor):
        self._form, self._choose = form, choose
        self._states = states.to(form.device).clone(memory_format=torch.contiguous_format)
        self._overlaps = form.overlaps(self._states)
        self._cues = cues.to(form.device)
        self._rows = torch.arange(len(states), device=form.device)
        self._rate = 1.0
        self._tail: CouplingSweeper | None = None

    def sweep(self, order: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        """See `Sweeper.sweep`."""
        if self._tail is None and self._choose(self._form, len(self._rows), self._rate) == "couplings":
            self._hand_over()
        if self._tail is not None:
            return self._tail.sweep(order, noise)
        way = self._choose(self._form, len(self._rows), self._rate)
        flips, tied = self._visit(way, order.to(self._form.device), noise)
        self._rate = float(flips.sum()) / max(1, flips.numel() * self._form.units)
        return flips, tied

    def keep(self, rows: Tensor) -> None:
        """See `Sweeper.keep`."""
        if self._tail is not None:
            self._tail.keep(rows)
            return
        rows = rows.to(self._form.device)
        self._rows, self._overlaps = self._rows[rows], self._overlaps[rows]

    def states(self) -> Tensor:
        """See `Sweeper.states`."""
        return self._states[self._rows] if self._tail is None else self._tail.states()

    def _visit(self, way: str, order: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        if way == "overlaps":
            return self._one_by_one(order, noise)
        return sweep_blocks(
            self._form,
            self._states,
            self._overlaps,
            self._rows,
            self._cues,
            order,
            noise,
            compiled=way == "blocks",
        )

    def _one_by_one(self, order: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        form = self._form
        kind = form.dtype if form.safe else torch.float64
        own, theta = form.own.to(kind).numpy(), form.theta.to(kind).numpy()
        flips = np.empty(len(self._rows), np.int64)
        tied = np.empty(len(self._rows), np.bool_)
        sweep_overlaps(
            self._states.numpy(),
            self._overlaps.numpy(),
            self._rows.numpy(),
            order.numpy(),
            form.signs.numpy(),
            form.factor.numpy(),
            own,
            theta,
            own.dtype.type(form.tolerance),
            *thermal(noise),
            self._cues.numpy(),
            flips,
            tied,
        )
        return torch.from_numpy(flips), torch.from_numpy(tied)

    def _hand_over(self) -> None:
        """Go on with kept fields: the overlaps give them, and are needed no more."""
        couplings = self._form.couplings
        states = self._states[self._rows]
        fields = self._form.fields(states, self._overlaps).to(couplings.dtype)
        self._tail = CouplingSweeper(couplings, states, self._cues[self._rows], fields)
        self._overlaps = self._overlaps[:0]
