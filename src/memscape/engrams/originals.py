"""The weights of a model as they were before any edit that can still be taken back, and who may edit them."""

import threading
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from memscape.core.errors import InputError, MemscapeError
from memscape.engrams.inspection import digest


class EditError(MemscapeError, RuntimeError):
    """An edit that cannot be made, or taken back: another one, or another hand, has the weights."""


@dataclass(eq=False)
class Kept:
    """What an edit in force replaced, by parameter, and the thread that made it; no hold on the model."""

    originals: dict[str, Tensor] = field(default_factory=dict)
    thread: threading.Thread = field(default_factory=threading.current_thread)


class Pass(Kept):
    """A pass over data that reads a model; it replaces nothing."""


_IN_FORCE: "weakref.WeakKeyDictionary[nn.Module, list[Any]]" = weakref.WeakKeyDictionary()
_LOCKS: "weakref.WeakKeyDictionary[nn.Module, Any]" = weakref.WeakKeyDictionary()
_GUARD = threading.Lock()


def in_force(model: nn.Module) -> list[Any]:
    """Return the edits of a model that can be taken back, oldest first."""
    with _GUARD:
        return _IN_FORCE.setdefault(model, [])


def writing(model: nn.Module) -> Any:
    """Return the lock of a model: held while weights are replaced, or an engram is read from them."""
    with _GUARD:
        return _LOCKS.setdefault(model, threading.RLock())


def begin(model: nn.Module, work: Kept) -> None:
    """Enter an edit or a pass of this thread.

    Raises:
        EditError: while another thread has one on the same model.
    """
    with writing(model):
        for other in in_force(model):
            if other.thread is not work.thread and other.thread.is_alive():
                doing = "a pass that reads" if isinstance(other, Pass) else "an edit of"
                raise EditError(
                    f"thread {other.thread.name!r} has {doing} this model in force, and what two threads do "
                    f"to the same weights would mix; wait for its end, or give each thread a model of its "
                    f"own: copy.deepcopy(model)"
                )
        in_force(model).append(work)


@contextmanager
def reading(model: nn.Module) -> Generator[None]:
    """Keep other threads from editing a model, or from reading it too, within a block."""
    work = Pass()
    begin(model, work)
    try:
        yield
    finally:
        with writing(model):
            in_force(model).remove(work)


def parameter(model: nn.Module, name: str) -> Tensor:
    """Return a parameter by its full name.

    Raises:
        InputError: where the model has none of that name.
    """
    try:
        return model.get_parameter(name)
    except AttributeError:
        raise InputError(f"the model has no parameter {name!r}; the engram is of another model") from None


def original(model: nn.Module, name: str) -> Tensor:
    """Return a parameter as before the edits in force, so that engrams do not see each other's work."""
    for edit in in_force(model):
        if name in edit.originals:
            return edit.originals[name]
    return parameter(model, name).detach()


def require_same(model: nn.Module, digests: dict[str, str], names: list[str] | None = None) -> None:
    """Raise `InputError` where a parameter, before the edits in force, is not what it was at the pass.

    Args:
        model: the bare model.
        digests: fingerprints of the pass.
        names: the parameters to look at, None for all.
    """
    for name in digests if names is None else names:
        if digest(original(model, name)) != digests[name]:
            raise InputError(
                f"parameter {name!r} is not what it was when the statistics were collected: the model was "
                f"trained, edited for good, moved to another precision, or is another one; collect again "
                f"(check=False applies an engram all the same)"
            )
