"""Dynamics of real-valued states: the fixed-point map of a separated energy, and gradient flow."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import CapabilityError, InputError
from memscape.core.progress import Progress
from memscape.core.recall import Status
from memscape.kernels import retrieval
from memscape.mechanisms.distances import Distances
from memscape.mechanisms.dynamics import Course, Dynamics, Look
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
        step = _map(energy, "FixedPoint")
        return _iterate(energy, states, step, self.tolerance, max_steps, trace, bar, "online retrieval")


@dataclass(frozen=True)
class GradientFlow(Dynamics):
    """Gradient descent $s \\leftarrow s - \\eta\\, \\nabla E$, the Euler steps of $\\dot s = -\\nabla E$.

    On the energy of a kernel (Epanechnikov) the gradient is divided by the summed weights of the wells.

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
        to_target = _map(energy, "GradientFlow")

        def step(energy: Any, states: Tensor) -> tuple[Tensor, Look]:
            target, look = to_target(energy, states)
            return states + self.rate * (target - states), look

        return _iterate(
            energy, states, step, self.rate * self.tolerance, max_steps, trace, bar, "gradient flow"
        )


def _map(energy: Energy, asked: str) -> "Step":
    """Return the fixed-point map of an energy of real states."""
    if isinstance(energy, Distances):
        return _mean_shift_step
    if isinstance(energy, Separated) and energy.norm == 1.0:
        return _fixed_point_step
    raise CapabilityError(f"{asked} needs the energy of a real-valued memory, not {type(energy).__name__}")


def _mean_shift_step(energy: Distances, states: Tensor) -> tuple[Tensor, Look]:
    close = energy.closeness(states)
    value = -energy.separation.total(close).double()
    if energy.theta is not None:
        value = value - states.double() @ energy.theta.double()
    wells = energy.reduced(close)
    best, index = wells.best.double(), wells.index
    return energy.target(states, close), Look(value, Wells(best, index, wells.gap.double()), index, best)


def _fixed_point_step(energy: Separated, states: Tensor) -> tuple[Tensor, Look]:
    """Return the next states and, from the same pass over the patterns, what was seen of the current ones."""
    separation = energy.separation
    quadratic = 0.5 * states.double().square().sum(-1)
    if energy.theta is not None:
        quadratic = quadratic - states.double() @ energy.theta.double()
    if isinstance(separation, Softmax):
        beta = float(separation.beta)
        seen = retrieval.retrieve(states, energy.patterns, beta, energy.bias, norms=energy.norms)
        wells = Wells(seen.term, seen.index, seen.gap)
        value, target, nearest = quadratic - seen.lse.double() / beta, seen.output, seen.nearest
    else:
        o = energy.shifted(states)
        wells, value = energy.reduced(o), quadratic - separation.total(o).double()
        target = separation.weights(o) @ energy.patterns.to(o.dtype)
        plain = o if energy.bias is None else o - energy.bias.to(o.dtype)
        nearest = (plain / energy.norms.to(o.dtype).clamp_min(torch.finfo(o.dtype).tiny)).argmax(-1)
    if energy.theta is not None:
        target = target + energy.theta.to(target)
    best = wells.best.double()
    which = wells.index if nearest is None else nearest
    return target, Look(value, Wells(best, wells.index, wells.gap.double()), which, best)


Step = Callable[[Any, Tensor], tuple[Tensor, Look]]


def _iterate(
    energy: Energy,
    states: Tensor,
    step: Step,
    tolerance: float,
    max_steps: int,
    trace: bool,
    bar: Progress,
    kernel: str,
) -> Course:
    count, device = len(states), states.device
    final = states.clone()
    steps = torch.zeros(count, dtype=torch.int64, device=device)
    status = torch.full((count,), int(Status.UNFINISHED), dtype=torch.int8, device=device)
    snapshots = [states.clone()] if trace else []
    rows = torch.arange(count, device=device)
    look, complete = None, True
    for _ in range(max_steps):
        moved, seen = step(energy, final[rows])
        rest = (moved - final[rows]).square().mean(-1).sqrt() <= tolerance
        look = seen if look is None else _updated(look, rows, seen)
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
    return Course(final, steps, torch.zeros_like(steps), status, path, kernel, complete, look)


def _updated(look: Look, rows: Tensor, seen: Look) -> Look:
    """Return a look with these rows seen anew; how familiar the cue was stays."""

    def put(old: Tensor, new: Tensor) -> Tensor:
        return old.index_copy(0, rows, new.to(old.dtype))

    wells = Wells(*(put(getattr(look.wells, k), getattr(seen.wells, k)) for k in ("best", "index", "gap")))
    return Look(put(look.energy, seen.energy), wells, put(look.nearest, seen.nearest), look.familiar)
