"""Diluted patterns, retrieved side by side: one state serves several memories (Agliari et al. 2012).

A share `dilution` of each pattern's entries is 0 (no opinion); Hebb's rule, few patterns, many units, T = 0.
"""

import torch
from jaxtyping import Float
from scipy.optimize import brentq
from torch import Tensor

from memscape.theory.ranges import number, whole

_COUNT = "retrieve at least one pattern"


def _dilution(dilution: float) -> float:
    return number("dilution", dilution, 0.0, 1.0, edges="[)", remedy="it is the share of zeros in a pattern")


def amplitudes(count: int, dilution: float) -> Float[Tensor, " p"]:
    r"""Return the overlaps of the hierarchical state, strongest first, $m_k = (1-d)\,d^k$, k = 0, 1, ...

    Each unit follows the first pattern in the ranking that has an opinion on it.

    Args:
        count: number of patterns, at least 1.
        dilution: share d of zeros in a pattern, in [0, 1).

    Raises:
        InputError: if a number is outside its range.

    Cost: O(p).

    Example:
        >>> amplitudes(3, 0.5)
        tensor([0.5000, 0.2500, 0.1250], dtype=torch.float64)

    Source: Agliari et al. 2012, Phys. Rev. Lett. 109, 268101.
    """
    count = whole("count", count, 1, remedy=_COUNT)
    d = _dilution(dilution)
    return (1.0 - d) * torch.pow(torch.tensor(d, dtype=torch.float64), torch.arange(count))


def _surplus(count: int, dilution: float) -> float:
    """Return the strongest amplitude minus the sum of the others: positive where the ranking holds."""
    return 1.0 - 2.0 * dilution + dilution**count


def hierarchical_regime(count: int, dilution: float) -> bool:
    r"""Return whether the hierarchical state sustains itself, $1 - 2d + d^p > 0$.

    The strongest overlap must outweigh all others together, which on some units point against it.

    Args:
        count: number of patterns, at least 1.
        dilution: share d of zeros in a pattern, in [0, 1).

    Raises:
        InputError: if a number is outside its range.

    Cost: O(1).

    Example:
        >>> hierarchical_regime(3, 0.6), hierarchical_regime(3, 0.65)
        (True, False)

    Source: Agliari et al. 2012, Phys. Rev. Lett. 109, 268101.
    """
    return _surplus(whole("count", count, 1, remedy=_COUNT), _dilution(dilution)) > 0.0


def critical_dilution(count: int) -> float:
    r"""Return the dilution at which the hierarchical state is lost, the root of $1 - 2d + d^p$ below 1.

    1 for one or two patterns, .618 for three, and 1/2 for many.

    Args:
        count: number of patterns, at least 1.

    Raises:
        InputError: if it is below 1.

    Cost: O(1).

    Example:
        >>> [round(critical_dilution(count), 4) for count in (2, 3, 4, 5)]
        [1.0, 0.618, 0.5437, 0.5188]

    Source: `hierarchical_regime` with equality.
    """
    count = whole("count", count, 1, remedy=_COUNT)
    if count <= 2:
        return 1.0
    # the surplus is positive at 1/2, falls below 0 and returns to 0 at d = 1; it is least at p d^(p-1) = 2
    lowest = (2.0 / count) ** (1.0 / (count - 1))
    return brentq(lambda d: _surplus(count, d), 0.5, lowest, xtol=1e-15)


def dataset_entropy(examples: int, quality: float) -> float:
    r"""Return how uncertain noisy examples leave their pattern, $\rho = (1-r^2)/(M r^2)$.

    The variance of the mean of M examples over its squared mean; an example's unit agrees with the pattern
    with probability (1+r)/2.

    Args:
        examples: number of examples M, at least 1.
        quality: r, in (0, 1].

    Raises:
        InputError: if a number is outside its range.

    Cost: O(1).

    Example:
        >>> dataset_entropy(50, 0.4)
        0.105

    Source: Agliari et al. 2023 (arXiv 2308.04106).
    """
    examples = whole("examples", examples, 1, remedy="give at least one example")
    quality = number("quality", quality, 0.0, 1.0, edges="(]", remedy="0 is pure noise, 1 a faithful copy")
    return (1.0 - quality**2) / (examples * quality**2)
