"""The example of small systems says what it shows, and draws a picture of each."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "examples" / "small_systems.py"
spec = importlib.util.spec_from_file_location("small_systems", PATH)
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)

SAYS = {
    "sparsey": "25 stored: familiarity 1.00",
    "ca3": "cues [0, 1]",
    "phases": "separation 1: 100% of the new order replayed",
    "graph": "Bert parent of ?: not known",
}


@pytest.mark.parametrize("name", SAYS)
def test_a_quick_system_says_and_draws_what_it_should(name, capsys):
    pictures = getattr(example, name)()
    assert SAYS[name] in capsys.readouterr().out
    assert all(figure.axes for figure in pictures.values())


@pytest.mark.slow
def test_all_of_them_run_and_write_their_pictures(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["small_systems.py", str(tmp_path)])
    example.main()
    assert "100% of 30 held-out sums right" in capsys.readouterr().out
    assert len(list(tmp_path.glob("*.png"))) == 7
