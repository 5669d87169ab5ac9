"""Memories on disk: bit by bit the same, and a damaged, foreign or newer file is a clear error."""

import copy
import json
import os
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import memscape as ms
from memscape.core import files
from memscape.core.errors import CapabilityError, FileFormatError, InputError
from memscape.memories import Continuous, Dense, Hebbian, Projection, Quadratic, RestrictedBoltzmann

X = ms.patterns.independent(4, 60, generator=0)
MEMORIES = {
    "Hebbian": lambda: Hebbian(X, threshold=0.8, unknown=0.2),
    "Projection": lambda: Projection(X),
    "Dense": lambda: Dense(X, separation=ms.mechanisms.Exponential(0.3), bias=[0.0, 1.0, 2.0, 3.0]),
    "Entmax": lambda: Dense(X, separation=ms.mechanisms.Entmax(1.5, 0.3)),
    "Continuous": lambda: Continuous(X * 0.5, beta=3.0, bias=[1.0, 0.0, 0.0, 0.0]),
    "learnable": lambda: Continuous(X.double(), beta=0.1, learnable=True),
    "Quadratic": lambda: Quadratic(X.T @ X, field=torch.linspace(-1, 1, 60)),
}


@pytest.mark.parametrize("name", MEMORIES)
def test_what_was_saved_comes_back(name, tmp_path):
    memory, path = MEMORIES[name](), tmp_path / "memory.safetensors"
    cues = ms.patterns.flip(X, 0.2, generator=1)
    before = memory.recall(cues, generator=2)
    memory.save(path)
    other = ms.load(path)
    after = other.recall(cues, generator=2)
    assert type(other) is type(memory)
    assert repr(other) == repr(memory)
    for field in ("state", "energy", "steps", "status", "match", "verdict", "familiarity", "gap"):
        assert torch.equal(getattr(before, field).nan_to_num(), getattr(after, field).nan_to_num()), field
    assert {k: v.dtype for k, v in other.state_dict().items()} == {
        k: v.dtype for k, v in memory.state_dict().items()
    }
    assert [n for n, _ in other.named_parameters()] == [n for n, _ in memory.named_parameters()]


@pytest.mark.parametrize("way", [copy.deepcopy, lambda memory: pickle.loads(pickle.dumps(memory))])
@pytest.mark.parametrize("name", [*MEMORIES, "RestrictedBoltzmann"])
def test_a_memory_that_has_recalled_can_be_copied(name, way):
    made = MEMORIES.get(name, lambda: RestrictedBoltzmann(0.1 * X))
    memory, cues = made(), ms.patterns.flip(X, 0.2, generator=1)
    before = memory.recall(cues, generator=2)
    assert torch.equal(way(memory).recall(cues, generator=2).state, before.state)


def test_a_loaded_memory_keeps_its_calibration(tmp_path, monkeypatch):
    memory, path = Hebbian(X), tmp_path / "memory.safetensors"
    memory.recall(X)
    memory.save(path)
    monkeypatch.setattr("memscape.mechanisms.reading.calibrate", None)
    monkeypatch.setattr("memscape.memories.pattern_memory.calibrate", None, raising=False)
    assert ms.load(path).calibration == memory.calibration


def test_a_missing_file_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        ms.load(tmp_path / "nowhere.safetensors")


@pytest.mark.parametrize("kept", [0, 4, 20, 200, -1])
def test_a_truncated_file_is_refused(kept, tmp_path):
    path = tmp_path / "memory.safetensors"
    Hebbian(X).save(path)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FileFormatError, match="memory"):
        ms.load(path)


def test_files_of_others_are_refused(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.ones(2)}, path)
    with pytest.raises(FileFormatError, match="not written by memscape"):
        ms.load(path)
    path.write_bytes(b"\x89PNG and so on" * 20)
    with pytest.raises(FileFormatError):
        ms.load(path)


def rewritten(path, **changes):
    """Save a memory, then change its header."""
    Hebbian(X).save(path)
    header = {k: v for k, v in files.read_header(path).items() if k != "shapes"} | changes
    save_file(load_file(path), path, metadata={"memscape": json.dumps(header)})


def test_a_newer_file_says_what_to_do(tmp_path):
    path = tmp_path / "memory.safetensors"
    rewritten(path, format=files.FORMAT + 1, version="9.0.0")
    with pytest.raises(FileFormatError, match=r"9\.0\.0.*upgrade"):
        ms.load(path)


@pytest.mark.parametrize("card", ["os.system", "memscape.memories.hopfield.Hebbian", "Unheard", ""])
def test_a_card_that_is_not_registered_is_refused(card, tmp_path):
    """A file names a card, never a class path: nothing in it is imported or run."""
    path = tmp_path / "memory.safetensors"
    rewritten(path, card=card)
    with pytest.raises(FileFormatError, match="register"):
        ms.load(path)


