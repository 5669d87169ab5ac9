"""Memories without an energy: recall repeats one read of the store until the state stays."""

import math
from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, draw_seed
from memscape.core.recall import Recall, Status, Trace
from memscape.mechanisms.energies import CHUNK, Wells
from memscape.mechanisms.reading import Calibration, calibrate, nearest, verdicts
from memscape.memories.pattern_keeper import PatternKeeper
from memscape.memories.recalling import checked_states


class CodeMemory(PatternKeeper):
    """A memory that is read, not descended.

    It has no energy, and says so by lacking one. The verdict needs none: familiarity is the share of the cue
    that the store supports, the gap is the lead of the best overlap over the next at the end.
    """

    @abstractmethod
    def _next(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """Return what the store reads out for states; an undecided unit keeps its value."""

    @abstractmethod
    def _support(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        """Return the share of each state's given units that the store supports; 1 is a stored pattern."""

    def wells(self, states: Float[Tensor, "b n"]) -> Wells:
        """Return how well the store supports states, the pattern nearest to each, and its lead in overlap."""
        parts = [self._overlaps(rows) for rows in states.split(max(1, CHUNK // max(len(self), self.units)))]
        index, gap = (torch.cat([part[k] for part in parts]) for k in range(2))
        return Wells(self._support(states).double(), index, gap)

    def _overlaps(self, states: Tensor) -> tuple[Tensor, Tensor]:
        m = self.space.overlap(states, self.patterns).double()
        best, index = m.max(-1)
        if m.shape[1] == 1:
            return index, torch.full_like(best, math.inf)
        return index, best - m.scatter(-1, index[:, None], -math.inf).amax(-1)

    @property
    def calibration(self) -> Calibration:
        """The familiarity scale and thresholds; computed on first use and kept until `store` or `forget`."""
        if self._scale is None:
            options: dict[str, Any] = {k: v for k, v in self.reading.items() if k != "threshold"}
            with torch.no_grad():
                self._scale = calibrate(self, self.space, **options)
        return self._scale

    def recall(
        self,
        cue: object,
        *,
        dynamics: object = None,
        max_steps: int = 100,
        generator: Generator = None,
        trace: bool = False,
        progress: ProgressOption = None,
    ) -> Recall:
        """Return where repeated reads lead from cues.

        Args:
            cue: (..., n) in the memory's space.
            dynamics: None; the memory is read in its own way.
            max_steps: reads at most.
            generator: recorded; nothing is drawn here.
            trace: also return every state on the way; its energies are NaN, there are none.
            progress: a bar, a callable, or None for a bar in a terminal when it takes long.

        Raises:
            InputError: for another width, NaN, a memory without patterns, max_steps below 1, any dynamics.
            SpaceError, DeviceError: for values outside the space, or a cue elsewhere.
        """
        if dynamics is not None:
            raise InputError(
                f"{type(self).__name__} has no energy for {dynamics} to descend; leave dynamics out"
            )
        if not len(self.patterns):
            raise InputError("the memory is empty; store patterns first: memory.store(X)")
        cues = checked_states(cue, self, self.space, "cue", zeros=True)
        flat = cues.reshape(-1, self.units)
        settings: dict[str, Any] = {"dynamics": "repeated reads", "seed": draw_seed(generator)}
        settings |= {"max_steps": require_count(max_steps, "max_steps"), "kernel": type(self).__name__}
        with torch.no_grad(), Progress(progress, len(flat), "recalling") as bar:
            path, steps, status, complete = self._repeat(flat, max_steps, bar)
        return self._read(flat, path, steps, status, cues.shape[:-1], settings, trace, complete)

    def _repeat(
        self, cues: Tensor, max_steps: int, bar: Progress
    ) -> tuple[list[Tensor], Int[Tensor, " b"], Int[Tensor, " b"], bool]:
        count = len(cues)
        path, rows = [cues], torch.arange(count, device=cues.device)
        steps = torch.zeros(count, dtype=torch.int64, device=cues.device)
        status = torch.full((count,), int(Status.UNFINISHED), dtype=torch.int8, device=cues.device)
        for _ in range(max_steps):
            now = path[-1].clone()
            now[rows] = self._next(now[rows])
            steps[rows] += 1
            still = (now[rows] == path[-1][rows]).all(-1)
            turns = (
                (now[rows] == path[-2][rows]).all(-1) & ~still if len(path) > 1 else torch.zeros_like(still)
            )
            status[rows[still]], status[rows[turns]] = int(Status.CONVERGED), int(Status.TWO_CYCLE)
            path.append(now)
            rows = rows[~(still | turns)]
            if not bar.update(int((still | turns).sum())):
                status[rows] = int(Status.INTERRUPTED)
                return path, steps, status, False
            if not rows.numel():
                break
        return path, steps, status, True

    def _read(
        self,
        cues: Tensor,
        path: list[Tensor],
        steps: Tensor,
        status: Tensor,
        shape: tuple[int, ...],
        settings: dict[str, Any],
        trace: bool,
        complete: bool,
    ) -> Recall:
        scale, state = self.calibration, path[-1]
        seen = nearest(self.patterns, self.space, state, self.reading["threshold"])
        familiarity, gap = scale.familiarity(self._support(cues).double()), self.wells(state).gap
        none = torch.full((len(cues),), math.nan, dtype=torch.float64, device=cues.device)
        flips = torch.stack([(a != b).sum(-1) for a, b in zip(path[1:], path, strict=False)]).sum(0)
        settings |= {"threshold": self.reading["threshold"], "calibration": scale.to_dict()}
        values: dict[str, Tensor] = {"energy": none, "steps": steps, "flips": flips, "status": status}
        values |= {"match": seen.match, "exact": seen.exact, "kind": seen.kind, "overlap": seen.overlap}
        values |= {"familiarity": familiarity, "gap": gap}
        values |= {"verdict": verdicts(familiarity, gap, seen.match, scale)}
        values = {name: value.reshape(shape) for name, value in values.items()}
        course = torch.stack(path, 1).reshape(*shape, len(path), self.units) if trace else None
        energies = none[:, None].expand(-1, len(path)).reshape(*shape, len(path))
        way = None if course is None else Trace(course, energies)
        state = state.reshape(*shape, self.units)
        return Recall(state=state, trace=way, settings=settings, complete=complete, **values)

    def forward(self, cue: object) -> Tensor:
        """Return the recalled states of cues (..., n)."""
        return self.recall(cue).state
