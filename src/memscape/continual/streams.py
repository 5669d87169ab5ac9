"""Streams of tasks from one labelled data set: its pixels shuffled anew, or its classes a few at a time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.random import Generator, derived, draw_seed


@dataclass(frozen=True)
class Task:
    """Inputs and labels to learn from, and others to be tested on.

    Attributes:
        inputs, labels: (p, ...) and (p,) for learning.
        test_inputs, test_labels: (q, ...) and (q,), never learned.
        name: in tables.

    Raises:
        InputError: where inputs and labels are not equally many, or there are none.
    """

    inputs: Tensor
    labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor
    name: str = ""

    def __post_init__(self) -> None:
        both = {"labels": (self.inputs, self.labels), "test_labels": (self.test_inputs, self.test_labels)}
        for what, (x, y) in both.items():
            if len(x) != len(y) or not len(x):
                raise InputError(f"there are {len(x)} inputs and {len(y)} {what}; give one label for each")


def permuted(
    task: Task,
    count: int,
    *,
    size: int | None = None,
    test_size: int | None = None,
    generator: Generator = None,
) -> list[Task]:
    """Return `count` tasks whose pixels are those of `task` in another order each; the first is as it is.

    Args:
        task: inputs (p, ...), which become rows (p, n).
        count: number of tasks.
        size, test_size: how many images each task has, the same for all; None takes all.
        generator: seed of the orders and of the choice of images.

    Raises:
        InputError: for counts below 1.

    Cost: O(count p n).

    >>> import torch
    >>> base = Task(torch.rand(4, 2, 2), torch.arange(4), torch.rand(2, 2, 2), torch.arange(2))
    >>> [one.inputs.shape for one in permuted(base, 2, generator=0)]
    [torch.Size([4, 4]), torch.Size([4, 4])]
    """
    seed, count = draw_seed(generator), require_count(count, "count")
    x, y = _some(task.inputs, task.labels, size, derived(seed, 0))
    tx, ty = _some(task.test_inputs, task.test_labels, test_size, derived(seed, 1))
    made = []
    for i in range(count):
        order = torch.randperm(x.shape[1], generator=derived(seed, 2, i)) if i else torch.arange(x.shape[1])
        made.append(Task(x[:, order], y, tx[:, order], ty, f"order {i}"))
    return made


def split(task: Task, groups: list[list[int]]) -> list[Task]:
    """Return one task for each group of classes, with the labels as they are (class-incremental learning).

    Raises:
        InputError: for a class that has no row.

    >>> import torch
    >>> base = Task(torch.rand(4, 3), torch.tensor([0, 1, 2, 0]), torch.rand(3, 3), torch.arange(3))
    >>> [one.labels.tolist() for one in split(base, [[0, 1], [2]])]
    [[0, 1, 0], [2]]
    """
    known, made = set(task.labels.tolist()) & set(task.test_labels.tolist()), []
    for group in groups:
        if missing := sorted(set(group) - known):
            raise InputError(f"there is no row of class {missing[0]}; there are {sorted(known)}")
        own, other = (
            torch.isin(task.labels, torch.tensor(group)),
            torch.isin(task.test_labels, torch.tensor(group)),
        )
        made.append(
            Task(
                task.inputs[own],
                task.labels[own],
                task.test_inputs[other],
                task.test_labels[other],
                str(group),
            )
        )
    return made


def _some(x: Tensor, y: Tensor, size: int | None, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    rows = x.flatten(1)
    if size is None:
        return rows, y
    chosen = torch.randperm(len(rows), generator=generator)[: require_count(size, "size")]
    return rows[chosen], y[chosen]
