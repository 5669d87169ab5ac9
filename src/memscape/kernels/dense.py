r"""Sweepers of +-1 units under separated energies, whose wells are functions of one overlap each.

Additive: $E = -\sum_k F(o_k)$; log-sum-exp: $E = -\frac1\beta \log \sum_k e^{\beta (o_k + b_k)}$; $o = X s$
are the raw overlaps. The field is the exact effective one, $h_i = \frac12 [E(s_i = -1) - E(s_i = +1)]$, so a
flip costs $2 s_i h_i$. Patterns may hold 0 (no opinion). F is a table over every integer overlap, -n ... n.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int8
from torch import Tensor

from memscape.kernels import dense_sweeps
from memscape.kernels.dense_fields import checked_log_sum_exp, checked_table
from memscape.kernels.noise import logistic_noise
from memscape.kernels.packing import overlaps
from memscape.kernels.sweeps import Noise, Sweeper
from memscape.kernels.threads import threads_for

TOLERANCE = 1e-9
"""Fields of log-sum-exp energies up to this size, in units of overlap, are ties; none exceeds 1."""

_HELD = 1 << 24  # overlaps of one part of the batch that are held at a time, 64 MiB

Start = Callable[[Tensor, Tensor], Sweeper]


def tie_tolerance(table: Float[Tensor, " m"], patterns: int) -> float:
    r"""Return the size up to which a field of an additive energy is rounding: 0 where sums are exact.

    It is exact if F takes integer values and $8 p \max |F| < 2^{53}$; else the bound is a few units in the
    last place of a sum of p differences of F.

    >>> tie_tolerance(torch.arange(-4.0, 5.0, dtype=torch.float64) ** 3, 10)
    0.0
    """
    largest = float(table.abs().max())
    if bool((table == table.round()).all()) and 8 * patterns * largest < 2.0**53:
        return 0.0
    steps = float((table[2:] - table[:-2]).abs().max()) if len(table) > 2 else largest
    return patterns * max(steps, 1e-300) * 2.0**-50


def additive(patterns: Int8[Tensor, "p n"], table: Float[Tensor, " m"], *, tol: float = 0.0) -> Start:
    r"""Return what starts a sweeper under $E = -\sum_k F(o_k)$, F given as its values at o = -n ... n.

    Arguments:
        patterns: entries -1, 0, +1.
        table: F at the 2 n + 1 integers, float64.
        tol: fields of at most this size are ties; 0 for tables whose sums are exact, see `tie_tolerance`.

    Raises:
        InputError: if the table has another length or holds NaN or infinities, or a pattern holds other
            values.

    Cost: O(p) per visited unit (a table look-up per pattern only where it flips); memory of its own p n int8,
        and 64 MiB of overlaps. Parallel over cues.

    >>> from memscape.kernels.sweeps import run
    >>> x = torch.tensor([[1, 1, 1, -1, -1], [1, -1, 1, -1, 1]], dtype=torch.int8)
    >>> square = torch.arange(-5.0, 6.0, dtype=torch.float64) ** 2
    >>> cue = torch.tensor([[-1, 1, 1, -1, -1]], dtype=torch.int8)
    >>> run(additive(x, square), cue, order="fixed", max_steps=9, seed=0).states
    tensor([[ 1,  1,  1, -1, -1]], dtype=torch.int8)
    """
    table = checked_table(patterns, table)
    padded = torch.cat([table[:1], table[:1], table, table[-1:], table[-1:]])
    slope = (padded[4:] - padded[:-4]).numpy()
    curve = (2 * table - padded[4:] - padded[:-4]).numpy()
    units = patterns.T.contiguous()
    loop = partial(_additive_loop, slope, curve, bool((patterns == 0).any()), float(tol))
    return partial(_WellsSweeper, units, loop)


def log_sum_exp(
    patterns: Int8[Tensor, "p n"],
    beta: float,
    bias: Float[Tensor, " p"] | None = None,
    *,
    tol: float = TOLERANCE,
) -> Start:
    r"""Return what starts a sweeper under $E = -\frac1\beta \log \sum_k e^{\beta (o_k + b_k)}$.

    Arguments:
        patterns: entries -1, 0, +1.
        beta: inverse width of the wells, above 0; infinity leaves the best well alone.
        bias: in units of overlap, inside beta; None is 0.
        tol: fields of at most this size, in units of overlap, are ties.

    Raises:
        InputError: if beta is not above 0, the bias not finite or of another length, or a pattern holds other
            values.

    Cost: O(p) per flip and at the start of a sweep; a visit without a flip sums over the wells near the best
    only, those within 4 + 60 / beta of its overlap: often one. Memory as `additive`, and 16 p bytes a thread.

    >>> from memscape.kernels.sweeps import run
    >>> x = torch.tensor([[1, 1, 1, -1, -1], [1, -1, 1, -1, 1]], dtype=torch.int8)
    >>> cue = torch.tensor([[-1, 1, 1, -1, -1]], dtype=torch.int8)
    >>> run(log_sum_exp(x, beta=1.0), cue, order="fixed", max_steps=9, seed=0).states
    tensor([[ 1,  1,  1, -1, -1]], dtype=torch.int8)
    """
    bias = checked_log_sum_exp(patterns, beta, bias)
    units = patterns.T.contiguous()
    return partial(_WellsSweeper, units, partial(_log_sum_exp_loop, float(beta), bias.numpy(), float(tol)))


def from_field(field: Callable[[Tensor], Tensor], *, tol: float = TOLERANCE) -> Start:
    """Return what starts a sweeper under any energy of +-1 units whose field is given as a function.

    Arguments:
        field: from states (c, n) int8 to the fields (c, n) of all units.
        tol: fields of at most this size are ties.

    Cost: n calls of the field of all units per sweep; `from_unit_field` asks for one unit at a time.

    >>> from memscape.kernels.sweeps import run
    >>> coupling = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> cue = torch.tensor([[1, -1]], dtype=torch.int8)
    >>> run(from_field(lambda s: s.float() @ coupling), cue, order="fixed", max_steps=9, seed=0).states
    tensor([[-1, -1]], dtype=torch.int8)
    """
    return from_unit_field(lambda states, unit: field(states)[:, unit], tol=tol)


def from_unit_field(unit_field: Callable[[Tensor, int], Tensor], *, tol: float = TOLERANCE) -> Start:
    """Return what starts a sweeper under any energy of +-1 units whose field is given unit by unit.

    Arguments:
        unit_field: from states (c, n) int8 and a unit to its fields (c,).
        tol: fields of at most this size are ties.

    Cost: n calls per sweep.

    >>> from memscape.kernels.sweeps import run
    >>> cue = torch.tensor([[1, -1]], dtype=torch.int8)
    >>> run(from_unit_field(lambda s, i: s[:, 1 - i]), cue, order="fixed", max_steps=9, seed=0).states
    tensor([[-1, -1]], dtype=torch.int8)
    """
    return partial(_FieldSweeper, unit_field, float(tol))


def _additive_loop(slope, curve, diluted, tol, states, found, units, order, thermal, cues, flips, tied):
    dense_sweeps.additive_sweep(
        states, found, units, slope, curve, diluted, order, tol, *thermal[:2], cues, thermal[2], flips, tied
    )


def _log_sum_exp_loop(beta, bias, tol, states, found, units, order, thermal, cues, flips, tied):
    smooth = beta <= dense_sweeps.SMOOTH_BETA
    sweep = dense_sweeps.smooth_sweep if smooth else dense_sweeps.sharp_sweep
    sweep(states, found, units, beta, bias, order, tol, *thermal[:2], cues, thermal[2], flips, tied)


class _WellsSweeper:
    """States in a landscape of wells; the overlaps are made anew, exactly, for each sweep."""

    def __init__(self, units: Tensor, loop: Callable[..., None], states: Tensor, cues: Tensor):
        self._units, self._loop = units, loop
        self._states, self._cues = states.clone(), cues

    def sweep(self, order: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        """Visit every unit once; return flips and ties."""
        flips = torch.zeros(len(self._states), dtype=torch.int64)
        tied = torch.zeros(len(self._states), dtype=torch.bool)
        thermal = _thermal(noise)
        size = max(1, _HELD // max(1, self._units.shape[1]))
        for part in range(0, len(self._states), size):
            rows = slice(part, part + size)
            states = self._states[rows]
            found = overlaps(states, self._units.T)
            with threads_for(found.numel() * len(order)):
                self._loop(
                    states.numpy(), found.numpy(), self._units.numpy(), order.numpy(), thermal,
                    self._cues[rows].numpy(), flips[rows].numpy(), tied[rows].numpy(),
                )  # fmt: skip
        return flips, tied

    def keep(self, rows: Tensor) -> None:
        """Go on with the given rows only."""
        self._states, self._cues = self._states[rows], self._cues[rows]

    def states(self) -> Tensor:
        """The current states, (c, n) int8."""
        return self._states


class _FieldSweeper:
    """States under an energy that is known by a function alone."""

    def __init__(self, unit_field: Callable[[Tensor, int], Tensor], tol: float, states: Tensor, cues: Tensor):
        self._unit_field, self._tol = unit_field, tol
        self._states, self._cues = states.clone(), cues

    def sweep(self, order: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        """Visit every unit once; return flips and ties."""
        flips = torch.zeros(len(self._states), dtype=torch.int64)
        tied = torch.zeros(len(self._states), dtype=torch.bool)
        for i in order.tolist():
            field = self._unit_field(self._states, i).to(torch.float64)
            old = self._states[:, i].clone()
            tie = field.abs() <= self._tol
            up = field > 0
            if noise is not None:
                thermal = logistic_noise(noise.seed, self._cues, noise.sweep, torch.tensor([i]))[:, 0]
                up = field + noise.temperature * thermal > 0
            else:
                up = torch.where(tie, old > 0, up)
            self._states[:, i] = up.to(torch.int8) * 2 - 1
            flips += self._states[:, i] != old
            tied |= tie
        return flips, tied

    def keep(self, rows: Tensor) -> None:
        """Go on with the given rows only."""
        self._states, self._cues = self._states[rows], self._cues[rows]

    def states(self) -> Tensor:
        """The current states, (c, n) int8."""
        return self._states


def _thermal(noise: Noise | None) -> tuple[float, np.uint64, int]:
    if noise is None:
        return 0.0, np.uint64(0), 0
    return float(noise.temperature), np.uint64(noise.seed), noise.sweep
