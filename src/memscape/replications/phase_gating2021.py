"""Monaco, Rajan and Hwang (2021, a perspective): rhythms that separate writing from reading.

There is no experiment to replicate; what is measured is what a memory gains when the two take turns, in the
form of Hasselmo, Bodelon and Wyble (2002).
"""

import torch

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.mechanisms import Rhythm
from memscape.memories import PhaseGated
from memscape.patterns import independent
from memscape.replications.claim import Measured, claim

SEEDS = 5


@claim(
    "replay",
    where="flexible sequences",
    statement="A sequence of 20 patterns of 500 units, gone through once, is replayed without error: "
    "wrong patterns.",
    claimed=0.0,
    unit="patterns",
)
def replay(seed: int, *, seeds: int = SEEDS) -> Measured:
    """Return the number of wrong patterns over all sequences."""
    wrong = 0
    for number in range(seeds):
        X = independent(20, 500, generator=derived(seed, number))
        memory = PhaseGated(500).store(X)
        wrong += int((memory.replay(X[0], 19).match != torch.arange(20)).sum())
    return Measured(float(wrong), None, 500, 20, "independent", seed, (), f"{seeds} sequences")


@claim(
    "less-interference",
    where="rhythms separate writing from reading",
    statement="The same items in a new order are replayed where reading and writing take turns, and "
    "not where they "
    "overlap: difference in the share of the new order.",
    claimed=0.5,
    relation="at least",
)
def less_interference(seed: int, *, seeds: int = SEEDS, units: int = 500, count: int = 20) -> Measured:
    """Return the share replayed at full separation minus that at none."""
    rows, shares = [], {}
    for separation in (0.0, 0.25, 0.5, 0.75, 1.0):
        right, nearer = [], []
        for number in range(seeds):
            drawn = derived(seed, number)
            X = independent(count, units, generator=drawn)
            order = torch.cat(
                [torch.zeros(1, dtype=torch.int64), 1 + torch.randperm(count - 1, generator=drawn)]
            )
            memory = PhaseGated(units, rhythm=Rhythm(separation)).store(X).store(X[order])
            right.append(float((memory.replay(X[0], count - 1).match == order)[1:].double().mean()))
            called = memory.replay(X[order[:-1]], 1).states[:, 1]
            nearer.append(float((called * X[order[1:]]).mean()))
        shares[separation] = right
        mean, (low, high) = mean_interval(right)
        rows.append(
            {
                "separation": separation,
                "new order replayed": mean,
                "low": low,
                "high": high,
                "overlap with the new successor": mean_interval(nearer)[0],
            }
        )
    value, interval = mean_interval([b - a for a, b in zip(shares[0.0], shares[1.0], strict=True)])
    return Measured(value, interval, units, count, "independent", seed, rows, f"{seeds} sequences")
