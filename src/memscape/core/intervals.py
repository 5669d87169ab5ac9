"""Confidence intervals of shares."""

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
