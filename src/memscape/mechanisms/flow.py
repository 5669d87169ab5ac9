"""Dynamics of real-valued states: the fixed-point map of a separated energy, and gradient flow."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from memscape.core.errors import CapabilityError, InputError
from memscape.core.progress import Progress
from memscape.core.recall import Status
from memscape.kernels import retrieval
from memscape.mechanisms.dynamics import Course, Dynamics
from memscape.mechanisms.energies import Energy, Separated, Wells
from memscape.mechanisms.separation import Softmax


@dataclass(frozen=True)
class FixedPoint(Dynamics):
    """The map $s \\leftarrow X^T w(\\beta(Xs + b)) + \\theta$, one step of attention.

    w are the separation's weights. It is the concave-convex procedure on the energy, which never rises
    (Yuille and Rangarajan 2003; Ramsauer et al. 2021). A state is at rest when it moves less than `tolerance`
    (root mean square). One step costs O(b p n) and,
    with softmax, no memory of size b p: the patterns pass by in blocks.
    """

    tolerance: float = 1e-6

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
        if not isinstance(energy, Separated) or energy.norm != 1.0:
            raise CapabilityError(
                f"FixedPoint needs the energy of a real-valued memory, not {type(energy).__name__}"
            )
        return _iterate(
            energy, states, _fixed_point_step, self.tolerance, max_steps, trace, bar, "online retrieval"
        )


@dataclass(frozen=True)
class GradientFlow(Dynamics):
    """Gradient descent $s \\leftarrow s - \\eta\\, \\nabla E$, the Euler steps of $\\dot s = -\\nabla E$.

    `rate` $\\eta$ in (0, 2); at 1 it is the fixed-point map. Small rates follow the flow more closely.
    """

    rate: float = 0.1
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if not 0 < self.rate < 2:
            raise InputError(f"the rate is {self.rate}; it must lie in (0, 2)")

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
        if not isinstance(energy, Separated) or energy.norm != 1.0:
            raise CapabilityError(
                f"GradientFlow needs the energy of a real-valued memory, not {type(energy).__name__}"
            )

        def step(energy: Separated, states: Tensor) -> tuple[Tensor, Tensor, Wells]:
            target, value, wells = _fixed_point_step(energy, states)
            return states + self.rate * (target - states), value, wells

        return _iterate(
            energy, states, step, self.rate * self.tolerance, max_steps, trace, bar, "gradient flow"
        )


def _fixed_point_step(energy: Separated, states: Tensor) -> tuple[Tensor, Tensor, Wells]:
    """Return the next states and, from the same pass, the energy and wells of the current ones."""
    separation = energy.separation
    quadratic = 0.5 * states.double().square().sum(-1)
    if energy.theta is not None:
        quadratic = quadratic - states.double() @ energy.theta.double()
    if isinstance(separation, Softmax):
        seen = retrieval.retrieve(energy.patterns, states, beta=float(separation.beta), bias=energy.bias)
        wells = Wells(seen.best, seen.index, seen.best - seen.lse_others / float(separation.beta))
        value, target = quadratic - seen.lse.double() / float(separation.beta), seen.out
    else:
        o = energy.shifted(states)
        wells, value = energy._reduced(o), quadratic - separation.total(o).double()
        target = separation.weights(o) @ energy.patterns
    return (target if energy.theta is None else target + energy.theta.to(target)), value, wells


def _iterate(
    energy: Separated,
    states: Tensor,
    step,
    tolerance: float,
    max_steps: int,
    trace: bool,
    bar: Progress,
    kernel: str,
) -> Course:
    count = len(states)
    final = states.clone()
    steps = torch.zeros(count, dtype=torch.int64, device=states.device)
    status = torch.full((count,), int(Status.UNFINISHED), dtype=torch.int8, device=states.device)
    value = torch.full((count,), math.nan, dtype=torch.float64, device=states.device)
    best, gap = torch.zeros_like(value), torch.zeros_like(value)
    index = torch.zeros_like(steps)
    snapshots = [states.clone()] if trace else []
    rows = torch.arange(count, device=states.device)
    complete = True
    for _ in range(max_steps):
        moved, energies, wells = step(energy, final[rows])
        rest = _at_rest(moved, final[rows], tolerance)
        value[rows], best[rows], index[rows] = energies, wells.best.double(), wells.index
        gap[rows] = wells.gap.double()
        final[rows] = moved.to(final.dtype)
        steps[rows] += 1
        status[rows[rest]] = int(Status.CONVERGED)
        if trace:
            snapshots.append(final.clone())
        rows = rows[~rest]
        if not bar.update(int(rest.sum())):
            status[rows], complete = int(Status.INTERRUPTED), False
            break
        if not rows.numel():
            break
    path = torch.stack(snapshots, 1) if trace else None
    flips = torch.zeros_like(steps)
    return Course(final, steps, flips, status, path, kernel, complete, value, Wells(best, index, gap))


def _at_rest(moved: Tensor, before: Tensor, tolerance: float) -> Bool[Tensor, " b"]:
    return (moved - before).square().mean(-1).sqrt() <= tolerance
