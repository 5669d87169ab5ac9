"""Krotov, Hopfield, Dense associative memory for pattern recognition (2016)."""

import math
from typing import Any

import numpy as np

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.mechanisms import Power
from memscape.memories import Dense
from memscape.patterns import independent
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits
from memscape.theory import dense as theory


def _stable_share(units: int, degree: int, count: int, tested: int, seed: int, instance: int) -> float:
    X = independent(count, units, generator=derived(seed, degree, count, instance))
    with beyond_limits():
        memory = Dense(X, separation=Power(degree))
    field = memory.landscape_energy.field(X[:tested])
    return float((field * X[:tested] >= 0).all(1).float().mean())


@claim(
    "capacity-formula",
    where="section 2, K_max = n^(k-1) / (2 (2k-3)!! ln n)",
    statement="The capacity formula gives the share of perfectly stable patterns: largest "
    "deviation from (1 - "
    "bit error)^n for degree 4 at half, once and twice the formula.",
    claimed=0.0,
    tolerance=0.08,
)
def capacity_formula(
    seed: int, *, units: int = 100, degree: int = 4, instances: int = 20, tested: int = 60
) -> Measured:
    """Return the largest deviation of the share of stable patterns from the leading-order theory."""
    limit = theory.capacity(units, degree)
    rows: list[dict[str, Any]] = []
    for factor in (0.5, 1.0, 2.0):
        count = round(factor * limit)
        shares = [_stable_share(units, degree, count, tested, seed, i) for i in range(instances)]
        mean, (low, high) = mean_interval(shares)
        expected = (1 - theory.bit_error(units, degree, count)) ** units
        rows.append(
            {"p / K_max": factor, "p": count, "stable": mean, "low": low, "high": high, "theory": expected}
        )
    worst = max(abs(row["stable"] - row["theory"]) for row in rows)
    note = f"{instances} instances, {tested} patterns tested in each"
    return Measured(worst, None, units, rows[-1]["p"], "independent", seed, rows, note)


@claim(
    "power-law",
    where="section 2, K grows as n^(k-1)",
    statement="The number of patterns of which nine tenths are stable grows as n^(k-1) / ln n: exponent for "
    "degree 3.",
    claimed=2.0,
    tolerance=0.25,
    unit="exponent",
)
def power_law(seed: int, *, sizes: tuple[int, ...] = (40, 80, 160), instances: int = 12) -> Measured:
    """Return the slope of ln(K ln n) against ln n, K by interpolation in the load."""
    rows: list[dict[str, Any]] = []
    for units in sizes:
        limit = theory.capacity(units, 3)
        factors = np.array([0.4, 0.6, 0.8, 1.0, 1.3])
        shares = np.array(
            [
                np.mean([_stable_share(units, 3, round(f * limit), 40, seed, i) for i in range(instances)])
                for f in factors
            ]
        )
        factor = float(np.interp(-0.9, -np.minimum.accumulate(shares), factors))
        rows.append({"n": units, "K": round(factor * limit), "K / K_max": factor})
    slope = float(
        np.polyfit([math.log(r["n"]) for r in rows], [math.log(r["K"] * math.log(r["n"])) for r in rows], 1)[
            0
        ]
    )
    return Measured(
        slope, None, sizes[-1], rows[-1]["K"], "independent", seed, rows, f"{instances} instances"
    )


@claim(
    "beyond-hebb",
    where="section 2",
    statement="Beyond Hebb's limit dense wells still recall: share stable of 3 n patterns, degree 3.",
    claimed=0.99,
    relation="at least",
)
def beyond_hebb(seed: int, *, units: int = 200, instances: int = 5) -> Measured:
    """Return the share of stable patterns at load 3, where Hebb's rule holds none."""
    shares = [_stable_share(units, 3, 3 * units, 60, seed, i) for i in range(instances)]
    hebb = [_stable_share(units, 2, 3 * units, 60, seed, i) for i in range(instances)]
    mean, interval = mean_interval(shares)
    note = f"degree 2 at the same load: {float(np.mean(hebb)):.3f}; {instances} instances"
    return Measured(mean, interval, units, 3 * units, "independent", seed, note=note)
