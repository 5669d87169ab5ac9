"""Agliari et al., Parallel learning by multitasking neural networks (arXiv 2308.04106)."""

from typing import Any

import numpy as np
import torch

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.memories import Hebbian, Quadratic
from memscape.patterns import diluted, noisy_examples
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits
from memscape.theory.multitask import amplitudes, critical_dilution, dataset_entropy


def _sorted_overlaps(
    dilution: float, units: int, count: int, seed: int, instance: int, *, ranked: bool = False
) -> torch.Tensor:
    """Return the overlaps after descent, strongest first: from pattern 1, or from the hierarchical state."""
    X = diluted(count, units, dilution=dilution, generator=derived(seed, instance, 0))
    start = _ranked(X) if ranked else X[0]
    end = Hebbian(X).recall(start, generator=derived(seed, instance, 1)).state
    return (X @ end / units).abs().sort(descending=True).values.double()


def _ranked(patterns: torch.Tensor) -> torch.Tensor:
    """Return the state in which each unit follows the first pattern that has an opinion on it."""
    state = patterns[0].clone()
    for row in patterns[1:]:
        state = torch.where(state == 0, row, state)
    return torch.where(state == 0, 1.0, state)


def _amplitude_rows(
    dilutions: tuple[float, ...], units: int, count: int, networks: int, seed: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for d in dilutions:
        expected = amplitudes(count, d)
        row: dict[str, Any] = {
            "dilution": d,
            "(1-d) d^k": " ".join(f"{value:.3f}" for value in expected.tolist()),
        }
        for name, ranked in (("from the ranked state", True), ("from pattern 1", False)):
            found = torch.stack(
                [_sorted_overlaps(d, units, count, seed, i, ranked=ranked) for i in range(networks)]
            ).mean(0)
            row[name] = " ".join(f"{value:.3f}" for value in found.tolist())
            row[f"deviation, {name}"] = float((found - expected).abs().max())
        rows.append(row)
    return rows


@claim(
    "amplitudes",
    where="hierarchical regime: amplitudes (1 - d) d^k",
    statement="At weak dilution several patterns are retrieved at once with overlaps (1 - d) d^k: largest "
    "deviation for d = .1, .3, .5.",
    claimed=0.0,
    tolerance=0.02,
    unit="overlap",
)
def hierarchy(seed: int, *, units: int = 40_000, count: int = 4, networks: int = 6) -> Measured:
    """Return the largest deviation of the sorted overlaps from the power law."""
    rows = _amplitude_rows((0.1, 0.3, 0.5), units, count, networks, seed)
    note = f"mean of {networks} networks; from pattern 1 the units left free can end in a mixture"
    worst = max(row["deviation, from the ranked state"] for row in rows)
    return Measured(
        worst,
        None,
        units,
        count,
        "diluted",
        seed,
        rows,
        note,
    )


@claim(
    "parallel",
    where="parallel regime: equal amplitudes",
    statement="At strong dilution (d = .7) the overlaps become equal: the fourth over the first.",
    claimed=0.4,
    unit="ratio",
    relation="at least",
)
def parallel(seed: int, *, units: int = 1500, count: int = 4, networks: int = 12) -> Measured:
    """Return the mean ratio of the smallest to the largest overlap at dilution .7."""
    found = [_sorted_overlaps(0.7, units, count, seed, i) for i in range(networks)]
    mean, interval = mean_interval([float(m[-1] / m[0]) for m in found])
    rows = _amplitude_rows((0.3, 0.5, 0.7, 0.85), units, count, networks, seed)
    weaker = [_sorted_overlaps(0.5, units, count, seed, i) for i in range(networks)]
    ratio = float(np.mean([float(m[-1] / m[0]) for m in weaker]))
    note = f"mean of {networks} networks, from pattern 1; at d = .5 the ratio is {ratio:.2f}"
    return Measured(mean, interval, units, count, "diluted", seed, rows, note)


@claim(
    "lost-hierarchy",
    where="1 - 2 d + d^K > 0",
    statement="Three patterns lose the hierarchical state at the dilution .618.",
    claimed=critical_dilution(3),
    tolerance=0.02,
    unit="dilution",
)
def lost_hierarchy(seed: int, *, units: int = 20_000, networks: int = 5) -> Measured:
    """Return the dilution at which half of the networks leave the hierarchical state."""
    grid = np.round(np.arange(0.56, 0.681, 0.01), 3)
    rows = []
    for d in grid.tolist():
        left = [_moved(d, units, seed, i) > 0.01 for i in range(networks)]
        rows.append({"dilution": d, "left": float(np.mean(left))})
    shares = np.maximum.accumulate([row["left"] for row in rows])
    value = float(np.interp(0.5, shares, grid)) if shares[-1] > 0.5 else float("nan")
    return Measured(
        value, None, units, 3, "diluted", seed, rows, f"{networks} networks, left: over 1 % of the units flip"
    )


def _moved(dilution: float, units: int, seed: int, instance: int) -> float:
    """Return the share of units that leave the state in which each unit follows its first pattern."""
    X = diluted(3, units, dilution=dilution, generator=derived(seed, instance))
    state = _ranked(X)
    end = Hebbian(X).recall(state, generator=derived(seed, instance, 1)).state
    return float((end != state).float().mean())


@claim(
    "teacher",
    where="abstract: with and without a teacher",
    statement="At low load learning with and without a teacher ends at the same overlap with the archetype: "
    "difference at M = 50, r = .4.",
    claimed=0.0,
    tolerance=0.03,
    unit="overlap",
)
def teacher(
    seed: int, *, units: int = 1500, count: int = 3, examples: int = 50, networks: int = 8
) -> Measured:
    """Return the mean difference of the overlap with the archetype, supervised minus unsupervised."""
    pairs = [_learned(units, count, examples, seed, i) for i in range(networks)]
    mean, interval = mean_interval([with_teacher - without for with_teacher, without in pairs])
    rows = [
        {"rule": name, "overlap with the archetype": float(np.mean([pair[k] for pair in pairs]))}
        for k, name in enumerate(("supervised", "unsupervised"))
    ]
    note = f"{networks} networks, dilution .2, data entropy {dataset_entropy(examples, 0.4):.3f}"
    return Measured(mean, interval, units, count, "diluted, noisy examples", seed, rows, note)


@claim(
    "same-threshold",
    where="abstract: thresholds with and without a teacher",
    statement="At low load learning with and without a teacher needs examples of the same quality: "
    "difference of the r at which the overlap with the archetype passes .9, M = 50.",
    claimed=0.0,
    tolerance=0.03,
    unit="r",
)
def same_threshold(
    seed: int, *, units: int = 1500, count: int = 3, examples: int = 50, networks: int = 6
) -> Measured:
    """Return the difference of the qualities at which the mean overlap passes .9."""
    grid = (0.1, 0.15, 0.2, 0.225, 0.25, 0.275, 0.3, 0.35)
    rows: list[dict[str, Any]] = []
    for r in grid:
        pairs = [_learned(units, count, examples, seed, i, r) for i in range(networks)]
        taught, alone = np.mean(pairs, 0)
        rows.append({"r": r, "entropy": dataset_entropy(examples, r), "supervised": float(taught)})
        rows[-1]["unsupervised"] = float(alone)
    needed = [
        float(np.interp(0.9, np.maximum.accumulate([row[name] for row in rows]), grid))
        for name in ("supervised", "unsupervised")
    ]
    note = f"r = {needed[0]:.3f} with a teacher, {needed[1]:.3f} without; {networks} networks, dilution .2"
    value = needed[1] - needed[0]
    return Measured(value, None, units, count, "diluted, noisy examples", seed, rows, note)


def _learned(
    units: int, count: int, examples: int, seed: int, instance: int, quality: float = 0.4
) -> tuple[float, float]:
    X = diluted(count, units, dilution=0.2, generator=derived(seed, instance, 0))
    eta = noisy_examples(X, examples, quality=quality, generator=derived(seed, instance, 1)).double()
    mean, rows = eta.mean(1), eta.reshape(-1, units)
    support = int((X[0] != 0).sum())
    overlaps = []
    for J in (mean.T @ mean, rows.T @ rows / examples):
        end = (
            Quadratic(J / units).recall(X[0].sign() + (X[0] == 0), generator=derived(seed, instance, 2)).state
        )
        overlaps.append(float(X[0] @ end) / support)
    return overlaps[0], overlaps[1]


@claim(
    "loss-is-energy",
    where="abstract: minima of the energy are minima of the loss",
    statement="The minima of the energy are those of the quadratic loss, on all 2^16 states of 20 networks: "
    "number of states that are a minimum of only one.",
    claimed=0.0,
    unit="states",
)
def loss_is_energy(seed: int, *, units: int = 16, count: int = 3, networks: int = 20) -> Measured:
    """Return how many states are a single-flip minimum of either the energy or the loss, but not of both.

    The loss is the sum over patterns of L+ L-, with L+- the mean squared distance of the state from +- the
    pattern, a quarter of it per unit.
    """
    bits = np.arange(2**units)
    states = ((bits[:, None] >> np.arange(units)) & 1) * 2.0 - 1.0
    differing = minima = 0
    for instance in range(networks):
        d = 0.1 * (instance % 6)
        X = diluted(count, units, dilution=d, generator=derived(seed, instance)).double()
        with (
            beyond_limits()
        ):  # 3 patterns on 16 units are more than Hebb's rule recalls; every state is looked at
            energy = Hebbian(X).energy(torch.from_numpy(states)).numpy()
        plus = ((states[:, None] - X.numpy()) ** 2).mean(-1) / 2
        minus = ((states[:, None] + X.numpy()) ** 2).mean(-1) / 2
        loss = (plus * minus).sum(1)
        first, second = _minima(energy, bits, units), _minima(loss, bits, units)
        differing += int((first != second).sum())
        minima += int(first.sum())
    note = f"{minima} minima in {networks} networks, dilutions 0 to .5"
    return Measured(float(differing), None, units, count, "diluted", seed, note=note)


def _minima(values: np.ndarray, bits: np.ndarray, units: int) -> np.ndarray:
    """Return which states no single flip makes lower."""
    lowest = np.min([values[bits ^ (1 << i)] for i in range(units)], 0)
    return values <= lowest + 1e-9
