"""Data at the door: everything that holds numbers comes in, everything else is told what to do."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core import arrays, room
from memscape.core.arrays import (
    as_tensor,
    require_count,
    require_fraction,
    require_memory,
    require_width,
    working_dtype,
)
from memscape.core.errors import DtypeError, InputError, SizeError

NUMBERS = np.arange(6.0).reshape(2, 3)
TAKEN = {
    "list": NUMBERS.tolist(),
    "backwards": NUMBERS[::-1, ::-1][::-1, ::-1],
    "other byte order": NUMBERS.astype(">f8"),
    "other byte order, whole": NUMBERS.astype(">i4"),
    "unsigned": NUMBERS.astype(np.uint16),
    "long": NUMBERS.astype(np.longdouble),
    "fortran": np.asfortranarray(NUMBERS),
    "strided": np.repeat(NUMBERS, 2, axis=1)[:, ::2],
    "tensor": torch.from_numpy(NUMBERS),
}


@pytest.mark.parametrize("x", TAKEN.values(), ids=TAKEN.keys())
def test_numbers_come_in_as_they_are(x):
    assert as_tensor(x, "x").tolist() == NUMBERS.tolist()


def test_negative_strides_and_read_only_arrays(recwarn):
    assert as_tensor(NUMBERS[::-1], "x").tolist() == NUMBERS[::-1].tolist()
    fixed = NUMBERS.copy()
    fixed.flags.writeable = False
    as_tensor(fixed, "x").add_(1)
    assert fixed.tolist() == NUMBERS.tolist()
    assert len(recwarn) == 0


@pytest.mark.parametrize(
    "dtype", [torch.bool, torch.int8, torch.int64, torch.float16, torch.bfloat16, torch.float64]
)
def test_tensors_keep_their_dtype(dtype):
    x = torch.ones(2, dtype=dtype)
    assert as_tensor(x, "x") is x
    assert working_dtype(x) == (dtype if dtype.is_floating_point else torch.float32)


REFUSED = {
    "ragged": ([[1, 2], [3]], DtypeError),
    "text": (["a"], DtypeError),
    "objects": ([None, 1], DtypeError),
    "complex": (np.ones(2, complex), DtypeError),
    "complex tensor": (torch.ones(2, dtype=torch.complex64), DtypeError),
    "sparse tensor": (torch.eye(2).to_sparse(), DtypeError),
    "NaN": ([1.0, float("nan")], InputError),
    "infinite": (torch.tensor([1.0, -float("inf")]), InputError),
    "nothing": ([], InputError),
    "no rows": (torch.ones(0, 3), InputError),
}


@pytest.mark.parametrize(("x", "error"), REFUSED.values(), ids=REFUSED.keys())
def test_what_holds_no_numbers_is_refused_by_name(x, error):
    with pytest.raises(error, match="the cue"):
        as_tensor(x, "the cue")


def test_how_many_are_missing_is_said():
    with pytest.raises(InputError, match="2 NaN or infinite values of 3"):
        as_tensor([float("nan"), 1, float("inf")], "x")


def test_width():
    require_width(torch.ones(2, 5), 5, "x")
    for x in (torch.ones(2, 4), torch.tensor(1.0)):
        with pytest.raises(InputError, match="5 units"):
            require_width(x, 5, "x")


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_a_fraction_lies_between_none_and_all(value):
    if 0 <= value <= 1:
        assert require_fraction(value, "f") == value
    else:
        with pytest.raises(InputError, match="f is"):
            require_fraction(value, "f")
    if 0 <= value < float("inf"):
        assert require_fraction(value, "f", high=float("inf")) == value


@given(st.integers(-10, 10), st.integers(-3, 3))
def test_a_count_has_a_least_value(value, low):
    if value >= low:
        assert require_count(value, "c", low=low) == value
    else:
        with pytest.raises(InputError, match=f"at least {low}"):
            require_count(value, "c", low=low)


def plain(function):
    """The function without the type checker of the tests: what a user's wrong types meet."""
    return getattr(function, "__wrapped__", function)


@pytest.mark.parametrize("value", [2.5, "3", None, float("nan"), float("inf"), True, [1]])
def test_a_count_is_a_whole_number(value):
    with pytest.raises(InputError, match="whole number"):
        plain(require_count)(value, "c")


@pytest.mark.parametrize("value", ["much", None, [0.1, 0.2]])
def test_a_fraction_is_a_number(value):
    with pytest.raises(InputError, match="finite number"):
        plain(require_fraction)(value, "f")


def test_whole_numbers_of_any_kind_are_counts():
    for three in (np.int64(3), np.float32(3), 3.0, torch.tensor(3)):
        count = plain(require_count)(three, "c")
        assert (count, type(count)) == (3, int)


def test_what_would_not_fit_is_refused_with_both_sizes(monkeypatch):
    require_memory(1, "a byte", "use none")
    with pytest.raises(SizeError, match=r"the couplings needs .* GiB are free; store fewer"):
        require_memory(2.0**60, "the couplings", "store fewer")
    monkeypatch.setattr(arrays, "available", lambda: None)
    require_memory(2.0**60, "the couplings", "where the system does not say, nothing is refused")


def test_a_container_s_limit_counts(monkeypatch, tmp_path):
    assert 0 < room.available() <= 2**50
    monkeypatch.setattr(room, "_free", lambda: 1000)
    monkeypatch.setattr(room, "_granted", lambda: 10)
    assert room.available() == 10
    monkeypatch.setattr(room, "_granted", lambda: None)
    assert room.available() == 1000
    monkeypatch.setattr(room, "_free", lambda: None)
    assert room.available() is None


def test_file_cache_of_a_container_gives_way(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.current").write_text("900\n")
    (tmp_path / "memory.stat").write_text("anon 300\nfile 600\nshmem 50\n")
    monkeypatch.setattr(room, "Path", lambda _: tmp_path)
    assert room._granted() == 1000 - 900 + 600 - 50
    (tmp_path / "memory.max").write_text("max\n")
    assert room._granted() is None
