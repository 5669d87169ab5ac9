"""Values outside the equations: every refusal names the value, the limit and the remedy."""

import math
import subprocess
import sys

import pytest

from memscape.core.errors import InputError
from memscape.theory import dense, gardner, hopfield, multitask, projection, ranges, sdm, willshaw

REFUSED = [
    (hopfield.retrieval_overlap, (-0.1,), "load is -0.1", "patterns / units"),
    (hopfield.retrieval_overlap, (math.nan,), "load is nan", "patterns / units"),
    (hopfield.retrieval_overlap, (0.1, -1.0), "temperature is -1", "without noise"),
    (hopfield.phase, (math.inf, 0.0), "load is inf", "patterns / units"),
    (hopfield.spin_glass_energy, (-1.0,), "load is -1", "patterns / units"),
    (hopfield.one_step_error, (0.0,), "load is 0", "patterns / units"),
    (hopfield.first_step_overlap, (1.1, 0.1), "overlap is 1.1", "share of units"),
    (hopfield.perfect_recall_patterns, (1,), "units is 1", "stores nothing"),
    (gardner.capacity, (-0.5,), "margin is -0.5", "margins of at least 0"),
    (gardner.budget, ([1.0, -1.0],), "holds -1", "margins of at least 0"),
    (gardner.budget, ([],), "is empty", "margins of at least 0"),
    (projection.margin, (1.01,), "load is 1.01", "independent"),
    (projection.energy, (1.5,), "load is 1.5", "independent"),
    (dense.capacity, (100, 1), "degree is 1", "Hebb"),
    (dense.exponential_rate, (0.6,), "error_fraction is 0.6", "no cue"),
    (dense.exact_gap, (1.0,), "alpha is 1", "softmax"),
    (dense.required_separation, (1, 1.0, 1.0), "count is 1", "separated"),
    (multitask.amplitudes, (3, 1.0), "dilution is 1", "share of zeros"),
    (multitask.dataset_entropy, (0, 0.5), "examples is 0", "one example"),
    (willshaw.false_positive, (10, 3, 0), "patterns is 0", "one pair"),
    (sdm.best_activation, (0, 5), "locations is 0", "one location"),
]


@pytest.mark.parametrize(("call", "arguments", "given", "remedy"), REFUSED)
def test_a_refusal_says_what_was_given_and_what_to_do(call, arguments, given, remedy):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    message = str(caught.value)
    assert given in message
    assert "must" in message
    assert remedy in message


@pytest.mark.parametrize("value", ["many", None, [1.0, 2.0], True, 2.5])
def test_a_count_is_one_whole_number(value):
    with pytest.raises(InputError, match="number"):
        ranges.whole("units", value, 1, remedy="count them")


def test_the_theory_loads_its_modules_when_they_are_used():
    code = (
        "import sys, memscape.theory as t; assert 'memscape.theory.hopfield' not in sys.modules; "
        "assert 'torch' not in sys.modules; assert set(t.__all__) <= set(dir(t))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
