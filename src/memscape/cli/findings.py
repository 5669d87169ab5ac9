"""Sentences from numbers: what the report says follows from what was measured, whatever that is."""

import re
from collections.abc import Iterable

from memscape.cli.frame import table
from memscape.cli.study import LOWER_HALF, REFERENCE, Cell, Newcomers, Study
from memscape.core.recall import Verdict

GOOD = 0.9
"""The share of exact recalls from which a memory is said to hold a load."""


def percent(share: float) -> str:
    """Return a share as a percentage, with a decimal only where rounding would say all or nothing.

    >>> percent(0.5), percent(1.0), percent(0.998), percent(0.9999), percent(0.0)
    ('50 %', '100 %', '99.8 %', '99.9 %', '0 %')
    """
    rounded = round(100 * share)
    if rounded not in (0, 100) or share in (0.0, 1.0):
        return f"{rounded} %"
    return f"{min(max(100 * share, 0.1), 99.9):.1f} %"


def with_interval(cell: Cell) -> str:
    """Return the share of exact recalls and its interval, "87 % (79-92)"."""
    return f"{percent(cell.share)} ({between(cell.low, cell.high)})"


def between(low: float, high: float) -> str:
    """Return the ends of an interval of shares in per cent.

    >>> between(0.0, 0.0037), between(0.13, 0.17)
    ('0-0.4', '13-17')
    """
    return f"{percent(low)}-{percent(high)}".replace(" %", "")


def damage_name(damage: float) -> str:
    """Return a damage in words.

    >>> damage_name(0.2)
    '20 % flipped'
    """
    return "lower half hidden" if damage == LOWER_HALF else f"{100 * damage:.0f} % flipped"


_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?![\w])")
_ROWS = re.compile(r" \(\d+(?:, (?:\d+|\.\.\.))+\)")


def grouped(texts: Iterable[str]) -> list[str]:
    """Return texts that differ in numbers only as one, each number that differs as a range.

    Lists of rows that differ are left out.

    >>> grouped(
    ...     ["20 patterns, load 0.2", "30 patterns, load 0.3", "margins not met", "20 patterns, load 0.2"]
    ... )
    ['20 to 30 patterns, load 0.2 to 0.3', 'margins not met']
    >>> grouped(["2 patterns (0, 1) are equal", "3 patterns (0, 1, 4) are equal"])
    ['2 to 3 patterns are equal']
    """
    alike: dict[str, list[str]] = {}
    for text in dict.fromkeys(texts):
        alike.setdefault(_NUMBER.sub("#", _ROWS.sub("", text)), []).append(text)
    return [
        same[0] if len(same) == 1 else _ranges([_ROWS.sub("", text) for text in same])
        for same in alike.values()
    ]


def _ranges(texts: list[str]) -> str:
    """Return texts of the same words as one, with the range of each number."""
    columns = zip(*(_NUMBER.findall(text) for text in texts), strict=True)
    spans = []
    for column in columns:
        low, high = min(column, key=float), max(column, key=float)
        spans.append(low if float(low) == float(high) else f"{low} to {high}")
    words = iter(spans)
    return _NUMBER.sub(lambda _: next(words), texts[0])


def reach(study: Study) -> list[str]:
    """Return, for each memory, up to which of the measured loads it recalls nearly all cues."""
    lines = []
    for name in study.memories:
        shares = {load: study.cell(name, load, REFERENCE).share for load in study.plan.loads}
        holds = [load for load, share in shares.items() if share >= GOOD]
        if len(holds) == len(shares):
            lines.append(f"{name} recalled at least {percent(GOOD)} of these cues exactly at every load.")
        elif holds:
            lines.append(
                f"{name} recalled at least {percent(GOOD)} of them with {listed(holds)} stored, and "
                f"{percent(min(shares.values()))} at its worst."
            )
        elif not any(shares.values()):
            lines.append(f"{name} recalled none of them exactly, at any load.")
        else:
            best = max(shares, key=shares.__getitem__)
            most = f"{percent(shares[best])} with {best:,} stored"
            lines.append(f"{name} reached {percent(GOOD)} at none of the loads; its best is {most}.")
    return lines


