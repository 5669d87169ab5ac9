"""Schedules: which past to rehearse, and when to write and when to read."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError


def lag_weights(lags: Float[Tensor, " k"], kind: str = "power", rate: float = 1.0) -> Float[Tensor, " k"]:
    """Return the chance of rehearsing what lies `lags` tasks back, adding up to 1.

    "power": $\\propto \\ell^{-b}$ (Anderson and Schooler 1991; Gandhi et al. 2024); "exponential":
    $\\propto e^{-b \\ell}$; "uniform"; "recent": only the smallest lag.

    Args:
        lags: 1 or more each.
        kind: as above.
        rate: b, 0 or more; 0 is uniform.

    Raises:
        InputError: for a lag below 1, an unknown kind, a rate below 0, or nothing at all.

    >>> lag_weights(torch.tensor([1.0, 3.0]))
    tensor([0.7500, 0.2500])
    """
    if not lags.numel() or bool((lags < 1).any()):
        raise InputError("lags are counted from 1, and there must be at least one")
    require_fraction(rate, "the rate", high=1e6)
    logs = {
        "power": -rate * lags.log(),
        "exponential": -rate * lags,
        "uniform": torch.zeros_like(lags),
        "recent": torch.where(lags == lags.min(), 0.0, -torch.inf),
    }
    if kind not in logs:
        raise InputError(f"the schedule {kind!r} is unknown; it is one of {', '.join(logs)}")
    return logs[kind].softmax(-1)


class Gates(NamedTuple):
    """How open the ways are at one moment.

    Sensing and recalling in [0, 1], writing in [-1, 1] (below 0: out).
    """

    sensing: float
    recalling: float
    writing: float


@dataclass(frozen=True)
class Rhythm:
    """A slow cycle that gates writing against reading, divided into slots for one item each.

    With phase $\\varphi$: sensing $\\frac12 (1 + X \\cos\\varphi)$, recalling $\\frac12 (1 - X
    \\cos\\varphi)$, writing $X \\cos\\varphi + \\frac12 (1 - X)$. X = 1 keeps the two apart and weakens,
    while it reads, the synapses that recall; X = 0 has everything open half all the time (after Hasselmo,
    Bodelon and Wyble 2002, with one depth X for all three).

    Args:
        separation: X in [0, 1].
        slots: items in one half cycle (nested fast cycles; Lisman and Idiart 1995: about 7).

    >>> Rhythm(separation=1.0).encoding
    Gates(sensing=1.0, recalling=0.0, writing=1.0)
    """

    separation: float = 1.0
    slots: int = 7

    def __post_init__(self) -> None:
        require_fraction(self.separation, "separation")
        require_count(self.slots, "slots")

    def at(self, phase: float) -> Gates:
        """Return the gates at a phase in radians; 0 is the middle of encoding, pi that of retrieval."""
        swing = self.separation * math.cos(phase)
        return Gates((1 + swing) / 2, (1 - swing) / 2, swing + (1 - self.separation) / 2)

    @property
    def encoding(self) -> Gates:
        """The gates while items are written."""
        return self.at(0.0)

    @property
    def retrieval(self) -> Gates:
        """The gates while items are read."""
        return self.at(math.pi)

    def cycles(self, items: int) -> int:
        """Return how many cycles `items` take, `slots` in each.

        >>> Rhythm(slots=7).cycles(20)
        3
        """
        return -(-require_count(items, "items") // self.slots)


@dataclass(frozen=True)
class Curriculum:
    """How a task grows: harder by one as soon as the present is mastered.

    Args:
        start: the first difficulty N.
        passing: accuracy from which the task grows, in [0, 1].
        heads: "single": only the newest N is trained; "multi": all from `start` to N.

    >>> Curriculum(start=2, heads="multi").trained(4)
    (2, 3, 4)

    Khajehabdollahi, Zeraati et al. 2024, arXiv 2309.12927.
    """

    start: int = 2
    passing: float = 0.98
    heads: str = "single"

    def __post_init__(self) -> None:
        require_count(self.start, "start")
        require_fraction(self.passing, "passing")
        if self.heads not in ("single", "multi"):
            raise InputError(f"heads is {self.heads!r}; it is 'single' or 'multi'")

    def after(self, now: int, accuracy: float) -> int:
        """Return the difficulty that follows on an accuracy at the present one."""
        return now + 1 if accuracy > self.passing else now

    def trained(self, now: int) -> tuple[int, ...]:
        """Return the difficulties that are trained while the task stands at `now`."""
        return (now,) if self.heads == "single" else tuple(range(self.start, now + 1))
