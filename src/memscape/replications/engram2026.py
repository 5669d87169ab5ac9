"""Kwon et al. (ICML 2026, arXiv 2606.14997): AI Engram, one class or fact taken out of a network.

Everything here is trained on the spot. "Forget" is the accuracy on test rows of the erased class, "retain"
that on all others; the oracle is the same network, seed and schedule, trained without the class.
"""

import time
from collections.abc import Callable
from typing import Any

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.engrams.baselines import peer
from memscape.engrams.examples import Examples
from memscape.replications.claim import Measured, claim
from memscape.replications.erasing import (
    DIGITS,
    Erased,
    compositions,
    convolution_erasures,
    digit_erasures,
    digit_network,
    digit_rows,
    fact_erasures,
    fashion_erasures,
    five,
    statistics,
)
from memscape.replications.networks import fit_rows, perceptron

SEEDS = 3
FASHION = "Fashion-MNIST, 60,000 to learn and 10,000 to test"
FACTS = "24 subjects x 6 relations, objects drawn from 40"


def _by_seed(
    runs: dict[int, tuple[Erased, ...]], what: Callable[[Erased], float], n: int, law: str, note: str = ""
) -> Measured:
    """Return the mean over seeds and classes, its interval over seeds, and a row for each seed and class."""
    mean, interval = mean_interval([sum(map(what, run)) / len(run) for run in runs.values()])
    names = ("forget", "retain", "before", "oracle", "tug_of_war")
    rows = [
        {"seed": seed, "class": label} | {name: round(getattr(one, name), 4) for name in names}
        for seed, run in runs.items()
        for label, one in enumerate(run)
    ]
    return Measured(mean, interval, n, 10, law, next(iter(runs)), rows, note)


def _worst(runs: dict[int, tuple[Erased, ...]], n: int, law: str) -> Measured:
    found = _by_seed(runs, lambda one: one.forget, n, law, "the largest of all seeds and classes")
    worst = max(one.forget for run in runs.values() for one in run)
    return Measured(worst, None, n, 10, law, found.seed, found.rows, found.note)


def _digit_runs(seed: int) -> dict[int, tuple[Erased, ...]]:
    return {seed + i: digit_erasures(seed + i) for i in range(SEEDS)}


@claim(
    "digits-forget",
    where="figure on MNIST: erased classes at .00 to .12; here 64-256-128-10 on digits",
    statement="One class of digits erased at the default settings: mean accuracy left on it.",
    claimed=0.015,
    unit="accuracy",
    relation="at most",
    tier="minutes",
)
def digits_forget(seed: int) -> Measured:
    """Return the mean forget accuracy over 3 seeds and 10 classes."""
    return _by_seed(_digit_runs(seed), lambda one: one.forget, 64, DIGITS)


@claim(
    "digits-worst",
    where="as above",
    statement="One class of digits erased: the largest accuracy left on any class of any seed.",
    claimed=0.08,
    unit="accuracy",
    relation="at most",
    tier="minutes",
)
def digits_worst(seed: int) -> Measured:
    """Return the largest forget accuracy."""
    return _worst(_digit_runs(seed), 64, DIGITS)


@claim(
    "digits-retain",
    where="as above; the published collateral is up to .3 on CIFAR-10",
    statement="One class of digits erased: how far the others fall below a network that never saw it.",
    claimed=0.015,
    unit="accuracy",
    relation="at most",
    tier="minutes",
)
def digits_retain(seed: int) -> Measured:
    """Return the mean drop against the oracle."""
    return _by_seed(_digit_runs(seed), lambda one: one.oracle - one.retain, 64, DIGITS)


@claim(
    "digits-tug-of-war",
    where="table on CIFAR-10: .930 at full strength, .984 at .6",
    statement="One class of digits erased: product over learned rows of the class, of the rest, and "
    "test rows of 1 minus the distance of the accuracy to the oracle's.",
    claimed=0.96,
    unit="tug-of-war",
    relation="at least",
    tier="minutes",
)
def digits_tug_of_war(seed: int) -> Measured:
    """Return the mean tug-of-war score."""
    return _by_seed(_digit_runs(seed), lambda one: one.tug_of_war, 64, DIGITS)


