"""The principle put to use: basins of wanted sizes, by correlations alone and by biases."""

from typing import Any

import torch

from memscape.core.random import derived
from memscape.landscape import design, design_correlation_matrix
from memscape.mechanisms import Softmax
from memscape.memories import Dense
from memscape.patterns import independent
from memscape.replications.claim import Measured, claim
from memscape.replications.means import share

TARGETS = {
    ".75^k": [0.75**k for k in range(8)],
    "linear 1:3": torch.linspace(1, 3, 8).tolist(),
    ".40 and seven equal": [0.4] + [0.6 / 7] * 7,
}


@claim(
    "correlations",
    where="docs/principle.md",
    statement="Correlations alone set basin sizes: largest error of three targets for eight basins of "
    "log-sum-exp wells under uniform cues.",
    claimed=0.02,
    unit="share of the starts",
    relation="at most",
)
def correlations(seed: int, *, units: int = 2000) -> Measured:
    """Return the largest difference of an achieved basin from its target, measured by real descent."""
    rows: list[dict[str, Any]] = []
    for name, sizes in TARGETS.items():
        found = design_correlation_matrix((8, units), sizes, generator=derived(seed, len(rows)))
        rows.append({"target": name, "largest error": found.error, "met": found.feasible})
        if found.correlation is not None:
            rows[-1]["smallest and largest overlap"] = _ends(found.correlation)
    worst = max(row["largest error"] for row in rows)
    return Measured(worst, None, units, 8, "dichotomised normal law, designed correlations", seed, rows)


def _ends(correlation: torch.Tensor) -> str:
    off = correlation[~torch.eye(len(correlation), dtype=torch.bool)]
    return f"{float(off.min()):.2f} to {float(off.max()):.2f}"


@claim(
    "infeasible",
    where="docs/principle.md",
    statement="Two basins of +-1 patterns under uniform cues sum to at most 3/4: share of two targets beyond "
    "such bounds that are named infeasible.",
    claimed=1.0,
)
def infeasible(seed: int, *, units: int = 200) -> Measured:
    """Return the share of impossible targets that are refused, with the reason of each."""
    rows: list[dict[str, Any]] = []
    for sizes in ([0.42, 0.38, 0.20], [0.6, 0.2, 0.2]):
        found = design_correlation_matrix((3, units), sizes, generator=derived(seed, len(rows)))
        rows.append(
            {"target": " ".join(f"{s:g}" for s in sizes), "feasible": found.feasible, "reason": found.reason}
        )
    value = sum(not row["feasible"] for row in rows) / len(rows)
    return Measured(value, None, units, 3, "none is drawn", seed, rows)


@claim(
    "biases",
    where="docs/principle.md",
    statement="Biases set basin sizes with the patterns untouched: largest error of a geometric target for "
    "eight basins, measured from fresh starts.",
    claimed=0.02,
    unit="share of the starts",
    relation="at most",
)
def biases(seed: int, *, units: int = 256, starts: int = 20_000) -> Measured:
    """Return the largest difference of an achieved basin from .75^k, and the share that ends elsewhere."""
    memory: Any = Dense(independent(8, units, generator=derived(seed, 0)), separation=Softmax(beta=1.0))
    found = design(memory, target=TARGETS[".75^k"], starts=starts, generator=derived(seed, 1), progress=False)
    rows = [
        {"pattern": k, "target": float(t), "achieved": float(a), "low": float(low), "high": float(high)}
        for k, (t, a, (low, high)) in enumerate(
            zip(found.target, found.achieved, found.interval, strict=True)
        )
    ]
    elsewhere = 1 - share(found.memory, starts, derived(seed, 2))
    note = f"{starts} starts; {elsewhere:.4f} of them end in no pattern"
    return Measured(found.error, None, units, 8, "independent", seed, rows, note)
