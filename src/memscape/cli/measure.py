"""The demo's work: store pictures in several memories, damage and recall them, measure the wells."""

import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from memscape import landscape, memories, patterns
from memscape.cli.inputs import Pictures
from memscape.cli.study import LOWER_HALF, REFERENCE, Cell, Newcomers, Plan, Strip, Study, fall_stride
from memscape.core.errors import MemscapeWarning
from memscape.core.intervals import share_interval
from memscape.core.recall import Recall, Status, Trace, Verdict
from memscape.mechanisms import Asynchronous, Power, Softmax
from memscape.memories.vectors import sharpness


def side_by_side(X: Tensor, beta: float) -> dict[str, Any]:
    """Return the memories that are compared, each holding the patterns (p, n)."""
    return {
        "Hebbian": memories.Hebbian(X),
        "Projection": memories.Projection(X),
        "Dense, cubic": memories.Dense(X, separation=Power(3)),
        "Dense, softmax": memories.Dense(X, separation=Softmax(beta)),
    }


def sampled(count: int, cues: int) -> Tensor:
    """Return the rows of `count` patterns that serve as `cues` cues: evenly spaced, again and again if few.

    >>> sampled(3, 6).tolist()
    [0, 0, 1, 1, 2, 2]
    """
    return torch.arange(cues) * count // cues


