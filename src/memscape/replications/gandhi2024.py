"""Gandhi, Shah, Marupudi and Varma (2024, arXiv 2401.10393): rehearsal by a power law of the time passed.

Ten orders of the pixels of Fashion-MNIST, 3,000 images each; while a task is learned, 300 images of older
tasks are mixed in, chosen by the schedule. The paper's exponent is not known to us; 1 is used.
"""

from functools import cache

import torch
from torch import nn

from memscape.continual import (
    Course,
    Fading,
    PowerLaw,
    Recent,
    Rehearsal,
    Schedule,
    Task,
    Uniform,
    learn,
    permuted,
)
from memscape.core.intervals import mean_interval
from memscape.patterns.installed import fashion_mnist
from memscape.replications.claim import Measured, claim
from memscape.replications.networks import perceptron

SEEDS = 5
LAW = "Fashion-MNIST, 10 orders of its pixels, 3,000 images each, 300 rehearsed"
SCHEDULES: dict[str, Schedule | None] = {
    "none": None,
    "recent": Recent(),
    "exponential": Fading(1.0),
    "power": PowerLaw(1.0),
    "uniform": Uniform(),
}


@cache
def _base() -> Task:
    data = fashion_mnist()
    return Task(data.train.images, data.train.labels, data.test.images, data.test.labels, "Fashion-MNIST")


@cache
def course(schedule: str, seed: int) -> Course:
    """Return the course of a 784-128-10 network over ten tasks."""
    tasks = permuted(_base(), 10, size=3000, test_size=1000, generator=seed)
    chosen = SCHEDULES[schedule]
    model: nn.Module = perceptron((784, 128, 10), seed)
    return learn(
        model,
        tasks,
        lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9),
        epochs=2,
        rehearsal=None if chosen is None else Rehearsal(chosen, 300),
        fresh=False,
        generator=seed,
        progress=False,
    )


def _against(other: str, seed: int, note: str = "") -> Measured:
    """Return the mean gain in ACC of the power law over another schedule, and all courses behind it."""
    seeds = range(seed, seed + SEEDS)
    mean, interval = mean_interval([course("power", s).acc - course(other, s).acc for s in seeds])
    rows = [
        {
            "schedule": name,
            "seed": s,
            "ACC": round(course(name, s).acc, 4),
            "BWT": round(course(name, s).bwt, 4),
            "FWT": round(course(name, s).fwt, 4),
        }
        for name in ("power", other)
        for s in seeds
    ]
    return Measured(mean, interval, 784, 3000, LAW, seed, rows, note)


@claim(
    "none",
    where="abstract: rehearsal by a power law mitigates interference",
    statement="Mean final accuracy of power-law rehearsal over none.",
    claimed=0.12,
    unit="accuracy",
    relation="at least",
    tier="minutes",
)
def over_none(seed: int) -> Measured:
    """Return the gain over no rehearsal."""
    return _against("none", seed)


@claim(
    "recent",
    where="abstract: better than rehearsal that is no power law",
    statement="Mean final accuracy of power-law rehearsal over rehearsal of the previous task only.",
    claimed=0.06,
    unit="accuracy",
    relation="at least",
    tier="minutes",
)
def over_recent(seed: int) -> Measured:
    """Return the gain over rehearsal of the previous task."""
    return _against("recent", seed)


@claim(
    "exponential",
    where="abstract: better than rehearsal that is no power law",
    statement="Mean final accuracy of power-law rehearsal over exponential rehearsal.",
    claimed=0.0,
    unit="accuracy",
    relation="at least",
    tier="minutes",
)
def over_exponential(seed: int) -> Measured:
    """Return the gain over exponential rehearsal."""
    return _against("exponential", seed)


@claim(
    "uniform",
    where="abstract: comparable to or better than other rehearsal",
    statement="Power-law rehearsal and uniform rehearsal differ in mean final accuracy by at most .1.",
    claimed=0.0,
    tolerance=0.1,
    unit="accuracy",
    tier="minutes",
)
def beside_uniform(seed: int) -> Measured:
    """Return the difference to uniform rehearsal; no sign is claimed."""
    return _against("uniform", seed, "no sign is claimed: it changes from seed to seed")
