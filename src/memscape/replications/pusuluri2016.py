"""Pusuluri, Lang, Mehta, Castillo, Controlling energy landscapes with correlations between minima (2016).

arXiv 1611.06127.
The abstract makes qualitative statements; figures, sizes and the exact definition of a basin were not at
hand.
Nothing here reproduces a figure: the statements are tested, with numbers of our own.
"""

from functools import cache

import numpy as np
import torch

from memscape.core.intervals import mean_interval, ratio_interval
from memscape.core.random import derived
from memscape.kernels.packing import distinct, pack
from memscape.landscape import radius
from memscape.memories import Hebbian, Projection
from memscape.patterns import independent, tree
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits, share

OVERLAPS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.75, 0.9)
"""Overlap within each of 4 families of 5; 0 stands for 20 independent patterns."""

LAW = "trees (4, 5) with overlap r in a family"


@cache
def _studied(
    overlap: float, seed: int, units: int, instances: int, starts: int, rule: type
) -> dict[str, list[float]]:
    """Return share, distinct minima, their mean energy and the mean radius of each instance."""
    found: dict[str, list[float]] = {"share": [], "minima": [], "energy": [], "radius": []}
    for instance in range(instances):
        X = _patterns(overlap, units, derived(seed, instance, round(100 * overlap)))
        with beyond_limits():
            memory = rule(X)
            g = derived(seed, instance, round(100 * overlap), 1)
            found["share"].append(share(memory, starts, g))
            ends = memory.recall(independent(starts, units, generator=g), generator=g).state
            ends = ends * ends[:, :1]  # a state and its negative are one
            found["minima"].append(float(len(distinct(pack(ends.to(torch.int8))).counts)))
            found["energy"].append(float(memory.energy(ends.unique(dim=0)).mean()) / units)
            found["radius"].append(
                float(
                    radius(memory, patterns=[0, 7, 13], trials=20, generator=g, progress=False).radius.mean()
                )
            )
    return found


def _patterns(overlap: float, units: int, generator: torch.Generator) -> torch.Tensor:
    if overlap == 0.0:
        return independent(20, units, generator=generator)
    return tree((4, 5), overlap=(0.0, overlap), size=units, generator=generator)


def _table(seed: int, units: int, instances: int, starts: int) -> list[dict[str, float | str]]:
    rows: list[dict[str, float | str]] = []
    for overlap in OVERLAPS:
        found = _studied(overlap, seed, units, instances, starts, Projection)
        share, (low, high) = mean_interval(found["share"])
        rows.append({"r": overlap or "independent", "share": share, "low": low, "high": high})
        rows[-1] |= {key: float(np.mean(found[key])) for key in ("minima", "energy", "radius")}
    return rows


@claim(
    "hierarchy-widens",
    where="abstract: basin sizes depend on correlations",
    statement="A hierarchy of patterns widens their basins together: share of random starts that end in a "
    "pattern, 4 families of 5 with overlap .6 over independent ones.",
    claimed=1.3,
    unit="ratio",
    relation="at least",
)
def hierarchy_widens(seed: int, *, units: int = 200, instances: int = 12, starts: int = 500) -> Measured:
    """Return the ratio of the shares; the rows hold the whole table."""
    rows = _table(seed, units, instances, starts)
    base, best = (_studied(r, seed, units, instances, starts, Projection)["share"] for r in (0.0, 0.6))
    ratio, interval = ratio_interval(best, base)
    note = (
        f"projection rule, {instances} instances of {starts} starts each; minima: distinct ends "
        f"per {starts} starts"
    )
    return Measured(ratio, interval, units, 20, LAW, seed, rows, note)


@claim(
    "too-much-destroys",
    where="abstract: basin sizes depend on correlations",
    statement="Strong correlations destroy what weak ones built: share at overlap .9 over that of "
    "independent "
    "patterns.",
    claimed=0.5,
    unit="ratio",
    relation="at most",
)
def too_much_destroys(seed: int, *, units: int = 200, instances: int = 12, starts: int = 500) -> Measured:
    """Return the ratio of the shares."""
    base, strong = (_studied(r, seed, units, instances, starts, Projection)["share"] for r in (0.0, 0.9))
    ratio, interval = ratio_interval(strong, base)
    note = f"projection rule, {instances} instances of {starts} starts"
    return Measured(ratio, interval, units, 20, LAW, seed, note=note)


@claim(
    "fewer-metastable",
    where="abstract: density of metastable states",
    statement="Where the share is largest there are fewest metastable states: distinct ends at overlap .6 "
    "over those of independent patterns.",
    claimed=0.8,
    unit="ratio",
    relation="at most",
)
def fewer_metastable(seed: int, *, units: int = 200, instances: int = 12, starts: int = 500) -> Measured:
    """Return the ratio of the numbers of distinct end states."""
    base, best = (_studied(r, seed, units, instances, starts, Projection)["minima"] for r in (0.0, 0.6))
    ratio, interval = ratio_interval(best, base)
    note = f"{np.mean(base):.0f} and {np.mean(best):.0f} per {starts} starts: lower bounds of what exists"
    return Measured(ratio, interval, units, 20, LAW, seed, note=note)


@claim(
    "earlier-shares",
    where="our own table of the two rules at n = 200",
    statement="The shares .31 (independent), .51 (overlap .6) and .06 (overlap .9) measured earlier come out "
    "again: largest deviation.",
    claimed=0.0,
    tolerance=0.05,
)
def earlier_shares(seed: int, *, units: int = 200, instances: int = 12, starts: int = 500) -> Measured:
    """Return the largest deviation of three shares from an independent earlier measurement."""
    earlier, rows = {0.0: 0.31, 0.6: 0.51, 0.9: 0.06}, []
    for overlap, value in earlier.items():
        mean, (low, high) = mean_interval(
            _studied(overlap, seed, units, instances, starts, Projection)["share"]
        )
        rows.append({"r": overlap, "earlier": value, "share": mean, "low": low, "high": high})
    worst = max(abs(row["share"] - row["earlier"]) for row in rows)
    return Measured(worst, None, units, 20, LAW, seed, rows, f"{instances} instances of {starts} starts")


@claim(
    "hebb-fails",
    where="abstract: Hopfield and projection models compared",
    statement="Hebb's rule holds none of the correlated patterns: share of starts that end in one, overlap "
    ".6.",
    claimed=0.0,
    tolerance=0.01,
)
def hebb_fails(seed: int, *, units: int = 200, instances: int = 4, starts: int = 500) -> Measured:
    """Return the share of random starts that end in a pattern under Hebb's rule."""
    mean, interval = mean_interval(_studied(0.6, seed, units, instances, starts, Hebbian)["share"])
    return Measured(mean, interval, units, 20, LAW, seed, note=f"{instances} instances of {starts} starts")
