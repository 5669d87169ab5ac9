"""The demo's erased digit: its pictures and sentences are those of the networks themselves."""

import json

import pytest
import torch

from memscape import patterns, plot
from memscape.cli.erasing import DIGIT, LEARNED, erase_digit, erasure_panel, share_right


@pytest.fixture(scope="module")
def found():
    return erase_digit(*patterns.digits(), seed=2, epochs=5, relearn=20)


def test_the_digit_goes_and_the_others_stay(found):
    before, count = found.right("as trained", True)
    assert found.right("erased", True)[0] <= 0.2 * before
    assert found.right("erased", False)[0] >= 0.9 * found.right("as trained", False)[0]
    assert count == int(found.confusions["as trained"][DIGIT].sum())
    assert sum(found.right("as trained", own)[1] for own in (True, False)) == 1797 - LEARNED


def test_put_back_every_answer_is_what_it_was(found):
    assert found.same
    assert torch.equal(found.confusions["put back"], found.confusions["as trained"])
    assert found.points[-1].endswith("bit for bit what they were.")


def test_what_it_is_taken_for_is_counted(found):
    row = found.confusions["erased"][DIGIT].clone()
    row[DIGIT] = 0
    assert f"{int(row.max())} of {int(row.sum())} are taken for {int(row.argmax())}" in found.points[1]


def test_the_panel_shows_confusions_layers_and_relearning(found, tmp_path):
    panel = erasure_panel(found)
    assert [len(picture.figure.axes) for picture in panel.pictures] == [3, 1, 1]
    titles = [axes.get_title(loc="left") for axes in panel.pictures[0].figure.axes]
    assert titles == ["as trained", "erased", "put back"]
    assert "suppressed at the read-out, never deleted" in panel.points[0]
    assert panel.tables[0].rows[1][1] == share_right(*found.right("erased", True))
    html = plot.Report("x").add(panel).save(tmp_path / "page.html").read_text(encoding="utf-8")
    assert "erase_digit(*ms.patterns.digits(), seed=2)" in html


def test_its_numbers_are_json(found):
    again = json.loads(json.dumps(found.to_dict()))
    assert again["confusions"]["erased"] == found.confusions["erased"].tolist()
    assert len(found.table().splitlines()) == 4
