"""What all pattern memories with an energy share: recall by descent, calibration."""

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import InputError
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator
from memscape.core.recall import Recall
from memscape.mechanisms.dynamics import Dynamics
from memscape.mechanisms.energies import Energy
from memscape.mechanisms.reading import Calibration, calibrate
from memscape.memories.pattern_keeper import MemoryModule, PatternKeeper
from memscape.memories.pattern_keeper import Reading as Reading
from memscape.memories.pattern_keeper import warn_dependent as warn_dependent
from memscape.memories.pattern_keeper import warn_load as warn_load
from memscape.memories.recalling import checked_states, recall


class EnergyModel(MemoryModule):
    """Anything that has an energy and recalls by descending it."""

    default_dynamics: Dynamics
    reading: Reading

    def __init__(self) -> None:
        self._energy: Energy | None = None
        super().__init__()

    @abstractmethod
    def _build_energy(self) -> Energy:
        """Return the energy of what is stored now."""

    @property
    def landscape_energy(self) -> Energy:
        """The energy as data: what dynamics descend and landscape tools measure."""
        if self._energy is None:
            self._energy = self._build_energy()
        return self._energy

    def energy(self, state: object) -> Float[Tensor, "..."]:
        """Return the (extensive) energy of states (..., n); states hold no zeros. O(b p n)."""
        states = checked_states(state, self.landscape_energy, self.space, "state")
        return self.landscape_energy.energy(states.reshape(-1, states.shape[-1])).reshape(states.shape[:-1])

    def field(self, state: object) -> Float[Tensor, "... n"]:
        """Return the field of states (..., n).

        It is $\\frac12[E(s_i{=}-1) - E(s_i{=}+1)]$ in discrete spaces, $-\\nabla E$ in real ones. In discrete
        spaces a flip of unit i costs $2 s_i h_i$; a unit that is 0 is unknown. O(b p n).
        """
        energy = self.landscape_energy
        states = checked_states(state, energy, self.space, "state", zeros=True)
        flat = states.reshape(-1, states.shape[-1])
        result = energy.field(flat) if self.space.discrete else -energy.gradient(flat)  # ty: ignore[missing-attribute]
        return result.reshape(states.shape)

    def _changed(self) -> None:
        super()._changed()
        self._energy = None

    def _apply(self, fn: Any, recurse: bool = True) -> "EnergyModel":
        self._energy = None  # tensors inside it stay behind when the module moves
        return super()._apply(fn, recurse)

    def recall(
        self,
        cue: object,
        *,
        dynamics: Dynamics | None = None,
        field: object = None,
        max_steps: int = 1000,
        generator: Generator = None,
        trace: bool = False,
        progress: ProgressOption = None,
    ) -> Recall:
        """Return where cues lead. Where no patterns are known nothing is matched.

        Args:
            cue: (..., n) in the memory's space; 0 is an unknown unit in discrete spaces.
            dynamics: how the state moves; None is the memory's `default_dynamics`.
            field: (n,) an external field that drives the recall.
            max_steps: sweeps, parallel updates, iterations or flips at most.
            generator: seed of the random order or of the thermal noise.
            trace: also return every state on the way and its energy.
            progress: a bar, a callable, or None for a bar in a terminal when it takes long.

        Raises:
            InputError: for another width, NaN, a memory without patterns, max_steps below 1.
            SpaceError, DeviceError: for values outside the space, or a cue elsewhere.
        """
        known = getattr(self, "patterns", None)
        if known is not None and not len(known):
            raise InputError("the memory is empty; store patterns first: memory.store(X)")
        with torch.no_grad():
            return recall(
                self.landscape_energy,
                self.space,
                cue,
                dynamics or self.default_dynamics,
                scale=self.calibration,
                threshold=self.reading["threshold"],
                max_steps=max_steps,
                generator=generator,
                field=field,
                trace=trace,
                progress=progress,
            )

    @property
    def calibration(self) -> Calibration | None:
        """The familiarity scale and thresholds, None where no patterns are known.

        Computed on first use and kept until `store` or `forget`.
        """
        if self._scale is None and getattr(self, "patterns", None) is not None:
            options = {name: value for name, value in self.reading.items() if name != "threshold"}
            with torch.no_grad():
                self._scale = calibrate(self.landscape_energy, self.space, **options)  # ty: ignore[invalid-argument-type]
        return self._scale


class PatternMemory(PatternKeeper, EnergyModel):
    """A memory that keeps its patterns and has an energy: store, recall, forget."""
