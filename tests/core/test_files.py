"""Files: what was written is read, a file is whole or untouched, foreign files are a clear error."""

import json
import os
import stat

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from memscape.core import files
from memscape.core.errors import FileFormatError
from memscape.core.files import load_bundle, read_header, save_bundle

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.int8, torch.int64, torch.bool]


def write(path, **tensors):
    save_bundle(path, kind="memory", card="Hebb", tensors=tensors, parts={"load": 0.1, "names": ["a", "ü"]})
    return path


@pytest.mark.parametrize("dtype", DTYPES)
@given(shape=st.lists(st.integers(0, 3), max_size=3))
def test_what_was_written_is_read(tmp_path_factory, dtype, shape):
    path = tmp_path_factory.mktemp("bundle") / "a.safetensors"
    x = torch.randint(2, shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    bundle = load_bundle(write(path, x=x))
    assert torch.equal(bundle.tensors["x"], x)
    assert bundle.tensors["x"].dtype == dtype
    assert (bundle.kind, bundle.card) == ("memory", "Hebb")
    assert bundle.parts == {"load": 0.1, "names": ["a", "ü"]}


def test_tensors_that_share_memory_or_lie_apart_are_written_whole(tmp_path):
    x = torch.arange(12.0).reshape(3, 4)
    tensors = {
        "x": x,
        "same": x,
        "rows": x[1:],
        "columns": x[:, ::2],
        "turned": x.T,
        "grad": x.clone().requires_grad_(),
    }
    bundle = load_bundle(write(tmp_path / "a", **tensors))
    for name, tensor in tensors.items():
        assert torch.equal(bundle.tensors[name], tensor), name
    bundle.tensors["same"].add_(1)
    assert torch.equal(bundle.tensors["x"], x)


def test_a_header_is_read_without_the_tensors(tmp_path):
    header = read_header(write(tmp_path / "a", x=torch.ones(2, 3), y=torch.ones(())))
    assert header["shapes"] == {"x": (2, 3), "y": ()}
    assert header["format"] == files.FORMAT
    assert header["version"] == files.VERSION
    assert header["card"] == "Hebb"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = write(tmp_path / "a", x=torch.ones(2))
    before = path.read_bytes()

    def full(_):
        raise OSError(28, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space"):
        write(path, x=torch.zeros(5))
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a"]


def test_ctrl_c_while_writing_leaves_no_part_behind(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "a", x=torch.ones(2))
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_a_file_can_be_read_by_whom_the_umask_allows(tmp_path):
    before = os.umask(0o022)
    try:
        path = write(tmp_path / "a", x=torch.ones(2))
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_files_and_folders_that_do_not_exist(tmp_path):
    for missing in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(FileNotFoundError):
            load_bundle(missing)
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "no" / "folder", x=torch.ones(1))


@given(st.data())
def test_a_truncated_file_is_never_read(tmp_path_factory, data):
    path = write(tmp_path_factory.mktemp("cut") / "a", x=torch.ones(20), y=torch.ones(3))
    whole = path.read_bytes()
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
    with pytest.raises(FileFormatError):
        load_bundle(path)


@given(st.binary(max_size=200))
def test_foreign_bytes_are_never_read(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("foreign") / "a"
    path.write_bytes(content)
    with pytest.raises(FileFormatError):
        load_bundle(path)


def with_header(path, header):
    save_file({"x": torch.ones(1)}, path, metadata=header)
    return path


GOOD = {"format": 1, "version": "0.1.0", "kind": "k", "card": "c", "parts": {}}
FOREIGN = {
    "no metadata": (None, "not written by memscape"),
    "another program": ({"format": "pt"}, "not written by memscape"),
    "no JSON": ({"memscape": "{"}, "cannot be read"),
    "a list": ({"memscape": "[1]"}, "cannot be read"),
    "no format": ({"memscape": "{}"}, "cannot be read"),
    "format in words": ({"memscape": json.dumps(GOOD | {"format": "new"})}, "cannot be read"),
    "newer": ({"memscape": json.dumps({"format": 99, "version": "9.0"})}, "written by memscape 9.0.*upgrade"),
    "incomplete": ({"memscape": json.dumps({"format": 1, "kind": "k"})}, "lacks card, parts, version"),
}


@pytest.mark.parametrize(("header", "reason"), FOREIGN.values(), ids=FOREIGN.keys())
def test_files_of_others_are_refused(tmp_path, header, reason):
    with pytest.raises(FileFormatError, match=reason):
        load_bundle(with_header(tmp_path / "a", header))


def test_a_pickle_is_refused_and_does_not_run(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "ran"),))

    torch.save({"x": Bomb()}, tmp_path / "a")
    with pytest.raises(FileFormatError):
        load_bundle(tmp_path / "a")
    assert not (tmp_path / "ran").exists()
