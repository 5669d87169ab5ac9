"""Hopfield, Neural networks and physical systems with emergent collective computational abilities (1982)."""

from typing import Any

import numpy as np
import torch

from memscape.core.intervals import mean_interval, share_interval
from memscape.core.random import derived
from memscape.memories import Hebbian
from memscape.patterns import flip, independent
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits


@claim(
    "energy-falls",
    where="p. 2555, the energy E",
    statement="With symmetric couplings no asynchronous change of a unit raises the energy: share of sweeps "
    "that do.",
    claimed=0.0,
)
def energy_falls(seed: int, *, units: int = 200, count: int = 20, starts: int = 300) -> Measured:
    """Return the share of sweeps that raise the energy, from random starts above and below the capacity."""
    raised = total = 0
    for instance, p in enumerate((count, 3 * count)):
        X = independent(p, units, generator=derived(seed, instance, 0))
        cues = independent(starts, units, generator=derived(seed, instance, 1))
        with beyond_limits():
            found: Any = Hebbian(X).recall(cues, generator=derived(seed, instance, 2), trace=True)
        change = found.trace.energy.diff(dim=1)
        raised += int((change > 1e-9).sum())
        total += change.numel()
    low, high = share_interval([raised], total)[0].tolist()
    note = f"{raised} of {total:,} sweeps, at loads {count / units:g} and {3 * count / units:g}"
    return Measured(raised / total, (low, high), units, 3 * count, "independent", seed, note=note)


@claim(
    "capacity",
    where="p. 2556, about 0.15 N states",
    statement="About 0.15 n states are remembered before errors become severe: load at which the "
    "mean overlap "
    "of recall, started on the pattern, falls through .9.",
    claimed=0.15,
    tolerance=0.02,
    unit="patterns per unit",
)
def capacity(seed: int, *, units: int = 1000, instances: int = 4, cues: int = 60) -> Measured:
    """Return the load at which the mean overlap after recall falls through .9, by linear interpolation."""
    loads = (0.12, 0.13, 0.14, 0.15, 0.16, 0.17, 0.18)
    curves = np.array(
        [
            [_overlap(load, units, cues, derived_seed) for load in loads]
            for derived_seed in _seeds(seed, instances)
        ]
    )
    crossings = [float(np.interp(-0.9, -np.minimum.accumulate(curve), loads)) for curve in curves]
    value, interval = mean_interval(crossings)
    rows = [{"load": load, "mean overlap": float(m)} for load, m in zip(loads, curves.mean(0), strict=True)]
    note = f"{instances} instances, {cues} patterns tested in each"
    return Measured(value, interval, units, round(value * units), "independent", seed, rows, note)


def _seeds(seed: int, count: int) -> list[int]:
    return torch.randint(2**31, (count,), generator=derived(seed, 77)).tolist()


def _overlap(load: float, units: int, cues: int, seed: int) -> float:
    X = independent(round(load * units), units, generator=seed)
    with beyond_limits():
        end = Hebbian(X).recall(X[:cues], generator=seed).state
    return float((end * X[:cues]).mean())


@claim(
    "content-addressable",
    where="p. 2554, content-addressable memory",
    statement="A part of a memory calls up the whole: share of exact recalls with 15 % of the units wrong, "
    "load .05.",
    claimed=1.0,
    tolerance=0.05,
)
def content_addressable(seed: int, *, units: int = 500, cues: int = 20) -> Measured:
    """Return the share of damaged cues that are recalled exactly at load .05."""
    X = independent(round(0.05 * units), units, generator=derived(seed, 0))
    cue = flip(X.repeat(cues, 1), 0.15, generator=derived(seed, 1))
    exact = Hebbian(X).recall(cue, generator=derived(seed, 2)).exact
    low, high = share_interval([int(exact.sum())], len(exact))[0].tolist()
    return Measured(float(exact.float().mean()), (low, high), units, len(X), "independent", seed)
