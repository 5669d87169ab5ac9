"""memscape engram: what it says, what it writes, and what it refuses."""

import json
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_model
from torch import nn
from typer import BadParameter

from memscape.cli.engram import _write
from memscape.cli.networks import read_model, read_rows
from memscape.core.errors import InputError
from memscape.core.random import derived
from memscape.patterns import digits

BUILD = """
from torch import nn

def build():
    return nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a trained network, one that never saw a 3, and the digits as learned and test rows."""
    folder = tmp_path_factory.mktemp("networks")
    (folder / "my_network.py").write_text(BUILD)
    images, y = digits()
    x = images.flatten(1)
    np.savez(folder / "learned.npz", x=x[:700].numpy(), y=y[:700].numpy())
    np.savez(folder / "test.npz", x=x[700:900].numpy(), y=y[700:900].numpy())
    for name, kept in (("weights", torch.arange(10)), ("oracle", torch.tensor([0, 1, 2, 4, 5, 6, 7, 8, 9]))):
        chosen = torch.isin(y[:700], kept)
        save_model(fit(x[:700][chosen], y[:700][chosen]), str(folder / f"{name}.safetensors"))
    return folder


@pytest.fixture
def trained(folder, monkeypatch):
    """The options that name the network and its rows, typed in their folder."""
    monkeypatch.chdir(folder)
    return ["--model", "my_network:build", "--weights", "weights.safetensors", "--data", "learned.npz"]


def fit(x, y):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 48), nn.ReLU(), nn.Linear(48, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(10):
        for rows in torch.randperm(len(x), generator=derived(0, epoch)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return model


def test_a_class_is_located_erased_composed_and_audited(run, trained, folder):
    located = run("engram", "locate", *trained, "--concept", 3, "--out", "three.safetensors", "--json")
    assert located.exit_code == 0, located.output
    assert [row["layer"] for row in json.loads(located.stdout)["layers"]] == ["0", "2"]
    assert "MiB" in located.stderr
    assert (folder / "three.safetensors").is_file()

    erased = run("engram", "erase", *trained, "--concept", 3, "--out", "without.safetensors", "--json")
    said = json.loads(erased.stdout)
    assert said["before"]["on them"] > 0.9 > 0.4 > said["after"]["on them"]  # 48 units hold it loosely
    assert said["after"]["on the rest"] > 0.85
    before, after = load_file("weights.safetensors"), load_file("without.safetensors")
    assert before.keys() == after.keys()
    assert not torch.equal(before["0.weight"], after["0.weight"])

    both = ["--concept", 3, "--concept", 7]
    composed = run("engram", "compose", *trained, *both, "--out", "only.safetensors", "--json")
    said = json.loads(composed.stdout)
    assert said["after"]["on them"] > 0.85 > 0.2 > said["after"]["on the rest"]

    words: list = [
        "--test",
        "test.npz",
        "--oracle",
        "my_network:build",
        "--oracle-weights",
        "oracle.safetensors",
    ]
    words += ["--baseline", "SSD", "--relearn", 5, "--report", "out/report.html"]
    audited = run("engram", "audit", *trained, "--concept", 3, *words, "--json")
    found = json.loads(audited.stdout)
    assert "never deleted" in found["sentence"]
    assert list(found["findings"]) == ["as trained", "oracle", "engram erased", "random rows erased", "SSD"]
    page = (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "Put back, every answer is what it was." in page
    assert "How soon it comes back" in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--concept", "x"], "there is no row of 'x'"),
        (["--concept", "3", "--model", "nowhere"], "no folder and no module:function"),
        (["--concept", "3", "--model", "my_network:absent"], "cannot be built"),
        (["--concept", "3", "--data", "none.npz"], "there is no file"),
        (["--concept", "3", "--weights", "learned.npz"], "is no safetensors file"),
        (["--concept", "3", "--model", "my_network.py"], "such as my_network:build"),
    ],
)
def test_mistakes_end_in_one_clear_line(run, trained, words, message):
    result = run("engram", "locate", *trained, *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.output


def test_the_network_that_was_read_is_not_written_over(run, trained, folder):
    before = (folder / "weights.safetensors").read_bytes()
    for command in ("erase", "compose"):
        result = run("engram", command, *trained, "--concept", 3, "--out", "./weights.safetensors")
        assert result.exit_code == 2
        assert "is what --weights reads" in result.stderr
    assert (folder / "weights.safetensors").read_bytes() == before


def test_an_audit_says_what_it_was_not_given(run, trained):
    words = ["--concept", 3, "--oracle", "my_network:build", "--relearn", 0]
    said = run("engram", "audit", *trained, *words).stderr
    assert "no --oracle-weights: the oracle is measured as my_network:build builds it" in said
    assert "no --test" in said


BROKEN = """
from torch import nn

model = nn.Linear(64, 10)
number = 3

def raising():
    raise ValueError("two\\nlines")

def build():
    return nn.Linear(64, 10)
"""


@pytest.fixture
def broken(trained, folder):
    """The options that name the rows, beside a module whose names build nothing."""
    (folder / "my_broken.py").write_text(BROKEN)
    (folder / "my_syntax.py").write_text("def build(:")
    return ["--data", "learned.npz", "--concept", "3"]


def one_line_of(result):
    """The one line on stderr of a command that ended with code 2 and without a traceback."""
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)
    [line] = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]
    assert line.startswith("error: ")
    return line


