"""Agliari et al., Dense Hebbian neural networks.

A replica symmetric picture of supervised learning (2212.00606).
"""

import math

import numpy as np

from memscape.replications.claim import Measured, claim
from memscape.theory.examples import archetype_overlap

QUALITY = 0.3
AMOUNTS = (1, 2, 4, 6, 8, 10, 16, 24, 32, 48, 64, 96, 128)


def _curve(units: int, count: int, degree: int, teacher: str, networks: int, seed: int) -> list[dict]:
    rows = []
    for examples in AMOUNTS:
        found = archetype_overlap(
            units,
            count,
            examples=examples,
            quality=QUALITY,
            degree=degree,
            teacher=teacher,
            networks=networks,
            generator=seed,
        )
        rows.append({"examples": examples, "entropy": found.entropy, "overlap": found.overlap})
        rows[-1] |= {"low": found.low, "high": found.high}
    return rows


def _needed(rows: list[dict], wanted: float = 0.9) -> float:
    """Return the number of examples at which the overlap passes `wanted`, by interpolation."""
    overlaps = np.maximum.accumulate([row["overlap"] for row in rows])
    if overlaps[-1] < wanted:
        return math.inf
    return float(np.exp(np.interp(wanted, overlaps, np.log([row["examples"] for row in rows]))))


@claim(
    "crossover",
    where="abstract: quality and quantity of the data; entropy (1 - r^2) / (M r^2)",
    statement="Archetypes are learned where the entropy of the data falls to about 1: entropy at which the "
    "overlap with the archetype passes erf(1/sqrt 2) = .683 (degree 4, with a teacher).",
    claimed=1.0,
    tolerance=0.3,
    unit="entropy",
)
def crossover(seed: int, *, units: int = 100, count: int = 5, networks: int = 24) -> Measured:
    """Return the entropy of the data at which the overlap passes .683."""
    rows = _curve(units, count, 4, "supervised", networks, seed)
    for row in rows:
        row["erf(1/sqrt(2 entropy))"] = math.erf(1 / math.sqrt(2 * row["entropy"]))
    needed = _needed(rows, math.erf(math.sqrt(0.5)))
    value = (1 - QUALITY**2) / (needed * QUALITY**2)
    note = f"r = {QUALITY}, {networks} networks; {needed:.1f} examples"
    return Measured(value, None, units, count, "independent, noisy examples", seed, rows, note)


@claim(
    "teacher-needs-less",
    where="2212.00606 and its companion on unsupervised learning",
    statement="A teacher saves examples: those needed for an overlap of .9 without over those with (degree "
    "4).",
    claimed=1.2,
    unit="ratio",
    relation="at least",
)
def teacher_needs_less(seed: int, *, units: int = 100, count: int = 5, networks: int = 16) -> Measured:
    """Return the ratio of the examples needed for an overlap of .9, unsupervised to supervised."""
    taught = _curve(units, count, 4, "supervised", networks, seed)
    alone = _curve(units, count, 4, "unsupervised", networks, seed)
    rows = [
        {
            "examples": a["examples"],
            "entropy": a["entropy"],
            "supervised": a["overlap"],
            "unsupervised": b["overlap"],
        }
        for a, b in zip(taught, alone, strict=True)
    ]
    first, second = _needed(taught), _needed(alone)
    note = f"r = {QUALITY}, {networks} networks; {first:.1f} examples with, {second:.1f} without"
    return Measured(second / first, None, units, count, "independent, noisy examples", seed, rows, note)


@claim(
    "dense-holds-more",
    where="abstract: dense networks outperform shallow ones",
    statement="At a load where Hebb's rule fails, dense wells learn archetypes: overlap at p = "
    "n/2, degree 4, "
    "M = 64.",
    claimed=0.9,
    unit="overlap",
    relation="at least",
)
def dense_holds_more(seed: int, *, units: int = 100, networks: int = 8) -> Measured:
    """Return the overlap with the archetype at load 1/2 for degree 4; the rows hold degree 2 beside it."""
    rows = []
    for degree in (2, 4):
        found = archetype_overlap(
            units, units // 2, examples=64, quality=QUALITY, degree=degree, networks=networks, generator=seed
        )
        rows.append({"degree": degree, "overlap": found.overlap, "low": found.low, "high": found.high})
    last = rows[-1]
    note = f"r = {QUALITY}, {networks} networks, with a teacher"
    interval = (last["low"], last["high"])
    return Measured(
        last["overlap"], interval, units, units // 2, "independent, noisy examples", seed, rows, note
    )
