"""Two levels of patterns.

An energy that is a sum over levels, and the retrieval that goes through the upper one.
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.errors import CapabilityError
from memscape.core.progress import Progress
from memscape.core.recall import Status
from memscape.mechanisms.descent import Asynchronous
from memscape.mechanisms.dynamics import Course, Dynamics
from memscape.mechanisms.energies import Energy, PatternEnergy


class LevelledEnergy(PatternEnergy):
    """The sum of an upper energy (ancestors) and a lower one (what tells descendants of one ancestor apart).

    Attributes:
        upper: Hebb's energy of the ancestors.
        lower: Hebb's energy of the scaled differences from them.
        pull: the field that a retrieved ancestor exerts on its descendants' net, their mean overlap b.
    """

    def __init__(self, upper: PatternEnergy, lower: PatternEnergy, pull: float, field: Tensor | None = None):
        mixing = torch.as_tensor(lower.mixing).clone()
        count = len(upper.basis)
        mixing[:count, :count] += upper.mixing * torch.eye(count, dtype=mixing.dtype, device=mixing.device)
        super().__init__(lower.basis, mixing, field, lower.patterns)
        self.upper, self.lower, self.pull = upper, lower, pull

    @classmethod
    def from_families(
        cls, patterns: Tensor, ancestors: Float[Tensor, "a n"], families: Int[Tensor, " p"]
    ) -> "LevelledEnergy":
        """Return the energy of patterns (p, n) whose ancestor is `ancestors[families]`. O(p^3 + p^2 n).

        A pattern that equals its ancestor (a family of one) lives on the upper level alone.
        """
        p, n = patterns.shape
        a = len(ancestors)
        own = (patterns * ancestors[families].to(patterns.dtype)).double().mean(-1)
        # one overlap for each family: the mean of its members
        sizes = torch.bincount(families, minlength=a)
        b = (torch.zeros(a, dtype=torch.float64, device=own.device).index_add_(0, families, own) / sizes)[
            families
        ]
        scale = torch.where(b < 1 - 1e-9, 1 / (1 - b * b).clamp_min(1e-9), 0.0)
        differences = torch.zeros(p, a + p, dtype=torch.float64, device=patterns.device)
        rows = torch.arange(p, device=patterns.device)
        differences[rows, a + rows] = 1.0
        differences[rows, families] = -b
        basis = torch.cat([ancestors.to(torch.int8), patterns])
        lower = PatternEnergy(basis, differences.T @ (scale[:, None] * differences) / n, patterns=patterns)
        upper = PatternEnergy(basis[:a].contiguous(), 1.0 / n)
        return cls(upper, lower, float(b.mean()))

    def with_field(self, field: Float[Tensor, " n"]) -> "LevelledEnergy":
        theta = field if self.theta is None else self.theta + field
        return LevelledEnergy(self.upper, self.lower, self.pull, theta)


@dataclass(frozen=True)
class ThroughAncestors(Dynamics):
    """Retrieve the ancestor first, then descend among its descendants under its field (Gutfreund 1988).

    The first stage descends the upper energy; the second the lower one plus the field $b\\, \\xi^a$ of what
    the first found. Its end need not be a minimum of the sum of both. Steps and flips count both stages.

    Args:
        order: "random", "fixed" or "steepest", as in `Asynchronous`.
    """

    order: str = "random"

    def run(
        self,
        energy: Energy,
        states: Float[Tensor, "b n"],
        *,
        max_steps: int,
        seed: int,
        trace: bool,
        bar: Progress,
    ) -> Course:
        if not isinstance(energy, LevelledEnergy):
            raise CapabilityError(
                f"ThroughAncestors needs the energy of Hierarchical, not {type(energy).__name__}"
            )
        descent = Asynchronous(self.order)
        quiet = Progress(False, len(states), "ancestors")
        first = descent.run(energy.upper, states, max_steps=max_steps, seed=seed, trace=False, bar=quiet)
        found, which = first.states.unique(dim=0, return_inverse=True)
        final, steps, flips = states.clone(), first.steps.clone(), first.flips.clone()
        status = first.status.clone()
        complete = first.complete
        for number, ancestor in enumerate(found):
            rows = (which == number).nonzero()[:, 0]
            drive = energy.pull * ancestor.double()
            lower = energy.lower.with_field(drive if energy.theta is None else drive + energy.theta)
            part = descent.run(lower, states[rows], max_steps=max_steps, seed=seed, trace=False, bar=bar)
            final[rows], status[rows] = part.states, part.status
            steps[rows] += part.steps
            flips[rows] += part.flips
            complete = complete and part.complete
            if not complete:
                status[which > number] = int(Status.INTERRUPTED)
                break
        path = torch.stack([states, final], 1) if trace else None
        course = Course(final, steps, flips, status, path, f"through ancestors, {first.kernel}", complete)
        return replace(course, snapshots=None if path is None else path.to(torch.int8))
