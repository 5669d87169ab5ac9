"""The thermal noise is uniform, independent in every coordinate of its address, one in numba and torch."""

import math
import typing

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from memscape.kernels.noise import logistic, logistic_noise, stream, uniform, uniform_noise

SIZE = 400


@njit(cache=True)
@typing.no_type_check
def one_by_one(seed, cue, sweep, units):
    address = stream(seed, cue, sweep)
    numbers = np.empty((2, units.shape[0]))
    for k in range(units.shape[0]):
        numbers[0, k] = uniform(address, units[k])
        numbers[1, k] = logistic(address, units[k])
    return numbers


def grid(seed=3, sweep=5):
    return uniform_noise(seed, torch.arange(SIZE), sweep, torch.arange(SIZE))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**62),
    st.integers(0, 2**31),
    st.integers(0, 2**31),
    st.lists(st.integers(0, 10**7), min_size=1),
)
def test_numba_and_torch_give_the_same_bits(seed, cue, sweep, units):
    alone = one_by_one(seed, cue, sweep, np.array(units))
    cues, where = torch.tensor([cue]), torch.tensor(units)
    assert uniform_noise(seed, cues, sweep, where)[0].tolist() == alone[0].tolist()
    assert logistic_noise(seed, cues, sweep, where)[0].tolist() == alone[1].tolist()


def test_uniform_has_the_moments_and_the_histogram_of_a_uniform_law():
    u = grid().flatten()
    count = u.numel()
    assert u.min() > 0
    assert u.max() < 1
    for power in (1, 2, 3, 4):
        deviation = math.sqrt((1 / (2 * power + 1) - 1 / (power + 1) ** 2) / count)
        assert abs(float((u**power).mean()) - 1 / (power + 1)) < 4.5 * deviation
    bins = torch.histc(u.float(), 256, 0, 1)
    chi = float(((bins - count / 256) ** 2 / (count / 256)).sum())
    assert abs(chi - 255) < 4.5 * math.sqrt(2 * 255)


@pytest.mark.parametrize(
    "other", [(3, 6, 0, 0), (4, 5, 0, 0), (3, 5, 1, 0), (3, 5, 0, 1), (3, 5, 1, -1), (3, 5, 0, 64)]
)
def test_neighbouring_addresses_are_uncorrelated(other):
    seed, sweep, cue, unit = other
    first = uniform_noise(3, torch.arange(1, SIZE), 5, torch.arange(1, SIZE)).flatten() - 0.5
    second = (
        uniform_noise(seed, torch.arange(1, SIZE) + cue, sweep, torch.arange(1, SIZE) + unit).flatten() - 0.5
    )
    correlation = float((first * second).mean()) * 12
    assert abs(correlation) < 4.5 / math.sqrt(first.numel())


def test_rows_and_columns_have_no_drift_of_their_own():
    for axis in (0, 1):
        means = grid().mean(axis)
        spread = float(((means - 0.5) ** 2).sum() * 12 * SIZE)
        assert abs(spread - SIZE) < 4.5 * math.sqrt(2 * SIZE)


def test_bits_are_fair_and_pairwise_independent():
    words = (grid().numpy() * 2**52).astype(np.uint64).ravel()
    bits = np.stack([(words >> np.uint64(k)) & np.uint64(1) for k in range(52)]).astype(np.float64) * 2 - 1
    table = bits @ bits.T / words.size
    limit = 5 / math.sqrt(words.size)
    assert np.abs(bits.mean(1)).max() < limit
    assert np.abs(table - np.eye(52)).max() < limit


def test_logistic_is_half_the_logit_and_obeys_the_heat_bath():
    u, g = grid(), logistic_noise(3, torch.arange(SIZE), 5, torch.arange(SIZE))
    assert torch.allclose(g, 0.5 * torch.log(u / (1 - u)), rtol=1e-14, atol=1e-15)
    for field in (-1.5, -0.2, 0.0, 0.7):
        up = float((field + 0.8 * g > 0).double().mean())
        law = 1 / (1 + math.exp(-2 * field / 0.8))
        assert abs(up - law) < 4.5 * math.sqrt(law * (1 - law) / g.numel())
