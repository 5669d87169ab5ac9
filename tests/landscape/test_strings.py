"""Strings against a grid search over the plane."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.cluster.hierarchy import DisjointSet

import memscape as ms
from memscape.core.errors import CapabilityError, InputError
from memscape.landscape.strings import string_between, string_passes
from memscape.mechanisms.separation import Epanechnikov


def plane(seed, count=3):
    generator = torch.Generator().manual_seed(seed)
    X = 2 * torch.randn(count, 2, generator=generator, dtype=torch.float64)
    return ms.memories.Continuous(X, beta=1.5), X


def grid_pass(memory, start, end, side=121, reach=6.0):
    """The lowest pass over a grid of the plane whose points have eight neighbours: cells joined lowest first.

    The ends are those of the string, moved to the grid.
    """
    axis = torch.linspace(-reach, reach, side, dtype=torch.float64)
    points = torch.cartesian_prod(axis, axis)
    level = memory.energy(points).double().numpy()

    def cell(state):
        return int((points - state).square().sum(-1).argmin())

    first, last = cell(start), cell(end)
    group, water = DisjointSet(range(len(points))), set()
    for here in np.argsort(level):
        water.add(here)
        x, y = divmod(here, side)
        for a in range(max(0, x - 1), min(side, x + 2)):
            for b in range(max(0, y - 1), min(side, y + 2)):
                if a * side + b in water:
                    group.merge(int(here), a * side + b)
        if group.connected(first, last):
            return float(level[here])
    return math.inf


@settings(max_examples=4)
@given(st.integers(0, 2**31))
def test_a_string_s_pass_is_above_both_ends_and_bounds_the_saddle_of_a_grid_search(seed):
    memory, X = plane(seed)
    wells = memory.recall(X).state
    way = string_between(memory, wells[0], wells[1], images=25, steps=300)
    assert way.height >= float(way.energy[[0, -1]].max()) - 1e-12
    # The grid's cells are 0.1 wide, so its pass may lie a little above the lowest one.
    assert way.height >= grid_pass(memory, wells[0], wells[1]) - 0.05
    assert float(memory.energy(way.saddle[None]).double()) == pytest.approx(way.height, abs=1e-9)


def test_between_two_wells_the_string_finds_the_saddle_half_way():
    memory = ms.memories.Continuous(torch.tensor([[2.0, 0.0], [0.0, 2.0]], dtype=torch.float64), beta=1.0)
    wells = memory.recall(memory.patterns).state
    way = string_between(memory, wells[0], wells[1])
    middle = way.saddle[None]
    slope = memory.landscape_energy.gradient(middle)
    assert float(slope.norm()) < 1e-4
    assert way.barrier > 0


def test_relaxing_never_raises_the_pass():
    memory, X = plane(5, count=4)
    wells = memory.recall(X).state
    straight = string_between(memory, wells[0], wells[2], steps=0)
    relaxed = string_between(memory, wells[0], wells[2], steps=300)
    assert relaxed.energy.max() <= straight.energy.max() + 1e-12


def test_strings_side_by_side_equal_strings_alone():
    memory, X = plane(1)
    wells = memory.recall(X).state
    pairs = torch.tensor([[0, 1], [1, 2]])
    passes, saddles, complete = string_passes(memory, wells, pairs, images=17, steps=50)
    alone = string_between(memory, wells[1], wells[2], images=17, steps=50)
    assert complete
    assert float(passes[1]) == pytest.approx(alone.height, abs=1e-6)
    assert saddles.shape == (2, 2)


def test_kernel_memories_have_strings_too():
    X = torch.tensor([[0.0, 0.0], [1.0, 0.0]], dtype=torch.float64)
    memory = ms.memories.Continuous(X, separation=Epanechnikov(beta=1.0))
    way = string_between(memory, X[0], X[1])
    assert math.isfinite(way.height)
    assert "upper bound" in repr(way)


def test_memories_over_discrete_units_are_sent_elsewhere():
    memory = ms.memories.Projection(ms.patterns.independent(2, 12, generator=0))
    with pytest.raises(CapabilityError, match="passes_between"):
        string_between(memory, memory.patterns[0], memory.patterns[1])
    real, X = plane(0)
    with pytest.raises(InputError, match="images"):
        string_between(real, X[0], X[1], images=2)
