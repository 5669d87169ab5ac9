"""Laws of the energy: it falls on the way, the field is its difference, and units have no names."""

from collections.abc import Iterator

import torch
from torch import Tensor

from memscape.core.errors import CapabilityError
from memscape.core.memory import EnergyMemory
from memscape.core.random import derived
from memscape.core.recall import Status
from memscape.mechanisms.descent import Synchronous
from memscape.testing.laws import law
from memscape.testing.subject import Subject

STEP = 1e-5
"""Of the finite differences, in units of the patterns' root mean square."""


def has_energy(examined: Subject) -> bool:
    """Whether the memory has an energy."""
    return isinstance(examined.memory, EnergyMemory)


@law("energy never rises", "Along the default dynamics the energy never rises.", has_energy)
def _falls(examined: Subject) -> Iterator[str]:
    cues = torch.cat([examined.random(8), examined.damaged(0.3)])
    result = examined.recall(examined.memory, cues, trace=True)
    if result.trace is None:
        yield "trace=True returned no trace"
        return
    energy = result.trace.energy[result.status != Status.SAMPLED]  # a thermal state may rise
    if not energy.numel():
        return
    allowed = (1e-9 if examined.space.discrete else 1e-5) * float(energy.abs().max())
    rise, worst = energy.diff(dim=1), 0.0
    if rise.numel():
        worst = float(rise.max())
    if worst > allowed:
        cue, step = divmod(int(rise.argmax()), rise.shape[1])
        yield f"the energy of cue {cue} rises by {worst:.3g} in step {step + 1} of {rise.shape[1]}"


@law("end energy", "The energy of a recall that is at rest is the energy of its state.", has_energy)
def _end(examined: Subject) -> Iterator[str]:
    result = examined.recall(examined.memory, torch.cat([examined.random(8), examined.damaged()]))
    rest = (result.status == Status.CONVERGED) | (result.status == Status.TIED)
    value = examined.memory.energy(result.state[rest]).double() if bool(rest.any()) else result.energy[rest]
    if not examined.close(result.energy[rest], value):
        worst = float((result.energy[rest] - value).abs().max())
        yield f"recall says an energy that is {worst:.3g} off the energy of its state"


@law(
    "flip law",
    "Flipping a unit of a +-1 state costs exactly 2 s_i h_i.",
    lambda examined: has_energy(examined) and examined.signed,
)
def _flips(examined: Subject) -> Iterator[str]:
    memory, units = examined.memory, examined.units
    for state in examined.whole(
        torch.cat([examined.random(2), examined.patterns[:1], examined.damaged()[:1]])
    ):
        flipped = state * (1 - 2 * torch.eye(units, dtype=state.dtype))
        before, after = memory.energy(state).double(), memory.energy(flipped).double()
        cost = 2 * state.double() * memory.field(state).double()
        error = (after - before - cost).abs()
        scale = float(after.abs().max())
        if float(error.max()) > 1e-9 * scale:
            i = int(error.argmax())
            paid, said = float(after[i] - before), float(cost[i])
            yield f"unit {i} of {units}: the flip costs {paid:.9g}, 2 s h is {said:.9g}"


@law(
    "field is the slope",
    "The field of a real state is minus the gradient of the energy.",
    lambda examined: has_energy(examined) and not examined.space.discrete,
)
def _slope(examined: Subject) -> Iterator[str]:
    memory = examined.make(examined.patterns.double())
    width = STEP * float(examined.patterns.double().square().mean().sqrt())
    for state in torch.cat([examined.random(2), examined.damaged()[:1]]).double():
        steps = width * torch.eye(examined.units, dtype=torch.float64)
        slope = (memory.energy(state + steps) - memory.energy(state - steps)).double() / (2 * width)
        error = float((memory.field(state) + slope).abs().max())
        if error > 1e-5 * max(float(slope.abs().max()), 1e-3):
            yield f"the field is {error:.3g} off minus the slope (largest {float(slope.abs().max()):.3g})"


@law(
    "relabelling", "Energy, field and order-free recall do not depend on the names of the units.", has_energy
)
def _relabelling(examined: Subject) -> Iterator[str]:
    places = torch.randperm(examined.units, generator=derived(examined.seed, 4))
    memory, other = examined.memory, examined.make(examined.patterns[:, places])
    states = examined.whole(torch.cat([examined.random(8), examined.damaged(0.2)]))
    moved = states[:, places]
    if not examined.close(other.energy(moved), memory.energy(states)):
        yield "the energy changes"
    if not examined.close(other.field(moved), memory.field(states)[:, places]):
        yield "the field changes"
    options = {"dynamics": Synchronous()} if examined.space.discrete else {}
    try:
        ends = [examined.recall(m, s, **options).state for m, s in ((memory, states), (other, moved))]
    except CapabilityError:  # a memory without parallel dynamics has no order-free recall
        return
    if not examined.close(ends[1], ends[0][:, places]):
        rows = _unequal_rows(ends[1], ends[0][:, places])
        yield f"{rows} of {len(states)} recalls under {options or 'the default dynamics'} end elsewhere"


def _unequal_rows(a: Tensor, b: Tensor) -> int:
    return int((a != b).any(-1).sum())
