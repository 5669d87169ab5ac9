"""A discrete landscape from the table of its energies: minima, exact basins, and the passes between them.

The steepest map sends a state to its neighbour of lowest energy (of equals, the one that differs in the
smallest unit). Where no neighbour is lower, the plateau of the state is searched: from its state of smallest
key that has a lower neighbour the way goes on; if there is none, the plateau is a minimum.

Flooding from below joins basins at passes. The joins are the minimum spanning tree of the basins, in which an
edge is a flip between two of them and costs the higher end, so they are found without sorting the states:
every pass over the table finds the lowest way out of every group of basins (Boruvka 1926), and most states
are skipped because they lie above the lowest way found so far.
"""

import typing
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int32, Int64
from numba import njit

from memscape.kernels.plateaus import Plateaus

_OPEN, _SEEN = -1, -2  # labels of states that no basin is known for; below, -3 - s: go on from state s
_BLOCK = 12  # log2 of the states whose neighbours are looked at together


@dataclass(frozen=True)
class Passes:
    """The joins of a flood from below, in its order: by level, then by the key of the saddle.

    Attributes:
        saddles: (k - 1,) the key of the state at which two basins meet: the higher end of a flip.
        ends: (k - 1, 2) the basins of the two ends of that flip, the saddle's own first.
    """

    saddles: Int64[np.ndarray, " m"]
    ends: Int64[np.ndarray, "m 2"]


def basins_of(level: Int32[np.ndarray, " s"]) -> tuple[Plateaus, Int32[np.ndarray, " s"]]:
    """Return the minima of a table of 2^n levels, and for each state the minimum to which it descends.

    Cost: 2 n operations a state, and the search of the plateaus; 6 bytes a state.

    >>> minima, label = basins_of(np.array([0, 1, 1, 0], dtype=np.int32))
    >>> minima.minima, label
    (array([0, 3], dtype=uint64), array([0, 0, 1, 1], dtype=int32))
    """
    units = len(level).bit_length() - 1
    unit = np.empty(len(level), np.int8)
    label = np.full(len(level), _OPEN, np.int32)
    _steepest(level, units, unit)
    _plateaus(level, units, unit, label)
    states = np.flatnonzero(label >= 0)  # so far only the minima themselves are labelled
    owner = label[states].astype(np.int64)
    _, first = np.unique(owner, return_index=True)
    _descend(unit, label)
    return Plateaus(states[first].astype(np.uint64), states.astype(np.uint64), owner), label


def passes_between(level: Int32[np.ndarray, " s"], label: Int32[np.ndarray, " s"], count: int) -> Passes:
    """Return the count - 1 joins of the basins 0 ... count - 1 under a flood from below.

    Among flips of equal level the one with the smaller saddle goes first, then the one of the smaller unit.

    Cost: a few operations a state in each of at most log2(count) rounds; 24 bytes a basin.

    >>> level = np.array([0, 2, 3, 1], dtype=np.int32)
    >>> found = passes_between(level, basins_of(level)[1], 2)
    >>> found.saddles.tolist(), found.ends.tolist()
    ([1], [[0, 1]])
    """
    units = len(level).bit_length() - 1
    group = np.arange(count, dtype=np.int32)
    saddles, flips = np.empty(count - 1, np.int64), np.empty(count - 1, np.int64)
    height, saddle, flip = (np.empty(count, np.int64) for _ in range(3))
    done = 0
    while done < count - 1:
        height[:] = np.iinfo(np.int64).max
        _ways_out(level, label, units, group, height, saddle, flip)
        done = _join(label, group, saddle, flip, saddles, flips, done)
    order = np.lexsort((flips, saddles, level[saddles]))
    saddles, flips = saddles[order], flips[order]
    ends = np.stack([label[saddles], label[saddles ^ (1 << flips)]], axis=1)
    return Passes(saddles, ends.astype(np.int64))


