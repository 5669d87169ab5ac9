"""Yang et al. (2024, arXiv 2408.08338): edges that select the family of their activation.

Three functions of one or two numbers, networks of 5 hidden units, 8 coefficients a family; the paper's seven
functions and its image sets are not tried. Every single family makes 1,400 steps of Adam at .03 on 400
points, and so does the arrangement of families that wins. The nine that it beats end after 175 to 700 steps,
so that 4,025 steps choose, where trying the five families to the end takes 7,000; a step with several
families costs more. All families start from the coefficients that the selecting network has for them. The
settings were chosen on seeds 100 and 101. In this library an edge that selects is a separation function that
is learnt.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.mechanisms import RectifiedPower, Softmax
from memscape.mechanisms.bases import FAMILIES
from memscape.mechanisms.selectable import SelectableNetwork
from memscape.memories import Dense
from memscape.memories.learning_separation import learn_separation
from memscape.patterns import flip, independent
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits
from memscape.training.competing import train_competing
from memscape.training.selecting import train_selecting

PAPER = "arXiv 2408.08338"
SEEDS = 5
STEPS, RATE = 1400, 0.03

FUNCTIONS: dict[str, tuple[int, Callable[[Tensor], Tensor]]] = {
    "sin(4x) / 4x": (1, lambda x: torch.sinc(4 * x[:, 0] / math.pi)),
    "exp(sin(pi x) + y^2)": (2, lambda x: torch.exp(torch.sin(math.pi * x[:, 0]) + x[:, 1] ** 2)),
    "x y": (2, lambda x: x[:, 0] * x[:, 1]),
}
"""Names to the number of inputs and the function."""


def _error(name: str, family: str | None, key: tuple[int, int], scale: float) -> float:
    """Root mean square error on 2,000 other points of one family, or of what competing leaves (None)."""
    width, function = FUNCTIONS[name]
    x = 2 * torch.rand(2400, width, generator=derived(*key)) - 1
    y = function(x)[:, None]
    network = SelectableNetwork((width, 5, 1), generator=derived(*key, 1))
    steps, generator = round(scale * STEPS), derived(*key, 2)

    def loss(out: Tensor) -> Tensor:
        return (out - y[:400]).square().mean()

    if family is None:
        train_competing(network, x[:400], loss, steps=steps, rate=RATE, generator=generator, progress=False)
    else:
        network = _single(network, family)
        train_selecting(network, x[:400], loss, last=steps, rate=RATE, generator=generator, progress=False)
    with torch.no_grad():
        return float((network(x[400:]) - y[400:]).square().mean().sqrt())


def _single(network: SelectableNetwork, family: str) -> SelectableNetwork:
    """The network of one family that starts as the selecting network's candidate of that family does."""
    widths = [network.layers[0].inputs, *(layer.outputs for layer in network.layers)]
    single = SelectableNetwork(widths, families=(family,), generator=0)  # ty: ignore
    number = network.layers[0].families.index(family)  # ty: ignore
    with torch.no_grad():
        for mine, theirs in zip(single.layers, network.layers, strict=True):
            start = theirs.coefficients[:, :, number : number + 1]  # ty: ignore
            mine.coefficients.copy_(math.sqrt(len(FAMILIES)) * start)  # ty: ignore
    return single


@cache
def _errors(seed: int, seeds: int, scale: float) -> dict[str, dict[str, np.ndarray]]:
    """Function to family (or "selected") to the errors of all seeds."""
    kinds = {name: name for name in FAMILIES} | {"selected": None}
    return {
        function: {
            kind: np.array([_error(function, family, (seed, number), scale) for number in range(seeds)])
            for kind, family in kinds.items()
        }
        for function in FUNCTIONS
    }


def _against(seed: int, seeds: int, scale: float, rank: int) -> Measured:
    """The largest ratio over functions of the selected error to that of the rank-th best single family."""
    rows, found = [], []
    for function, errors in _errors(seed, seeds, scale).items():
        singles = sorted(FAMILIES, key=lambda name: np.log(errors[name]).mean())
        logs = np.log(errors["selected"] / errors[singles[rank]])
        mean, (low, high) = mean_interval(logs.tolist())
        found.append((math.exp(mean), (math.exp(low), math.exp(high))))
        typical = {kind: float(np.exp(np.log(error).mean())) for kind, error in errors.items()}
        row = {"function": function, **typical, "against": singles[rank], "ratio": math.exp(mean)}
        alike = [np.isclose(errors["selected"], errors[name], rtol=1e-3) for name in FAMILIES]
        mixtures = int(seeds - np.any(alike, 0).sum())  # one family on all edges ends where it ends alone
        rows.append(row | {"low": found[-1][1][0], "high": found[-1][1][1], "mixtures": mixtures})
    value, interval = max(found)
    note = (
        f"{seeds} seeds, geometric means; the worst of {len(rows)} functions; the winner of 10 arrangements "
        f"and each single family make {round(scale * STEPS):,} steps, those beaten 1/8 to 1/2 of that"
    )
    return Measured(value, interval, 5, 400, "points drawn evenly in [-1, 1]", seed, rows, note)


