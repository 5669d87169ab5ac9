"""One number for a memory, to compare designs at equal n, p and patterns; and the parts it stands on."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.cards import opened
from memscape.core.intervals import share_interval
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.landscape.guarantees import guaranteed_radius
from memscape.landscape.volumes import basins, require_wells
from memscape.mechanisms.dynamics import Dynamics
from memscape.mechanisms.energies import Couplings, PatternEnergy

_LEVELS = 32  # strengths of damage, evenly spread


@dataclass(frozen=True)
class Score:
    """How well a memory recalls over all strengths of damage.

    Attributes:
        value: share of the trials in which a damaged pattern was recalled, in [0, 1].
        interval: (2,) its 95 % interval.
        share: share of random starts that end in a stored pattern or its negative.
        share_interval: (2,) its 95 % interval.
        guaranteed: damage (share of flipped units) that every pattern is sure to stand; NaN where no bound is
            known (energies that are not quadratic).
        worst: share of the trials of the pattern that was recalled least often.
        settings: n, p, trials, starts, success, dynamics, seed.
        complete: False where Ctrl-C ended the measurement.
    """

    value: float
    interval: Float[Tensor, " 2"]
    share: float
    share_interval: Float[Tensor, " 2"]
    guaranteed: float
    worst: float
    settings: dict[str, Any]
    complete: bool = True

    def table(self) -> str:
        """Return the score and its parts as lines of text."""
        low, high = self.interval.tolist()
        first, last = self.share_interval.tolist()
        sure = "-" if math.isnan(self.guaranteed) else f"{self.guaranteed:.3f}"
        return "\n".join(
            [
                f"recalled over all damages          {self.value:.3f}  {low:.3f}-{high:.3f}",
                f"  the pattern recalled least often {self.worst:.3f}",
                f"share of the space                 {self.share:.3f}  {first:.3f}-{last:.3f}",
                f"damage that is stood for sure      {sure}",
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return {
            "value": self.value,
            "interval": self.interval.tolist(),
            "share": self.share,
            "share_interval": self.share_interval.tolist(),
            "guaranteed": None if math.isnan(self.guaranteed) else self.guaranteed,
            "worst": self.worst,
            "settings": self.settings,
            "complete": self.complete,
        }

    def __repr__(self) -> str:
        s = self.settings
        head = (
            f"Score of {s['patterns']} patterns on {s['units']} units, {s['trials']} trials, seed {s['seed']}"
        )
        return f"{head}\n{self.table()}"


def score(
    memory: Any,
    *,
    trials: int = 2048,
    starts: int = 1024,
    dynamics: Dynamics | None = None,
    max_steps: int = 1000,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> Score:
    r"""Return one number in [0, 1] for a memory: how often a damaged pattern is recalled, over all damages.

    A stored pattern is drawn, damaged so that its overlap with the cue is $m$, and recalled; the score is the
    share of successes with all patterns alike and m spread evenly over [0, 1],
    $\int_0^1 P(\mathrm{success} \mid m)\,dm$ in the mean over patterns. For wells of sharp edges that is the
    mean radius R. +-1 units succeed where the end equals the pattern bit by bit, real ones by `match`.

    It compares memories of the same n, p and patterns, and is meant as the aim of a search over write rules,
    separations and parameters. It is no capacity (store more and measure again), says nothing of speed or of
    what the memory answers to cues that belong to nothing, and a score at one n does not carry over to
    another.

    Args:
        memory: anything with an energy and patterns, or what `memscape.as_memory` takes.
        trials: damaged cues, at least 32.
        starts: random starts for the share of the space.
        dynamics, max_steps: as in `recall`.
        generator: seed of everything that is drawn.
        progress: a bar, a callable, or None.

    Raises:
        CapabilityError: for a memory without an energy or without patterns.
        InputError: for fewer than 32 trials.

    Costs trials + starts recalls, and O(p n^2) for the guarantee of quadratic energies.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(10, 100, generator=0)
    >>> sharp = ms.landscape.score(ms.memories.Dense(X), trials=256, starts=64, generator=0)
    >>> plain = ms.landscape.score(ms.memories.Hebbian(X), trials=256, starts=64, generator=0)
    >>> sharp.value > plain.value
    True
    """
    memory = opened(memory)
    energy = require_wells(memory)
    require_count(trials, "trials", low=_LEVELS)
    seed = draw_seed(generator)
    hits, made, complete = _recalled(memory, energy.patterns, trials, dynamics, max_steps, seed, progress)
    space = basins(memory, starts=starts, dynamics=dynamics, max_steps=max_steps, generator=derived(seed, 9))
    quadratic = isinstance(energy, PatternEnergy | Couplings)
    sure = float(guaranteed_radius(memory).min()) / 2 if quadratic else math.nan
    total = int(made.sum())
    settings = {
        "units": energy.units,
        "patterns": len(energy.patterns),
        "trials": total,
        "starts": space.starts,
    }
    settings |= {"success": "exact" if memory.space.discrete else "match", "seed": seed}
    settings |= {"dynamics": space.settings["dynamics"], "max_steps": max_steps}
    tried = made > 0
    return Score(
        value=int(hits.sum()) / total,
        interval=share_interval(int(hits.sum()), total).reshape(2),
        share=space.share,
        share_interval=space.share_interval.reshape(2),
        guaranteed=sure,
        worst=float((hits[tried] / made[tried]).min()),
        settings=settings,
        complete=complete and space.complete,
    )


def _recalled(
    memory: Any,
    patterns: Tensor,
    trials: int,
    dynamics: Dynamics | None,
    max_steps: int,
    seed: int,
    progress: ProgressOption,
) -> tuple[Tensor, Tensor, bool]:
    """Return successes and trials of each pattern (p,): patterns take turns, damages are spread evenly."""
    count, dtype = len(patterns), patterns.dtype if patterns.is_floating_point() else torch.float32
    hits, made = torch.zeros(2, count, dtype=torch.int64)
    each = -(-trials // _LEVELS)
    with Progress(progress, _LEVELS, "recalling damaged patterns") as bar:
        for level in range(_LEVELS):
            which = (torch.randperm(each, generator=derived(seed, level)) + level * each) % count
            shift = float(torch.rand((), generator=derived(seed, level, 1)))
            amount = (level + shift) / _LEVELS / 2  # overlap 1 - 2 amount, once in each 1/32 of [0, 1]
            cues = memory.space.corrupt(
                patterns[which.to(patterns.device)].to(dtype), amount, generator=derived(seed, level, 2)
            )
            done = memory.recall(
                cues,
                dynamics=dynamics,
                max_steps=max_steps,
                generator=derived(seed, level, 3),
                progress=False,
            )
            good = done.match.cpu() == which
            if memory.space.discrete:
                good &= done.exact.cpu()
            hits += torch.bincount(which[good], minlength=count)
            made += torch.bincount(which, minlength=count)
            if not bar.update() and level + 1 < _LEVELS:
                return hits, made, False
    return hits, made, True
