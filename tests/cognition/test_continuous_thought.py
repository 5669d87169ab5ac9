"""Thinking in ticks: units with private pasts, answers from synchrony, an end when it is sure."""

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.cognition import ContinuousThought
from memscape.cognition.continuous_thought import Anatomy
from memscape.cognition.pondering import halting_certainty, sureness, surest, two_ticks
from memscape.core.errors import InputError

seeds = st.integers(0, 2**31)


def small(seed: int = 0, **settings) -> ContinuousThought:
    anatomy = Anatomy(units=12, width=8, pairs=3)
    sizes: dict[str, Any] = {
        "tokens": 3,
        "inputs": 2,
        "classes": 4,
        "ticks": 4,
        "anatomy": anatomy,
    } | settings
    return ContinuousThought(**sizes, generator=seed)


def tokens(seed: int = 0, count: int = 5) -> torch.Tensor:
    return torch.randn(count, 3, 2, generator=torch.Generator().manual_seed(seed))


@given(seed=seeds, enough=st.floats(0, 1))
def test_ending_early_changes_nothing_before_the_end(seed, enough):
    """Rows that go on see the same logits as if none had ended; no row goes on once it is sure."""
    machine, x = small(seed), tokens(seed)
    full, halted = machine.think(x), machine.think(x, enough=enough)
    spent = ~halted.certainty.isnan()
    torch.testing.assert_close(halted.logits[spent], full.logits[spent])
    first = torch.where((full.certainty >= enough).any(1), (full.certainty >= enough).int().argmax(1) + 1, 4)
    assert torch.equal(halted.ticks, first)
    assert halted.saved == pytest.approx(1 - float(first.double().mean()) / 4)


def test_the_forward_pass_is_the_thought():
    machine, x = small(questions=2), tokens()
    torch.testing.assert_close(machine(x).detach(), machine.think(x).logits)


def test_a_private_past_is_private():
    """A change in one unit's history moves that unit and no other."""
    machine = small()
    history = torch.randn(1, 12, 5, generator=torch.Generator().manual_seed(0))
    other = history.clone()
    other[:, 7] += 1
    moved = (machine._private(other) - machine._private(history)).detach()[0]
    assert moved[7] != 0
    assert torch.equal(moved[torch.arange(12) != 7], torch.zeros(11))


def test_every_weight_is_learnt():
    machine = small(ticks=3)
    two_ticks(machine(tokens()), torch.zeros(5, 1, dtype=torch.int64)).backward()
    assert [name for name, p in machine.named_parameters() if p.grad is None or not bool(p.grad.any())] == []


@given(seed=seeds)
def test_certainty_is_one_minus_the_entropy_and_the_surest_tick_answers(seed):
    logits = 3 * torch.randn(6, 4, 2, 3, generator=torch.Generator().manual_seed(seed))
    shares = logits.softmax(-1)
    direct = 1 + (shares * shares.log()).sum(-1).mean(-1) / math.log(3)
    torch.testing.assert_close(sureness(logits), direct, atol=1e-5, rtol=1e-4)
    found = surest(logits)
    assert torch.equal(found.picked, direct.argmax(1))
    assert torch.equal(found.answers[0], logits[0, found.picked[0]].argmax(-1))


@given(seed=seeds, loss=st.sampled_from([0.0, 0.2, 1.0]))
def test_the_halting_certainty_is_the_least_that_keeps_the_accuracy(seed, loss):
    drawn = torch.Generator().manual_seed(seed)
    logits, wanted = 3 * torch.randn(6, 4, 1, 3, generator=drawn), torch.randint(3, (6, 1), generator=drawn)

    def right(limit: float) -> float:
        course = logits.clone()
        for row, sure in enumerate(sureness(logits)):
            ended = (sure >= limit).nonzero().flatten()
            course[row, int(ended[0]) + 1 if len(ended) else 4 :] = math.nan
        return float(surest(course).right(wanted).double().mean())

    limit, full = halting_certainty(logits, wanted, loss), right(2.0)
    assert right(limit) >= full - loss
    lower = [value for value in sureness(logits).flatten().tolist() if value < limit]
    assert all(right(value) < full - loss for value in lower)


def test_it_learns_which_token_is_marked():
    """A token of three is marked; four ticks and 150 steps name it."""
    drawn = torch.Generator().manual_seed(0)
    wanted = torch.randint(3, (200,), generator=drawn)
    x = 0.3 * torch.randn(200, 3, 2, generator=drawn)
    x[torch.arange(200), wanted, 0] += 2
    machine = small(classes=3)
    history = machine.fit(x[:150], wanted[:150], steps=150, rate=1e-2, generator=0, progress=False)
    assert history.losses[-1] < history.losses[0] / 2
    thought = machine.think(x[150:])
    assert float(thought.right(wanted[150:]).double().mean()) > 0.9
    enough = machine.enough(x[150:], wanted[150:])
    assert 0 < enough <= 1
    assert "Pondering of 50 inputs" in repr(thought)
    assert thought.to_dict()["answers"][0] == thought.answers[0].tolist()


def test_the_same_seed_gives_the_same_machine():
    assert torch.equal(small(3)(tokens()), small(3)(tokens()))
    assert not torch.equal(small(3)(tokens()), small(4)(tokens()))


@pytest.mark.parametrize(
    "call",
    [
        lambda: small(classes=0),
        lambda: Anatomy(heads=3),
        lambda: Anatomy(units=0),
        lambda: small(ticks=0),
        lambda: small().think(torch.zeros(1, 4, 2)),
        lambda: small().think(torch.full((1, 3, 2), math.nan)),
        lambda: small().think(tokens(), enough=1.5),
        lambda: small().fit(tokens(), torch.tensor([0, 1, 2, 3, 4])),
        lambda: small().fit(tokens(), torch.tensor([0])),
        lambda: small().enough(tokens(), torch.zeros(5), loss=-0.1),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()
