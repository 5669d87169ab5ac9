"""Basin radii: how much damage a cue may carry so that half of the recalls still end in the pattern."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import as_tensor, require_count
from memscape.core.errors import InputError
from memscape.core.memory import EnergyMemory
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.landscape.volumes import require_wells
from memscape.mechanisms.dynamics import Dynamics

SUCCESSES = ("exact", "match")
_HALF_CHI2 = 1.920729  # half the 95 % point of chi-squared with one degree of freedom


@dataclass(frozen=True)
class Radius:
    """How far each well reaches.

    Attributes:
        radius: (p,) $R = 1 - m_c$, m_c the overlap of cue and pattern at which half of the recalls succeed; 0
            where the pattern itself is not recalled.
        interval: (p, 2) 95 % profile-likelihood interval of `radius`.
        patterns: (k,) which patterns were measured.
        settings: n, p, trials, success, dynamics, seed.
        complete: False where Ctrl-C ended the measurement.
    """

    radius: Float[Tensor, " k"]
    interval: Float[Tensor, "k 2"]
    patterns: Int[Tensor, " k"]
    settings: dict[str, Any]
    complete: bool = True

    @property
    def damage(self) -> Float[Tensor, " k"]:
        """The fraction of flipped units at which half of the recalls succeed, R / 2."""
        return self.radius / 2

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        names = ("radius", "interval", "patterns")
        return {name: getattr(self, name).tolist() for name in names} | {
            "settings": self.settings,
            "complete": self.complete,
        }

    def table(self, most: int = 20) -> str:
        """Return radii as lines of text."""
        lines = ["pattern  radius  interval"]
        for row in range(min(most, len(self.radius))):
            low, high = self.interval[row].tolist()
            lines.append(f"{int(self.patterns[row]):<8} {self.radius[row]:.3f}   {low:.3f}-{high:.3f}")
        if len(self.radius) > most:
            lines.append(f"... {len(self.radius) - most} more")
        return "\n".join(lines)

    def __repr__(self) -> str:
        s = self.settings
        head = (
            f"Radius of {len(self.radius)} of {s['patterns']} wells on {s['units']} units, "
            f"{s['trials']} cues a step, success: {s['success']}, {s['dynamics']}, seed {s['seed']}\n"
            f"median {float(self.radius.median()):.3f}"
        )
        return f"{head}\n{self.table(6)}"


def radius(
    memory: EnergyMemory,
    *,
    patterns: object = None,
    trials: int = 40,
    success: str = "exact",
    dynamics: Dynamics | None = None,
    max_steps: int = 1000,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> Radius:
    """Return how much damage each well stands, with intervals.

    The damage is `memory.space`'s own (exact flips of +-1 units), halved or raised seven times where more or
    less than half of the cues succeed; a probit curve in the cue's overlap is then fitted to all of them.

    Args:
        memory: anything with an energy and patterns.
        patterns: indices of the wells to measure; None is all.
        trials: damaged cues per well and step; eight steps are made.
        success: "exact", the end state equals the pattern; or "match", its overlap reaches the memory's
            threshold (Hebbian retrieval states differ from their patterns in a few bits).
        dynamics, max_steps: as in `recall`.
        generator: seed of damage and dynamics.
        progress: a bar, a callable, or None.

    Raises:
        CapabilityError: for a memory without an energy or without patterns.

    Costs 8 * trials recalls per well.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(20, 200, generator=0)
    >>> r = ms.landscape.radius(ms.memories.Projection(X), patterns=[0, 1, 2], generator=0)
    >>> bool((r.radius > 0.5).all())
    True
    """
    energy = require_wells(memory)
    require_count(trials, "trials", low=4)
    if success not in SUCCESSES:
        raise InputError(f"success is {success!r}; it must be one of {', '.join(map(repr, SUCCESSES))}")
    seed = draw_seed(generator)
    rows = _chosen(patterns, len(energy.patterns))
    dtype = energy.patterns.dtype if energy.patterns.is_floating_point() else torch.float32
    wells = energy.patterns[rows.to(energy.patterns.device)].to(dtype)

    def shares(amounts: Tensor, step: int) -> Tensor:
        cues = torch.cat(
            [
                memory.space.corrupt(
                    well.expand(trials, -1), float(amount), generator=derived(seed, step, int(row))
                )
                for well, amount, row in zip(wells, amounts, rows, strict=True)
            ]
        )
        result = memory.recall(
            cues, dynamics=dynamics, max_steps=max_steps, generator=derived(seed, step), progress=False
        )
        good = result.match.cpu() == rows.repeat_interleave(trials)
        if success == "exact":
            good &= result.exact.cpu()
        return good.reshape(len(rows), trials).sum(1)

    amounts, hits, complete = _staircase(shares, len(rows), trials, progress)
    value, interval = _probit(1 - 2 * amounts, hits, trials)
    settings = {"units": energy.units, "patterns": len(energy.patterns), "trials": trials, "success": success}
    settings |= {"dynamics": repr(dynamics or getattr(memory, "default_dynamics", None)), "seed": seed}
    return Radius(value, interval, rows, settings, complete)


def _chosen(patterns: object, count: int) -> Int[Tensor, " k"]:
    """Return the wells to measure as indices from 0, or raise `InputError`."""
    if patterns is None:
        return torch.arange(count)
    rows = as_tensor(patterns, "patterns").reshape(-1).cpu()
    whole = not rows.is_floating_point() and rows.dtype != torch.bool
    if not whole or bool(((rows < -count) | (rows >= count)).any()):
        raise InputError(f"patterns is {patterns!r}; give indices of the {count} patterns, 0 to {count - 1}")
    return rows.long() % count


def _staircase(
    shares: Callable[[Tensor, int], Tensor], count: int, trials: int, progress: ProgressOption, steps: int = 7
) -> tuple[Tensor, Tensor, bool]:
    """Return the damages tried (steps + 1, k) and the successes there, by bisection from 0 to 1/2."""
    low, high = torch.zeros(count), torch.full((count,), 0.5)
    tried, hits = [torch.zeros(count)], []
    complete = True
    with Progress(progress, steps + 1, "measuring radii") as bar:
        hits.append(shares(tried[0], 0))
        bar.update()
        for step in range(1, steps + 1):
            middle = (low + high) / 2
            tried.append(middle)
            hits.append(shares(middle, step))
            good = 2 * hits[-1] >= trials
            low, high = torch.where(good, middle, low), torch.where(good, high, middle)
            if not bar.update() and step < steps:
                complete = False
                break
    return torch.stack(tried), torch.stack(hits), complete


def _probit(overlaps: Tensor, hits: Tensor, trials: int) -> tuple[Tensor, Tensor]:
    """Return $R = 1 - m_c$ and its profile-likelihood interval, by a grid of Phi((m - m_c) / width)."""
    centres = torch.linspace(0, 1, 401, dtype=torch.float64)
    widths = torch.logspace(-2.3, -0.3, 21, dtype=torch.float64)
    z = (overlaps.double()[:, :, None, None] - centres[:, None]) / widths
    log_p, log_q = torch.special.log_ndtr(z), torch.special.log_ndtr(-z)
    k = hits.double()[:, :, None, None]
    profile = (k * log_p + (trials - k) * log_q).sum(0).amax(-1)
    best = profile.argmax(-1)
    inside = profile >= profile.amax(-1, keepdim=True) - _HALF_CHI2
    first = inside.double().argmax(-1)
    last = len(centres) - 1 - inside.flip(-1).double().argmax(-1)
    value, low, high = 1 - centres[best], 1 - centres[last], 1 - centres[first]
    dead = 2 * hits[0] < trials  # the pattern itself is not recalled
    zero = torch.zeros_like(value)
    return torch.where(dead, zero, value), torch.stack(
        [torch.where(dead, zero, low), torch.where(dead, zero, high)], -1
    )
