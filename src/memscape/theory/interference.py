"""What N pairs in a K x V matrix cost: the interference laws of one-pass memories, for random unit keys.

Read as conditioning, a write pairs a stimulus (the key) with an outcome (the value), and each law says how
much the other pairings disturb a recall. Errors are squared lengths, relative to that of a value: 1 is what
the answer zero gets.
"""

import math

from memscape.core.arrays import require_count


def hebb_error(pairs: int, width: int) -> float:
    """Return the expected relative squared error of Hebb's rule, $(N - 1) / K$.

    Each other pair adds its value times the cosine of two random directions, whose mean square is 1/K. Exact
    in expectation for independent unit keys. Linear attention without decay is this rule.

    Args:
        pairs: N, associations stored.
        width: K, width of a key.

    >>> hebb_error(17, 64)
    0.25
    """
    return (require_count(pairs, "pairs") - 1) / require_count(width, "width")


def delta_error(pairs: int, width: int) -> float:
    """Return the expected relative squared error of the delta rule, one pass at rate 1, mean field in K.

    With $\\tau = N/K$ it is $2 - 2\\frac{1 - e^{-\\tau}}{\\tau} - e^{-\\tau} + e^{-\\tau}\\frac{1 -
    e^{-\\tau}}{\\tau}$, about .6 of Hebb's error up to N = K. The last key is exact; older ones were
    disturbed by every later write.

    Args:
        pairs: N, associations stored.
        width: K, width of a key.

    >>> round(delta_error(64, 64), 3)
    0.6
    """
    load = require_count(pairs, "pairs") / require_count(width, "width")
    lost, gained = math.exp(-load), -math.expm1(-load) / load
    return 2 - 2 * gained - lost + lost * gained


def ridge_error(pairs: int, width: int) -> float:
    """Return the expected relative squared error of the exact solution (Mesa), $\\max(0, 1 - K/N)$.

    Up to K independent keys are exact; beyond, a linear map fits K of N dimensions of random values.

    >>> ridge_error(48, 64), ridge_error(128, 64)
    (0.0, 0.5)
    """
    return max(0.0, 1 - require_count(width, "width") / require_count(pairs, "pairs"))


def delta_trace(age: int, place: int, width: int) -> float:
    """Return the expected relative squared error of one pair under the delta rule at rate 1, mean field in K.

    $2(1 - e^{-m/K}) - e^{-s/K}(e^{-m/K} - e^{-2m/K})$ for a pair written as number s, m writes ago.

    Args:
        age: m, writes since; 0 is the last key, which is exact.
        place: s, pairs written before it.
        width: K, width of a key.

    >>> delta_trace(0, 10, 64)
    0.0
    """
    width = require_count(width, "width")
    old, early = math.exp(-require_count(age, "age", low=0) / width), math.exp(-place / width)
    return 2 * (1 - old) - early * (old - old**2)


def deep_error(pairs: int, width: int, heads: int = 1, depth: int = 1) -> float:
    """Return the expected relative squared error at the end of a chain of Hebbian recalls.

    $(1 + \\frac{N - 1}{H K})^L - 1$. Layer after layer reads the key of the next one. A read is the right
    value and a share of each other one, with mean square 1/HK where H heads with keys of their own are
    averaged; the next read passes all shares on and adds its own. Exact in expectation for independent unit
    keys in every layer and head. It lies between $L (N-1) / HK$, where errors merely add, and
    $e^{L (N-1) / HK} - 1$.

    Args:
        pairs: N, associations stored in each head of each layer.
        width: K, width of a key.
        heads: H, whose reads are averaged.
        depth: L, recalls one after another.

    >>> deep_error(17, 64), deep_error(17, 64, heads=4), deep_error(17, 64, depth=2)
    (0.25, 0.0625, 0.5625)
    """
    one = hebb_error(pairs, width) / require_count(heads, "heads")
    return (1 + one) ** require_count(depth, "depth") - 1
