"""Dense memories: the capacity formulas against small simulations, the softmax and sparsemax bounds."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.theory import dense, first_step


def stable_share(units, degree, count, instances, seed=1):
    """Share of stored patterns without a unit whose flip lowers the energy."""
    rng = np.random.default_rng(seed)
    table = np.arange(-units - 2, units + 3, dtype=np.float64) ** degree / units ** (degree - 1)
    shares = []
    for _ in range(instances):
        patterns = rng.choice(np.array([-1, 1], np.float32), (count, units))
        tested = patterns[:60]
        place = (tested @ patterns.T).astype(int) + units + 2
        common = (table[place] - (table[place - 2] + table[place + 2]) / 2).sum(1)
        slope = (table[place + 2] - table[place - 2]) / 2
        change = common[:, None] + tested * (slope @ patterns)
        shares.append((change >= -1e-9).all(1).mean())
    return float(np.mean(shares))


@pytest.mark.parametrize(
    ("degree", "count", "share", "instances"),
    [
        (2, 5, 1.0, 200),
        (2, 10, 0.964, 200),
        (2, 21, 0.323, 200),
        (4, 3619, 0.998, 10),
        (4, 7238, 0.878, 10),
        (4, 14476, 0.188, 10),
    ],
)
def test_patterns_stay_stable_up_to_the_capacity(degree, count, share, instances):
    units = 100
    measured = stable_share(units, degree, count, instances)
    assert measured == pytest.approx(share, abs=0.05)
    # at degree 2 few, discrete overlaps make this size too small for the normal law
    if degree == 4:
        predicted = (1 - dense.bit_error(units, degree, count)) ** units
        assert measured == pytest.approx(predicted, abs=0.05)


@given(st.integers(10, 10**6), st.integers(2, 8))
def test_capacity_is_where_the_error_is_a_fixed_number_of_sigmas(units, degree):
    capacity = dense.capacity(units, degree)
    assert dense.capacity(units, degree + 1) == pytest.approx(capacity * units / (2 * degree - 1), rel=1e-9)
    if 100 < capacity < 1e15:
        sigmas = math.sqrt(2 * math.log(units))
        expected = math.erfc(sigmas / math.sqrt(2)) / 2
        assert dense.bit_error(units, degree, round(capacity)) == pytest.approx(expected, rel=0.1)


@given(st.integers(2, 10**5), st.integers(1, 10**5))
def test_degree_two_is_hebbs_rule(units, count):
    assert dense.bit_error(units, 2, count) == pytest.approx(
        first_step.one_step_error(count / units), rel=1e-9
    )


def exponential_step(patterns, cues):
    """One parallel step of the wells exp(overlap), relative to the best one."""
    overlaps = cues @ patterns.T
    weights = np.exp(overlaps - overlaps.max(1, keepdims=True))
    field = math.cosh(1) * (weights @ patterns) - math.sinh(1) * cues * weights.sum(1, keepdims=True)
    return np.where(field > 0, 1, -1)


@pytest.mark.parametrize(
    ("units", "wrong", "count"),
    [
        (60, 0.1, 250),
        (60, 0.1, 6861),
        (60, 0.1, 62438),
        (100, 0.1, 9914),
        (60, 0.2, 19),
        (60, 0.2, 103),
        (60, 0.2, 325),
    ],
)
def test_one_step_repairs_what_the_exponential_rate_allows(units, wrong, count):
    assert math.log(count) <= 1.001 * dense.exponential_rate(wrong) * units
    rng = np.random.default_rng(count)
    patterns = rng.choice(np.array([-1, 1], np.float32), (count, units))
    stored = patterns[rng.permutation(count)[:200]]
    cues = stored.copy()
    for cue in cues:
        cue[rng.choice(units, round(wrong * units), replace=False)] *= -1
    assert (exponential_step(patterns, cues) == stored).mean() >= 0.99


@given(st.floats(0.0, 0.5), st.floats(0.0, 0.5))
def test_more_errors_leave_room_for_fewer_patterns(one, other):
    few, many = sorted((one, other))
    assert dense.exponential_rate(few) >= dense.exponential_rate(many) - 1e-15
    assert dense.exponential_rate(0.0) == pytest.approx(math.log(2) / 2)


def softmax_update(patterns, states, beta):
    return torch.softmax(beta * states @ patterns.T, -1) @ patterns


@given(st.integers(0, 10**6))
def test_separated_patterns_have_a_fixed_point_within_the_bound(seed):
    generator = torch.Generator().manual_seed(seed)
    count, units = 20, 32
    patterns = torch.randn(count, units, generator=generator, dtype=torch.float64)
    patterns *= 0.5 * math.sqrt(units) / patterns.norm(dim=1, keepdim=True)
    beta = 16 / math.sqrt(units)
    norm = float(patterns.norm(dim=1).max())
    separated = dense.is_separated(patterns, beta)
    assert separated.any()
    gaps = dense.separation(patterns)
    states = patterns.clone()
    for _ in range(200):
        states = softmax_update(patterns, states, beta)
    for index in separated.nonzero().flatten().tolist():
        error = float((states[index] - patterns[index]).norm())
        assert error <= dense.retrieval_error_bound(float(gaps[index]), count, beta, norm)


def test_the_softmax_energy_falls_and_stays_between_its_bounds():
    generator = torch.Generator().manual_seed(4)
    count, units, starts = 20, 32, 200
    patterns = torch.randn(count, units, generator=generator, dtype=torch.float64)
    patterns *= 0.5 * math.sqrt(units) / patterns.norm(dim=1, keepdim=True)
    beta, norm = 8 / math.sqrt(units), float(patterns.norm(dim=1).max())

    def energy(states):
        wells = torch.logsumexp(beta * states @ patterns.T, -1) / beta
        return (states**2).sum(-1) / 2 - wells + math.log(count) / beta + norm**2 / 2

    states = torch.randn(starts, units, generator=generator, dtype=torch.float64)
    states *= norm / states.norm(dim=1, keepdim=True)
    before = energy(states)
    for _ in range(10):
        states = softmax_update(patterns, states, beta)
        after = energy(states)
        assert (after <= before + 1e-12).all()
        assert (after >= -1e-12).all()
        assert (after <= 2 * norm**2).all()
        before = after


def test_the_error_bound_asks_for_separation():
    least = dense.required_separation(20, 1.0, 5.0)
    with pytest.raises(InputError, match="separation"):
        dense.retrieval_error_bound(least - 0.01, 20, 1.0, 5.0)
    # at the edge the bound is the radius of the ball that the update maps into itself
    edge = dense.retrieval_error_bound(least, 20, 1.0, 5.0)
    assert edge == pytest.approx(math.exp(1 - 2 / 20) / (1.0 * 20 * 5.0))


def entmax(logits, alpha):
    """By bisection on the threshold; zeros are exact."""
    scaled = (alpha - 1) * logits
    high = scaled.amax(-1, keepdim=True)
    low = high - 1
    for _ in range(80):
        middle = (low + high) / 2
        total = (scaled - middle).clamp(min=0).pow(1 / (alpha - 1)).sum(-1, keepdim=True)
        low, high = torch.where(total > 1, middle, low), torch.where(total > 1, high, middle)
    return (scaled - low).clamp(min=0).pow(1 / (alpha - 1))


@pytest.mark.parametrize("alpha", [2.0, 1.5, 1.25, 3.0])
def test_entmax_is_one_hot_from_its_gap_on(alpha):
    generator = torch.Generator().manual_seed(7)
    logits = 2 * dense.exact_gap(alpha) * torch.randn(5000, 6, generator=generator, dtype=torch.float64)
    best = logits.topk(2).values
    lead = best[:, 0] - best[:, 1]
    one_hot = (entmax(logits, alpha) > 0).sum(1) == 1
    clear = (lead - dense.exact_gap(alpha)).abs() > 1e-6
    assert 1000 < int(one_hot.sum()) < 4000
    assert torch.equal(one_hot[clear], (lead >= dense.exact_gap(alpha))[clear])


def test_separation_needs_two_patterns():
    with pytest.raises(InputError, match="at least 2"):
        dense.separation([[1.0, 2.0]])
