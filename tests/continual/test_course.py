"""A sequence of tasks.

Its numbers, its streams, what rehearsal draws, and that guards help where nets forget.
"""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from memscape.continual import (
    Course,
    Fading,
    Lateral,
    PowerLaw,
    Recent,
    Rehearsal,
    Singular,
    SubspaceGuard,
    Task,
    Uniform,
    learn,
    permuted,
    split,
)
from memscape.core.errors import InputError
from memscape.patterns import digits

SCHEDULES = [PowerLaw(1.0), PowerLaw(0.5), Fading(1.0), Fading(0.1), Recent(), Uniform()]


def base():
    images, labels = digits()
    images = images.flatten(1)
    return Task(images[:1200], labels[:1200], images[1200:], labels[1200:], "digits")


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
@given(learned=st.integers(1, 200))
def test_probabilities_sum_to_one_and_never_fall_towards_the_present(schedule, learned):
    share = schedule.probabilities(learned)
    assert share.shape == (learned,)
    assert float(share.sum()) == pytest.approx(1, abs=1e-5)
    assert bool((share.diff() >= -1e-7).all())


@given(st.integers(2, 50), st.floats(0.2, 3.0))
def test_a_power_law_keeps_the_ratio_of_its_lags(learned, exponent):
    share = PowerLaw(exponent).probabilities(learned)
    assert float(share[0] / share[-1]) == pytest.approx(learned**-exponent, rel=1e-4)


@given(st.integers(1, 9), st.integers(1, 99), st.integers(0, 99))
def test_rehearsal_draws_as_many_rows_as_asked_from_tasks_of_the_past(tasks, count, seed):
    sizes = list(range(5, 5 + tasks))
    rows = Rehearsal(Uniform(), count).rows(sizes, generator=seed)
    assert sum(map(len, rows)) == count
    assert all(int(r.max()) < size for r, size in zip(rows, sizes, strict=True) if len(r))
    again = Rehearsal(Uniform(), count).rows(sizes, generator=seed)
    assert all(torch.equal(a, b) for a, b in zip(rows, again, strict=True))


def test_a_permuted_task_is_the_same_images_in_another_order():
    tasks = permuted(base(), 3, size=100, test_size=50, generator=0)
    assert torch.equal(tasks[1].labels, tasks[0].labels)
    assert torch.equal(tasks[1].inputs.sort(1).values, tasks[0].inputs.sort(1).values)
    assert not torch.equal(tasks[1].inputs, tasks[2].inputs)
    # one order for learning and testing: a pixel's mean stays where the order puts it
    first, second = (torch.cat([t.inputs, t.test_inputs]) for t in tasks[:2])
    assert torch.allclose(first.mean(0).sort().values, second.mean(0).sort().values)


def test_split_tasks_share_no_class_and_miss_no_row():
    tasks = split(base(), [[0, 1], [2, 3, 4], [5, 6, 7, 8, 9]])
    assert sum(len(t.labels) for t in tasks) == 1200
    assert [sorted(set(t.labels.tolist())) for t in tasks] == [[0, 1], [2, 3, 4], [5, 6, 7, 8, 9]]
    with pytest.raises(InputError, match="no row of class 11"):
        split(base(), [[11]])


def test_the_numbers_of_a_course_are_those_of_their_definition():
    R = torch.tensor([[0.9, 0.3, 0.1], [0.7, 0.8, 0.2], [0.5, 0.7, 0.9]])
    course = Course(R, torch.tensor([0.1, 0.1, 0.1]), ("a", "b", "c"), 0)
    assert course.acc == pytest.approx(0.7)
    assert course.bwt == pytest.approx(((0.5 - 0.9) + (0.7 - 0.8)) / 2)
    assert course.fwt == pytest.approx(((0.3 - 0.1) + (0.2 - 0.1)) / 2)
    assert course.last == pytest.approx(0.9)
    cut = Course(
        torch.where(torch.arange(3)[:, None] < 2, R, torch.nan),
        course.before,
        course.names,
        0,
        complete=False,
    )
    assert cut.learned == 2
    assert cut.acc == pytest.approx(0.75)
    assert cut.bwt == pytest.approx(-0.2)
    assert "ended early" in repr(cut)
    assert course.to_dict()["acc"] == course.acc
    assert course.table().count("\n") == 4


def net(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 100), nn.ReLU(), nn.Linear(100, 10)
        )


def sgd(parameters):
    return torch.optim.SGD(parameters, lr=0.1, momentum=0.9)


def run(**options):
    model = net(0)
    tasks = permuted(base(), 3, size=400, test_size=300, generator=0)
    if "basis" in options:
        options["guard"] = SubspaceGuard(model, options.pop("basis"), generator=0)
    return learn(model, tasks, sgd, epochs=8, generator=1, progress=False, **options)


def test_guards_and_rehearsal_keep_what_a_plain_run_forgets():
    plain, again = run(), run()
    assert torch.equal(plain.accuracy, again.accuracy)
    singular, hebbian = run(basis=Singular(rank=20)), run(basis=Lateral(rank=20))
    rehearsed = run(rehearsal=Rehearsal(PowerLaw(1.0), 100))
    assert plain.bwt < -0.1
    for course in (singular, hebbian, rehearsed):
        assert course.bwt > plain.bwt / 2
        assert course.acc > plain.acc


def test_ctrl_c_keeps_the_tasks_that_are_finished():
    import os
    import signal

    def stop(done, total, text):
        os.kill(os.getpid(), signal.SIGINT)

    tasks = permuted(base(), 3, size=50, test_size=50, generator=0)
    course = learn(net(0), tasks, sgd, generator=1, progress=stop)
    assert not course.complete
    assert course.learned == 1


def test_nothing_to_learn_and_wrong_schedules_are_refused():
    with pytest.raises(InputError, match="no tasks"):
        learn(net(0), [], sgd)
    with pytest.raises(InputError, match="exponent is 0"):
        PowerLaw(0)
    with pytest.raises(InputError, match="count is 0"):
        Rehearsal(Uniform(), 0)


def test_tasks_that_cannot_be_learned_are_refused():
    x, y = torch.ones(4, 3), torch.zeros(4, dtype=torch.long)
    with pytest.raises(InputError, match="4 inputs and 3 labels"):
        Task(x, y[:3], x, y)
    with pytest.raises(InputError, match="0 inputs and 0 test_labels"):
        Task(x, y, x[:0], y[:0])
    with pytest.raises(InputError, match="no finite number"):
        learn(nn.Linear(3, 2), [Task(x * torch.nan, y, x, y)], lambda p: torch.optim.SGD(p, lr=0.1))
