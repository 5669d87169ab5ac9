"""Reading and writing at different phases: sequences are replayed, and a new order replaces the old one."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import InputError, SpaceError
from memscape.mechanisms import Rhythm, writing
from memscape.memories import PhaseGated

seeds = st.integers(0, 2**31)


@given(seed=seeds, slots=st.integers(1, 25))
@settings(max_examples=8)
def test_twenty_patterns_are_replayed_without_error_whatever_the_slots(seed, slots):
    X = ms.patterns.independent(20, 500, generator=seed)
    memory = PhaseGated(500, rhythm=Rhythm(slots=slots)).store(X)
    assert torch.equal(memory.replay(X[0], steps=19).match, torch.arange(20))
    cue = ms.patterns.flip(X[3], 0.1, generator=seed)
    assert torch.equal(memory.replay(cue, steps=5).match[1:], torch.arange(4, 9))


@given(seed=seeds)
@settings(max_examples=8)
def test_a_new_order_replaces_the_old_one_only_where_phases_are_apart(seed):
    X = ms.patterns.independent(12, 400, generator=seed)
    order = [0, *(1 + torch.randperm(11, generator=torch.Generator().manual_seed(seed))).tolist()]
    found = {}
    for separation in (0.0, 1.0):
        memory = PhaseGated(400, rhythm=Rhythm(separation)).store(X).store(X[order])
        found[separation] = float((memory.replay(X[0], 11).match == torch.tensor(order)).float().mean())
    assert found[1.0] == 1.0
    assert found[0.0] < 1.0 or order == sorted(order)


def test_whole_separation_is_the_delta_rule():
    """One item after the other with one slot: out with what is recalled, in with what is there."""
    X = ms.patterns.independent(4, 60, generator=0)
    memory = PhaseGated(60, rhythm=Rhythm(slots=1)).store(X)
    K = torch.zeros(60, 60)
    for before, item in pairwise(X):
        K = writing.delta(K.T, before, item, rate=1 / 60).T
    torch.testing.assert_close(memory.transitions, K, atol=0.02, rtol=0)


def test_several_sequences_stay_apart_and_patterns_are_kept_once():
    X = ms.patterns.independent(12, 400, generator=1)
    memory = PhaseGated(400).store(X[:6]).store(X[6:]).store(X[:6])
    assert len(memory) == 12
    replay = memory.replay(X[[0, 6]], steps=5)
    assert replay.match.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]


def test_it_is_kept_in_a_file(tmp_path):
    X = ms.patterns.independent(5, 100, generator=1)
    memory = PhaseGated(100, rhythm=Rhythm(0.8, 3)).store(X)
    memory.save(tmp_path / "sequence.safetensors")
    loaded = ms.load(tmp_path / "sequence.safetensors")
    assert loaded.rhythm == memory.rhythm
    assert torch.equal(loaded.transitions, memory.transitions)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda m: m.store(torch.ones(1, 10)), InputError),
        (lambda m: m.store(torch.zeros(2, 10)), SpaceError),
        (lambda m: m.store(torch.ones(2, 9)), InputError),
        (lambda m: m.store(torch.ones(2, 10), repeats=0), InputError),
        (lambda m: m.store(torch.full((2, 10), float("nan"))), InputError),
        (lambda m: m.replay(torch.ones(10), 1), InputError),
        (lambda m: PhaseGated(0), InputError),
    ],
)
def test_what_cannot_be_is_refused(call, error):
    with pytest.raises(error):
        call(PhaseGated(10))


def test_its_items_are_wells_once_each():
    X = ms.patterns.independent(6, 80, generator=0)
    memory = PhaseGated(80).store(X).store(X[[3, 1, 0]])
    assert torch.equal(ms.as_memory(memory).patterns, X.to(torch.int8))
    with pytest.raises(InputError, match="empty"):
        ms.as_memory(PhaseGated(80))
