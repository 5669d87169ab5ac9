"""The demo's work: store pictures in several memories, damage and recall them, measure the wells.

Nothing is drawn here; `panels` turns the numbers into a report.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from memscape import landscape, memories, patterns
from memscape.cli.inputs import Pictures
from memscape.core.errors import InputError, MemscapeWarning
from memscape.core.recall import Recall, Verdict
from memscape.landscape.intervals import share_interval
from memscape.mechanisms import Asynchronous, Power, Softmax
from memscape.memories.vectors import sharpness

LOWER_HALF = -1.0
"""Stands for the damage that hides the lower half of a picture, where others are shares of flipped units."""

REFERENCE = 0.2
"""The damage at which memories are compared in words."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        loads: numbers of stored patterns.
        damages: shares of flipped units.
        cues: damaged cues for each memory, load and damage.
        wells: the load at which wells are measured, and energy falls.
        trials: cues per well and step of the radius.
        starts: random starts for the basins.
        seed: of everything that is drawn.
    """

    loads: tuple[int, ...] = (10, 50, 200, 800, 1797)
    damages: tuple[float, ...] = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45)
    cues: int = 100
    wells: int = 50
    trials: int = 20
    starts: int = 1000
    seed: int = 0

    @staticmethod
    def quick(seed: int = 0) -> "Plan":
        """Return a plan that takes seconds."""
        damages = (0.0, 0.1, 0.2, 0.3, 0.4)
        return Plan((10, 50, 200), damages, cues=30, wells=12, trials=6, starts=200, seed=seed)

    def within(self, count: int) -> "Plan":
        """Return the plan for `count` patterns: where a load is larger than that, it becomes all of them.

        >>> Plan().within(120).loads, Plan().within(120).wells
        ((10, 50, 120), 50)
        """
        if count < 2:
            raise InputError(f"there is {count} picture; a study of memories needs at least 2")
        loads = tuple(load for load in self.loads if load < count)
        if not loads or max(self.loads) >= count:
            loads = (*loads, count)
        return replace(self, loads=loads, wells=min(self.wells, count))


@dataclass(frozen=True)
class Cell:
    """How often one memory at one load answered cues of one damage.

    `exact` and `matched` count recalls of the right pattern, bit by bit and by overlap; `low` and `high` are the
    95 % interval of the share of exact ones; `flips` is the mean number of units changed.
    """

    memory: str
    patterns: int
    damage: float
    cues: int
    exact: int
    matched: int
    low: float
    high: float
    flips: float

    @property
    def share(self) -> float:
        """The share of exact recalls."""
        return self.exact / self.cues

    def to_dict(self) -> dict[str, Any]:
        """Return the counts and the share as plain Python values."""
        return asdict(self) | {"share": self.share}


@dataclass(frozen=True)
class Strip:
    """Some pictures at one load: as stored, as cued, and as recalled by each memory; unknown pixels are NaN."""

    patterns: int
    damage: float
    names: tuple[str, ...]
    stored: Tensor
    cue: Tensor
    recalled: dict[str, Tensor]


@dataclass(frozen=True)
class Newcomers:
    """Verdicts on cues of three kinds at one load, counted by memory: {memory: {kind: {verdict: count}}}."""

    patterns: int
    counts: dict[str, dict[str, dict[str, int]]]


@dataclass(frozen=True)
class Study:
    """All that was measured."""

    pictures: Pictures
    plan: Plan
    beta: float
    mean_overlap: float
    largest_overlap: float
    rank: int
    cells: tuple[Cell, ...]
    control: tuple[Cell, ...]
    strips: tuple[Strip, ...]
    falls: dict[str, Recall]
    visited: tuple[str, int, int]
    newcomers: Newcomers
    radii: dict[str, landscape.Radius]
    basins: dict[str, landscape.Basins]
    warned: tuple[str, ...]
    seconds: float

    def cell(self, memory: str, patterns: int, damage: float) -> Cell:
        """Return the counts of one memory, load and damage."""
        return next(c for c in self.cells if (c.memory, c.patterns, c.damage) == (memory, patterns, damage))

    @property
    def memories(self) -> tuple[str, ...]:
        """The names of the memories, in the order of the legend."""
        return tuple(dict.fromkeys(cell.memory for cell in self.cells))

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain Python values, ready for JSON."""
        return {
            "plan": asdict(self.plan),
            "units": self.pictures.patterns.shape[1],
            "beta": self.beta,
            "mean_overlap": self.mean_overlap,
            "largest_overlap": self.largest_overlap,
            "rank": self.rank,
            "cells": [cell.to_dict() for cell in (*self.cells, *self.control)],
            "visited": dict(zip(("memory", "patterns", "states"), self.visited, strict=True)),
            "verdicts": {"patterns": self.newcomers.patterns, "counts": self.newcomers.counts},
            "radius": {name: one.to_dict() for name, one in self.radii.items()},
            "basins": {name: one.to_dict() for name, one in self.basins.items()},
            "warnings": list(self.warned),
            "seconds": self.seconds,
        }


