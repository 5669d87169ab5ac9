"""Rinkus and Leveille (2017, arXiv 1710.07829): sparse codes in one trial, superposed in one field.

The paper works with hierarchies of fields on MNIST and video. Here: one flat field of 24 groups of 8 units
and random inputs of 400 bits, 40 of them active; five seeds.
"""

import time
from itertools import pairwise

import torch
from torch import Tensor

from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.engrams.evidence import auc
from memscape.mechanisms import CompetitiveCode
from memscape.mechanisms.coding import k_winners
from memscape.memories import Sparsey, SparseySequence
from memscape.patterns import sparse
from memscape.replications.claim import Measured, claim
from memscape.replications.means import beyond_limits

UNITS, ACTIVE, SEEDS = 400, 40, 5
LAW = "random, 40 of 400 bits"
SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
PAPER = "arXiv 1710.07829"


def _stored(count: int, seed: int, number: int, **options: object) -> tuple[Sparsey, Tensor]:
    X = sparse(count, UNITS, active=ACTIVE, generator=derived(seed, number, 0))
    with beyond_limits():
        return Sparsey(X, generator=1000 * seed + number, **options), X  # ty: ignore[invalid-argument-type]


def _shared(memory: Sparsey, X: Tensor, share: float, seed: int, number: int, cues: int = 40) -> float:
    """Mean share of winners that codes drawn for inputs have in common with the stored codes."""
    drawn = derived(seed, number, 1, round(100 * share))
    rows = torch.randint(len(X), (cues,), generator=drawn)
    inputs = memory.space.corrupt(X[rows], 1 - share, generator=drawn)
    return float(memory.code.overlap(memory.draw(inputs, drawn), memory.codes[rows]).mean())


@claim(
    "similar-codes",
    where=f"{PAPER}: similar inputs, similar codes",
    statement="With 10 inputs stored, the shared part of codes never falls with that of inputs: largest fall "
    "between .25, .5, .75, .9 and 1 of the bits.",
    claimed=0.0,
    tolerance=0.03,
    relation="at most",
)
def similar_codes(seed: int, *, seeds: int = SEEDS) -> Measured:
    """Return the largest fall of the mean curve, with a control that draws winners evenly."""
    rows = []
    for share in SHARES:
        own, even = [], []
        for number in range(seeds):
            own.append(_shared(*_stored(10, seed, number), share, seed, number))
            control = _stored(10, seed, number, code=CompetitiveCode(24, 8, gain=0.0))
            even.append(_shared(*control, share, seed, number))
        mean, (low, high) = mean_interval(own)
        rows.append(
            {
                "bits shared": share,
                "code shared": mean,
                "low": low,
                "high": high,
                "winners drawn evenly": mean_interval(even)[0],
            }
        )
    curve = [row["code shared"] for row in rows[1:]]
    fall = max(a - b for a, b in pairwise(curve))
    return Measured(fall, None, UNITS, 10, LAW, seed, rows, f"{seeds} fields; chance is 1/8")


@claim(
    "stored-again",
    where=f"{PAPER}: one trial",
    statement="With 10 inputs stored, an input that is seen again is given its own code again: share "
    "of winners.",
    claimed=0.9,
    relation="at least",
)
def stored_again(seed: int, *, seeds: int = SEEDS) -> Measured:
    """Return the shared part of codes at whole overlap."""
    found = [_shared(*_stored(10, seed, number), 1.0, seed, number) for number in range(seeds)]
    value, interval = mean_interval(found)
    return Measured(
        value, interval, UNITS, 10, LAW, seed, (), f"drawn codes, {seeds} fields; lowest {min(found):.3f}"
    )


