"""The landscape of a memory of any size, from random starts: what was found, how sure, what is missing."""

import math
from dataclasses import replace
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from torch import Tensor

from memscape.core.arrays import as_tensor, require_count, require_fraction, require_width
from memscape.core.cards import opened
from memscape.core.errors import CapabilityError, InputError
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator, draw_seed
from memscape.core.recall import Kind
from memscape.core.spaces import Bipolar, Real
from memscape.kernels.tables import levels
from memscape.landscape.barriers import chosen_wells, passes_between
from memscape.landscape.exhaustive import exhaust
from memscape.landscape.kinds import kinds_of
from memscape.landscape.mapper import DiscreteMapper, Mapper, mapper_of
from memscape.landscape.plateau_search import names, states_of
from memscape.landscape.result import Landscape, escape_barriers, unmeasured
from memscape.landscape.subject import Subject, subject_of
from memscape.landscape.surveying import BATCH, Plan, Survey
from memscape.mechanisms.dynamics import Dynamics
from memscape.mechanisms.energies import Couplings, PatternEnergy

EXACT_UNITS = 20
"""Units up to which a survey looks at all states, unless told otherwise."""

_STARTS = 4096
_LOOKS, _VISITS = 8e8, 5e9  # operations of the search for passes: some ten core-seconds
_OPERATIONS = 1 << 34  # of the energies of all states, above which no survey looks at all of them


