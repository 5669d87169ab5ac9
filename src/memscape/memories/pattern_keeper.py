"""What memories share that keep their patterns: a growing buffer, forgetting, reading options, files."""

import warnings
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, TypedDict, TypeVar

import torch
from torch import Tensor, nn

from memscape.core.arrays import require_count, require_fraction, require_width
from memscape.core.cards import Card
from memscape.core.errors import CapacityWarning, DependenceWarning, InputError, SpaceError
from memscape.core.files import Bundle, save_bundle
from memscape.core.spaces import Bipolar, Space
from memscape.mechanisms.reading import Calibration


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

M = TypeVar("M", bound="MemoryModule")
P = TypeVar("P", bound="PatternKeeper")


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


class MemoryModule(nn.Module, ABC):
    """What every memory is: a module with a card, a space, and a file of its own."""

    card: ClassVar[Card]
    space: Space

    def __init__(self) -> None:
        super().__init__()
        self._scale: Calibration | None = None

    @abstractmethod
    def _settings(self) -> dict[str, Any]:
        """Return what `_from_settings` needs to make an object of the same kind, as JSON values."""

    @classmethod
    @abstractmethod
    def _from_settings(cls: type[M], settings: dict[str, Any], tensors: dict[str, Tensor]) -> M:
        """Return an object with these settings and tensors; the inverse of `save`."""

    def _changed(self) -> None:
        """Drop what was computed from the former content."""
        self._scale = None

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

    def as_memory(self) -> "MemoryModule":
        """Return the object itself: it already is a memory."""
        return self


class PatternKeeper(MemoryModule):
    """Keeps its patterns: stores more, forgets some.

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
        checked = None if patterns is None else checked_patterns(patterns, space, width)
        self._start(width if checked is None else checked.shape[-1])  # ty: ignore[invalid-argument-type]
        self._optional = {name for name, held in self._buffers.items() if held is None}
        if checked is not None:
            self._receive(checked)

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
        self._receive(checked_patterns(patterns, self.space, self.units))
        return self

    def _receive(self, checked: Tensor) -> None:
        self._add(checked.to(self.patterns.device))
        self._changed()
        self._warn()

    def forget(self: P, index: object) -> P:
        """Remove the patterns at `index` (an integer, a list or a bool mask), in place; return the memory.

        Afterwards the memory equals a fresh one of the other patterns, in their order.

        Raises:
            InputError: for an index that is not stored.
        """
        gone = stored_rows(index, len(self.patterns))
        keep = torch.ones(len(self.patterns), dtype=torch.bool)
        keep[gone] = False
        self._keep(keep.nonzero()[:, 0].to(self.patterns.device))
        self._changed()
        return self

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *rest: Any) -> None:  # ty: ignore[incompatible-method-override]
        # buffers grow with what is stored, and some are there at times only: follow the file, not this object
        for name, held in [*self._buffers.items(), *self._parameters.items()]:
            new = state_dict.get(prefix + name)
            if name in self._optional and (held is None or new is None):
                self._buffers.pop(name, None)
                self._parameters.pop(name, None)
                self._take(name, new)
            elif held is not None and new is not None and new.shape != held.shape:
                held.data = held.data.new_empty(new.shape)
        super()._load_from_state_dict(state_dict, prefix, *rest)
        self._changed()

    def _take(self, name: str, new: Tensor | None) -> None:
        """Make room for an optional tensor; where patterns are learnt, so is it."""
        if new is not None and isinstance(self.patterns, nn.Parameter):
            self.register_parameter(name, nn.Parameter(new.detach().clone()))
        else:
            self.register_buffer(name, None if new is None else new.detach().clone())

    def extra_repr(self) -> str:
        return f"{len(self.patterns)} patterns of {self.units} units, load {self.load:.3g}"


def checked_patterns(patterns: object, space: Space, units: int | None) -> Tensor:
    """Return patterns (p, n) in the values of the space, or raise `InputError`."""
    checked = space.check(patterns, "patterns", zeros=True)
    if space.discrete:
        checked = checked.detach()  # what is written keeps no graph
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


def stored_rows(index: object, count: int) -> Tensor:
    """Return the rows that an integer, a list or a bool mask names, each in [0, count), or raise."""
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
            stacklevel=5,
        )


def warn_dependent(rows: list[int], what: str) -> None:
    """Warn that the patterns `rows` depend on others."""
    if rows:
        named = ", ".join(map(str, rows[:10])) + (", ..." if len(rows) > 10 else "")
        warnings.warn(
            f"{len(rows)} patterns ({named}) are {what}; they are kept and can be recalled, but add no well",
            DependenceWarning,
            stacklevel=5,
        )