def _recall(count: int, seed: int, seeds: int) -> tuple[list[float], list[float], list[float]]:
    winners, whole, named = [], [], []
    for number in range(seeds):
        memory, X = _stored(count, seed, number)
        same = memory.recognise(X).code == memory.codes
        winners.append(float(same.double().mean()))
        whole.append(float(same.all(-1).double().mean()))
        cues = memory.space.corrupt(X, 0.25, generator=derived(seed, number, 2))
        named.append(float((memory.recognise(cues).match == torch.arange(count)).double().mean()))
    return winners, whole, named


@claim(
    "recall-within",
    where=f"{PAPER}: best match",
    statement="Up to 25 inputs the stored code comes back and a quarter of wrong bits is forgiven: "
    "the smaller "
    "of the share of winners recalled and of inputs named right.",
    claimed=0.95,
    relation="at least",
)
def recall_within(seed: int, *, seeds: int = SEEDS) -> Measured:
    """Return the worst over the number stored."""
    rows = []
    for count in (10, 25):
        winners, whole, named = (mean_interval(x)[0] for x in _recall(count, seed, seeds))
        rows.append({"stored": count, "winners": winners, "whole codes": whole, "named at .75": named})
    worst = min(min(row["winners"], row["named at .75"]) for row in rows)
    return Measured(worst, None, UNITS, 25, LAW, seed, rows, f"{seeds} fields")


@claim(
    "fails-beyond",
    where="our limit",
    statement="Beyond its capacity the field fails, and says so in no number of its own: winners "
    "recalled with 100 "
    "inputs stored.",
    claimed=0.9,
    relation="at most",
)
def fails_beyond(seed: int, *, seeds: int = SEEDS) -> Measured:
    """Return the share of winners recalled, with what new inputs look like."""
    rows = []
    for count in (10, 25, 50, 100):
        winners, whole, _ = _recall(count, seed, seeds)
        new = []
        for number in range(seeds):
            memory, _ = _stored(count, seed, number)
            inputs = sparse(200, UNITS, active=ACTIVE, generator=derived(seed, number, 3))
            new.append(float(memory.recognise(inputs).familiarity.mean()))
        mean, (low, high) = mean_interval(winners)
        rows.append(
            {
                "stored": count,
                "winners": mean,
                "low": low,
                "high": high,
                "whole codes": mean_interval(whole)[0],
                "G of new inputs": mean_interval(new)[0],
            }
        )
    last = rows[-1]
    seen = f"whole codes {last['whole codes']:.2f}, new inputs look familiar: G {last['G of new inputs']:.2f}"
    note = f"{seeds} fields; {seen}"
    return Measured(last["winners"], (last["low"], last["high"]), UNITS, 100, LAW, seed, rows, note)


@claim(
    "flat-time",
    where=f"{PAPER}: constant time",
    statement="The time to store one input does not grow with what is stored: CPU time of inputs 801 "
    "to 1,000 over "
    "that of 1 to 200.",
    claimed=1.2,
    tolerance=0.1,
    unit="ratio",
    relation="at most",
)
def flat_time(seed: int, *, count: int = 1000, rounds: int = 3) -> Measured:
    """Return the ratio of the smallest times over rounds."""
    X = sparse(count, UNITS, active=ACTIVE, generator=derived(seed))
    part = count // 5
    first, last = [], []
    for _ in range(rounds):
        memory = Sparsey(units=UNITS, active=ACTIVE, generator=seed)
        with beyond_limits():
            for start in range(0, count, part):
                began = time.process_time()
                for x in X[start : start + part]:
                    memory.store(x)
                (first if not start else last).append(time.process_time() - began)
    ratio = min(last[k] for k in range(len(last)) if k % 4 == 3) / min(first)
    return Measured(ratio, None, UNITS, count, LAW, seed, (), f"minima of {rounds} rounds")


