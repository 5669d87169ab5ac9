"""Kanter, Sompolinsky, Associative recall of memory without errors (1987)."""

from itertools import pairwise
from typing import Any

import numpy as np
import torch

from memscape.core.intervals import mean_interval, share_interval
from memscape.core.random import derived
from memscape.landscape import radius
from memscape.mechanisms import Asynchronous
from memscape.memories import Projection
from memscape.patterns import independent, tree
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits
from memscape.theory import projection as theory

SOURCE = "Phys. Rev. A 35, 380"


@claim(
    "no-errors",
    where=f"{SOURCE}, abstract",
    statement="Any linearly independent patterns are stored without error, up to one per unit: share stable "
    "at p = .99 n.",
    claimed=1.0,
)
def no_errors(seed: int, *, units: int = 200) -> Measured:
    """Return the share of stored patterns that are fixed points at load .99."""
    X = independent(round(0.99 * units), units, generator=derived(seed, 0))
    with beyond_limits():
        exact = Projection(X).recall(X, generator=derived(seed, 1)).exact
    interval = tuple(share_interval([int(exact.sum())], len(X))[0].tolist())
    return Measured(float(exact.float().mean()), interval, units, len(X), "independent", seed)


@claim(
    "correlated",
    where=f"{SOURCE}, abstract",
    statement="Correlated patterns are stored without error as well: share stable in 4 families of 25, "
    "overlap .9.",
    claimed=1.0,
)
def correlated(seed: int, *, units: int = 400) -> Measured:
    """Return the share of strongly correlated patterns that are fixed points."""
    X = tree((4, 25), overlap=(0.0, 0.9), size=units, generator=derived(seed, 0))
    exact = Projection(X).recall(X, generator=derived(seed, 1)).exact
    interval = tuple(share_interval([int(exact.sum())], len(X))[0].tolist())
    return Measured(
        float(exact.float().mean()), interval, units, len(X), "tree (4, 25), overlap (0, .9)", seed
    )


@claim(
    "global-minima",
    where=f"{SOURCE}: H as a distance",
    statement="Patterns are global minima with E/n = -(1 - load)/2, the energy being the distance from their "
    "span: largest deviation over patterns and random states.",
    claimed=0.0,
    tolerance=1e-10,
    unit="energy per unit",
)
def global_minima(seed: int, *, units: int = 300, count: int = 60) -> Measured:
    """Return the largest deviation of the energy from its two closed forms."""
    X = independent(count, units, generator=derived(seed, 0)).double()
    memory = Projection(X)
    level = -(1 - count / units) / 2
    states = independent(100, units, generator=derived(seed, 1)).double()
    span = np.linalg.qr(X.T.numpy())[0]
    distance = states.numpy() - states.numpy() @ span @ span.T
    expected = level + (distance**2).sum(1) / (2 * units)
    at_states = np.abs(memory.energy(states).numpy() / units - expected).max()
    at_patterns = float((memory.energy(X) / units - level).abs().max())
    return Measured(max(float(at_states), at_patterns), None, units, count, "independent", seed)


@claim(
    "one-bit",
    where=f"{SOURCE}: zero diagonal",
    statement="Without the diagonal a flipped unit always feels its way back, and steepest descent returns: "
    "share of single flips repaired at load .9.",
    claimed=1.0,
)
def one_bit(seed: int, *, units: int = 200, patterns: int = 20) -> Measured:
    """Return the share of single flips that steepest descent repairs; random order stands in the rows."""
    X = independent(round(0.9 * units), units, generator=derived(seed, 0))
    memory = Projection(X)
    flipped = X[:patterns].repeat_interleave(units, 0)
    rows_of, columns = torch.arange(len(flipped)), torch.arange(units).repeat(patterns)
    flipped[rows_of, columns] *= -1
    goal = X[:patterns].repeat_interleave(units, 0)
    rows: list[dict[str, Any]] = []
    for order in ("steepest", "random"):
        end = memory.recall(flipped, dynamics=Asynchronous(order), generator=derived(seed, 1)).state
        rows.append({"order": order, "returned": float((end == goal).all(1).float().mean())})
    own = memory.field(flipped)[rows_of, columns] * goal[rows_of, columns]
    note = f"own field points back in {float((own > 0).float().mean()):.4f} of the cases"
    interval = tuple(share_interval([round(rows[0]["returned"] * len(goal))], len(goal))[0].tolist())
    return Measured(rows[0]["returned"], interval, units, len(X), "independent", seed, rows, note)


@claim(
    "spin-glass-load",
    where=f"{SOURCE}: alpha_g = 1 - 2/pi",
    statement="A spin-glass state has the energy of the patterns at load 1 - 2/pi.",
    claimed=0.3634,
    tolerance=1e-4,
    unit="patterns per unit",
)
def spin_glass_load(seed: int) -> Measured:
    """Return the load at which the two energies cross."""
    return Measured(theory.spin_glass_load(), None, 0, 0, "closed form", 0)


@claim(
    "radius-falls",
    where=f"{SOURCE}, abstract: basins",
    statement="The mean radius of the basins falls from 1 to 0 as the load grows to 1: largest "
    "deviation from "
    ".75, .45, .20, .05 at loads .1, .3, .5, .7 (measured earlier for n = 200 on a grid of .05).",
    claimed=0.0,
    tolerance=0.06,
    unit="radius",
)
def radius_falls(
    seed: int, *, units: int = 200, instances: int = 4, wells: int = 8, trials: int = 20
) -> Measured:
    """Return the largest deviation of the mean radius from the earlier values; the rows hold more loads."""
    expected = {0.1: 0.75, 0.3: 0.45, 0.5: 0.20, 0.7: 0.05}
    rows: list[dict[str, Any]] = []
    for load in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9):
        found = []
        for instance in range(instances):
            X = independent(round(load * units), units, generator=derived(seed, instance))
            chosen = list(range(min(wells, len(X))))
            memory: Any = Projection(X)
            found += radius(
                memory,
                patterns=chosen,
                trials=trials,
                generator=derived(seed, instance, 1),
                progress=False,
            ).radius.tolist()
        mean, (low, high) = mean_interval(found)
        rows.append(
            {"load": load, "radius": mean, "low": low, "high": high, "earlier": expected.get(load, "")}
        )
    worst = max(abs(row["radius"] - expected[row["load"]]) for row in rows if row["load"] in expected)
    falls = all(later["radius"] < row["radius"] for row, later in pairwise(rows))
    note = (
        f"{instances} instances, {wells} wells each; "
        f"{'falls at every step' if falls else 'does not fall throughout'}"
    )
    return Measured(worst, None, units, round(0.9 * units), "independent", seed, rows, note)
