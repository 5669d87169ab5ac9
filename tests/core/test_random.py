"""Random numbers: explicit, repeatable, apart from each other; global seeds stay as they are."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.core.random import derived, draw_seed, resolve

SEEDS = st.integers(0, 2**63 - 1)


def numbers(generator, count=4):
    return torch.rand(count, generator=generator).tolist()


@given(SEEDS)
def test_a_seed_is_a_stream(seed):
    assert numbers(resolve(seed)) == numbers(resolve(seed))
    assert numbers(resolve(seed)) == numbers(torch.Generator().manual_seed(seed))
    assert resolve(seed).initial_seed() == seed
    assert draw_seed(seed) == seed


def test_a_generator_is_used_and_advanced():
    generator = torch.Generator().manual_seed(0)
    assert resolve(generator) is generator
    assert draw_seed(generator) != draw_seed(generator)
    assert draw_seed(torch.Generator().manual_seed(5)) == draw_seed(torch.Generator().manual_seed(5))


def test_fresh_seeds_differ_and_are_recorded():
    fresh = [resolve(None) for _ in range(20)]
    assert len({g.initial_seed() for g in fresh}) == 20
    assert numbers(fresh[0]) == numbers(resolve(fresh[0].initial_seed()))
    assert 0 <= draw_seed(None) < 2**48


def test_numpy_integers_are_seeds():
    assert numbers(resolve.__wrapped__(np.int64(3))) == numbers(resolve(3))


@pytest.mark.parametrize("seed", [-1, 2**63, True, 1.0, "3"])
def test_what_is_no_seed_is_refused(seed):
    with pytest.raises(InputError, match=r"seed|generator"):
        getattr(resolve, "__wrapped__", resolve)(seed)


def test_global_random_numbers_are_left_alone():
    states = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    for generator in (None, 3, torch.Generator()):
        numbers(resolve(generator))
        draw_seed(generator)
    numbers(derived(1, 2, 3))
    assert torch.equal(torch.random.get_rng_state(), states[0])
    assert np.array_equal(np.random.get_state()[1], states[1])  # noqa: NPY002
    assert random.getstate() == states[2]


@given(SEEDS, st.lists(st.integers(0, 2**32), max_size=3))
def test_a_part_of_the_work_has_its_own_stream_whatever_was_drawn_before(seed, key):
    first = numbers(derived(seed, *key))
    numbers(derived(seed, *key, 1))
    assert numbers(derived(seed, *key)) == first
    assert numbers(derived(seed, *key, 1)) != first


def test_parts_do_not_repeat_each_other():
    """Neighbouring keys, swapped keys, and a key that continues another."""
    keys = (
        [(a, b) for a in range(30) for b in range(30)]
        + [(a,) for a in range(30)]
        + [(0, 0, a) for a in range(1, 9)]
    )
    first = [tuple(numbers(derived(7, *key), 2)) for key in keys]
    assert len(set(first)) == len(keys)
    matrix = torch.stack([torch.rand(400, generator=derived(7, a)) - 0.5 for a in range(40)])
    correlation = torch.corrcoef(matrix)[~torch.eye(40, dtype=torch.bool)]
    assert float(correlation.abs().max()) < 5 / 400**0.5
