"""Ways between two states over the units in which they differ, and the highest state of each way.

Between two states that differ in d units lie 2^d states, one for each set T of units that are flipped. Under
a quadratic energy $E(T) = E(\\emptyset) + \\sum_{i \\in T} c_i + \\sum_{i<j \\in T} K_{ij}$, with $c_i$ the
cost of flipping unit i at the start and $K_{ij} = -4 J_{ij} s_i s_j$: the kernels take c and K alone.
"""

import typing
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64
from numba import njit

from memscape.core.errors import SizeError
from memscape.kernels.noise import mixed

LARGEST = 20
"""Differing units up to which all ways over them are searched."""


@dataclass(frozen=True)
class Way:
    """A way over the differing units.

    Attributes:
        height: the energy of its highest state, both ends included, minus that of the start.
        flipped: (d,) which of the differing units are flipped in that state.
    """

    height: float
    flipped: Bool[np.ndarray, " d"]


def lowest_way(cost: Float64[np.ndarray, " d"], pair: Float64[np.ndarray, "d d"]) -> Way:
    """Return the lowest of all ways that flip only differing units, in any order and as often as they like.

    Args:
        cost: c, what each flip costs at the start.
        pair: K, symmetric with zero diagonal.

    Raises:
        SizeError: for more than 20 differing units; `beam_way` takes any number.

    Cost: a few passes over d 2^d numbers; 20 bytes for each of the 2^d states (21 MB at d = 20).

    >>> way = lowest_way(np.array([1.0, 2.0]), np.array([[0.0, -4.0], [-4.0, 0.0]]))
    >>> way.height, way.flipped
    (1.0, array([ True, False]))
    """
    units = len(cost)
    if units > LARGEST:
        raise SizeError(
            f"{units} units differ, so 2^{units} states; up to {LARGEST} are searched: use beam_way"
        )
    table = np.empty(1 << units)
    _subsets(cost, pair, table)
    lowest = np.full(len(table), np.inf)
    lowest[0] = table[0]
    _relax(table, lowest, units)
    top = _highest(table, units, lowest[-1])
    return Way(float(lowest[-1]), (top >> np.arange(units) & 1).astype(bool))


def beam_way(
    cost: Float64[np.ndarray, " d"], pair: Float64[np.ndarray, "d d"], width: int, slack: float = 0.0
) -> Way:
    """Return the lowest way found that flips each differing unit once: an upper bound of the lowest there is.

    Of all sets of one size the `width` best are kept, those with the lowest highest state first, then
    those with the lowest energy.

    Args:
        cost, pair: as for `lowest_way`.
        width: sets that are kept.
        slack: heights closer than this count as equal.

    Cost: O(d^2 width) and 24 d width bytes.

    >>> way = beam_way(np.array([1.0, 2.0]), np.array([[0.0, -4.0], [-4.0, 0.0]]), 2)
    >>> way.height, way.flipped
    (1.0, array([ True, False]))
    """
    height, flipped = _beam(cost, pair, width, slack)
    return Way(float(height), flipped)


@njit(cache=True)
@typing.no_type_check
def _subsets(cost, pair, table):
    """Write E(T) for every set T; unit by unit, the cost of a flip is a table over the units below it."""
    units = cost.shape[0]
    table[0] = 0.0
    flip = np.empty(max(1, table.shape[0] // 2), np.float64)
    for i in range(units):
        flip[0] = cost[i]
        for j in range(i):
            for t in range(1 << j):
                flip[t | 1 << j] = flip[t] + pair[i, j]
        for t in range(1 << i):
            table[t | 1 << i] = table[t] + flip[t]


@njit(cache=True)
@typing.no_type_check
def _relax(table, lowest, units):
    """Lower `lowest`, the highest state on the best way to each, until nothing changes (Gauss-Seidel)."""
    count = table.shape[0]
    changed, upward = True, True
    while changed:
        changed = False
        for k in range(count):
            t = k if upward else count - 1 - k
            best = lowest[t]
            for i in range(units):
                best = min(best, lowest[t ^ (1 << i)])
            best = max(best, table[t])
            if best < lowest[t]:
                lowest[t] = best
                changed = True
        upward = not upward


@njit(cache=True)
@typing.no_type_check
def _highest(table, units, height):
    """Return the highest state of a shortest way from the first state to the last that stays below height."""
    count = table.shape[0]
    parent = np.full(count, -1, np.int64)
    queue = np.empty(count, np.int64)
    queue[0], parent[0], filled, at = 0, 0, 1, 0
    while parent[count - 1] < 0 and at < filled:
        here = queue[at]
        at += 1
        for i in range(units):
            other = here ^ (1 << i)
            if parent[other] < 0 and table[other] <= height:
                parent[other] = here
                queue[filled] = other
                filled += 1
    top, here = count - 1, count - 1
    while here != 0:
        here = parent[here]
        if table[here] > table[top]:
            top = here
    return top


@njit(cache=True, inline="always")
@typing.no_type_check
def _before(height, energy, other_height, other_energy, slack):
    if height < other_height - slack:
        return True
    return height <= other_height + slack and energy < other_energy


@njit(cache=True)
@typing.no_type_check
def _beam(cost, pair, width, slack):
    units = cost.shape[0]
    costs = np.empty((width, units), np.float64)
    costs[0] = cost
    flipped, tops = np.zeros((width, units), np.bool_), np.zeros((width, units), np.bool_)
    energy, height, name = np.zeros(width), np.zeros(width), np.zeros(width, np.uint64)
    new_energy, new_height, new_name = np.empty(width), np.empty(width), np.empty(width, np.uint64)
    source, unit = np.empty(width, np.int64), np.empty(width, np.int64)
    held = 1
    for _ in range(units):
        found = 0
        for k in range(held):
            for i in range(units):
                if flipped[k, i]:
                    continue
                e = energy[k] + costs[k, i]
                h = max(height[k], e)
                if found == width and not _before(h, e, new_height[width - 1], new_energy[width - 1], slack):
                    continue
                n = name[k] ^ mixed(np.uint64(i + 1))
                found = _insert(
                    h, e, n, k, i, new_height, new_energy, new_name, source, unit, found, width, slack
                )
        old_costs, old_flipped, old_tops, old_height = (
            costs.copy(),
            flipped.copy(),
            tops.copy(),
            height.copy(),
        )
        for k in range(found):
            s, i = source[k], unit[k]
            costs[k] = old_costs[s] + pair[i]
            flipped[k] = old_flipped[s]
            flipped[k, i] = True
            tops[k] = flipped[k] if new_height[k] > old_height[s] else old_tops[s]
        energy[:found], height[:found], name[:found] = (
            new_energy[:found],
            new_height[:found],
            new_name[:found],
        )
        held = found
    return height[0], tops[0]


@njit(cache=True)
@typing.no_type_check
def _insert(h, e, n, k, i, heights, energies, names, source, unit, found, width, slack):
    """Put a set into the list, best first, once; return how many sets the list holds."""
    last = -1
    for q in range(found):
        if names[q] == n:
            if heights[q] <= h:
                return found
            last = q  # the same set by a lower way: it moves up from its old place
            break
    if last < 0:
        last = min(found, width - 1)
        found = min(found + 1, width)
    q = last
    while q > 0 and _before(h, e, heights[q - 1], energies[q - 1], slack):
        heights[q], energies[q], names[q] = heights[q - 1], energies[q - 1], names[q - 1]
        source[q], unit[q] = source[q - 1], unit[q - 1]
        q -= 1
    heights[q], energies[q], names[q], source[q], unit[q] = h, e, n, k, i
    return found
