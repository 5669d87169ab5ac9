"""The tensor brain: one index layer perceives, remembers episodes, and knows what is usual."""

from functools import cache

import pytest
import torch

import memscape as ms
from memscape.cognition import Scenes, TensorBrain, scenes
from memscape.core.errors import InputError

NOISE = 0.5


@cache
def trained() -> tuple[TensorBrain, Scenes]:
    world = scenes(entities=8, predicates=3, episodes=30, senses=20, generator=0)
    brain = TensorBrain(8, 3, 30, width=32, senses=20, generator=0)
    brain.fit(world.triples, world.looks, noise=NOISE, steps=700, batch=60, generator=0)
    return brain, world


def right(decoded: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((decoded == wanted).all(-1).double().mean())


def test_scenes_are_perceived_through_noise_and_recalled_from_their_index_alone():
    brain, world = trained()
    views = world.views(world.triples, NOISE, generator=1)
    assert right(brain.perceive(views).triples, world.triples) >= 0.97
    assert right(brain.recall_episode(torch.arange(30)).triples, world.triples) >= 0.97


def test_what_is_imagined_is_as_usual_as_it_was():
    brain, world = trained()
    drawn = brain.imagine(5000, generator=0).triples
    known = (world.relation[drawn[:, 0], drawn[:, 1]] == drawn[:, 2]).double().mean()
    assert known > 0.9
    seen = torch.bincount(world.triples[:, 0], minlength=8) / 30
    found = torch.bincount(drawn[:, 0], minlength=8) / 5000
    assert 0.5 * (seen - found).abs().sum() < 0.15


def test_chances_of_all_triples_add_up_to_one():
    brain, _ = trained()
    every = torch.cartesian_prod(torch.arange(8), torch.arange(8), torch.arange(3))
    logs = brain.likelihood(torch.zeros(3, len(every), 32), every).detach()
    assert float(logs.exp().sum()) == pytest.approx(1, abs=1e-4)


def test_erasing_an_episode_takes_it_and_leaves_perception_bit_equal():
    brain, world = trained()
    other = TensorBrain(8, 3, 30, width=32, senses=20, generator=0)
    other.load_state_dict(brain.state_dict())
    views, rest = world.views(world.triples, NOISE, generator=2), [t for t in range(30) if t != 4]
    other.erase(4)
    before, after = brain.perceive(views), other.perceive(views)
    assert torch.equal(before.probability, after.probability)
    assert torch.equal(brain.recall_episode(rest).probability, other.recall_episode(rest).probability)
    gone = other.likelihood(other.remembered([4]), world.triples[[4]])
    usual = other.likelihood(torch.zeros(3, 1, 32), world.triples[[4]])
    assert torch.equal(gone, usual)  # nothing is left but what is usual


def test_choosing_an_index_is_a_retrieval_step_of_a_log_sum_exp_memory():
    brain, _ = trained()
    q = torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        rows = brain.rows[:8]
        shares = (torch.tanh(q) @ rows.T + brain.prior[:8]).softmax(-1)
    memory = brain.as_memory()
    one_step = memory.recall(torch.tanh(q), max_steps=1).state
    torch.testing.assert_close(one_step, shares @ rows)


def test_a_mask_is_never_broken():
    brain, _ = trained()
    allowed = torch.rand(8, 8, 3, generator=torch.Generator().manual_seed(1)) < 0.1
    for seed in (None, 3):
        out = brain.decode(
            torch.randn(3, 400, 32, generator=torch.Generator().manual_seed(2)) * 3,
            allowed=allowed,
            generator=seed,
        ).triples
        assert allowed[out.unbind(-1)].all()


def test_it_is_kept_in_a_file(tmp_path):
    brain, _ = trained()
    brain.save(tmp_path / "brain.safetensors")
    loaded = ms.load(tmp_path / "brain.safetensors")
    assert torch.equal(loaded.recall_episode(3).triples, brain.recall_episode(3).triples)
    assert "episodes" in repr(loaded)
    assert "TensorBrain" in ms.catalogue()


@pytest.mark.parametrize(
    "call",
    [
        lambda b: TensorBrain(0, 1, 1),
        lambda b: TensorBrain(2, 2, 2, senses=-1),
        lambda b: b.recall_episode(30),
        lambda b: b.recall_episode(-1),
        lambda b: b.erase(99),
        lambda b: b.perceive(torch.zeros(3)),
        lambda b: b.perceive(torch.full((1, 40), float("nan"))),
        lambda b: TensorBrain(2, 1, 1, width=4, generator=0).perceive(torch.zeros(1, 2)),
        lambda b: b.fit([[0, 99, 0]]),
        lambda b: b.fit([[0, 1]]),
        lambda b: b.fit(torch.zeros(31, 3)),
        lambda b: b.fit([[0, 1, 0]], torch.zeros(2, 2)),
        lambda b: b.imagine(0),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call(trained()[0])
