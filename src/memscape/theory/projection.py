"""The projection (pseudo-inverse) rule (Personnaz et al. 1985; Kanter and Sompolinsky 1987).

J is the orthogonal projector P on the span of the patterns, with its diagonal set to zero. The first
functions hold for many units and random patterns; `diagonal`, `stability` and `margins` are exact for any
given patterns.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.theory.first_step import first_step_overlap_from_stabilities
from memscape.theory.ranges import Numbers, matrix, number, values

_LOAD = "at most as many patterns as units are independent"


def margin(load: float) -> float:
    r"""Return the normalised stability of every stored pattern, $\sqrt{(1-\alpha)/\alpha}$.

    Args:
        load: patterns per unit, in (0, 1].

    Raises:
        InputError: if the load is outside (0, 1].

    Cost: O(1).

    Example:
        >>> margin(0.1), margin(0.5), margin(1.0)
        (3.0, 1.0, 0.0)

    Source: Kanter and Sompolinsky 1987, Phys. Rev. A 35, 380; `stability` at P_ii = load, its mean over
    units.
    """
    load = number("load", load, 0.0, 1.0, edges="(]", remedy=_LOAD)
    return math.sqrt((1.0 - load) / load)


def energy(load: float) -> float:
    r"""Return the energy per unit of every stored pattern, $-(1-\alpha)/2$, exact for independent patterns.

    No state lies lower: the energy is this value plus half the squared distance per unit to the span of the
    patterns.

    Args:
        load: patterns per unit, in [0, 1].

    Raises:
        InputError: if the load is outside [0, 1].

    Cost: O(1).

    Example:
        >>> energy(0.5)
        -0.25

    Source: Kanter and Sompolinsky 1987, Phys. Rev. A 35, 380.
    """
    load = number("load", load, 0.0, 1.0, remedy=_LOAD)
    return -(1.0 - load) / 2.0


def spin_glass_load() -> float:
    r"""Return the load at which a spin-glass state becomes as deep as the stored patterns, $1 - 2/\pi$.

    Below it no random state lies in a random subspace of p dimensions (Gordon's theorem: the mean width of
    the hypercube, sqrt(2n/pi), is less than sqrt(n - p)).

    Cost: O(1).

    Example:
        >>> round(spin_glass_load(), 4)
        0.3634

    Source: Kanter and Sompolinsky 1987, Phys. Rev. A 35, 380; replica-symmetric.
    """
    return 1.0 - 2.0 / math.pi


def spin_glass_energy(load: float) -> float:
    r"""Return a lower bound on the energy per unit of spin-glass states, those that resemble no pattern.

    $$-\frac{1-\alpha}2 + \frac12 \max\Big(0, \sqrt{(1-2/\pi)(1-\alpha)} - \sqrt{2\alpha/\pi}\Big)^2$$

    A theorem for many units and Gaussian patterns, which no +-1 state resembles. It is `energy(load)` from
    `spin_glass_load()` on, and $-1/\pi$ for few patterns, as in Hebb's rule.

    Args:
        load: patterns per unit, in [0, 1].

    Raises:
        InputError: if the load is outside [0, 1].

    Cost: O(1).

    Example:
        >>> round(spin_glass_energy(0.1), 4), spin_glass_energy(0.5) == energy(0.5)
        (-0.3989, True)

    Source: Gordon 1988, Lecture Notes in Mathematics 1317, 84 (comparison of minima), for the distance
    between the hypercube and a random subspace.
    """
    bottom = energy(load)
    distance = math.sqrt((1.0 - 2.0 / math.pi) * (1.0 - load)) - math.sqrt(2.0 * load / math.pi)
    return bottom + max(0.0, distance) ** 2 / 2.0


def first_step_overlap(overlap: float, load: float) -> float:
    r"""Return the overlap after one parallel step from a random cue.

    $\mathrm{erf}(\gamma m_0/\sqrt{2(1-m_0^2)})$ with $\gamma$ = `margin(load)`.

    Args:
        overlap: overlap of the cue with its pattern, in [-1, 1].
        load: patterns per unit, in (0, 1].

    Raises:
        InputError: if a value is outside its range.

    Cost: O(1).

    Example:
        >>> round(first_step_overlap(0.5, 0.1), 4), round(first_step_overlap(0.2, 0.3), 4)
        (0.9167, 0.2448)

    Source: `memscape.theory.first_step`, at the one stability of the projection rule.
    """
    return first_step_overlap_from_stabilities(overlap, torch.tensor([margin(load)], dtype=torch.float64))


def diagonal(patterns: Numbers) -> Float[Tensor, " n"]:
    """Return the diagonal of the projector on the span of the patterns; its mean is rank / n.

    Correlations between patterns change only how it is spread over the units.

    Args:
        patterns: (p, n) real numbers; dependent ones count once.

    Raises:
        InputError: if it is not a matrix or holds NaN or infinities.

    Cost: O(n p min(n, p)), and a copy of the patterns in float64.

    Example:
        >>> diagonal([[1, 1, 1, 1], [1, 1, -1, -1]])
        tensor([0.5000, 0.5000, 0.5000, 0.5000], dtype=torch.float64)

    Source: Personnaz, Guyon and Dreyfus 1985, J. Physique Lett. 46, 359.
    """
    x = matrix("patterns", patterns)
    _, singular, right = torch.linalg.svd(x, full_matrices=False)
    limit = singular.max() * max(x.shape) * torch.finfo(torch.float64).eps
    return (right[singular > limit] ** 2).sum(0).clamp(0.0, 1.0)


def stability(diagonal: Numbers) -> Tensor:
    r"""Return the normalised stability of each unit at every stored pattern, $\sqrt{(1-P_{ii})/P_{ii}}$.

    The field there is $\xi_i h_i = 1 - P_{ii}$ and the squared norm of the row of couplings
    $P_{ii}(1-P_{ii})$.

    Args:
        diagonal: P_ii, any shape, each in [0, 1]; infinite at 0, a unit that no pattern uses.

    Raises:
        InputError: if a value is outside [0, 1].

    Cost: O(number of values).

    Example:
        >>> stability([0.1, 0.5, 1.0])
        tensor([3., 1., 0.], dtype=torch.float64)

    Source: `field / norm` with the projector's P² = P.
    """
    share = values(
        "diagonal", diagonal, 0.0, 1.0, remedy="give the diagonal of a projector, as `diagonal(patterns)`"
    )
    return ((1.0 - share) / share).sqrt()


def margins(patterns: Numbers) -> Float[Tensor, " n"]:
    """Return the exact normalised stability of each unit of a projection memory, the same for every pattern.

    Args:
        patterns: (p, n), entries +-1.

    Raises:
        InputError: if it is not a matrix or holds NaN or infinities.

    Cost: O(n p min(n, p)).

    Example:
        >>> margins([[1, 1, 1, 1], [1, 1, -1, -1]])
        tensor([1., 1., 1., 1.], dtype=torch.float64)

    Source: `stability` of `diagonal`.
    """
    return stability(diagonal(patterns))
