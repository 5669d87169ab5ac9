"""Binary associative memories of sparse patterns (Willshaw, Buneman and Longuet-Higgins 1969).

A synapse is 1 if its two units were ever active together in one of the random pattern pairs; a unit is
recalled when all active inputs reach it. A complete cue never misses a unit, it can only add false ones.
"""

import math
from decimal import Decimal, localcontext

from memscape.theory.ranges import whole


def _sizes(units: int, active: int, patterns: int) -> tuple[int, int, int]:
    units = whole("units", units, 2, remedy="a memory of one unit stores nothing")
    active = whole(
        "active", active, 1, units - 1, remedy="sparse patterns have some active units and some silent ones"
    )
    return units, active, whole("patterns", patterns, 1, remedy="store at least one pair")


def bit_density(units: int, active: int, patterns: int) -> float:
    r"""Return the share of synapses that are 1, $p_1 = 1 - (1 - k^2/n^2)^p$.

    Args:
        units: n input and n output units.
        active: k active units of each pattern, below n.
        patterns: number of stored pairs p.

    Raises:
        InputError: if a number is outside its range.

    Cost: O(1).

    Example:
        >>> round(bit_density(1000, 10, 6931), 4)
        0.5

    Source: Willshaw, Buneman and Longuet-Higgins 1969, Nature 222, 960.
    """
    n, k, p = _sizes(units, active, patterns)
    return -math.expm1(p * math.log1p(-((k / n) ** 2)))


def false_positive(units: int, active: int, patterns: int) -> float:
    r"""Return the chance that a silent unit is recalled from a complete stored cue, exact at any size.

    $$\sum_{i=0}^k (-1)^i \binom ki \Big[1 - \frac kn (1 - a_i)\Big]^{p-1},\qquad
    a_i = \binom{n-i}k \Big/ \binom nk$$

    The classical $p_1^k$ (`bit_density(...) ** active`) is its limit for many units. It ignores that the
    synapses of one unit depend on how often that unit was active, and is a third too low at n = 1000 and the
    optimum load.

    Args:
        units: n input and n output units.
        active: k active units of each pattern, below n.
        patterns: number of stored pairs p.

    Raises:
        InputError: if a number is outside its range.

    Cost: O(k) multiplications of k-digit decimals: the terms alternate and cancel.

    Example:
        >>> false_positive(1000, 10, 6931)
        0.0012

    Source: Knoblauch, Palm and Sommer 2010, Neural Computation 22, 289 (the exact distribution),
    averaged over the number of uses of a unit.
    """
    n, k, p = _sizes(units, active, patterns)
    with localcontext() as context:
        context.prec = 40 + 2 * k
        used = Decimal(k) / n
        avoided, total = Decimal(1), Decimal(0)
        for i in range(k + 1):
            total += (-1) ** i * math.comb(k, i) * (1 - used * (1 - avoided)) ** (p - 1)
            avoided *= Decimal(max(n - k - i, 0)) / (n - i)
        return float(total)


def optimum_patterns(units: int, active: int) -> float:
    r"""Return the number of pairs at which half of the synapses are 1, about $\ln 2\; n^2/k^2$.

    At this load a synapse carries most, for many units ln 2 = .69 bit where k is near log2 n.

    Args:
        units: n input and n output units.
        active: k active units of each pattern, below n.

    Raises:
        InputError: if a number is outside its range.

    Cost: O(1).

    Example:
        >>> round(optimum_patterns(1000, 10))
        6931

    Source: Willshaw, Buneman and Longuet-Higgins 1969, Nature 222, 960.
    """
    n, k, _ = _sizes(units, active, 1)
    return math.log(2.0) / -math.log1p(-((k / n) ** 2))


def _entropy(share: float) -> float:
    if not 0.0 < share < 1.0:
        return 0.0
    return -(share * math.log2(share) + (1.0 - share) * math.log1p(-share) / math.log(2.0))


def information(units: int, active: int, patterns: int) -> float:
    r"""Return the bits per synapse that recall gives back: what recalled units tell about stored ones.

    $$\frac pn\big[h(a + (1-a)f) - (1-a)\,h(f)\big],\quad a = k/n,$$

    with the false positives f and the binary entropy h. Always below ln 2, which it approaches slowly.

    Args:
        units: n input and n output units.
        active: k active units of each pattern, below n.
        patterns: number of stored pairs p.

    Raises:
        InputError: if a number is outside its range.

    Cost: that of `false_positive`.

    Example:
        >>> round(information(1000, 10, 5000), 3)
        0.399

    Source: mutual information of the binary channel from stored to recalled unit.
    """
    n, k, p = _sizes(units, active, patterns)
    false = false_positive(n, k, p)
    share = k / n
    return p / n * (_entropy(share + (1.0 - share) * false) - (1.0 - share) * _entropy(false))
