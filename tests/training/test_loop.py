"""The loop: the same seed gives the same run, broken or not; Ctrl-C returns what is finished."""

import os
import signal

import pytest
import torch
from torch import nn

from memscape.core.errors import DivergedError, FileFormatError, InputError
from memscape.training import Minibatches, train

DATA = torch.randn(40, 3, generator=torch.Generator().manual_seed(0))


class Noisy(nn.Module):
    """A line with a buffer that moves, so that a checkpoint has all three kinds of state."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(3))
        self.register_buffer("seen", torch.zeros(()))


def loss(module, batch, generator):
    module.seen += len(batch)
    noise = 0.1 * torch.randn(len(batch), generator=generator)
    return (batch @ module.weight - batch.sum(-1) + noise).square().mean()


def run(steps, optimizer=torch.optim.Adam, module=None, **options):
    module = module or Noisy()
    history = train(
        module,
        loss,
        Minibatches(DATA, 8, seed=1),
        optimizer=optimizer(module.parameters(), lr=0.05),
        steps=steps,
        **({"generator": 7, "progress": False} | options),
    )
    return module, history


@pytest.mark.parametrize(
    "optimizer", [torch.optim.Adam, torch.optim.AdamW, lambda p, lr: torch.optim.SGD(p, lr=lr, momentum=0.9)]
)
def test_a_resumed_run_is_bit_for_bit_the_run_that_was_not_broken(optimizer, tmp_path):
    options = {
        "schedule": lambda step: 1 / (1 + step),
        "clip": 1.0,
        "every": 4,
        "watch": lambda m: {"n": m.seen},
    }
    whole, history = run(12, optimizer, **options)
    path = tmp_path / "run.safetensors"
    run(7, optimizer, checkpoint=path, **options)
    resumed, rest = run(12, optimizer, checkpoint=path, resume=path, **(options | {"generator": 99}))
    assert torch.equal(resumed.weight, whole.weight)
    assert torch.equal(resumed.seen, whole.seen)
    assert torch.equal(rest.losses, history.losses)
    assert rest.seed == history.seed == 7
    assert history.watched == [(4, {"n": 32.0}), (8, {"n": 64.0}), (12, {"n": 96.0})]


def test_the_same_seed_gives_the_same_run_and_the_global_one_is_left_alone():
    before = torch.random.get_rng_state()
    (a, first), (b, second), (c, _) = run(9), run(9), run(9, generator=8)
    assert torch.equal(a.weight, b.weight)
    assert torch.equal(first.losses, second.losses)
    assert not torch.equal(a.weight, c.weight)
    assert torch.equal(before, torch.random.get_rng_state())


def test_ctrl_c_returns_what_is_finished_and_writes_it(tmp_path):
    path = tmp_path / "run.safetensors"

    def interrupt(done, total, text):
        if done == 5:
            os.kill(os.getpid(), signal.SIGINT)

    _, history = run(50, checkpoint=path, progress=interrupt)
    assert not history.complete
    assert 5 <= history.steps < 50
    assert "Ctrl-C" in repr(history)
    _, rest = run(20, resume=path)
    assert torch.equal(rest.losses, run(20)[1].losses)


def test_a_loss_that_is_no_number_stops_the_run_and_says_where():
    module = Noisy()

    with pytest.raises(DivergedError, match="step 2"):
        train(
            module,
            lambda m, step, g: loss(m, DATA, g) * (torch.nan if step == 2 else 1.0),
            lambda step: step,
            optimizer=_sgd(module),
            steps=9,
            generator=7,
        )
    assert torch.equal(module.weight, _whole_batches(2).weight)  # those before the step that failed
    with pytest.raises(InputError, match="steps"):
        run(0)


def _sgd(module):
    return torch.optim.SGD(module.parameters(), lr=0.1)


def _whole_batches(steps):
    module = Noisy()
    train(module, loss, lambda step: DATA, optimizer=_sgd(module), steps=steps, generator=7)
    return module


def test_a_run_ends_where_what_is_watched_is_enough_and_a_resumed_one_stays_there(tmp_path):
    path = tmp_path / "run.safetensors"
    options = {
        "watch": lambda m: {"n": m.seen},
        "every": 2,
        "until": lambda loss, found: found["n"] >= 30,
        "checkpoint": path,
    }
    module, history = run(20, **options)
    assert history.steps == 4  # 8 rows a step, looked at every second one
    assert history.complete
    assert torch.equal(history.losses, run(20)[1].losses[:4])
    again, rest = run(20, resume=path, **options)
    assert torch.equal(again.weight, module.weight)
    assert rest.steps == 4


def test_a_run_ends_where_its_loss_is_low_enough_at_a_look():
    course = run(30)[1].losses
    goal = float(course.min())
    _, history = run(30, every=5, until=lambda loss, found: loss <= 1.5 * goal)
    first = next(step for step in range(5, 31, 5) if step == 30 or course[step - 1] <= 1.5 * goal)
    assert torch.equal(history.losses, course[:first])


def test_foreign_checkpoints_are_refused(tmp_path):
    path = tmp_path / "run.safetensors"
    _, history = run(3, checkpoint=path)
    with pytest.raises(FileFormatError, match="Adam"):
        run(5, torch.optim.SGD, resume=path)
    other = nn.Linear(3, 1)
    with pytest.raises(FileFormatError, match="another module"):
        train(
            other, loss, lambda s: DATA, optimizer=torch.optim.Adam(other.parameters()), steps=5, resume=path
        )
    history.save(tmp_path / "history.safetensors")
    with pytest.raises(FileFormatError, match="history"):
        run(5, resume=tmp_path / "history.safetensors")
    with pytest.raises(FileNotFoundError):
        run(5, resume=tmp_path / "nothing.safetensors")
    assert "loss" in history.table()


def test_each_epoch_visits_every_row_once_in_an_order_of_its_own():
    batches = Minibatches(torch.arange(12), 4, seed=3)
    epochs = [torch.cat([batches(3 * e + i) for i in range(3)]) for e in range(2)]
    assert all(torch.equal(e.sort().values, torch.arange(12)) for e in epochs)
    assert not torch.equal(*epochs)
