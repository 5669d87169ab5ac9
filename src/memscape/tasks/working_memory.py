"""Ten tasks of working memory, and what they measure: set size, serial position, learning.

After WorM (Sikarwar and Zhang 2023, arXiv 2307.10768), symbolic: the names end in `-style`, since nothing has
to be seen, and results are no WorM scores.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from scipy import stats
from torch import Tensor, nn

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.intervals import share_interval
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator, derived, draw_seed, resolve
from memscape.tasks.tokens import cross_entropy, evaluate
from memscape.tasks.working_memory_spatial import (
    SpatialCoordination,
    SpatialFreeRecall,
    SpatialIntegration,
    SpatialTaskSwitching,
    SpatialUpdating,
)
from memscape.tasks.working_memory_stores import DeltaStore as DeltaStore
from memscape.tasks.working_memory_stores import HebbStore as HebbStore
from memscape.tasks.working_memory_stores import Store as Store
from memscape.tasks.working_memory_stores import Table as Table
from memscape.tasks.working_memory_trials import Reader, WorkingMemoryTask
from memscape.tasks.working_memory_visual import (
    ChangeDetection,
    ComplexSpan,
    ItemRecognition,
    SerialRecall,
    SerialRecognition,
)
from memscape.training import History, train

TASKS: dict[str, type[WorkingMemoryTask]] = {
    task.name: task
    for task in (
        SpatialCoordination,
        SpatialFreeRecall,
        SpatialIntegration,
        SpatialUpdating,
        SpatialTaskSwitching,
        ItemRecognition,
        SerialRecall,
        SerialRecognition,
        ChangeDetection,
        ComplexSpan,
    )
}
"""The ten tasks by name."""

Solver = Store | Callable[[WorkingMemoryTask], Reader | nn.Module]
"""A store, or a function from a task to its reader."""


def task(name: str, **sizes: Any) -> WorkingMemoryTask:
    """Return the task of a name with its sizes.

    Raises:
        InputError: for an unknown name, with those that there are, and for sizes that the task refuses.

    >>> task("serial-recall-style", size=3).vocabulary
    13
    """
    if name not in TASKS:
        raise InputError(f"there is no task {name!r}; there are {', '.join(TASKS)}")
    return TASKS[name](**sizes)


@dataclass(frozen=True)
class Span:
    """How accuracy depends on one size of a task.

    Attributes:
        name: of the task.
        knob: which size was varied.
        sizes: its values.
        accuracy: (m,) at each of them.
        interval: (m, 2) its 95 % interval, answers taken as independent.
        chance: (m,) of a guess.
    """

    name: str
    knob: str
    sizes: tuple[int, ...]
    accuracy: Float[Tensor, " m"]
    interval: Float[Tensor, "m 2"]
    chance: Float[Tensor, " m"]

    @property
    def trend(self) -> float:
        """Spearman's rank correlation of accuracy with the size; NaN where accuracy never changes."""
        if len(set(self.accuracy.tolist())) < 2:
            return float("nan")
        return float(stats.spearmanr(self.sizes, self.accuracy.numpy()).statistic)

    def table(self) -> str:
        """Return a line for each size."""
        rows = zip(
            self.sizes, self.accuracy.tolist(), self.interval.tolist(), self.chance.tolist(), strict=True
        )
        lines = [
            f"{size:>8}  {right:.3f} ({low:.3f}-{high:.3f})  {c:.3f}" for size, right, (low, high), c in rows
        ]
        return "\n".join([f"{self.knob:>8}  accuracy             chance", *lines])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        return {
            "name": self.name,
            "knob": self.knob,
            "sizes": list(self.sizes),
            "accuracy": self.accuracy.tolist(),
            "interval": self.interval.tolist(),
            "chance": self.chance.tolist(),
        }

    def __repr__(self) -> str:
        return f"Span of {self.name}: rank correlation with {self.knob} {self.trend:.2f}\n{self.table()}"


def span(
    solver: Solver,
    name: str,
    sizes: Iterable[int] = (2, 4, 6, 8),
    *,
    knob: str = "size",
    count: int = 400,
    generator: Generator = None,
    **others: Any,
) -> Span:
    """Return how accuracy on a task depends on its size, or on another knob such as "delay" or "updates".

    Args:
        solver: a store, which answers by the task's own rule, or a function from a task to a reader.
        name: one of `TASKS`.
        sizes: values of the knob.
        knob: the name of a number of the task.
        count: trials at each value.
        generator: seed.
        others: the other numbers of the task, held fixed.

    Raises:
        InputError: for an unknown task, and for values that it refuses.

    >>> span(Table(), "serial-recall-style", (2, 5), count=20, generator=0).accuracy.tolist()
    [1.0, 1.0]
    """
    seed, values, scores = draw_seed(generator), tuple(sizes), []
    for number, value in enumerate(values):
        now = task(name, **{knob: value, **others})
        reader = _reader(solver, now, derived(seed, number, 0))
        scores.append(evaluate(reader, now, count=count, batch=256, generator=derived(seed, number, 1)))
    return Span(
        name,
        knob,
        values,
        torch.tensor([one.accuracy for one in scores], dtype=torch.float64),
        torch.tensor([one.interval for one in scores], dtype=torch.float64),
        torch.tensor([one.chance for one in scores], dtype=torch.float64),
    )


