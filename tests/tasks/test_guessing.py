"""Ceilings of readers to whom something is hidden: the closed forms are what such readers score."""

import itertools
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape import tasks
from memscape.core.errors import InputError
from memscape.tasks.guessing import most_frequent_share, shared_share


@given(st.integers(1, 5), st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_the_most_frequent_share_is_the_mean_over_all_draws(count, values):
    draws = list(itertools.product(range(values), repeat=count))
    exact = sum(max(Counter(draw).values()) for draw in draws) / len(draws) / count
    assert most_frequent_share(count, values) == pytest.approx(exact)


@given(st.integers(1, 40), st.integers(1, 40))
@settings(max_examples=30, deadline=None)
def test_a_reader_who_must_choose_is_between_a_guess_and_right(count, values):
    share = most_frequent_share(count, values)
    assert max(1 / count, 1 / values) - 1e-9 <= share <= 1 + 1e-9
    assert share >= most_frequent_share(count + 1, values) - 1e-9


def by_values(inputs, shown, asked_from):
    """Name the most frequent of the values that were shown."""
    return inputs[:, shown].mode(-1).values[:, None].expand(-1, inputs.shape[1])


def scored(reader, task):
    return tasks.evaluate(reader, task, count=1500, generator=0).interval


def test_values_without_keys_reach_what_is_said():
    task = tasks.AssociativeRecall(pairs=6, symbols=16)
    low, high = scored(lambda x: by_values(x, slice(1, 12, 2), 12), task)
    assert low - 0.01 <= task.ceilings["values without keys"] <= high + 0.01


def test_tokens_without_their_order_reach_what_is_said():
    task = tasks.SelectiveCopy(tokens=5, length=5, symbols=6)
    low, high = scored(lambda x: by_values(x, slice(0, 5), 6), task)
    assert low - 0.01 <= task.ceilings["tokens without their order"] <= high + 0.01


def alone(task, at, value):
    """A reader of one token: the most frequent value among the places where this token stands."""

    def read(inputs):
        answers = torch.zeros_like(inputs)
        for row, tokens in enumerate(inputs.tolist()):
            for place, token in enumerate(tokens):
                found = [tokens[j] for i, j in zip(at, value, strict=True) if tokens[i] == token]
                answers[row, place] = Counter(found).most_common(1)[0][0] if found else 0
        return answers

    return read


def test_one_part_of_a_composed_key_reaches_what_is_said():
    task = tasks.CompositionalRecall(pairs=6, parts=3, values=4)
    reader = alone(task, range(1, 18, 3), range(2, 18, 3))
    found = tasks.evaluate(reader, task, count=1000, generator=0)
    assert abs(found.accuracy - task.ceilings["one part alone"]) < 0.025
    assert shared_share(9, 3, 4) == pytest.approx(most_frequent_share(3, 4))


def test_keys_without_contexts_reach_what_is_said():
    task = tasks.JointRecall(contexts=3, keys=2, values=4)
    at = [1 + c * 5 + 1 + 2 * k for c in range(3) for k in range(2)]
    found = tasks.evaluate(alone(task, at, [i + 1 for i in at]), task, count=1000, generator=0)
    assert abs(found.accuracy - task.ceilings["keys alone"]) < 0.025


def test_what_never_overwrites_reaches_what_is_said():
    task = tasks.ForgettingRecall(pairs=6, rewritten=3, symbols=16)
    found = tasks.evaluate(task.earliest, task, count=1000, generator=0)
    assert abs(found.accuracy - task.ceilings["first values alone"]) < 0.025
    assert task.ceilings["pairs without their order"] == pytest.approx(0.5 + 0.5 * most_frequent_share(2, 8))


@pytest.mark.parametrize(
    "task",
    [
        tasks.AssociativeRecall(),
        tasks.MultiQueryRecall(),
        tasks.ForgettingRecall(),
        tasks.CompositionalRecall(),
        tasks.JointRecall(),
        tasks.SelectiveCopy(),
    ],
    ids=lambda task: type(task).__name__,
)
def test_what_is_hidden_costs(task):
    assert task.ceilings
    for name, value in task.ceilings.items():
        assert task.chance < value < task.ceiling, name
    for name, reader in task.baselines().items():
        assert tasks.evaluate(reader, task, count=50, generator=0).accuracy > task.chance, name


def test_nothing_to_choose_from_is_refused():
    with pytest.raises(InputError, match="count"):
        most_frequent_share(0, 3)
