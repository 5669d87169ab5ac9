"""Learning a task over tokens: the one loop, always in the same way, and an evaluation on fresh sequences."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from memscape.core.arrays import require_count, require_fraction
from memscape.core.files import write_whole
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.tasks.tokens import Evaluation, TokenTask, cross_entropy, evaluate
from memscape.training import History, train
from memscape.training.selecting import falling

SHARES = (0.5, 0.9)
"""Accuracies whose first step is recorded."""


@dataclass(frozen=True)
class Learned:
    """What a module made of a task.

    Attributes:
        task: what was learnt.
        evaluation: on fresh sequences, after the last step.
        baselines: what simple readers reach on as many sequences.
        history: the course; `watched` holds the accuracy on 64 sequences every so often.
        settings: steps, batch, rate and what else was chosen.
    """

    task: TokenTask
    evaluation: Evaluation
    baselines: dict[str, Evaluation]
    history: History = field(repr=False)
    settings: dict[str, float]

    @property
    def complete(self) -> bool:
        """Whether all steps were made; False where Ctrl-C ended the run."""
        return self.history.complete

    def crossed(self, accuracy: float) -> int | None:
        """Return the first step looked at by which the accuracy was reached, None where it never was."""
        steps = (step for step, found in self.history.watched if found["accuracy"] >= accuracy)
        return next(steps, None)

    def rows(self) -> list[tuple[str, float]]:
        """Return name and accuracy: the module, its ceilings, the baselines, chance."""
        ceilings = [(f"ceiling: {name}", value) for name, value in self.task.ceilings.items()]
        simple = [(f"baseline: {name}", found.accuracy) for name, found in self.baselines.items()]
        top = [("trained", self.evaluation.accuracy), ("ceiling", self.task.ceiling)]
        return [*top, *ceilings, *simple, ("chance", self.task.chance)]

    def table(self) -> str:
        """Return one line per reader: its accuracy."""
        width = max(len(name) for name, _ in self.rows())
        return "\n".join(f"{name:<{width}}  {value:.3f}" for name, value in self.rows())

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        found = self.evaluation.to_dict() | {"interval": list(self.evaluation.interval)}
        crossed = {f"{share:g}": self.crossed(share) for share in SHARES}
        return {
            "task": self.task.to_dict(),
            "settings": self.settings,
            "evaluation": found,
            "crossed": crossed,
            "ceilings": self.task.ceilings,
            "baselines": {name: one.accuracy for name, one in self.baselines.items()},
            "history": self.history.to_dict(),
        }

    def save(self, path: str | Path) -> None:
        """Write everything to `path` as JSON; the old file is replaced only when the new one is whole."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"
        write_whole(path, text.encode())

    def __repr__(self) -> str:
        name = type(self.task).__name__
        ended = "" if self.complete else ", ended early"
        steps = ", ".join(f"{share:g} by step {self.crossed(share) or 'never'}" for share in SHARES)
        return f"{name} after {self.history.steps} steps{ended}: {self.evaluation}; {steps}\n{self.table()}"


def learn(
    module: nn.Module,
    task: TokenTask,
    *,
    steps: int = 400,
    batch: int = 64,
    rate: float = 1e-2,
    weight_decay: float = 0.1,
    count: int = 500,
    every: int = 40,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> Learned:
    """Return what a module learns of a task: AdamW, a cosine to 0, then an evaluation on fresh sequences.

    The module is trained in place. At few steps the accuracy tells *when* a model finds the solution, not how
    much its memory holds; `streams` measures that without training.

    Args:
        module: tokens (b, t) to logits (b, t, vocabulary), or to a tuple that begins with them.
        task: what is learnt; a batch is drawn from (seed, step).
        steps: of training.
        batch: sequences a step.
        rate: the learning rate at the start.
        weight_decay: of AdamW.
        count: sequences of the evaluation.
        every: steps between looks at the accuracy.
        generator: seed of the batches and of the evaluation.
        progress: a bar, a callable, or None for a bar in a terminal when it takes long.

    Raises:
        InputError: for counts below 1, a rate that is not above 0, or a loss that is no number.

    Costs `steps` forward and backward passes over `batch` sequences. Ctrl-C ends it with what is learnt.

    >>> from memscape.tasks import AssociativeRecall
    >>> task = AssociativeRecall(pairs=1, symbols=4)
    >>> model = torch.nn.Sequential(torch.nn.Embedding(4, 4), torch.nn.Linear(4, 4))
    >>> found = learn(model, task, steps=3, count=20, generator=0)
    >>> found.history.steps, found.complete
    (3, True)
    """
    require_fraction(rate, "rate", low=1e-12, high=1e6)
    seed, every = draw_seed(generator), require_count(every, "every")
    optimizer = torch.optim.AdamW(module.parameters(), rate, weight_decay=weight_decay)
    history = train(
        module,
        cross_entropy,
        task.batches(batch, draw_seed(derived(seed, 1))),
        optimizer=optimizer,
        steps=steps,
        generator=seed,
        schedule=falling(steps),
        watch=lambda one: {"accuracy": evaluate(one, task, count=64, generator=derived(seed, 3)).accuracy},
        every=every,
        progress=progress,
    )
    found = evaluate(module, task, count=count, generator=derived(seed, 2))
    simple = {
        name: evaluate(reader, task, count=count, generator=derived(seed, 2))
        for name, reader in task.baselines().items()
    }
    settings = {
        "steps": steps,
        "batch": batch,
        "rate": rate,
        "weight_decay": weight_decay,
        "count": count,
        "seed": seed,
    }
    return Learned(task, found, simple, history, settings)
