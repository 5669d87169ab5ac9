"""Walks out of a well: until each has reached another minimum, however flat the way is."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from memscape.core.progress import Progress
from memscape.kernels.walks import Walks, go_on, go_on_by_fields, state_names
from memscape.landscape.mapper import DiscreteMapper
from memscape.landscape.plateau_search import states_of
from memscape.landscape.result import Landscape
from memscape.landscape.subject import as_quadratic, quadratic_scale
from memscape.mechanisms.energies import Energy, home

_PART = 1 << 10  # flips of each walk between two looks at the progress


@dataclass
class Left:
    """How the walks out of one well ended: the name of each end's minimum, None where a walk was ended."""

    walks: Walks
    ends: list[bytes | None]


class Walker:
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

    def leave(self, well: int, runs: int, first: int, bar: Progress) -> Left:
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
        return Left(walks, ends)

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
        return self.energy.field(states.to(home(self.energy), torch.float32)).cpu()

    def _named(self, known: list[bytes]) -> np.ndarray:
        return np.sort(state_names(states_of(known, self.units).numpy()))
