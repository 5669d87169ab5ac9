"""Dynamics of discrete states: asynchronous descent, Glauber dynamics, parallel updates.

This is the one place where an energy meets the kernels: `_form` turns it into what a kernel works on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import CapabilityError, InputError
from memscape.core.progress import Progress
from memscape.core.recall import Status
from memscape.kernels import dense, dispatch, sweeps
from memscape.mechanisms.dynamics import Course, Dynamics
from memscape.mechanisms.energies import Couplings, Energy, PatternEnergy, Separated
from memscape.mechanisms.separation import Additive, Softmax

ORDERS = ("random", "fixed", "steepest")


@dataclass(frozen=True)
class Asynchronous(Dynamics):
    """One unit at a time takes the sign of its field; the energy never rises, so every descent ends.

    Args:
        order: "random" visits all units in a fresh random order each sweep, "fixed" from first to last,
            "steepest" always flips the unit that lowers the energy most (ties: the first). A step is a sweep;
            with "steepest", a flip.

    Ties keep the unit. Cost per sweep and cue: O(pn) in pattern form, O(n) and O(n) per flip in weight form.
    """

    order: str = "random"

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise InputError(f"order is {self.order!r}; it must be one of {', '.join(map(repr, ORDERS))}")

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
        if self.order == "steepest":
            return _steepest(energy, states, max_steps, trace, bar)
        return _swept(energy, states, self.order, max_steps, seed, 0.0, trace, bar)


@dataclass(frozen=True)
class Glauber(Dynamics):
    """Thermal dynamics: a visited unit becomes +1 with probability $1/(1 + e^{-2h/T})$ (Glauber 1963).

    All `max_steps` sweeps are made; the end state is a sample of $e^{-E/T}$ once enough sweeps have passed.

    Args:
        temperature: T in units of energy, above 0.
        order: "random" or "fixed".
    """

    temperature: float
    order: str = "random"

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise InputError(
                f"the temperature is {self.temperature}; it must be finite and above 0 (0 is Asynchronous())"
            )
        if self.order not in ORDERS[:2]:
            raise InputError(f"order is {self.order!r}; Glauber dynamics know 'random' and 'fixed'")

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
        return _swept(energy, states, self.order, max_steps, seed, self.temperature, trace, bar)


@dataclass(frozen=True)
class Synchronous(Dynamics):
    """All units at once take the sign of their fields; may alternate between two states (status TWO_CYCLE).

    A step is one parallel update, O(bpn) or O(bn^2).
    """

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
        _require_discrete(energy)
        return _parallel(energy, states, max_steps, trace, bar)


def _require_discrete(energy: Energy) -> None:
    if isinstance(energy, Separated) and energy.norm != 0.0:
        raise CapabilityError("this energy has real-valued states; use FixedPoint() or GradientFlow()")


def _form(energy: Energy) -> tuple[Any, float]:
    """Return what starts a sweeper, and by how much its fields are larger than the energy's."""
    known = energy.__dict__.get("_form")
    if known is None:
        known = _new_form(energy)
        energy.__dict__["_form"] = known
    return known


def _new_form(energy: Energy) -> tuple[Any, float]:
    _require_discrete(energy)
    if isinstance(energy, PatternEnergy):
        if isinstance(energy.mixing, Tensor):
            return dispatch.pattern_form(energy.patterns, energy.mixed, energy.theta), 1.0
        theta = None if energy.theta is None else energy.theta.double() / energy.mixing
        return dispatch.pattern_form(energy.patterns, None, theta), 1.0 / energy.mixing
    if isinstance(energy, Couplings):
        return dispatch.coupling_form(energy.weights, energy.theta), 1.0
    if isinstance(energy, Separated) and energy.theta is None:
        if isinstance(energy.separation, Additive):
            table = energy.separation.table(energy.units)
            return dense.additive(
                energy.patterns, table, tol=dense.tie_tolerance(table, len(energy.patterns))
            ), 1.0
        if isinstance(energy.separation, Softmax):
            return dense.log_sum_exp(energy.patterns, float(energy.separation.beta), energy.bias), 1.0
    if isinstance(energy, Separated):
        return dense.from_unit_field(energy.unit_field), 1.0
    return dense.from_field(lambda s: energy.field(s.to(torch.float32))), 1.0


