"""Two memories for inference: exactly k writers per slot, outer products that decay, two reads."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape.cognition import PMI, RelationReader
from memscape.core.errors import InputError
from memscape.tasks import ObjectQuestions


def perceptions(seed, m=5, d=8):
    return torch.randn(3, m, d, generator=torch.Generator().manual_seed(seed))


@given(slots=st.integers(1, 6), seed=st.integers(0, 2**31), data=st.data())
@settings(max_examples=30)
def test_exactly_k_writers_reach_each_slot(slots, seed, data):
    k = data.draw(st.integers(1, slots))
    held = PMI(8, slots, k=k, generator=seed)(perceptions(seed))[1]
    assert ((held.shares > 0).sum(-1) == k).all()
    assert held.writers == k
    torch.testing.assert_close(held.shares.sum(-1), torch.ones(3, slots))


@given(seed=st.integers(0, 2**31), retention=st.floats(0.0, 1.0))
@settings(max_examples=20)
def test_the_long_term_memory_is_the_decayed_sum_of_outer_products(seed, retention):
    memory = PMI(8, 3, k=2, retention=retention, generator=seed)
    held, direct = memory.start(3), torch.zeros(3, 3, memory.summaries, 8)
    for t in range(4):
        held = memory.write(perceptions(seed + t), held)
        summary = memory.summary(held.working).tanh()
        direct = retention * direct + torch.einsum("bnc,bnd->bncd", summary, held.working)
    torch.testing.assert_close(held.lasting, direct)


def test_writing_leaves_the_given_memories_as_they_are():
    memory = PMI(8, 3, k=2, generator=0)
    held = memory.write(perceptions(0), memory.start(3))
    before = held.working.clone(), held.lasting.clone()
    memory.write(perceptions(1), held)
    assert torch.equal(held.working, before[0])
    assert torch.equal(held.lasting, before[1])


def test_with_a_share_of_one_the_long_term_memory_is_left_out():
    memory = PMI(8, 3, k=2, generator=0)
    understood, held = memory(perceptions(0), alpha=1.0)
    assert torch.equal(understood, memory.now(perceptions(0), held.working))
    assert not torch.allclose(understood, memory.read(perceptions(0), held))
    assert "2 writers" in repr(held)
    assert set(held.to_dict()) == {"working", "lasting", "shares"}


def test_every_part_learns():
    memory = PMI(8, 3, k=2, generator=0)
    memory(perceptions(0), memory.write(perceptions(1), memory.start(3)))[0].sum().backward()
    silent = {"now.key.bias", "long.key.bias", "joint.key.bias", "key.bias"}  # a softmax does not see them
    learns = {
        name for name, p in memory.named_parameters() if p.grad is not None and (p.grad.abs() > 1e-8).any()
    }
    assert set(dict(memory.named_parameters())) - learns <= silent


def test_a_reader_learns_questions_about_single_objects():
    task = ObjectQuestions(3)
    reader = RelationReader(PMI(16, 4, k=2, generator=0), objects=3, width=16, hidden=32, generator=0)
    before = reader.answered(task, count=400, generator=1)
    reader.fit(task, steps=60, generator=0, progress=False)
    after = reader.answered(task, count=400, generator=1)
    assert after.single > before.single + 0.2
    assert "of relations" in repr(after)
    assert len(after.to_dict()["accuracy"]) == 6


def test_the_same_seed_gives_the_same_reader():
    scenes = ObjectQuestions().sample(4, generator=0)
    one, other = (RelationReader(PMI(16, generator=1), width=16, generator=2)(scenes) for _ in range(2))
    assert torch.equal(one, other)


def test_new_slots_choose_their_writers_as_if_each_drew_on_its_own():
    """k of m writers each: two slots share k / m of them. Slots that are too short share far more."""
    seen = torch.nn.functional.layer_norm(perceptions(0, m=12, d=32), (32,))
    sets = torch.stack([PMI(32, k=4, generator=seed)(seen)[1].shares > 0 for seed in range(4)]).float()
    shared = (sets @ sets.transpose(-1, -2) / 4)[..., ~torch.eye(8, dtype=torch.bool)].mean()
    assert float(shared) == pytest.approx(4 / 20, abs=0.1)


@pytest.mark.parametrize(
    "call",
    [
        lambda: PMI(8, 3, k=4),
        lambda: PMI(8, 0),
        lambda: PMI(9, heads=4),
        lambda: PMI(8, retention=1.5),
        lambda: PMI(8)(torch.ones(1, 2, 7)),
        lambda: PMI(8, generator=0)(torch.ones(1, 2, 8), alpha=2.0),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()
