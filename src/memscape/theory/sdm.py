"""Sparse distributed memory (Kanerva 1988): how many hard locations an address reaches.

Hard locations are random addresses of n bits; a location is active when it lies within `radius` bits of the
cue.
"""

import numpy as np
from scipy.special import bdtr
from scipy.stats import binom

from memscape.theory.ranges import number, whole


def _ball(units: int, radius: int) -> tuple[int, int]:
    units = whole("units", units, 1, remedy="an address has at least one bit")
    return units, whole(
        "radius", radius, 0, units, remedy="no two addresses differ in more bits than they have"
    )


def activation_probability(units: int, radius: int) -> float:
    r"""Return the chance that a hard location is active, $P(\mathrm{Bin}(n, 1/2) \le r)$.

    Args:
        units: bits n of an address.
        radius: Hamming radius r, from 0 to n.

    Raises:
        InputError: if a number is outside its range.

    Cost: O(1).

    Example:
        >>> activation_probability(1000, 451)
        0.00107185

    Source: Kanerva 1988, Sparse Distributed Memory.
    """
    units, radius = _ball(units, radius)
    return float(bdtr(radius, units, 0.5))


def radius_of(units: int, probability: float) -> int:
    """Return the largest radius at which a location is active with at most this probability; -1 for none.

    Args:
        units: bits n of an address.
        probability: in [0, 1].

    Raises:
        InputError: if a number is outside its range.

    Cost: O(log n).

    Example:
        >>> radius_of(1000, 0.001), radius_of(1000, 0.0011)
        (450, 451)

    Source: the inverse of `activation_probability`.
    """
    units, _ = _ball(units, 0)
    probability = number("probability", probability, 0.0, 1.0, remedy="it is a probability")
    low, high = -1, units
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if bdtr(middle, units, 0.5) <= probability else (low, middle - 1)
    return low


def access_overlap(units: int, radius: int, distance: int) -> float:
    r"""Return the chance that a location is active for both of two addresses that differ in `distance` bits.

    $$\sum_a P(\mathrm{Bin}(d, \tfrac12) = a)\; P(\mathrm{Bin}(n-d, \tfrac12) \le r - \max(a, d-a))$$

    Recall from a damaged address reads what was written in these shared locations.

    Args:
        units: bits n of an address.
        radius: Hamming radius r, from 0 to n.
        distance: differing bits d, from 0 to n.

    Raises:
        InputError: if a number is outside its range.

    Cost: O(distance).

    Example:
        >>> access_overlap(1000, 451, 0) == activation_probability(1000, 451)
        True
        >>> round(1e6 * access_overlap(1000, 451, 200))
        103

    Source: Kanerva 1988, Sparse Distributed Memory, appendix B.
    """
    units, radius = _ball(units, radius)
    distance = whole(
        "distance", distance, 0, units, remedy="no two addresses differ in more bits than they have"
    )
    first = np.arange(distance + 1)
    rest = radius - np.maximum(first, distance - first)
    shared = np.where(
        rest >= 0, bdtr(np.clip(rest, 0, units - distance).astype(float), units - distance, 0.5), 0.0
    )
    return float(binom.pmf(first, distance, 0.5) @ shared)


def best_activation(locations: int, patterns: int) -> float:
    r"""Return the activation probability with the best signal over noise, $(2MT)^{-1/3}$.

    Counters of the $Mp$ active locations sum to a signal $Mp$ and a variance $Mp(1 + pT(1 + p^2M))$, for M
    locations and T stored patterns whose locations overlap at random.

    Args:
        locations: hard locations M, at least 1.
        patterns: stored patterns T, at least 1.

    Raises:
        InputError: if a number is below 1.

    Cost: O(1).

    Example:
        >>> round(best_activation(10**6, 10**4), 6)
        0.000368

    Source: Kanerva 1993, in Associative Neural Memories, ed. Hassoun, chapter 3.
    """
    locations = whole("locations", locations, 1, remedy="a memory has at least one location")
    patterns = whole("patterns", patterns, 1, remedy="store at least one pattern")
    return (2.0 * locations * patterns) ** (-1.0 / 3.0)