def test_rows_of_another_width_are_refused(run, trained, folder):
    np.savez(folder / "wrong_width.npz", x=np.zeros((5, 60), dtype=np.float32), y=np.full(5, 3))
    wrong = ["--data", "wrong_width.npz", "--concept", "3"]
    said = one_line_of(run("engram", "locate", *trained, *wrong))
    assert "cannot take the rows of 'wrong_width.npz'" in said
    assert "shapes" in said
    said = one_line_of(run("engram", "audit", *trained, "--concept", "3", "--test", "wrong_width.npz"))
    assert "wrong_width.npz" in said


@pytest.mark.parametrize("config", [None, "{}", "no json"])
def test_a_folder_without_a_model_is_refused(run, broken, folder, config):
    empty = folder / f"empty{config}"
    empty.mkdir()
    if config is not None:
        pytest.importorskip("transformers", reason="needs transformers: pip install '.[hub]'")
        (empty / "config.json").write_text(config)
    said = one_line_of(run("engram", "locate", *broken, "--model", empty.name))
    assert f"{empty.name!r} holds no model saved by transformers" in said


def test_without_transformers_a_folder_says_how_to_install_it(run, broken, folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    (folder / "kept").mkdir()
    said = one_line_of(run("engram", "locate", *broken, "--model", "kept"))
    assert "holds no model saved by transformers" in said
    (folder / "kept" / "config.json").write_text("{}")
    result = run("engram", "locate", *broken, "--model", "kept")
    assert result.exit_code == 2
    assert "pip install '.[hub]'" in result.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("my_broken:raising", "'my_broken:raising' raised ValueError: two lines"),
        ("my_broken:number", "is a int, no function"),
        ("my_broken:model", "is a Linear, no function"),
        ("my_broken:absent", "cannot be built"),
        ("my_syntax:build", "cannot be built: SyntaxError"),
    ],
)
def test_a_name_that_builds_nothing_is_refused(run, broken, name, words):
    assert words in one_line_of(run("engram", "locate", *broken, "--model", name))


def test_what_a_function_raised_is_the_cause(broken):
    with pytest.raises(InputError) as caught:
        read_model("my_broken:raising")
    assert isinstance(caught.value.__cause__, ValueError)


@pytest.mark.parametrize("command", ["locate", "erase", "compose", "audit"])
def test_a_place_that_cannot_be_written_is_found_before_any_work(run, trained, folder, command):
    (folder / "a_file").write_text("")
    option = "--report" if command == "audit" else "--out"
    place = "a_file/without.safetensors"
    said = one_line_of(
        run("engram", command, *trained, "--concept", "3", option, place, "--model", "nowhere")
    )
    assert said == f"error: nothing can be written to {place!r}: Not a directory"


def test_the_folder_of_an_edited_network_is_made(run, trained, folder):
    out = folder / "made" / "here" / "without.safetensors"
    assert run("engram", "erase", *trained, "--concept", 3, "--out", out).exit_code == 0
    assert out.is_file()


def test_trouble_while_writing_names_what_was_typed(tmp_path):
    (tmp_path / "taken.safetensors").mkdir()
    with pytest.raises(OSError, match=r"nothing can be written to '.*taken\.safetensors'"):
        _write(nn.Linear(2, 2), tmp_path / "taken.safetensors")


