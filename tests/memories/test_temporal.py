"""Sequences: replayed without error, in cycles too; and what symmetric couplings buy instead."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import InputError, SpaceError
from memscape.core.memory import EnergyMemory, Memory
from memscape.mechanisms import ProjectionRule

seeds = st.integers(0, 2**31)


@pytest.mark.parametrize("seed", range(10))
def test_twenty_patterns_of_500_units_are_replayed_without_an_error(seed):
    X = ms.patterns.independent(20, 500, generator=seed)
    memory = ms.memories.Temporal(X)
    damaged = ms.patterns.flip(X[0], fraction=0.1, generator=seed)
    for cue, first in ((X[0], 0), (damaged, 1)):  # one step repairs the damage
        replay = memory.replay(cue, steps=19)
        assert torch.equal(replay.states[first:], X[first:])
        assert replay.match.tolist()[first:] == list(range(first, 20))


@pytest.mark.parametrize("hold", [2, 4, 7])
def test_with_a_delay_each_pattern_lasts_as_long_as_it_is_held(hold):
    X = ms.patterns.independent(20, 500, generator=hold)
    replay = ms.memories.Temporal(X, hold=hold).replay(X[0], steps=19 * hold)
    wanted = [0] + [1 + i // hold for i in range(19 * hold)]  # the cue calls its successor at once
    assert replay.match.tolist() == [min(w, 19) for w in wanted]


@given(seed=seeds, count=st.integers(2, 30))
def test_the_projection_rule_replays_correlated_patterns_without_an_error(seed, count):
    X = ms.patterns.biased(count, 120, bias=0.6, generator=seed)
    if int(torch.linalg.matrix_rank(X.double())) < count:
        return
    replay = ms.memories.Temporal(X, rule=ProjectionRule()).replay(X[0], steps=count - 1)
    assert torch.equal(replay.states, X)


def test_beyond_about_a_quarter_of_the_units_the_sequence_is_lost():
    """Load .20 keeps overlaps near .96, load .30 loses the thread (theory: .269 for many units)."""
    kept, lost = [], []
    for seed in range(3):
        for count, found in ((100, kept), (150, lost)):
            X = ms.patterns.independent(count, 500, generator=seed)
            replay = ms.memories.Temporal(X).replay(X[0], steps=count - 1)
            found.append(float((replay.states[-1] * X[-1]).mean()))
    assert min(kept) > 0.9
    assert max(lost) < 0.5


def test_asymmetric_couplings_cycle_where_symmetric_ones_come_to_rest():
    X = ms.patterns.independent(6, 300, generator=0)
    memory = ms.memories.Temporal(torch.cat([X, X[:1]]))  # the first pattern again closes the cycle
    replay = memory.replay(X[0], steps=600)
    assert torch.equal(replay.states[::6], X[:1].expand(101, -1))
    assert not isinstance(memory, EnergyMemory | Memory)
    K = memory.transitions.double()
    with pytest.raises(InputError, match="symmetric"):
        ms.memories.Quadratic(K)
    s = replay.states[:13].double()  # -s'Ks/2 comes back to where it was: it is no energy that falls
    values = -0.5 * (s @ K.T * s).sum(-1)
    assert bool((values.diff() > 0).any())
    assert torch.allclose(values[:7], values[6:])
    symmetric = ms.memories.Quadratic((K + K.T) / 2)
    rest = symmetric.recall(X, generator=0, trace=True)
    assert (rest.trace.energy.diff(dim=1) <= 1e-9).all()
    assert (rest.status <= ms.Status.TIED).all()


def test_sequences_are_stored_side_by_side_forgotten_whole_and_saved(tmp_path):
    first, second, third = (ms.patterns.independent(5, 300, generator=seed) for seed in range(3))
    memory = ms.memories.Temporal(units=300).store(first).store(second).store(third)
    cues = torch.stack([first[0], second[0], third[0]])
    assert memory.replay(cues, 4).match.tolist() == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]
    memory.save(tmp_path / "m.safetensors")
    loaded = ms.load(tmp_path / "m.safetensors")
    assert torch.equal(loaded.transitions, memory.transitions)
    rest = ms.memories.Temporal(first).store(third)
    assert torch.equal(memory.forget(1).transitions, rest.transitions)
    assert torch.equal(memory.successor, rest.successor)
    assert memory.replay(second[0], 4).match.tolist()[1:] == [-1] * 4
    assert len(memory.forget([0, 1])) == 0


def test_bad_input_is_refused():
    X = ms.patterns.independent(3, 50, generator=0)
    memory = ms.memories.Temporal(X)
    with pytest.raises(InputError, match="at least two"):
        memory.store(X[:1])
    with pytest.raises(SpaceError):
        memory.store(X * 0.5)
    with pytest.raises(InputError, match="50 units"):
        memory.replay(torch.ones(49), 3)
    with pytest.raises(InputError, match="steps"):
        memory.replay(X, 0)
    with pytest.raises(InputError, match="empty"):
        ms.memories.Temporal(units=5).replay(torch.ones(5), 1)
    with pytest.raises(InputError, match="above 1"):
        ms.memories.Temporal(X, drive=1.0)
