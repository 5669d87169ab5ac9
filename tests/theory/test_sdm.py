"""Sparse distributed memory: which locations an address reaches."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.theory import sdm


@pytest.mark.parametrize(
    ("radius", "probability", "tolerance"),
    [(451, 0.00107185, 1e-8), (447, 0.000445, 1e-6), (440, 8.25e-5, 1e-7)],
)
def test_activation_of_a_thousand_bits(radius, probability, tolerance):
    assert sdm.activation_probability(1000, radius) == pytest.approx(probability, abs=tolerance)


@given(st.integers(1, 60), st.data())
def test_activation_counts_the_addresses_of_a_ball(units, data):
    radius = data.draw(st.integers(0, units))
    ball = sum(math.comb(units, k) for k in range(radius + 1))
    assert sdm.activation_probability(units, radius) == pytest.approx(ball / 2**units, rel=1e-12)


@given(st.integers(1, 1000), st.floats(1e-6, 1.0))
def test_radius_is_the_largest_that_is_rare_enough(units, probability):
    radius = sdm.radius_of(units, probability)
    assert radius == -1 or sdm.activation_probability(units, radius) <= probability
    assert radius == units or sdm.activation_probability(units, radius + 1) > probability


@given(st.integers(1, 10), st.data())
def test_shared_locations_are_counted_out(units, data):
    radius, distance = data.draw(st.integers(0, units)), data.draw(st.integers(0, units))
    addresses = (np.arange(2**units)[:, None] >> np.arange(units)) & 1
    other = (np.arange(units) < distance).astype(int)
    both = (addresses.sum(1) <= radius) & ((addresses != other).sum(1) <= radius)
    assert sdm.access_overlap(units, radius, distance) == pytest.approx(both.mean(), abs=1e-12)


def test_shared_locations_decay_to_chance():
    overlaps = [sdm.access_overlap(1000, 451, distance) for distance in range(0, 501, 20)]
    assert overlaps == sorted(overlaps, reverse=True)
    chance = sdm.activation_probability(1000, 451) ** 2
    assert overlaps[0] == pytest.approx(sdm.activation_probability(1000, 451), rel=1e-12)
    assert overlaps[-1] == pytest.approx(chance, rel=0.05)


@given(st.integers(10, 10**7), st.integers(1, 10**5))
def test_the_best_activation_has_the_best_signal_over_noise(locations, patterns):
    best = sdm.best_activation(locations, patterns)

    def quality(p):
        return locations * p / (1 + p * patterns * (1 + p**2 * locations))

    assert quality(best) >= max(quality(0.9 * best), quality(1.1 * best))


def test_a_radius_beyond_the_address_is_refused():
    with pytest.raises(InputError, match="radius is 11"):
        sdm.activation_probability(10, 11)
