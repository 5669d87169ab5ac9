"""What a training run returns."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from memscape.core.files import save_bundle


@dataclass(frozen=True)
class History:
    """The course of a training run.

    Attributes:
        losses: (steps,) float64, one for each step, those before a resumption too.
        seed: from which batches' noise was drawn; the same seed gives the same run.
        complete: False where Ctrl-C ended the run early.
        watched: step and numbers of each look that `watch` took.
    """

    losses: Float[Tensor, " steps"]
    seed: int
    complete: bool = True
    watched: list[tuple[int, dict[str, float]]] = field(default_factory=list)

    @property
    def steps(self) -> int:
        """The number of steps that were made."""
        return len(self.losses)

    def table(self, most: int = 10) -> str:
        """Return the loss at about `most` steps, evenly spread, as lines of text, and what was watched."""
        every = max(1, self.steps // most)
        rows = [f"{step:>8}  {float(self.losses[step]):.6g}" for step in range(0, self.steps, every)]
        looks = [
            f"{step:>8}  " + ", ".join(f"{name} {value:.6g}" for name, value in found.items())
            for step, found in self.watched
        ]
        return "\n".join(["    step  loss", *rows, *looks])

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        watched = [{"step": step} | found for step, found in self.watched]
        losses = self.losses.tolist()
        return {"losses": losses, "seed": self.seed, "complete": self.complete, "watched": watched}

    def save(self, path: str | Path) -> None:
        """Write the history to `path` (safetensors with a JSON header)."""
        parts = {k: v for k, v in self.to_dict().items() if k != "losses"}
        save_bundle(path, kind="history", card="History", tensors={"losses": self.losses}, parts=parts)

    def __repr__(self) -> str:
        if not self.steps:
            return "History of 0 steps"
        end = "" if self.complete else ", ended early by Ctrl-C"
        first, last = float(self.losses[0]), float(self.losses[-1])
        return f"History of {self.steps} steps: loss {first:.6g} -> {last:.6g}{end}"
