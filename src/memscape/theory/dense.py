"""Dense memories: what a sharper separation than Hebb's square buys: polynomial and exponential wells."""

import math

import torch
from jaxtyping import Bool, Float
from scipy.special import ndtr
from torch import Tensor

from memscape.theory.ranges import Numbers, matrix, number, whole

_BETA = "beta is the inverse temperature of the softmax"


def _odd_product(degree: int) -> float:
    """Return (2 degree - 3)!!, the Gaussian moment of order 2 (degree - 1)."""
    return float(math.prod(range(1, 2 * degree - 2, 2)))


def bit_error(units: int, degree: int, count: int) -> float:
    r"""Return the chance that a unit of a stored pattern is unstable in a memory $-\sum_\mu o_\mu^k$.

    $$\Phi\Big(-\sqrt{\tfrac{n^{k-1}}{(2k-3)!!\,p}}\Big)$$

    Leading order in the number of units; an even degree. Rectified overlaps have half the noise: p / 2.

    Args:
        units: n, at least 2.
        degree: k, at least 2; 2 is Hebb's rule.
        count: number of patterns p, at least 1.

    Raises:
        InputError: if a number is below its minimum.

    Cost: O(degree).

    Example:
        >>> round(bit_error(100, 4, 7238), 5)
        0.0012

    Source: Krotov and Hopfield 2016 (arXiv 1606.01164).
    """
    n = whole("units", units, 2, remedy="a memory of one unit stores nothing")
    k = whole("degree", degree, 2, remedy="degree 2 is Hebb's rule")
    p = whole("count", count, 1, remedy="store at least one pattern")
    return float(ndtr(-math.exp(((k - 1) * math.log(n) - math.log(_odd_product(k) * p)) / 2.0)))


def capacity(units: int, degree: int) -> float:
    r"""Return how many patterns a polynomial memory holds without error, $n^{k-1} / (2(2k-3)!!\ln n)$.

    Above it, `units * bit_error` (the expected number of unstable units of one pattern) no longer goes to 0
    as n grows.

    Args:
        units: n, at least 2.
        degree: k, at least 2; 2 is Hebb's rule.

    Raises:
        InputError: if a number is below its minimum.

    Cost: O(degree).

    Example:
        >>> round(capacity(100, 2), 1), round(capacity(100, 4))
        (10.9, 7238)

    Source: Krotov and Hopfield 2016 (arXiv 1606.01164).
    """
    n = whole("units", units, 2, remedy="a memory of one unit stores nothing")
    k = whole("degree", degree, 2, remedy="degree 2 is Hebb's rule")
    return math.exp((k - 1) * math.log(n)) / (2.0 * _odd_product(k) * math.log(n))


def exponential_rate(error_fraction: float) -> float:
    r"""Return the a below which $e^{an}$ patterns of an exponential memory are repaired in one parallel step.

    $$a = \tfrac12 I(1-2\rho),\quad I(x) = \tfrac12\big[(1+x)\ln(1+x) + (1-x)\ln(1-x)\big]$$

    for cues with $\rho n$ wrong units and wells $e^{o_\mu}$, for many units.

    Args:
        error_fraction: share of wrong units rho, in [0, 0.5].

    Raises:
        InputError: if it is outside [0, 0.5].

    Cost: O(1).

    Example:
        >>> round(exponential_rate(0.0), 4), round(exponential_rate(0.1), 4), exponential_rate(0.5)
        (0.3466, 0.184, 0.0)

    Source: Demircigil et al. 2017 (arXiv 1702.01929).
    """
    rho = number(
        "error_fraction", error_fraction, 0.0, 0.5, remedy="half of the units wrong is no cue at all"
    )
    right = 2.0 * (1.0 - rho)
    wrong = 2.0 * rho
    entropy = right * math.log(right) + (wrong * math.log(wrong) if wrong > 0.0 else 0.0)
    return max(entropy, 0.0) / 4.0  # near a half the two logarithms cancel to rounding


def separation(patterns: Numbers) -> Float[Tensor, " p"]:
    r"""Return by how much each pattern is more like itself than like any other.

    $$\Delta_\mu = x_\mu\cdot x_\mu - \max_{\nu\ne\mu} x_\mu\cdot x_\nu$$

    Args:
        patterns: (p, n) real numbers, at least 2 of them.

    Raises:
        InputError: if it is not a matrix of at least two rows, or holds NaN or infinities.

    Cost: O(p² n).

    Example:
        >>> separation([[1.0, 0.0], [0.0, 2.0]])
        tensor([1., 4.], dtype=torch.float64)

    Source: Ramsauer et al. 2020 (arXiv 2008.02217).
    """
    x = matrix("patterns", patterns, rows=2)
    products = x @ x.T
    own = products.diagonal().clone()
    return own - products.fill_diagonal_(-math.inf).amax(1)