@njit(cache=True)
@typing.no_type_check
def _steepest(level, units, unit):
    """Write the unit that the steepest map flips in each state, -1 where no neighbour is lower."""
    width = 1 << min(units, _BLOCK)
    inside = min(units, _BLOCK)
    lowest = np.empty(width, level.dtype)
    for base in range(0, level.shape[0], width):
        here, chosen = level[base : base + width], unit[base : base + width]
        lowest[:] = here
        chosen[:] = -1
        # Strictly lower only, from the first unit to the last: of equals the first unit stays.
        for i in range(inside):
            bit = 1 << i
            for half in range(0, width, 2 * bit):
                for a in range(half, half + bit):
                    up, down = here[a + bit], here[a]
                    if up < lowest[a]:
                        lowest[a] = up
                        chosen[a] = i
                    if down < lowest[a + bit]:
                        lowest[a + bit] = down
                        chosen[a + bit] = i
        for i in range(inside, units):
            other = base ^ (1 << i)
            there = level[other : other + width]
            for a in range(width):
                lower = there[a] < lowest[a]
                lowest[a] = there[a] if lower else lowest[a]
                chosen[a] = np.int8(i) if lower else chosen[a]


@njit(cache=True)
@typing.no_type_check
def _plateaus(level, units, unit, label):
    """Label the states of minima, and mark where the weak states of other plateaus go on; count the minima.

    Minima are numbered in the order of their smallest keys.
    """
    queue = np.empty(1 << 10, np.int32)
    count = 0
    for start in range(level.shape[0]):
        if unit[start] >= 0 or label[start] != _OPEN:
            continue
        queue[0], label[start] = start, _SEEN
        size, out = 1, level.shape[0]
        done = 0
        while done < size:
            state = queue[done]
            done += 1
            if unit[state] >= 0:
                out = min(out, np.int64(state))
            for i in range(units):
                other = state ^ (1 << i)
                if level[other] == level[state] and label[other] == _OPEN:
                    label[other] = _SEEN
                    if size == queue.shape[0]:
                        queue = np.concatenate((queue, np.empty_like(queue)))
                    queue[size] = other
                    size += 1
        for k in range(size):
            state = queue[k]
            if out == level.shape[0]:
                label[state] = count
            else:  # states with a lower neighbour have their own way on
                label[state] = -3 - out if unit[state] < 0 else _OPEN
        count += out == level.shape[0]
    return count


@njit(cache=True)
@typing.no_type_check
def _descend(unit, label):
    """Give every state the label of the minimum at the end of its way."""
    for start in range(label.shape[0]):
        if label[start] >= 0:
            continue
        state = start
        while label[state] < 0:
            state = -3 - label[state] if label[state] <= -3 else state ^ (1 << unit[state])
        end = label[state]
        state = start
        while label[state] < 0:
            on = -3 - label[state] if label[state] <= -3 else state ^ (1 << unit[state])
            label[state] = end
            state = on


@njit(cache=True)
@typing.no_type_check
def _ways_out(level, label, units, group, height, saddle, flip):
    """Find the lowest flip that leaves each group: its height, its higher end, its unit, in this order."""
    for state in range(level.shape[0]):
        own = group[label[state]]
        here = level[state]
        # No flip from this state is lower than the state itself.
        if here > height[own] or (here == height[own] and state > saddle[own]):
            continue
        for i in range(units):
            other = state ^ (1 << i)
            if group[label[other]] == own:
                continue
            there = level[other]
            above = there > here or (there == here and other > state)
            top = there if above else here
            end = other if above else state
            if (
                top < height[own]
                or (top == height[own] and end < saddle[own])
                or (top == height[own] and end == saddle[own] and i < flip[own])
            ):
                height[own], saddle[own], flip[own] = top, end, i


@njit(cache=True)
@typing.no_type_check
def _root(group, basin):
    while group[basin] != basin:
        basin = group[basin]
    return basin


@njit(cache=True)
@typing.no_type_check
def _join(label, group, saddle, flip, saddles, flips, done):
    """Join every group with the one at the end of its lowest way out; return how many joins there are now."""
    count = group.shape[0]
    roots = np.array([basin for basin in range(count) if group[basin] == basin])
    for root in roots:
        first = _root(group, label[saddle[root]])
        second = _root(group, label[saddle[root] ^ (1 << flip[root])])
        if first != second:  # two groups may have the same lowest way out
            group[max(first, second)] = min(first, second)
            saddles[done], flips[done] = saddle[root], flip[root]
            done += 1
    for basin in range(count):  # a group's number is its smallest basin, which comes first
        group[basin] = group[group[basin]]
    return done
