"""What separates the wells of a large landscape: passes as upper bounds, and how far below they can be."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor

from memscape.core.arrays import as_tensor, require_count
from memscape.core.errors import InputError
from memscape.core.progress import Progress, ProgressOption
from memscape.kernels.packing import unpack
from memscape.landscape.barrier_result import Barriers, Passes
from memscape.landscape.crossing import Crossing, crossing
from memscape.landscape.pairing import chosen_wells, near_pairs, spanning
from memscape.landscape.result import escape_barriers
from memscape.landscape.strings import string_passes
from memscape.landscape.subject import Subject, discrete_subject
from memscape.landscape.tree import merge_tree
from memscape.mechanisms.distances import Distances

EXACT_UNITS = 16
"""Differing units up to which the passes of the tree are searched over all ways."""

_PAIRS = 16  # pairs whose ways are searched between two looks at the progress


def passes_between(
    memory: Any,
    minima: object,
    energy: object = None,
    *,
    lowest: int = 64,
    also: object = (),
    width: int | None = None,
    neighbours: int = 16,
    visits: int | None = None,
    field: object = None,
    progress: ProgressOption = None,
) -> Passes:
    """Return (edges, passes, saddles): the lowest ways found between wells, as upper bounds.

    Between wells near each other a beam searches ways that flip each differing unit once. Where at most 16
    units differ, the passes that matter are searched again over all ways; and water that rises in each well
    finds ways over other units. What is returned joins the wells as a tree, with passes that are
    never below the lowest there are, and equal to them for most pairs of small landscapes. Real-valued
    wells are joined along strings (see `string`).

    Args:
        memory: anything with an energy.
        minima: (k, n) its minima.
        energy: (k,) their energies; None computes them.
        lowest: only this many of the deepest minima are joined ...
        also: ... and the ones of these indices, such as the stored ones.
        width: partial ways that the beam keeps; None is 32 up to 128 units, then fewer, 8 from 512 on.
        neighbours: each well is joined with this many nearest ones, and the wells with each other.
        visits: states that the water visits in each well, 0 leaves this out; None is 2,000 up to 100 units,
            then fewer, 200 at 1,000.
        field: (n,) an external field that drives the memory.
        progress: a bar, a callable, or None. After Ctrl-C the passes found so far are returned.

    Raises:
        CapabilityError: for a memory without an energy.
        InputError: for an empty memory, minima of another width, or energies of another number.

    Cost, for c wells that differ in d units: O(c neighbours d^2 width) and O(c visits n^2) for quadratic
    energies; others take d fields of c neighbours width states, and visits of one each.

    >>> import memscape as ms
    >>> memory = ms.memories.Projection(ms.patterns.independent(3, 40, generator=0))
    >>> edges, passes, saddles = passes_between(memory, memory.patterns)
    >>> edges.shape, bool((passes >= memory.energy(memory.patterns).max()).all())
    (torch.Size([2, 2]), True)
    """
    plan = _plan(minima, lowest, also, width, neighbours, visits)
    return _search(memory, minima, energy, plan, field, progress).joins


def escape_bounds(
    memory: Any,
    minima: object,
    energy: object = None,
    *,
    lowest: int = 64,
    also: object = (),
    width: int | None = None,
    neighbours: int = 16,
    visits: int = 20_000,
    field: object = None,
    progress: ProgressOption = None,
) -> Barriers:
    """Return bounds of each well's barrier; where they meet, it is exact whatever the number of units.

    Water rises in the well, lowest states first. The first time it runs down it has found the lowest pass
    out; while it has not, that pass is not below its level; where nothing is left below a known pass, that
    pass is the lowest.

    Args: see `passes_between`; more `visits` make more barriers exact.

    Raises:
        CapabilityError: for a memory without an energy over +-1 units.
        InputError: as `passes_between`.

    Cost: as `passes_between`.

    >>> import memscape as ms
    >>> memory = ms.memories.Projection(ms.patterns.independent(2, 16, generator=0))
    >>> land = ms.landscape.exhaust(memory)
    >>> bounds = escape_bounds(memory, land.minima)
    >>> bool(bounds.proved.all()), bool(((bounds.upper - land.barrier).abs() < 1e-9).all())
    (True, True)
    """
    plan = _plan(minima, lowest, also, width, neighbours, visits)
    return _search(memory, minima, energy, plan, field, progress)


class _Plan(NamedTuple):
    """Which wells are joined, and how hard passes between them are looked for."""

    lowest: int
    also: object
    width: int
    neighbours: int
    visits: int


def _plan(
    minima: object, lowest: int, also: object, width: int | None, neighbours: int, visits: int | None
) -> _Plan:
    """Return the plan with numbers for what was left open, the smaller the more units there are."""
    units = as_tensor(minima, "minima").shape[-1]
    return _Plan(
        require_count(lowest, "lowest"),
        also,
        max(8, min(32, 4096 // units)) if width is None else require_count(width, "width"),
        require_count(neighbours, "neighbours"),
        min(2000, 200_000 // units) if visits is None else require_count(visits, "visits", low=0),
    )


def _search(
    memory: Any, minima: object, energy: object, plan: _Plan, field: object, progress: ProgressOption
) -> Barriers:
    states = as_tensor(minima, "minima")
    if states.ndim != 2:
        raise InputError(f"minima have shape {tuple(states.shape)}; give (k, n), one row per minimum")
    held = getattr(memory, "landscape_energy", None)
    if isinstance(held, Distances) or getattr(held, "norm", 0.0) != 0.0:
        return _along_strings(memory, states, energy, plan, progress)
    subject = discrete_subject(memory, field)
    if states.shape[1] != subject.energy.units:
        raise InputError(f"minima have {states.shape[1]} units and the memory {subject.energy.units}")
    states = states.to(torch.int8).cpu()
    level = _energies(subject.energies(states) if energy is None else energy, len(states))
    wells = chosen_wells(level, plan.lowest, plan.also)
    search = _Search(subject, states[wells], level[wells], Progress(progress, 0, "passes between wells"))
    with search.bar:
        search.join(near_pairs(states[wells], plan.neighbours), plan.width)
        search.refine()
        search.flood(plan.visits)
    return search.result(wells, plan.visits)


class _Search:
    """The passes found so far between some wells (c, n)."""

    def __init__(self, subject: Subject, states: Tensor, energy: Tensor, bar: Progress):
        self.subject, self.states, self.energy, self.bar = subject, states, energy, bar
        self.ways: Crossing = crossing(subject, float(energy.abs().max()) if len(energy) else 0.0)
        self.edges = torch.zeros(0, 2, dtype=torch.int64)
        self.passes = torch.zeros(0, dtype=torch.float64)
        self.saddles = states[:0]
        self.lower = torch.zeros(len(states), dtype=torch.float64)
        self.upper = torch.full((len(states),), math.inf, dtype=torch.float64)
        self.slack = 1e-9 * max(float(energy.abs().max()), 1e-300) if len(energy) else 0.0

    def _add(self, edges: Tensor, saddles: Tensor) -> None:
        if not len(edges):
            return
        ends = self.energy[edges].amax(1)
        self.edges = torch.cat([self.edges, edges])
        self.passes = torch.cat([self.passes, torch.maximum(self.subject.energies(saddles), ends)])
        self.saddles = torch.cat([self.saddles, saddles])
        kept = spanning(len(self.states), self.edges, self.passes)
        self.edges, self.passes, self.saddles = self.edges[kept], self.passes[kept], self.saddles[kept]

    def join(self, pairs: Tensor, width: int) -> None:
        self.bar.total = len(pairs) + 2 * len(self.states)
        for part in pairs.split(_PAIRS):
            self._add(part, self.ways.over(self.states[part[:, 0]], self.states[part[:, 1]], width))
            if not self.bar.update(len(part)):
                return

    def refine(self) -> None:
        if self.bar.interrupted:
            return
        limit = min(EXACT_UNITS, self.ways.exact_units)
        ends = self.states[self.edges]
        close = self.edges[(ends[:, 0] != ends[:, 1]).sum(1) <= limit]
        for edge in close:
            self._add(edge[None], self.ways.best(self.states[edge[0]], self.states[edge[1]])[None])
            if not self.bar.update():
                return

    def flood(self, visits: int) -> None:
        """Let water rise in every well up to the pass towards a deeper one."""
        units = self.states.shape[1]
        for well in range(len(self.states) if visits else 0):
            if self.bar.interrupted:
                return
            lid = self._lid(well)
            met = self.ways.spill(self.states[well], self.states, lid, visits)
            edges = torch.tensor([[well, other] for other in met.wells.tolist()], dtype=torch.int64)
            self._add(edges.reshape(-1, 2), unpack(met.highest, units))
            if math.isfinite(met.over):
                self.upper[well] = self.lower[well] = met.over
            else:
                self.lower[well] = lid if met.closed else met.level
            self.bar.update()

    def _lid(self, well: int) -> float:
        """How far the pass towards a deeper well lies above this one; for the deepest, the highest one."""
        heights = merge_tree(self.energy, self.edges, self.passes).passes()[well]
        deeper = (self.energy < self.energy[well] - self.slack) & heights.isfinite()
        known = heights[deeper] if bool(deeper.any()) else self.passes
        top = known.min() if bool(deeper.any()) else known.max() if len(known) else torch.tensor(math.inf)
        return float(top - self.energy[well]) + 2 * self.slack

    def result(self, wells: Tensor, visits: int) -> Barriers:
        known = escape_barriers(self.energy, self.edges, self.passes)
        upper = torch.minimum(self.upper, known)
        lower = torch.minimum(self.lower, upper)
        proved = (upper - lower) <= 4 * self.slack
        order = self.passes.argsort(stable=True)
        joins = Passes(wells[self.edges[order]], self.passes[order], self.saddles[order])
        return Barriers(
            wells, self.energy, lower, upper, proved, joins, visits, complete=not self.bar.interrupted
        )


def _along_strings(
    memory: Any, states: Tensor, energy: object, plan: _Plan, progress: ProgressOption
) -> Barriers:
    level = _energies(memory.energy(states).double() if energy is None else energy, len(states))
    wells = chosen_wells(level, plan.lowest, plan.also)
    pairs = near_pairs(states[wells], plan.neighbours)
    passes, saddles, complete = string_passes(memory, states[wells], pairs, progress=progress)
    pairs = pairs[: len(passes)]
    kept = spanning(len(wells), pairs, passes)
    pairs, passes, saddles = pairs[kept], passes[kept], saddles[kept]
    passes = torch.maximum(passes, level[wells][pairs].amax(1)) if len(pairs) else passes
    upper = escape_barriers(level[wells], pairs, passes)
    joins = Passes(wells[pairs], passes, saddles)
    nothing = torch.zeros(len(wells), dtype=torch.float64)
    return Barriers(wells, level[wells], nothing, upper, upper <= 0, joins, 0, complete)


def _energies(given: object, count: int) -> Tensor:
    energy = as_tensor(given, "energy").double().cpu().reshape(-1)
    if len(energy) != count:
        raise InputError(f"there are {count} minima and {len(energy)} energies; give one for each")
    return energy
