"""The mapper: one start, one minimum. Every sampled measure of a landscape stands on it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor

from memscape.core.errors import InputError
from memscape.core.progress import Progress
from memscape.core.recall import Status
from memscape.landscape.plateau_search import Plateau, PlateauSearch, names, states_of
from memscape.mechanisms.descent import Asynchronous, kernel_field
from memscape.mechanisms.distances import Distances
from memscape.mechanisms.dynamics import Dynamics, filled
from memscape.mechanisms.energies import Energy, home

STEPS = 1 << 20
"""Flips or sweeps of a descent at most; a descent of +-1 units ends long before."""

REAL_STEPS = 10_000
"""Iterations of real states at most."""

SLOPE = 1e-4
"""A real state is at a minimum where the root mean square of dE/ds is at most this share of the patterns'."""


@dataclass(frozen=True)
class Ends:
    """Where starts end, a row each.

    Attributes:
        states: (b, n) the minimum; of a plateau its state of smallest key.
        plateau: (b,) how many states the minimum consists of; 0 where that is not known.
        detours: (b,) plateaus that were crossed on the way.
        settled: (b,) False where the descent did not come to an end that is known to be a minimum.
        flat: (b,) True where no well pulls a real state at all.
    """

    states: Num[Tensor, "b n"]
    plateau: Int[Tensor, " b"]
    detours: Int[Tensor, " b"]
    settled: Bool[Tensor, " b"]
    flat: Bool[Tensor, " b"]


class Mapper(ABC):
    """Maps starts to the minima in which their descent ends; the same seed gives the same ends."""

    energy: Energy
    description: str

    @abstractmethod
    def __call__(self, starts: Float[Tensor, "b n"], seed: int = 0) -> Ends:
        """Return where starts (b, n) end."""


class DiscreteMapper(Mapper):
    """The map of +-1 units: descent, and where it stops on a plateau, the search for a way on.

    With the steepest order it is the map to which exact basins belong: flip the unit that lowers the energy
    most (of equals the first); where none does, search the states of equal energy that single flips join; go
    on from the one of smallest key that has a lower neighbour; if there is none, the plateau is the minimum.

    Args:
        energy: over +-1 units.
        dynamics: an `Asynchronous` order; None is the steepest.

    Costs one descent per start, and the fields of all states of the plateaus that are met.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(2, 50, generator=0)
    >>> mapper = DiscreteMapper(ms.memories.Projection(X).landscape_energy)
    >>> ends = mapper(ms.patterns.flip(X, 0.1, generator=1))
    >>> torch.equal(ends.states.float(), X)
    True
    """

    def __init__(self, energy: Energy, dynamics: Dynamics | None = None):
        dynamics = Asynchronous(order="steepest") if dynamics is None else dynamics
        if not isinstance(dynamics, Asynchronous):
            raise InputError(
                f"{dynamics!r} does not lead every start to a minimum; give Asynchronous(order=...), or None "
                "for the steepest descent"
            )
        self.energy, self._dynamics = energy, dynamics
        self._device = home(energy)
        field, tolerance = kernel_field(energy)
        self._search = PlateauSearch(lambda states: field(states.to(self._device)).cpu(), tolerance)
        self.description = f"{dynamics!r}, plateaus searched"

    def __call__(self, starts: Float[Tensor, "b n"], seed: int = 0) -> Ends:
        count = len(starts)
        states = filled(self.energy, starts.to(self._device)).to(torch.int8).cpu()
        plateau, detours = torch.ones(count, dtype=torch.int64), torch.zeros(count, dtype=torch.int64)
        settled = torch.ones(count, dtype=torch.bool)
        rows = torch.arange(count)
        while len(rows):
            moved, tied, done = self._descend(states[rows], seed + int(detours.max()))
            states[rows], settled[rows] = moved, done
            going = []
            for row in rows[tied & done].tolist():
                found = self._search(states[row])
                name = found.states[0] if found.exit is None else found.exit
                states[row] = states_of([name], states.shape[1])[0]
                if found.exit is None:
                    plateau[row] = len(found.states) if found.whole else 0
                    settled[row] = found.whole
                else:
                    detours[row] += 1
                    going.append(row)
            rows = torch.tensor(going, dtype=torch.int64)
        return Ends(states, plateau, detours, settled, torch.zeros(count, dtype=torch.bool))

    def plateau_of(self, state: Tensor) -> Plateau:
        """Return the plateau of a state that no flip lowers."""
        return self._search(state.to(torch.int8))

    def name(self, states: Tensor) -> list[bytes]:
        """Return names of states, which sort as their keys do."""
        return names(states.to(torch.int8))

    def _descend(self, states: Tensor, seed: int) -> tuple[Tensor, Tensor, Tensor]:
        with Progress(False, len(states), "descending") as bar:
            moving = states.to(self._device, torch.float32)
            course = self._dynamics.run(self.energy, moving, max_steps=STEPS, seed=seed, trace=False, bar=bar)
        status = course.status.cpu()
        done = (status == Status.CONVERGED) | (status == Status.TIED)
        return course.states.to(torch.int8).cpu(), status == Status.TIED, done


class RealMapper(Mapper):
    """The map of real-valued states: the memory's own descent, until the slope of the energy is gone.

    Args:
        energy: of real states.
        dynamics: `FixedPoint()` or `GradientFlow()`.
        scale: root mean square of the patterns' units.

    Costs one recall per start.
    """

    def __init__(self, energy: Any, dynamics: Dynamics, scale: float):
        self.energy, self._dynamics, self._scale = energy, dynamics, scale
        self.description = f"{dynamics!r} to a slope of {SLOPE:g}"

    def __call__(self, starts: Float[Tensor, "b n"], seed: int = 0) -> Ends:
        energy: Any = self.energy
        dtype = energy.patterns.dtype
        with torch.no_grad(), Progress(False, len(starts), "descending") as bar:
            course = self._dynamics.run(
                energy,
                starts.to(energy.patterns.device, dtype),
                max_steps=REAL_STEPS,
                seed=seed,
                trace=False,
                bar=bar,
            )
            slope = energy.gradient(course.states).double().square().mean(-1).sqrt().cpu()
            flat = torch.zeros(len(starts), dtype=torch.bool)
            if isinstance(energy, Distances):  # beyond the reach of every kernel the energy is level
                flat = (energy.separation.weights(energy.closeness(course.states)).sum(-1) <= 0).cpu()
        return Ends(
            states=course.states.cpu(),
            plateau=torch.where(flat, 0, 1),
            detours=torch.zeros(len(starts), dtype=torch.int64),
            settled=slope <= SLOPE * self._scale,
            flat=flat,
        )


def mapper_of(memory: Any, dynamics: Dynamics | None = None, energy: Energy | None = None) -> Mapper:
    """Return the mapper of a memory: the steepest map of +-1 units, or its own descent of real states.

    Args:
        memory: anything with an energy.
        dynamics: another descent.
        energy: what is descended where it is not the memory's own, as under an external field.

    Raises:
        InputError: for dynamics that do not lead to minima (Glauber, parallel).
    """
    energy = memory.landscape_energy if energy is None else energy
    if memory.space.discrete:
        return DiscreteMapper(energy, dynamics)
    chosen = getattr(memory, "default_dynamics", None) if dynamics is None else dynamics
    if chosen is None or isinstance(chosen, Asynchronous):
        raise InputError(f"{chosen!r} is no descent of real states; give FixedPoint() or GradientFlow(rate)")
    return RealMapper(energy, chosen, float(getattr(memory.space, "scale", 1.0)))
