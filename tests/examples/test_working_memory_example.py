"""The example of working memories says what it shows, and draws it."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "examples" / "working_memory.py"
spec = importlib.util.spec_from_file_location("working_memory_example", PATH)
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)


@pytest.mark.slow
def test_all_of_them_run_and_write_their_pictures(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["working_memory.py", str(tmp_path)])
    example.main()
    said = capsys.readouterr().out
    assert "no decay: the last of nine items" in said
    assert "Timescales, multi: N = 5" in said
    assert "PMI without its long-term memory" in said
    assert len(list(tmp_path.glob("*.png"))) == 5
