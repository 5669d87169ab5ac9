"""Trees of patterns: the overlap of two leaves is set by the depth of their last common ancestor."""

import math
from itertools import combinations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape import patterns
from memscape.core.errors import InputError

SEEDS = st.integers(0, 2**40)


@st.composite
def trees(draw):
    depth = draw(st.integers(1, 3))
    branching = draw(st.lists(st.integers(1, 3), min_size=depth, max_size=depth))
    overlap = sorted(draw(st.lists(st.floats(0, 1), min_size=depth, max_size=depth)))
    return tuple(branching), tuple(overlap)


def meeting(a, b, branching):
    """Depth of the last common ancestor of leaves a and b."""
    below = [math.prod(branching[depth:]) for depth in range(len(branching) + 1)]
    return max(depth for depth, leaves in enumerate(below) if a // leaves == b // leaves)


@given(trees(), SEEDS)
def test_leaves_overlap_by_the_depth_of_their_last_common_ancestor(tree, seed):
    branching, overlap = tree
    n = 10_000
    x = patterns.tree(branching, overlap=overlap, size=n, generator=seed)
    assert x.shape == (math.prod(branching), n)
    assert bool((x.abs() == 1).all())
    c = patterns.correlation(x)
    for a, b in combinations(range(len(x)), 2):
        assert abs(float(c[a, b]) - overlap[meeting(a, b, branching)]) < 6 / n**0.5


def test_leaves_are_ultrametric():
    n = 40_000
    c = patterns.correlation(patterns.tree((2, 3, 2), overlap=(0.1, 0.4, 0.8), size=n, generator=5))
    for i, j, k in combinations(range(12), 3):
        low, middle, _ = sorted((float(c[i, j]), float(c[i, k]), float(c[j, k])))
        assert middle - low < 5 * 2**0.5 / n**0.5


def test_independent_patterns_are_not_ultrametric_within_a_tree_of_high_overlap():
    """The check above can fail: a chain of copies of copies is no tree."""
    n = 40_000
    x = [patterns.independent(1, n, generator=0)]
    for step in range(1, 4):
        x.append(patterns.flip(x[-1], 0.1, generator=step))
    c = patterns.correlation(torch.cat(x))
    low, middle, _ = sorted((float(c[0, 1]), float(c[0, 2]), float(c[1, 2])))
    assert low < middle - 5 * 2**0.5 / n**0.5


def test_twenty_leaves_in_four_families():
    n = 200
    mean = torch.zeros(20, 20)
    for seed in range(100):
        mean += patterns.correlation(patterns.tree((4, 5), overlap=(0.0, 0.6), size=n, generator=seed)) / 100
    expected = torch.block_diag(*[torch.full((5, 5), 0.6)] * 4).fill_diagonal_(1.0)
    assert float((mean - expected).abs().max()) < 5 / (100 * n) ** 0.5


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_extreme_overlaps(level):
    x = patterns.tree((2, 3), overlap=(level, level), size=5000, generator=0)
    c = patterns.correlation(x)
    if level:
        assert bool((c == 1).all())
    else:
        assert float((c - torch.eye(6)).abs().max()) < 5 / 5000**0.5


@given(st.integers(1, 6), st.floats(0, 1), SEEDS)
def test_a_family_is_the_tree_of_depth_one(count, rho, seed):
    family = patterns.family(count, 100, overlap=rho, generator=seed)
    assert torch.equal(family, patterns.tree((count,), overlap=(rho,), size=100, generator=seed))


@given(st.floats(0, 1), st.floats(0, 1))
def test_overlap_must_not_fall_with_depth(first, second):
    call = lambda: patterns.tree((2, 2), overlap=(first, second), size=10, generator=0)  # noqa: E731
    if second < first:
        with pytest.raises(InputError, match="falls from"):
            call()
    else:
        assert call().shape == (4, 10)


@pytest.mark.parametrize(
    ("branching", "overlap"),
    [
        ((2, 2), (0.1,)),
        ((), ()),
        ((2, 0), (0.1, 0.2)),
        ((2, -1), (0.1, 0.2)),
        ((2,), (-0.1,)),
        ((2,), (1.1,)),
        ((2,), (float("nan"),)),
    ],
)
def test_what_is_no_tree_is_refused(branching, overlap):
    with pytest.raises(InputError):
        patterns.tree(branching, overlap=overlap, size=10)
