"""The first step of recall: formula against one parallel step of real memories."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memscape.theory import first_step, hopfield, projection

UNITS = 1000


def hebb(patterns):
    couplings = patterns.T @ patterns / patterns.shape[1]
    np.fill_diagonal(couplings, 0.0)
    return couplings


def projector(patterns):
    couplings = patterns.T @ np.linalg.solve(patterns @ patterns.T, patterns)
    np.fill_diagonal(couplings, 0.0)
    return couplings


def measured_step(couplings, patterns, overlap, rng):
    flips = round((1 - overlap) / 2 * patterns.shape[1])
    cues = patterns.copy()
    for cue in cues:
        cue[rng.choice(cue.size, flips, replace=False)] *= -1
    return float((np.sign(cues @ couplings) * patterns).mean())


@pytest.mark.parametrize(
    ("rule", "load", "overlap", "formula"),
    [
        (projector, 0.1, 0.5, 0.9167),
        (projector, 0.3, 0.2, 0.2448),
        (hebb, 0.1, 0.2, 0.4729),
        (hebb, 0.3, 0.5, 0.6387),
    ],
)
def test_one_step_of_a_thousand_units(rule, load, overlap, formula):
    rng = np.random.default_rng(3)
    patterns = rng.choice([-1.0, 1.0], (round(load * UNITS), UNITS))
    couplings = rule(patterns)
    theory = projection.first_step_overlap if rule is projector else hopfield.first_step_overlap
    assert theory(overlap, load) == pytest.approx(formula, abs=1e-4)
    measured = measured_step(couplings, patterns, overlap, rng)
    assert measured == pytest.approx(formula, abs=0.01)
    stabilities = patterns * (patterns @ couplings) / np.linalg.norm(couplings, axis=0)
    from_stabilities = hopfield.first_step_overlap_from_stabilities(overlap, stabilities)
    assert measured == pytest.approx(from_stabilities, abs=0.01)


@given(st.floats(0.02, 1.0), st.floats(-0.9, 0.9))
def test_normal_stabilities_close_to_the_hebbian_formula(load, overlap):
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    gamma = nodes + 1 / math.sqrt(load)
    means = [first_step.first_step_overlap_from_stabilities(overlap, [value]) for value in gamma]
    closed = first_step.first_step_overlap(overlap, load)
    assert weights @ means / weights.sum() == pytest.approx(closed, abs=2e-3)


@given(st.floats(0.01, 1.0), st.floats(0.01, 1.0), st.floats(0.01, 0.99))
def test_more_patterns_repair_less(one, other, overlap):
    few, many = sorted((one, other))
    for rule in (hopfield, projection):
        assert rule.first_step_overlap(overlap, few) >= rule.first_step_overlap(overlap, many) - 1e-12


def test_a_perfect_cue_reads_the_sign_of_the_stabilities():
    assert first_step.first_step_overlap_from_stabilities(1.0, [0.5, 2.0, -0.1, 3.0]) == 0.5
    assert first_step.first_step_overlap_from_stabilities(-1.0, [0.5, 2.0]) == -1.0


def test_one_step_error_at_the_critical_load():
    assert hopfield.one_step_error(0.138) == pytest.approx(0.0036, abs=5e-5)
    assert 1 - 2 * hopfield.one_step_error(0.1) == pytest.approx(hopfield.first_step_overlap(1.0, 0.1))


def test_perfect_recall_is_where_the_expected_errors_go_to_zero():
    def errors(units, patterns, counted):
        return counted * units * hopfield.one_step_error(patterns / units)

    sizes = [10**k for k in (3, 6, 12, 24, 48)]
    one = [errors(n, hopfield.perfect_recall_patterns(n), 1) for n in sizes]
    every = [errors(n, p, p) for n in sizes for p in [hopfield.perfect_recall_patterns(n, all_patterns=True)]]
    more = [errors(n, 1.2 * hopfield.perfect_recall_patterns(n), 1) for n in sizes]
    assert one == sorted(one, reverse=True)
    assert every == sorted(every, reverse=True)
    assert more == sorted(more)
    assert one[-1] * math.sqrt(4 * math.pi * math.log(sizes[-1])) == pytest.approx(1, abs=0.02)
