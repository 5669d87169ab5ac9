"""Cards.

What every final class says of itself. Files, tables and `as_memory` know classes by their card's name only.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from memscape.core.errors import CapabilityError, FileFormatError, InputError


@dataclass(frozen=True)
class Card:
    """One system: its name, source, parts and limits.

    Attributes:
        name: the name under which files and tables know it; unique.
        paper: authors, year, title or identifier.
        parts: what it is composed of (space x write rule x separation x dynamics).
        space: the values of a unit.
        capacity: what it can hold, with the condition under which that is known.
        cost: time and memory in the letters p, n, b.
        limits: what it cannot do.
        form: where the memory lives: "parametric" (weights) or "token" (kept patterns), "latent" (a state).
        span: "long-term" or "working".
        equation: the one that makes it what it is, in LaTeX; the class's documentation has the rest.
    """

    name: str
    paper: str
    parts: str
    space: str
    capacity: str
    cost: str
    limits: str
    form: str = "parametric"
    span: str = "long-term"
    equation: str = ""


C = TypeVar("C", bound=type)

_CLASSES: dict[str, Any] = {}
_BUILDERS: dict[str, Callable] = {}


def register(cls: C) -> C:
    """Class decorator.

    Make `cls`, which carries a `card` and a `from_bundle`, known under its card's name.
    """
    name = cls.card.name  # ty: ignore[missing-attribute]
    known = _CLASSES.get(name)
    if known is not None and (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
        raise InputError(
            f"the card name {name!r} is taken by {known.__module__}.{known.__qualname__}; choose another"
        )
    _CLASSES[name] = cls
    return cls


def registered(name: str) -> Any:
    """Return the class of a card's name.

    An unknown name is a `FileFormatError` (a class path is never imported).
    """
    if name not in _CLASSES:
        known = ", ".join(sorted(_CLASSES))
        raise FileFormatError(
            f"no class is registered under the card name {name!r}; known: {known}. A class of your own is "
            "made known with @memscape.core.cards.register before the file is loaded"
        )
    return _CLASSES[name]


def catalogue() -> dict[str, Card]:
    """Return all registered cards by name, sorted."""
    return {name: _CLASSES[name].card for name in sorted(_CLASSES)}


def register_builder(name: str, build: Callable) -> None:
    """Make `build(vectors, **options)` the way in which bare vectors become a memory of the card `name`."""
    _BUILDERS[name] = build


def builder(name: str) -> Callable:
    """Return the builder registered under a card's name."""
    if name not in _BUILDERS:
        raise CapabilityError(
            f"no builder is registered under {name!r}; known: {', '.join(sorted(_BUILDERS))}"
        )
    return _BUILDERS[name]


def opened(x: Any) -> Any:
    """Return `x` as a memory: itself where it has an energy, else what `memscape.as_memory` makes of it.

    Raises:
        CapabilityError: for what holds no wells.
    """
    if hasattr(x, "landscape_energy"):
        return x
    if hasattr(x, "as_memory"):
        return x.as_memory()
    if isinstance(x, str | Path | list | tuple) or hasattr(x, "__array__"):
        # The front door is a name of the package, found when it is needed: core imports nothing above itself.
        return importlib.import_module("memscape").as_memory(x)
    raise CapabilityError(
        f"{type(x).__name__} has no energy; memscape.as_memory(x) makes a memory of vectors and files"
    )
