"""What a design returns: the landscape that was asked for, what was reached, and why not more."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Design:
    """A memory shaped to a target, with what its measured basins are.

    Attributes:
        memory: the shaped memory; its class can carry the shape and may differ from the one that was given.
        target: (p,) what was asked.
        achieved: (p,) what was measured on fresh starts or cues.
        interval: (p, 2) confidence interval of `achieved`.
        budget: share of the Gardner budget that is spent, for quadratic memories; else None.
        feasible: whether every pattern is within `tolerance` of its target, beyond its interval.
        reason: one sentence: what was done, or which part of the target cannot be had and why.
        settings: kind, tolerance, iterations, starts, seed, n, p.
        complete: False where Ctrl-C ended the design.
    """

    memory: Any
    target: Float[Tensor, " p"]
    achieved: Float[Tensor, " p"]
    interval: Float[Tensor, "p 2"]
    budget: float | None
    feasible: bool
    reason: str
    settings: dict[str, Any]
    complete: bool = True

    @property
    def error(self) -> float:
        """Largest distance between target and measurement."""
        return float((self.achieved - self.target).abs().max())

    def table(self, most: int = 20) -> str:
        """Return target and measurement of each pattern as lines of text."""
        lines = ["pattern  target  achieved  interval"]
        for i in range(min(most, len(self.target))):
            low, high = self.interval[i].tolist()
            lines.append(f"{i:<8} {self.target[i]:.3f}   {self.achieved[i]:.3f}     {low:.3f}-{high:.3f}")
        if len(self.target) > most:
            lines.append(f"... {len(self.target) - most} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        plain = {name: getattr(self, name).tolist() for name in ("target", "achieved", "interval")}
        for name in ("budget", "feasible", "reason", "settings", "complete", "error"):
            plain[name] = getattr(self, name)
        return plain | {"memory": repr(self.memory)}

    def __repr__(self) -> str:
        s = self.settings
        said = "met" if self.feasible else "not met"
        head = f"Design of {s['kind']} on {s['patterns']} patterns of {s['units']} units: target {said}"
        return f"{head}, largest error {self.error:.3f}\n{self.reason}\n{self.memory!r}\n{self.table(8)}"
