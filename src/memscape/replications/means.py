"""Means over instances with their intervals, and silence for warnings that a study means to provoke."""

import math
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from scipy import stats

from memscape.core.errors import MemscapeWarning
from memscape.landscape import basins


def mean_interval(values: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return the mean of independent values and its 95 % interval (Student's t), NaNs for one value.

    >>> mean, (low, high) = mean_interval([1.0, 2.0, 3.0])
    >>> mean, round(low, 2), round(high, 2)
    (2.0, -0.48, 4.48)
    """
    x = np.asarray(values, dtype=np.float64)
    if len(x) < 2:
        return float(x.mean()), (math.nan, math.nan)
    half = float(stats.t.ppf(0.975, len(x) - 1) * x.std(ddof=1) / math.sqrt(len(x)))
    return float(x.mean()), (float(x.mean()) - half, float(x.mean()) + half)


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
