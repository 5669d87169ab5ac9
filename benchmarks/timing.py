"""CPU time of a call, and of two that take turns."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

Side = Callable[[], float]
"""Runs once and returns its CPU seconds, or seconds per unit of work."""


def spent(work: Callable[[], object]) -> float:
    """CPU seconds of the whole process."""
    start = time.process_time()
    work()
    return time.process_time() - start


@dataclass(frozen=True)
class Turns:
    """The least time of either side, and the median of rival / ours over pairs that stood side by side."""

    ours: float
    rival: float
    median_ratio: float

    @property
    def ratio(self) -> float:
        """Rival / ours, each at its best: above 1 we are faster."""
        return self.rival / self.ours


def in_turns(ours: Side, rival: Side, rounds: int) -> Turns:
    """Measure both in the order A B B A, `rounds` times: a machine that slows down slows both."""
    pairs = []
    for _ in range(rounds):
        a, b, c, d = ours(), rival(), rival(), ours()
        pairs += [(a, b), (d, c)]
    own, other = (min(side) for side in zip(*pairs, strict=True))
    return Turns(own, other, statistics.median(b / a for a, b in pairs))
