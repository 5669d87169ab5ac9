"""Memories for patterns that are not independent: families, and units that are mostly off."""

import warnings

import pytest
import torch

import memscape as ms
from memscape.core.errors import CapabilityError, InputError


def _right(memory: ms.memories.PatternMemory, cue: torch.Tensor, **options: object) -> float:
    match = memory.recall(cue, generator=0, **options).match
    return float((match == torch.arange(len(cue))).double().mean())


@pytest.fixture
def families() -> torch.Tensor:
    return ms.patterns.tree((10, 5), overlap=(0.0, 0.5), size=500, generator=1)


def test_families_and_ancestors_are_found(families: torch.Tensor) -> None:
    memory = ms.memories.Hierarchical(families)
    assert torch.equal(memory.families, torch.arange(10).repeat_interleave(5))
    overlap = (memory.ancestors[memory.families] * families).mean(-1)
    assert float(overlap.min()) > 0.5


def test_a_family_member_feels_its_own_field_where_no_other_family_is() -> None:
    X = ms.patterns.tree((1, 3), overlap=(0.0, 0.3), size=20000, generator=0)
    field = ms.memories.Hierarchical(X).field(X)
    assert float((field * X).mean(-1).sub(1).abs().max()) < 0.35
    assert bool(((field * X).mean(-1) > 0.65).all())


def test_each_level_holds_what_hebbs_rule_on_the_leaves_has_lost(families: torch.Tensor) -> None:
    cue = ms.patterns.flip(families, 0.2, generator=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        hebb = _right(ms.memories.Hebbian(families), cue)
    memory = ms.memories.Hierarchical(families)
    joint = _right(memory, cue)
    through = _right(memory, cue, dynamics=ms.mechanisms.ThroughAncestors())
    assert hebb < 0.1
    assert joint > 0.6
    assert through > 0.9
    assert through >= joint


def test_independent_patterns_are_families_of_one_and_the_rule_is_hebbs() -> None:
    X = ms.patterns.independent(8, 400, generator=0)
    memory = ms.memories.Hierarchical(X, cut=0.5)
    assert torch.equal(memory.families, torch.arange(8))
    assert torch.allclose(memory.weights, ms.memories.Hebbian(X).weights, atol=1e-12)


def test_only_a_hierarchical_memory_goes_through_ancestors(families: torch.Tensor) -> None:
    memory = ms.memories.Projection(families)
    with pytest.raises(CapabilityError, match="Hierarchical"):
        memory.recall(families, dynamics=ms.mechanisms.ThroughAncestors())


def test_forgetting_a_member_moves_its_ancestor(families: torch.Tensor) -> None:
    memory = ms.memories.Hierarchical(families)
    before = memory.ancestors.clone()
    memory.forget([0, 1])
    assert not torch.equal(memory.ancestors[0], before[0])
    assert torch.equal(memory.weights, ms.memories.Hierarchical(families[2:]).weights)


def test_balanced_patterns_make_the_covariance_rule_hebbs() -> None:
    half = ms.patterns.independent(1, 100, generator=0)
    X = torch.cat([half, -half])
    memory = ms.memories.Covariance(X)
    assert memory.bias == 0.0
    assert torch.allclose(memory.weights, ms.memories.Hebbian(X).weights, atol=1e-12)


def test_the_lower_the_activity_the_more_it_holds() -> None:
    right = []
    for activity in (0.5, 0.2, 0.05):
        X = ms.patterns.biased(100, 500, bias=2 * activity - 1, generator=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            recalled = ms.memories.Covariance(X).recall(X, generator=0)
            right.append(float((recalled.state == X).double().mean()))
            assert float(ms.memories.Hebbian(X).recall(X, generator=0).exact.double().mean()) < 0.1
    assert right[0] < right[1] < right[2]
    assert right[2] > 0.99


def test_a_mean_of_one_is_refused() -> None:
    with pytest.raises(InputError, match="mean"):
        ms.memories.Covariance(units=10, mean=1.0)
