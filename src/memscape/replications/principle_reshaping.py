"""What can be done to given patterns before they are stored: take correlations out, or add ancestors."""

from typing import Any

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.landscape import basins
from memscape.memories import Projection
from memscape.patterns import add_ancestors, decorrelate, flip, tree
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits


@claim(
    "decorrelate",
    where="docs/principle.md",
    statement="Hebb's rule on decorrelated vectors is the projection rule: largest difference of the "
    "couplings.",
    claimed=0.0,
    tolerance=1e-10,
    unit="per coupling",
)
def decorrelated(seed: int, *, units: int = 200) -> Measured:
    """Return the largest difference of the two coupling matrices, 4 families of 5 with overlap .6."""
    X = tree((4, 5), overlap=(0.0, 0.6), size=units, generator=derived(seed, 0)).double()
    Y = decorrelate(X)
    difference = (Y.T @ Y / units).fill_diagonal_(0.0) - Projection(X).weights
    return Measured(float(difference.abs().max()), None, units, 20, "tree (4, 5), overlap (0, .6)", seed)


@claim(
    "ancestors-cost",
    where="docs/principle.md",
    statement="Ancestors stored beside their descendants take room from them: share of starts that end in a "
    "descendant, with ancestors over without, projection rule.",
    claimed=1.0,
    unit="ratio",
    relation="at most",
)
def ancestors_cost(seed: int, *, units: int = 200, instances: int = 8, starts: int = 500) -> Measured:
    """Return the ratio of the descendants' shares with and without their ancestors stored."""
    ratios, rows = [], []
    shares: dict[str, list[float]] = {"without ancestors": [], "with ancestors": []}
    for instance in range(instances):
        X = tree((4, 5), overlap=(0.0, 0.6), size=units, generator=derived(seed, instance))
        for name, stored in (("without ancestors", X), ("with ancestors", add_ancestors(X).patterns)):
            memory: Any = Projection(stored)
            seen = basins(memory, starts=starts, generator=derived(seed, instance, 1), progress=False)
            shares[name].append(float((seen.fraction + seen.inverted)[:20].sum()))
        ratios.append(shares["with ancestors"][-1] / shares["without ancestors"][-1])
    for name, values in shares.items():
        mean, (low, high) = mean_interval(values)
        rows.append({"stored": name, "share of the descendants": mean, "low": low, "high": high})
    value, interval = mean_interval(ratios)
    note = f"{instances} instances of {starts} starts"
    return Measured(value, interval, units, 20, "tree (4, 5), overlap (0, .6)", seed, rows, note)


@claim(
    "ancestors-recall",
    where="docs/principle.md",
    statement="A stored ancestor is recalled as such: share of exact recalls of ancestors with a "
    "tenth of the "
    "units flipped, projection rule with ancestors.",
    claimed=0.95,
    relation="at least",
)
def ancestors_recall(seed: int, *, units: int = 200, instances: int = 8, cues: int = 20) -> Measured:
    """Return the share of damaged ancestors that are recalled exactly; without them stored none can be."""
    shares = []
    for instance in range(instances):
        X = tree((4, 5), overlap=(0.0, 0.6), size=units, generator=derived(seed, instance))
        stored = add_ancestors(X).patterns
        cue = flip(stored[20:].repeat(cues, 1), 0.1, generator=derived(seed, instance, 1))
        with beyond_limits():
            end = Projection(stored).recall(cue, generator=derived(seed, instance, 2))
        shares.append(float((end.exact & (end.match >= 20)).float().mean()))
    value, interval = mean_interval(shares)
    return Measured(
        value, interval, units, 24, "tree (4, 5), overlap (0, .6)", seed, note=f"{instances} instances"
    )
