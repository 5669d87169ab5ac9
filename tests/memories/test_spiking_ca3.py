"""CA3 in spikes: 56 cells learn in 3 ticks, answer after 5, and forget only with the heterosynaptic term."""

from dataclasses import replace

import pytest
import torch

import memscape as ms
from memscape.core.errors import InputError
from memscape.memories import SpikingCA3
from memscape.memories.spiking_ca3 import RULE

BITS = 10


def content(*bits: int) -> torch.Tensor:
    x = torch.zeros(BITS)
    x[list(bits)] = 1
    return x


ORTHOGONAL = torch.stack([content(0, 1), content(2, 3), content(4, 5), content(6, 7)])
OVERLAPPING = torch.stack([content(0, 1, 2), content(2, 3, 4), content(4, 5, 6), content(6, 7, 0)])


def learnt(X: torch.Tensor, **rule: float) -> SpikingCA3:
    return SpikingCA3(5, BITS, rule=replace(RULE, **rule)).associate(range(len(X)), X)


@pytest.mark.parametrize("X", [ORTHOGONAL, OVERLAPPING], ids=["orthogonal", "overlapping"])
def test_four_memories_come_back_from_their_cues_after_five_ticks(X):
    memory = learnt(X)
    assert memory.cells == 56
    for _ in range(2):  # recalls move the weights, and must not break what they recall
        for cue, wanted in enumerate(X):
            record = memory.read(cue)
            assert torch.equal(record.contents.float(), wanted)
            assert record.cues.nonzero()[:, 0].tolist() == [cue]
            assert abs(record.latency - 5) <= 1


@pytest.mark.parametrize("X", [ORTHOGONAL, OVERLAPPING], ids=["orthogonal", "overlapping"])
def test_a_bit_calls_every_cue_whose_content_has_it(X):
    memory = learnt(X)
    for bit in range(BITS):
        record = memory.recall_by_content(content(bit))
        assert torch.equal(record.cues[:4], X[:, bit] > 0)
        assert record.latency in ((4, 5, 6) if X[:, bit].any() else (-1,))


@pytest.mark.parametrize("X", [ORTHOGONAL, OVERLAPPING], ids=["orthogonal", "overlapping"])
def test_relearning_forgets_with_the_heterosynaptic_term_and_adds_up_without(X):
    new = content(8, 9)
    forgot, added = learnt(X).associate(1, new), learnt(X, rival=0.0).associate(1, new)
    assert torch.equal(forgot.read(1).contents.float(), new)
    assert torch.equal(added.read(1).contents.float(), torch.maximum(new, X[1]))
    for cue in (0, 2, 3):
        assert torch.equal(forgot.read(cue).contents.float(), X[cue])
    assert not forgot.recall_by_content(content(3)).cues.any()


def test_silence_stays_silence():
    memory = learnt(ORTHOGONAL)
    before = memory.to_contents.clone(), memory.to_cues.clone()
    record = memory.run(torch.zeros(1, 56), 20)
    assert not record.spikes.any()
    assert torch.equal(memory.to_contents, before[0])
    assert torch.equal(memory.to_cues, before[1])


def test_a_cue_that_was_never_learnt_calls_nothing():
    assert not learnt(ORTHOGONAL).read(4).contents.any()


def test_it_is_kept_in_a_file(tmp_path):
    memory = learnt(OVERLAPPING)
    memory.save(tmp_path / "ca3.safetensors")
    loaded = ms.load(tmp_path / "ca3.safetensors")
    assert torch.equal(loaded.read(2).contents.float(), OVERLAPPING[2])
    assert loaded.rule == memory.rule
    assert (loaded.floor, loaded.silencing) == (memory.floor, memory.silencing)


def test_its_contents_are_wells_whose_landscape_can_be_measured():
    memory = learnt(OVERLAPPING).associate(1, content(8, 9))
    weights = memory.to_contents.clone()
    wells = ms.as_memory(memory)
    wanted = OVERLAPPING.clone()
    wanted[1] = content(8, 9)
    assert torch.equal((wells.patterns > 0).float(), wanted)
    assert wells.recall(wells.patterns.float()).exact.all()
    assert torch.equal(memory.to_contents, weights)  # a copy was asked
    with pytest.raises(InputError, match="empty"):
        ms.as_memory(SpikingCA3(2, 3))


def test_a_record_explains_itself():
    record = learnt(ORTHOGONAL).read(0)
    assert "cues [0] and contents [0, 1]" in repr(record)
    assert len(record.table().splitlines()) == 56
    assert record.to_dict()["latency"] == 5


@pytest.mark.parametrize(
    "call",
    [
        lambda m: m.associate(7, ORTHOGONAL[0]),
        lambda m: m.associate([0, 1], ORTHOGONAL[0]),
        lambda m: m.associate(0, torch.zeros(BITS)),
        lambda m: m.associate(0, torch.ones(3)),
        lambda m: m.read(-1),
        lambda m: m.associate([float("nan")], ORTHOGONAL[:1]),
        lambda m: m.recall_by_content(torch.full((BITS,), 0.5)),
        lambda m: m.run(torch.zeros(1, 3), 5),
        lambda m: SpikingCA3(0, 10),
        lambda m: SpikingCA3(2, 3, floor=1.0),
        lambda m: SpikingCA3(2, 3, silencing=-1.0),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call(SpikingCA3(5, BITS))


def test_numbers_of_any_width_give_the_same_spikes():
    content = [0, 1, 0, 0, 1, 0, 0, 1, 0, 0]
    narrow, wide = (SpikingCA3().to(kind).associate(2, content).read(2) for kind in (None, torch.float64))
    assert torch.equal(narrow.spikes, wide.spikes)
