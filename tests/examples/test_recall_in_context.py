"""The example prints a line per memory, beside chance and what a reader without keys reaches."""

import importlib.util
from pathlib import Path

PATH = Path(__file__).parents[2] / "examples" / "recall_in_context.py"
spec = importlib.util.spec_from_file_location("recall_in_context", PATH)
example = importlib.util.module_from_spec(spec)
spec.loader.exec_module(example)


def test_each_memory_has_its_line(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["recall_in_context.py", "2"])
    example.main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == ["chance 0.062", "the best that knows values without keys: 0.337"]
    rows = [line.split() for line in lines if line.startswith(("linear", "deltanet", "gam"))]
    assert [row[0] for row in rows] == ["linear", "deltanet", "gam"]
    assert all(0 <= float(row[1]) <= 1 for row in rows)
    assert all(row[-1] == "never" for row in rows)
