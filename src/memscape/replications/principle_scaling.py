"""What the principle is worth as networks grow.

A hierarchy's gain at a fixed number of patterns and a fixed load.
"""

from functools import cache

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.memories import Projection
from memscape.patterns import independent, tree
from memscape.replications.claim import Measured, claim
from memscape.replications.means import share

OVERLAP = 0.6
SIZES = (100, 200, 400, 800, 1600, 3200)
LAW = f"independent, and families of 5 with overlap {OVERLAP}"


@cache
def _shares(
    units: int, count: int, seed: int, instances: int, starts: int
) -> tuple[list[float], list[float]]:
    """Return the shares of starts that end in a pattern: independent patterns, then families of 5."""
    plain, grown = [], []
    for instance in range(instances):
        g = derived(seed, units, count, instance)
        for X, found in (
            (independent(count, units, generator=g), plain),
            (tree((count // 5, 5), overlap=(0.0, OVERLAP), size=units, generator=g), grown),
        ):
            found.append(share(Projection(X), starts, g))
    return plain, grown


def _rows(sizes: tuple[int, ...], load: float | None, seed: int, instances: int, starts: int) -> list[dict]:
    rows = []
    for units in sizes:
        count = 20 if load is None else 5 * round(load * units / 5)
        plain, grown = _shares(units, count, seed, instances, starts)
        a, (a_low, a_high) = mean_interval(plain)
        b, (b_low, b_high) = mean_interval(grown)
        rows.append({"n": units, "p": count, "independent": a, "independent, 95 %": _ends(a_low, a_high)})
        rows[-1] |= {"families": b, "families, 95 %": _ends(b_low, b_high), "difference": b - a}
        rows[-1]["ratio"] = b / a if a else "no start ended in a pattern"
    return rows


def _ends(low: float, high: float) -> str:
    return f"{max(low, 0.0):.3f} to {high:.3f}"


@claim(
    "window",
    where="docs/principle.md",
    statement="With 20 patterns the gain of a hierarchy lives in a window of sizes: its share of "
    "starts minus "
    "that of independent patterns, at n = 3,200.",
    claimed=0.05,
    unit="difference of shares",
    relation="at most",
)
def window(seed: int, *, sizes: tuple[int, ...] = SIZES, instances: int = 8, starts: int = 400) -> Measured:
    """Return the difference of the shares at the largest size; the rows show where it is largest."""
    rows = _rows(sizes, None, seed, instances, starts)
    best = max(rows, key=lambda row: row["difference"])
    note = (
        f"{instances} instances of {starts} starts; the gain is largest at n = {best['n']}: "
        f"{best['difference']:.3f}"
    )
    pairs = _shares(sizes[-1], 20, seed, instances, starts)
    value, interval = mean_interval([b - a for a, b in zip(*pairs, strict=True)])
    return Measured(value, interval, sizes[-1], 20, LAW, seed, rows, note)


@claim(
    "fixed-count",
    where="docs/principle.md",
    statement="With 20 patterns both ensembles succeed as the network grows: the smaller of their "
    "shares at n "
    "= 3,200.",
    claimed=0.9,
    relation="at least",
)
def fixed_count(seed: int, *, units: int = 3200, instances: int = 8, starts: int = 400) -> Measured:
    """Return the smaller of the two mean shares at the largest size."""
    found = [mean_interval(shares) for shares in _shares(units, 20, seed, instances, starts)]
    value, interval = min(found)
    note = (
        f"independent {found[0][0]:.3f}, families {found[1][0]:.3f}; {instances} instances of {starts} starts"
    )
    return Measured(value, interval, units, 20, LAW, seed, note=note)


@claim(
    "fixed-load",
    where="docs/principle.md",
    statement="At a fixed load of .1 both shares vanish as the network grows while their ratio rises: ratio "
    "at n = 400 over ratio at n = 100.",
    claimed=1.0,
    unit="ratio of ratios",
    relation="at least",
    tier="minutes",
)
def fixed_load(
    seed: int, *, sizes: tuple[int, ...] = SIZES, instances: int = 8, starts: int = 1000
) -> Measured:
    """Return by how much the ratio of the shares grows from n = 100 to n = 400 at load .1."""
    rows = _rows(sizes, 0.1, seed, instances, starts)
    by_size = {row["n"]: row for row in rows}
    first, last = by_size[100]["ratio"], by_size[400]["ratio"]
    value = last / first if isinstance(first, float) and isinstance(last, float) else float("nan")
    note = (
        f"projection rule, {instances} instances of {starts} starts; where no start ended in a "
        "pattern, no ratio"
    )
    return Measured(value, None, sizes[-1], rows[-1]["p"], LAW, seed, rows, note)
