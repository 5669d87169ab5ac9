"""Optimal storage (Gardner 1988): the largest margin that any couplings reach, and what margins cost.

A margin here is normalised, kappa = min xi_i h_i / |J_i| with |J_i| the norm of a unit's row of couplings.
(Where the library trains couplings, `margins=` are functional: xi_i h_i itself.)
"""

import math

from scipy.optimize import brentq
from scipy.special import ndtr
from torch import erfc

from memscape.theory.ranges import Numbers, number, values

_MARGIN = "the equations hold for margins of at least 0"


def cost(margin: float) -> float:
    r"""Return the couplings per unit that one random pattern of this margin takes, $G(\kappa)$.

    $$G(\kappa) = \int_{-\kappa}^\infty Dz\,(z+\kappa)^2 = (1+\kappa^2)\Phi(\kappa) + \kappa\varphi(\kappa)$$

    Args:
        margin: normalised margin kappa, at least 0.

    Raises:
        InputError: if the margin is negative or not finite.

    Cost: O(1).

    Example:
        >>> cost(0.0)
        0.5

    Source: Gardner 1988, J. Phys. A 21, 257.
    """
    kappa = number("margin", margin, 0.0, remedy=_MARGIN)
    density = math.exp(-(kappa**2) / 2.0) / math.sqrt(2.0 * math.pi)
    return float((1.0 + kappa**2) * ndtr(kappa) + kappa * density)


def capacity(margin: float) -> float:
    r"""Return the largest load at which random patterns can have this margin, $\alpha_c = 1/G(\kappa)$.

    Couplings of the units are independent of each other; asking for symmetric ones lowers the capacity.

    Args:
        margin: normalised margin kappa, at least 0.

    Raises:
        InputError: if the margin is negative or not finite.

    Cost: O(1).

    Example:
        >>> capacity(0.0), round(capacity(1.0), 5)
        (2.0, 0.51957)

    Source: Gardner 1988, J. Phys. A 21, 257.
    """
    return 1.0 / cost(margin)


def largest_margin(load: float) -> float:
    r"""Return the largest margin that random patterns of this load can all have, the inverse of `capacity`.

    Args:
        load: patterns per unit, in (0, 2].

    Raises:
        InputError: if the load is outside (0, 2]: above 2 no couplings store random patterns.

    Cost: O(1).

    Example:
        >>> [round(largest_margin(load), 5) for load in (0.1, 0.25, 0.5, 1.0)]
        [3.00003, 1.73558, 1.03431, 0.47066]

    Source: Gardner 1988, J. Phys. A 21, 257.
    """
    load = number(
        "load", load, 0.0, 2.0, edges="(]", remedy="no couplings store more than 2 random patterns per unit"
    )
    if load == 2.0:
        return 0.0
    # G(kappa) >= (1 + kappa^2) / 2, so the root lies below sqrt(2 / load)
    return brentq(lambda kappa: cost(kappa) * load - 1.0, 0.0, math.sqrt(2.0 / load), xtol=1e-14)


def budget(margins: Numbers) -> float:
    r"""Return what patterns of different margins take of a row of couplings, $\sum_\mu G(\kappa_\mu)$.

    Random patterns can have these margins if it is at most n; the share of n that is left is room for more.

    Args:
        margins: normalised margins kappa, one per pattern, each at least 0.

    Raises:
        InputError: if there is none, or one is negative or not finite.

    Cost: O(p).

    Example:
        >>> budget([0.0, 0.0, 0.0, 0.0])
        2.0

    Source: Gardner 1988, J. Phys. A 21, 257, with one margin per pattern: the constraint becomes a mean over
    margins.
    """
    kappa = values("margins", margins, 0.0, remedy=_MARGIN)
    below = erfc(-kappa / math.sqrt(2.0)) / 2.0
    density = (-(kappa**2) / 2.0).exp() / math.sqrt(2.0 * math.pi)
    return float(((1.0 + kappa**2) * below + kappa * density).sum())
