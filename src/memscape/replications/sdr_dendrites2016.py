"""Ahmad, Hawkins, How do neurons operate on sparse distributed representations? (arXiv 1601.00720)."""

from fractions import Fraction
from math import comb
from typing import Any

from memscape.core.random import derived
from memscape.patterns import sparse
from memscape.replications.claim import Measured, claim
from memscape.theory.dendrite import best_threshold, false_match, union_false_match

CASES = (
    (10000, 300, 24, 12),
    (100000, 2000, 24, 12),
    (2000, 40, 20, 10),
    (200000, 2000, 20, 9),
    (100000, 2000, 6, 6),
    (100000, 2000, 8, 8),
    (2048, 40, 20, 10),
)


def _fraction(n: int, active: int, synapses: int, threshold: int) -> float:
    top = range(threshold, min(synapses, active) + 1)
    tail = sum(comb(synapses, b) * comb(n - synapses, active - b) for b in top)
    return float(Fraction(tail, comb(n, active)))


@claim(
    "tails",
    where="equation 3, false matches",
    statement="The chance of a false match is the hypergeometric tail: largest relative error against exact "
    "fractions.",
    claimed=0.0,
    tolerance=1e-6,
    unit="relative error",
)
def tails(seed: int) -> Measured:
    """Return the largest relative error of seven tails."""
    rows: list[dict[str, Any]] = []
    for case in CASES:
        value, exact = false_match(*case), _fraction(*case)
        rows.append({"n, a, s, theta": ", ".join(map(str, case)), "false match": f"{value:.6e}"})
        rows[-1]["relative error"] = f"{abs(value / exact - 1):.1e}"
    worst = max(abs(false_match(*case) / _fraction(*case) - 1) for case in CASES)
    return Measured(worst, None, CASES[0][0], 0, "closed form", 0, rows)


@claim(
    "masks",
    where="equation 3, false matches",
    statement="Sampled codes match as often as the formula says: largest deviation over four sizes.",
    claimed=3.0,
    unit="standard errors",
    relation="at most",
)
def masks(seed: int, *, codes: int = 50_000) -> Measured:
    """Return the largest deviation of sampled false matches from the formula, in binomial standard errors."""
    rows: list[dict[str, Any]] = []
    for case in ((200, 20, 20, 5), (1000, 50, 24, 5), (1024, 64, 24, 6), (2048, 40, 24, 4)):
        n, active, synapses, threshold = case
        expected = false_match(*case)
        hits = 0
        for block in range(10):
            drawn = sparse(codes // 10, n, active=active, generator=derived(seed, n, block))
            hits += int((drawn[:, :synapses].sum(1) >= threshold).sum())
        spread = (expected * (1 - expected) / codes) ** 0.5
        rows.append(
            {"n, a, s, theta": ", ".join(map(str, case)), "predicted": expected, "sampled": hits / codes}
        )
        rows[-1]["standard errors"] = abs(hits / codes - expected) / spread
    worst = max(row["standard errors"] for row in rows)
    return Measured(worst, None, 2048, 0, f"{codes:,} codes with exactly a active cells", seed, rows)


@claim(
    "union",
    where="union property",
    statement="A union of patterns matches falsely as the number of its distinct synapses predicts: largest "
    "deviation.",
    claimed=3.0,
    unit="standard errors",
    relation="at most",
)
def union(seed: int, *, codes: int = 50_000) -> Measured:
    """Return the largest deviation of the false matches of unions of 10 and 20 patterns."""
    n, active, synapses, threshold = 1024, 40, 20, 12
    rows: list[dict[str, Any]] = []
    for patterns in (10, 20):
        members = sparse(patterns, n, active=synapses, generator=derived(seed, patterns, 0))
        mask = (members.sum(0) > 0).float()
        expected = union_false_match(n, active, synapses, patterns, threshold, size=int(mask.sum()))
        drawn = sparse(codes, n, active=active, generator=derived(seed, patterns, 1))
        sampled = float((drawn @ mask >= threshold).float().mean())
        spread = (expected * (1 - expected) / codes) ** 0.5
        rows.append({"patterns": patterns, "distinct synapses": int(mask.sum()), "predicted": expected})
        rows[-1] |= {"sampled": sampled, "standard errors": abs(sampled - expected) / spread}
    worst = max(row["standard errors"] for row in rows)
    return Measured(worst, None, n, 20, f"{codes:,} codes with {active} active cells", seed, rows)


@claim(
    "few-synapses",
    where="abstract: few synapses suffice under noise",
    statement="With 24 synapses and 20 to 40 % of them silent the threshold of least error errs in "
    "under 1 in "
    "1,000: largest error, n = 2,048, a = 40.",
    claimed=1e-3,
    unit="false plus missed matches",
    relation="at most",
)
def few_synapses(seed: int) -> Measured:
    """Return the largest total error at the best threshold, over three rates of silent synapses."""
    rows: list[dict[str, Any]] = []
    for silent in (0.2, 0.3, 0.4):
        best = best_threshold(2048, 40, 24, silent)
        rows.append({"silent": silent, "threshold": best.threshold, "false": f"{best.false_match:.1e}"})
        rows[-1] |= {"missed": f"{best.missed_match:.1e}", "error": best.error}
    worst = max(row["error"] for row in rows)
    return Measured(worst, None, 2048, 0, "closed form", 0, rows)


@claim(
    "thresholds",
    where="abstract: thresholds match those of NMDA spikes, 8 to 20 synapses",
    statement="The threshold that keeps false matches of a neuron with 100 segments below 1 in 10^6, a = 2 % "
    "of n = 10,000, 30 synapses, lies between 8 and 20.",
    claimed=14.0,
    tolerance=6.0,
    unit="synapses",
)
def thresholds(seed: int) -> Measured:
    """Return the smallest threshold at which 100 segments together match falsely in under 1 in a million."""
    from memscape.theory.dendrite import neuron_false_match

    allowed = [t for t in range(1, 31) if neuron_false_match(10_000, 200, 30, t, segments=100) < 1e-6]
    return Measured(float(min(allowed)), None, 10_000, 0, "closed form", 0)
