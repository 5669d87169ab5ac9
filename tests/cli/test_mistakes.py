"""A user's mistake is one clear line and exit code 2; an unexpected error keeps its traceback."""

import numpy as np
import pytest
from safetensors.numpy import save_file

import memscape as ms


@pytest.fixture
def memory(run, table, tmp_path):
    path = tmp_path / "memory.safetensors"
    run("store", table, "--out", path)
    return path


def refused(result, *words):
    """The command ended with code 2, said each word on stderr, nothing on stdout, and showed no traceback."""
    assert result.exit_code == 2
    assert isinstance(result.exception, SystemExit)
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert [word for word in words if word not in result.stderr] == []
    return result


def test_a_missing_folder(run, tmp_path):
    refused(run("explore", tmp_path / "nowhere"), "error:", "nowhere")


def test_an_empty_folder(run, tmp_path):
    refused(run("explore", tmp_path), "error:", "no images")


def test_a_single_picture_is_too_few(run, album, tmp_path):
    for path in sorted(album.iterdir())[1:]:
        path.unlink()
    refused(run("explore", album, "--out", tmp_path / "r.html"), "at least 2")
    assert not (tmp_path / "r.html").exists()


def test_both_codes_at_once(run, album):
    refused(run("explore", album, "--levels", "4", "--threshold", "0.5"), "--levels", "--threshold")


def test_cues_of_another_width(run, memory, tmp_path):
    cues = tmp_path / "cues.npy"
    np.save(cues, np.ones((2, 10)))
    refused(run("recall", memory, cues), "10", "64 units")


def test_values_outside_the_space(run, memory, tmp_path):
    cues = tmp_path / "cues.npy"
    np.save(cues, np.full((2, 64), 0.5))
    refused(run("recall", memory, cues), "0.5", "-1")


@pytest.mark.parametrize("command", ["info", "recall"])
def test_a_truncated_memory(run, memory, table, command):
    memory.write_bytes(memory.read_bytes()[:100])
    words = [memory] if command == "info" else [memory, table]
    refused(run(command, *words), "truncated")


@pytest.mark.parametrize("command", ["info", "recall"])
def test_a_foreign_file(run, table, tmp_path, command):
    foreign = tmp_path / "foreign.safetensors"
    save_file({"x": np.ones(3)}, foreign)
    words = [foreign] if command == "info" else [foreign, table]
    refused(run(command, *words), "not written by memscape")


def test_a_missing_file(run, table, tmp_path):
    refused(run("recall", tmp_path / "gone.safetensors", table), "gone.safetensors")


def test_a_folder_of_the_output_that_is_missing_is_made(run, table, tmp_path):
    memory, states = tmp_path / "new" / "m.safetensors", tmp_path / "newer" / "s.npy"
    assert run("store", table, "--out", memory).exit_code == 0
    assert run("recall", memory, table, "--out", states).exit_code == 0
    assert memory.is_file()
    assert states.is_file()


@pytest.mark.parametrize("command", ["check", "explore", "demo", "store", "recall", "replicate"])
def test_a_place_that_cannot_be_written_is_found_before_any_work(run, memory, table, tmp_path, command):
    (tmp_path / "a_file").write_text("")
    place = tmp_path / "a_file" / "out.npy"
    words = {
        "check": [table],
        "explore": [tmp_path / "nowhere"],
        "store": [table],
        "recall": [memory, table],
        "replicate": ["ags1985"],
    }
    said = refused(run(command, *words.get(command, []), "--out", place)).stderr
    assert said == f"error: nothing can be written to {str(place)!r}: Not a directory\n"


def test_a_folder_is_no_place_for_a_report(run, table, tmp_path):
    said = refused(run("check", table, "--out", tmp_path), "it is a folder").stderr
    assert said.count("\n") == 1


def test_looking_whether_a_place_can_be_written_leaves_nothing(run, tmp_path):
    refused(run("check", tmp_path / "gone.npy", "--out", tmp_path / "new" / "r.html"), "gone.npy")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("option", [None, "--cues", "--labels"])
def test_a_folder_where_a_file_is_needed(run, table, tmp_path, option):
    words = [tmp_path] if option is None else [table, option, tmp_path]
    refused(run("check", *words, "--out", tmp_path / "r.html"), f"{str(tmp_path)!r} is a folder")