def test_a_network_s_file_has_its_suffix_before_any_work(run, trained):
    result = run("engram", "erase", *trained, "--concept", 3, "--out", "without.bin")
    assert result.exit_code == 2
    assert "must end in .safetensors" in result.stderr
    assert "MiB" not in result.stderr


def test_labels_are_listed_in_their_order(run, trained):
    said = run("engram", "locate", *trained, "--concept", "77").stderr
    assert "the data has 0, 1, 2, 3, 4, 5, 6, 7, 8, 9" in " ".join(said.split())


def test_a_text_by_the_name_of_an_npz_is_refused(run, trained, folder):
    (folder / "text.npz").write_text("1,2,3")
    assert "'text.npz' is no .npz file" in one_line_of(
        run("engram", "locate", *trained, "--concept", "3", "--data", "text.npz")
    )


def test_a_network_without_weights_is_warned_of(run, trained, broken):
    warned = "warning: no --weights: the network is measured as my_broken:build builds it"
    assert warned in run("engram", "locate", *broken, "--model", "my_broken:build", "--json").stderr
    assert "warning: no --weights" not in run("engram", "locate", *trained, "--concept", "3").stderr


def test_answers_of_a_language_model_are_its_concept(run, tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install '.[hub]'")
    model = language_model(transformers, tmp_path / "model")
    lines = [
        {"text": f"s{s} r{r}", "answer": f" o{(3 * s + r) % 5}", "label": f"s{s}"}
        for s in range(4)
        for r in range(3)
    ]
    data = tmp_path / "facts.jsonl"
    data.write_text("\n".join(map(json.dumps, lines)))
    words = ["--model", model, "--data", data, "--concept", "s1", "--out", tmp_path / "without", "--json"]
    erased = run("engram", "erase", *words)
    assert erased.exit_code == 0, erased.output
    said = json.loads(erased.stdout)
    assert said["before"] == {"on them": 1.0, "on the rest": 1.0}
    assert said["after"]["on them"] < 1.0
    assert transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "without") is not None
    words = ["--model", model, "--data", data, "--concept", "s1", "--relearn", 2, "--json"]
    audited = run("engram", "audit", *words, "--report", tmp_path / "report.html")
    assert audited.exit_code == 0, audited.output
    assert json.loads(audited.stdout)["findings"]["engram erased"]["forget"] == said["after"]["on them"]


def test_names_of_classes_are_those_of_the_classifier_s_configuration(run, tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install '.[hub]'")
    model = language_model(transformers, tmp_path / "model", steps=0)
    config = transformers.GPT2Config.from_pretrained(model)
    config.id2label, config.label2id = {0: "late", 1: "early"}, {"late": 0, "early": 1}
    config.save_pretrained(model)
    data = tmp_path / "rows.jsonl"
    data.write_text(
        "\n".join(json.dumps({"text": f"s{i}", "label": n}) for i, n in enumerate(["early", "late"]))
    )
    assert read_rows(data, str(model)).examples.labels.tolist() == [1, 0]
    data.write_text(json.dumps({"text": "s1", "label": "never"}))
    with pytest.raises(BadParameter, match="no class of the model"):
        read_rows(data, str(model))
    with pytest.raises(BadParameter, match="need the tokenizer of a folder"):
        read_rows(data, "my_network:build")


def language_model(transformers, folder, steps=150):
    """A GPT-2 of one block that knows twelve facts, with a tokeniser of whole words, as a folder."""
    import tokenizers

    words = [
        "<end>",
        *(f"s{i}" for i in range(4)),
        *(f"r{i}" for i in range(3)),
        *(f"o{i}" for i in range(5)),
    ]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="<end>")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<end>", pad_token="<end>"
    )
    ids = torch.tensor([[1 + s, 5 + r, 8 + (3 * s + r) % 5] for s in range(4) for r in range(3)])
    config = transformers.GPT2Config(
        vocab_size=len(words),
        n_positions=8,
        n_embd=32,
        n_layer=1,
        n_head=2,
        bos_token_id=0,
        eos_token_id=0,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.GPT2LMHeadModel(config)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(ids[:, :2]).logits[:, -1], ids[:, 2]).backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
