"""What a reader can reach at best that knows which values there are, and not which of them is asked."""

import math
from functools import cache

from memscape.core.arrays import require_count


@cache
def most_frequent_share(count: int, values: int) -> float:
    """Return the expected share of the most frequent among `count` values drawn from `values` ones.

    That is the accuracy of the best reader to whom `count` answers are equally possible: it names the one
    that stands there most often. From the number of draws in which no value comes more than c times,
    $P(\\max \\le c) = \\frac{m!}{V^m} [x^m] (\\sum_{j \\le c} x^j / j!)^V$.

    Args:
        count: m, how many answers are possible.
        values: V, of how many each is drawn, evenly.

    Raises:
        InputError: for a count below 1.

    O(count^3 log values).

    >>> most_frequent_share(1, 16), most_frequent_share(2, 2)
    (1.0, 0.75)
    """
    count, values = require_count(count, "count"), require_count(values, "values")
    below = [_none_above(most, count, values) for most in range(count)]
    return sum(1 - each for each in below) / count


def _none_above(most: int, count: int, values: int) -> float:
    """Return the probability that no value comes more than `most` times."""
    one = [1 / math.factorial(j) if j <= most else 0.0 for j in range(count + 1)]
    total, power, left = [1.0] + [0.0] * count, one, values
    while left:
        if left % 2:
            total = _product(total, power)
        power, left = _product(power, power), left // 2
    return total[count] * math.exp(math.lgamma(count + 1) - count * math.log(values))


def _product(a: list[float], b: list[float]) -> list[float]:
    """Return the product of two polynomials up to the degree that they are written to."""
    return [sum(a[i] * b[n - i] for i in range(n + 1)) for n in range(len(a))]


def shared_share(pairs: int, parts: int, values: int) -> float:
    """Return the accuracy of the best reader of one of the two parts of a key.

    Keys are `pairs` different ones of `parts` x `parts`. Besides the key that is asked, m - 1 others share
    its part, a hypergeometric number; among m values the most frequent is named.

    >>> shared_share(1, 4, 16)
    1.0
    """
    rest, same = parts**2 - 1, parts - 1
    total = 0.0
    for others in range(min(same, pairs - 1) + 1):
        ways = math.comb(same, others) * math.comb(rest - same, pairs - 1 - others)
        total += ways * most_frequent_share(others + 1, values)
    return total / math.comb(rest, pairs - 1)
