"""Hebb's rule (Hopfield 1982) at random patterns: critical load, overlaps, energies, mixtures.

Everything here holds for many units (n to infinity) at a fixed load p / n. Temperatures and phases stand in
`phases`, the first step of recall in `first_step`; both are offered here too.
"""

import math
from functools import cache

from scipy.optimize import brentq
from scipy.special import erf

from memscape.core.errors import InputError
from memscape.theory import replica
from memscape.theory.first_step import (
    first_step_overlap,
    first_step_overlap_from_stabilities,
    one_step_error,
    perfect_recall_patterns,
)
from memscape.theory.phases import (
    Phase,
    PhaseDiagram,
    overlap_parameters,
    phase,
    phase_diagram,
    retrieval_temperature,
    spin_glass_temperature,
    transition_temperature,
)
from memscape.theory.ranges import number, whole
from memscape.theory.replica import OrderParameters

__all__ = [
    "OrderParameters",
    "Phase",
    "PhaseDiagram",
    "critical_load",
    "critical_overlap",
    "first_step_overlap",
    "first_step_overlap_from_stabilities",
    "global_minimum_load",
    "mixture_energy",
    "mixture_overlap",
    "one_step_error",
    "overlap_parameters",
    "perfect_recall_patterns",
    "phase",
    "phase_diagram",
    "retrieval_energy",
    "retrieval_overlap",
    "retrieval_temperature",
    "spin_glass_energy",
    "spin_glass_temperature",
    "transition_temperature",
]

_LOAD = "the load is patterns / units"


def _root_of_twice_load(y: float) -> float:
    """Return sqrt(2 alpha) of the T = 0 retrieval state with m = erf(y)."""
    return erf(y) / y - 2.0 / math.sqrt(math.pi) * math.exp(-(y**2))


@cache
def _critical() -> float:
    """Return the y of the critical state: the maximum of the curve above, as the root of its derivative."""
    return brentq(
        lambda y: 2.0 / math.sqrt(math.pi) * y * (1.0 + 2.0 * y**2) * math.exp(-(y**2)) - erf(y),
        1.0,
        2.0,
        xtol=1e-15,
    )


def critical_load() -> float:
    r"""Return the largest load p / n at which stored patterns are recalled without noise, .1379.

    $$\sqrt{2\alpha_c} = \max_y \Big[\frac{\mathrm{erf}(y)}y - \frac2{\sqrt\pi} e^{-y^2}\Big]$$

    Cost: O(1).

    Example:
        >>> round(critical_load(), 6)
        0.137906

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530; replica-symmetric.
    """
    return float(_root_of_twice_load(_critical()) ** 2 / 2.0)


def critical_overlap() -> float:
    """Return the overlap of the retrieval state with its pattern at the critical load, .967.

    Cost: O(1).

    Example:
        >>> round(critical_overlap(), 6)
        0.967417

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530.
    """
    return float(erf(_critical()))


def _retrieval_root(load: float) -> float:
    """Return the y = m / sqrt(2 alpha r) of the retrieval state at T = 0, for 0 < load <= critical_load()."""
    excess = _root_of_twice_load(_critical()) - math.sqrt(2.0 * load)
    if excess <= 0.0:
        return _critical()
    return brentq(
        lambda y: _root_of_twice_load(y) - math.sqrt(2.0 * load), _critical(), 2.0 / math.sqrt(load) + 2.0
    )


def retrieval_overlap(load: float, temperature: float = 0.0) -> float:
    r"""Return the overlap of the retrieval state with its pattern; 0 where no retrieval state exists.

    At T = 0, $m = \mathrm{erf}(y)$ with the larger root of $\sqrt{2\alpha} = \mathrm{erf}(y)/y -
    2e^{-y^2}/\sqrt\pi$.

    Args:
        load: patterns per unit, at least 0.
        temperature: at least 0.

    Raises:
        InputError: if the load or the temperature is negative or not finite.

    Cost: O(1) at T = 0, milliseconds above.

    Example:
        >>> round(retrieval_overlap(0.10), 6), round(retrieval_overlap(0.10, 0.2), 4), retrieval_overlap(0.15)
        (0.997999, 0.9891, 0.0)

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530.
    """
    load = number("load", load, 0.0, remedy=_LOAD)
    if number("temperature", temperature, 0.0, remedy="0 is the descent without noise") > 0.0:
        state = replica.retrieval(load, float(temperature))
        return state.m if state is not None else 0.0
    if load > critical_load():
        return 0.0
    return float(erf(_retrieval_root(load))) if load > 0.0 else 1.0


