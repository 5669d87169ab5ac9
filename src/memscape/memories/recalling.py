"""One recall for every memory with an energy: check the cue, run the dynamics, read the result."""

import math
from typing import Any

import torch
from torch import Tensor

from memscape.core.arrays import as_tensor, require_count, require_width
from memscape.core.errors import DeviceError
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, draw_seed
from memscape.core.recall import Kind, Recall, Trace, Verdict
from memscape.core.spaces import Space
from memscape.mechanisms.dynamics import Course, Dynamics, filled
from memscape.mechanisms.energies import Energy, home
from memscape.mechanisms.reading import (
    Calibration,
    HoldsWells,
    masked_familiarity,
    matched,
    nearest,
    verdicts,
)


def checked_states(x: object, energy: HoldsWells, space: Space, what: str, *, zeros: bool = False) -> Tensor:
    """Return states (..., n) of the energy's width, on its device, or a clear error."""
    given = isinstance(x, Tensor)
    states = as_tensor(x, what)
    require_width(states, energy.units, what)
    states = space.check(states, what, zeros=zeros)
    device = home(energy)
    if given and states.device != device:
        raise DeviceError(
            f"the {what} is on {states.device} and the memory on {device}; move one of them, "
            f"e.g. {what}.to('{device}')"
        )
    return states.to(device)


def recall(
    energy: Energy,
    space: Space,
    cue: object,
    dynamics: Dynamics,
    *,
    scale: Calibration | None,
    threshold: float,
    max_steps: int,
    generator: Generator,
    field: object,
    trace: bool,
    progress: ProgressOption,
) -> Recall:
    """Return where cues (..., n) lead under `dynamics`; without `scale` (no patterns) nothing is matched."""
    cues = checked_states(cue, energy, space, "cue", zeros=True)
    max_steps = require_count(max_steps, "max_steps")
    flat = cues.reshape(-1, energy.units)
    driven = energy if field is None else energy.with_field(_drive(field, energy))
    seed = draw_seed(generator)
    with Progress(progress, len(flat), "recalling") as bar:
        start = filled(driven, flat) if space.discrete else flat
        course = dynamics.run(driven, start, max_steps=max_steps, seed=seed, trace=trace, bar=bar)
    settings: dict[str, Any] = {
        "dynamics": repr(dynamics),
        "seed": seed,
        "max_steps": max_steps,
        "kernel": course.kernel,
    }
    settings |= {"threshold": threshold, "field": field is not None}
    if scale is not None:
        settings["calibration"] = scale.to_dict()
    if not space.discrete and int(course.steps.max()) == 1 and max_steps == 1:
        settings["notes"] = [
            "Energy, match, overlap and gap are those of the cue: one step reads them on its way."
        ]
    result = _read(energy, driven, space, flat, course, scale, threshold, trace, settings)
    return result if cues.ndim == 2 else _shaped(result, cues.shape[:-1])


def _drive(field: object, energy: Energy) -> Tensor:
    drive = as_tensor(field, "field")
    require_width(drive, energy.units, "field")
    return drive.to(home(energy)).double().reshape(energy.units)


def _read(
    energy: Energy,
    driven: Energy,
    space: Space,
    cues: Tensor,
    course: Course,
    scale: Calibration | None,
    threshold: float,
    trace: bool,
    settings: dict,
) -> Recall:
    count, device = len(cues), cues.device
    value = course.look.energy if course.look is not None else driven.energy(course.states)
    path = None
    if trace and course.snapshots is not None:
        dtype = cues.dtype
        energies = torch.stack([driven.energy(s.to(dtype)).double() for s in course.snapshots.unbind(1)], 1)
        path = Trace(course.snapshots, energies)
    if scale is None:
        nothing = torch.full((count,), math.nan, dtype=torch.float64, device=device)
        codes = torch.zeros(count, dtype=torch.int8, device=device)
        match = torch.full((count,), -1, dtype=torch.int64, device=device)
        reading = {
            "match": match,
            "exact": codes.bool(),
            "kind": codes + int(Kind.SPURIOUS),
            "overlap": nothing,
        }
        reading |= {"familiarity": nothing, "gap": nothing, "verdict": codes + int(Verdict.UNKNOWN)}
    else:
        if course.look is not None:
            look = course.look
            seen = matched(energy.patterns, space, course.states, look.nearest, threshold)
            gap, familiarity = look.wells.gap, scale.familiarity(look.familiar)
        else:
            seen = nearest(energy.patterns, space, course.states, threshold)
            gap, familiarity = energy.wells(course.states).gap, _familiarity(energy, space, cues, scale)
        verdict = verdicts(familiarity, gap, seen.match, scale)
        reading = {"match": seen.match, "exact": seen.exact, "kind": seen.kind, "overlap": seen.overlap}
        reading |= {"familiarity": familiarity, "gap": gap, "verdict": verdict}
    return Recall(
        state=course.states.to(cues.dtype),
        energy=value.double(),
        steps=course.steps,
        flips=course.flips,
        status=course.status,
        trace=path,
        settings=settings,
        complete=course.complete,
        **reading,
    )


def _familiarity(energy: Energy, space: Space, cues: Tensor, scale: Calibration) -> Tensor:
    best = energy.wells(cues).best
    masked = (cues == 0).any(-1)
    values = scale.familiarity(best).double()
    if space.discrete and bool(masked.any()):
        values[masked] = masked_familiarity(energy, space, cues[masked], best[masked]).double()
    return values


def _shaped(result: Recall, shape: tuple[int, ...]) -> Recall:
    parts = {name: getattr(result, name) for name in Recall.__dataclass_fields__}
    for name, value in parts.items():
        if isinstance(value, Tensor):
            parts[name] = value.reshape(shape + value.shape[1:])
    if result.trace is not None:
        path = result.trace
        parts["trace"] = Trace(*(t.reshape(shape + t.shape[1:]) for t in (path.states, path.energy)))
    return Recall(**parts)
