"""What one parallel step of recall does to a random cue, for Hebb's rule and for couplings of any rule.

Exact for one step and many units. Iterating the map over-estimates basins in fully connected memories,
because the noise of the second step depends on the first.
"""

import math

import torch
from scipy.special import erf, erfc

from memscape.theory.ranges import Numbers, number, values, whole

_OVERLAP = "it is the share of units that agree with the pattern minus the share that does not"


def first_step_overlap(overlap: float, load: float) -> float:
    r"""Return the overlap after one step of a Hebbian memory, $\mathrm{erf}(m_0/\sqrt{2\alpha})$.

    One parallel step, from a random cue of overlap $m_0$.

    Args:
        overlap: overlap of the cue with its pattern, in [-1, 1].
        load: patterns per unit, above 0.

    Raises:
        InputError: if a value is outside its range.

    Cost: O(1).

    Example:
        >>> round(first_step_overlap(0.2, 0.1), 4), round(first_step_overlap(0.5, 0.3), 4)
        (0.4729, 0.6387)

    Source: Amari and Maginu 1988, Neural Networks 1, 63: the first step of their map.
    """
    overlap = number("overlap", overlap, -1.0, 1.0, remedy=_OVERLAP)
    load = number("load", load, 0.0, edges="(]", remedy="the load is patterns / units")
    return float(erf(overlap / math.sqrt(2.0 * load)))


def first_step_overlap_from_stabilities(overlap: float, stabilities: Numbers) -> float:
    r"""Return the overlap after one parallel step from a random cue, for couplings of any rule.

    $$m_1 = \Big\langle \mathrm{erf}\Big(\frac{\gamma\, m_0}{\sqrt{2(1 - m_0^2)}}\Big) \Big\rangle_\gamma,
    \qquad \gamma_i = \xi_i h_i(\xi) / \lVert J_i \rVert$$

    Args:
        overlap: overlap of the cue with its pattern, in [-1, 1].
        stabilities: the pattern's normalised stabilities, any shape: field times pattern over the norm of the
            row of
            couplings (without diagonal).

    Raises:
        InputError: if the overlap is outside its range or a stability is NaN or infinite.

    Cost: O(number of stabilities).

    Example:
        >>> round(first_step_overlap_from_stabilities(0.5, torch.tensor([3.0])), 4)
        0.9167

    Source: Kepler and Abbott 1988, J. Physique 49, 1657: one step of recall depends on the couplings through
    the distribution of stabilities only.
    """
    overlap = number("overlap", overlap, -1.0, 1.0, remedy=_OVERLAP)
    gamma = values("stabilities", stabilities, remedy="units without couplings have none: leave them out")
    if abs(overlap) == 1.0:
        return float(torch.sign(gamma).mean()) * overlap
    return float(torch.erf(gamma * (overlap / math.sqrt(2.0 * (1.0 - overlap**2)))).mean())


def one_step_error(load: float) -> float:
    r"""Return the share of wrong units after one step from a stored pattern of a Hebbian memory.

    $\frac12 \mathrm{erfc}(1/\sqrt{2\alpha})$.

    Args:
        load: patterns per unit, above 0.

    Raises:
        InputError: if the load is not positive.

    Cost: O(1).

    Example:
        >>> round(one_step_error(0.138), 4)
        0.0036

    Source: Hopfield 1982, Proc. Natl. Acad. Sci. 79, 2554; the normal approximation, exact for many units.
    """
    load = number("load", load, 0.0, edges="(]", remedy="the load is patterns / units")
    return float(erfc(1.0 / math.sqrt(2.0 * load)) / 2.0)


def perfect_recall_patterns(units: int, all_patterns: bool = False) -> float:
    r"""Return the number of patterns up to which a Hebbian memory makes no error at all, $n / (2\ln n)$.

    Below it the expected number of wrong units of one pattern, `n * one_step_error(p / n)`, goes to 0 as
    $1/\sqrt{4\pi\ln n}$. With `all_patterns` the same holds for all patterns together: $n / (4\ln n)$. The
    leading order for many units; convergence is slow.

    Args:
        units: n, at least 2.
        all_patterns: ask that no pattern has an error, instead of a given one.

    Raises:
        InputError: if there are fewer than 2 units.

    Cost: O(1).

    Example:
        >>> (
        ...     round(perfect_recall_patterns(1000), 1),
        ...     round(perfect_recall_patterns(1000, all_patterns=True), 1),
        ... )
        (72.4, 36.2)

    Source: McEliece, Posner, Rodemich and Venkatesh 1987, IEEE Trans. Inf. Theory 33, 461.
    """
    units = whole("units", units, 2, remedy="a memory of one unit stores nothing")
    return units / ((4.0 if all_patterns else 2.0) * math.log(units))
