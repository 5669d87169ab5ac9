"""Writes into an outer-product store: what decays, what clips, what is replaced, what stays bit for bit."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.mechanisms import writing

SIZES = {"k": st.integers(1, 6), "v": st.integers(1, 6), "seed": st.integers(0, 2**31)}


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(steps=st.integers(1, 12), retention=st.floats(0.0, 1.0), **SIZES)
def test_a_decayed_store_is_the_sum_of_its_fading_writes(steps, retention, k, v, seed):
    keys, values = drawn(seed, steps, k), drawn(seed + 1, steps, v)
    store = torch.zeros(k, v, dtype=torch.float64)
    for key, value in zip(keys, values, strict=True):
        store = writing.decay(store, key, value, retention)
    weights = torch.tensor([retention ** (steps - 1 - t) for t in range(steps)], dtype=torch.float64)
    wanted = torch.einsum("t,tk,tv->kv", weights, keys, values)
    torch.testing.assert_close(store, wanted, rtol=1e-9, atol=1e-9)


@given(**SIZES)
def test_writing_against_takes_a_pair_out_again(k, v, seed):
    store, key, value = drawn(seed, k, v), drawn(seed + 1, k), drawn(seed + 2, v)
    there = writing.decay(store, key, value)
    torch.testing.assert_close(writing.decay(there, key, value, rate=-1.0), store)


@given(**SIZES)
def test_a_clipped_write_is_the_or_of_bits_in_any_order_and_any_number(k, v, seed):
    keys, values = (drawn(seed, 4, k) > 0).double(), (drawn(seed + 1, 4, v) > 0).double()
    store = torch.zeros(k, v, dtype=torch.float64)
    for i in (2, 0, 1, 3, 1, 2):
        store = writing.clip(store, keys[i], values[i])
    assert torch.equal(store, (keys.T @ values > 0).double())


@given(**SIZES)
def test_overwriting_leaves_no_old_bit_and_every_other_row_as_it_was(k, v, seed):
    store = drawn(seed, k, v)
    row = seed % k
    key = torch.nn.functional.one_hot(torch.tensor(row), k).double()
    value = drawn(seed + 1, v)
    after = writing.overwrite(store, key, value)
    others = torch.arange(k) != row
    assert torch.equal(after[row], value)
    assert torch.equal(after[others], store[others])


@pytest.mark.parametrize("write", [writing.decay, writing.clip, writing.overwrite, writing.hebb])
def test_a_step_is_pure(write):
    store, key, value = torch.ones(2, 3), torch.tensor([1.0, 0.0]), torch.tensor([1.0, 0.0, 1.0])
    before = store.clone()
    first, second = write(store, key, value), write(store, key, value)
    assert torch.equal(first, second)
    assert torch.equal(store, before)


def test_a_detached_state_cuts_the_gradient_there():
    early, late = (torch.ones(2, requires_grad=True) for _ in range(2))
    store = writing.decay(torch.zeros(2, 2), early, torch.ones(2)).detach()
    writing.decay(store, late, torch.ones(2), retention=0.5).sum().backward()
    assert early.grad is None
    assert late.grad is not None