def survey(
    memory: Any,
    *,
    starts: int | None = None,
    cues: object = None,
    dynamics: Dynamics | None = None,
    field: object = None,
    exact: bool | None = None,
    precision: float | None = None,
    level: float = 0.95,
    merge: float = 0.01,
    lowest: int = 64,
    barriers: bool = True,
    checkpoint: str | Path | None = None,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> Landscape:
    r"""Return the landscape of anything that holds wells: its minima, their basins, and what was not seen.

    Up to 20 units nothing is estimated: the result is that of `exhaust`, and `.starts` is 0. Beyond that,
    random starts descend to their minima. A basin is the share of the starts that end in it, with its
    interval; the share that ends in minima not met is estimated from those met once, $f_1 / R$ (Good and
    Turing), and the number of all minima bounded from below (Chao). The minima of stored patterns are
    entered whether a start finds them or not. Where the energy is even, each start stands for its negative,
    too, so a minimum and its negative are always found together, and intervals are half as wide.

    +-1 units move by steepest descent, the map of the exact basins, and plateaus are searched for a way on:
    from all 2^n starts the basins are those of `exhaust`, state by state. Real-valued states move by the
    memory's own dynamics until the slope of the energy is gone; ends that differ by less than `merge` are
    one minimum. What the survey did not see it cannot know: where all starts end in different minima, only
    the bounds say something.

    Args:
        memory: a memory with an energy, anything with `as_memory()`, vectors (p, n), or a file of either.
        starts: how many; None is 4,096, or with `precision` as many as it takes.
        cues: (b, n) starts of your own instead, 0 where a unit is unknown; basins are then under their law.
        dynamics: another descent: `Asynchronous(order)`, `FixedPoint()`, `GradientFlow(rate)`.
        field: (n,) an external field that drives the memory, in units of its field.
        exact: True looks at all states (at most 24 units), False at none but the starts; None looks at all
            of them up to 20 units, where neither cues nor dynamics are given.
        precision: half the width that no interval shall exceed; ends the survey as soon as none does.
        level: confidence of the intervals.
        merge: root mean square distance below which real minima are one, in units of the patterns' own.
        lowest: passes are looked for between this many of the deepest minima, and those of stored patterns.
        barriers: look for passes at all, for some ten core-seconds; `passes_between` looks as long as you
            like.
        checkpoint: a file in which what is finished is kept: the same call with the same file goes on where
            the last one ended, and ends where one that was not interrupted does; more `starts` extend it.
        generator: seed of the starts and of the dynamics.
        progress: a bar, a callable, or None. After Ctrl-C what is finished is returned, marked.

    Raises:
        CapabilityError: for something without an energy, or whose states are neither +-1 nor real units.
        InputError: for an empty memory, fewer than one start, cues or a field of another width, or a
            checkpoint of another survey.
        SizeError: for `exact` beyond 24 units.

    Costs one descent per start: with couplings O(n) a flip, about n/3 flips; n = 1,000 and p = 50 take about
    a millisecond. 8 p n bytes and k n for k minima.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(5, 100, generator=0)
    >>> land = ms.landscape.survey(ms.memories.Projection(X), starts=200, generator=0)
    >>> sorted(land.match[land.kind == ms.Kind.STORED].tolist()), land.unseen < 0.5
    ([0, 1, 2, 3, 4], True)

    Good 1953, equation 9 (unseen); Chao 1984 (number of minima).
    """
    memory = opened(memory)
    subject = subject_of(memory, field)
    plan = _plan(subject, starts, cues, precision, level)
    require_fraction(merge, "merge", low=1e-6)
    if exact is None:
        exact = cues is None and dynamics is None and _small(subject)
    if exact:
        return exhaust(memory, field=field, progress=progress)
    mapper = mapper_of(memory, dynamics, subject.energy)
    seed = None if generator is None else draw_seed(generator)
    work = Survey(subject, mapper, plan, seed, merge, checkpoint)
    complete = work.run(progress)
    land = _landscape(subject, mapper, work, complete)
    return _joined(memory, land, field, lowest, progress) if barriers and complete and len(land) > 1 else land


def _plan(subject: Subject, starts: object, cues: object, precision: float | None, level: float) -> Plan:
    require_fraction(level, "level", low=0.5, high=0.9999)
    bipolar = isinstance(subject.space, Bipolar) and getattr(subject.energy, "norm", 0.0) == 0.0
    if not bipolar and not isinstance(subject.space, Real):
        raise CapabilityError(f"a survey takes states of +-1 or real units, not {subject.space}")
    if cues is not None:
        if starts is not None:
            raise InputError("give either starts or cues of your own, not both")
        given = as_tensor(cues, "cues")
        require_width(given, subject.energy.units, "cues")
        given = subject.space.check(given, "cues", zeros=True).reshape(-1, subject.energy.units)
        return Plan(len(given), given.cpu(), precision, level)
    if precision is not None:
        require_fraction(precision, "precision", low=1e-6, high=0.5)
    if starts is None:
        starts = _STARTS if precision is None else _enough(precision, level)
    return Plan(require_count(starts, "starts"), None, precision, level)  # ty: ignore[invalid-argument-type]


def _enough(precision: float, level: float) -> int:
    """Starts after which even the interval of one half is that narrow."""
    errors = NormalDist().inv_cdf(0.5 + level / 2)
    return math.ceil((errors / (2 * precision)) ** 2) + BATCH


def _small(subject: Subject) -> bool:
    units = subject.energy.units
    if not isinstance(subject.space, Bipolar) or units > EXACT_UNITS:
        return False
    quadratic = isinstance(subject.energy, PatternEnergy | Couplings)
    count = 1 if subject.patterns is None else len(subject.patterns)
    return quadratic or (units * count) << units <= _OPERATIONS


def _landscape(subject: Subject, mapper: Mapper, work: Survey, complete: bool) -> Landscape:
    tally, plan = work.tally, work.plan
    found = tally.wells.all_states() if len(tally.wells) else torch.zeros(0, subject.energy.units)
    energy = subject.energies(found) if len(found) else torch.zeros(0, dtype=torch.float64)
    order = _order(found, energy, work.discrete)
    plateau = torch.tensor(tally.wells.plateau, dtype=torch.int64)[order]
    minima = found[order]
    kind, match = kinds_of(
        subject.patterns, subject.space, subject.threshold, minima, _members(mapper, minima, plateau)
    )
    rest = tally.unseen()
    fields: dict[str, Any] = unmeasured(len(minima), subject.energy.units) | {
        "minima": minima,
        "energy": energy[order],
        "kind": kind,
        "match": match,
        "plateau": plateau,
        "basin": tally.basin()[order],
        "basin_interval": tally.interval(plan.level)[order],
    }
    return Landscape(
        **fields,
        unseen=rest.share,
        unseen_error=rest.error,
        at_least=tally.least(),
        starts=tally.draws,
        hits=torch.from_numpy(tally.hits)[order],
        dynamics=mapper.description,
        settings=_settings(subject, work),
        complete=complete,
        source=subject.energy,
    )


def _order(states: Tensor, energy: Tensor, discrete: bool) -> Tensor:
    """Deepest first; of equal energies the smaller key."""
    if not discrete or not len(states):
        return energy.argsort(stable=True)
    rank = np.empty(len(states), np.int64)
    rank[sorted(range(len(states)), key=names(states.to(torch.int8)).__getitem__)] = np.arange(len(states))
    return torch.from_numpy(np.lexsort((rank, levels(energy.numpy()))))


def _members(mapper: Mapper, minima: Tensor, plateau: Tensor) -> Any:
    """The states that minima of +-1 units consist of, with the minimum that each belongs to."""
    if not isinstance(mapper, DiscreteMapper):
        return
    for rows in (plateau == 1).nonzero()[:, 0].split(BATCH):
        yield minima[rows], rows
    for row in (plateau != 1).nonzero()[:, 0].tolist():
        states = states_of(mapper.plateau_of(minima[row]).states, minima.shape[1])
        yield states, torch.full((len(states),), row)


def _settings(subject: Subject, work: Survey) -> dict[str, Any]:
    tally, plan = work.tally, work.plan
    law = f"{subject.space} sample" if plan.cues is None else "given cues"
    pairs = ", each with its negative" if tally.paired else ""
    settings = subject.settings(f"survey: {tally.draws} starts ({law}){pairs}")
    settings |= {"law": law, "paired": tally.paired, "seed": work.seed, "level": plan.level}
    settings |= {"known": tally.known, "unsettled": tally.unsettled, "precision": plan.precision}
    settings["reached"] = tally.half_width(plan.level)
    return settings if work.discrete else settings | {"merge": work.distance}


def _joined(memory: Any, land: Landscape, field: object, lowest: int, progress: ProgressOption) -> Landscape:
    """Return the landscape with passes between its deepest minima and the stored ones."""
    also = ((land.kind == Kind.STORED) | (land.kind == Kind.INVERTED)).nonzero()[:, 0]
    chosen = chosen_wells(land.energy, lowest, also)
    effort = _effort(land, len(chosen))
    if effort is None:
        return replace(land, settings=land.settings | {"barriers": "too many units to look for them"})
    found = passes_between(
        memory, land.minima, land.energy, lowest=lowest, also=also, field=field, progress=progress, **effort
    )
    barrier = torch.full_like(land.energy, math.nan)
    barrier[chosen] = escape_barriers(land.energy, found.edges, found.passes)[chosen]
    joins = {"edges": found.edges, "passes": found.passes, "saddles": found.saddles, "barrier": barrier}
    return replace(land, settings=land.settings | {"barriers": effort}, **joins)


def _effort(land: Landscape, wells: int) -> dict[str, int] | None:
    """How hard to look for passes in some ten core-seconds; None where not even the least would do."""
    units, patterns = land.units, max(1, int(land.settings["patterns"]))
    if isinstance(land.source, PatternEnergy | Couplings):
        look, visit = (units / 2) ** 2, units**2
    else:
        look, visit = units / 2 * units * patterns, 1_000_000 + units * patterns
    if 2 * wells * look > 20 * _LOOKS:
        return None
    neighbours = max(2, min(16, int(_LOOKS / (8 * wells * look))))
    width = max(1, min(32, int(_LOOKS / (neighbours * wells * look))))
    return {"neighbours": neighbours, "width": width, "visits": min(2000, int(_VISITS / (wells * visit)))}
