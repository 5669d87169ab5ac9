"""Applications over time: wells that follow use, learning one thing after another, several things in mind."""

import math
from typing import Any

import torch

from memscape.core.intervals import mean_interval, share_interval
from memscape.core.random import derived
from memscape.landscape import design
from memscape.mechanisms import Softmax
from memscape.memories import Dense, Hebbian, Projection, Storkey
from memscape.patterns import diluted, flip, independent
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits

PAGE = "docs/applications.md"
DAMAGE = 0.42
"""Chance that a unit of a cue is flipped; what was asked before then says about as much as the cue."""


@claim(
    "fine-tuning",
    where=PAGE,
    statement="Fine-tuning by strengths: biases designed for the counts of past use raise recall of cues "
    "drawn by the same use, each unit flipped with probability .42; patterns untouched: gain in the "
    "share of right answers.",
    claimed=0.02,
    unit="difference of shares",
    relation="at least",
    mark="shown",
)
def fine_tuning(
    seed: int, *, units: int = 128, count: int = 16, instances: int = 6, cues: int = 2000
) -> Measured:
    """Return the gain in right answers, and for the rarest half of the patterns beside it."""
    use = 1.0 / torch.arange(1, count + 1).double() ** 1.2
    names = ("as stored", "wells follow use", "best possible", "most used")
    shares: dict[str, list[float]] = {name: [] for name in names}
    rare: dict[str, list[float]] = {name: [] for name in names}
    gains = []
    for instance in range(instances):
        X = independent(count, units, generator=derived(seed, instance, 0))
        memory = Dense(X, separation=Softmax(beta=0.15))
        asked = torch.multinomial(use, cues, replacement=True, generator=derived(seed, instance, 1))
        past = torch.multinomial(use, 2000, replacement=True, generator=derived(seed, instance, 2))
        counts = torch.bincount(past, minlength=count)
        g = derived(seed, instance, 3)
        shaped: Any = design(memory, target=counts, starts=2000, generator=g, progress=False)
        wrong = torch.rand(cues, units, generator=derived(seed, instance, 4)) < DAMAGE
        cue = torch.where(wrong, -X[asked], X[asked])
        prior = (use / use.sum()).log() / (0.5 * math.log((1 - DAMAGE) / DAMAGE))
        answers = {
            "as stored": _best(memory, cue),
            "wells follow use": _best(shaped.memory, cue),
            "best possible": (cue.double() @ X.double().T + prior).argmax(1),
            "most used": torch.zeros_like(asked),
        }
        low = asked >= count // 2
        for name, answer in answers.items():
            shares[name].append(float((answer == asked).float().mean()))
            rare[name].append(float((answer == asked)[low].float().mean()))
        gains.append(shares["wells follow use"][-1] - shares["as stored"][-1])
    value, interval = mean_interval(gains)
    rows = [
        {"answers": name, "right": sum(found) / instances, "right, rarer half": sum(rare[name]) / instances}
        for name, found in shares.items()
    ]
    note = (
        f"use falls as rank^-1.2; {instances} instances of {cues} cues; best possible: Bayes "
        "with the true use and damage"
    )
    return Measured(value, interval, units, count, "independent", seed, rows, note)


def _best(memory: Any, cues: torch.Tensor) -> torch.Tensor:
    """Return the pattern whose well is the deepest at each cue."""
    return memory.landscape_energy.wells(cues).index


@claim(
    "continual",
    where=PAGE,
    statement="Continual learning: the projection rule keeps what was stored first: share of the first ten "
    "patterns still exact after sixty more, 100 units.",
    claimed=1.0,
    mark="shown",
)
def continual(seed: int, *, units: int = 100, first: int = 10, instances: int = 8) -> Measured:
    """Return the share of the first patterns that are still fixed points under the projection rule."""
    rows: list[dict[str, Any]] = []
    for more in (0, 5, 10, 20, 40, 60):
        row: dict[str, Any] = {"stored after them": more}
        for rule in (Hebbian, Storkey, Projection):
            shares = []
            for instance in range(instances):
                X = independent(first + more, units, generator=derived(seed, instance))
                with beyond_limits():
                    memory = rule(X[:first])
                    if more:
                        memory.store(X[first:])
                    exact = memory.recall(X[:first], generator=derived(seed, instance, 1)).exact
                shares.append(float(exact.float().mean()))
            row[rule.__name__] = sum(shares) / instances
        rows.append(row)
    value, note = rows[-1]["Projection"], f"{instances} instances; stored one set after the other"
    return Measured(value, None, units, first + 60, "independent", seed, rows, note)


@claim(
    "working-memory",
    where=PAGE,
    statement="Working memory: one state holds four diluted patterns (seven tenths silent) at once and "
    "repairs itself: share of states that come back with the same four overlaps, each within .05, "
    "from a tenth of the units flipped.",
    claimed=0.9,
    relation="at least",
    mark="shown",
)
def working_memory(seed: int, *, units: int = 1000, instances: int = 100) -> Measured:
    """Return the share of damaged states whose overlaps return; the rows hold several dilutions."""
    rows: list[dict[str, Any]] = []
    for dilution in (0.5, 0.6, 0.7, 0.8, 0.9):
        found = [_kept(dilution, units, seed, i) for i in range(instances)]
        kept = sum(same for same, _ in found)
        low, high = share_interval([kept], instances)[0].tolist()
        overlaps = torch.stack([o for _, o in found]).mean(0)
        rows.append({"silent": dilution, "kept": kept / instances, "low": low, "high": high})
        rows[-1]["overlaps held"] = " ".join(f"{value:.2f}" for value in overlaps.tolist())
    chosen = rows[2]
    note = f"{instances} states; overlaps as shares of each pattern's own units, strongest first"
    interval = (chosen["low"], chosen["high"])
    return Measured(chosen["kept"], interval, units, 4, "diluted", seed, rows, note)


def _kept(dilution: float, units: int, seed: int, instance: int) -> tuple[bool, torch.Tensor]:
    """Return whether a state in which all four patterns meet comes back from damage, and its overlaps."""
    X = diluted(4, units, dilution=dilution, generator=derived(seed, instance))
    memory, own = Hebbian(X), (X != 0).sum(1)
    start = torch.where(X.sum(0) == 0, 1.0, X.sum(0).sign())
    whole = memory.recall(start, generator=derived(seed, instance, 1)).state
    damaged = flip(whole, 0.1, generator=derived(seed, instance, 2))
    again = memory.recall(damaged, generator=derived(seed, instance, 3))
    before, after = X @ whole / own, X @ again.state / own
    return bool(((before - after).abs() <= 0.05).all()), before.sort(descending=True).values
