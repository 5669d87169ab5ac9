"""Damage: exact counts of distinct units, each row on its own, nothing else touched."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape import patterns
from memscape.core.errors import InputError, SpaceError
from memscape.core.spaces import Binary, Bipolar, Real

SEEDS = st.integers(0, 2**40)
FRACTIONS = st.floats(0, 1)
BATCHES = st.sampled_from([(), (1,), (3,), (2, 3), (2, 1, 2)])


@given(BATCHES, st.integers(1, 60), FRACTIONS, SEEDS)
def test_flip_inverts_exactly_that_share_of_units(batch, n, fraction, seed):
    x = patterns.independent(1, n, generator=seed)[0].expand(*batch, n)
    damaged = patterns.flip(x, fraction, generator=seed)
    assert damaged.shape == x.shape
    assert bool((damaged.abs() == 1).all())
    assert bool(((damaged != x).sum(-1) == round(fraction * n)).all())


@given(BATCHES, st.integers(1, 60), FRACTIONS, SEEDS)
def test_mask_forgets_exactly_that_share_of_units(batch, n, fraction, seed):
    x = patterns.independent(1, n, generator=seed)[0].expand(*batch, n)
    cue = patterns.mask(x, fraction, generator=seed)
    assert bool(((cue == 0).sum(-1) == round(fraction * n)).all())
    assert torch.equal(cue[cue != 0], x[cue != 0])


def test_damage_leaves_the_original_alone():
    for x in (torch.ones(3, 8), np.ones((3, 8))):
        for damage in (patterns.flip, patterns.mask):
            damage(x, 0.5, generator=0)
        patterns.noise(x, 0.5, generator=0)
        assert bool((x == 1).all())


def test_rows_and_seeds_are_damaged_apart():
    x = torch.ones(2, 1000)
    damaged = patterns.flip(x, 0.3, generator=1)
    assert not torch.equal(damaged[0], damaged[1])
    assert torch.equal(damaged, patterns.flip(x, 0.3, generator=1))
    assert not torch.equal(damaged, patterns.flip(x, 0.3, generator=2))


def test_every_unit_is_as_likely_to_be_hit():
    hits = (patterns.flip(torch.ones(20_000, 10), 0.3, generator=3) < 0).float().mean(0)
    assert float((hits - 0.3).abs().max()) < 5 * (0.21 / 20_000) ** 0.5


def test_damage_is_the_space_s_own():
    x = patterns.independent(3, 40, generator=0)
    assert torch.equal(
        patterns.flip(x, 0.2, generator=5), Bipolar().corrupt(x, 0.2, damage="flip", generator=5)
    )
    assert torch.equal(
        patterns.mask(x, 0.2, generator=5), Bipolar().corrupt(x, 0.2, damage="mask", generator=5)
    )
    y = torch.randn(3, 40, generator=torch.Generator().manual_seed(1))
    assert torch.equal(
        patterns.noise(y, 0.2, generator=5), Real().corrupt(y, 0.2, damage="noise", generator=5)
    )


def test_flip_of_zeros_and_ones():
    x = patterns.sparse(4, 50, active=5, generator=0)
    damaged = patterns.flip(x, 0.1, generator=1, space=Binary())
    assert (damaged != x).sum(1).tolist() == [5] * 4
    with pytest.raises(SpaceError, match="-1, \\+1 or 0"):
        patterns.flip(2 * x, 0.1)


def test_no_opinion_stays_no_opinion():
    x = patterns.diluted(3, 500, dilution=0.4, generator=0)
    assert torch.equal(patterns.flip(x, 0.5, generator=1) == 0, x == 0)


def test_true_and_false_are_read_as_signs():
    x = torch.tensor([[True, False, True, False]])
    assert patterns.mask(x, 0.0).tolist() == [[1, -1, 1, -1]]
    assert patterns.flip(x, 1.0).tolist() == [[-1, 1, -1, 1]]


def test_real_vectors_keep_what_is_not_masked_and_their_precision():
    x = torch.randn(2, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    cue = patterns.mask(x, 0.5, generator=1)
    assert cue.dtype == torch.float64
    assert torch.equal(cue[cue != 0], x[cue != 0])


@given(st.floats(0, 3), st.floats(0.1, 10), SEEDS)
def test_noise_is_measured_in_units_of_the_row(amount, scale, seed):
    x = torch.full((2, 4000), scale)
    spread = (patterns.noise(x, amount, generator=seed) - x).std(dim=1) / scale
    assert spread.tolist() == pytest.approx([amount, amount], rel=0.08, abs=1e-5)


@pytest.mark.parametrize("amount", [-0.1, 1.01, float("nan")])
@pytest.mark.parametrize("damage", [patterns.flip, patterns.mask])
def test_a_share_lies_between_none_and_all(damage, amount):
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        damage(torch.ones(4), amount)


@pytest.mark.parametrize("amount", [-0.1, float("inf"), float("nan")])
def test_noise_is_finite(amount):
    with pytest.raises(InputError):
        patterns.noise(torch.ones(4), amount)


@pytest.mark.parametrize("x", [[0.5, 1.0], [float("nan"), 1.0], []])
def test_what_is_no_pattern_is_refused(x):
    with pytest.raises(InputError):
        patterns.flip(torch.tensor(x), 0.5)