def listed(numbers: list[int]) -> str:
    """Return numbers as a list in words.

    >>> listed([10, 50, 1797])
    '10, 50 and 1,797'
    """
    words = [f"{number:,}" for number in numbers]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def correlation(study: Study) -> list[str]:
    """Return how alike the patterns are, and how Hebb's rule does with as many independent ones."""
    units, noun = study.pictures.patterns.shape[1], study.pictures.noun
    first, control = study.cell("Hebbian", study.plan.loads[0], REFERENCE), study.control[0]
    where = f"With {first.patterns:,} stored and {damage_name(REFERENCE)}, Hebb's rule recalled"
    shares = (
        f"{percent(first.share)} of the {noun} and {percent(control.share)} of as many independent patterns"
    )
    what = (
        "what breaks it is what the pictures have in common"
        if control.low > first.high
        else "their correlations make no clear difference here"
    )
    return [
        f"Two of these {noun} have an overlap of {study.mean_overlap:.2f} on average and "
        f"{study.largest_overlap:.2f} at most; two independent patterns of {units:,} units have 0 on average,"
        f" give or take {units**-0.5:.2f}.",
        f"The {len(study.pictures.patterns):,} {noun} span {study.rank:,} of {units:,} dimensions.",
        f"{where} {shares} of the same size: {what}.",
    ]


def repairs(study: Study) -> list[str]:
    """Return which memories do better than Hebb's rule, and where."""
    helped, failed = [], []
    for name in study.memories:
        if name == "Hebbian":
            continue
        better = [
            load
            for load in study.plan.loads
            if study.cell(name, load, REFERENCE).low > study.cell("Hebbian", load, REFERENCE).high
        ]
        if better:
            helped.append(f"{name} ({listed(better)} stored)")
        else:
            failed.append(name)
    lines = []
    if helped:
        lines.append(f"Beyond the intervals better than Hebb's rule: {'; '.join(helped)}.")
    if failed:
        lines.append(f"No better at any load: {', '.join(failed)}.")
    return lines


def above_capacity(study: Study) -> list[str]:
    """Return what becomes of the projection rule where more patterns are stored than there are dimensions."""
    most = study.plan.loads[-1]
    if most <= study.rank:
        return []
    cell = study.cell("Projection", most, REFERENCE)
    flipped = round(REFERENCE * study.pictures.patterns.shape[1])
    return [
        f"{most:,} patterns in {study.rank:,} dimensions are above the capacity of the projection rule: they"
        " are combinations of each other, and so are countless other states. There it changed"
        f" {cell.flips:.0f} units on average where {flipped} had been flipped, and recalled"
        f" {percent(cell.share)} of the cues exactly."
    ]


def strangers(newcomers: Newcomers, noun: str) -> list[str]:
    """Return what each memory said of cues that were never stored."""
    lines = [
        f"The {noun} that were never stored overlap by {newcomers.nearest:.2f} on average with the nearest"
        f" stored one, random states by {newcomers.nearest_random:.2f}; a memory that calls the former"
        " RECALLED names that neighbour."
    ]
    for name, kinds in newcomers.counts.items():
        noise, fresh = kinds["random units"], kinds["never stored"]
        lines.append(
            f"{name} called {noise[Verdict.UNKNOWN.name]} of {sum(noise.values())} random states UNKNOWN, and"
            f" {fresh[Verdict.RECALLED.name]} of {sum(fresh.values())} {noun} that it never saw RECALLED."
        )
    return lines


def widths(study: Study) -> list[str]:
    """Return how much damage the median well of each memory stands."""
    lines = []
    for name, one in study.radii.items():
        held, count = int((one.radius > 0).sum()), len(one.radius)
        width = f"half of them stand {percent(float(one.damage.median()))} of flipped units or more"
        holds = f"{held} of {count} wells hold their own pattern"
        lines.append(f"{name}: {holds}; {width}." if 2 * held > count else f"{name}: {holds}.")
    return lines


def volumes(study: Study) -> list[str]:
    """Return which share of random starts finds a stored pattern or its negative."""
    lines = []
    for name, one in study.basins.items():
        interval = between(*one.share_interval.reshape(-1).tolist())
        lines.append(
            f"{name}: {percent(one.share)} ({interval}) of {one.starts:,} random starts ended in a stored"
            " pattern or its negative."
        )
    return lines


def by_load(study: Study, name: str, damage: float) -> list[str]:
    """Return a memory's name and its share of exact recalls at each load."""
    return [name, *(with_interval(study.cell(name, load, damage)) for load in study.plan.loads)]


def summary(study: Study) -> str:
    """Return the shares of exact recalls as a table for a terminal, and what they say."""
    loads = study.plan.loads
    head = [f"exact, {damage_name(REFERENCE)}", *(f"{load:,} stored" for load in loads)]
    rows = [
        [name, *(with_interval(study.cell(name, load, REFERENCE)) for load in loads)]
        for name in study.memories
    ]
    name, load, states = study.visited
    units = study.pictures.patterns.shape[1]
    visited = f"A recall ({name}, {load:,} stored) visited {states:,} of 2^{units} states (median)."
    said = [*reach(study), *correlation(study), *above_capacity(study), visited]
    return "\n".join([table(head, rows), "", *said])