@claim(
    "sequences",
    where=f"{PAPER}: sequences",
    statement="10 sequences of 20 frames, each seen once, are replayed from their first frames: share "
    "of frames.",
    claimed=0.9,
    relation="at least",
)
def sequences(seed: int, *, seeds: int = SEEDS, count: int = 10, frames: int = 20) -> Measured:
    """Return the share of frames at their place, for groups of several sizes."""
    rows = []
    for size in (16, 32, 64):
        right = []
        for number in range(seeds):
            X = sparse(count * frames, UNITS, active=ACTIVE, generator=derived(seed, number, 4))
            X = X.reshape(count, frames, UNITS)
            memory = SparseySequence(units=UNITS, active=ACTIVE, size=size, generator=number)
            for sequence in X:
                memory.store(sequence)
            wanted = torch.arange(count * frames).reshape(count, frames)
            found = memory.replay(X[:, 0], frames - 1).match
            right.append(float((found == wanted)[:, 1:].double().mean()))
        mean, (low, high) = mean_interval(right)
        rows.append({"groups": 24, "units per group": size, "frames right": mean, "low": low, "high": high})
    last = rows[-1]
    interval = (last["low"], last["high"])
    note = f"{seeds} seeds, 24 groups of 64; with groups of 16 {rows[0]['frames right']:.2f}"
    return Measured(last["frames right"], interval, UNITS, count * frames, LAW, seed, rows, note)


@claim(
    "novelty",
    where=f"{PAPER}: familiarity",
    statement="With 25 inputs stored, familiarity G tells stored inputs from new ones: area under the curve.",
    claimed=0.99,
    unit="AUC",
    relation="at least",
)
def novelty(seed: int, *, seeds: int = SEEDS) -> Measured:
    """Return the mean area; the gap between stored and new inputs closes long before it falls."""
    rows = []
    for count in (10, 25, 50, 100):
        areas, gaps = [], []
        for number in range(seeds):
            memory, X = _stored(count, seed, number)
            new = sparse(400, UNITS, active=ACTIVE, generator=derived(seed, number, 5))
            known, fresh = (memory.recognise(x).familiarity.double() for x in (X, new))
            areas.append(auc(known, fresh))
            gaps.append(float(known.mean() - fresh.mean()))
        mean, (low, high) = mean_interval(areas)
        row = {"stored": count, "AUC": mean, "low": low, "high": min(1.0, high)}
        rows.append(row | {"G of stored minus new": mean_interval(gaps)[0]})
    at = rows[1]
    return Measured(at["AUC"], (at["low"], at["high"]), UNITS, 25, LAW, seed, rows, f"{seeds} fields")


@claim(
    "rivals",
    where="our comparison",
    statement="Named from half of its bits, a stored input is found no more often than by comparing the bits "
    "themselves: share named by Sparsey minus share named by the nearest stored input, 25 stored.",
    claimed=0.0,
    relation="at most",
)
def rivals(seed: int, *, seeds: int = SEEDS, shared: float = 0.5) -> Measured:
    """Return the difference in the share named right; a random projection's winners stand beside it."""
    rows = []
    for count in (10, 25, 50, 100):
        found: dict[str, list[float]] = {"Sparsey": [], "k winners of a projection": [], "nearest input": []}
        for number in range(seeds):
            memory, X = _stored(count, seed, number)
            cues = memory.space.corrupt(X, 1 - shared, generator=derived(seed, number, 6))
            projection = torch.randn(UNITS, memory.code.units, generator=derived(seed, number, 7))
            codes, asked = (k_winners(x @ projection, memory.code.groups) for x in (X, cues))
            named = {
                "Sparsey": memory.recognise(cues).match,
                "k winners of a projection": (asked @ codes.T).argmax(-1),
                "nearest input": (cues @ X.T).argmax(-1),
            }
            for name, match in named.items():
                found[name].append(float((match == torch.arange(count)).double().mean()))
        rows.append({"stored": count} | {name: mean_interval(shares)[0] for name, shares in found.items()})
    value = float(rows[1]["Sparsey"]) - float(rows[1]["nearest input"])
    note = f"{seeds} fields; half of the bits replaced; 24 of 192 units win in both codes"
    return Measured(value, None, UNITS, 25, LAW, seed, rows, note)