def required_separation(count: int, beta: float, norm: float) -> float:
    r"""Return the separation from which each pattern has a fixed point of its own nearby.

    $$\Delta \ge \frac2{\beta p} + \frac1\beta\ln\big(2(p-1)\,p\,\beta M^2\big)$$

    Under it the softmax update maps the ball of radius $1/(\beta p M)$ around the pattern into itself.

    Args:
        count: number of patterns p, at least 2.
        beta: inverse temperature, above 0.
        norm: the largest norm M of a pattern, above 0.

    Raises:
        InputError: if a number is outside its range.

    Cost: O(1).

    Example:
        >>> round(required_separation(20, 2.0, 1.0), 4)
        3.7132

    Source: Ramsauer et al. 2020 (arXiv 2008.02217).
    """
    p = whole("count", count, 2, remedy="one pattern alone is always separated")
    beta = number("beta", beta, 0.0, edges="(]", remedy=_BETA)
    norm = number("norm", norm, 0.0, edges="(]", remedy="give the largest norm of a pattern")
    return 2.0 / (beta * p) + math.log(2.0 * (p - 1) * p * beta * norm**2) / beta


def is_separated(patterns: Numbers, beta: float) -> Bool[Tensor, " p"]:
    """Return for each pattern whether it is sure to have a fixed point of its own nearby.

    Sufficient, not necessary: many patterns that fail the condition are recalled as well.

    Args:
        patterns: (p, n) real numbers, at least 2 of them.
        beta: inverse temperature, above 0.

    Raises:
        InputError: as `separation` and `required_separation`.

    Cost: O(p² n).

    Example:
        >>> is_separated([[4.0, 0.0], [0.0, 4.0], [0.5, 4.0]], beta=1.0)
        tensor([ True, False, False])

    Source: Ramsauer et al. 2020 (arXiv 2008.02217).
    """
    x = matrix("patterns", patterns, rows=2)
    norm = float(torch.linalg.vector_norm(x, dim=1).max())
    return separation(x) >= required_separation(x.shape[0], beta, norm)


def retrieval_error_bound(separation: float, count: int, beta: float, norm: float) -> float:
    r"""Return how far at most a separated pattern is from its fixed point, $2e(p-1)M e^{-\beta\Delta}$.

    Args:
        separation: of the pattern, from `separation(patterns)`, at least `required_separation`.
        count: number of patterns p, at least 2.
        beta: inverse temperature, above 0.
        norm: the largest norm M of a pattern, above 0.

    Raises:
        InputError: if a number is outside its range, or the separation is below the required one.

    Cost: O(1).

    Example:
        >>> retrieval_error_bound(20.0, count=10, beta=1.0, norm=5.0)
        5.0425e-07

    Source: Ramsauer et al. 2020 (arXiv 2008.02217), the exponentially small retrieval error.
    """
    least = required_separation(count, beta, norm)
    gap = number("separation", separation, least, remedy="raise beta, or move the patterns apart")
    return 2.0 * math.e * (count - 1) * norm * math.exp(-beta * gap)


def exact_gap(alpha: float) -> float:
    r"""Return the lead of the best logit from which one entmax step is one-hot, $1/(\alpha-1)$.

    alpha = 2 is sparsemax; towards alpha = 1 (softmax) no lead is enough.

    Args:
        alpha: order of the entmax, above 1.

    Raises:
        InputError: if alpha is 1 or less.

    Cost: O(1).

    Example:
        >>> exact_gap(2.0), exact_gap(1.5)
        (1.0, 2.0)

    Source: Santos et al. 2024 (arXiv 2402.13725), margins of Tsallis losses; $p_i = [(\alpha-1)z_i -
    \tau]_+^{1/(\alpha-1)}$ is one-hot iff $\tau = (\alpha-1)z_1 - 1$ is not below $(\alpha-1)z_2$.
    """
    alpha = number(
        "alpha", alpha, 1.0, edges="(]", remedy="softmax (alpha = 1) always mixes: take alpha above 1"
    )
    return 1.0 / (alpha - 1.0)