def test_a_broken_header_is_refused(tmp_path):
    path = tmp_path / "memory.safetensors"
    save_file({"patterns": X}, path, metadata={"memscape": "{not json"})
    with pytest.raises(FileFormatError):
        ms.load(path)
    save_file({"patterns": X}, path, metadata={"memscape": json.dumps({"format": 1})})
    with pytest.raises(FileFormatError, match="lacks"):
        ms.load(path)


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_an_interrupted_save_leaves_the_old_file(broken, tmp_path, monkeypatch):
    path = tmp_path / "memory.safetensors"
    Hebbian(X).save(path)

    def fails(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, broken, fails)
    with pytest.raises(KeyboardInterrupt):
        Hebbian(X[:1]).save(path)
    monkeypatch.undo()
    assert len(ms.load(path)) == 4
    assert [file.name for file in tmp_path.iterdir()] == ["memory.safetensors"]


def test_saving_into_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError):
        Hebbian(X).save(tmp_path / "none" / "memory.safetensors")


# What holds wells becomes a memory


def test_a_memory_is_a_memory():
    memory = Hebbian(X)
    assert ms.as_memory(memory) is memory


@pytest.mark.parametrize("form", [lambda x: x, lambda x: x.numpy(), lambda x: x.tolist()])
def test_vectors_become_a_log_sum_exp_memory(form):
    real = torch.randn(5, 30, generator=torch.Generator().manual_seed(0)).double()
    real = real / real.norm(dim=1, keepdim=True)
    memory = ms.as_memory(form(real))
    assert isinstance(memory, Continuous)
    assert torch.allclose(memory.patterns, real)
    assert memory.recall(real).match.tolist() == [0, 1, 2, 3, 4]
    signs = ms.as_memory(form(X))
    assert isinstance(signs, Dense)
    assert torch.equal(signs.patterns.float(), X)


def test_the_sharpness_of_vectors_is_found_or_given():
    real = torch.randn(20, 30, generator=torch.Generator().manual_seed(0)).double()
    memory = ms.as_memory(real)
    attention = torch.softmax(float(memory.beta) * real @ real.T, -1).diagonal()
    assert float(attention.median()) == pytest.approx(0.9, abs=0.02)
    assert float(ms.as_memory(real, beta=2.5).beta) == 2.5


@pytest.mark.parametrize("ending", [".npy", ".npz", ".csv", ".tsv", ".safetensors"])
def test_a_file_of_vectors_becomes_a_memory(ending, tmp_path):
    table = np.random.default_rng(0).normal(size=(6, 8)).astype(np.float32)
    path = tmp_path / f"table{ending}"
    if ending == ".npy":
        np.save(path, table)
    elif ending == ".npz":
        np.savez(path, table)
    elif ending == ".safetensors":
        save_file({"table": torch.from_numpy(table)}, path)
    else:
        np.savetxt(path, table, delimiter="\t" if ending == ".tsv" else ",")
    for given in (path, str(path)):
        memory = ms.as_memory(given)
        assert isinstance(memory, Continuous)
        assert np.allclose(memory.patterns.numpy(), table, atol=1e-6)


def test_a_file_of_a_memory_becomes_that_memory(tmp_path):
    path = tmp_path / "memory.safetensors"
    Projection(X).save(path)
    assert isinstance(ms.as_memory(path), Projection)


def test_a_damaged_file_is_refused_by_as_memory_too(tmp_path):
    path = tmp_path / "memory.safetensors"
    Projection(X).save(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(FileFormatError):
        ms.as_memory(path)


@pytest.mark.parametrize("thing", [object(), 3.0, None, {"a": 1}])
def test_what_holds_no_wells_is_refused(thing):
    with pytest.raises(CapabilityError, match="no wells"):
        ms.as_memory(thing)


@pytest.mark.parametrize(
    "bad", [torch.ones(3), torch.ones(2, 2, 2), [["a", "b"]], torch.full((2, 2), torch.nan)]
)
def test_vectors_that_are_no_table_of_numbers_are_refused(bad):
    with pytest.raises(InputError):
        ms.as_memory(bad)


def test_anything_with_as_memory_is_asked():
    class Holder:
        def as_memory(self):
            return Hebbian(X)

    assert isinstance(ms.as_memory(Holder()), Hebbian)


def test_the_catalogue_describes_every_card():
    cards = ms.catalogue()
    assert {"Hebbian", "Projection", "Dense", "Continuous", "Quadratic"} <= set(cards)
    for name, card in cards.items():
        assert card.name == name
        assert all((card.paper, card.parts, card.space, card.capacity, card.cost, card.limits))