def side_by_side(X: Tensor, beta: float) -> dict[str, Any]:
    """Return the memories that are compared, each holding the patterns (p, n)."""
    return {
        "Hebbian": memories.Hebbian(X),
        "Projection": memories.Projection(X),
        "Dense, cubic": memories.Dense(X, separation=Power(3)),
        "Dense, softmax": memories.Dense(X, separation=Softmax(beta)),
    }


def sampled(count: int, cues: int) -> Tensor:
    """Return the rows of `count` patterns that serve as `cues` cues: evenly spaced, again and again if few.

    >>> sampled(3, 6).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    return torch.arange(cues) * count // cues


def damaged(X: Tensor, damage: float, seed: int) -> Tensor:
    """Return patterns with a share of their units flipped, or with the lower half of the picture unknown."""
    if damage == LOWER_HALF:
        return X * (torch.arange(X.shape[1]) < X.shape[1] // 2)
    return patterns.flip(X, damage, generator=seed)


def study(pictures: Pictures, plan: Plan, progress: Callable[[str], None]) -> Study:
    """Return what several memories make of the pictures, measured as planned.

    Args:
        pictures: what is stored; with p loads each memory holds the first p of them.
        plan: see `Plan`; `plan.within(len(pictures.patterns))` fits it to few pictures.
        progress: is called with a line of text before each part.

    Raises:
        InputError: for fewer than 2 pictures.
    """
    began = time.perf_counter()
    plan = plan.within(len(pictures.patterns))
    X = pictures.patterns
    beta = float(f"{sharpness(X, share=0.99):.2g}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MemscapeWarning)
        cells, control, strips = [], [], []
        for load in plan.loads:
            progress(f"recalling with {load:,} {pictures.noun} stored")
            held = side_by_side(X[:load], beta)
            cells += [cell for name, memory in held.items() for cell in _cells(name, memory, X[:load], plan)]
            control.append(_control(load, X.shape[1], plan))
            strips.append(_strip(pictures, held, load, plan))
        visited = _visited(held, X, plan)
        progress("telling stored from never stored")
        newcomers = _newcomers(X, beta, plan)
        progress(f"measuring {plan.wells} wells")
        held = side_by_side(X[: plan.wells], beta)
        falls = {name: _fall(memory, X[: plan.wells], plan.seed) for name, memory in held.items()}
        options = {"generator": plan.seed, "progress": False}
        radii = {name: landscape.radius(m, trials=plan.trials, **options) for name, m in held.items()}
        basins = {name: landscape.basins(m, starts=plan.starts, **options) for name, m in held.items()}
    mean, largest, rank = _correlations(X)
    warned = tuple(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, MemscapeWarning)))
    return Study(
        pictures=pictures,
        plan=plan,
        beta=beta,
        mean_overlap=mean,
        largest_overlap=largest,
        rank=rank,
        cells=tuple(cells),
        control=tuple(control),
        strips=tuple(strips),
        falls=falls,
        visited=visited,
        newcomers=newcomers,
        radii=radii,
        basins=basins,
        warned=warned,
        seconds=time.perf_counter() - began,
    )


def _cells(name: str, memory: Any, X: Tensor, plan: Plan) -> list[Cell]:
    return [_cell(name, memory, X, damage, plan) for damage in (*plan.damages, LOWER_HALF)]


def _cell(name: str, memory: Any, X: Tensor, damage: float, plan: Plan) -> Cell:
    rows = sampled(len(X), plan.cues)
    answer = memory.recall(damaged(X[rows], damage, plan.seed), generator=plan.seed, progress=False)
    # the right one, or a copy of it: equal pictures cannot be told apart
    right = (answer.match == rows) | (answer.exact & (answer.state == X[rows]).all(-1))
    exact, matched = int((answer.exact & right).sum()), int(right.sum())
    low, high = share_interval(exact, plan.cues).tolist()
    flips = float(answer.flips.double().mean())
    return Cell(name, len(X), damage, plan.cues, exact, matched, low, high, flips)


def _control(load: int, units: int, plan: Plan) -> Cell:
    """Return how Hebb's rule does with as many independent patterns: what is left when nothing is correlated."""
    X = patterns.independent(load, units, generator=plan.seed)
    return _cell("Hebbian, independent patterns", memories.Hebbian(X), X, REFERENCE, plan)


