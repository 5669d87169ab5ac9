"""One class taken out of a small classifier: rows, networks, oracles, and the accuracies that tell.

"Forget" is the accuracy on test rows of the erased class, "retain" that on all others; the oracle is the same
network, seed and schedule, trained without the class.
"""

from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from memscape import engrams
from memscape.core.random import derived
from memscape.engrams.examples import Examples
from memscape.patterns import digits
from memscape.replications.networks import fit_rows, perceptron

DIGITS = "scikit-learn's digits, 1,257 to learn and 540 to test"


class Rows(NamedTuple):
    """Learned and test rows."""

    x: Tensor
    y: Tensor
    test_x: Tensor
    test_y: Tensor


class Erased(NamedTuple):
    """What one class's erasure did; `oracle` is the accuracy on the rest of a network that never saw it."""

    forget: float
    retain: float
    before: float
    oracle: float
    tug_of_war: float


@cache
def digit_rows(seed: int) -> Rows:
    """Return the digits, split at random."""
    images, y = digits()
    x, order = images.flatten(1), torch.randperm(len(y), generator=derived(seed, 3))
    return Rows(x[order[:1257]], y[order[:1257]], x[order[1257:]], y[order[1257:]])


@cache
def digit_network(seed: int, without: int = -1) -> nn.Module:
    """Return the 64-256-128-10 network, trained for 40 epochs, on all classes but one."""
    rows = digit_rows(seed)
    kept = rows.y != without
    return fit_rows(perceptron((64, 256, 128, 10), seed), rows.x[kept], rows.y[kept], epochs=40, seed=seed)


@torch.no_grad()
def share(model: nn.Module, x: Tensor, y: Tensor) -> float:
    """Return the share of right answers."""
    return Examples(x, y).answers(model, 2000).accuracy


def statistics(model: nn.Module, rows: Rows) -> engrams.Statistics:
    """Return the second moments of all classes, from one pass over the learned rows."""
    batches = list(zip(rows.x.split(512), rows.y.split(512), strict=True))
    return engrams.collect(model, batches, concept=lambda batch: batch[1], progress=False)


def five(model: nn.Module, rows: Rows, label: int) -> tuple[float, float, float, float, float]:
    """Return accuracies: learned rows of the class, of the rest, test rows; test rows of each of the two."""
    own, other = rows.y == label, rows.test_y == label
    return (
        share(model, rows.x[own], rows.y[own]),
        share(model, rows.x[~own], rows.y[~own]),
        share(model, rows.test_x, rows.test_y),
        share(model, rows.test_x[other], rows.test_y[other]),
        share(model, rows.test_x[~other], rows.test_y[~other]),
    )
