"""Projections as coordinates, and fields that drive a memory from one pattern to another."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import DependenceWarning, InputError
from memscape.landscape.coordinates import drive, projections, variance_share


@given(st.integers(1, 6), st.integers(12, 40), st.integers(0, 2**31))
def test_the_projections_of_a_mixture_are_its_coefficients(count, units, seed):
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(count, units, generator=generator, dtype=torch.float64)
    mixing = torch.randn(4, count, generator=generator, dtype=torch.float64)
    found = projections(ms.memories.Continuous(X), mixing @ X)
    assert torch.allclose(found, mixing, atol=1e-6)


def test_what_no_pattern_explains_has_no_projection():
    X = torch.tensor([[1.0, 1.0, 1.0, 1.0], [1.0, 1.0, -1.0, -1.0]])
    assert bool((projections(ms.memories.Projection(X), [1.0, -1.0, 1.0, -1.0]) == 0).all())


def test_dependent_patterns_share_their_projection():
    X = ms.patterns.independent(2, 20, generator=0)
    with pytest.warns(DependenceWarning):
        memory = ms.memories.Projection(torch.cat([X, X[:1]]))
    assert torch.allclose(projections(memory, X[0])[0], torch.tensor([0.5, 0.0, 0.5]).double(), atol=1e-6)


@given(st.integers(2, 30), st.integers(1, 6), st.integers(0, 2**31))
def test_no_coordinate_holds_more_variance_than_the_principal_one(count, width, seed):
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(count, width, generator=generator)
    axis = torch.randn(width, generator=generator)
    share, best = variance_share(points, axis), variance_share(points)
    assert -1e-9 <= share <= best + 1e-9 <= 1 + 1e-6


def test_a_field_drives_from_one_pattern_to_the_other_once_it_is_strong_enough():
    memory = ms.memories.Projection(ms.patterns.independent(4, 80, generator=1))
    strongest = 2.0 * float(memory.field(memory.patterns[0].float()[None]).abs().max())
    way = drive(memory, 0, 1, strengths=[0.0, 0.4, 0.8, strongest], generator=0)
    assert float(way.overlap_start[0]) == 1.0
    assert bool(way.arrived[-1])
    assert 0 < way.critical <= strongest
    assert torch.allclose(way.path[0], torch.tensor([1.0, 0, 0, 0]).double(), atol=1e-6)
    assert way.share <= way.principal + 1e-9 <= 1 + 1e-6
    assert "arrives" in repr(way)


def test_a_weak_field_never_arrives_and_says_so():
    memory = ms.memories.Projection(ms.patterns.independent(3, 60, generator=2))
    way = drive(memory, 0, 2, strengths=[0.0, 1e-3], generator=0)
    assert math.isinf(way.critical)
    assert way.to_dict()["critical"] is None


def test_real_valued_memories_are_driven_too():
    memory = ms.memories.Continuous(torch.eye(4) * 3, beta=2.0)
    way = drive(memory, 0, 1, strengths=[0.0, 5.0], generator=0)
    assert way.arrived.tolist() == [False, True]


def test_bad_input_is_named():
    memory = ms.memories.Projection(ms.patterns.independent(3, 60, generator=2))
    for start, end, strengths in ((3, 1, None), (1, 1, None), (0, 1, [-1.0])):
        with pytest.raises(InputError):
            drive(memory, start, end, strengths=strengths)
    with pytest.raises(InputError, match="two points"):
        variance_share([[1.0, 2.0]])
    with pytest.raises(InputError, match="length 0"):
        variance_share([[1.0, 2.0], [2.0, 3.0]], [0.0, 0.0])
