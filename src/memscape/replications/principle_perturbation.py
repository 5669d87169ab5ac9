"""What damage to the weights leaves of a memory: cut, noisy and coarsely stored couplings."""

from functools import cache

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.landscape import perturbation
from memscape.landscape.perturbing import Perturbation
from memscape.memories import Hebbian, Projection
from memscape.patterns import independent
from memscape.replications.claim import Measured, claim

LEVELS = {
    "dilution": (0.0, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9),
    "noise": (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0),
    "bits": (1, 2, 3, 4, 6, 8),
}


@cache
def _curves(
    rule: type, kind: str, units: int, count: int, seed: int, instances: int, starts: int
) -> list[Perturbation]:
    return [
        perturbation(
            rule(independent(count, units, generator=derived(seed, i))),
            kind,
            LEVELS[kind],
            starts=starts,
            generator=derived(seed, i, 1),
            progress=False,
        )
        for i in range(instances)
    ]


def _rows(kind: str, units: int, count: int, seed: int, instances: int, starts: int) -> list[dict]:
    rows = []
    both = [
        (rule, _curves(rule, kind, units, count, seed, instances, starts)) for rule in (Hebbian, Projection)
    ]
    for k, level in enumerate(LEVELS[kind]):
        row: dict = {kind: level}
        for rule, curves in both:
            for name in ("radius", "share"):
                mean, (low, high) = mean_interval([float(getattr(c, name)[k]) for c in curves])
                row[f"{name}, {rule.__name__}"] = f"{mean:.3f} ({low:.3f} to {high:.3f})"
            operations = sum(float(c.operations[k]) for c in curves) / instances
            row[f"operations, {rule.__name__}"] = f"{operations:,.0f}"
        rows.append(row)
    return rows


def _kept(
    kind: str, level: float, full: float, seed: int, units: int, count: int, instances: int, starts: int
) -> Measured:
    """Return the share of the radius that is left at a level, projection rule; the rows hold both rules."""
    curves = _curves(Projection, kind, units, count, seed, instances, starts)
    at, whole = LEVELS[kind].index(level), LEVELS[kind].index(full)
    value, interval = mean_interval([float(c.radius[at] / c.radius[whole]) for c in curves])
    rows = _rows(kind, units, count, seed, instances, starts)
    note = f"{instances} instances, 10 wells and {starts} starts each; operations per random start"
    return Measured(value, interval, units, count, "independent", seed, rows, note)


@claim(
    "dilution",
    where="docs/principle.md",
    statement="Half of the couplings can be cut: share of the radius that is left, projection rule at load "
    ".1.",
    claimed=0.7,
    unit="share of the radius",
    relation="at least",
)
def dilution(
    seed: int, *, units: int = 200, count: int = 20, instances: int = 6, starts: int = 500
) -> Measured:
    """Return the share of the radius that is left when half of the couplings are cut."""
    return _kept("dilution", 0.5, 0.0, seed, units, count, instances, starts)


@claim(
    "noise",
    where="docs/principle.md",
    statement="Noise of half the size of the couplings costs little: share of the radius that is left, "
    "projection rule at load .1.",
    claimed=0.9,
    unit="share of the radius",
    relation="at least",
)
def noise(seed: int, *, units: int = 200, count: int = 20, instances: int = 6, starts: int = 500) -> Measured:
    """Return the share of the radius that is left under noise of half the root mean square coupling."""
    return _kept("noise", 0.5, 0.0, seed, units, count, instances, starts)


@claim(
    "bits",
    where="docs/principle.md",
    statement="Three bits per coupling do: share of the radius of eight bits, projection rule at load .1.",
    claimed=0.95,
    unit="share of the radius",
    relation="at least",
)
def bits(seed: int, *, units: int = 200, count: int = 20, instances: int = 6, starts: int = 500) -> Measured:
    """Return the share of the radius that is left at three bits per coupling."""
    return _kept("bits", 3, 8, seed, units, count, instances, starts)
