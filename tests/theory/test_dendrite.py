"""Sparse codes: tails against exact fractions, predictions against sampled bit masks."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.theory import dendrite

VALUES = [
    (10000, 300, 24, 12, 8.375845e-13),
    (100000, 2000, 6, 6, 6.353089e-11),
    (100000, 2000, 8, 8, 2.525072e-14),
    (100000, 2000, 24, 12, 8.586941e-15),
    (2000, 40, 20, 10, 4.943631e-13),
    (200000, 2000, 20, 9, 1.494438e-13),
    (200, 20, 20, 5, 3.453674e-2),
    (1000, 50, 24, 5, 5.272542e-3),
    (1024, 64, 24, 6, 2.602885e-3),
    (2048, 40, 24, 4, 1.000970e-3),
    (2048, 40, 20, 10, 3.910589e-13),
]


def exact(n, active, synapses, threshold):
    """The tail in rational arithmetic, with the two sizes exchanged so that the numbers stay small."""
    ways = sum(
        math.comb(active, b) * math.comb(n - active, synapses - b)
        for b in range(threshold, min(active, synapses) + 1)
    )
    return Fraction(ways, math.comb(n, synapses))


@pytest.mark.parametrize(("n", "active", "synapses", "threshold", "value"), VALUES)
def test_false_matches_are_exact_fractions(n, active, synapses, threshold, value):
    computed = dendrite.false_match(n, active, synapses, threshold)
    assert computed == pytest.approx(value, rel=1e-6)
    assert computed == pytest.approx(float(exact(n, active, synapses, threshold)), rel=1e-11)


@st.composite
def segments(draw):
    n = draw(st.integers(1, 400))
    synapses = draw(st.integers(1, n))
    return n, draw(st.integers(0, n)), synapses, draw(st.integers(0, synapses))


@given(segments())
def test_any_segment_is_exact(segment):
    assert dendrite.false_match(*segment) == pytest.approx(float(exact(*segment)), rel=1e-10, abs=1e-300)


def test_very_large_codes_stay_exact():
    segment = (10**9, 10**5, 40, 12)
    assert dendrite.false_match(*segment) == pytest.approx(float(exact(*segment)), rel=1e-10)


@given(segments())
def test_a_higher_threshold_matches_less(segment):
    n, active, synapses, threshold = segment
    if threshold > 0:
        lower = dendrite.false_match(n, active, synapses, threshold - 1)
        assert dendrite.false_match(n, active, synapses, threshold) <= lower
        missed = [dendrite.missed_match(synapses, t, 0.3) for t in (threshold - 1, threshold)]
        assert missed == sorted(missed)


@given(st.integers(1, 40), st.integers(0, 40), st.fractions(0, 1, max_denominator=64))
def test_missed_matches_are_the_binomial_tail(synapses, threshold, failure):
    threshold = min(threshold, synapses)
    held = 1 - failure
    tail = sum(math.comb(synapses, b) * held**b * failure ** (synapses - b) for b in range(threshold))
    assert dendrite.missed_match(synapses, threshold, float(failure)) == pytest.approx(float(tail), rel=1e-9)


def codes(rng, n, active, count):
    """Random codes as rows of distinct cells: draw with replacement, keep the rows without repetition."""
    kept, found = [], 0
    while found < count:
        rows = np.sort(rng.integers(0, n, (20_000, active), dtype=np.int32), axis=1)
        kept.append(rows[(np.diff(rows, axis=1) > 0).all(1)])
        found += len(kept[-1])
    return np.concatenate(kept)[:count]


def firing(probes, cells, n, threshold):
    mask = np.zeros(n, bool)
    mask[cells] = True
    return float((mask[probes].sum(1) >= threshold).mean())


@pytest.mark.parametrize(
    ("n", "active", "synapses", "threshold"),
    [(200, 20, 20, 5), (1000, 50, 24, 5), (1024, 64, 24, 6), (2048, 40, 24, 4)],
)
def test_sampled_masks_match_as_often_as_predicted(n, active, synapses, threshold):
    rng = np.random.default_rng(11)
    probes = codes(rng, n, active, 50_000)
    predicted = dendrite.false_match(n, active, synapses, threshold)
    sampled = firing(probes, rng.permutation(n)[:synapses], n, threshold)
    assert abs(sampled - predicted) < 3 * math.sqrt(predicted * (1 - predicted) / len(probes))


@pytest.mark.parametrize("patterns", [10, 20])
def test_unions_match_as_often_as_predicted(patterns):
    rng = np.random.default_rng(patterns)
    n, active, synapses, threshold = 1024, 40, 20, 12
    probes = codes(rng, n, active, 50_000)
    sizes, sampled = [], []
    for _ in range(40):
        union = np.unique(codes(rng, n, synapses, patterns))
        sizes.append(len(union))
        sampled.append(firing(probes, union, n, threshold))
        known = dendrite.union_false_match(n, active, synapses, patterns, threshold, size=len(union))
        # forty comparisons with the same probes: four standard errors for the worst of them
        assert abs(sampled[-1] - known) < 4.5 * math.sqrt(known * (1 - known) / len(probes))
    spread = np.std(sizes, ddof=1) / math.sqrt(len(sizes))
    assert abs(np.mean(sizes) - dendrite.union_size(n, patterns, synapses)) < 3 * spread
    mean = dendrite.union_false_match(n, active, synapses, patterns, threshold)
    assert abs(np.mean(sampled) - mean) < 3 * np.std(sampled, ddof=1) / math.sqrt(len(sampled))


def test_a_union_of_one_pattern_is_the_pattern():
    single = dendrite.false_match(1024, 40, 20, 8)
    assert dendrite.union_false_match(1024, 40, 20, 1, 8) == pytest.approx(single)
    assert dendrite.union_size(1024, 1, 20) == pytest.approx(20)


@given(segments(), st.integers(1, 1000))
def test_more_segments_match_more(segment, count):
    single = dendrite.false_match(*segment)
    several = dendrite.neuron_false_match(*segment, segments=count)
    assert single - 1e-15 <= several <= min(1.0, count * single) + 1e-15
    assert dendrite.neuron_false_match(*segment, segments=1) == pytest.approx(single)


@pytest.mark.parametrize("synapses", [20, 22, 24])
@pytest.mark.parametrize("failure", [0.2, 0.3, 0.4])
def test_few_synapses_tolerate_much_noise(synapses, failure):
    best = dendrite.best_threshold(2048, 40, synapses, failure)
    assert best.error < 1e-3
    for threshold in range(1, synapses + 1):
        error = dendrite.false_match(2048, 40, synapses, threshold)
        error += dendrite.missed_match(synapses, threshold, failure)
        assert best.error <= error


def test_costly_false_matches_raise_the_threshold():
    thresholds = [dendrite.best_threshold(2048, 40, 24, 0.3, weight=w).threshold for w in (1e-3, 1.0, 1e3)]
    assert thresholds == sorted(thresholds)
    assert thresholds[0] < thresholds[-1]


@pytest.mark.parametrize(
    ("segment", "named"),
    [
        ((100, 200, 10, 5), "active is 200"),
        ((100, 10, 200, 5), "synapses is 200"),
        ((100, 10, 10, 11), "threshold is 11"),
    ],
)
def test_impossible_segments_are_refused(segment, named):
    with pytest.raises(InputError, match=named):
        dendrite.false_match(*segment)
    with pytest.raises(InputError, match="fewer synapses"):
        dendrite.best_threshold(100, 10, 20, 0.1)