def _reader(solver: Solver, now: WorkingMemoryTask, drawn: torch.Generator) -> Reader | nn.Module:
    return now.reader(solver, drawn) if isinstance(solver, Store) else solver(now)


@dataclass(frozen=True)
class Positions:
    """How accuracy depends on the turn at which an answer was asked.

    Attributes:
        accuracy: (m,) at each turn, in the order of asking.
        interval: (m, 2) its 95 % interval.
    """

    accuracy: Float[Tensor, " m"]
    interval: Float[Tensor, "m 2"]

    @property
    def recency(self) -> float:
        """The last turn's accuracy minus that of the middle one."""
        return float(self.accuracy[-1] - self.accuracy[(len(self.accuracy) - 1) // 2])

    @property
    def primacy(self) -> float:
        """The first turn's accuracy minus that of the middle one."""
        return float(self.accuracy[0] - self.accuracy[(len(self.accuracy) - 1) // 2])

    def table(self) -> str:
        """Return a line for each turn."""
        rows = zip(self.accuracy.tolist(), self.interval.tolist(), strict=True)
        return "\n".join(
            f"{turn:>4}  {a:.3f} ({low:.3f}-{high:.3f})" for turn, (a, (low, high)) in enumerate(rows)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        return {"accuracy": self.accuracy.tolist(), "interval": self.interval.tolist()}

    def __repr__(self) -> str:
        return f"Positions: recency {self.recency:+.3f}, primacy {self.primacy:+.3f}\n{self.table()}"


def by_position(
    solver: Solver, on: WorkingMemoryTask, *, count: int = 400, generator: Generator = None
) -> Positions:
    """Return the accuracy at each turn of asking: of `SerialRecall`, that is the item's place in the list.

    >>> by_position(Table(), task("serial-recall-style", size=3), count=10, generator=0).recency
    0.0
    """
    seed, count = draw_seed(generator), require_count(count, "count")
    batch = on.sample(count, generator=derived(seed, 0))
    reader = _reader(solver, on, derived(seed, 1))
    with torch.no_grad():
        out = reader(batch.inputs)
    said = out.argmax(-1) if out.is_floating_point() else out
    asked = batch.asked[0]
    right = (said == batch.targets)[:, asked].sum(0)
    return Positions(right.double() / count, share_interval(right, count))


class RecurrentReader(nn.Module):
    """The baseline that learns: a recurrent network of gated units over embedded tokens.

    Only tokens that can be right in the task get a finite logit.

    Args:
        on: the task.
        hidden: units.
        generator: seed of the initial weights.

    >>> on = task("serial-recall-style", size=3)
    >>> RecurrentReader(on, hidden=8, generator=0)(on.sample(2, generator=0).inputs).shape
    torch.Size([2, 6, 13])
    """

    def __init__(self, on: WorkingMemoryTask, hidden: int = 96, *, generator: Generator = None):
        super().__init__()
        drawn, hidden = resolve(generator), require_count(hidden, "hidden")
        self.tokens = nn.utils.skip_init(nn.Embedding, on.vocabulary, hidden)
        self.cell = nn.GRU(hidden, hidden, batch_first=True, device="meta").to_empty(device="cpu")
        self.readout = nn.utils.skip_init(nn.Linear, hidden, on.vocabulary)
        nn.init.normal_(self.tokens.weight, generator=drawn)
        for weights in (*self.cell.parameters(), *self.readout.parameters()):
            nn.init.uniform_(weights, -(hidden**-0.5), hidden**-0.5, generator=drawn)
        low, high = on.answers
        number = torch.arange(on.vocabulary)
        self.register_buffer("wrong", (number < low) | (number >= high))

    def forward(self, inputs: Int[Tensor, "b t"]) -> Float[Tensor, "b t v"]:
        """Return the logits of the next answer at each step."""
        logits = self.readout(self.cell(self.tokens(inputs))[0])
        return logits.masked_fill(self.wrong, -torch.inf)


def learning_curve(
    module: nn.Module,
    on: WorkingMemoryTask,
    *,
    steps: int = 600,
    batch: int = 64,
    every: int = 100,
    count: int = 256,
    rate: float = 3e-3,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> History:
    """Train a module on a task, in place, and return the course: the accuracy stands in `.watched`.

    Args:
        module: tokens (b, t) to logits (b, t, vocabulary), such as `RecurrentReader`.
        on: the task; every batch is new.
        steps: of Adam.
        batch: trials of a step.
        every: steps between two measurements, each on the same `count` trials that are not trained on.
        count: trials of a measurement.
        rate: of Adam.
        generator: seed.
        progress: a bar, a callable, or None.

    >>> on = task("item-recognition-style", size=2)
    >>> history = learning_curve(RecurrentReader(on, 8, generator=0), on, steps=2, every=1, generator=0)
    >>> [step for step, found in history.watched]
    [1, 2]
    """
    seed = draw_seed(generator)

    def watch(module: nn.Module) -> dict[str, float]:
        return {"accuracy": evaluate(module, on, count=count, generator=derived(seed, 1)).accuracy}

    return train(
        module,
        cross_entropy,
        on.batches(batch, seed),
        optimizer=torch.optim.Adam(module.parameters(), lr=rate),
        steps=steps,
        generator=seed,
        clip=1.0,
        watch=watch,
        every=every,
        progress=progress,
    )
