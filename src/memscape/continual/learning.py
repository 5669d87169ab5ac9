"""One task after another: the loop, with a guard and rehearsal where they are given."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memscape.continual.course import Course, unmeasured
from memscape.continual.guard import SubspaceGuard
from memscape.continual.rehearsal import Rehearsal
from memscape.continual.streams import Task
from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.modes import evaluating
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.training import train


def learn(
    model: nn.Module,
    tasks: Sequence[Task],
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
    *,
    epochs: int = 1,
    batch: int = 32,
    guard: SubspaceGuard | None = None,
    rehearsal: Rehearsal | None = None,
    fresh: bool = True,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> Course:
    """Return the course of a model that learns tasks in their order, in place, by cross-entropy.

    Args:
        model: inputs (b, ...) to logits (b, classes).
        tasks: from `permuted`, `split`, or your own.
        optimizer: from a list of parameters to their optimiser.
        epochs: passes over each task.
        batch: rows of a step.
        guard: protects each task once it is learned.
        rehearsal: old rows that are mixed into each new task.
        fresh: a new optimiser for each task; False keeps one, with its momentum.
        generator: seed of the order of rows and of what is rehearsed.
        progress: a bar, a callable, or None. Ctrl-C ends it behind the task that is finished.

    Raises:
        InputError: without tasks, or for counts below 1.
        DivergedError: for a loss that is no finite number.

    Cost: epochs * (p + rehearsed) / batch steps for each task, and what the guard costs.

    >>> import torch
    >>> x = torch.eye(4)
    >>> stream = [Task(x, torch.arange(4), x, torch.arange(4), "eye")]
    >>> course = learn(
    ...     torch.nn.Linear(4, 4), stream, lambda p: torch.optim.SGD(p, lr=5.0), epochs=30, generator=0
    ... )
    >>> course.acc
    1.0
    """
    if not tasks:
        raise InputError("there are no tasks; give at least one Task")
    seed, epochs, batch = draw_seed(generator), require_count(epochs, "epochs"), require_count(batch, "batch")
    parameters = [p for p in model.parameters() if p.requires_grad]
    accuracy, before = unmeasured(len(tasks)), torch.tensor([accuracy_of(model, task) for task in tasks])
    one, complete = optimizer(parameters), True
    with Progress(progress, len(tasks), "learning tasks") as bar:
        for i, task in enumerate(tasks):
            one = optimizer(parameters) if fresh else one
            x, y = _with_old_rows(tasks, i, rehearsal, derived(seed, i, 0))
            with guard.guarding(one) if guard is not None else nullcontext():
                batches = _Batches(x, y, batch, (seed, i, 1))
                train(
                    model.train(),
                    _cross_entropy,
                    batches,
                    optimizer=one,
                    steps=epochs * batches.in_a_pass,
                    generator=0,  # the loss draws nothing
                    progress=False,
                )
            if guard is not None:
                order = torch.randperm(len(task.inputs), generator=derived(seed, i, 2))
                guard.protect(task.inputs[order].split(batch), progress=False)
            accuracy[i] = torch.tensor([accuracy_of(model, other) for other in tasks])
            if not bar.update() and i + 1 < len(tasks):
                complete = False
                break
    names = tuple(task.name or str(i) for i, task in enumerate(tasks))
    settings = {
        "epochs": epochs,
        "batch": batch,
        "rehearsal": repr(rehearsal),
        "guard": repr(guard),
        "fresh": fresh,
    }
    return Course(accuracy, before, names, seed, settings, complete)


@torch.no_grad()
def accuracy_of(model: nn.Module, task: Task) -> float:
    """Return the share of a task's test rows that a model answers correctly."""
    with evaluating(model):
        right = [
            (model(x).argmax(-1) == y).float().sum()
            for x, y in zip(task.test_inputs.split(1000), task.test_labels.split(1000), strict=True)
        ]
    return float(torch.stack(right).sum() / len(task.test_labels))


def _with_old_rows(
    tasks: Sequence[Task], i: int, rehearsal: Rehearsal | None, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the rows of task i and those of older tasks that are rehearsed with it."""
    x, y = tasks[i].inputs, tasks[i].labels
    if rehearsal is None or i == 0:
        return x, y
    chosen = rehearsal.rows([len(task.labels) for task in tasks[:i]], generator=generator)
    old = list(zip(tasks[:i], chosen, strict=True))
    inputs = torch.cat([x, *(task.inputs[rows] for task, rows in old)])
    return inputs, torch.cat([y, *(task.labels[rows] for task, rows in old)])


def _cross_entropy(model: nn.Module, batch: tuple[Tensor, Tensor], generator: torch.Generator) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


class _Batches:
    """Rows by the number of the step: each pass has an order of its own, its last batch what is left over.

    `training.Minibatches` skips what is left over: here a task of few rows must not lose any.
    """

    def __init__(self, x: Tensor, y: Tensor, size: int, key: tuple[int, ...]):
        self.x, self.y, self.size, self.key = x, y, size, key
        self.in_a_pass = -(-len(x) // size)
        self._epoch, self._order = -1, torch.empty(0)

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        epoch, place = divmod(step, self.in_a_pass)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, torch.randperm(len(self.x), generator=derived(*self.key, epoch))
        rows = self._order[place * self.size : (place + 1) * self.size]
        return self.x[rows], self.y[rows]
