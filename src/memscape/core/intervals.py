"""Confidence intervals of shares, of means, and of the ratio of two means."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor

from memscape.core.arrays import require_fraction


def share_interval(successes: object, trials: int, *, level: float = 0.95) -> Float[Tensor, "... 2"]:
    """Return an interval for each share successes / trials.

    Wilson's from 10 successes and 10 failures on, else the exact one of Clopper and Pearson.

    Args:
        successes: counts (...) in [0, trials].
        trials: how many there were.
        level: confidence, in (0, 1).

    >>> share_interval([5], 10)
    tensor([[0.1871, 0.8129]], dtype=torch.float64)

    Wilson 1927; Clopper and Pearson 1934.
    """
    require_fraction(level, "level")
    k = np.asarray(successes, dtype=np.float64)
    z = stats.norm.ppf(0.5 + level / 2)
    share, spread = k / trials, z * z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = np.sqrt(share * (1 - share) * spread + (spread / 2) ** 2) / (1 + spread)
    tail = (1 - level) / 2
    exact_low = np.where(k > 0, stats.beta.ppf(tail, np.maximum(k, 1e-9), trials - k + 1), 0.0)
    exact_high = np.where(k < trials, stats.beta.ppf(1 - tail, k + 1, np.maximum(trials - k, 1e-9)), 1.0)
    many = (k >= 10) & (trials - k >= 10)
    low, high = np.where(many, centre - half, exact_low), np.where(many, centre + half, exact_high)
    return torch.as_tensor(np.stack([low, high], -1))


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


def ratio_interval(above: Sequence[float], below: Sequence[float]) -> tuple[float, tuple[float, float]]:
    """Return the ratio of the means of two independent samples and its 95 % interval.

    To first order in their scatter, with Student's t of the smaller sample; NaNs where one has one value.

    >>> ratio, (low, high) = ratio_interval([2.0, 4.0], [1.0, 1.0])
    >>> ratio, round(low, 2), round(high, 2)
    (3.0, -9.71, 15.71)
    """
    a, b = (np.asarray(values, dtype=np.float64) for values in (above, below))
    ratio = float(a.mean() / b.mean())
    if min(len(a), len(b)) < 2:
        return ratio, (math.nan, math.nan)
    spread = np.hypot(*(x.std(ddof=1) / x.mean() / math.sqrt(len(x)) for x in (a, b)))
    half = abs(float(stats.t.ppf(0.975, min(len(a), len(b)) - 1) * ratio * spread))
    return ratio, (ratio - half, ratio + half)
