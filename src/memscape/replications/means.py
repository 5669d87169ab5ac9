"""The share of random starts that recall, and silence for warnings that a study means to provoke."""

import warnings
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch

from memscape.core.errors import MemscapeWarning
from memscape.landscape import basins


def share(memory: Any, starts: int, generator: torch.Generator | int) -> float:
    """Return the share of random starts that end in a stored pattern or its negative.

    >>> from memscape.memories import Hebbian
    >>> from memscape.patterns import independent
    >>> share(Hebbian(independent(1, 50, generator=0)), 20, 0)
    1.0
    """
    return basins(memory, starts=starts, generator=generator, progress=False).share


@contextmanager
def beyond_limits() -> Generator[None]:
    """A context in which the library does not warn: loads beyond a limit are what the study is about.

    >>> with beyond_limits():
    ...     warnings.warn("more than fits", MemscapeWarning)
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MemscapeWarning)
        yield
