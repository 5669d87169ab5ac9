"""What stands in front of the rooms.

Read a file, turn anything that holds wells into a memory, list what there is.
"""

import importlib
from pathlib import Path
from typing import Any

from memscape.core import cards
from memscape.core.cards import Card
from memscape.core.errors import CapabilityError, FileFormatError
from memscape.core.files import load_bundle

_ROOMS_WITH_CARDS = ("memscape.memories", "memscape.engrams", "memscape.cognition", "memscape.sequence")


def _open_rooms() -> None:
    for room in _ROOMS_WITH_CARDS:
        importlib.import_module(room)


def load(path: str | Path, *, device: str = "cpu") -> Any:
    """Return the object that a file holds: a memory, an engram, a system, a state of a sequence memory.

    The header names a card; the class is the one registered under that name. Nothing in a file is ever
    executed.

    Args:
        path: a file written by `save`.
        device: where its tensors go.

    Raises:
        FileNotFoundError: if there is no such file.
        FileFormatError: if it is truncated, foreign, newer, or of a card that is not registered.

    >>> import tempfile, memscape as ms
    >>> path = tempfile.mkdtemp() + "/memory.safetensors"
    >>> ms.memories.Hebbian(ms.patterns.independent(3, 100, generator=0)).save(path)
    >>> ms.load(path)
    Hebbian(3 patterns of 100 units, load 0.03)
    """
    _open_rooms()
    bundle = load_bundle(path, device=device)
    cls = cards.registered(bundle.card)
    if not hasattr(cls, "from_bundle"):
        raise FileFormatError(
            f"{str(path)!r} holds a {bundle.kind}, which is not something to load as a memory"
        )
    return cls.from_bundle(bundle)


def as_memory(x: Any, **options: Any) -> Any:
    """Return `x` as a memory whose landscape can be measured, shaped and plotted.

    Args:
        x: a memory (returned as it is), anything with an `as_memory()` of its own, a table of vectors (p, n)
            as tensor, array or list, or the path of a file: a memory, .npy, .npz, .safetensors, .csv, .tsv or
            .parquet.
        options: for vectors: `beta`, the sharpness of the log-sum-exp memory (None: see
            `memories.vectors.sharpness`).

    Raises:
        CapabilityError: for an object that holds no wells.
        FileFormatError: for a file that cannot be read.

    >>> import torch, memscape as ms
    >>> ms.as_memory(torch.eye(3), beta=4.0)
    Continuous(3 patterns of 3 units, load 1, beta=4)
    """
    _open_rooms()
    if hasattr(x, "as_memory"):
        return x.as_memory(**options)
    if isinstance(x, str | Path):
        from memscape.core.tables import read_table

        if _is_bundle(Path(x)):
            return load(x).as_memory(**options)
        return cards.builder("Continuous")(read_table(x), **options)
    if hasattr(x, "__array__") or isinstance(x, list | tuple):
        return cards.builder("Continuous")(x, **options)
    raise CapabilityError(
        f"{type(x).__name__} holds no wells; give a memory, a table of vectors (p, n), a file, "
        "or an object with as_memory()"
    )


def _is_bundle(path: Path) -> bool:
    if path.suffix != ".safetensors":
        return False
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            return "memscape" in (file.metadata() or {})
    except (SafetensorError, OSError):
        return True  # let `load` say what is wrong


def catalogue() -> dict[str, Card]:
    """Return the cards of all systems by name: paper, parts, space, capacity, cost, limits."""
    _open_rooms()
    return cards.catalogue()
