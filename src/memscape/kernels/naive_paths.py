"""The oracle of ways, floods and walks, in plain Python and with dictionaries, for any energy.

States are tuples of -1 and +1; `costs(state)` returns what the flip of each unit costs.
"""

import heapq
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

State = tuple[int, ...]
Costs = Callable[[State], Sequence[float]]


def flipped(state: State, unit: int) -> State:
    """Return the state with one unit turned.

    >>> flipped((1, 1, -1), 2)
    (1, 1, 1)
    """
    return (*state[:unit], -state[unit], *state[unit + 1 :])


def lowest_height(start: State, end: State, costs: Costs) -> float:
    """Return the height over the start of the lowest way that flips only units in which the ends differ.

    >>> lowest_height((-1, -1), (1, 1), lambda s: (1.0, 1.0) if s == (-1, -1) else (-3.0, -3.0))
    1.0
    """
    units = [i for i in range(len(start)) if start[i] != end[i]]
    best = {start: 0.0}
    waiting = [(0.0, 0.0, start)]
    while waiting:
        height, energy, state = heapq.heappop(waiting)
        if state == end:
            return height
        cost = costs(state)
        for i in units:
            other = flipped(state, i)
            risen = max(height, energy + cost[i])
            if risen < best.get(other, math.inf):
                best[other] = risen
                heapq.heappush(waiting, (risen, energy + cost[i], other))
    return math.inf


@dataclass
class Spill:
    """What a flood from one state met.

    Attributes:
        level: how high the water stood at the end, over the start.
        over: the level at which it first ran down into another well; infinite where it did not.
        saddle: the state from which it did.
        beyond: the state below it into which it ran.
        closed: nothing was left below the lid; else the visits were used up.
        met: wells that were reached, each with the water's level and its highest state.
    """

    level: float = 0.0
    over: float = math.inf
    saddle: State | None = None
    beyond: State | None = None
    closed: bool = False
    met: dict[State, tuple[float, State]] = field(default_factory=dict)


def spill(
    start: State, costs: Costs, wells: Collection[State], lid: float, slack: float, visits: int
) -> Spill:
    """Return what water meets that rises over `start` and never above `lid`, lowest states first.

    >>> drop = {(-1,): (2.0,), (1,): (-2.0,)}
    >>> spill((-1,), drop.__getitem__, [(1,)], 3.0, 0.0, 10).met
    {(1,): (2.0, (1,))}
    """
    result = Spill()
    seen, waiting, highest, before = {start}, [(0.0, 0, start, start)], start, 0
    for _ in range(visits):
        if not waiting:
            result.closed = True
            break
        energy, _, state, source = heapq.heappop(waiting)
        if energy > result.level:
            result.level, highest = energy, state
        elif energy < result.level - slack and result.saddle is None:
            result.over, result.saddle, result.beyond = result.level, source, state
        if state in wells and state != start:
            result.met[state] = (result.level, highest)
        for i, cost in enumerate(costs(state)):
            other = flipped(state, i)
            if energy + cost < lid - slack and other not in seen:
                seen.add(other)
                before += 1
                heapq.heappush(waiting, (energy + cost, before, other, state))
    else:
        result.closed = not waiting
    return result
