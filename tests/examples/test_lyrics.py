"""The example completes every line of its poem from a piece, and knows what is not in it."""

import importlib.util
from pathlib import Path

import memscape as ms

PATH = Path(__file__).parents[2] / "examples" / "lyrics.py"
spec = importlib.util.spec_from_file_location("lyrics", PATH)
lyrics = importlib.util.module_from_spec(spec)
spec.loader.exec_module(lyrics)


def test_two_thirds_of_a_line_bring_the_line_back():
    pieces = [line[len(line) // 6 : len(line) // 6 + 2 * len(line) // 3] for line in lyrics.TYGER]
    assert [line for line, _ in lyrics.complete(lyrics.TYGER, pieces)] == lyrics.TYGER


def test_what_is_in_no_line_is_unknown():
    found = lyrics.complete(lyrics.TYGER, ["quarterly tax", "pay by instalment", "xylophone jazz"])
    assert found == [(None, ms.Verdict.UNKNOWN)] * 3


def test_it_prints_an_answer_for_each_snippet(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["lyrics.py", "burning brig", "quarterly tax"])
    lyrics.main()
    first, second = capsys.readouterr().out.splitlines()
    assert "burning bright," in first
    assert "(no line)   [UNKNOWN]" in second
