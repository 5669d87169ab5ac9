"""memscape: memory as a landscape that you can measure, shape and edit.

    import memscape as ms

    X = ms.patterns.independent(50, 1000, generator=0)     # what is stored
    memory = ms.memories.Projection(X)                     # wells in a landscape
    recall = memory.recall(ms.patterns.flip(X, fraction=0.1, generator=1))

Rooms: patterns, memories, landscape, engrams, sequence, cognition, continual, theory, training, tasks,
mechanisms, plot, replications, testing. They load when first named.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from memscape import (
        cognition,
        continual,
        core,
        engrams,
        kernels,
        landscape,
        mechanisms,
        memories,
        patterns,
        plot,
        replications,
        sequence,
        tasks,
        testing,
        theory,
        training,
    )
    from memscape.core.recall import Kind, Recall, Status, Verdict
    from memscape.doors import as_memory, catalogue, load

from memscape.core.version import VERSION as __version__

_ROOMS = (
    "cognition",
    "continual",
    "core",
    "engrams",
    "kernels",
    "landscape",
    "mechanisms",
    "memories",
    "patterns",
    "plot",
    "replications",
    "sequence",
    "tasks",
    "testing",
    "theory",
    "training",
)
_NAMES = {
    "Kind": "memscape.core.recall",
    "Recall": "memscape.core.recall",
    "Status": "memscape.core.recall",
    "Verdict": "memscape.core.recall",
    "as_memory": "memscape.doors",
    "catalogue": "memscape.doors",
    "load": "memscape.doors",
}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"memscape.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"memscape has no {name!r}; it has {', '.join([*_ROOMS, *_NAMES])}")


def __dir__() -> list[str]:
    return [*_ROOMS, *_NAMES, "__version__"]


__all__ = [
    "Kind",
    "Recall",
    "Status",
    "Verdict",
    "__version__",
    "as_memory",
    "catalogue",
    "cognition",
    "continual",
    "core",
    "engrams",
    "kernels",
    "landscape",
    "load",
    "mechanisms",
    "memories",
    "patterns",
    "plot",
    "replications",
    "sequence",
    "tasks",
    "testing",
    "theory",
    "training",
]
