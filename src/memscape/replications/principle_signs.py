"""Whether the sign of a correlation matters: for even energies only that of a frustrated set, else truly."""

import math
from typing import Any

import torch

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.landscape import basins
from memscape.mechanisms import Softmax
from memscape.memories import Dense, Hebbian, Projection
from memscape.patterns import exactly_correlated, family
from memscape.replications.claim import Measured, claim
from memscape.replications.means import share


def _pair(rho: float, units: int, g: torch.Generator) -> torch.Tensor:
    return exactly_correlated([[1.0, rho], [rho, 1.0]], size=units, generator=g)


def _triple(sign: int, units: int, g: torch.Generator) -> torch.Tensor:
    """Return three patterns with overlaps of .25 and the given sign of their product."""
    C = torch.full((3, 3), 0.25 * sign).fill_diagonal_(1.0)
    return exactly_correlated(C, size=units, generator=g)


@claim(
    "even-energies",
    where="docs/principle.md",
    statement="For even energies a pattern and its negative are the same memory: largest change of the share "
    "when every second pattern of a family is inverted.",
    claimed=0.0,
)
def even_energies(seed: int, *, units: int = 200, count: int = 10, starts: int = 1000) -> Measured:
    """Return the largest difference of the shares from the same starts, for two rules and two overlaps."""
    signs = torch.tensor([1.0, -1.0]).repeat(count // 2)[:, None]
    rows: list[dict[str, Any]] = []
    for rule in (Hebbian, Projection):
        for overlap in (0.1, 0.5):
            X = family(count, units, overlap=overlap, generator=derived(seed, 0))
            shares = [share(rule(x), starts, seed) for x in (X, signs * X)]
            rows.append(
                {"rule": rule.__name__, "overlap": overlap, "as drawn": shares[0], "inverted": shares[1]}
            )
    worst = max(abs(row["as drawn"] - row["inverted"]) for row in rows)
    return Measured(worst, None, units, count, "family", seed, rows, f"{starts} starts, the same for both")


@claim(
    "frustrated",
    where="docs/principle.md",
    statement="Three patterns with overlaps +-.25 make different landscapes when the product of the signs is "
    "negative (frustrated): difference of the shares, projection rule.",
    claimed=0.005,
    unit="difference of shares, either sign",
    relation="at least",
)
def frustrated(seed: int, *, units: int = 208, instances: int = 40, starts: int = 500) -> Measured:
    """Return the absolute mean difference of the shares of frustrated and unfrustrated triples."""
    rows, shares = [], {}
    for name, sign in (("product positive", 1), ("product negative", -1)):
        found = []
        for instance in range(instances):
            g = derived(seed, instance)
            found.append(share(Projection(_triple(sign, units, g)), starts, g))
        mean, (low, high) = mean_interval(found)
        shares[name] = found
        rows.append({"signs": name, "share": mean, "low": low, "high": high})
    first, second = shares.values()
    value, (low, high) = mean_interval([a - b for a, b in zip(first, second, strict=True)])
    ends = (low, high) if value >= 0 else (-high, -low)
    return Measured(
        abs(value),
        ends,
        units,
        3,
        "exact overlaps +-.25",
        seed,
        rows,
        f"{instances} instances, {starts} starts",
    )


@claim(
    "sign-is-real",
    where="docs/principle.md",
    statement="For log-sum-exp wells the sign is real: of three patterns, two overlapping by +.5 and by -.5, "
    "the share of the third differs.",
    claimed=0.02,
    unit="difference of shares",
    relation="at least",
)
def sign_is_real(seed: int, *, units: int = 512, instances: int = 10, starts: int = 2000) -> Measured:
    """Return the mean difference of the third pattern's share, partners at +.5 minus partners at -.5."""
    rows, shares = [], {}
    for rho in (0.5, -0.5):
        C = torch.tensor([[1.0, rho, 0.0], [rho, 1.0, 0.0], [0.0, 0.0, 1.0]])
        found = []
        for instance in range(instances):
            g = derived(seed, instance)
            X = exactly_correlated(C, size=units, generator=g)
            memory: Any = Dense(X, separation=Softmax(beta=1.0))
            found.append(float(basins(memory, starts=starts, generator=g, progress=False).fraction[2]))
        mean, (low, high) = mean_interval(found)
        shares[rho] = found
        rows.append({"overlap of the other two": rho, "share of the third": mean, "low": low, "high": high})
        # it wins where both differences of three normal overlaps are positive: an orthant
        rows[-1]["nearest wins"] = 0.25 + math.asin((1 + rho) / 2) / (2 * math.pi)
    value, interval = mean_interval([a - b for a, b in zip(shares[0.5], shares[-0.5], strict=True)])
    note = f"{instances} instances of {starts} starts"
    return Measured(value, interval, units, 3, "exact overlaps", seed, rows, note)
