"""`memscape check`: from files to a page, and mistakes in one line."""

import json

import numpy as np
import pytest
import torch


@pytest.fixture
def files(tmp_path):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(60, 8, generator=g)
    x = x / x.norm(dim=1, keepdim=True)
    own = torch.arange(60)
    q = x + 0.2 * torch.randn(60, 8, generator=g)
    q[:20] = torch.randn(20, 8, generator=g)
    own[:20] = -1
    np.save(tmp_path / "x.npy", x.numpy())
    np.savetxt(tmp_path / "q.csv", q.numpy(), delimiter=",")
    np.save(tmp_path / "own.npy", own.numpy())
    (tmp_path / "names.txt").write_text("\n".join(f"title {i}" for i in range(60)))
    return tmp_path


def test_a_check_writes_a_page_and_prints_what_it_found(run, files):
    out = files / "page" / "check.html"
    words = ["--cues", files / "q.csv", "--labels", files / "own.npy", "--names", files / "names.txt"]
    result = run("check", files / "x.npy", *words, "--out", out)
    assert result.exit_code == 0, result.stderr
    assert "I don't know" in result.stdout
    assert "recall" in result.stdout
    assert "title 2" in out.read_text(encoding="utf-8")


def test_without_cues_they_are_made_and_the_json_says_so(run, files):
    result = run("check", files / "x.npy", "--out", files / "c.html", "--seed", 3, "--json")
    assert result.exit_code == 0, result.stderr
    assert "no cues were given" in result.stderr
    found = json.loads(result.stdout)
    assert found["recall"] is None
    assert found["forecast"]["kind"] == "winner stability"
    assert found["settings"]["seed"] == 3
    assert any("no cues were given" in note for note in found["notes"])


def empty(files):
    (files / "bad.npy").write_bytes(b"")
    return ["check", files / "bad.npy"]


def text(files):
    (files / "bad.csv").write_text("a question\nanother question\n")
    return ["check", files / "bad.csv"]


def picture(files):
    (files / "bad.txt").write_text("1 2 3")
    return ["check", files / "bad.txt"]


def narrow(files):
    np.save(files / "narrow.npy", np.ones((40, 3)))
    return ["check", files / "x.npy", "--cues", files / "narrow.npy"]


def missing(files):
    return ["check", files / "x.npy", "--cues", files / "nowhere.npy"]


def wide_labels(files):
    return ["check", files / "x.npy", "--cues", files / "q.csv", "--labels", files / "q.csv"]


def few_names(files):
    (files / "names.txt").write_text("one\ntwo\n")
    return ["check", files / "x.npy", "--names", files / "names.txt"]


def with_nan(files):
    np.save(files / "nan.npy", np.full((40, 8), np.nan))
    return ["check", files / "nan.npy"]


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (empty, "is empty"),
        (text, "no readable table"),
        (picture, "ends in '.txt'"),
        (narrow, "8 units and cues 3"),
        (missing, "there is no file"),
        (wide_labels, "one column"),
        (few_names, "2 lines"),
        (with_nan, "NaN"),
    ],
)
def test_a_mistake_is_one_line(run, files, command, words):
    result = run(*command(files))
    assert result.exit_code == 2
    assert result.stdout == ""
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("error: ")
    assert words in line
