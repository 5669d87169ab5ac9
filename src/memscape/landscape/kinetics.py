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
from memscape.kernels.walks import Walks, go_on, go_on_by_fields, state_names
from memscape.landscape.exhaustive import LARGEST, exhaust
from memscape.landscape.mapper import DiscreteMapper
from memscape.landscape.plateau_search import names, states_of
from memscape.landscape.result import Landscape
from memscape.landscape.subject import as_quadratic, discrete_subject, quadratic_scale
from memscape.mechanisms.energies import Energy

_PART = 1 << 10  # flips of each walk between two looks at the progress


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
        plain: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            plain[field.name] = _plain(value.tolist()) if isinstance(value, Tensor) else value
        return plain

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
    rows, walker = [], _Walker(energy, land, temperature, seed, most_flips)
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


@dataclass
class _Left:
    """How the walks out of one well ended: the name of each end's minimum, None where a walk was ended."""

    walks: Walks
    ends: list[bytes | None]


class _Walker:
    """Walks over one energy, and the states without a lower neighbour that are no minima of their own."""

    def __init__(self, energy: Energy, land: Landscape, temperature: float, seed: int, most: int):
        self.land, self.seed, self.most, self.units = land, seed, most, energy.units
        self.mapper = DiscreteMapper(energy)
        quadratic = as_quadratic(energy)
        largest = float(land.energy.abs().max()) if len(land) else 1.0
        if quadratic is None:
            self.temperature, self.slack, self.energy = temperature, 1e-9 * largest, energy
            self.quadratic = None
        else:
            scale = quadratic_scale(energy)
            weights, theta = (np.ascontiguousarray(part, dtype=np.float64) for part in quadratic)
            self.quadratic = (weights, theta)
            self.temperature, self.slack = temperature / scale, 1e-9 * largest / scale

    def leave(self, well: int, runs: int, first: int, bar: Progress) -> _Left:
        """Let `runs` walks out of a well until each has reached another minimum."""
        start = self.land.minima[well].to(torch.int8)
        own = self.mapper.plateau_of(start)
        passed = self._named(own.states)
        walks = Walks.start(start.numpy(), runs, first)
        ends: list[bytes | None] = [None] * runs
        going, most = np.arange(runs), 0
        while len(going) and most < self.most:
            most = min(most + _PART, self.most)
            passed = self._until(walks, going, passed, ends, own.states[0], most)
            still = np.array([ends[row] is None for row in going], dtype=bool)
            going = going[still]
            ended = len(still) - len(going) if most < self.most else len(still)
            if not bar.update(ended):
                break
        return _Left(walks, ends)

    def _until(
        self, walks: Walks, rows: np.ndarray, passed: np.ndarray, ends: list, own: bytes, most: int
    ) -> np.ndarray:
        """Go on with some walks until they have left or made `most` flips; return what is passed through."""
        while len(rows):
            part = Walks(*(getattr(walks, f.name)[rows] for f in fields(walks)))
            self._move(part, passed, most)
            for f in fields(walks):
                getattr(walks, f.name)[rows] = getattr(part, f.name)
            rows = rows[part.resting]
            again = []
            for row in rows.tolist():
                plateau = self.mapper.plateau_of(torch.from_numpy(walks.states[row]))
                if plateau.exit is None and plateau.states[0] != own:
                    ends[row] = plateau.states[0]
                else:  # a plateau that leads on, or back into the well
                    passed = np.union1d(passed, self._named(plateau.states))
                    again.append(row)
            rows = np.array(again, dtype=np.int64)
        return passed

    def _move(self, walks: Walks, passed: np.ndarray, most: int) -> None:
        options: dict[str, Any] = {"temperature": self.temperature, "seed": self.seed, "slack": self.slack}
        if self.quadratic is not None:
            go_on(walks, *self.quadratic, passed, most=most, **options)
        else:
            go_on_by_fields(walks, self._field, passed, most=most, **options)

    def _field(self, states: Tensor) -> Tensor:
        return self.energy.field(states.float()).cpu()

    def _named(self, known: list[bytes]) -> np.ndarray:
        return np.sort(state_names(states_of(known, self.units).numpy()))


def _summary(
    land: Landscape,
    wells: Tensor,
    rows: list[_Left],
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


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
