import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.kernels.packing import (
    _float_overlaps,
    distinct,
    hashes,
    key_order,
    overlaps,
    pack,
    packed_overlaps,
    unpack,
)

sizes = st.tuples(
    st.integers(1, 12),
    st.one_of(st.integers(1, 200), st.sampled_from([63, 64, 65, 128])),
    st.integers(0, 2**31),
)
relaxed = settings(max_examples=30, deadline=None)


def signs(count, units, seed, values=(-1, 1)):
    return torch.from_numpy(np.random.default_rng(seed).choice(np.array(values, np.int8), (count, units)))


def key(state):
    """The key of a state as the integer that it is, however long."""
    return sum(1 << i for i, value in enumerate(state.tolist()) if value == 1)


@relaxed
@given(sizes)
def test_unpacking_gives_back_what_was_packed(size):
    states = signs(*size)
    words = pack(states)
    assert words.dtype == np.uint64
    assert words.shape == (size[0], -(-size[1] // 64))
    assert torch.equal(unpack(words, size[1]), states)
    assert torch.equal(unpack(pack(states[None]), size[1]), states[None])


@relaxed
@given(sizes)
def test_a_key_is_the_integer_of_the_states_bits_and_sorts_like_it(size):
    states = signs(*size)
    states = torch.cat([states, states[:3]])
    words, keys = pack(states), [key(state) for state in states]
    assert [sum(int(w) << 64 * j for j, w in enumerate(row)) for row in words] == keys
    assert key_order(words).tolist() == sorted(range(len(keys)), key=lambda row: (keys[row], row))


@relaxed
@given(sizes, st.integers(1, 30))
def test_distinct_states_are_counted_and_found_again(size, copies):
    rows = np.random.default_rng(size[2]).integers(0, size[0], copies)
    states = signs(*size)[rows]
    words = pack(states)
    found = distinct(words)
    keys = [key(state) for state in states]
    assert [key(state) for state in unpack(found.words, size[1])] == sorted(set(keys))
    assert found.counts.tolist() == [keys.count(k) for k in sorted(set(keys))]
    assert found.first.tolist() == [keys.index(k) for k in sorted(set(keys))]
    assert np.array_equal(found.words[found.inverse], words)
    marks = hashes(words)
    assert len(set(marks.tolist())) == len(found.words)
    assert np.array_equal(marks[found.first][found.inverse], marks)


@relaxed
@given(sizes, st.integers(1, 300))
def test_bits_bytes_and_floats_give_the_same_overlaps(size, count):
    states, patterns = signs(*size), signs(count, size[1], size[2] + 1)
    expected = states.int() @ patterns.int().T
    assert torch.equal(torch.from_numpy(packed_overlaps(pack(states), pack(patterns), size[1])), expected)
    assert torch.equal(overlaps(states, patterns), expected)
    assert torch.equal(_float_overlaps(states, patterns, 1), expected)


@relaxed
@given(sizes, st.integers(1, 40), st.sampled_from([(-1, 0, 1), (-128, 3, 127)]))
def test_overlaps_are_exact_for_any_bytes_and_any_layout(size, count, values):
    states, patterns = signs(*size, values), signs(count, size[1], size[2] + 1, values)
    expected = states.int() @ patterns.int().T
    layouts = {
        "as given": (states, patterns),
        "unit by unit": (states.T.contiguous().T, patterns.T.contiguous().T),
        "every second": (states.repeat_interleave(2, 0)[::2], patterns.repeat_interleave(2, 1)[:, ::2]),
        "one cue": (states[:1], patterns),
        "one cue many times": (states[:1].expand(size[0], -1), patterns),
    }
    for name, (a, b) in layouts.items():
        rows = expected[:1].expand(size[0], -1) if "many" in name else expected[: len(a)]
        assert torch.equal(overlaps(a, b), rows), name


def test_overlaps_beyond_float32_stay_exact():
    n = 2000
    states = torch.full((2, n), 127, dtype=torch.int8)
    patterns = torch.full((3, n), 127, dtype=torch.int8)
    patterns[1, 0] = 126
    assert overlaps(states, patterns)[0].tolist() == [127 * 127 * n, 127 * 127 * n - 127, 127 * 127 * n]


def test_hashes_of_neighbours_spread_over_all_bits():
    states = torch.ones(101, 100, dtype=torch.int8)
    states[torch.arange(100), torch.arange(100)] = -1
    bits = np.unpackbits(hashes(pack(states)).view(np.uint8)).reshape(101, 64)
    apart = (bits[:100] != bits[100]).sum(1)
    # Each of the 64 bits changes with probability 1/2: 32 +- 4 of them, 100 times.
    assert abs(apart.mean() - 32) < 4 * 4 / 10
    assert apart.min() >= 12


def test_what_has_no_bit_is_refused():
    with pytest.raises(InputError, match=r"other than -1 and \+1"):
        pack(torch.tensor([[1, 0]], dtype=torch.int8))
    with pytest.raises(InputError, match="at least one unit"):
        pack(torch.zeros(3, 0, dtype=torch.int8))
    with pytest.raises(InputError, match="use pack"):
        unpack(np.zeros((1, 1), np.uint64), 65)
    with pytest.raises(InputError, match="use pack"):
        packed_overlaps(np.zeros((1, 2), np.uint64), np.zeros((1, 2), np.uint64), 64)
