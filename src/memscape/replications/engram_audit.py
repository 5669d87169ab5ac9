"""A study of our own: what an audit says of an erased class, and of seven other ways to take it out.

The 64-256-128-10 network of digits, every class in turn, all methods in the same run from the same
trained network, against one that never saw the class. Learned rows are judged, and all test rows.
"""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from memscape.core.intervals import mean_interval
from memscape.engrams import Finding, audit
from memscape.replications.claim import Measured, claim
from memscape.replications.erasing import DIGITS, digit_network, digit_rows, statistics

ENGRAM, ORACLE, CONTROL = "engram erased", "oracle", "random rows erased"
CLASSES = 10
"""All of them, one audit each."""

STEPS = 150
"""Most steps of relearning."""

Findings = dict[str, Finding]


@cache
def audits(seed: int, classes: int = CLASSES) -> tuple[Findings, ...]:
    """Return what the audit of each class found, by network."""
    rows, model = digit_rows(seed), digit_network(seed)
    found = statistics(model, rows)
    made = []
    for label in range(classes):
        own = rows.y == label
        result = audit(
            model,
            found.engram(label),
            forget=(rows.x[own], rows.y[own]),
            retain=(rows.x[~own], rows.y[~own]),
            test=(rows.test_x, rows.test_y),
            oracle=digit_network(seed, label),
            baselines="all",
            relearn=STEPS,
            generator=seed,
            progress=False,
        )
        made.append(result.findings)
    return tuple(made)


def _table(found: tuple[Findings, ...]) -> list[dict[str, Any]]:
    """Return a row for each method: means over classes, and the largest forget accuracy."""
    table = []
    for name in found[0]:
        own = [one[name] for one in found]
        table.append(
            {
                "network": name,
                "forget": _mean(f.forget for f in own),
                "worst": round(max(f.forget for f in own), 4),
                "retain": _mean(f.retain for f in own),
                "ToW": _mean(f.tug_of_war for f in own),
                "KL forget": _mean(f.divergence_forget for f in own),
                "KL retain": _mean(f.divergence_retain for f in own),
                "MIA": _mean(f.membership for f in own),
                "probe": _mean(f.probe for f in own),
                "int8": _mean(f.rounded for f in own),
                "relearn": round(_mean(min(f.relearned, STEPS) for f in own), 1),
                "CPU s": round(_mean(f.seconds for f in own), 2),
            }
        )
    return table


def _mean(values: Any) -> float:
    values = list(values)
    return round(math.fsum(values) / len(values), 4)


def _measured(seed: int, classes: int, number: Callable[[Findings], float], note: str) -> Measured:
    found = audits(seed, classes)
    mean, interval = mean_interval([number(one) for one in found])
    note = f"{note + '; ' if note else ''}means over {classes} classes, steps of relearning capped at {STEPS}"
    return Measured(mean, interval, 64, 10, DIGITS, seed, _table(found), note)


def _others(one: Findings) -> list[Finding]:
    own = ("as trained", ORACLE, ENGRAM, CONTROL)
    return [finding for name, finding in one.items() if name not in own]


@claim(
    "tug-of-war",
    where="docs/concepts/audit.md",
    statement="Erased by its engram, a class of digits ends nearer to a network that never saw it than by "
    "any other method on the average: tug-of-war minus that of the best other method.",
    claimed=0.0,
    unit="tug-of-war",
    relation="at least",
    tier="minutes",
)
def beside_others(seed: int, classes: int = CLASSES) -> Measured:
    """Return the mean difference to the method that is best on the average."""
    found = audits(seed, classes)
    names = [finding.name for finding in _others(found[0])]
    best = max(names, key=lambda name: _mean(one[name].tug_of_war for one in found))
    note = f"the best other method is {best}"
    return _measured(seed, classes, lambda one: one[ENGRAM].tug_of_war - one[best].tug_of_war, note)


@claim(
    "relearned",
    where="docs/concepts/audit.md",
    statement="An erased class is suppressed, not gone: it is relearned in at most half of the steps that a "
    "network needs which never saw it.",
    claimed=0.5,
    unit="share of the oracle's steps",
    relation="at most",
    tier="minutes",
)
def relearned(seed: int, classes: int = CLASSES) -> Measured:
    """Return the mean ratio of steps."""
    return _measured(seed, classes, _ratio, "engram over oracle")


def _ratio(one: Findings) -> float:
    return min(one[ENGRAM].relearned, STEPS) / min(one[ORACLE].relearned, STEPS)


@claim(
    "probe",
    where="docs/concepts/audit.md",
    statement="What the last layer sees still tells an erased class from the others: AUC of a linear probe.",
    claimed=0.95,
    unit="AUC",
    relation="at least",
    tier="minutes",
)
def probed(seed: int, classes: int = CLASSES) -> Measured:
    """Return the mean AUC."""
    return _measured(seed, classes, lambda one: one[ENGRAM].probe, "")


@claim(
    "rounded",
    where="docs/concepts/audit.md; recovery by quantisation, arXiv 2605.02196",
    statement="Rounding the edited weights to int8 does not bring an erased class back.",
    claimed=0.02,
    unit="accuracy",
    relation="at most",
    tier="minutes",
)
def rounded(seed: int, classes: int = CLASSES) -> Measured:
    """Return the mean gain in forget accuracy."""
    return _measured(seed, classes, lambda one: one[ENGRAM].rounded - one[ENGRAM].forget, "")


@claim(
    "control",
    where="docs/concepts/audit.md",
    statement="The engram of as many rows drawn at random takes away little: accuracy left on the class.",
    claimed=0.9,
    unit="accuracy",
    relation="at least",
    tier="minutes",
)
def control(seed: int, classes: int = CLASSES) -> Measured:
    """Return the mean forget accuracy of the control."""
    return _measured(seed, classes, lambda one: one[CONTROL].forget, "")
