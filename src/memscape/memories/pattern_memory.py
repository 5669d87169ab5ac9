"""What all pattern memories share: patterns as a growing buffer, recall, forgetting, calibration, files."""

import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, TypedDict, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from memscape.core.arrays import require_count, require_fraction, require_width
from memscape.core.cards import Card
from memscape.core.errors import CapacityWarning, DependenceWarning, InputError, SpaceError
from memscape.core.files import Bundle, save_bundle
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator
from memscape.core.recall import Recall
from memscape.core.spaces import Bipolar, Space
from memscape.mechanisms.dynamics import Dynamics
from memscape.mechanisms.energies import Energy
from memscape.mechanisms.reading import Calibration, calibrate
from memscape.memories.recalling import checked_states, recall


class Reading(TypedDict, total=False):
    """How recalls are judged; every memory takes these options.

    threshold: overlap from which a pattern counts as matched, in (0, 1]; default .9.
    unknown: familiarity below which a cue is UNKNOWN; default: calibrated on the stored patterns.
    ambiguous: gap below which a recall is AMBIGUOUS, in units of energy; default: calibrated.
    damage: the damage at which stored patterns must still be familiar, in [0, .5]; default .2.
    """

    threshold: float
    unknown: float | None
    ambiguous: float | None
    damage: float


DEFAULT_READING: Reading = {"threshold": 0.9, "unknown": None, "ambiguous": None, "damage": 0.2}

M = TypeVar("M", bound="EnergyModel")
P = TypeVar("P", bound="PatternMemory")


def checked_reading(given: Reading) -> Reading:
    """Return the full set of reading options, or raise `InputError`."""
    unknown = set(given) - set(DEFAULT_READING)
    if unknown:
        raise TypeError(
            f"unknown option {', '.join(sorted(unknown))}; the options are {', '.join(DEFAULT_READING)}"
        )
    options: Reading = {**DEFAULT_READING, **given}
    require_fraction(options["threshold"], "threshold")
    require_fraction(options["damage"], "damage", high=0.5)
    return options


class EnergyModel(nn.Module, ABC):
    """Anything that has an energy and recalls by descending it."""

    card: ClassVar[Card]
    space: Space
    default_dynamics: Dynamics

    def __init__(self) -> None:
        super().__init__()
        self._energy: Energy | None = None
        self._scale: Calibration | None = None

    @abstractmethod
    def _build_energy(self) -> Energy:
        """Return the energy of what is stored now."""

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """Return what `_from_settings` needs to make an object of the same kind, as JSON values."""

    @classmethod
    @abstractmethod
    def _from_settings(cls: type[M], settings: dict[str, Any], tensors: dict[str, Tensor]) -> M:
        """Return an object with these settings and tensors; the inverse of `save`."""

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
        self._energy = None
        self._scale = None

    def _apply(self, fn: Any, recurse: bool = True) -> "EnergyModel":
        self._energy = None  # tensors inside it stay behind when the module moves
        return super()._apply(fn, recurse)

    def save(self, path: str | Path) -> None:
        """Write the memory to `path` (safetensors with a JSON header).

        An interrupted save leaves the old file.
        """
        parts = {"settings": self._settings(), "calibration": self._scale.to_dict() if self._scale else None}
        save_bundle(path, kind="memory", card=self.card.name, tensors=dict(self.state_dict()), parts=parts)

    @classmethod
    def from_bundle(cls: type[M], bundle: Bundle) -> M:
        """Return the object that a file holds; use `memscape.load(path)`."""
        memory = cls._from_settings(bundle.parts["settings"], bundle.tensors)
        if bundle.parts.get("calibration"):
            memory._scale = Calibration(**bundle.parts["calibration"])
        return memory

    def as_memory(self) -> "EnergyModel":
        """Return the object itself: it already holds wells."""
        return self


