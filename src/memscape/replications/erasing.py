"""One class or fact taken out of a small network: rows, networks, oracles, and the accuracies that tell.

"Forget" is the accuracy on test rows of the erased class, "retain" that on all others; the oracle is the same
network, seed and schedule, trained without the class.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from memscape import engrams
from memscape.core.random import derived
from memscape.engrams.examples import Examples
from memscape.engrams.strengths import search
from memscape.patterns import digits
from memscape.patterns.installed import fashion_mnist
from memscape.replications.networks import (
    TinyGPT,
    convolutional,
    facts,
    fit_facts,
    fit_rows,
    perceptron,
    seeded,
)

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


@cache
def digit_erasures(seed: int) -> tuple[Erased, ...]:
    """Return what erasing each class of the digits did, at the default settings."""
    rows, model = digit_rows(seed), digit_network(seed)
    found, made = statistics(model, rows), []
    for label in range(10):
        with found.engram(label).erased(model):
            edited = five(model, rows, label)
        oracle = five(digit_network(seed, label), rows, label)
        gaps = [1 - abs(a - b) for a, b in zip(edited[:3], oracle[:3], strict=True)]
        before = five(model, rows, label)
        made.append(Erased(edited[3], edited[4], before[4], oracle[4], math.prod(gaps)))
    return tuple(made)


@cache
def compositions(seed: int) -> tuple[dict[str, float], ...]:
    """Return for each number k of classes: accuracy on those composed, and on the others, mean and worst."""
    rows, model, made = digit_rows(seed), digit_network(seed), []
    found = statistics(model, rows)
    for k in range(1, 10):
        kept, leaked = [], []
        for i in range(10):
            chosen = torch.randperm(10, generator=derived(seed, 5, k, i))[:k]
            inside = torch.isin(rows.test_y, chosen)
            with engrams.composed(model, found.engram(chosen.tolist())):
                kept.append(share(model, rows.test_x[inside], rows.test_y[inside]))
                leaked.append(share(model, rows.test_x[~inside], rows.test_y[~inside]))
        mean = {"k": k, "kept": sum(kept) / 10, "leaked": sum(leaked) / 10}
        made.append(mean | {"worst kept": min(kept), "worst leaked": max(leaked)})
    return tuple(made)


@cache
def fashion_erasures(seed: int) -> tuple[Erased, ...]:
    """Return what erasing each class of a 784-256-100-10 network did; no oracle is trained."""
    data = fashion_mnist()
    rows = Rows(*(part.flatten(1) if part.ndim == 3 else part for part in (*data.train, *data.test)))
    model = fit_rows(perceptron((784, 256, 100, 10), seed), rows.x, rows.y, epochs=5, seed=seed, rate=1e-3)
    found, made = statistics(model, rows), []
    for label in range(10):
        own = rows.test_y == label
        before = share(model, rows.test_x[~own], rows.test_y[~own])
        with found.engram(label).erased(model):
            forget = share(model, rows.test_x[own], rows.test_y[own])
            made.append(
                Erased(forget, share(model, rows.test_x[~own], rows.test_y[~own]), before, math.nan, math.nan)
            )
    return tuple(made)


@cache
def convolution_erasures(seed: int, searched: bool) -> tuple[Erased, ...]:
    """Return what erasing each class of the small convolutional network did, strengths 1 or searched."""
    rows = digit_rows(seed)
    model = fit_rows(convolutional(seed), rows.x, rows.y, epochs=12, seed=seed)
    found, made = statistics(model, rows), []
    for label in range(10):
        engram, before = found.engram(label), five(model, rows, label)
        alpha: Any = (
            search(engram, model, _balance(rows, label), largest=2.0, progress=False).alpha
            if searched
            else 1.0
        )
        with engram.erased(model, alpha):
            edited = five(model, rows, label)
        made.append(Erased(edited[3], edited[4], before[4], math.nan, math.nan))
    return tuple(made)


def _balance(rows: Rows, label: int) -> Callable[[nn.Module], float]:
    """Return a score on learned rows: right answers on the rest, and as heavy the wrong ones on the class."""
    own = rows.y == label
    return lambda model: share(model, rows.x[~own], rows.y[~own]) - share(model, rows.x[own], rows.y[own])


@cache
def fact_erasures(seed: int) -> tuple[tuple[int, float, float], ...]:
    """Return for each subject: facts of 6 left, accuracy on all others, and mean loss of its facts."""
    known = facts(seed=seed)
    model = fit_facts(seeded(TinyGPT(known.words), seed), known, steps=400, seed=seed)
    found = engrams.collect(
        model, [(known.ids, known.subjects)], concept=lambda batch: batch[1], progress=False
    )
    made = []
    for subject in range(24):
        own = known.subjects == subject
        with found.engram(subject).erased(model):
            answers = Examples(known.ids, known.labels).answers(model)
        made.append(
            (
                int(answers.right[own].sum()),
                float(answers.right[~own].float().mean()),
                float(answers.losses[own].mean()),
            )
        )
    return tuple(made)
