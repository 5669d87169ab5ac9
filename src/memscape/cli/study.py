"""What a study of pictures in memories plans and finds; `measure` fills it, `panels` draws it."""

from dataclasses import asdict, dataclass, replace
from typing import Any

from torch import Tensor

from memscape import landscape
from memscape.cli.inputs import Pictures
from memscape.core.errors import InputError
from memscape.core.recall import Recall

LOWER_HALF = -1.0
"""Stands for the damage that hides the lower half of a picture, where others are shares of flipped units."""

REFERENCE = 0.2
"""The damage at which memories are compared in words."""


def fall_stride(units: int) -> int:
    """Return after how many flips the falling energy is looked at: some 20 to 40 times at any size.

    >>> fall_stride(64), fall_stride(1024)
    (1, 10)
    """
    return max(1, units // 100)


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

    `exact` and `matched` count recalls of the right pattern, bit by bit and by overlap; `low` and `high` are
    the 95 % interval of the share of exact ones; `flips` is the mean number of units changed.
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
    """Pictures at one load: as stored, as cued, and as recalled by each memory; unknown pixels are NaN."""

    patterns: int
    damage: float
    names: tuple[str, ...]
    stored: Tensor
    cue: Tensor
    recalled: dict[str, Tensor]


@dataclass(frozen=True)
class Newcomers:
    """Verdicts on cues of three kinds at one load, counted by memory: {memory: {kind: {verdict: count}}}.

    `nearest` is the mean overlap of the never stored pictures with the nearest stored one, `nearest_random`
    that of the random states.
    """

    patterns: int
    nearest: float
    nearest_random: float
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
            "verdicts": asdict(self.newcomers),
            "radius": {name: one.to_dict() for name, one in self.radii.items()},
            "basins": {name: one.to_dict() for name, one in self.basins.items()},
            "warnings": list(self.warned),
            "seconds": self.seconds,
        }
