"""How long a state stays in a well at a temperature, and where it goes: simulated without rejections."""

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from scipy import stats
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import CapabilityError, InputError, SizeError
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, draw_seed
from memscape.landscape.exhaustive import LARGEST, exhaust
from memscape.landscape.plateau_search import names
from memscape.landscape.result import Landscape, plain_values
from memscape.landscape.subject import discrete_subject
from memscape.landscape.walking import Left, Walker
from memscape.mechanisms.energies import Energy


@dataclass(frozen=True)
class EscapeTimes:
    """How long walks stayed in wells, in sweeps (a unit is looked at once a sweep).

    Attributes:
        wells: (w,) which minima of the landscape.
        mean: (w,) mean time until another minimum was reached; a walk that was ended first counts with the
            time that it stayed. NaN where none escaped: then the interval says how long it is at least.
        interval: (w, 2) of the mean, from the law of exponential times.
        escapes: (w,) walks that reached another minimum.
        runs: (w,) walks.
        stayed: (w,) time of all walks together.
        reached: (w, k) how many of them ended in each minimum of the landscape.
        elsewhere: (w,) how many ended in a minimum that the landscape does not know.
        barrier: (w,) of the landscape, over the well.
        temperature: T in units of energy.
        settings: seed, flips at most, level.
        complete: False where Ctrl-C ended the walks.
    """

    wells: Int[Tensor, " w"]
    mean: Float64[Tensor, " w"]
    interval: Float64[Tensor, "w 2"]
    escapes: Int[Tensor, " w"]
    runs: Int[Tensor, " w"]
    stayed: Float64[Tensor, " w"]
    reached: Int[Tensor, "w k"]
    elsewhere: Int[Tensor, " w"]
    barrier: Float64[Tensor, " w"]
    temperature: float
    settings: dict[str, Any]
    complete: bool = True

    def table(self, most: int = 20) -> str:
        """Return the wells as lines of text; times in sweeps."""
        lines = ["well  barrier/T  mean time   interval              escaped   mostly to"]
        for i in range(min(most, len(self.wells))):
            low, high = self.interval[i].tolist()
            count, goal = self.reached[i].max(0) if self.reached.shape[1] else (torch.tensor(0), None)
            to = f"well {int(goal)}" if goal is not None and int(count) else "-"
            ratio = float(self.barrier[i]) / self.temperature
            head = f"{int(self.wells[i]):<5} {ratio:<10.3g} {float(self.mean[i]):<11.4g}"
            share = f"{int(self.escapes[i])} of {int(self.runs[i])}"
            lines.append(f"{head} {f'{low:.4g} to {high:.4g}':<21} {share:<9} {to}")
        if len(self.wells) > most:
            lines.append(f"... {len(self.wells) - most} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON; what is not finite is None."""
        return {field.name: plain_values(getattr(self, field.name)) for field in fields(self)}

    def __repr__(self) -> str:
        s = self.settings
        head = (
            f"Escape times from {len(self.wells)} wells at T = {self.temperature:g}, in sweeps, "
            f"{s['units']} units, seed {s['seed']}"
        )
        return f"{head}{'' if self.complete else ', ended by Ctrl-C'}\n{self.table(6)}"


def escape_times(
    landscape: Any,
    *,
    temperature: float,
    wells: object = None,
    runs: int = 32,
    most_flips: int = 20_000,
    memory: Any = None,
    level: float = 0.95,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> EscapeTimes:
    """Return how long the state stays in each well at a temperature, and which minima it goes to.

    Walks start in a minimum and move by Glauber's rates without rejections; a walk ends in the first
    minimum that is another one than its own, whether the landscape knows it or not.

    Args:
        landscape: what `survey` or `exhaust` returned; or a memory of at most 24 units, which is exhausted.
        temperature: T in units of energy, above 0.
        wells: indices of minima; None is the 8 deepest.
        runs: walks from each.
        most_flips: flips of a walk at most; it then counts with the time that it stayed.
        memory: what the landscape was measured of; needed only where it was loaded from a file.
        level: confidence of the intervals.
        generator: seed.
        progress: a bar, a callable, or None. After Ctrl-C the wells that are finished are returned.

    Raises:
        InputError: for a temperature of 0 or below (nothing ever leaves a well), or wells that do not exist.
        CapabilityError: for states that are no +-1 units, or a landscape from a file without its memory.
        SizeError: for a memory of more than 24 units; give its `survey`.

    Cost: O(n) a flip for quadratic energies, wells runs most_flips flips at most (0.1 microseconds and a
    unit); others take the fields of `runs` states for each.

    >>> import memscape as ms
    >>> land = ms.landscape.exhaust(ms.memories.Projection(ms.patterns.independent(2, 12, generator=0)))
    >>> times = ms.landscape.escape_times(land, temperature=0.5, generator=0)
    >>> bool((times.mean > 0).all()), int(times.escapes.sum()) == int(times.runs.sum())
    (True, True)

    Bortz, Kalos and Lebowitz 1975 (the walk).
    """
    require_temperature(temperature)
    require_count(runs, "runs")
    require_count(most_flips, "most_flips")
    require_fraction(level, "level")
    land, energy = measured(landscape, memory)
    seed = draw_seed(generator)
    chosen = _wells(wells, len(land))
    rows, walker = [], Walker(energy, land, temperature, seed, most_flips)
    with Progress(progress, len(chosen) * runs, "walks out of wells") as bar:
        for place, well in enumerate(chosen.tolist()):
            done = walker.leave(well, runs, place * runs, bar)
            if bar.interrupted:
                break
            rows.append(done)
    return _summary(land, chosen[: len(rows)], rows, temperature, level, seed, most_flips, len(chosen))


def require_temperature(temperature: float) -> float:
    """Return T as a float, or raise `InputError` unless it is finite and above 0."""
    if isinstance(temperature, bool) or not 0 < float(temperature) < math.inf:
        raise InputError(
            f"the temperature is {temperature}; a rate needs a finite one above 0: without noise no state "
            "ever leaves a well"
        )
    return float(temperature)


def measured(landscape: Any, memory: Any = None) -> tuple[Landscape, Energy]:
    """Return a landscape over +-1 units and the energy that it was measured of."""
    if not isinstance(landscape, Landscape):
        units = discrete_subject(landscape).energy.units
        if units > LARGEST:
            raise SizeError(
                f"the memory has {units} units; up to {LARGEST} it is exhausted here, else give "
                "memscape.landscape.survey(memory)"
            )
        landscape = exhaust(landscape)
    energy = landscape.source
    if memory is not None:
        energy = discrete_subject(memory).energy
        if energy.units != landscape.units:
            raise InputError(f"the landscape has {landscape.units} units and the memory {energy.units}")
    if energy is None:
        raise CapabilityError(
            "a landscape from a file holds no energy; give memory=, what it was measured of"
        )
    if landscape.minima.is_floating_point():
        raise CapabilityError("rates are those of +-1 units; this landscape's states are real")
    return landscape, energy


def _wells(wells: object, count: int) -> Int[Tensor, " w"]:
    if wells is None:
        return torch.arange(min(8, count))
    chosen = torch.as_tensor(wells, dtype=torch.int64).reshape(-1)
    if not len(chosen) or int(chosen.min()) < 0 or int(chosen.max()) >= count:
        raise InputError(f"wells are {chosen.tolist()}; the landscape has {count}, 0 to {count - 1}")
    return chosen


def _summary(
    land: Landscape,
    wells: Tensor,
    rows: list[Left],
    temperature: float,
    level: float,
    seed: int,
    most: int,
    wanted: int,
) -> EscapeTimes:
    place = {name: index for index, name in enumerate(names(land.minima.to(torch.int8)))} if len(land) else {}
    reached = torch.zeros(len(rows), len(land), dtype=torch.int64)
    elsewhere = torch.zeros(len(rows), dtype=torch.int64)
    for i, row in enumerate(rows):
        for end in row.ends:
            if end in place:
                reached[i, place[end]] += 1
            elif end is not None:
                elsewhere[i] += 1
    escapes = reached.sum(1) + elsewhere
    stayed = torch.tensor([float(row.walks.time.sum()) for row in rows], dtype=torch.float64)
    mean = torch.where(escapes > 0, stayed / escapes.clamp_min(1), math.nan)
    return EscapeTimes(
        wells=wells,
        mean=mean,
        interval=_exponential(stayed, escapes, level),
        escapes=escapes,
        runs=torch.tensor([len(row.ends) for row in rows], dtype=torch.int64),
        stayed=stayed,
        reached=reached,
        elsewhere=elsewhere,
        barrier=land.barrier[wells].double(),
        temperature=float(temperature),
        settings={"units": land.units, "seed": seed, "most_flips": most, "level": level},
        complete=len(rows) == wanted,
    )


def _exponential(stayed: Tensor, escapes: Tensor, level: float) -> Float[Tensor, "w 2"]:
    """Return the interval of the mean of exponential times of which so many ended in the time `stayed`."""
    tail, count, time = (1 - level) / 2, escapes.numpy(), stayed.numpy()
    low = 2 * time / stats.chi2.ppf(1 - tail, 2 * count + 2)
    high = np.where(count > 0, 2 * time / stats.chi2.ppf(tail, np.maximum(2 * count, 1)), np.inf)
    return torch.from_numpy(np.stack([low, high], -1))
