"""Patterns without their correlations, and patterns with their ancestors."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import InputError, SpaceError

EYE = torch.eye


@given(st.integers(2, 10), st.floats(0, 0.8), st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_decorrelated_vectors_are_uncorrelated_and_as_near_as_can_be(count, overlap, seed):
    X = ms.patterns.family(count, 300, overlap=overlap, generator=seed).double()
    Y = ms.patterns.decorrelate(X)
    torch.testing.assert_close(ms.patterns.correlation(Y), EYE(count, dtype=torch.float64))
    turned = torch.linalg.qr(
        torch.randn(count, count, generator=torch.Generator().manual_seed(seed)).double()
    )[0]
    assert float((X - Y).square().sum()) <= float((X - turned @ Y).square().sum()) + 1e-9


@given(st.integers(2, 10), st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_hebbs_rule_on_decorrelated_vectors_is_the_projection_rule(count, seed):
    X = ms.patterns.family(count, 120, overlap=0.5, generator=seed).double()
    Y = ms.patterns.decorrelate(X)
    torch.testing.assert_close((Y.T @ Y / 120).fill_diagonal_(0), ms.memories.Projection(X).weights)


def test_dependent_patterns_cannot_be_decorrelated():
    with pytest.raises(InputError, match="dependent"):
        ms.patterns.decorrelate(torch.ones(2, 10))
    with pytest.raises(InputError, match="shape"):
        ms.patterns.decorrelate(torch.ones(10))


@given(st.integers(2, 5), st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_each_family_gets_the_majority_of_its_members(groups, members, seed):
    X = ms.patterns.tree((groups, members), overlap=(0.0, 0.6), size=2000, generator=seed)
    grown = ms.patterns.add_ancestors(X, cut=0.3)
    assert torch.equal(grown.families, torch.arange(groups).repeat_interleave(members))
    assert torch.equal(grown.patterns[: len(X)], X)
    ancestors = grown.patterns[len(X) :]
    assert len(ancestors) <= groups  # the majority of two can be one of them
    for ancestor in ancestors:
        own = (X @ ancestor / 2000).reshape(groups, members).mean(1)
        assert float(own.max()) > 0.6
    assert set(grown.patterns.unique().tolist()) == {-1.0, 1.0}


def test_lone_patterns_get_no_ancestor():
    X = ms.patterns.independent(5, 500, generator=0)
    assert torch.equal(ms.patterns.add_ancestors(X).patterns, X)
    with pytest.raises(SpaceError):
        ms.patterns.add_ancestors(X * 2)
