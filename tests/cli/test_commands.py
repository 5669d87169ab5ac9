"""The commands: what they print, what they write, and that JSON is JSON."""

import json

import numpy as np
import pytest
import torch

import memscape as ms
from memscape.cli.inputs import read_pictures


def parsed(result):
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_a_stored_memory_recalls_damaged_cues(run, table, tmp_path):
    memory, cues, states = (tmp_path / name for name in ("m.safetensors", "cues.csv", "states.npy"))
    stored = parsed(run("store", table, "--out", memory, "--json"))
    assert (stored["patterns"], stored["units"]) == (6, 64)
    X = torch.from_numpy(np.load(table))
    np.savetxt(cues, ms.patterns.flip(X, 0.1, generator=1).numpy(), delimiter=",", fmt="%d")
    answer = parsed(run("recall", memory, cues, "--out", states, "--json"))
    assert answer["verdict"] == ["RECALLED"] * 6
    assert answer["match"] == list(range(6))
    assert np.array_equal(np.load(states), X.numpy())


def test_the_same_seed_gives_the_same_recall(run, table, tmp_path):
    memory = tmp_path / "m.safetensors"
    run("store", table, "--out", memory, "--memory", "Hebbian")
    noise = tmp_path / "noise.npy"
    np.save(noise, ms.patterns.independent(5, 64, generator=3).numpy())
    once, again = (parsed(run("recall", memory, noise, "--seed", 4, "--json")) for _ in range(2))
    assert once == again


@pytest.mark.parametrize("suffix", ["npy", "csv", "safetensors"])
def test_states_are_written_in_the_form_that_the_name_says(run, table, tmp_path, suffix):
    memory, out = tmp_path / "m.safetensors", tmp_path / f"states.{suffix}"
    run("store", table, "--out", memory)
    assert run("recall", memory, table, "--out", out).exit_code == 0
    if suffix == "safetensors":
        assert parsed(run("info", out, "--json"))["kind"] == "recall"
    else:
        states = np.load(out) if suffix == "npy" else np.loadtxt(out, delimiter=",")
        assert np.array_equal(states, np.load(table))


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        (["--memory", "Dense", "--separation", "Power:4"], "Power(degree=4)"),
        (["--memory", "Dense", "--separation", "Softmax:0.5"], "Softmax(beta=0.5)"),
        (["--memory", "Continuous", "--beta", "2"], "beta=2"),
        (["--memory", "Hebbian"], "Hebbian(6 patterns"),
    ],
)
def test_the_memory_is_the_one_that_was_asked_for(run, table, tmp_path, options, shown):
    out = tmp_path / "m.safetensors"
    result = run("store", table, "--out", out, *options)
    assert shown in result.stdout
    assert shown in repr(ms.load(out))


def test_pictures_are_stored_and_recalled_by_their_names(run, album, tmp_path):
    memory = tmp_path / "m.safetensors"
    options = ["--size", "8", "--levels", "4"]
    assert parsed(run("store", album, "--out", memory, *options, "--json"))["units"] == 256
    answer = parsed(run("recall", memory, album, *options, "--json"))
    assert answer["names"] == [f"{i}.png" for i in range(8)]
    assert answer["exact"] == [True] * 8


@pytest.mark.parametrize("code", [["--levels", "4"], ["--threshold", "0.3"]], ids=" ".join)
def test_cues_are_coded_as_the_pictures_of_the_memory(run, album, tmp_path, code):
    memory = tmp_path / "memory.safetensors"
    stored = parsed(run("store", album, "--out", memory, "--size", 8, *code, "--json"))
    assert stored["pictures"] == {code[0].removeprefix("--"): float(code[1]), "size": 8}
    again = [
        parsed(run("recall", memory, album, *options, "--json")) for options in ([], code, ["--size", 8])
    ]
    assert again[0] == again[1] == again[2]
    assert all(again[0]["exact"])
    assert f"pictures: {code[0].removeprefix('--')}" in run("info", memory).stdout


@pytest.mark.parametrize("other", [["--levels", "5"], ["--threshold", "0.5"], ["--size", "9"]], ids=" ".join)
def test_cues_coded_otherwise_than_the_memory_are_refused(run, album, tmp_path, other):
    memory = tmp_path / "memory.safetensors"
    run("store", album, "--out", memory, "--size", 8, "--levels", 4)
    result = run("recall", memory, album, *other)
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "stored with --levels 4 --size 8" in result.stderr
    assert f"leave out {other[0]} {other[1]}" in result.stderr


def test_a_memory_that_does_not_say_how_pictures_were_coded_says_what_is_taken(run, album, tmp_path):
    pictures = read_pictures(album, 4, None, 8)
    ms.memories.Projection(pictures.patterns).save(tmp_path / "m.safetensors")
    result = run("recall", tmp_path / "m.safetensors", album, "--levels", 4, "--size", 8)
    assert result.exit_code == 0
    assert "does not say how pictures were coded; --levels 4 --size 8 is taken" in result.stderr


def test_what_is_written_beside_a_memory_leaves_it_as_it_is(run, album, tmp_path):
    memory = tmp_path / "memory.safetensors"
    run("store", album, "--out", memory, "--size", 8, "--levels", 4)
    pictures = read_pictures(album, 4, None, 8)
    assert torch.equal(ms.load(memory).patterns, ms.memories.Projection(pictures.patterns).patterns)
    assert [file.name for file in tmp_path.glob("*.safetensors*")] == [memory.name]


def test_list_shows_every_card_and_form_chooses(run):
    cards = parsed(run("list", "--json"))
    assert {card["name"] for card in cards} == set(ms.catalogue())
    kept = parsed(run("list", "--form", "token", "--json"))
    assert {card["name"] for card in kept} == {
        name for name, card in ms.catalogue().items() if card.form == "token"
    }
    assert all(card["name"] in run("list").stdout for card in cards)


def test_list_papers_shows_the_map(run):
    from memscape.replications import systems

    assert [row["id"] for row in parsed(run("list", "--papers", "--json"))] == [
        row.id for row in systems.systems()
    ]
    assert systems.summary() in run("list", "--papers").stdout


def test_info_shows_a_header_without_the_tensors(run, table, tmp_path):
    memory = tmp_path / "m.safetensors"
    run("store", table, "--out", memory)
    header = parsed(run("info", memory, "--json"))
    assert (header["kind"], header["card"]) == ("memory", "Projection")
    assert header["shapes"]["patterns"] == [6, 64]
    assert "6 x 64" in run("info", memory).stdout


def test_the_version_is_the_librarys(run):
    assert run("--version").stdout.split() == ["memscape", ms.__version__]


def test_not_a_number_is_null():
    """JSON knows neither NaN nor infinity."""
    from memscape.cli.frame import _strict

    assert _strict({"a": [float("nan"), 1.0], "b": (float("inf"),)}) == {"a": [None, 1.0], "b": [None]}
