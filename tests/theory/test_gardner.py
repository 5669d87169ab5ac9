"""Optimal margins: Gardner's values, and the margins that a quadratic programme really reaches."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import nnls
from scipy.stats import norm

from memscape.core.errors import InputError
from memscape.theory import gardner, projection


@pytest.mark.parametrize(
    ("margin", "load"), [(0.0, 2.0), (0.5, 0.9612), (1.0, 0.51957), (1.5, 0.30987), (2.0, 0.20023)]
)
def test_capacity_at_a_margin(margin, load):
    assert gardner.capacity(margin) == pytest.approx(load, abs=1e-4)


@pytest.mark.parametrize(
    ("load", "margin"), [(0.1, 3.00003), (0.25, 1.73558), (0.5, 1.03431), (1.0, 0.47066), (2.0, 0.0)]
)
def test_largest_margin_at_a_load(load, margin):
    assert gardner.largest_margin(load) == pytest.approx(margin, abs=1e-5)


@given(st.floats(0.0, 10.0))
def test_cost_is_gardners_integral(margin):
    integral = quad(lambda z: (z + margin) ** 2 * norm.pdf(z), -margin, 30.0)[0]
    assert gardner.cost(margin) == pytest.approx(integral, rel=1e-6)


@given(st.floats(1e-6, 2.0))
def test_margin_and_capacity_are_inverse(load):
    assert gardner.capacity(gardner.largest_margin(load)) == pytest.approx(load, rel=1e-9)


@given(st.floats(0.01, 1.0))
def test_projection_comes_close_to_the_optimum_from_below(load):
    assert projection.margin(load) <= gardner.largest_margin(load) * (1 + 1e-12)


def reachable_margins(patterns, targets):
    """Normalised margins of the couplings of least norm with w . x >= target (Lawson and Hanson's dual)."""
    system = np.vstack([patterns.T, targets])
    goal = np.zeros(len(system))
    goal[-1] = 1.0
    dual, _ = nnls(system, goal, maxiter=100 * len(goal))
    residual = system @ dual - goal
    couplings = -residual[:-1] / residual[-1]
    return patterns @ couplings / np.linalg.norm(couplings)


@pytest.mark.parametrize("load", [0.25, 0.5, 1.0])
def test_a_quadratic_programme_reaches_the_largest_margin(load):
    rng = np.random.default_rng(5)
    units, count = 200, round(200 * load)
    margins = [
        reachable_margins(rng.choice([-1.0, 1.0], (count, units)), np.ones(count)).min() for _ in range(40)
    ]
    error = np.std(margins) / np.sqrt(len(margins))
    # few units exceed the limit by up to about 4 / units (measured from 50 to 400 units at load .25)
    assert abs(np.mean(margins) - gardner.largest_margin(load)) < 3 * error + 5 / units


def test_unequal_margins_use_up_one_row_of_couplings():
    rng = np.random.default_rng(6)
    units, count = 200, 60
    spent = []
    for _ in range(40):
        targets = rng.uniform(0.3, 2.0, count)
        margins = reachable_margins(rng.choice([-1.0, 1.0], (count, units)), targets)
        scale = (margins / targets).min()  # constraints that hold with room to spare are not paid for
        spent.append(gardner.budget(scale * targets) / units)
    assert np.mean(spent) == pytest.approx(1.0, abs=0.03)


@given(st.integers(1, 50), st.floats(0.0, 5.0))
def test_equal_margins_cost_what_capacity_says(count, margin):
    assert gardner.budget(torch.full((count,), margin)) == pytest.approx(
        count * gardner.cost(margin), rel=1e-5
    )


def test_no_couplings_hold_more_than_two_patterns_per_unit():
    with pytest.raises(InputError, match=r"2\.5"):
        gardner.largest_margin(2.5)
