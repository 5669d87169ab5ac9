"""What a machine that thinks in ticks came to: answers, how sure it was at each tick, when it ended."""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Pondering:
    """Answers, and how they came about.

    Attributes:
        logits: (b, ticks, q, c), NaN at ticks that were not spent.
        certainty: (b, ticks) in [0, 1], NaN likewise.
        picked: (b,) the surest tick, whose answers count.
    """

    logits: Float[Tensor, "b ticks q c"]
    certainty: Float[Tensor, "b ticks"]
    picked: Int[Tensor, " b"]

    @property
    def answers(self) -> Int[Tensor, "b q"]:
        """The answers at the picked ticks."""
        return self.logits[torch.arange(len(self.picked)), self.picked].argmax(-1)

    @property
    def ticks(self) -> Int[Tensor, " b"]:
        """How many ticks were spent on each input."""
        return (~self.certainty.isnan()).sum(-1)

    @property
    def saved(self) -> float:
        """The share of all ticks that was not spent."""
        return 1 - float(self.ticks.double().mean()) / self.certainty.shape[1]

    def right(self, wanted: Tensor) -> Bool[Tensor, " b"]:
        """Return for each input whether all its answers are the wanted ones (b,) or (b, q)."""
        return (self.answers == wanted.reshape(len(wanted), -1)).all(-1)

    def table(self, most: int = 8) -> str:
        """Return a line for each of the first inputs: its answers and the certainty at each tick, in %."""
        rows = zip(self.answers[:most].tolist(), self.certainty[:most].tolist(), strict=True)
        return "\n".join(
            f"{' '.join(map(str, answers)):<8}  "
            + " ".join("  ." if math.isnan(sure) else f"{sure:3.0%}"[:-1].rjust(3) for sure in course)
            for answers, course in rows
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the logits as plain Python values, ready for JSON."""
        course = [[None if math.isnan(sure) else sure for sure in row] for row in self.certainty.tolist()]
        return {"answers": self.answers.tolist(), "ticks": self.ticks.tolist(), "certainty": course}

    def __repr__(self) -> str:
        b, ticks = self.certainty.shape
        mean = float(self.ticks.double().mean())
        head = f"Pondering of {b} inputs, {mean:.2f} of {ticks} ticks on average"
        return f"{head}\nanswer    certainty in % at each tick\n{self.table()}"


def sureness(logits: Float[Tensor, "... q c"]) -> Float[Tensor, "..."]:
    """Return $1 - H / \\log c$, H the mean entropy of the answers: 0 knows nothing, 1 is sure.

    >>> import torch
    >>> sureness(torch.tensor([[[0.0, 0.0]], [[99.0, 0.0]]]))
    tensor([0., 1.])
    """
    logs = logits.log_softmax(-1)
    entropy = -(logs.exp() * logs).sum(-1)
    return (1 - entropy / math.log(max(2, logits.shape[-1]))).mean(-1).clamp(0, 1)


def surest(logits: Float[Tensor, "b ticks q c"]) -> Pondering:
    """Return what a course of logits comes to, NaN where it was not followed."""
    certainty = sureness(logits)
    return Pondering(logits, certainty, certainty.nan_to_num(-1.0).argmax(1))


def halting_certainty(
    logits: Float[Tensor, "b ticks q c"], wanted: Int[Tensor, "b q"], loss: float = 0.0
) -> float:
    """Return the least certainty at which ending there loses at most `loss` of the right answers.

    All certainties that occur are tried, O(b ticks log(b ticks)) each; 1 where none will do.

    >>> import torch
    >>> course = torch.tensor([[[[2.0, 0.0]], [[0.0, 9.0]]], [[[4.0, 0.0]], [[4.0, 0.0]]]])
    >>> 0.4 < halting_certainty(course, torch.tensor([[1], [0]])) < 0.9
    True
    """
    certainty = sureness(logits)
    right = (logits.argmax(-1) == wanted[:, None]).all(-1)
    rows = torch.arange(len(right))
    full = float(right[rows, certainty.argmax(1)].double().mean())
    for limit in certainty.flatten().unique().tolist():
        over = certainty >= limit
        ended = torch.where(over.any(1), over.int().argmax(1), certainty.argmax(1))
        if float(right[rows, ended].double().mean()) >= full - loss:
            return limit
    return 1.0


def two_ticks(logits: Float[Tensor, "b ticks q c"], wanted: Int[Tensor, "b q"]) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of each row's tick of least loss and of its surest tick.

    >>> import torch
    >>> logits = torch.tensor([[[[0.0, 0.0]], [[9.0, 0.0]]]])
    >>> two_ticks(logits, torch.tensor([[0]])) < 1e-3
    tensor(True)
    """
    b, ticks, q, _ = logits.shape
    losses = F.cross_entropy(
        logits.flatten(0, 2), wanted[:, None].expand(b, ticks, q).flatten(), reduction="none"
    )
    losses = losses.view(b, ticks, q).mean(-1)
    picked = sureness(logits).detach().argmax(1, keepdim=True)
    return (losses.amin(1) + losses.gather(1, picked)[:, 0]).mean() / 2
