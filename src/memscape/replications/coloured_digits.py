"""A study of our own: a network that reads colour for a digit, and its bias once colour is erased.

Digits are red or green, and with probability .95 the colour says whether the digit is below 5. A network of
ten classes learns both. Colour is named by probes: each digit as a contrast of the two channels, against the
same digit in grey. No label of a group and no balanced data are used.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from memscape import engrams
from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.patterns import digits
from memscape.replications.claim import Measured, claim
from memscape.replications.networks import fit_rows, perceptron

AGREE = 0.95
SEEDS = 5
STRENGTH = 0.8
"""How much of the engram is erased.

On seeds 10 to 17, which no claim uses, .7, .8, .9 and 1 raised the worst group by .19, .22, .24 and .26 and
lowered the average by .004, .011, .020 and .033: .8 leaves room on both sides.
"""
LAW = "scikit-learn's digits in red or green, 1,200 to learn and 597 to test"


def painted(x: Tensor, green: Tensor) -> Tensor:
    """Return pictures (b, 2 n): the pixels (b, n) in the red channel, or in the green one."""
    empty, second = torch.zeros_like(x), green[:, None]
    return torch.cat([torch.where(second, empty, x), torch.where(second, x, empty)], dim=1)


def colour_engram(model: nn.Module, x: Tensor) -> engrams.Engram:
    """Return the engram of colour in the first layer, from digits as contrasts and in grey."""
    contrast = torch.cat([torch.cat([x, -x], dim=1), torch.cat([-x, x], dim=1)])
    rows = torch.cat([contrast, torch.cat([x, x], dim=1) / 2])
    labels = torch.cat([torch.ones(len(contrast)), -torch.ones(len(x))]).long()
    found = engrams.collect(
        model, [{"input": rows, "label": labels}], concept="label", modules=["0"], progress=False
    )
    return found.engram(1)


@cache
def runs(seed: int) -> tuple[dict[str, Any], ...]:
    """Return accuracies with and without colour, for five seeds."""
    return tuple(_run(seed + i) for i in range(SEEDS))


def _run(seed: int) -> dict[str, Any]:
    images, y = digits()
    x, generator = images.flatten(1), derived(seed, 11)
    order = torch.randperm(len(x), generator=generator)
    green = (torch.rand(len(x), generator=generator) < AGREE) == (y >= 5)
    learned, test = order[:1200], order[1200:]
    model = fit_rows(
        perceptron((128, 128, 64, 10), seed),
        painted(x[learned], green[learned]),
        y[learned],
        epochs=40,
        seed=seed,
    )
    engram, held = colour_engram(model, x[learned]), (x[test], y[test], green[test])
    found: dict[str, Any] = {"seed": seed}
    for when, strength in (("before", 0.0), ("after", STRENGTH), ("at 1", 1.0)):
        with engram.erased(model, alpha=strength):
            found |= {f"{k} {when}": v for k, v in _accuracies(model, *held).items()}
    return found


@torch.no_grad()
def _accuracies(model: nn.Module, x: Tensor, y: Tensor, green: Tensor) -> dict[str, float]:
    """Return the worst of four groups (half of the digits x colour), the mean as coloured, and of both."""
    even, groups = [], []
    for colour in (False, True):
        right = (model(painted(x, torch.full_like(green, colour))).argmax(-1) == y).double()
        even.append(float(right.mean()))
        groups += [float(right[(y >= 5) == half].mean()) for half in (False, True)]
    as_coloured = (model(painted(x, green)).argmax(-1) == y).double().mean()
    return {"worst": min(groups), "as coloured": float(as_coloured), "even": sum(even) / 2}


def _measured(seed: int, change: str, sign: float, note: str) -> Measured:
    found = runs(seed)
    mean, interval = mean_interval([sign * (r[f"{change} after"] - r[f"{change} before"]) for r in found])
    full, (low, high) = mean_interval([sign * (r[f"{change} at 1"] - r[f"{change} before"]) for r in found])
    rows = [{k: round(v, 4) if isinstance(v, float) else v for k, v in r.items()} for r in found]
    note = f"{note}; strength {STRENGTH:g}, chosen on other seeds; at 1: {full:.3f} ({low:.3f} to {high:.3f})"
    return Measured(mean, interval, 128, 10, LAW, seed, rows, note)


@claim(
    "worst",
    where="docs/concepts/audit.md",
    statement="Erasing colour raises the accuracy of the worst group (half of the digits x colour).",
    claimed=0.20,
    unit="accuracy",
    relation="at least",
)
def worst(seed: int) -> Measured:
    """Return the gain of the worst group."""
    return _measured(seed, "worst", 1.0, "mean over 5 seeds")


@claim(
    "average",
    where="docs/concepts/audit.md",
    statement="Erasing colour lowers the accuracy on digits coloured as they were learned by at most .02.",
    claimed=0.02,
    unit="accuracy",
    relation="at most",
)
def average(seed: int) -> Measured:
    """Return the fall of the average over test digits that are coloured as the learned ones."""
    return _measured(
        seed, "as coloured", -1.0, "here colour does tell the digit; without it that help is gone"
    )


@claim(
    "even",
    where="docs/concepts/audit.md",
    statement="Erasing colour raises the average accuracy where colour tells nothing.",
    claimed=0.0,
    unit="accuracy",
    relation="at least",
)
def even(seed: int) -> Measured:
    """Return the gain of the average over test digits of both colours."""
    return _measured(seed, "even", 1.0, "each test digit in both colours")
