"""Choosing the hierarchy of patterns so that a wanted share of all starts ends in one of them."""

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.intervals import mean_interval
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.landscape.volumes import basins
from memscape.patterns.hierarchy import tree

GOALS = ("share", "metastable")
_GOLDEN = (math.sqrt(5) - 1) / 2
_WIDEST = 0.95  # beyond this overlap the leaves of a family are nearly one pattern


@dataclass(frozen=True)
class HierarchyDesign:
    """A tree of patterns chosen for a property of its landscape.

    Attributes:
        branching: families and members of each.
        overlap: the overlap of leaves of one family; leaves of different families are independent.
        patterns: (p, n) one instance, +-1.
        goal: "share" (of the starts that end in +- a pattern) or "metastable" (distinct other ends per
            start).
        target: what was asked.
        achieved: mean over fresh instances.
        interval: 95 % interval of that mean.
        curve: (overlap, mean) of every hierarchy tried, by overlap.
        feasible: whether the target lies within `tolerance` of the interval.
        reason: one sentence.
        settings: memory, n, p, instances, starts, seed.
    """

    branching: tuple[int, int]
    overlap: float
    patterns: Float[Tensor, "p n"]
    goal: str
    target: float
    achieved: float
    interval: tuple[float, float]
    curve: list[tuple[float, float]]
    feasible: bool
    reason: str
    settings: dict[str, Any]

    def table(self) -> str:
        """Return the hierarchies tried as lines of text."""
        return "\n".join([f"overlap  {self.goal}", *(f"{r:<8.3f} {value:.3f}" for r, value in self.curve)])

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON, without the patterns."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "patterns"}

    def __repr__(self) -> str:
        families, members = self.branching
        head = (
            f"{families} families of {members}, overlap {self.overlap:.3f}: {self.goal} {self.achieved:.3f}"
        )
        return f"{head} ({self.interval[0]:.3f}-{self.interval[1]:.3f})\n{self.reason}\n{self.table()}"


