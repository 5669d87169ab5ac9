"""Pictures of learners show what the numbers say."""

import pytest
import torch

import memscape as ms
from memscape.cognition.pondering import surest
from memscape.core.errors import InputError


def test_a_course_ends_where_the_thought_ended():
    logits = torch.tensor(
        [[[[0.0, 0.0]], [[1.0, 0.0]], [[9.0, 0.0]]], [[[9.0, 0.0]], [[1.0, 0.0]], [[0.0, 0.0]]]]
    )
    logits[1, 1:] = torch.nan
    thought = surest(logits)
    lines = ms.plot.certainty_course(thought, enough=0.9).axes[0].lines
    assert [int((~torch.as_tensor(line.get_ydata()).isnan()).sum()) for line in lines[:2]] == [3, 1]
    assert lines[0].get_ydata() == pytest.approx(thought.certainty[0])
    assert ms.plot.certainty_course(thought).axes[0].get_title(loc="left") == "2.0 ticks on average"


def test_shapes_rise_from_0_to_1():
    learnt = ms.mechanisms.LearntSeparation("chebyshev", (0.0, 1.0, 0.0, 2.0), 20)
    shapes = {
        "learnt": learnt,
        "square": ms.mechanisms.Power(2),
        "exponential": ms.mechanisms.Exponential(0.2),
    }
    lines = ms.plot.separation_shapes(shapes, 20).axes[0].lines
    drawn = [torch.as_tensor(line.get_ydata()).tolist() for line in lines]
    assert [(values[0], values[-1]) for values in drawn] == [(0, pytest.approx(1))] * 3
    assert drawn[1][10] == pytest.approx(0.25)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ms.plot.separation_shapes({}, 10),
        lambda: ms.plot.separation_shapes({"sparse": ms.mechanisms.Sparsemax(1.0)}, 10),
        lambda: ms.plot.certainty_course(surest(torch.zeros(0, 2, 1, 2))),
    ],
)
def test_nothing_to_draw_is_refused(call):
    with pytest.raises(InputError):
        call()