class PatternMemory(EnergyModel):
    """A memory that keeps its patterns: store, recall, forget.

    `Class(X)` equals `Class(units=n).store(X)`. Patterns are kept in int8 in discrete spaces.
    """

    patterns: Tensor

    def __init__(self, patterns: object, units: int | None, space: Space, reading: Reading):
        super().__init__()
        self.space = space
        self.reading = checked_reading(reading)
        if patterns is None and units is None:
            raise InputError("give patterns (p, n), or units=n for an empty memory")
        width = require_count(units, "units") if units is not None else None
        self._start(width if width is not None else _checked_patterns(patterns, space, None).shape[-1])
        if patterns is not None:
            self.store(patterns)

    @abstractmethod
    def _start(self, units: int) -> None:
        """Register the buffers of an empty memory of this width."""

    @abstractmethod
    def _add(self, patterns: Tensor) -> None:
        """Take in checked patterns (p, n) after those that are there."""

    @abstractmethod
    def _keep(self, rows: Tensor) -> None:
        """Keep only the given rows (int64, ascending), as if the others had never been stored."""

    def _warn(self) -> None:
        """Warn of a hazard of what is stored now."""

    @property
    def units(self) -> int:
        """The number of units, n."""
        return self.patterns.shape[1]

    def __len__(self) -> int:
        return len(self.patterns)

    @property
    def load(self) -> float:
        """p / n."""
        return len(self.patterns) / self.units

    def store(self: P, patterns: object) -> P:
        """Add patterns (p, n) or one pattern (n,), in place, and return the memory.

        Raises:
            SpaceError: for values outside the memory's space.
            InputError: for another width, NaN, or nothing at all.
        """
        checked = _checked_patterns(patterns, self.space, self.units)
        self._add(checked.to(self.patterns.device))
        self._changed()
        self._warn()
        return self

    def forget(self: P, index: object) -> P:
        """Remove the patterns at `index` (an integer, a list or a bool mask), in place; return the memory.

        Afterwards the memory equals a fresh one of the other patterns, in their order.

        Raises:
            InputError: for an index that is not stored.
        """
        gone = _indices(index, len(self.patterns))
        keep = torch.ones(len(self.patterns), dtype=torch.bool)
        keep[gone] = False
        self._keep(keep.nonzero()[:, 0].to(self.patterns.device))
        self._changed()
        return self

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
        """Return where cues lead.

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
        if not len(self.patterns):
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
    def calibration(self) -> Calibration:
        """The familiarity scale and thresholds; computed on first use and kept until `store` or `forget`."""
        if self._scale is None:
            options = self.reading
            with torch.no_grad():
                self._scale = calibrate(
                    self.landscape_energy,
                    self.space,
                    unknown=options["unknown"],
                    ambiguous=options["ambiguous"],
                    damage=options["damage"],
                )
        return self._scale

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:  # ty: ignore[incompatible-method-override]
        # buffers grow with what is stored: take the size of the file, not of this object
        for name, held in [*self._buffers.items(), *self._parameters.items()]:
            new = state_dict.get(prefix + name)
            if held is not None and new is not None and new.shape != held.shape:
                held.data = held.data.new_empty(new.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self._changed()

    def extra_repr(self) -> str:
        return f"{len(self.patterns)} patterns of {self.units} units, load {self.load:.3g}"


def _checked_patterns(patterns: object, space: Space, units: int | None) -> Tensor:
    checked = space.check(patterns, "patterns", zeros=True)
    if checked.ndim == 1:
        checked = checked[None]
    if checked.ndim != 2:
        raise InputError(
            f"patterns have shape {tuple(checked.shape)}; give (p, n): one row per pattern "
            "(flatten pictures first: x.reshape(len(x), -1))"
        )
    if units is not None:
        require_width(checked, units, "patterns")
    if isinstance(space, Bipolar) and bool((checked == 0).any()) and not bool((checked < 0).any()):
        raise SpaceError(
            "patterns hold only 0 and 1; here units are -1 and +1, and 0 means 'no opinion': "
            "turn them with 2 * x - 1"
        )
    if space.discrete and not bool((checked != 0).any(-1).all()):
        row = int((checked == 0).all(-1).nonzero()[0])
        raise InputError(f"pattern {row} is all zeros and so holds nothing; remove it")
    return checked


def _indices(index: object, count: int) -> Tensor:
    chosen = torch.as_tensor(index)
    if chosen.dtype == torch.bool:
        require_width(chosen, count, "the mask of what to forget")
        return chosen.nonzero()[:, 0]
    if chosen.is_floating_point() or chosen.numel() == 0:
        raise InputError(f"forget takes indices such as 2 or [0, 5], not {index!r}")
    chosen = chosen.reshape(-1).cpu()
    bad = (chosen < -count) | (chosen >= count)
    if bool(bad.any()):
        raise InputError(
            f"index {int(chosen[bad][0])} is not stored; there are {count} patterns, 0 to {count - 1}"
        )
    return chosen % count


def warn_load(count: int, units: int, critical: float, what: str, remedy: str) -> None:
    """Warn where the load p/n is above `critical`."""
    if count > critical * units:
        warnings.warn(
            f"{count} patterns on {units} units is a load of {count / units:.3g}; {what} holds up to "
            f"{critical:.3g} of independent patterns ({int(critical * units)}); {remedy}",
            CapacityWarning,
            stacklevel=4,
        )


def warn_dependent(rows: list[int], what: str) -> None:
    """Warn that the patterns `rows` depend on others."""
    if rows:
        named = ", ".join(map(str, rows[:10])) + (", ..." if len(rows) > 10 else "")
        warnings.warn(
            f"{len(rows)} patterns ({named}) are {what}; they are kept and can be recalled, but add no well",
            DependenceWarning,
            stacklevel=4,
        )
