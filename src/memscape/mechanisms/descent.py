"""Dynamics of discrete states: asynchronous descent, Glauber dynamics, parallel updates.

This is the one place where an energy meets the kernels: `_form` turns it into what a kernel works on.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import CapabilityError, InputError
from memscape.core.progress import Progress
from memscape.core.recall import Status
from memscape.kernels import dense, dense_fields, dense_steepest, sweeps
from memscape.kernels.dispatch import Quadratic
from memscape.kernels.synchronous import ParallelOutcome, synchronous
from memscape.mechanisms.dynamics import Course, Dynamics
from memscape.mechanisms.energies import Couplings, Energy, PatternEnergy, Separated
from memscape.mechanisms.marginal import Marginal
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
        return _parallel(energy, states, max_steps, trace, bar)


@dataclass(frozen=True)
class _Form:
    """An energy as the kernels take it.

    `start` makes sweepers, `scale` says by how much its fields are larger than the energy's, `steepest`
    descends one flip at a time, `field` gives all fields and `tolerance` says which of them are ties.
    """

    start: Callable[[Tensor, Tensor], sweeps.Sweeper]
    scale: float
    steepest: Callable[..., sweeps.Outcome]
    field: Callable[[Tensor], Tensor]
    tolerance: float
    why: Callable[[int], str]


def _form(energy: Energy) -> _Form:
    """Return the kernels' form of an energy, made once and kept with it."""
    known = energy.__dict__.get("_form")
    if known is None:
        known = energy.__dict__["_form"] = _new_form(energy)
    return known


def kernel_field(energy: Energy) -> tuple[Callable[[Tensor], Tensor], float]:
    """Return the fields of states (c, n) int8 as the kernels compute them, and up to which size one is a tie.

    They are the energy's own but for a positive factor: whole numbers where the couplings are.
    """
    form = _form(energy)
    return form.field, form.tolerance


def _new_form(energy: Energy) -> _Form:
    if isinstance(energy, Separated) and energy.norm != 0.0:
        raise CapabilityError("this energy has real-valued states; use FixedPoint() or GradientFlow()")
    if isinstance(energy, PatternEnergy) and not isinstance(energy.mixing, Tensor):
        theta = None if energy.theta is None else energy.theta.double() / energy.mixing
        return _quadratic(Quadratic.patterns(energy.basis, None, theta), 1.0 / energy.mixing)
    if isinstance(energy, PatternEnergy):
        form = Quadratic.patterns(energy.basis, energy.mixed, energy.theta)
        form.form.tolerance = max(form.form.tolerance, energy.rounding)
        return _quadratic(form, 1.0)
    if isinstance(energy, Couplings):
        return _quadratic(Quadratic.couplings(energy.weights, energy.theta), 1.0)
    if isinstance(energy, Marginal) and (same := energy.quadratic()) is not None:
        return _quadratic(Quadratic.couplings(same.weights, same.theta), 1.0)
    if isinstance(energy, Separated) and energy.theta is None and isinstance(energy.separation, Additive):
        return _additive(energy, energy.separation.table(energy.units))
    if isinstance(energy, Separated) and energy.theta is None and isinstance(energy.separation, Softmax):
        return _log_sum_exp(energy, float(energy.separation.beta))
    return _general(energy)


def _quadratic(form: Quadratic, scale: float) -> _Form:
    return _Form(form, scale, form.steepest, form.fields, form.form.tolerance, form.why)


def _additive(energy: Separated, table: Tensor) -> _Form:
    X, tol = energy.patterns, dense.tie_tolerance(table, len(energy.patterns))
    return _Form(
        start=dense.additive(X, table, tol=tol),
        scale=1.0,
        steepest=partial(dense_steepest.steepest_additive, X, table, tol=tol),
        field=partial(dense_fields.additive_field, X, table),
        tolerance=tol,
        why=lambda cues: f"kept overlaps, a table of F, p = {len(X)}, n = {energy.units}, {cues} cues",
    )


def _log_sum_exp(energy: Separated, beta: float) -> _Form:
    X, bias = energy.patterns, energy.bias
    return _Form(
        start=dense.log_sum_exp(X, beta, bias),
        scale=1.0,
        steepest=partial(dense_steepest.steepest_log_sum_exp, X, beta, bias),
        field=partial(dense_fields.lse_field, X, beta, bias),
        tolerance=dense.TOLERANCE,
        why=lambda cues: f"kept weights of the wells, p = {len(X)}, n = {energy.units}, {cues} cues",
    )


def _general(energy: Energy) -> _Form:
    """Any other discrete energy: unit by unit through its own field, slow and right."""

    def field(states: Tensor) -> Tensor:
        return energy.field(states.to(torch.float32))

    one = isinstance(energy, Separated | Marginal)
    start = dense.from_unit_field(energy.unit_field) if one else dense.from_field(field)
    steepest = partial(dense_steepest.steepest, field)
    return _Form(start, 1.0, steepest, field, dense.TOLERANCE, lambda cues: f"field by field, {cues} cues")


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
    form = _form(energy)
    outcome = sweeps.run(
        form.start,
        states.to(torch.int8),
        order=order,
        max_steps=max_steps,
        seed=seed,
        temperature=temperature * form.scale,
        snapshots=trace,
        advance=bar.update,
    )
    return _course(outcome, states, form.why(len(states)), sampled=temperature > 0)


def _steepest(energy: Energy, states: Tensor, max_steps: int, trace: bool, bar: Progress) -> Course:
    form = _form(energy)
    start = states.to(torch.int8)
    outcome = form.steepest(start, max_steps=max_steps)
    if trace:
        longest = int(outcome.flips.max())
        path = [start]
        for _ in range(longest):
            path.append(form.steepest(path[-1], max_steps=1).states)
        outcome = replace(outcome, snapshots=torch.stack(path, 1))
    bar.update(len(states))
    return _course(outcome, states, f"steepest descent, {form.why(len(states))}", sampled=False)


def _parallel(energy: Energy, states: Tensor, max_steps: int, trace: bool, bar: Progress) -> Course:
    form = _form(energy)
    outcome = synchronous(
        form.field,
        states.to(torch.int8),
        max_steps=max_steps,
        tolerance=form.tolerance,
        snapshots=trace,
        advance=bar.update,
    )
    course = _course(outcome, states, f"parallel, {form.why(len(states))}", sampled=False)
    cycle = outcome.cycle.to(course.status.device)
    return replace(course, status=torch.where(cycle, int(Status.TWO_CYCLE), course.status).to(torch.int8))


def _course(
    outcome: sweeps.Outcome | ParallelOutcome, states: Tensor, kernel: str, *, sampled: bool
) -> Course:
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