def design_correlations(
    memory: Callable[[Tensor], Any],
    *,
    count: int,
    size: int,
    share: float | None = None,
    metastable: float | None = None,
    branching: tuple[int, int] | None = None,
    instances: int = 8,
    starts: int = 200,
    tolerance: float = 0.02,
    max_rounds: int = 20,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> HierarchyDesign:
    """Return the hierarchy whose landscape has a wanted share of good starts, or of metastable ends.

    With growing overlap inside families the share first rises, then falls; the number of metastable ends
    mirrors it. A golden-section search finds the best overlap, then a bisection the wanted value beside it.
    All hierarchies are measured on the same random numbers; the search stops once the target is within a
    standard error.

    Args:
        memory: what makes a memory of patterns, e.g. `memscape.memories.Projection`.
        count: p, a number that can be split into families.
        size: n; shares fall quickly with n at fixed load, so a design holds for its n only.
        share: wanted share of random starts that end in +- a pattern, in [0, 1]; or
        metastable: wanted number of distinct ends that are no pattern, per start, in [0, 1].
        branching: families and members; None is the split nearest to a square.
        instances: drawn sets of patterns per hierarchy, at least 2.
        starts: random starts per instance.
        tolerance: distance beyond the interval that still counts as met.
        max_rounds: hierarchies tried at most.
        generator: seed.
        progress: a bar, a callable, or None.

    Raises:
        InputError: for both or neither of the goals, a branching that does not give `count`, or fewer than 2
            instances.

    Costs max_rounds * instances * starts recalls.

    Pusuluri, Lang, Mehta and Castillo 2016 (arXiv 1611.06127) for the idea.
    """
    if (share is None) == (metastable is None):
        raise InputError("give one goal: share=... or metastable=...")
    goal = "share" if share is not None else "metastable"
    target = require_fraction(share if share is not None else metastable, goal)  # ty: ignore[invalid-argument-type]
    split = _split(require_count(count, "count", low=2), branching)
    require_count(instances, "instances", low=2)
    seed = draw_seed(generator)
    study = _Study(memory, split, size, goal, instances, starts, seed)
    with Progress(progress, max_rounds, "trying hierarchies") as bar:
        overlap, complete = _search(study, target, tolerance, max_rounds, bar)
    values = study.sample(overlap, fresh=True)
    mean, (low, high) = mean_interval(values)
    met = low - tolerance <= target <= high + tolerance
    best = max(study.seen.values()) if goal == "share" else min(study.seen.values())
    settings = {
        "memory": getattr(memory, "__name__", repr(memory)),
        "units": size,
        "patterns": count,
        "seed": seed,
    }
    settings |= {"instances": instances, "starts": starts, "complete": complete}
    said = "Met" if met else "Not met"
    reason = f"{said}: asked {target:.3f}, the best of the hierarchies tried has {best:.3f}."
    return HierarchyDesign(
        branching=split,
        overlap=overlap,
        patterns=study.patterns(overlap, 0, fresh=True),
        goal=goal,
        target=target,
        achieved=mean,
        interval=(low, high),
        curve=sorted(study.seen.items()),
        feasible=met,
        reason=reason,
        settings=settings,
    )


def _split(count: int, branching: tuple[int, int] | None) -> tuple[int, int]:
    if branching is not None:
        if branching[0] * branching[1] != count:
            raise InputError(f"{branching[0]} families of {branching[1]} are not {count} patterns")
        return branching
    families = max(k for k in range(1, math.isqrt(count) + 1) if count % k == 0)
    if families == 1:
        raise InputError(
            f"{count} patterns cannot be split into families of equal size; choose another count"
        )
    return families, count // families


class _Study:
    """Measures one property of hierarchies, with the same random numbers for all of them."""

    def __init__(
        self,
        memory: Callable[[Tensor], Any],
        split: tuple[int, int],
        size: int,
        goal: str,
        instances: int,
        starts: int,
        seed: int,
    ):
        self.memory, self.split, self.size, self.goal = memory, split, size, goal
        self.instances, self.starts, self.seed = instances, starts, seed
        self.seen: dict[float, float] = {}
        self.error = 0.0  # the standard error of the last mean

    def patterns(self, overlap: float, instance: int, fresh: bool = False) -> Tensor:
        draw = derived(self.seed, int(fresh), instance)
        return tree(self.split, overlap=(0.0, overlap), size=self.size, generator=draw)

    def sample(self, overlap: float, fresh: bool = False) -> list[float]:
        values = []
        for instance in range(self.instances):
            made = self.memory(self.patterns(overlap, instance, fresh))
            draw = derived(self.seed, 2 + int(fresh), instance)
            found = basins(made, starts=self.starts, generator=draw, progress=False)
            stored = int((found.fraction > 0).sum() + (found.inverted > 0).sum())
            metastable = (found.distinct - stored) / found.starts
            values.append(found.share if self.goal == "share" else metastable)
        return values

    def __call__(self, overlap: float) -> float:
        known = round(overlap, 4)
        if known not in self.seen:
            values = self.sample(known)
            self.seen[known] = statistics.fmean(values)
            self.error = statistics.stdev(values) / math.sqrt(len(values))
        return self.seen[known]


def _search(
    study: _Study, target: float, tolerance: float, max_rounds: int, bar: Progress
) -> tuple[float, bool]:
    sign = 1.0 if study.goal == "share" else -1.0
    low, high = 0.0, _WIDEST
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    first = study(0.0)
    if not bar.update():
        return 0.0, False
    # rising towards the best overlap
    while high - low > 0.1 and len(study.seen) < max_rounds // 2:
        if sign * study(left) >= sign * study(right):
            high, right = right, left
            left = high - _GOLDEN * (high - low)
        else:
            low, left = left, right
            right = low + _GOLDEN * (high - low)
        if not bar.update():
            break
    top = max(study.seen, key=lambda r: sign * study.seen[r])
    if sign * study.seen[top] <= sign * target:
        return top, not bar.interrupted
    # the wanted value lies below the top: beside it on the rising side, else on the falling one
    low, high = (0.0, top) if sign * first <= sign * target else (_WIDEST, top)
    for seen, value in study.seen.items():  # what the climb has measured brackets the target already
        beside = min(low, high) < seen < max(low, high)
        if beside and sign * value < sign * target and abs(seen - top) < abs(low - top):
            low = seen
        elif beside and sign * value >= sign * target and abs(seen - low) < abs(high - low):
            high = seen
    middle = top
    while len(study.seen) < max_rounds and not bar.interrupted:
        middle = (low + high) / 2
        value = study(middle)
        if abs(value - target) <= max(tolerance / 2, study.error) or abs(high - low) < 0.01:
            break
        low, high = (middle, high) if sign * value < sign * target else (low, middle)
        bar.update()
    return round(middle, 4), not bar.interrupted
