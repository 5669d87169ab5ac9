import pytest
import torch

from memscape.core.errors import InputError
from memscape.mechanisms import HebbRule
from memscape.mechanisms.association import DeltaRule
from memscape.memories import Hetero
from memscape.sequence import chunk
from memscape.tasks import conditioning


def by_a_memory(rule):
    """A pattern memory as a learner: keys are stimuli, values are outcomes."""

    def learn(stimuli, outcomes):
        return Hetero(stimuli, outcomes, rule=rule).read

    return learn


def test_strength_approaches_the_outcome_exponentially():
    course = conditioning.condition(conditioning.rescorla_wagner(0.2), conditioning.acquisition(30))
    t = torch.arange(31)
    assert torch.allclose(course.strength[:, 0], 1 - 0.8 ** t.float(), atol=1e-5)


def test_what_was_learnt_is_unlearnt_when_the_outcome_stays_away():
    course = conditioning.condition(conditioning.rescorla_wagner(0.3), conditioning.extinction(30))
    assert course.after("acquisition")[0] > 0.99
    assert course.after("extinction")[0] < 0.01


def test_the_delta_rule_blocks_and_hebb_does_not():
    trials = conditioning.blocking(40)
    error_driven = conditioning.condition(by_a_memory(DeltaRule(rate=0.2)), trials).after("AB")
    hebbian = conditioning.condition(by_a_memory(HebbRule()), trials).after("AB")
    assert error_driven[1].abs() <= 0.01
    assert hebbian[1] >= 1.0


def by_a_sequence_memory(rate, erase):
    """A live state as a learner: a trial is a token, its stimuli the key and its outcome the value."""

    def learn(stimuli, outcomes):
        k, v = stimuli[None, :, None], outcomes[None, :, None]
        state = chunk(k, k, v, beta=torch.full(k.shape[:3], rate), erase=erase)[1]
        return lambda cues: cues @ state[0, 0]

    return learn


def test_the_delta_rule_of_the_sequence_layers_blocks_and_linear_attention_does_not():
    trials = conditioning.blocking(40)
    delta = conditioning.condition(by_a_sequence_memory(0.2, "key"), trials)
    linear = conditioning.condition(by_a_sequence_memory(0.2, None), trials).after("AB")
    assert delta.after("AB")[1].abs() <= 0.01
    assert delta.after("AB")[0] > 0.99
    assert linear[1] >= 1.0
    exact = conditioning.condition(conditioning.rescorla_wagner(0.2), trials).strength
    assert torch.allclose(delta.strength, exact, atol=1e-5)


def test_a_course_is_shown_phase_by_phase():
    course = conditioning.condition(conditioning.rescorla_wagner(0.2), conditioning.blocking(40))
    assert [line.split()[0] for line in course.table().splitlines()] == ["A", "AB"]
    assert course.table().splitlines()[1].split()[1:] == ["1.000", "0.000"]


def test_rescorla_and_wagner_learn_as_the_delta_rule_of_the_memories():
    trials = conditioning.extinction(15)  # one stimulus: the rule divides by the key's square
    ours = conditioning.condition(conditioning.rescorla_wagner(0.2), trials).strength
    theirs = conditioning.condition(by_a_memory(DeltaRule(rate=0.2)), trials).strength
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_a_compound_of_two_learnt_stimuli_is_over_expected():
    trials = conditioning.protocol(
        ("A", 40, (0,), 1.0), ("B", 40, (1,), 1.0), ("AB", 40, (0, 1), 1.0), stimuli=2
    )
    course = conditioning.condition(conditioning.rescorla_wagner(0.2), trials)
    assert torch.allclose(course.after("B"), torch.ones(2), atol=0.01)
    assert torch.allclose(course.after("AB"), torch.full((2,), 0.5), atol=0.01)


def test_phases_that_are_not_there_are_named():
    with pytest.raises(InputError, match="'A', 'AB'"):
        conditioning.condition(conditioning.rescorla_wagner(), conditioning.blocking(3)).after("B")
    with pytest.raises(InputError, match="there are 1"):
        conditioning.protocol(("A", 3, (1,), 1.0), stimuli=1)
    with pytest.raises(InputError, match="phase"):
        conditioning.protocol(stimuli=1)
