"""What an edit in force is: the weights that it replaced, to be put back bit for bit."""

import math
import threading
from collections.abc import Callable
from contextlib import ContextDecorator
from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import torch
from torch import Tensor, nn

from memscape.core.errors import InputError
from memscape.engrams.inspection import digest
from memscape.engrams.originals import EditError, Kept, in_force, parameter, writing


@dataclass(eq=False)
class Edit:
    """An edit in force; `revert()` takes it back, `commit()` keeps it for good.

    Attributes:
        model: what was edited.
        originals: the replaced parameters, by name.
        written: fingerprints of what stands there now.
        report: per layer the strength, and the tied matrices that were left as they are.
        thread: the one that made it; while it lives, no other may edit the model.
    """

    model: nn.Module
    originals: dict[str, Tensor] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)
    thread: threading.Thread = field(default_factory=threading.current_thread, repr=False)

    def __post_init__(self) -> None:
        self.kept = Kept(self.originals, self.thread)

    def __getstate__(self) -> dict[str, Any]:
        # a thread cannot be copied, and a copy is in force nowhere
        return {**vars(self), "thread": None, "kept": None}

    @property
    def active(self) -> bool:
        """Whether the edit can still be taken back."""
        return any(edit is self.kept for edit in in_force(self.model))

    def revert(self, *, force: bool = False) -> None:
        """Put the replaced weights back, bit for bit.

        Args:
            force: also where the weights have changed since (training, another edit): what came after is
                lost.

        Raises:
            EditError: for an edit that was taken back or committed, or weights that have changed since.
        """
        with writing(self.model):
            self._require_active()
            later = self._later()
            if later and not force:
                raise EditError(
                    "a later edit is in force on the same weights; revert that one first, or "
                    "revert(force=True)"
                )
            if not force:
                for name, seal in self.written.items():
                    if digest(parameter(self.model, name)) != seal:
                        raise EditError(
                            f"{name!r} has changed since the edit (training?); revert(force=True) puts the "
                            f"original back and loses that change"
                        )
            self._restore()

    def _require_active(self) -> None:
        if not self.active:
            raise EditError(
                "this edit is not in force any more: it was reverted, committed, or its block has ended; a "
                "copy of an edit never is"
            )

    def _later(self) -> list[Kept]:
        edits = in_force(self.model)
        place = next(i for i, edit in enumerate(edits) if edit is self.kept)
        return [edit for edit in edits[place + 1 :] if edit.originals.keys() & self.originals.keys()]

    def _restore(self) -> None:
        with writing(self.model):
            self._put_back()

    def _put_back(self) -> None:
        later = self._later() if self.active else []
        gone = []
        with torch.no_grad():
            for edit in (*reversed(later), self):  # what was built on this edit goes with it
                for name, tensor in edit.originals.items():
                    try:
                        parameter(self.model, name).copy_(tensor)
                    except (InputError, RuntimeError):  # taken away, or of another shape: the rest goes back
                        gone.append(name)
        for edit in later:
            in_force(self.model).remove(edit)
        if self.active:
            in_force(self.model).remove(self.kept)
        if gone:
            raise EditError(
                f"{', '.join(gone)} could not be put back: the parameter was replaced or removed inside the "
                "edit; all other weights are what they were"
            )

    def commit(self) -> None:
        """Keep the edit for good and drop the originals; engrams of the old weights no longer fit the model.

        Raises:
            EditError: for an edit that is not in force, or while another one is in force on the same weights.
        """
        with writing(self.model):
            self._require_active()
            others = [
                e
                for e in in_force(self.model)
                if e is not self.kept and e.originals.keys() & self.originals.keys()
            ]
            if others:
                raise EditError(
                    "another edit is in force on the same weights; revert or commit the later one first"
                )
            in_force(self.model).remove(self.kept)
            self.originals = {}
            self.kept = Kept()

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return {"active": self.active, "parameters": sorted(self.written)} | self.report

    def __repr__(self) -> str:
        state = "in force" if self.active else "taken back or committed"
        return f"Edit({self.report.get('concepts', '')}, {len(self.written)} parameters, {state})"


class Block(ContextDecorator):
    """The length of an edit: it begins with `with`, and its end puts the weights back, bit for bit.

    A function may be decorated with it, and then runs inside of the edit.
    """

    def __init__(self, begin: Callable[[], Edit]):
        self._begin = begin
        self._edits: list[Edit] = []

    def __enter__(self) -> Edit:
        self._edits.append(self._begin())
        return self._edits[-1]

    def __exit__(self, *error: object) -> None:
        edit = self._edits.pop()
        with writing(edit.model):
            if edit.active:
                edit._restore()

    def __call__(self, func: Any) -> Any:
        """Return a function that runs inside of the edit."""
        if not callable(func):
            raise InputError(
                f"this is the block of an edit, no model, and it was called with a {type(func).__name__}; "
                f"write `with engram.erased(model):` and call the model inside"
            )
        return super().__call__(func)

    def __repr__(self) -> str:
        return "Block(the weights change inside of `with` and come back at its end)"


def require_strength(value: Any, what: str) -> None:
    """Raise `InputError` unless a value is a finite number."""
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise InputError(f"{what} is {value!r}; it must be a finite number (of a tensor: .item())")