def damaged(X: Tensor, damage: float, seed: int) -> Tensor:
    """Return patterns with a share of their units flipped, or with the lower half of the picture unknown."""
    if damage == LOWER_HALF:
        return X * (torch.arange(X.shape[1]) < X.shape[1] // 2)
    return patterns.flip(X, damage, generator=seed)


def study(pictures: Pictures, plan: Plan, progress: Callable[[str], None]) -> Study:
    """Return what several memories make of the pictures, measured as planned.

    Args:
        pictures: what is stored; with p loads each memory holds the first p of them.
        plan: see `Plan`; `plan.within(len(pictures.patterns))` fits it to few pictures.
        progress: is called with a line of text before each part.

    Raises:
        InputError: for fewer than 2 pictures.
    """
    began = time.perf_counter()
    plan = plan.within(len(pictures.patterns))
    X = pictures.patterns
    beta = float(f"{sharpness(X, share=0.99):.2g}")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", MemscapeWarning)
        cells, control, strips = [], [], []
        for load in plan.loads:
            progress(f"recalling with {load:,} {pictures.noun} stored")
            held = side_by_side(X[:load], beta)
            cells += [cell for name, memory in held.items() for cell in _cells(name, memory, X[:load], plan)]
            control.append(_control(load, X.shape[1], plan))
            strips.append(_strip(pictures, held, load, plan))
        visited = _visited(held, X, plan)
        progress("telling stored from never stored")
        newcomers = _newcomers(X, beta, plan)
        progress(f"measuring {plan.wells} wells")
        held = side_by_side(X[: plan.wells], beta)
        falls = {name: _fall(memory, X[: plan.wells], plan.seed) for name, memory in held.items()}
        radii = {
            name: landscape.radius(memory, trials=plan.trials, generator=plan.seed, progress=False)
            for name, memory in held.items()
        }
        basins = {
            name: landscape.basins(memory, starts=plan.starts, generator=plan.seed, progress=False)
            for name, memory in held.items()
        }
    mean, largest, rank = _correlations(X)
    warned = tuple(dict.fromkeys(str(w.message) for w in caught if issubclass(w.category, MemscapeWarning)))
    return Study(
        pictures=pictures,
        plan=plan,
        beta=beta,
        mean_overlap=mean,
        largest_overlap=largest,
        rank=rank,
        cells=tuple(cells),
        control=tuple(control),
        strips=tuple(strips),
        falls=falls,
        visited=visited,
        newcomers=newcomers,
        radii=radii,
        basins=basins,
        warned=warned,
        seconds=time.perf_counter() - began,
    )


def _cells(name: str, memory: Any, X: Tensor, plan: Plan) -> list[Cell]:
    return [_cell(name, memory, X, damage, plan) for damage in (*plan.damages, LOWER_HALF)]


def _cell(name: str, memory: Any, X: Tensor, damage: float, plan: Plan) -> Cell:
    rows = sampled(len(X), plan.cues)
    answer = memory.recall(damaged(X[rows], damage, plan.seed), generator=plan.seed, progress=False)
    # the right one, or a copy of it: equal pictures cannot be told apart
    right = (answer.match == rows) | (answer.exact & (answer.state == X[rows]).all(-1))
    exact, matched = int((answer.exact & right).sum()), int(right.sum())
    low, high = share_interval(exact, plan.cues).tolist()
    flips = float(answer.flips.double().mean())
    return Cell(name, len(X), damage, plan.cues, exact, matched, low, high, flips)


def _control(load: int, units: int, plan: Plan) -> Cell:
    """Return how Hebb's rule does with as many independent patterns."""
    X = patterns.independent(load, units, generator=plan.seed)
    return _cell("Hebbian, independent patterns", memories.Hebbian(X), X, REFERENCE, plan)


def _strip(pictures: Pictures, held: dict[str, Any], load: int, plan: Plan, most: int = 10) -> Strip:
    rows = sampled(load, min(most, load))
    stored = pictures.patterns[rows]
    cue = damaged(stored, REFERENCE, plan.seed)
    cue[1::2] = damaged(stored, LOWER_HALF, plan.seed)[1::2]
    recalled = {
        name: pictures.decode(memory.recall(cue, generator=plan.seed, progress=False).state)
        for name, memory in held.items()
    }
    names = tuple(pictures.names[int(row)] for row in rows)
    return Strip(load, REFERENCE, names, pictures.decode(stored), pictures.decode(cue), recalled)


def _visited(held: dict[str, Any], X: Tensor, plan: Plan) -> tuple[str, int, int]:
    """Return a memory that recalls exactly at the largest load, the load, and the states that it visited."""
    rows = sampled(len(X), plan.cues)
    for name in reversed(held):
        answer = held[name].recall(
            damaged(X[rows], REFERENCE, plan.seed), generator=plan.seed, progress=False
        )
        good = answer.exact & (answer.match == rows)
        if bool(good.any()):
            return name, len(X), int(answer.flips[good].median()) + 1
    return next(iter(held)), len(X), int(answer.flips.median()) + 1


def _newcomers(X: Tensor, beta: float, plan: Plan) -> Newcomers:
    fitting = [load for load in plan.loads if load + 2 <= len(X)]
    load = fitting[-1] if fitting else max(1, len(X) - 1)
    count = plan.cues
    rest = X[load:]
    kinds = {
        "stored, 20 % flipped": damaged(X[sampled(load, count)], REFERENCE, plan.seed),
        "never stored": rest[sampled(len(rest), min(count, len(rest)))],
        "random units": patterns.independent(count, X.shape[1], generator=plan.seed),
    }
    counts = {}
    for name, memory in side_by_side(X[:load], beta).items():
        answers = {k: memory.recall(cue, generator=plan.seed, progress=False) for k, cue in kinds.items()}
        counts[name] = {
            kind: {verdict.name: int((answer.verdict == int(verdict)).sum()) for verdict in Verdict}
            for kind, answer in answers.items()
        }
    near, near_random = (
        float((kinds[kind] @ X[:load].T).amax(1).mean()) / X.shape[1]
        for kind in ("never stored", "random units")
    )
    return Newcomers(load, near, near_random, counts)


def _fall(memory: Any, X: Tensor, seed: int, most: int = 3) -> Recall:
    """Return steepest descents whose trace holds the states after every `fall_stride` flips."""
    state = damaged(X[sampled(len(X), min(most, len(X)))], REFERENCE, seed)
    stride, steepest = fall_stride(X.shape[1]), Asynchronous(order="steepest")
    states, flips = [state], torch.zeros(len(state), dtype=torch.int64)
    while True:  # ends: every flip lowers the energy
        answer = memory.recall(states[-1], dynamics=steepest, max_steps=stride, progress=False)
        states.append(answer.state)
        flips += answer.flips
        if not bool((answer.status == int(Status.UNFINISHED)).any()):
            break
    energy = torch.stack([memory.energy(state).double() for state in states], 1)
    path = Trace(torch.stack(states, 1).to(torch.int8), energy)
    return replace(answer, steps=flips, flips=flips, trace=path)


def _correlations(X: Tensor) -> tuple[float, float, int]:
    """Return the mean overlap of two patterns, the largest one, and the rank of all of them."""
    overlaps = X.double() @ X.double().T / X.shape[1]
    away = ~torch.eye(len(X), dtype=torch.bool)
    between = overlaps[away]
    return float(between.mean()), float(between.max()), int(torch.linalg.matrix_rank(X.double()))