@claim(
    "digits-cost",
    where="2.5 PFLOP against 74.4 for gradient methods on TOFU",
    statement="Statistics of all classes and the erasure of one take at most this share of retraining.",
    claimed=0.05,
    unit="share of CPU time",
    relation="at most",
)
def digits_cost(seed: int) -> Measured:
    """Return CPU time of pass, solve and edit over that of training, the smallest of 5 rounds each."""
    rows = digit_rows(seed)
    fit, edit = [], []
    for _ in range(3):
        started = time.process_time()
        model = fit_rows(perceptron((64, 256, 128, 10), seed), rows.x, rows.y, epochs=40, seed=seed)
        fit.append(time.process_time() - started)
        started = time.process_time()
        with statistics(model, rows).engram(3).erased(model):
            edit.append(time.process_time() - started)
    table = [{"training s": round(a, 3), "engram s": round(b, 4)} for a, b in zip(fit, edit, strict=True)]
    return Measured(min(edit) / min(fit), None, 64, 10, DIGITS, seed, table, "smallest of 3 rounds each")


def _composed(seed: int) -> list[dict[str, float]]:
    """Return the means over seeds for each number of classes."""
    runs = [compositions(seed + i) for i in range(SEEDS)]
    return [
        {"k": k + 1}
        | {name: sum(run[k][name] for run in runs) / SEEDS for name in ("kept", "leaked")}
        | {"worst kept": min(run[k]["worst kept"] for run in runs)}
        | {"worst leaked": max(run[k]["worst leaked"] for run in runs)}
        for k in range(9)
    ]


SUBSETS = "10 subsets for each k and seed, 3 seeds"


@claim(
    "composed",
    where="composition into an empty network",
    statement="The engrams of k classes put into an empty network: mean accuracy on them, worst k.",
    claimed=0.92,
    unit="accuracy",
    relation="at least",
    tier="minutes",
)
def composed(seed: int) -> Measured:
    """Return the smallest mean over k of the accuracy on composed classes."""
    rows = _composed(seed)
    return Measured(min(r["kept"] for r in rows), None, 64, 10, DIGITS, seed, rows, SUBSETS)


@claim(
    "composed-leak",
    where="composition into an empty network",
    statement="The engrams of k classes put into an empty network: mean accuracy on the others, at most.",
    claimed=0.10,
    unit="accuracy",
    relation="at most",
    tier="minutes",
)
def composed_leak(seed: int) -> Measured:
    """Return the largest mean over k of the accuracy on classes that were not composed."""
    rows = _composed(seed)
    return Measured(max(r["leaked"] for r in rows), None, 64, 10, DIGITS, seed, rows, SUBSETS)


def _fashion_runs(seed: int) -> dict[int, tuple[Erased, ...]]:
    return {seed + i: fashion_erasures(seed + i) for i in range(SEEDS)}


@claim(
    "fashion-forget",
    where="as on digits, 784-256-100-10",
    statement="One class of Fashion-MNIST erased at the same default: mean accuracy left on it.",
    claimed=0.02,
    unit="accuracy",
    relation="at most",
    tier="minutes",
)
def fashion_forget(seed: int) -> Measured:
    """Return the mean forget accuracy over 3 seeds and 10 classes."""
    return _by_seed(_fashion_runs(seed), lambda one: one.forget, 784, FASHION)


@claim(
    "fashion-worst",
    where="as above",
    statement="One class of Fashion-MNIST erased: the largest accuracy left on any class.",
    claimed=0.08,
    unit="accuracy",
    relation="at most",
    tier="minutes",
)
def fashion_worst(seed: int) -> Measured:
    """Return the largest forget accuracy."""
    return _worst(_fashion_runs(seed), 784, FASHION)


@claim(
    "fashion-retain",
    where="as above",
    statement="One class of Fashion-MNIST erased: how far the accuracy on the others falls.",
    claimed=0.005,
    unit="accuracy",
    relation="at most",
    tier="minutes",
)
def fashion_retain(seed: int) -> Measured:
    """Return the mean drop on the other classes."""
    note = "against the trained network"
    return _by_seed(_fashion_runs(seed), lambda one: one.before - one.retain, 784, FASHION, note)


