"""Laws of keeping: a file and a state_dict hold the whole memory."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from memscape.core.cards import registered
from memscape.core.files import load_bundle
from memscape.core.memory import ForgettingMemory
from memscape.testing.changes import unlike
from memscape.testing.laws import law
from memscape.testing.recalls import stores
from memscape.testing.subject import Subject


def saves(examined: Subject) -> bool:
    """Whether the memory can be saved."""
    return callable(getattr(examined.memory, "save", None))


def has_state(examined: Subject) -> bool:
    """Whether the memory has a state_dict, as torch modules do."""
    names = ("state_dict", "load_state_dict")
    return stores(examined) and all(callable(getattr(examined.memory, name, None)) for name in names)


@law("save and load", "A memory that was saved and loaded recalls bit by bit the same.", saves)
def _saved(examined: Subject) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.safetensors"
        memory = examined.fresh()
        for calibrated in (False, True):  # a memory may be saved before its first recall
            if calibrated:
                examined.recall(memory, examined.random(2))
            memory.save(path)
            bundle = load_bundle(path)
            loaded = registered(bundle.card).from_bundle(bundle)
            if type(loaded) is not type(memory):
                yield f"a {type(memory).__name__} comes back as a {type(loaded).__name__}"
            yield from unlike(examined, loaded, memory, "loaded against saved")
        left = sorted(file.name for file in Path(folder).iterdir())
        if left != [path.name]:
            yield f"save leaves {left} behind"


@law(
    "loaded memories live on",
    "A loaded memory stores more as the saved one does.",
    lambda examined: saves(examined) and stores(examined),
)
def _lives_on(examined: Subject) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "memory.safetensors"
        examined.fresh(slice(0, 2)).save(path)
        bundle = load_bundle(path)
        loaded = registered(bundle.card).from_bundle(bundle).store(examined.patterns[2:])
        yield from unlike(examined, loaded, examined.memory, "loaded, then stored the rest")


@law("state_dict", "A state_dict carries the memory over into one that holds less, or nothing.", has_state)
def _state(examined: Subject) -> Iterator[str]:
    state = {name: value.clone() for name, value in examined.memory.state_dict().items()}
    for name, other in _smaller(examined).items():
        if name != "empty":
            examined.recall(other, examined.random(2))  # fills what it caches
        other.load_state_dict(state)
        yield from unlike(examined, other, examined.memory, f"loaded into a memory that was {name}")


def _smaller(examined: Subject) -> dict[str, Any]:
    found = {"of one pattern": examined.fresh(slice(0, 1))}
    if isinstance(found["of one pattern"], ForgettingMemory):
        found["empty"] = examined.fresh(slice(0, 1)).forget(0)
    return found
