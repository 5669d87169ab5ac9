"""Thresholds on sparse codes: when a dendrite segment fires for a wrong pattern, when it misses its own.

A code has n cells of which `active` are on. A segment has `synapses` on cells of one pattern and fires when
at least `threshold` of them are on. Tails are sums of their own terms in logarithms: one minus a sum would
cancel.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import bdtr, gammaln

from memscape.core.errors import InputError
from memscape.theory.ranges import number, whole


def _tails(n: int, active: int, synapses: int) -> np.ndarray:
    """Return P(overlap >= t) for t = 0 ... min(active, synapses) (hypergeometric law)."""
    # The law is symmetric in the two sizes; the smaller one as `few` keeps sums short and so rounding small.
    few, many = sorted((active, synapses))
    overlap = np.arange(few + 1)
    steps = np.arange(few)
    with np.errstate(divide="ignore"):
        inside = np.concatenate([[0.0], np.cumsum(np.log(many - steps))])
        outside = np.concatenate([[0.0], np.cumsum(np.log(np.maximum(n - many - steps, 0)))])
    choices = gammaln(few + 1) - gammaln(overlap + 1) - gammaln(few - overlap + 1)
    terms = np.exp(choices + inside + outside[::-1] - np.log(n - steps).sum())
    return np.minimum(np.cumsum(terms[::-1])[::-1], 1.0)


def _code(n: int, active: int, synapses: int) -> tuple[int, int, int]:
    n = whole("n", n, 1, remedy="n is the number of cells")
    active = whole("active", active, 0, n, remedy="at most all n cells are active")
    return n, active, whole("synapses", synapses, 1, n, remedy="at most one synapse per cell")


def _threshold(threshold: int, synapses: int) -> int:
    return whole("threshold", threshold, 0, synapses, remedy="at most all synapses can be active: lower it")


def false_match(n: int, active: int, synapses: int, threshold: int) -> float:
    r"""Return the chance that a random code makes a segment fire.

    $$P = \sum_{b=\theta}^{\min(s,a)} \binom sb \binom{n-s}{a-b} \Big/ \binom na$$

    Args:
        n: number of cells.
        active: active cells a of a code, at most n.
        synapses: synapses s of the segment, at most n.
        threshold: active synapses theta that make it fire, at most s.

    Raises:
        InputError: if a number is outside its range.

    Cost: O(min(active, synapses)); the result is exact to a relative 1e-10.

    Example:
        >>> false_match(10000, 300, 24, 12)
        8.3758e-13

    Source: Ahmad and Hawkins 2016 (arXiv 1601.00720).
    """
    n, active, synapses = _code(n, active, synapses)
    threshold = _threshold(threshold, synapses)
    return 0.0 if threshold > active else float(_tails(n, active, synapses)[threshold])


def missed_match(synapses: int, threshold: int, failure: float) -> float:
    r"""Return the chance that a segment misses its own pattern, $P(\mathrm{Bin}(s, 1-r) < \theta)$.

    Args:
        synapses: synapses s of the segment.
        threshold: active synapses theta that make it fire, at most s.
        failure: chance r that one synapse or its cell is silent, in [0, 1].

    Raises:
        InputError: if a number is outside its range.

    Cost: O(1).

    Example:
        >>> missed_match(20, 10, 0.3)
        0.017145

    Source: Ahmad and Hawkins 2016 (arXiv 1601.00720).
    """
    synapses = whole("synapses", synapses, 1, remedy="a segment has at least one synapse")
    threshold = _threshold(threshold, synapses)
    failure = number("failure", failure, 0.0, 1.0, remedy="it is a probability")
    return float(bdtr(threshold - 1, synapses, 1.0 - failure)) if threshold > 0 else 0.0


def neuron_false_match(n: int, active: int, synapses: int, threshold: int, segments: int) -> float:
    r"""Return the chance that a random code makes any of a neuron's segments fire, $1 - (1-P)^m$.

    Args:
        n: number of cells.
        active: active cells of a code.
        synapses: synapses of each segment.
        threshold: active synapses that make a segment fire.
        segments: number of segments m, at least 1.

    Raises:
        InputError: if a number is outside its range.

    Cost: O(min(active, synapses)).

    Example:
        >>> neuron_false_match(2000, 40, 20, 10, segments=100)
        4.9436e-11

    Source: Ahmad and Hawkins 2016 (arXiv 1601.00720).
    """
    single = false_match(n, active, synapses, threshold)
    segments = whole("segments", segments, 1, remedy="a neuron has at least one segment")
    return 1.0 if single >= 1.0 else -math.expm1(segments * math.log1p(-single))


def union_size(n: int, patterns: int, synapses: int) -> float:
    r"""Return how many distinct synapses a segment with several patterns has, $n(1-(1-c/n)^M)$ on average.

    Args:
        n: number of cells.
        patterns: number of patterns M, at least 0.
        synapses: synapses c taken from each pattern, at most n.

    Raises:
        InputError: if a number is outside its range.

    Cost: O(1).

    Example:
        >>> round(union_size(1024, 10, 20), 1)
        183.3

    Source: Ahmad and Hawkins 2016 (arXiv 1601.00720).
    """
    n, _, synapses = _code(n, 0, synapses)
    patterns = whole("patterns", patterns, 0, remedy="it is the number of patterns in the union")
    return n * (1.0 - (1.0 - synapses / n) ** patterns)


def _union_variance(n: int, patterns: int, synapses: int) -> float:
    free = n * (1.0 - synapses / n) ** patterns
    pairs = n * (n - 1) * ((n - synapses) * (n - synapses - 1) / max(n * (n - 1), 1)) ** patterns
    return max(pairs + free - free**2, 0.0)


def union_false_match(
    n: int, active: int, synapses: int, patterns: int, threshold: int, size: int | None = None
) -> float:
    """Return the chance that a random code makes a segment fire that holds several patterns.

    The false match of as many synapses as the union has. Where that number is not given, the mean over
    unions: their size has the mean `union_size` and nearly a normal law.

    Args:
        n: number of cells.
        active: active cells of a code.
        synapses: synapses taken from each pattern.
        patterns: number of patterns in the union, at least 1.
        threshold: active synapses that make the segment fire.
        size: the actual number of distinct synapses, where it is known.

    Raises:
        InputError: if a number is outside its range.

    Cost: O(min(active, synapses * patterns)) with `size`, some 100 times as much without.

    Example:
        >>> union_false_match(1024, 40, 20, 10, 12, size=177)
        0.0309736

    Source: Ahmad and Hawkins 2016 (arXiv 1601.00720), with the actual instead of the expected size.
    """
    n, active, synapses = _code(n, active, synapses)
    patterns = whole("patterns", patterns, 1, remedy="a segment holds at least one pattern")
    threshold = whole("threshold", threshold, 0, n, remedy="at most all cells can be active: lower it")
    most = min(n, synapses * patterns)
    if size is not None:
        sizes = np.array(
            [whole("size", size, synapses, most, remedy="count the distinct synapses of the union")]
        )
        weights = np.ones(1)
    else:
        middle, spread = union_size(n, patterns, synapses), math.sqrt(_union_variance(n, patterns, synapses))
        low = max(synapses, math.floor(middle - 6.0 * spread))
        sizes = np.unique(
            np.linspace(low, min(most, math.ceil(middle + 6.0 * spread)), 120).round().astype(int)
        )
        # widths: on a large union only every so-many-th size is computed
        weights = np.gradient(sizes) if len(sizes) > 1 else np.ones(1)
        weights = weights * np.exp(-(((sizes - middle) / max(spread, 0.3)) ** 2) / 2.0)
    matches = [false_match(n, active, int(s), threshold) if threshold <= s else 0.0 for s in sizes]
    return float(weights @ np.array(matches) / weights.sum())


@dataclass(frozen=True)
class BestThreshold:
    """The threshold of least weighted error, and what it costs."""

    threshold: int
    false_match: float
    missed_match: float
    error: float  # weight * false_match + missed_match


def best_threshold(
    n: int, active: int, synapses: int, failure: float, *, weight: float = 1.0, segments: int = 1
) -> BestThreshold:
    r"""Return the threshold that minimises weight * false match + missed match; the smallest of several.

    Args:
        n: number of cells.
        active: active cells of a code.
        synapses: synapses of each segment.
        failure: chance that one synapse or its cell is silent, in [0, 1].
        weight: what a false match costs where a missed one costs 1, above 0.
        segments: segments of the neuron, any of which can match falsely.

    Raises:
        InputError: if a number is outside its range.

    Cost: O(synapses).

    Example:
        >>> best = best_threshold(2048, 40, 24, failure=0.2)
        >>> best.threshold, best.error < 1e-5
        (8, True)

    Source: Ahmad and Hawkins 2016 (arXiv 1601.00720): the threshold of least error.
    """
    n, active, synapses = _code(n, active, synapses)
    failure = number("failure", failure, 0.0, 1.0, remedy="it is a probability")
    weight = number("weight", weight, 0.0, edges="(]", remedy="1 counts both errors alike")
    if synapses > active:
        raise InputError(
            f"synapses is {synapses}; a segment samples one pattern, so at most its {active} active cells; "
            "take fewer synapses"
        )
    options = []
    for threshold in range(1, synapses + 1):
        false = neuron_false_match(n, active, synapses, threshold, segments)
        missed = missed_match(synapses, threshold, failure)
        options.append(BestThreshold(threshold, false, missed, weight * false + missed))
    return min(options, key=lambda option: option.error)
