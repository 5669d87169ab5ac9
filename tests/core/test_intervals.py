"""Intervals hold the truth as often as they say."""

import math

import numpy as np
import pytest

from memscape.core.intervals import mean_interval, ratio_interval

DRAWS = np.random.default_rng(0)


def covered(intervals, truth):
    return np.mean([low <= truth <= high for low, high in intervals])


@pytest.mark.parametrize("count", [3, 10])
def test_the_interval_of_a_mean_holds_it_in_95_of_100_samples_however_few_values(count):
    samples = DRAWS.normal(2.0, 1.0, (1500, count)).tolist()
    assert covered([mean_interval(one)[1] for one in samples], 2.0) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_interval_of_a_ratio_holds_it_in_at_least_95_of_100_samples(sign):
    above, below = (DRAWS.normal(mean, 0.3, (1500, 12)).tolist() for mean in (sign * 3.0, 2.0))
    found = [ratio_interval(a, b)[1] for a, b in zip(above, below, strict=True)]
    assert 0.94 <= covered(found, sign * 1.5) <= 0.98


def test_one_value_has_no_interval():
    assert all(map(math.isnan, mean_interval([1.0])[1]))
    ratio, ends = ratio_interval([4.0], [2.0, 2.0])
    assert ratio == 2.0
    assert all(map(math.isnan, ends))
