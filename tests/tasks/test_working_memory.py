"""Ten tasks of working memory: a perfect store answers all of them, a blurred one fails as a memory does."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.tasks import evaluate
from memscape.tasks import working_memory as wm
from memscape.tasks.working_memory_stores import opened

NAMES = tuple(wm.TASKS)
BLURRED = wm.HebbStore(width=16, retention=0.8, noise=0.1)


def test_there_are_ten_and_their_names_say_that_stimuli_differ():
    assert len(NAMES) == 10
    assert all(name.endswith("-style") for name in NAMES)


@given(
    name=st.sampled_from(NAMES), half=st.integers(1, 4), delay=st.integers(0, 3), seed=st.integers(0, 2**31)
)
@settings(max_examples=60)
def test_a_table_answers_every_trial(name, half, delay, seed):
    task = wm.task(name, size=2 * half, delay=delay)
    found = evaluate(task.reader(wm.Table()), task, count=20, generator=seed)
    assert found.accuracy == 1.0
    assert found.chance < 0.6


@given(name=st.sampled_from(NAMES), seed=st.integers(0, 2**31))
@settings(max_examples=30)
def test_tokens_lie_in_the_vocabulary_and_answers_among_the_answers(name, seed):
    task = wm.task(name)
    batch = task.sample(30, generator=seed)
    assert batch.inputs.min() >= 0
    assert batch.inputs.max() < task.vocabulary
    right, (low, high) = batch.targets[batch.asked], task.answers
    assert low <= right.min()
    assert right.max() < high
    assert torch.equal(task.sample(30, generator=seed).inputs, batch.inputs)


@pytest.mark.parametrize("name", [n for n in NAMES if wm.task(n).answers[1] - wm.task(n).answers[0] == 2])
def test_yes_and_no_are_equally_frequent(name):
    batch = wm.task(name).sample(2000, generator=0)
    assert float((batch.targets[batch.asked] == 3).float().mean()) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("feature", ["colour", "orientation", "size", "gap", "conjunction"])
def test_a_change_is_in_one_feature_of_one_object(feature):
    task = wm.task("change-detection-style", size=3, feature=feature)
    batch = task.sample(200, generator=1)
    before, after = (task.item_numbers(batch.inputs[:, k : k + 6 : 2]) for k in (1, 7))
    changed = before != after
    assert torch.equal(changed.sum(-1), (batch.targets[:, -1] == 3).long())
    if feature == "conjunction":
        stride = torch.tensor([1, 8, 32, 96])
        values = [(x[changed][:, None] // stride) % torch.tensor([8, 4, 3, 2]) for x in (before, after)]
        assert ((values[0] != values[1]).sum(-1) == 1).all()


@pytest.mark.parametrize("name", NAMES)
def test_more_to_hold_is_held_worse(name):
    found = wm.span(BLURRED, name, (2, 4, 6, 8), count=300, generator=11)
    assert found.trend <= -0.8
    assert "rank correlation" in repr(found)
    assert found.to_dict()["sizes"] == [2, 4, 6, 8]


def test_waiting_and_updating_cost():
    waits = wm.span(BLURRED, "serial-recall-style", (0, 4, 8), knob="delay", size=5, count=300, generator=1)
    moves = wm.span(
        BLURRED, "spatial-updating-style", (0, 2, 4), knob="updates", size=3, count=300, generator=1
    )
    assert waits.trend == moves.trend == -1.0


def test_what_fades_is_remembered_best_when_it_came_last():
    task = wm.task("serial-recall-style", size=9)
    fading = wm.by_position(BLURRED, task, count=500, generator=0)
    lasting = wm.by_position(wm.HebbStore(16, 1.0, 0.1), task, count=500, generator=0)
    assert fading.recency >= 0.1
    assert fading.primacy < 0
    assert abs(lasting.recency) < 0.06
    assert len(lasting.table().splitlines()) == 9


def test_a_delta_store_takes_the_old_item_out_and_a_hebb_store_adds():
    for store, right in ((wm.DeltaStore(noise=0.0), True), (wm.HebbStore(), False)):
        trace = opened(store, 50, places=1, items=6, generator=0)
        for item in (4, 4, 4, 2):
            trace.write(torch.zeros(50, dtype=torch.int64), torch.full((50,), item))
        assert bool((trace.read(torch.zeros(50, 1, dtype=torch.int64)) == 2).all()) == right


def test_an_untrained_network_guesses_among_nine_items():
    task = wm.task("serial-recall-style", size=5)
    right = [
        evaluate(wm.RecurrentReader(task, 16, generator=s), task, count=60, generator=s).accuracy
        for s in range(20)
    ]
    values = torch.tensor(right)
    assert abs(float(values.mean()) - 1 / 9) < 3 * float(values.std()) / 20**0.5 + 1e-9


def test_a_network_learns_a_task():
    task = wm.task("item-recognition-style", size=2, pool=6)
    history = wm.learning_curve(
        wm.RecurrentReader(task, 24, generator=0), task, steps=150, every=50, generator=0, progress=False
    )
    assert history.watched[-1][1]["accuracy"] > history.watched[0][1]["accuracy"]
    assert history.watched[-1][1]["accuracy"] > 0.75


@pytest.mark.parametrize(
    "call",
    [
        lambda: wm.task("serial-recall"),
        lambda: wm.task("serial-recall-style", size=10),
        lambda: wm.task("spatial-coordination-style", size=3),
        lambda: wm.task("spatial-updating-style", size=9),
        lambda: wm.task("change-detection-style", feature="taste"),
        lambda: wm.task("complex-span-style", delay=-1),
        lambda: wm.HebbStore(retention=0.0),
        lambda: wm.HebbStore(width=0),
    ],
)
def test_what_does_not_fit_is_refused(call):
    with pytest.raises(InputError):
        call()