def _swept(
    energy: Energy,
    states: Tensor,
    order: str,
    max_steps: int,
    seed: int,
    temperature: float,
    trace: bool,
    bar: Progress,
) -> Course:
    start, scale = _form(energy)
    outcome = sweeps.run(
        start,
        states.to(torch.int8),
        order=order,
        max_steps=max_steps,
        seed=seed,
        temperature=temperature * scale,
        snapshots=trace,
        advance=bar.update,
    )
    return _course(outcome, states, dispatch.described(start), sampled=temperature > 0)


def _steepest(energy: Energy, states: Tensor, max_steps: int, trace: bool, bar: Progress) -> Course:
    start, _ = _form(energy)
    outcome = dispatch.steepest(
        start, _all_fields(energy), states.to(torch.int8), max_steps=max_steps, snapshots=trace
    )
    bar.update(len(states))
    return _course(outcome, states, f"steepest, {dispatch.described(start)}", sampled=False)


def _all_fields(energy: Energy) -> Callable[[Tensor], Tensor]:
    return lambda s: energy.field(s.to(torch.float32))


def _course(outcome: sweeps.Outcome, states: Tensor, kernel: str, *, sampled: bool) -> Course:
    if sampled:
        status = torch.full(outcome.steps.shape, int(Status.SAMPLED))
    else:
        status = torch.where(outcome.tied, int(Status.TIED), int(Status.CONVERGED))
        status = torch.where(outcome.converged, status, int(Status.UNFINISHED))
    if not outcome.complete:
        status = torch.where(outcome.converged, status, int(Status.INTERRUPTED))
    device = states.device
    return Course(
        states=outcome.states.to(device, states.dtype),
        steps=outcome.steps.to(device),
        flips=outcome.flips.to(device),
        status=status.to(device, torch.int8),
        snapshots=None if outcome.snapshots is None else outcome.snapshots.to(device),
        kernel=kernel,
        complete=outcome.complete,
    )


def _parallel(energy: Energy, states: Tensor, max_steps: int, trace: bool, bar: Progress) -> Course:
    count = len(states)
    now, before = states.clone(), states.clone()
    steps = torch.zeros(count, dtype=torch.int64, device=states.device)
    flips = torch.zeros_like(steps)
    status = torch.full((count,), int(Status.UNFINISHED), dtype=torch.int8, device=states.device)
    rows = torch.arange(count, device=states.device)
    path = [states.to(torch.int8)] if trace else []
    tolerance, complete = _tie_tolerance(energy), True
    for step in range(max_steps):
        h = energy.field(now[rows])
        new = torch.where(h.abs() <= tolerance, now[rows].to(h.dtype), h.sign()).to(now.dtype)
        changed = (new != now[rows]).sum(-1)
        steps[rows] += 1
        flips[rows] += changed
        still, cycle = changed == 0, (new == before[rows]).all(-1) & (changed > 0) & (step > 0)
        tied = (h.abs() <= tolerance).any(-1)
        status[rows[still]] = torch.where(tied[still], int(Status.TIED), int(Status.CONVERGED)).to(torch.int8)
        status[rows[cycle]] = int(Status.TWO_CYCLE)
        before[rows], now[rows] = now[rows], new
        if trace:
            path.append(now.to(torch.int8))
        done = still | cycle
        rows = rows[~done]
        if not bar.update(int(done.sum())):
            status[rows], complete = int(Status.INTERRUPTED), False
            break
        if not rows.numel():
            break
    snapshots = torch.stack(path, 1) if trace else None
    return Course(now, steps, flips, status, snapshots, "parallel, matrix products", complete)


def _tie_tolerance(energy: Energy) -> float:
    if isinstance(energy, PatternEnergy | Couplings):
        return energy.tolerance
    if isinstance(energy, Separated) and isinstance(energy.separation, Additive):
        return dense.tie_tolerance(energy.separation.table(energy.units), len(energy.patterns))
    return dense.TOLERANCE
