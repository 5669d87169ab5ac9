"""Sparsey: similar inputs get intersecting codes, one trial is enough, and beyond the capacity it fails."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapacityWarning, InputError, SpaceError
from memscape.core.memory import EnergyMemory, ForgettingMemory
from memscape.core.spaces import SparseBinary
from memscape.mechanisms import CompetitiveCode
from memscape.memories import PhaseGated, Sparsey, SparseySequence

UNITS, ACTIVE = 400, 40


def stored(count: int, seed: int = 0, **options) -> tuple[Sparsey, torch.Tensor]:
    X = ms.patterns.sparse(count, UNITS, active=ACTIVE, generator=seed)
    return Sparsey(X, generator=seed, **options), X


def sharing(X: torch.Tensor, share: float, seed: int) -> torch.Tensor:
    """Inputs that have this share of their active bits in common with X, the others elsewhere."""
    return SparseBinary(ACTIVE).corrupt(X, 1 - share, generator=seed)


@given(seed=st.integers(0, 2**31))
@settings(max_examples=10)
def test_inputs_share_as_much_of_their_codes_as_of_their_bits(seed):
    memory, X = stored(10, seed)
    shared = [
        float(
            torch.stack(
                [memory.code.overlap(memory.draw(sharing(X, o, seed + i), i), memory.codes) for i in range(8)]
            ).mean()
        )
        for o in (0, 0.25, 0.5, 0.75, 1)
    ]
    assert shared[0] == pytest.approx(1 / 8, abs=0.06)
    assert shared[1] < shared[2] < shared[3] < shared[4] + 0.03
    assert shared[4] > 0.85


@given(seed=st.integers(0, 2**31))
@settings(max_examples=5)
def test_below_capacity_every_code_comes_back_and_damage_is_mended(seed):
    memory, X = stored(20, seed)
    known = memory.recognise(X)
    assert torch.equal(known.code, memory.codes)
    assert (known.familiarity == 1).all()
    damaged = memory.recognise(sharing(X, 0.75, seed))
    assert (damaged.match == torch.arange(20)).float().mean() >= 0.9
    assert (memory.recall(sharing(X, 0.75, seed)).match == torch.arange(20)).float().mean() >= 0.9


@pytest.mark.filterwarnings("ignore::memscape.core.errors.CapacityWarning")
def test_beyond_its_capacity_new_inputs_look_familiar_and_recall_fails():
    memory, X = stored(100)
    new = ms.patterns.sparse(100, UNITS, active=ACTIVE, generator=1)
    assert memory.code.overlap(memory.recognise(X).code, memory.codes).mean() < 0.9
    assert memory.recognise(new).familiarity.mean() > 0.9
    assert memory.recall(sharing(X, 0.75, 2)).exact.float().mean() < 0.1
    with pytest.warns(CapacityWarning, match="coding field"):
        memory.store(new[:1])


def test_familiarity_tells_stored_inputs_from_new_ones():
    memory, X = stored(25)
    new = ms.patterns.sparse(200, UNITS, active=ACTIVE, generator=1)
    assert memory.recognise(X).familiarity.min() > memory.recognise(new).familiarity.max()


def test_a_code_without_familiarity_keeps_nothing_of_similarity():
    """The control: winners drawn evenly, whatever the input."""
    memory, X = stored(10, code=CompetitiveCode(24, 8, gain=0.0))
    shared = memory.code.overlap(memory.draw(X.repeat(20, 1), 1), memory.codes.repeat(20, 1)).mean()
    assert float(shared) == pytest.approx(1 / 8, abs=0.02)


def test_it_keeps_the_laws():
    made = ms.testing.check_memory(lambda X: Sparsey(X, generator=1))
    assert {"forgetting", "piece by piece", "knows what it does not know"} <= {check.name for check in made}
    memory, _ = stored(3)
    assert isinstance(memory, ForgettingMemory)
    assert not isinstance(memory, EnergyMemory)
    assert isinstance(memory.as_memory(), EnergyMemory)


def test_weights_are_bits_and_storing_again_changes_no_weight_that_is_on():
    memory, X = stored(10)
    before = memory.weights.clone()
    memory.store(X[0])
    assert set(memory.weights.unique().tolist()) == {0.0, 1.0}
    assert (memory.weights >= before).all()


def test_a_recognition_explains_itself():
    memory, X = stored(4)
    known = memory.recognise(X)
    assert "4 inputs" in repr(known)
    assert known.to_dict()["match"] == [0, 1, 2, 3]
    empty = Sparsey(units=UNITS, generator=0).recognise(X[0])
    assert (int(empty.match), float(empty.familiarity)) == (-1, 0.0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: Sparsey(),
        lambda: Sparsey(units=10, groups=0),
        lambda: Sparsey(units=10, size=1),
        lambda: Sparsey(torch.full((1, 5), 0.5)),
        lambda: Sparsey(units=10, generator=0).recognise(torch.ones(9)),
        lambda: Sparsey(units=10, generator=0).store(torch.full((10,), float("nan"))),
        lambda: Sparsey(units=10, generator=0).as_memory(),
        lambda: SparseySequence(units=10, active=2).replay(torch.ones(10), 1),
        lambda: SparseySequence(units=10, active=0),
        lambda: SparseySequence(units=10, active=11),
        lambda: Sparsey(units=10, active=11),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()


def test_inputs_of_unequal_size_are_refused():
    with pytest.raises(SpaceError, match="exactly 1"):
        Sparsey(torch.tensor([[1.0, 0, 0], [1, 1, 0]]), generator=0)


def test_sequences_are_replayed_from_their_first_frames_alone():
    frames = ms.patterns.sparse(40, 200, active=20, generator=0).reshape(4, 10, 200)
    memory = SparseySequence(units=200, active=20, generator=0)
    for sequence in frames:
        memory.store(sequence)
    replay = memory.replay(frames[:, 0], steps=9)
    assert torch.equal(replay.match, torch.arange(40).reshape(4, 10))


def test_one_frame_has_another_code_in_another_sequence():
    """What comes next depends on what came before: A B C and D B E share the frame B."""
    A, B, C, D, E = ms.patterns.sparse(5, 200, active=20, generator=3)
    memory = SparseySequence(units=200, active=20, generator=0)
    memory.store(torch.stack([A, B, C])).store(torch.stack([D, B, E]))
    states = memory.replay(torch.stack([A, D]), steps=2).states
    assert torch.equal(states[0], torch.stack([A, B, C]))
    assert torch.equal(states[1], torch.stack([D, B, E]))


def test_a_sequence_memory_is_kept_in_a_file(tmp_path):
    frames = ms.patterns.sparse(10, 100, active=10, generator=0)
    memory = SparseySequence(units=100, active=10, groups=12, size=16, generator=0).store(frames)
    memory.save(tmp_path / "frames.safetensors")
    loaded = ms.load(tmp_path / "frames.safetensors")
    first, second = (m.replay(frames[0], 9) for m in (memory, loaded))
    assert torch.equal(first.states, second.states)
    assert len(ms.as_memory(loaded)) == 10  # its frames are wells


def test_what_is_stored_keeps_no_graph():
    ones = ms.patterns.sparse(4, 60, active=6, generator=0).float().requires_grad_()
    signs = ms.patterns.independent(4, 60, generator=0).float().requires_grad_()
    for memory in (Sparsey(units=60, active=6), SparseySequence(units=60, active=6, size=8)):
        assert not memory.store(ones).weights.requires_grad
    assert not PhaseGated(units=60).store(signs).transitions.requires_grad