def _strip(pictures: Pictures, held: dict[str, Any], load: int, plan: Plan, most: int = 10) -> Strip:
    rows = sampled(load, min(most, load))
    stored = pictures.patterns[rows]
    cue = damaged(stored, REFERENCE, plan.seed)
    cue[1::2] = damaged(stored, LOWER_HALF, plan.seed)[1::2]
    recalled = {
        name: pictures.decode(memory.recall(cue, generator=plan.seed, progress=False).state)
        for name, memory in held.items()
    }
    names = tuple(pictures.names[int(row)] for row in rows)
    return Strip(load, REFERENCE, names, pictures.decode(stored), pictures.decode(cue), recalled)


def _visited(held: dict[str, Any], X: Tensor, plan: Plan) -> tuple[str, int, int]:
    """Return a memory that recalled a damaged cue exactly at the largest load, and the states that it visited."""
    rows = sampled(len(X), plan.cues)
    for name in reversed(held):
        answer = held[name].recall(
            damaged(X[rows], REFERENCE, plan.seed), generator=plan.seed, progress=False
        )
        good = answer.exact & (answer.match == rows)
        if bool(good.any()):
            return name, len(X), int(answer.flips[good].median()) + 1
    return next(iter(held)), len(X), int(answer.flips.median()) + 1


def _newcomers(X: Tensor, beta: float, plan: Plan) -> Newcomers:
    fitting = [load for load in plan.loads if load + 2 <= len(X)]
    load = fitting[-1] if fitting else max(1, len(X) - 1)
    count = plan.cues
    rest = X[load:]
    kinds = {
        "stored, 20 % flipped": damaged(X[sampled(load, count)], REFERENCE, plan.seed),
        "never stored": rest[sampled(len(rest), min(count, len(rest)))],
        "random units": patterns.independent(count, X.shape[1], generator=plan.seed),
    }
    counts = {}
    for name, memory in side_by_side(X[:load], beta).items():
        answers = {k: memory.recall(cue, generator=plan.seed, progress=False) for k, cue in kinds.items()}
        counts[name] = {
            kind: {verdict.name: int((answer.verdict == int(verdict)).sum()) for verdict in Verdict}
            for kind, answer in answers.items()
        }
    return Newcomers(load, counts)


def _fall(memory: Any, X: Tensor, seed: int, most: int = 5) -> Recall:
    cue = damaged(X[sampled(len(X), min(most, len(X)))], REFERENCE, seed)
    return memory.recall(
        cue, dynamics=Asynchronous(order="steepest"), max_steps=2000, trace=True, progress=False
    )


def _correlations(X: Tensor) -> tuple[float, float, int]:
    """Return the mean overlap of two patterns, the largest one, and the rank of all of them."""
    overlaps = X.double() @ X.double().T / X.shape[1]
    away = ~torch.eye(len(X), dtype=torch.bool)
    between = overlaps[away]
    return float(between.mean()), float(between.max()), int(torch.linalg.matrix_rank(X.double()))
