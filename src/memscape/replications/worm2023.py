"""Sikarwar and Zhang (2023, arXiv 2307.10768): what ten tasks of working memory ask of a store that blurs.

Symbolic tasks, so no WorM scores. The store was chosen on seed 7 (width 16, retention .8, noise .1) and
measured on other seeds.
"""

import math

import torch

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.replications.claim import Measured, claim
from memscape.tasks import evaluate
from memscape.tasks import working_memory as wm

WHERE = "arXiv 2307.10768, abstract; bars are ours"
STORE = wm.HebbStore(width=16, retention=0.8, noise=0.1)
LASTING = wm.HebbStore(width=16, retention=1.0, noise=0.1)
SIZES, SEEDS = (2, 4, 6, 8), 5
LAW = "symbols, with random codes of 16 units for each trial"


@claim(
    "set-size",
    where=WHERE,
    statement="More to hold is held worse in each of ten tasks: Spearman's correlation of accuracy and set "
    "size, of the task where it is weakest.",
    claimed=-0.8,
    unit="rank correlation",
    relation="at most",
)
def set_size(seed: int, *, seeds: int = SEEDS, count: int = 400) -> Measured:
    """Return the weakest of the ten mean correlations."""
    rows, found = [], {}
    for number, name in enumerate(wm.TASKS):
        spans = [
            wm.span(STORE, name, SIZES, count=count, generator=derived(seed, number, k)) for k in range(seeds)
        ]
        mean, (low, high) = mean_interval([one.trend for one in spans])
        found[name] = (mean, low, high)
        accuracy = torch.stack([one.accuracy for one in spans]).mean(0).tolist()
        by_size = {f"accuracy at {size}": right for size, right in zip(SIZES, accuracy, strict=True)}
        rows.append({"task": name, **by_size, "correlation": mean, "chance": float(spans[0].chance[0])})
    name, (mean, low, high) = max(found.items(), key=lambda item: item[1][0])
    low = max(low, -1.0)  # a correlation goes no lower
    note = f"{seeds} seeds of {count} trials at each of {len(SIZES)} sizes; weakest in {name}"
    return Measured(mean, (low, high), STORE.width, max(SIZES), LAW, seed, rows, note)


@claim(
    "recency",
    where=WHERE,
    statement="In serial recall from a store that decays, the last item is recalled better than the middle "
    "one: difference of the accuracies.",
    claimed=0.1,
    relation="at least",
)
def recency(seed: int, *, seeds: int = SEEDS, count: int = 2000) -> Measured:
    """Return the mean recency of lists of nine, with the accuracy at each turn for both stores."""
    on, found, rows = wm.task("serial-recall-style", size=9), {}, []
    for store in (STORE, LASTING):
        found[store] = [
            wm.by_position(store, on, count=count, generator=derived(seed, 20, k)) for k in range(seeds)
        ]
    for turn in range(9):
        means = [float(torch.stack([x.accuracy[turn] for x in found[s]]).mean()) for s in (STORE, LASTING)]
        rows.append({"item": turn + 1, "retention .8": means[0], "retention 1": means[1]})
    value, ends = mean_interval([one.recency for one in found[STORE]])
    flat, spread = mean_interval([one.recency for one in found[LASTING]])
    note = (
        f"{seeds} seeds of {count} lists of 9; without decay the difference is {flat:+.3f} ({spread[0]:+.3f} "
        f"to {spread[1]:+.3f})"
    )
    return Measured(value, ends, STORE.width, 9, LAW, seed, rows, note)


@claim(
    "no-decay-no-recency",
    where=WHERE,
    statement="Without decay there is no recency: difference between the last item's accuracy and the middle "
    "one's.",
    claimed=0.0,
    tolerance=0.03,
)
def no_decay(seed: int, *, seeds: int = SEEDS, count: int = 2000) -> Measured:
    """Return the mean recency of a store that forgets nothing."""
    on = wm.task("serial-recall-style", size=9)
    found = [wm.by_position(LASTING, on, count=count, generator=derived(seed, 20, k)) for k in range(seeds)]
    value, ends = mean_interval([one.recency for one in found])
    return Measured(value, ends, STORE.width, 9, LAW, seed, (), f"{seeds} seeds of {count} lists of 9")


@claim(
    "untrained",
    where="arXiv 2307.10768; chance of a serial recall among nine items",
    statement="An untrained recurrent network recalls one item in nine.",
    claimed=1 / 9,
    tolerance=0.01,
)
def untrained(seed: int, *, networks: int = 40, count: int = 200) -> Measured:
    """Return the mean accuracy over untrained networks."""
    on = wm.task("serial-recall-style", size=5)
    right = []
    for number in range(networks):
        reader = wm.RecurrentReader(on, 32, generator=derived(seed, 30, number))
        right.append(evaluate(reader, on, count=count, generator=derived(seed, 31, number)).accuracy)
    value, ends = mean_interval(right)
    error = (ends[1] - ends[0]) / 2 / 2.02
    apart = abs(value - 1 / 9) / error if error else math.inf
    note = f"{networks} networks, {count} lists of 5 each; {apart:.1f} standard errors from 1/9"
    return Measured(value, ends, 32, 5, "lists of different symbols of nine", seed, (), note)


@claim(
    "learning",
    where=WHERE,
    statement="Recurrent networks, one trained alike for each size, do worse the more there is to hold: "
    "Spearman's correlation of accuracy and set size, mean of two tasks.",
    claimed=-0.8,
    unit="rank correlation",
    relation="at most",
    tier="minutes",
)
def learning(seed: int, *, seeds: int = 3, steps: int = 500) -> Measured:
    """Return the mean correlation over seeds and tasks, with the learning curves."""
    rows, trends, every = [], [], steps // 5
    for name in ("serial-recall-style", "spatial-updating-style"):
        curves = {size: [] for size in SIZES}
        for number in range(seeds):
            last = []
            for size in SIZES:
                on = wm.task(name, size=size)
                reader = wm.RecurrentReader(on, 64, generator=1000 * seed + number)
                course = wm.learning_curve(
                    reader, on, steps=steps, every=every, generator=number, progress=False
                )
                curves[size].append([found["accuracy"] for _, found in course.watched])
                last.append(curves[size][-1][-1])
            ranks = torch.tensor(last, dtype=torch.float64)
            trends.append(wm.Span(name, "size", SIZES, ranks, ranks.expand(2, -1).T, ranks).trend)
        for size, found in curves.items():
            mean = torch.tensor(found, dtype=torch.float64).mean(0).tolist()
            steps_at = {f"step {every * (k + 1)}": right for k, right in enumerate(mean)}
            rows.append({"task": name, "size": size, **steps_at})
    value, (low, high) = mean_interval(trends)
    note = f"gated recurrent network of 64 units, {steps} steps of 64 trials, {seeds} seeds"
    return Measured(value, (max(low, -1.0), high), 64, max(SIZES), "symbols", seed, rows, note)
