"""Basin volumes: which share of the random starts ends in each stored pattern."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import CapabilityError
from memscape.core.intervals import share_interval
from memscape.core.memory import EnergyMemory
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.core.recall import Recall
from memscape.kernels.packing import distinct, pack
from memscape.mechanisms.dynamics import Dynamics
from memscape.mechanisms.reading import nearest


@dataclass(frozen=True)
class Basins:
    """How the random starts of one measurement were shared out.

    Attributes:
        fraction: (p,) share of the starts that ended exactly in pattern mu.
        inverted: (p,) share that ended exactly in its negative.
        interval: (p, 2) confidence interval of `fraction`.
        inverted_interval: (p, 2) that of `inverted`.
        spurious: share that ended elsewhere.
        distinct: how many different end states were met (counting a state and its negative apart).
        unseen: estimated share of the starts whose end state was not met at all (Good and Turing), NaN for
            real states.
        starts: how many starts there were.
        settings: space, n, p, law of the starts, dynamics, seed, level.
        complete: False where Ctrl-C ended the measurement.
    """

    fraction: Float[Tensor, " p"]
    inverted: Float[Tensor, " p"]
    interval: Float[Tensor, "p 2"]
    inverted_interval: Float[Tensor, "p 2"]
    spurious: float
    distinct: int
    unseen: float
    starts: int
    settings: dict[str, Any]
    complete: bool = True

    @property
    def share(self) -> float:
        """Share of the starts that ended in a stored pattern or its negative."""
        return float((self.fraction + self.inverted).sum())

    @property
    def share_interval(self) -> Float[Tensor, " 2"]:
        """Confidence interval of `share`."""
        return share_interval(round(self.share * self.starts), self.starts, level=self.settings["level"])

    def table(self, most: int = 20) -> str:
        """Return the widest basins as lines of text."""
        order = (self.fraction + self.inverted).argsort(descending=True, stable=True)[:most].tolist()
        lines = ["pattern  fraction  interval        inverted"]
        for i in order:
            low, high = self.interval[i].tolist()
            lines.append(f"{i:<8} {self.fraction[i]:<9.4f} {low:.4f}-{high:.4f}   {self.inverted[i]:.4f}")
        if len(self.fraction) > most:
            lines.append(f"... {len(self.fraction) - most} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        low, high = self.share_interval.tolist()
        return {
            "fraction": self.fraction.tolist(),
            "inverted": self.inverted.tolist(),
            "interval": self.interval.tolist(),
            "share": self.share,
            "share_interval": [low, high],
            "spurious": self.spurious,
            "distinct": self.distinct,
            "unseen": None if math.isnan(self.unseen) else self.unseen,
            "starts": self.starts,
            "settings": self.settings,
            "complete": self.complete,
        }

    def __repr__(self) -> str:
        low, high = self.share_interval.tolist()
        s = self.settings
        head = (
            f"Basins of {s['patterns']} patterns on {s['units']} units, {self.starts} starts ({s['law']}), "
            f"{s['dynamics']}, seed {s['seed']}\n"
            f"share {self.share:.3f} ({low:.3f}-{high:.3f}), spurious {self.spurious:.3f}, "
            f"{self.distinct} distinct ends, unseen {self.unseen:.3f}"
        )
        return f"{head}\n{self.table(6)}"


def basins(
    memory: EnergyMemory,
    *,
    starts: int = 1000,
    cues: object = None,
    dynamics: Dynamics | None = None,
    max_steps: int = 1000,
    level: float = 0.95,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> Basins:
    """Return how the starts are shared out among the stored patterns.

    A volume is measured in the memory's own space under its own dynamics, from `memory.space.sample`: fair
    +-1 states, or independent N(0, s^2) units in real memories. In discrete spaces a start counts for a
    pattern only where it ends in it bit by bit; in real ones where its `match` is the pattern. Volumes fall
    quickly with n at fixed load: never compare them without n, p, the pattern generator and the law of the
    starts.

    Args:
        memory: anything with an energy and patterns.
        starts: number of random starts.
        cues: (b, n) starts of your own instead; the law is then theirs.
        dynamics: how states move; None is the memory's default.
        max_steps: steps at most; a start that is not done by then counts where it stands.
        level: confidence of the intervals.
        generator: seed of the starts and of the dynamics.
        progress: a bar, a callable, or None.

    Raises:
        CapabilityError: for a memory without an energy or without patterns.
        InputError: for starts below 1 or cues of another width.

    Costs one recall per start.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(3, 100, generator=0)
    >>> b = ms.landscape.basins(ms.memories.Projection(X), starts=200, generator=0)
    >>> b.share > 0.7
    True
    """
    energy = require_wells(memory)
    require_count(starts, "starts")
    seed = draw_seed(generator)
    law = "given cues" if cues is not None else f"{memory.space} sample"
    if cues is None:
        cues = memory.space.sample(starts, energy.units, generator=derived(seed, 0)).to(
            energy.patterns.device
        )
    result = memory.recall(
        cues, dynamics=dynamics, max_steps=max_steps, generator=derived(seed, 1), **_shown(memory, progress)
    )
    count = len(energy.patterns)
    ends = result.state.reshape(-1, energy.units)
    plus, minus = _counts(memory, energy.patterns, result, ends, count)
    total = len(ends)
    distinct, unseen = (
        _seen(ends) if memory.space.discrete else (int(result.match.unique().numel()), math.nan)
    )
    settings = {
        "units": energy.units,
        "patterns": count,
        "space": repr(memory.space),
        "law": law,
        "seed": seed,
    }
    settings |= {"dynamics": result.settings["dynamics"], "max_steps": max_steps, "level": level}
    return Basins(
        fraction=plus.double() / total,
        inverted=minus.double() / total,
        interval=share_interval(plus.cpu(), total, level=level),
        inverted_interval=share_interval(minus.cpu(), total, level=level),
        spurious=1 - float((plus + minus).sum()) / total,
        distinct=distinct,
        unseen=unseen,
        starts=total,
        settings=settings,
        complete=result.complete,
    )


def require_wells(memory: Any) -> Any:
    """Return the energy of a memory, or raise `CapabilityError` where it has none or holds no patterns."""
    energy = getattr(memory, "landscape_energy", None)
    if energy is None:
        raise CapabilityError(
            f"{type(memory).__name__} has no energy; memscape.as_memory(x) turns vectors into one that has"
        )
    if energy.patterns is None or not len(energy.patterns):
        raise CapabilityError(
            f"{type(memory).__name__} holds no patterns, so no basin belongs to one; store some first"
        )
    return energy


def _shown(memory: Any, progress: ProgressOption) -> dict[str, Any]:
    return {"progress": progress} if progress is not None else {}


def _counts(
    memory: EnergyMemory, patterns: Tensor, result: Recall, ends: Tensor, count: int
) -> tuple[Int[Tensor, " p"], Int[Tensor, " p"]]:
    match, exact = result.match.reshape(-1), result.exact.reshape(-1)
    if not memory.space.discrete:
        return torch.bincount(match[match >= 0], minlength=count), torch.zeros(count, dtype=torch.int64)
    negative = nearest(patterns, memory.space, -ends, 0.9)
    lone = negative.exact & ~exact
    return (
        torch.bincount(match[exact], minlength=count),
        torch.bincount(negative.match[lone], minlength=count),
    )


def _seen(ends: Tensor) -> tuple[int, float]:
    """Return how many different end states there are, and the Good-Turing estimate of what was not met."""
    counts = distinct(pack(ends.to(torch.int8).cpu())).counts
    return len(counts), float((counts == 1).sum()) / len(ends)