@claim(
    "cnn-forget",
    where="ResNet-18 on CIFAR-10: .00; here three convolutions with batch normalisation, on digits",
    statement="One class of a convolutional network erased at full strength: mean accuracy left on it.",
    claimed=0.20,
    unit="accuracy",
    relation="at most",
    tier="minutes",
)
def cnn_forget(seed: int) -> Measured:
    """Return the mean forget accuracy over seeds and classes."""
    runs = {seed + i: convolution_erasures(seed + i, False) for i in range(SEEDS)}
    return _by_seed(runs, lambda one: one.forget, 64, DIGITS)


@claim(
    "cnn-searched",
    where="as above, with a strength for each layer that is searched on learned rows for at most 10 s",
    statement="One class of a convolutional network erased, strengths searched: mean accuracy left on it.",
    claimed=0.05,
    unit="accuracy",
    relation="at most",
    tier="minutes",
)
def cnn_searched(seed: int) -> Measured:
    """Return the mean forget accuracy with searched strengths."""
    runs = {seed + i: convolution_erasures(seed + i, True) for i in range(SEEDS)}
    return _by_seed(runs, lambda one: one.forget, 64, DIGITS)


@claim(
    "cnn-retain",
    where="as above",
    statement="One class of a convolutional network erased, strengths searched: how far the others fall.",
    claimed=0.005,
    unit="accuracy",
    relation="at most",
    tier="minutes",
)
def cnn_retain(seed: int) -> Measured:
    """Return the mean drop on the other classes, with searched strengths."""
    runs = {seed + i: convolution_erasures(seed + i, True) for i in range(SEEDS)}
    return _by_seed(runs, lambda one: one.before - one.retain, 64, DIGITS)


@claim(
    "facts-forget",
    where="TOFU in the paper; here a GPT of two blocks that knows 144 facts",
    statement="All facts of one subject erased from a small GPT: the largest number of its 6 facts left.",
    claimed=1.0,
    unit="facts",
    relation="at most",
    tier="minutes",
)
def facts_forget(seed: int) -> Measured:
    """Return the largest number of facts left over 2 seeds and 24 subjects."""
    runs = {seed + i: fact_erasures(seed + i) for i in range(2)}
    rows = _fact_rows(runs)
    return Measured(max(row["facts left"] for row in rows), None, 64, 144, FACTS, seed, rows)


@claim(
    "facts-retain",
    where="as above",
    statement="All facts of one subject erased from a small GPT: smallest accuracy on all others.",
    claimed=0.97,
    unit="accuracy",
    relation="at least",
    tier="minutes",
)
def facts_retain(seed: int) -> Measured:
    """Return the smallest accuracy on other subjects over 2 seeds and 24 subjects."""
    rows = _fact_rows({seed + i: fact_erasures(seed + i) for i in range(2)})
    return Measured(min(row["others"] for row in rows), None, 64, 144, FACTS, seed, rows)


def _fact_rows(runs: dict[int, tuple[tuple[int, float, float], ...]]) -> list[dict[str, Any]]:
    return [
        {
            "seed": seed,
            "subject": subject,
            "facts left": left,
            "others": round(others, 4),
            "loss": round(loss, 2),
        }
        for seed, run in runs.items()
        for subject, (left, others, loss) in enumerate(run)
    ]


@claim(
    "peer",
    where="package ai-engram 0.11, default settings",
    statement="The published package, same networks and classes: mean accuracy left on the erased class.",
    claimed=0.043,
    tolerance=0.05,
    unit="accuracy",
    tier="minutes",
)
def published_package(seed: int) -> Measured:
    """Return the mean forget accuracy of the published package; needs `pip install '.[bench]'`."""
    run, table = peer(), []
    for s in range(seed, seed + SEEDS):
        rows, model = digit_rows(s), digit_network(s)
        for label in range(10):
            own = rows.y == label
            sets = (Examples(rows.x[part], rows.y[part]) for part in (own, ~own))
            edited = five(run(model, *sets, derived(s, 9)), rows, label)
            table.append(
                {"seed": s, "class": label, "forget": round(edited[3], 4), "retain": round(edited[4], 4)}
            )
    means = [sum(r["forget"] for r in table if r["seed"] == s) / 10 for s in range(seed, seed + SEEDS)]
    mean, interval = mean_interval(means)
    return Measured(mean, interval, 64, 10, DIGITS, seed, table)
