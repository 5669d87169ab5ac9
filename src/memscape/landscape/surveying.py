"""A survey under way: batches of starts are drawn, descend and are counted, until it is enough."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from memscape.core.errors import InputError
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import derived, draw_seed
from memscape.landscape.checkpoints import Checkpoint
from memscape.landscape.mapper import DiscreteMapper, Ends, Mapper
from memscape.landscape.subject import Subject
from memscape.landscape.tally import DiscreteWells, RealWells, Tally

KNOWN = 4096
"""Patterns up to which the minima of all of them are entered whether a start finds them or not."""

BATCH = 1024
"""Starts that descend together: fewer where there are many units."""

_NUMBERS = 1 << 25  # units of all starts of a batch together


@dataclass(frozen=True)
class Plan:
    """How much is to be sampled, and from where.

    Attributes:
        starts: at most.
        cues: (b, n) given starts; None draws them.
        precision: half the width that no interval shall exceed; None takes all starts.
        level: confidence of the intervals.
    """

    starts: int
    cues: Tensor | None
    precision: float | None
    level: float


class Survey:
    """Counts where starts end; batch b of them is drawn from (seed, b), so that it can go on at any batch.

    Args:
        subject: what is measured.
        mapper: the descent.
        plan: how much of it.
        seed: of starts and dynamics; None takes that of the checkpoint, or a fresh one.
        merge: distance below which real minima are one, in units of the patterns' root mean square.
        checkpoint: a file to go on from and to write to.
    """

    def __init__(
        self,
        subject: Subject,
        mapper: Mapper,
        plan: Plan,
        seed: int | None,
        merge: float,
        checkpoint: str | Path | None,
    ):
        self.subject, self.mapper, self.plan = subject, mapper, plan
        self.discrete = isinstance(mapper, DiscreteMapper)
        self.batch = max(32, min(BATCH, _NUMBERS // subject.energy.units))
        self.distance = merge * float(getattr(subject.space, "scale", 1.0))
        paired = self.discrete and plan.cues is None and is_even(subject)
        self.tally = Tally(DiscreteWells() if self.discrete else RealWells(self.distance), paired)
        self._file = None if checkpoint is None else Checkpoint(checkpoint, self._identity(), self.tally)
        held = None if self._file is None else self._file.seed
        if held is not None and seed is not None and seed != held:
            raise InputError(
                f"the checkpoint is of a survey of seed {held}, not {seed}; give that seed, none, or another "
                "file"
            )
        self.seed = draw_seed(seed) if held is None else held
        if held is None and subject.patterns is not None and len(subject.patterns) <= KNOWN:
            self._introduce(subject.patterns)

    def run(self, progress: ProgressOption) -> bool:
        """Go on until the starts are used up or the precision is reached; False after Ctrl-C."""
        tally, plan, complete = self.tally, self.plan, True
        with Progress(progress, plan.starts, "descending to minima") as bar:
            bar.done = tally.draws
            while tally.draws < plan.starts and not self._precise():
                rows = self._starts()
                self._count(rows)
                going = bar.update(len(rows))
                if self._file is not None:
                    self._file.write(tally, self.seed, at_once=not going)
                if not going:
                    complete = tally.draws >= plan.starts
                    break
        if self._file is not None:
            self._file.write(tally, self.seed, at_once=True)
        return complete

    def _precise(self) -> bool:
        wanted = self.plan.precision
        return wanted is not None and self.tally.half_width(self.plan.level) <= wanted

    def _starts(self) -> Tensor:
        """The starts that follow those counted: the rest of a batch, or the next one."""
        number, done = divmod(self.tally.draws, self.batch)
        end = min(self.batch, self.plan.starts - number * self.batch)
        if self.plan.cues is not None:
            return self.plan.cues[number * self.batch + done : number * self.batch + end]
        units = self.subject.energy.units
        drawn = self.subject.space.sample(self.batch, units, generator=derived(self.seed, 0, number))
        return drawn[done:end]

    def _count(self, starts: Tensor) -> None:
        seed = draw_seed(derived(self.seed, 1, self.tally.draws // self.batch))
        ends = self.mapper(starts, seed)
        self.tally.add(ends, self._mirrored(starts, ends, seed) if self.tally.paired else None)

    def _mirrored(self, starts: Tensor, ends: Ends, seed: int) -> Ends:
        """Where the negatives of starts end: in the negatives, but for what the keys of plateaus decide."""
        rows = (ends.detours > 0) | (ends.plateau != 1) | ~ends.settled
        states, plateau, settled = -ends.states, ends.plateau.clone(), ends.settled.clone()
        if bool(rows.any()):
            again = self.mapper(-starts[rows], seed)
            states[rows], plateau[rows], settled[rows] = again.states, again.plateau, again.settled
        return Ends(states, plateau, ends.detours, settled, ends.flat)

    def _introduce(self, patterns: Tensor) -> None:
        seed = draw_seed(derived(self.seed, 2))
        wells = patterns.cpu().to(patterns.dtype if patterns.is_floating_point() else torch.float32)
        for sign in (1, -1) if self.tally.paired else (1,):
            for part in wells.split(self.batch):
                self.tally.introduce(self.mapper(sign * part, seed))

    def _identity(self) -> dict[str, Any]:
        """What two surveys must share so that one can go on where the other ended."""
        space, units = self.subject.space, self.subject.energy.units
        few = space.sample(4, units, generator=derived(0, 5))
        energies = [f"{e:.9g}" for e in self.subject.energies(few).tolist()]
        law = (
            "sample"
            if self.plan.cues is None
            else hashlib.sha256(self.plan.cues.numpy().tobytes()).hexdigest()
        )
        identity = {"units": units, "space": repr(space), "dynamics": self.mapper.description, "law": law}
        return identity | {"energies": energies, "batch": self.batch, "merge": self.distance}


def is_even(subject: Subject) -> bool:
    """Return whether the energy of a state and of its negative are equal at 64 random states."""
    units = subject.energy.units
    states = subject.space.sample(64, units, generator=derived(0, 6))
    plus, minus = subject.energies(states), subject.energies(-states)
    return bool(((plus - minus).abs() <= 1e-12 * plus.abs().max()).all())
