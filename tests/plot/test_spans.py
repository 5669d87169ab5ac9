"""Pictures of working memory show the numbers of their results, and refuse what holds none."""

import numpy as np
import pytest
import torch

import memscape as ms
from memscape.core.errors import InputError
from memscape.tasks import working_memory as wm


def test_a_span_is_drawn_at_its_sizes_above_chance():
    spans = {
        f"retention {r:g}": wm.span(
            wm.HebbStore(8, r), "serial-recall-style", (2, 4, 6), count=30, generator=0
        )
        for r in (0.7, 1.0)
    }
    axes = ms.plot.memory_spans(spans).axes[0]
    drawn = [line for line in axes.get_lines() if not str(line.get_label()).startswith("_")]
    assert [str(line.get_label()) for line in drawn] == list(spans)
    assert np.asarray(drawn[0].get_ydata()).tolist() == spans["retention 0.7"].accuracy.tolist()


def test_spans_over_different_knobs_do_not_share_axes():
    one = wm.span(wm.Table(), "serial-recall-style", (2, 3), count=5, generator=0)
    other = wm.span(wm.Table(), "serial-recall-style", (0, 1), knob="delay", count=5, generator=0)
    with pytest.raises(InputError):
        ms.plot.memory_spans({"size": one, "delay": other})


def test_positions_are_counted_from_one():
    found = wm.by_position(
        wm.HebbStore(8, 0.7), wm.task("serial-recall-style", size=4), count=30, generator=0
    )
    line = ms.plot.serial_positions({"fading": found}).axes[0].get_lines()[0]
    assert np.asarray(line.get_xdata()).tolist() == [1, 2, 3, 4]
    assert np.asarray(line.get_ydata()).tolist() == found.accuracy.tolist()


def test_growth_is_drawn_where_an_order_was_mastered():
    looks = tuple(
        {
            "step": 100.0 * n,
            "N": float(n),
            "accuracy": 1.0,
            "passed": float(n < 5),
            "tau": n / 2,
            "longest": 9.0,
        }
        for n in (2, 3, 5)
    )
    growth = ms.cognition.Growth(looks, torch.zeros(500), (2, 3, 4, 5), 0)
    assert growth.reached == 3
    left, right = ms.plot.time_constants({"one": growth}).axes
    assert np.asarray(left.get_lines()[0].get_ydata()).tolist() == [1.0, 1.5]
    assert np.asarray(right.get_lines()[0].get_ydata()).tolist() == [200.0, 300.0]


def test_a_slot_shows_its_writers():
    memory = ms.cognition.PMI(8, 4, k=2, generator=0)
    held = memory(torch.randn(1, 5, 8, generator=torch.Generator().manual_seed(0)))[1]
    image = np.asarray(ms.plot.slot_writers(held).axes[0].images[0].get_array())
    assert image.shape == (4, 9)
    assert ((image > 0).sum(1) == 2).all()
    with pytest.raises(InputError):
        ms.plot.slot_writers(memory.start(1))


@pytest.mark.parametrize("draw", ["memory_spans", "serial_positions", "learning_curves", "time_constants"])
def test_nothing_is_not_drawn(draw):
    with pytest.raises(InputError):
        getattr(ms.plot, draw)({})