@pytest.mark.parametrize("command", ["check", "store"])
def test_a_text_by_the_name_of_an_npy(run, tmp_path, command):
    path = tmp_path / "text.npy"
    path.write_text("1,2,3\n")
    result = refused(run(command, path, "--out", tmp_path / "out"), "is no .npy file", ".csv")
    assert "pickle" not in result.stderr


def test_a_table_that_is_text(run, tmp_path):
    path = tmp_path / "words.csv"
    path.write_text("a,b\nc,d\n")
    refused(run("store", path), "words.csv")


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (["--memory", "Elephant"], "Projection"),
        (["--separation", "Power:3"], "--memory Dense"),
        (["--beta", "1"], "--memory Continuous"),
        (["--memory", "Dense", "--separation", "Power"], "Power:3"),
        (["--memory", "Dense", "--separation", "Power:many"], "no number"),
        (["--memory", "Dense", "--separation", "Separation:3"], "Separation"),
        (["--memory", "Dense", "--separation", "Softmax:-1"], "above 0"),
        (["--colour", "red"], "--colour"),
    ],
)
def test_a_wrong_option(run, table, options, word):
    refused(run("store", table, *options), word)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--xyzzy"], "no such option: --xyzzy; see memscape --help"),
        (["xyzzy"], "no such command 'xyzzy'; see memscape --help"),
        (["store"], "missing argument 'input'; see memscape store --help"),
        (["store", "x", "--xyzzy"], "no such option: --xyzzy; see memscape store --help"),
        (["store", "x", "--memory"], "option '--memory' requires an argument; see memscape store --help"),
        (["engram", "xyzzy"], "no such command 'xyzzy'; see memscape engram --help"),
        (["engram", "erase", "--xyzzy"], "no such option: --xyzzy; see memscape engram erase --help"),
        (
            ["list", "--papers", "--form", "token"],
            "--form chooses among memories and does not go with --papers; see memscape list --help",
        ),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else "",
)
def test_wrong_words_are_one_line_that_says_where_the_right_ones_stand(run, words, said):
    assert refused(run(*words)).stderr == f"error: {said}\n"


@pytest.mark.parametrize("words", [["--size", "0"], ["--size", "much"], ["--threshold", "2"]], ids=" ".join)
def test_a_value_out_of_range_names_its_option(run, table, words):
    said = refused(run("store", table, *words), words[0], "see memscape store --help").stderr
    assert said.count("\n") == 1


@pytest.mark.parametrize("words", [[], ["engram"]], ids=["memscape", "memscape engram"])
def test_no_command_at_all_shows_the_help(run, words):
    result = run(*words)
    assert result.exit_code == 2
    assert "Commands:" in result.stderr


def test_a_state_file_of_an_unknown_kind(run, memory, table, tmp_path):
    refused(run("recall", memory, table, "--out", tmp_path / "states.xlsx"), ".xlsx", ".npy")


def test_an_unexpected_error_keeps_its_traceback(run, table, monkeypatch):
    from memscape.core import tables

    def broken(path):
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(tables, "read_table", broken)
    assert isinstance(run("store", table).exception, ZeroDivisionError)


def test_a_warning_is_one_line_on_stderr(run, tmp_path):
    path = tmp_path / "twins.npy"
    np.save(path, np.ones((2, 8)))
    result = run("store", path, "--out", tmp_path / "m.safetensors", "--json")
    assert result.exit_code == 0
    assert "warning: " in result.stderr
    assert "warning: " not in result.stdout


@pytest.mark.parametrize("name", ["Engram", "RestrictedBoltzmann", "Temporal", "Willshaw", "PMI", "nobody"])
def test_what_is_not_made_from_patterns_alone(run, table, tmp_path, name):
    out = tmp_path / "memory.safetensors"
    refused(run("store", table, "--memory", name, "--out", out), name, "Projection")
    assert not out.exists()


def test_a_file_that_recalls_nothing(run, table, tmp_path):
    path = tmp_path / "steps.safetensors"
    ms.memories.Temporal(ms.patterns.independent(3, 64, generator=0)).save(path)
    refused(run("recall", path, table), "Temporal")
