"""What became of a sequence of tasks: accuracy on each after each, and the three numbers that sum it up."""

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Course:
    """Accuracies along a sequence of tasks.

    Attributes:
        accuracy: (t, t) on task j after task i was learned; NaN where it was not measured.
        before: (t,) on each task by the network that had learned nothing.
        names: of the tasks.
        seed: of everything that was drawn.
        settings: whatever else a repetition needs.
        complete: False where Ctrl-C ended it; the rows that are missing are NaN.

    >>> import torch
    >>> course = Course(torch.tensor([[0.9, 0.2], [0.5, 0.8]]), torch.tensor([0.1, 0.1]), ("a", "b"), 0)
    >>> round(course.acc, 2), round(course.bwt, 2), round(course.fwt, 2)
    (0.65, -0.4, 0.1)
    """

    accuracy: Float[Tensor, "t t"]
    before: Float[Tensor, " t"]
    names: tuple[str, ...]
    seed: int
    settings: dict[str, Any] = field(default_factory=dict)
    complete: bool = True

    @property
    def learned(self) -> int:
        """How many tasks were learned, k."""
        return int((~self.accuracy[:, 0].isnan()).sum())

    @property
    def acc(self) -> float:
        """Mean accuracy on the tasks learned, at the end.

        $\\frac1k \\sum_j R_{kj}$ (Lopez-Paz and Ranzato 2017).
        """
        k = self.learned
        return float(self.accuracy[k - 1, :k].mean()) if k else math.nan

    @property
    def bwt(self) -> float:
        """Backward transfer $\\frac{1}{k-1} \\sum_{j<k} (R_{kj} - R_{jj})$.

        Negative is forgetting. NaN for one task.
        """
        k = self.learned
        just_learned = self.accuracy.diagonal()[: k - 1]
        return float((self.accuracy[k - 1, : k - 1] - just_learned).mean()) if k > 1 else math.nan

    @property
    def fwt(self) -> float:
        """Forward transfer $\\frac{1}{k-1} \\sum_{j>1} (R_{j-1,j} - b_j)$; b_j: nothing learned yet."""
        k = self.learned
        if k < 2:
            return math.nan
        ahead = self.accuracy.diagonal(1)[: k - 1]
        return float((ahead - self.before[1:k]).mean())

    @property
    def last(self) -> float:
        """Accuracy on the newest task: what protecting the old ones costs shows here."""
        return float(self.accuracy[self.learned - 1, self.learned - 1]) if self.learned else math.nan

    def table(self) -> str:
        """Return the accuracies as lines of text: a row for what was learned, a column for each task."""
        width = max(8, *(len(name) for name in self.names))
        head = f"{'after':<{width}}  " + "  ".join(f"{name:>{width}}" for name in self.names)
        rows = [("nothing", self.before), *zip(self.names, self.accuracy, strict=True)]
        lines = [
            f"{name:<{width}}  " + "  ".join(f"{float(value):>{width}.3f}" for value in row)
            for name, row in rows
        ]
        return "\n".join([head, *lines])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        numbers = {"acc": self.acc, "bwt": self.bwt, "fwt": self.fwt, "last": self.last}
        rest = {
            "names": list(self.names),
            "seed": self.seed,
            "settings": self.settings,
            "complete": self.complete,
        }
        return numbers | {"accuracy": self.accuracy.tolist(), "before": self.before.tolist()} | rest

    def __repr__(self) -> str:
        end = "" if self.complete else ", ended early by Ctrl-C"
        return (
            f"Course of {self.learned} tasks{end}: ACC {self.acc:.3f}, BWT {self.bwt:+.3f}, "
            f"FWT {self.fwt:+.3f}, newest task {self.last:.3f}"
        )


def unmeasured(tasks: int) -> Float[Tensor, "t t"]:
    """Return the accuracies before any is known: NaN."""
    return torch.full((tasks, tasks), math.nan)
