"""Noisy examples teach their archetype; a teacher never needs more of them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.theory.examples import archetype_overlap


@given(
    st.integers(1, 4),
    st.sampled_from([2, 4]),
    st.sampled_from(["supervised", "unsupervised"]),
    st.integers(0, 99),
)
@settings(max_examples=15, deadline=None)
def test_faithful_copies_are_the_archetype_itself(count, degree, teacher, seed):
    found = archetype_overlap(
        90, count, examples=3, quality=1.0, degree=degree, teacher=teacher, networks=2, generator=seed
    )
    assert found.overlap > 0.97
    assert found.entropy == 0


@pytest.mark.parametrize("examples", [5, 13])
def test_one_archetype_is_the_majority_of_its_examples(examples):
    """With one archetype and a teacher the end is the sign of the mean example.

    Overlap erf(1/sqrt(2 entropy)).
    """
    found = archetype_overlap(400, 1, examples=examples, quality=0.3, networks=12, generator=0)
    assert abs(found.overlap - math.erf(1 / math.sqrt(2 * found.entropy))) < 0.06


@given(st.integers(0, 99))
@settings(max_examples=4, deadline=None)
def test_more_examples_teach_more_and_a_teacher_helps(seed):
    def overlap(examples, teacher):
        return archetype_overlap(
            80, 4, examples=examples, quality=0.4, degree=4, teacher=teacher, networks=6, generator=seed
        ).overlap

    assert overlap(40, "supervised") > overlap(4, "supervised")
    assert overlap(20, "supervised") > overlap(20, "unsupervised")


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"degree": 3}, "even"),
        ({"teacher": "x"}, "supervised"),
        ({"quality": 0.0}, "quality"),
        ({"networks": 1}, "two"),
    ],
)
def test_what_cannot_be_is_refused(option, message):
    with pytest.raises(InputError, match=message):
        archetype_overlap(20, 2, **({"examples": 2, "quality": 0.5} | option))


def test_the_result_explains_itself():
    found = archetype_overlap(30, 2, examples=2, quality=0.5, networks=2, generator=1)
    assert "2 archetypes of 30 units" in repr(found)
    assert found.to_dict()["settings"]["seed"] == 1
