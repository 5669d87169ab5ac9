"""The weights of a model as they were before any edit that can still be taken back."""

import weakref
from typing import Any, Protocol

from torch import Tensor, nn

from memscape.core.errors import InputError
from memscape.engrams.inspection import digest


class Kept(Protocol):
    """An edit in force: what it replaced, by parameter."""

    originals: dict[str, Tensor]


_IN_FORCE: "weakref.WeakKeyDictionary[nn.Module, list[Any]]" = weakref.WeakKeyDictionary()


def in_force(model: nn.Module) -> list[Any]:
    """Return the edits of a model that can be taken back, oldest first."""
    return _IN_FORCE.setdefault(model, [])


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
                f"trained, edited for good, or is another one; collect again (check=False applies an engram "
                f"all the same)"
            )
