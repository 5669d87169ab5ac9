"""What a task over tokens is.

Sequences, where an answer is asked, the best that can be had, and how well a module does.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.intervals import share_interval
from memscape.core.modes import evaluating
from memscape.core.random import Generator, derived, draw_seed, resolve

SILENT = -100
"""The target where nothing is asked; `torch.nn.functional.cross_entropy` skips it."""


@dataclass(frozen=True)
class Tokens:
    """A batch of sequences with the answers that are asked.

    Attributes:
        inputs: (b, t) token numbers.
        targets: (b, t) the right token at each place where one is asked, else -100.
    """

    inputs: Int[Tensor, "b t"]
    targets: Int[Tensor, "b t"]

    @property
    def asked(self) -> Bool[Tensor, "b t"]:
        """Where an answer is asked."""
        return self.targets != SILENT


@dataclass(frozen=True)
class TokenTask(ABC):
    """A generator of token sequences with right answers; each task is a frozen set of its sizes.

    A task is also the `batches` of `training.train`: `task.batches(64, seed)` draws batch t from (seed, t),
    so that a resumed run sees what an unbroken one would have seen.
    """

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """The number of different tokens."""

    @property
    @abstractmethod
    def chance(self) -> float:
        """The accuracy of a guess among the tokens that can be right at all."""

    @property
    def ceiling(self) -> float:
        """The accuracy of the best possible reader; 1 where the answer is always determined."""
        return 1.0

    @property
    def ceilings(self) -> dict[str, float]:
        """What a reader can reach at best to whom something is hidden, by what it goes by instead.

        A model that stands at one of them has found this much of the task and no more.
        """
        return {}

    def baselines(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """Return simple readers by name: tokens (b, t) to answers (b, t)."""
        return {}

    @abstractmethod
    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` sequences with their targets. O(count t)."""

    def batches(self, size: int, seed: Generator = None) -> Callable[[int], Tokens]:
        """Return the function from a step's number to its batch of `size` sequences."""
        size, number = require_count(size, "the batch size"), draw_seed(seed)
        return lambda step: self.sample(size, generator=derived(number, step))

    def to_dict(self) -> dict[str, Any]:
        """Return name and sizes as plain Python values, ready for JSON."""
        return {"task": type(self).__name__} | {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True)
class Evaluation:
    """How often a reader was right.

    Attributes:
        accuracy: share of the asked places that were answered right.
        interval: its 95 % interval, the places taken as independent.
        chance: the accuracy of a guess.
        ceiling: the best possible accuracy.
        count: the number of places asked.
        loss: mean cross-entropy there in nats; NaN for readers that give no logits.
    """

    accuracy: float
    interval: tuple[float, float]
    chance: float
    ceiling: float
    count: int
    loss: float

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as a dictionary."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def table(self) -> str:
        """Return one line per number."""
        low, high = self.interval
        lines = [f"accuracy  {self.accuracy:.3f} ({low:.3f} to {high:.3f})", f"chance    {self.chance:.3f}"]
        return "\n".join([*lines, f"ceiling   {self.ceiling:.3f}", f"loss      {self.loss:.3f} nats"])

    def __repr__(self) -> str:
        low, high = self.interval
        return (
            f"accuracy {self.accuracy:.3f} ({low:.3f}-{high:.3f}, {self.count:,} answers), "
            f"chance {self.chance:.3f}, ceiling {self.ceiling:.3f}"
        )


def cross_entropy(module: nn.Module, batch: Tokens, generator: torch.Generator | None = None) -> Tensor:
    """Return the mean loss at the asked places: the `loss` of `training.train` for every token task.

    Args:
        module: maps tokens (b, t) to logits (b, t, vocabulary), or to a tuple that begins with them.
        batch: sequences with targets.
        generator: not used; here because `training.train` hands it to every loss.
    """
    logits = _logits(module, batch.inputs)  # a module on a GPU takes tokens to itself
    return F.cross_entropy(logits.flatten(0, 1), batch.targets.flatten().to(logits.device))


def evaluate(
    reader: nn.Module | Callable[[Tensor], Any],
    task: TokenTask,
    *,
    count: int = 256,
    batch: int = 64,
    generator: Generator = None,
) -> Evaluation:
    """Return how often a reader answers a task's questions right, on fresh sequences.

    Args:
        reader: maps tokens (b, t) to logits (b, t, vocabulary), or a tuple that begins with them; or to
            answers (b, t), token numbers, as the baselines of a task do.
        task: what is asked.
        count: number of sequences.
        batch: sequences at once.
        generator: seed of the sequences.

    Raises:
        InputError: for counts below 1, or outputs of another shape.

    Cost: count forward passes.

    >>> from memscape.tasks import AssociativeRecall
    >>> task = AssociativeRecall(pairs=4)
    >>> evaluate(task.latest, task, count=64, generator=0).accuracy
    1.0
    """
    source = resolve(generator)
    right = asked = 0
    total, with_loss = 0.0, True
    with evaluating(reader) if isinstance(reader, nn.Module) else nullcontext(), torch.no_grad():
        for first in range(0, require_count(count, "count"), require_count(batch, "the batch size")):
            given = task.sample(min(batch, count - first), generator=source)
            answers, losses = _answers(reader, given, task)
            at = given.asked
            right += int((answers[at] == given.targets[at]).sum())
            asked += int(at.sum())
            with_loss = with_loss and losses is not None
            total += float(losses.sum()) if losses is not None else 0.0
    loss = total / asked if with_loss else float("nan")
    low, high = share_interval([right], asked)[0].tolist()
    return Evaluation(right / asked, (low, high), task.chance, task.ceiling, asked, loss)


def _logits(module: Callable[[Tensor], Any], inputs: Int[Tensor, "b t"]) -> Tensor:
    out = module(inputs)
    return out[0] if isinstance(out, tuple) else out


def _answers(
    reader: Callable[[Tensor], Any], batch: Tokens, task: TokenTask
) -> tuple[Int[Tensor, "b t"], Float[Tensor, " asked"] | None]:
    out = _logits(reader, batch.inputs).cpu()
    if out.shape == batch.inputs.shape and not out.is_floating_point():
        return out, None
    if out.shape != (*batch.inputs.shape, task.vocabulary):
        raise InputError(
            f"the reader gave {tuple(out.shape)} for tokens {tuple(batch.inputs.shape)}; it must give logits "
            f"(b, t, {task.vocabulary}) or answers (b, t) of whole numbers"
        )
    losses = F.cross_entropy(out[batch.asked].float(), batch.targets[batch.asked], reduction="none")
    return out.argmax(-1), losses


def distinct(count: int, many: int, few: int, source: torch.Generator) -> Int[Tensor, "b few"]:
    """Return `few` different numbers below `many` in each of `count` rows, in a random order.

    O(count many log many).

    >>> distinct(1, 3, 3, torch.Generator().manual_seed(0)).sort(-1).values
    tensor([[0, 1, 2]])
    """
    return torch.rand(count, many, generator=source).argsort(-1)[:, :few]
