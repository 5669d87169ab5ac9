"""Pictures of engrams show the numbers that they are given."""

import pytest

from memscape.core.errors import InputError
from memscape.engrams import Audit, Finding
from memscape.engrams.reporting import EngramReport, LayerReport
from memscape.plot.engrams import confusion_change, engram_layers, relearning_curves

NAN = float("nan")


def layer(name, norm):
    return LayerReport(name, norm, 0.1, 0.9, 0.1, 0.1, 3.0, 10)


def test_the_map_shows_the_largest_layers_in_their_order():
    report = EngramReport({"3": 1.0}, tuple(layer(str(i), abs(i - 5) / 10) for i in range(10)))
    axes = engram_layers(report, most=4).axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["0", "1", "2", "9"]


def test_what_is_not_defined_is_a_dash():
    row = LayerReport("table", 0.3, NAN, NAN, NAN, NAN, NAN, 4)
    texts = [text.get_text() for text in engram_layers(EngramReport({"a": 1.0}, (row,))).axes[0].texts]
    assert texts == ["-", "-", "-", "-", "0.30", "-"]


def test_rows_of_a_confusion_are_shares_of_the_truth():
    axes = confusion_change({"before": [[8, 2], [0, 5]]}, ["a", "b"], erased=[0]).axes[0]
    shown = axes.images[0].get_array()
    assert shown is not None
    assert shown.tolist() == [[0.8, 0.2], [0.0, 1.0]]
    assert axes.get_xticklabels()[0].get_text() == "a x"


def test_a_curve_per_network_that_relearned():
    found = {
        "as trained": Finding("as trained", 1.0, 1.0, 1.0, curve=(1.0,), relearned=0.0),
        "engram erased": Finding("engram erased", 0.0, 1.0, 1.0, curve=(0.0, 0.4, 0.95), relearned=2.0),
        "oracle": Finding("oracle", 0.0, 1.0, 1.0, curve=(0.0,) * 9, relearned=float("inf")),
    }
    legend = relearning_curves(Audit(found, {"3": 1.0})).axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["engram erased", "oracle"]


def test_nothing_to_draw_is_refused():
    with pytest.raises(InputError, match="no layers"):
        engram_layers(EngramReport({}, ()))
    with pytest.raises(InputError, match="relearned nothing"):
        relearning_curves(Audit({}, {}))
    with pytest.raises(InputError, match="2 names need a square"):
        confusion_change({"before": [[1]]}, ["a", "b"])
