"""Synchrony is a decayed outer-product store of activity, of which only some pairs are kept."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.mechanisms.synchrony import drawn_pairs, silent
from memscape.mechanisms.writing import decay

seeds = st.integers(0, 2**31)


def watched(z: torch.Tensor, pairs: torch.Tensor, retention: torch.Tensor):
    synchrony = silent(z.shape[1], pairs.shape[1], z)
    for now in z:
        synchrony = synchrony.after(now[:, pairs[0]], now[:, pairs[1]], retention)
    return synchrony


@given(seed=seeds, ticks=st.integers(1, 12), units=st.integers(1, 9))
def test_the_recursion_is_the_sum_over_the_past(seed, ticks, units):
    """sum_t r^(T-t) z_i z_j / sqrt(sum_t r^(T-t)) for every pair with a retention of its own."""
    drawn = torch.Generator().manual_seed(seed)
    z = torch.randn(ticks, 2, units, generator=drawn, dtype=torch.float64)
    pairs = drawn_pairs(units, 3, seed)
    r = torch.rand(pairs.shape[1], generator=drawn, dtype=torch.float64)
    fade = r ** torch.arange(ticks - 1, -1, -1)[:, None]
    direct = (fade[:, None] * z[:, :, pairs[0]] * z[:, :, pairs[1]]).sum(0) / fade.sum(0).sqrt()
    torch.testing.assert_close(watched(z, pairs, r).read(), direct, atol=1e-5, rtol=0)


@given(seed=seeds, retention=st.floats(0, 1))
def test_with_one_retention_it_holds_entries_of_the_outer_product_store(seed, retention):
    z = torch.randn(6, 2, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    pairs, store = drawn_pairs(5, 4, seed), torch.zeros(2, 5, 5, dtype=torch.float64)
    for now in z:
        store = decay(store, now, now, retention=retention)
    kept = watched(z, pairs, torch.full((pairs.shape[1],), retention, dtype=torch.float64))
    torch.testing.assert_close(kept.products, store[:, pairs[0], pairs[1]])


def test_a_step_leaves_what_it_started_from():
    before = silent(2, 3)
    before.after(torch.ones(2, 3), torch.ones(2, 3), torch.ones(3))
    assert torch.equal(before.products, torch.zeros(2, 3))


@pytest.mark.parametrize(("units", "picked"), [(0, 1), (3, 0)])
def test_pairs_of_nothing_are_refused(units, picked):
    with pytest.raises(InputError):
        drawn_pairs(units, picked)
