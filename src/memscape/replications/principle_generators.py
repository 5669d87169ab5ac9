"""Whether a correlation matrix fixes a landscape: equal matrices from different laws of the patterns."""

import torch

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.memories import Projection
from memscape.patterns import correlated, correlation, tree
from memscape.replications.claim import Measured, claim
from memscape.replications.means import share

BRANCHING, OVERLAP = (4, 5), (0.0, 0.6)


def _matrix() -> torch.Tensor:
    """Return the expected correlations of the tree."""
    family = torch.arange(20) // 5
    C = torch.where(family[:, None] == family, OVERLAP[1], 0.0).double()
    return C.fill_diagonal_(1.0)


@claim(
    "same-matrix",
    where="docs/principle.md",
    statement="Correlations alone do not fix a landscape: 20 patterns with the same expected matrix, from "
    "flips of an ancestor and from a dichotomised normal law, differ in the share of starts that "
    "end in a pattern.",
    claimed=0.02,
    unit="difference of shares, either sign",
    relation="at least",
)
def same_matrix(seed: int, *, units: int = 200, instances: int = 40, starts: int = 500) -> Measured:
    """Return the absolute mean difference of the shares; the note has its sign."""
    C = _matrix()
    shares: dict[str, list[float]] = {"flips of an ancestor": [], "dichotomised normal": []}
    errors: dict[str, list[float]] = {name: [] for name in shares}
    for instance in range(instances):
        g = derived(seed, instance)
        laws = {
            "flips of an ancestor": tree(BRANCHING, overlap=OVERLAP, size=units, generator=g),
            "dichotomised normal": correlated(C, size=units, generator=g),
        }
        for name, X in laws.items():
            shares[name].append(share(Projection(X), starts, g))
            errors[name].append(float((correlation(X).double() - C).square().mean().sqrt()))
    rows = []
    for name, values in shares.items():
        mean, (low, high) = mean_interval(values)
        rows.append({"law": name, "share": mean, "low": low, "high": high})
        rows[-1]["rms error of C"] = sum(errors[name]) / instances
    first, second = shares.values()
    value, interval = mean_interval([a - b for a, b in zip(first, second, strict=True)])
    note = (
        f"projection rule, {instances} instances of {starts} starts; ancestor flips minus normal "
        f"law: {value:.3f}"
    )
    value, interval = (value, interval) if value >= 0 else (-value, (-interval[1], -interval[0]))
    return Measured(
        value, interval, units, 20, "tree (4, 5), overlap (0, .6), and the same matrix", seed, rows, note
    )
