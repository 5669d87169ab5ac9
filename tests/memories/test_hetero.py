"""Hetero-association, and identity 2: the repeated delta rule is the projection rule, one pass is not."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import FileFormatError, InputError
from memscape.core.memory import HeteroMemory
from memscape.mechanisms import ClippedRule, DeltaRule, HebbRule, ProjectionRule, RecursiveLeastSquares
from memscape.mechanisms.association import rule_from_settings, rule_settings

seeds = st.integers(0, 2**31)
RULES = [HebbRule(), DeltaRule(), DeltaRule(0.5, passes=3), ProjectionRule(), RecursiveLeastSquares(0.1)]


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@settings(max_examples=4)
@given(seed=seeds, count=st.integers(2, 5), width=st.integers(20, 30), out=st.integers(1, 5))
def test_the_repeated_delta_rule_converges_to_the_projection_rule_and_one_pass_does_not(
    seed, count, width, out
):
    keys, values = normal(seed, count, width), normal(seed + 1, count, out)
    projection = ms.memories.Hetero(keys, values, rule=ProjectionRule()).store
    repeated = ms.memories.Hetero(keys, values, rule=DeltaRule(passes=150)).store
    once = ms.memories.Hetero(keys, values, rule=DeltaRule()).store
    assert (repeated - projection).norm() < 1e-6 * projection.norm()
    assert (once - projection).norm() > 1e-6 * projection.norm()
    assert torch.allclose(keys[-1] @ once, values[-1], atol=1e-10)  # one pass reads the last pair exactly


@given(
    seed=seeds, count=st.integers(1, 12), width=st.integers(2, 12), ridge=st.sampled_from([1e-3, 0.1, 3.0])
)
def test_recursive_least_squares_is_ridge_regression_exactly_one_pair_at_a_time(seed, count, width, ridge):
    keys, values = normal(seed, count, width), normal(seed + 1, count, 3)
    memory = ms.memories.Hetero(sizes=(width, 3), rule=RecursiveLeastSquares(ridge)).double()
    for key, value in zip(keys, values, strict=True):
        memory.associate(key, value)
    gram = keys.T @ keys + ridge * torch.eye(width, dtype=torch.float64)
    assert torch.allclose(memory.store, torch.linalg.solve(gram, keys.T @ values), atol=1e-9)
    assert torch.allclose(memory.precision, torch.linalg.inv(gram), atol=1e-7)


def test_as_the_ridge_falls_recursive_least_squares_becomes_the_projection_rule():
    keys, values = normal(0, 10, 30), normal(1, 10, 4)
    exact = ms.memories.Hetero(keys, values, rule=ProjectionRule()).store
    errors = [
        float((ms.memories.Hetero(keys, values, rule=RecursiveLeastSquares(r)).store - exact).norm())
        for r in (1e-1, 1e-3, 1e-5)
    ]
    assert errors[0] > 50 * errors[1] > 2500 * errors[2]


@given(seed=seeds, count=st.integers(1, 10))
def test_orthogonal_keys_are_read_exactly_by_every_rule(seed, count):
    keys = torch.linalg.qr(normal(seed, 10, 10)).Q[:count] * 2.0
    values = normal(seed + 1, count, 3)
    for rule in (HebbRule(), DeltaRule(), ProjectionRule(), RecursiveLeastSquares(1e-12)):
        assert torch.allclose(ms.memories.Hetero(keys, values, rule=rule).read(keys), values, atol=1e-9)


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_pairs_come_one_by_one_are_forgotten_and_saved(rule, tmp_path):
    keys, values = normal(0, 6, 9), normal(1, 6, 2)
    memory = ms.memories.Hetero(keys, values, rule=rule)
    assert isinstance(memory, HeteroMemory)
    piecewise = ms.memories.Hetero(keys[:1], values[:1], rule=rule)
    for key, value in zip(keys[1:], values[1:], strict=True):
        assert piecewise.associate(key, value) is piecewise
    if not isinstance(rule, DeltaRule) or rule.passes == 1:  # passes go over what is there at the time
        assert torch.allclose(piecewise.store, memory.store, atol=1e-12)
    rest = [0, 2, 3, 5]
    fresh = ms.memories.Hetero(keys[rest], values[rest], rule=rule)
    memory.save(tmp_path / "pairs.safetensors")
    assert torch.equal(memory.forget([1, 4]).store, fresh.store)
    loaded = ms.load(tmp_path / "pairs.safetensors").forget([1, 4])
    assert torch.equal(loaded.store, fresh.store)
    assert loaded.rule == rule
    assert torch.equal(memory.forget([0, 1, 2, 3]).read(keys), torch.zeros(6, 2).double())


def test_a_read_is_differentiable_in_the_key():
    memory = ms.memories.Hetero(normal(0, 3, 4), normal(1, 3, 2), rule=ProjectionRule())
    assert torch.autograd.gradcheck(memory, (normal(2, 5, 4).requires_grad_(),))


def test_bad_pairs_are_refused_and_change_nothing():
    memory = ms.memories.Hetero(normal(0, 3, 4), normal(1, 3, 2))
    before = memory.store.clone()
    bad = [
        (normal(0, 2, 5), normal(1, 2, 2), "5 units"),
        (normal(0, 2, 4), normal(1, 3, 2), "2 keys and 3 values"),
        (torch.zeros(1, 4), torch.ones(1, 2), "zeros"),
        (torch.full((1, 4), torch.nan), torch.ones(1, 2), "NaN"),
        (normal(0, 2, 3, 4), normal(1, 3, 2), "one row per pair"),
    ]
    for keys, values, words in bad:
        with pytest.raises(InputError, match=words):
            memory.associate(keys, values)
    assert torch.equal(memory.store, before)
    assert len(memory) == 3
    with pytest.raises(InputError, match="0 and 1"):
        ms.memories.Hetero(normal(0, 2, 3), normal(1, 2, 3), rule=ClippedRule())
    with pytest.raises(InputError, match="sizes"):
        ms.memories.Hetero()
    with pytest.raises(InputError, match="rate"):
        DeltaRule(rate=2.0)
    with pytest.raises(FileFormatError, match="unknown"):
        rule_from_settings({"name": "Magic"})
    assert rule_from_settings(rule_settings(DeltaRule(0.5, 3))) == DeltaRule(0.5, 3)
