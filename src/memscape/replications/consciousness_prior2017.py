"""Bengio (2017, arXiv 1709.08568): thoughts about few variables, verified by an energy.

The paper has no experiments: what is measured is our own small world, so nothing here is a replication.
Twelve binary latents behind a random rotation; at each step two of them stand out and keep their values.
"""

from functools import cache

import torch

from memscape.cognition import Workspace, rule_world
from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.engrams.evidence import auc
from memscape.replications.claim import Measured, claim

PAPER = "inspired by arXiv 1709.08568"
SEEDS, UNITS, CEILING = 5, 12, 0.875
LAW = "12 binary latents behind a random rotation"


@cache
def _found(seed: int, number: int, salience: float, steps: int) -> tuple[float, float, float]:
    """Share of steps whose pair is named; AUC of the verifier for one thought, and for two in a row."""
    world = rule_world(UNITS, salience=salience, generator=derived(seed, number))
    workspace = Workspace(UNITS, 2, generator=1000 * seed + number)
    workspace.fit(world, steps=steps, generator=number, progress=False)
    seen = world.steps(4000, generator=derived(seed, number, 1))
    with torch.no_grad():
        thought = workspace.attend(seen.before)
        own, other = (workspace.verify(thought, later) for later in (seen.after, seen.after.roll(1, 0)))
    named = torch.zeros_like(seen.kept).scatter_(1, workspace.named(world)[thought.units], True)
    right = float((named == seen.kept).all(-1).double().mean())
    pair = [energy.reshape(-1, 2).sum(-1) for energy in (own, other)]
    return right, auc(other, own), auc(pair[1], pair[0])  # the right later state has less energy


@claim(
    "right-pair",
    where=PAPER,
    statement="Thoughts of two elements name the two latents that the rule is about: share of steps "
    "(chance 1/66).",
    claimed=0.8,
    relation="at least",
)
def right_pair(seed: int, *, seeds: int = SEEDS, steps: int = 1500) -> Measured:
    """Return the share of steps whose pair is named right, for several saliences."""
    rows = []
    for salience in (1.5, 2.0, 3.0):
        found = [_found(seed, number, salience, steps)[0] for number in range(seeds)]
        mean, (low, high) = mean_interval(found)
        rows.append(
            {
                "salience": salience,
                "pairs named": mean,
                "low": max(0.0, low),
                "high": min(1.0, high),  # a share
                "worst seed": min(found),
            }
        )
    middle = rows[1]
    note = f"{seeds} worlds, salience 2; at 1.5 {rows[0]['pairs named']:.2f}"
    return Measured(middle["pairs named"], (middle["low"], middle["high"]), UNITS, 0, LAW, seed, rows, note)


@claim(
    "verifier",
    where=PAPER,
    statement="The verifier tells a thought's own later state from another's: area under the curve.",
    claimed=0.9,
    unit="AUC",
    relation="at least",
)
def verifier(seed: int, *, seeds: int = SEEDS, steps: int = 1500) -> Measured:
    """Return the mean area; two bits agree by chance in a quarter of other states, so .875 is the ceiling."""
    value, interval = mean_interval([_found(seed, number, 2.0, steps)[1] for number in range(seeds)])
    note = f"{seeds} worlds; ceiling {CEILING}: two bits agree by chance in a quarter of all other states"
    return Measured(value, interval, UNITS, 0, LAW, seed, (), note)


@claim(
    "verifier-twice",
    where=PAPER,
    statement="Two thoughts in a row tell their own later states from others': area under the curve.",
    claimed=0.9,
    unit="AUC",
    relation="at least",
)
def verifier_twice(seed: int, *, seeds: int = SEEDS, steps: int = 1500) -> Measured:
    """Return the mean area for the summed energy of two thoughts."""
    value, interval = mean_interval([_found(seed, number, 2.0, steps)[2] for number in range(seeds)])
    return Measured(value, interval, UNITS, 0, LAW, seed, (), f"{seeds} worlds; ceiling {1 - 2**-5:.3f}")
