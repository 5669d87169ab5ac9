"""Amit, Gutfreund, Sompolinsky, Storing infinite numbers of patterns in a spin-glass model (1985)."""

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.mechanisms import Glauber
from memscape.memories import Hebbian
from memscape.patterns import independent
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits
from memscape.theory import hopfield as theory

SOURCE = "Phys. Rev. Lett. 55, 1530"


def _exact(value: float, note: str = "") -> Measured:
    return Measured(value, None, 0, 0, "closed form", 0, note=note)


@claim(
    "critical-load",
    where=f"{SOURCE}: alpha_c = .138",
    statement="Hebb's rule recalls up to .138 patterns per unit (many units, no noise).",
    claimed=0.138,
    tolerance=0.0005,
    unit="patterns per unit",
)
def critical_load(seed: int) -> Measured:
    """Return the critical load of the replica-symmetric equations."""
    return _exact(theory.critical_load())


@claim(
    "critical-overlap",
    where=f"{SOURCE}: m = .97",
    statement="At the critical load the overlap is still .967.",
    claimed=0.967,
    tolerance=0.0005,
    unit="overlap",
)
def critical_overlap(seed: int) -> Measured:
    """Return the overlap at the critical load."""
    return _exact(theory.critical_overlap())


@claim(
    "global-minimum",
    where=f"{SOURCE}: alpha = .051",
    statement="Stored patterns are the deepest minima only below a load of .051.",
    claimed=0.051,
    tolerance=0.002,
    unit="patterns per unit",
)
def global_minimum(seed: int) -> Measured:
    """Return the load at which the energies of retrieval and spin-glass states cross."""
    return _exact(theory.global_minimum_load(), "replica-symmetric")


@claim(
    "melting",
    where=f"{SOURCE}: the line T_M",
    statement="Retrieval states melt at T_M = 1 - 1.95 sqrt(load) for small loads: largest deviation at .001 "
    "to .01.",
    claimed=0.0,
    tolerance=0.01,
    unit="temperature",
)
def melting(seed: int) -> Measured:
    """Return the largest deviation of the numerical line from its law at small loads."""
    rows = []
    for load in (0.001, 0.01, 0.03, 0.05, 0.08, 0.10, 0.12):
        temperature = theory.retrieval_temperature(load)
        rows.append({"load": load, "T_M": temperature, "1 - 1.95 sqrt(load)": 1 - 1.95 * load**0.5})
    worst = max(abs(row["T_M"] - row["1 - 1.95 sqrt(load)"]) for row in rows[:2])
    return Measured(worst, None, 0, 0, "numerical solution of the equations", 0, rows)


def _recalled(load: float, seed: int, units: int, instances: int, cues: int) -> list[float]:
    found = []
    for instance in range(instances):
        X = independent(round(load * units), units, generator=derived(seed, instance))
        with beyond_limits():
            end = Hebbian(X).recall(X[:cues], generator=derived(seed, instance, 1)).state
        found.append(float((end * X[:cues]).mean()))
    return found


@claim(
    "recall-below",
    where=f"{SOURCE}: m(alpha) at T = 0",
    statement="Below the critical load recall ends at the predicted overlap: largest deviation at loads .10, "
    ".12, .13.",
    claimed=0.0,
    tolerance=0.004,
    unit="overlap",
)
def recall_below(seed: int, *, units: int = 3000, instances: int = 12, cues: int = 60) -> Measured:
    """Return how far the mean overlap after recall is from the theory of many units."""
    rows = []
    for load in (0.10, 0.12, 0.13):
        mean, (low, high) = mean_interval(_recalled(load, seed, units, instances, cues))
        rows.append(
            {
                "load": load,
                "measured": mean,
                "low": low,
                "high": high,
                "theory": theory.retrieval_overlap(load),
            }
        )
    worst = max(abs(row["measured"] - row["theory"]) for row in rows)
    return Measured(
        worst, None, units, round(0.13 * units), "independent", seed, rows, f"{instances} instances"
    )


@claim(
    "collapse",
    where=f"{SOURCE}: above alpha_c",
    statement="Above the critical load recall collapses: mean overlap at load .17.",
    claimed=0.45,
    unit="overlap",
    relation="at most",
)
def collapse(seed: int, *, units: int = 3000, instances: int = 5, cues: int = 60) -> Measured:
    """Return the mean overlap after recall at load .17."""
    mean, interval = mean_interval(_recalled(0.17, seed, units, instances, cues))
    return Measured(
        mean, interval, units, round(0.17 * units), "independent", seed, note=f"{instances} instances"
    )


@claim(
    "noise",
    where=f"{SOURCE}: m(alpha, T)",
    statement="At load .05 and T = .3 the overlap under thermal noise is .991: deviation from the theory.",
    claimed=0.0,
    tolerance=0.01,
    unit="overlap",
)
def noise(seed: int, *, units: int = 2000, chains: int = 8, sweeps: int = 60) -> Measured:
    """Return the deviation of the overlap of single thermal states from the replica-symmetric overlap."""
    X = independent(round(0.05 * units), units, generator=derived(seed, 0))
    end = (
        Hebbian(X)
        .recall(X[:chains], dynamics=Glauber(0.3), max_steps=sweeps, generator=derived(seed, 1))
        .state
    )
    mean, (low, high) = mean_interval((end * X[:chains]).mean(1).tolist())
    expected = theory.overlap_parameters(0.05, 0.3).m
    note = f"measured {mean:.4f}, theory {expected:.4f}; {chains} chains of {sweeps} sweeps"
    interval = (low - expected, high - expected)
    return Measured(mean - expected, interval, units, len(X), "independent", seed, note=note)


@claim(
    "mixtures",
    where="Phys. Rev. A 32, 1007: symmetric mixtures",
    statement="Mixtures of 3, 5 and 7 patterns are stationary with overlaps 1/2, 3/8 and 5/16: largest "
    "deviation.",
    claimed=0.0,
    tolerance=0.05,
    unit="overlap",
)
def mixtures(seed: int, *, units: int = 4000, instances: int = 10) -> Measured:
    """Return the largest deviation of the mean overlap of mixture states after descent, few patterns."""
    rows = []
    for count in (3, 5, 7):
        overlaps = []
        for instance in range(instances):
            X = independent(count, units, generator=derived(seed, count, instance))
            end = Hebbian(X).recall(X.sum(0).sign()[None], generator=derived(seed, count, instance, 1)).state
            overlaps.append(float((X @ end[0] / units).mean()))
        expected = theory.mixture_overlap(count)
        rows.append({"patterns mixed": count, "measured": sum(overlaps) / instances, "theory": expected})
    worst = max(abs(row["measured"] - row["theory"]) for row in rows)
    note = f"{instances} instances each, descent from the sign of the sum"
    return Measured(worst, None, units, 7, "independent", seed, rows, note)