@claim(
    "best-single",
    where=f"{PAPER}: function fits",
    statement="Pruned to one family for each edge, the error is at most 1.1 times that of the best single "
    "family, on each of three functions: ratio.",
    claimed=1.1,
    unit="ratio",
    tier="minutes",
    relation="at most",
)
def best_single(seed: int, *, seeds: int = SEEDS, scale: float = 1.0) -> Measured:
    """Return the worst ratio to the best single family, which is known only afterwards."""
    return _against(seed, seeds, scale, 0)


@claim(
    "median-single",
    where=f"{PAPER}: function fits",
    statement="Pruned to one family for each edge, the error is at most that of the median single family, on "
    "each of three functions: ratio.",
    claimed=1.0,
    unit="ratio",
    tier="minutes",
    relation="at most",
)
def median_single(seed: int, *, seeds: int = SEEDS, scale: float = 1.0) -> Measured:
    """Return the worst ratio to the median single family."""
    return _against(seed, seeds, scale, len(FAMILIES) // 2)


POWERS = tuple(RectifiedPower(degree) for degree in (2, 3, 4, 6))


@cache
def _recalls(seed: int, number: int, units: int, count: int, damage: float) -> dict[str, float]:
    """Share of exact recalls from damaged cues of patterns that the separation was not learnt from."""
    learnt = learn_separation(
        independent(count, units, generator=derived(seed, number)),
        damage=damage,
        generator=derived(seed, number, 1),
        progress=False,
    )
    X = independent(count, units, generator=derived(seed, number, 2))
    rows = torch.arange(200) % count
    cue = flip(X[rows], fraction=damage, generator=derived(seed, number, 3))
    shapes = (
        {"learnt": learnt} | {f"power {one.degree}": one for one in POWERS} | {"exponential": Softmax(1.0)}
    )
    found: dict[str, float] = {"seed": number}
    for name, separation in shapes.items():
        with beyond_limits():
            recall = Dense(X, separation=separation).recall(cue, generator=derived(seed, number, 4))
        found[name] = float((recall.exact & (recall.match == rows)).double().mean())
    return found | {"family": list(FAMILIES).index(learnt.family)}


def _separations(seed: int, seeds: int, units: int, count: int, damage: float) -> list[dict[str, float]]:
    return [_recalls(seed, number, units, count, damage) for number in range(seeds)]


@claim(
    "separation-powers",
    where="docs: small systems, a separation that is learnt",
    statement="A separation learnt from other patterns recalls at least as many as the best rectified power "
    "of degree 2, 3, 4 or 6: difference of the shares.",
    claimed=0.0,
    relation="at least",
    tier="minutes",
)
def separation_powers(
    seed: int, *, seeds: int = SEEDS, units: int = 100, count: int = 1000, damage: float = 0.3
) -> Measured:
    """Return the mean difference to the best power of each seed."""
    rows = _separations(seed, seeds, units, count, damage)
    best = [row["learnt"] - max(row[f"power {one.degree}"] for one in POWERS) for row in rows]
    value, interval = mean_interval(best)
    note = f"{damage:.0%} of a cue's units flipped, {seeds} seeds, 200 cues each"
    return Measured(value, interval, units, count, "independent", seed, rows, note)


@claim(
    "separation-exponential",
    where="docs: small systems, a separation that is learnt",
    statement="It recalls as many as the exponential separation, which nothing was learnt for: difference of "
    "the shares.",
    claimed=0.0,
    tolerance=0.05,
    relation="at least",
    tier="minutes",
)
def separation_exponential(
    seed: int, *, seeds: int = SEEDS, units: int = 100, count: int = 1000, damage: float = 0.3
) -> Measured:
    """Return the mean difference to the exponential separation."""
    rows = _separations(seed, seeds, units, count, damage)
    value, interval = mean_interval([row["learnt"] - row["exponential"] for row in rows])
    mean = sum(row["learnt"] for row in rows) / len(rows)
    note = f"{damage:.0%} of a cue's units flipped, {seeds} seeds, 200 cues each; learnt {mean:.3f}"
    return Measured(value, interval, units, count, "independent", seed, rows, note)
