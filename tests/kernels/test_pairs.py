"""Pairs above a level: what the blocks find is what all products say."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.kernels.pairs import blocks, pairs_above


def vectors(count, units, seed):
    return torch.randn(count, units, generator=torch.Generator().manual_seed(seed))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 8), st.integers(1, 20), st.floats(-2, 3), st.integers(0, 2**31))
def test_each_pair_above_the_level_is_found_once(count, units, block, level, seed):
    x = vectors(count, units, seed).double()
    found = pairs_above(x, level, block=block)
    products = x @ x.T
    wanted = {(i, j) for i in range(count) for j in range(i + 1, count) if products[i, j] > level}
    assert {tuple(pair) for pair in found.rows.tolist()} == wanted
    assert len(found.rows) == len(wanted) == found.found
    rows = found.rows
    torch.testing.assert_close(found.value, products[rows[:, 0], rows[:, 1]])
    assert bool((found.value.diff() <= 0).all())
    assert found.complete
    assert found.level == level


@settings(max_examples=20, deadline=None)
@given(st.integers(10, 60), st.integers(1, 20), st.integers(1, 40), st.integers(0, 2**31))
def test_where_there_are_too_many_the_largest_are_kept(count, block, most, seed):
    x = vectors(count, 5, seed).double()
    found = pairs_above(x, -10.0, most=most, block=block)
    products = (x @ x.T)[tuple(torch.triu_indices(count, count, 1))]
    above = products > -10.0
    torch.testing.assert_close(
        found.value, products.sort(descending=True).values[: min(most, int(above.sum()))]
    )
    assert found.found == int(above.sum())
    assert int((products > found.level + 1e-12).sum()) <= most


def test_a_search_that_is_ended_returns_what_it_has():
    x = vectors(50, 3, 0)
    calls = iter([True, False])
    found = pairs_above(x, 0.0, block=10, update=lambda: next(calls))
    assert not found.complete
    assert 0 < len(found.rows) < len(pairs_above(x, 0.0).rows)


def test_half_blocks_cover_all_pairs():
    calls = []

    def update():
        calls.append(1)
        return True

    pairs_above(vectors(45, 3, 0), 0.0, block=10, update=update)
    assert len(calls) == blocks(45, 10) == 15


def test_nothing_can_be_kept_in_no_room():
    with pytest.raises(InputError, match="at least 1"):
        pairs_above(vectors(5, 3, 0), 0.0, most=0)