def retrieval_energy(load: float) -> float:
    r"""Return the energy per unit of the retrieval state at T = 0, $-m^2/2 + (\alpha/2)(1 - r)$.

    Couplings are $\frac1n\sum_\mu \xi_i^\mu\xi_j^\mu$ without diagonal.

    Args:
        load: patterns per unit, from 0 to `critical_load()`.

    Raises:
        InputError: if the load is negative or above the critical load, where no retrieval state exists.

    Cost: O(1).

    Example:
        >>> round(retrieval_energy(0.13), 6)
        -0.500912

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530.
    """
    load = number(
        "load", load, 0.0, critical_load(), remedy="above the critical load there is no retrieval state"
    )
    if load == 0.0:
        return -0.5
    y = _retrieval_root(load)
    m = erf(y)
    noise = (m / y) ** 2 / 2.0  # alpha r
    return float(-(m**2) / 2.0 + (load - noise) / 2.0)


def spin_glass_energy(load: float) -> float:
    r"""Return the energy per unit of the spin-glass state at T = 0, $-1/\pi - \sqrt{2\alpha/\pi}$.

    The exact solution of the replica-symmetric equations at m = 0.

    Args:
        load: patterns per unit, at least 0.

    Raises:
        InputError: if the load is negative or not finite.

    Cost: O(1).

    Example:
        >>> round(spin_glass_energy(0.05), 6)
        -0.496722

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530, at m = 0.
    """
    load = number("load", load, 0.0, remedy=_LOAD)
    return -1.0 / math.pi - math.sqrt(2.0 * load / math.pi)


@cache
def global_minimum_load() -> float:
    """Return the load below which stored patterns are the global minima at T = 0, .0519.

    Where the replica-symmetric energies of the retrieval and the spin-glass state cross.

    Cost: O(1).

    Example:
        >>> round(global_minimum_load(), 4)
        0.0519

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530.
    """
    return brentq(
        lambda load: retrieval_energy(load) - spin_glass_energy(load), 0.01, critical_load(), xtol=1e-12
    )


def _odd(count: int) -> int:
    count = whole("count", count, 1, remedy="mix an odd number of patterns")
    if count % 2 == 0:
        raise InputError(
            f"count is {count}; it must be odd, since even symmetric mixtures are saddles, not minima; "
            f"take {count - 1} or {count + 1}"
        )
    return count


def mixture_overlap(count: int) -> float:
    r"""Return the overlap of a mixture of k patterns with each of them, $\binom{k-1}{(k-1)/2} / 2^{k-1}$.

    The mixture is sign(sum of k patterns), k odd, few patterns in many units, T = 0.

    Args:
        count: number of mixed patterns, odd.

    Raises:
        InputError: if it is even or below 1.

    Cost: O(k).

    Example:
        >>> mixture_overlap(3), mixture_overlap(5), mixture_overlap(7)
        (0.5, 0.375, 0.3125)

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. A 32, 1007.
    """
    k = _odd(count)
    return math.comb(k - 1, (k - 1) // 2) / 2 ** (k - 1)


def mixture_energy(count: int) -> float:
    r"""Return the energy per unit of a symmetric mixture of k patterns, $-k m_k^2 / 2$; it rises to $-1/\pi$.

    Args:
        count: number of mixed patterns, odd.

    Raises:
        InputError: if it is even or below 1.

    Cost: O(k).

    Example:
        >>> mixture_energy(1), mixture_energy(3), mixture_energy(5)
        (-0.5, -0.375, -0.3515625)

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. A 32, 1007.
    """
    return -_odd(count) * mixture_overlap(count) ** 2 / 2.0
