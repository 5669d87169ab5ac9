"""Thoughts of k elements: they find the variables that the rules are about, and an energy verifies them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.cognition import RuleWorld, Workspace, rule_world
from memscape.core.errors import InputError


@given(units=st.integers(1, 8), seed=st.integers(0, 2**31), data=st.data())
def test_a_thought_has_exactly_k_elements(units, seed, data):
    k = data.draw(st.integers(1, units))
    seen = torch.randn(5, units, generator=torch.Generator().manual_seed(seed))
    thought = Workspace(units, k, generator=seed).attend(seen)
    assert ((thought.values != 0).sum(-1) == k).all()
    assert thought.units.shape == (5, k)
    assert "Thought about" in repr(thought)


def test_the_energy_has_one_term_for_each_attended_element():
    workspace = Workspace(5, 2, generator=0)
    x, later = torch.randn(2, 4, 5, generator=torch.Generator().manual_seed(0)).unbind()
    thought, energy = workspace.attend(x), workspace.verify(workspace.attend(x), later)
    rich = later @ workspace.map.T
    terms = thought.values.gather(-1, thought.units) * rich.gather(-1, thought.units)
    torch.testing.assert_close(energy, -terms.sum(-1))
    torch.testing.assert_close(-workspace(x, later).diagonal(), energy)


def test_rules_keep_what_they_are_about_and_nothing_else():
    world = rule_world(10, about=3, generator=0)
    steps = world.steps(4000, generator=1)
    after = (steps.after @ world.rotation).round()
    assert torch.equal(after[steps.kept], steps.latents[steps.kept])
    same = (after == steps.latents)[~steps.kept].double().mean()
    assert float(same) == pytest.approx(0.5, abs=0.02)


def test_thoughts_name_the_variables_of_the_rule_behind_a_rotation():
    world = rule_world(6, generator=1)
    workspace = Workspace(6, 2, generator=1)
    workspace.fit(world, steps=400, generator=1)
    steps = world.steps(1000, generator=2)
    with torch.no_grad():
        thought = workspace.attend(steps.before)
        own, other = (workspace.verify(thought, later) for later in (steps.after, steps.after.roll(1, 0)))
    latents = workspace.named(world)[thought.units]
    kept = torch.zeros_like(steps.kept).scatter_(1, latents, True)
    assert float((kept == steps.kept).all(-1).double().mean()) >= 0.8
    assert float((own[:, None] < other).double().mean()) > 0.7  # 3 of 4 differ in a bit at least


@pytest.mark.parametrize(
    "call",
    [
        lambda: Workspace(3, 4),
        lambda: Workspace(3, 0),
        lambda: rule_world(2, about=3),
        lambda: rule_world(3, salience=1.0),
        lambda: Workspace(3).fit(rule_world(4)),
        lambda: Workspace(3).attend(torch.zeros(1, 4)),
        lambda: Workspace(3).attend(torch.full((1, 3), float("nan"))),
        lambda: RuleWorld(torch.eye(3)).steps(0),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()
