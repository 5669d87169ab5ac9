"""The example of learners says what it shows, and draws what it should."""

import importlib.util
import re
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "examples" / "learners.py"
spec = importlib.util.spec_from_file_location("learners", PATH)
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)


def test_thoughts_end_when_they_are_sure(capsys):
    figures = example.thought(steps=30)
    assert "saves" in capsys.readouterr().out
    assert figures["thought"].axes


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::memscape.core.errors.MemscapeWarning")
def test_all_of_them_run_and_write_their_pictures(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["learners.py", str(tmp_path)])
    example.main()
    said = capsys.readouterr().out
    assert "learnt: 100% of 100 damaged patterns recalled" in said
    right = {name: int(share) for name, share in re.findall(r"Windows, (\w+) gradient: (\d+)% right", said)}
    assert right["truncated"] < 25 < right["synthetic"] < right["full"]  # chance is an eighth
    assert {path.stem for path in tmp_path.glob("*.png")} == {"thought", "separation"}
