"""Questions about objects: every answer follows from the rows of the scene."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.tasks import ObjectQuestions
from memscape.tasks.relations import ANSWERS


def answer(objects, question, m):
    """The answer of a reader of one scene, written naively."""
    colour, kind = int(question[:m].argmax()), int(question[m:].argmax())
    rows = {int(row[:m].argmax()): row[m:].tolist() for row in objects}
    shape = {c: row[1] > row[0] for c, row in rows.items()}
    x, y = rows[colour][2:]
    apart = {c: (row[2] - x) ** 2 + (row[3] - y) ** 2 for c, row in rows.items() if c != colour}
    name = {False: "disc", True: "square"}
    return (
        name[shape[colour]],
        "yes" if x < 0.5 else "no",
        "yes" if y < 0.5 else "no",
        name[shape[min((d, c) for c, d in apart.items())[1]]],
        name[shape[max((d, c) for c, d in apart.items())[1]]],
        str(sum(one == shape[colour] for one in shape.values())),
    )[kind]


@given(m=st.integers(2, 6), seed=st.integers(0, 2**31))
def test_answers_are_those_of_a_naive_reader(m, seed):
    batch = ObjectQuestions(m).sample(20, generator=seed)
    for objects, question, right in zip(batch.objects, batch.questions, batch.answers, strict=True):
        assert ANSWERS[right] == answer(objects, question, m)


def test_kinds_come_up_equally_and_three_are_relational():
    batch = ObjectQuestions().sample(6000, generator=0)
    assert (torch.bincount(batch.kinds) / 6000 - 1 / 6).abs().max() < 0.02
    assert torch.equal(batch.relational, batch.kinds >= 3)
    assert float(ObjectQuestions().guesses(batch).mean()) == pytest.approx((5 / 2 + 1 / 6) / 6, abs=0.01)


@pytest.mark.parametrize("objects", [1, 7])
def test_scenes_that_cannot_be_are_refused(objects):
    with pytest.raises(InputError):
        ObjectQuestions(objects)
