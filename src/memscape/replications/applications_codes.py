"""Applications of one kind: memories as codes, how much they correct and how much they hold."""

from typing import Any

from memscape.core.intervals import share_interval
from memscape.core.random import derived
from memscape.mechanisms import Power, Softmax
from memscape.memories import Dense, Hebbian, Projection
from memscape.patterns import flip, independent
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits

PAGE = "docs/applications.md"


BUILDERS: dict[str, Any] = {
    "Hebbian": Hebbian,
    "Projection": Projection,
    "Dense, degree 4": lambda X: Dense(X, separation=Power(4)),
    "Dense, log-sum-exp": lambda X: Dense(X, separation=Softmax(beta=1.0)),
}


@claim(
    "error-correction",
    where=PAGE,
    statement="Error correction: a log-sum-exp memory corrects as many words as the best decoder, "
    "the nearest "
    "word: difference of the shares, a quarter of the units flipped.",
    claimed=0.0,
    tolerance=0.01,
    mark="shown",
)
def error_correction(seed: int, *, units: int = 200, count: int = 50, cues: int = 20) -> Measured:
    """Return the nearest word's share of corrected words minus that of log-sum-exp wells."""
    X = independent(count, units, generator=derived(seed, 0))
    rows: list[dict[str, Any]] = []
    for damage in (0.1, 0.25, 0.35, 0.4):
        sent = X.repeat(cues, 1)
        cue = flip(sent, damage, generator=derived(seed, 1))
        row: dict[str, Any] = {"flipped": damage}
        row["nearest word"] = float(((cue @ X.T).argmax(1) == (sent @ X.T).argmax(1)).float().mean())
        with beyond_limits():
            for name, build in BUILDERS.items():
                end = build(X).recall(cue, generator=derived(seed, 2)).state
                row[name] = float((end == sent).all(1).float().mean())
        rows.append(row)
    chosen = rows[1]
    value = chosen["nearest word"] - chosen["Dense, log-sum-exp"]
    note = (
        f"{count * cues} words sent at each damage; the nearest word needs all words at hand, as "
        "a dense memory does"
    )
    return Measured(value, None, units, count, "independent", seed, rows, note)


@claim(
    "capacity",
    where=PAGE,
    statement="Capacity: sharper wells hold more on the same units: patterns recalled exactly from "
    "a tenth of "
    "the units flipped (95 % of them), degree 4 over Hebb's rule.",
    claimed=10.0,
    unit="ratio",
    relation="at least",
    mark="shown",
)
def capacity(seed: int, *, units: int = 100, tested: int = 100) -> Measured:
    """Return the ratio of the largest loads tried at which 95 % of the recalls are exact."""
    rows: list[dict[str, Any]] = []
    loads = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 100, 200, 400, 800, 1600, 3200)
    best: dict[str, int] = {}
    for count in loads:
        X = independent(count, units, generator=derived(seed, count))
        sent = X.repeat(-(-tested // count), 1)[:tested]
        cue = flip(sent, 0.1, generator=derived(seed, count, 1))
        row: dict[str, Any] = {"p": count}
        with beyond_limits():
            for name, build in BUILDERS.items():
                if name == "Projection" and count >= units:
                    row[name] = "more than n"
                    continue
                end = build(X).recall(cue, generator=derived(seed, count, 2)).state
                row[name] = float((end == sent).all(1).float().mean())
                if row[name] >= 0.95 and best.get(name, 0) in (0, loads[max(0, loads.index(count) - 1)]):
                    best[name] = count
        rows.append(row)
    value = best["Dense, degree 4"] / best["Hebbian"]
    low, high = share_interval([95], tested)[0].tolist()
    note = "largest p: " + ", ".join(f"{name} {count}" for name, count in best.items())
    note += f", {loads[-1]} being the largest tried: the ratio is a lower bound"
    note += f"; {tested} recalls each, so a share of .95 has the interval {low:.2f} to {high:.2f}"
    return Measured(value, None, units, loads[-1], "independent", seed, rows, note)
