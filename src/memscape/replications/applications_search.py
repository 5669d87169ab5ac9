"""Application: choose the write rule and separation of a memory by the score of its landscape."""

from collections.abc import Callable
from typing import Any

import torch
from scipy.stats import spearmanr
from torch import Tensor

from memscape.core.random import derived
from memscape.landscape.scoring import score
from memscape.mechanisms import Power, Softmax
from memscape.memories import Dense, Dreaming, Hebbian, MaxMargin, Projection, Storkey
from memscape.patterns import Thermometer, digits
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits

CANDIDATES: dict[str, Callable[[Tensor], Any]] = {
    "Hebbian": Hebbian,
    "Storkey": Storkey,
    "Dreaming, 1": lambda X: Dreaming(X, time=1.0),
    "Dreaming, 10": lambda X: Dreaming(X, time=10.0),
    "Projection": Projection,
    "MaxMargin": MaxMargin,
    "Dense, degree 3": lambda X: Dense(X, separation=Power(3)),
    "Dense, degree 6": lambda X: Dense(X, separation=Power(6)),
    "Dense, degree 12": lambda X: Dense(X, separation=Power(12)),
    "log-sum-exp, .02": lambda X: Dense(X, separation=Softmax(0.02)),
    "log-sum-exp, .1": lambda X: Dense(X, separation=Softmax(0.1)),
    "log-sum-exp, 1": lambda X: Dense(X, separation=Softmax(1.0)),
}


@claim(
    "search",
    where="docs/applications.md",
    statement="Architecture search: the score of a landscape, measured on some digits, ranks twelve memories "
    "as a task on other digits does (the lower half of each picture is missing): rank correlation.",
    claimed=0.8,
    unit="Spearman's rho",
    relation="at least",
    mark="shown",
)
def search(seed: int, *, count: int = 60, trials: int = 1024) -> Measured:
    """Return the rank correlation of scores and of success on the task; the rows hold both."""
    order = torch.randperm(1797, generator=derived(seed, 0))
    X = Thermometer(8).encode(digits().images)[order[: 2 * count]]
    seen, other = X[:count], X[count:]
    rows: list[dict[str, Any]] = []
    with beyond_limits():
        for name, build in CANDIDATES.items():
            found = score(build(seen), trials=trials, starts=256, generator=derived(seed, 1), progress=False)
            rows.append({"memory": name, "score": found.value, "task": _task(build(other), other, seed)})
    rho = float(spearmanr([row["score"] for row in rows], [row["task"] for row in rows]).statistic)
    chosen, best = max(rows, key=lambda row: row["score"]), max(rows, key=lambda row: row["task"])
    note = (
        f"chosen by score: {chosen['memory']}, task {chosen['task']:.3f}; best on the task {best['task']:.3f}"
    )
    return Measured(rho, None, X.shape[1], count, "digits, thermometer code of 8 levels", seed, rows, note)


def _task(memory: Any, patterns: Tensor, seed: int) -> float:
    """Return the share of pictures that come back from their upper half."""
    cue = patterns.clone()
    cue[:, cue.shape[1] // 2 :] = 0.0  # pixels follow row by row
    found = memory.recall(cue, generator=derived(seed, 2))
    return float(((found.match == torch.arange(len(patterns))) & found.exact).float().mean())
