"""Water that rises in one well up to a lid: the lowest way out of it, without looking at all states.

States are visited lowest first (Prim 1957 on the states). The first that lies below the water's level lies
beyond the lowest pass out of the well, so that pass is known exactly however large the rest of the landscape
is. Where no state is left below the lid, no pass is lower than the lid; where the visits are used up, no
pass is lower than the water's level. Quadratic energies only; `naive_paths.spill` is the oracle and takes
any energy.
"""

import typing
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, UInt64
from numba import njit

from memscape.kernels.noise import mixed

_NONE = -1


@dataclass(frozen=True)
class Rise:
    """What the water met; energies are over that of the start.

    Attributes:
        level: how high it stood at the end.
        over: the level at which it first ran down into another well; infinite where it did not.
        saddle, beyond: (w,) packed, the state from which it did and the state into which; the start else.
        closed: nothing was left below the lid.
        wells: (f,) which of the given wells it reached.
        levels: (f,) the level at which it reached them.
        highest: (f, w) the highest state on its way there, packed.
        visited: states that were visited.
    """

    level: float
    over: float
    saddle: UInt64[np.ndarray, " w"]
    beyond: UInt64[np.ndarray, " w"]
    closed: bool
    wells: Int64[np.ndarray, " f"]
    levels: Float64[np.ndarray, " f"]
    highest: UInt64[np.ndarray, "f w"]
    visited: int


def rise(
    start: UInt64[np.ndarray, " w"],
    weights: Float64[np.ndarray, "n n"],
    theta: Float64[np.ndarray, " n"],
    wells: UInt64[np.ndarray, "k w"],
    *,
    lid: float,
    slack: float,
    visits: int,
) -> Rise:
    """Return what water meets that rises over `start`, but never to `lid` over it.

    Args:
        start: a packed state.
        weights, theta: J, symmetric with zero diagonal, and the thresholds.
        wells: packed states to look out for.
        lid: over the start; infinite for none.
        slack: energies closer than this count as equal.
        visits: states that are visited at most.

    Cost: n^2 a visit; at most 24 + 8 w bytes for each of visits n states seen.

    >>> J = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> found = rise(
    ...     np.array([0], np.uint64), J, np.zeros(2), np.array([[3]], np.uint64), lid=9.0, slack=0.0, visits=9
    ... )
    >>> found.over, found.levels, found.closed
    (2.0, array([2.]), True)
    """
    names = _names(wells, len(theta))
    order = np.argsort(names)
    out = _rise(start, weights, theta, names[order], lid, slack, visits)
    level, over, saddle, beyond, closed, which, levels, highest, visited = out
    return Rise(level, over, saddle, beyond, closed, order[which], levels, highest, visited)


@njit(cache=True)
@typing.no_type_check
def _name(words, units):
    """A hash of a state that one flip changes by one exclusive or (Zobrist 1970)."""
    result = np.uint64(0)
    for i in range(units):
        if words[i >> 6] >> np.uint64(i & 63) & np.uint64(1):
            result ^= mixed(np.uint64(i + 1))
    return result


@njit(cache=True)
@typing.no_type_check
def _names(states, units):
    result = np.empty(states.shape[0], np.uint64)
    for k in range(states.shape[0]):
        result[k] = _name(states[k], units)
    return result


@njit(cache=True)
@typing.no_type_check
def _push(heap, size, energy, slot):
    """Put a slot into the heap, lowest energy first and of equals the one seen first."""
    at = size
    while at > 0:
        up = (at - 1) >> 1
        other = heap[up]
        if energy[other] < energy[slot] or (energy[other] == energy[slot] and other < slot):
            break
        heap[at] = other
        at = up
    heap[at] = slot


@njit(cache=True)
@typing.no_type_check
def _pop(heap, size, energy):
    """Take the first of `size` slots from the heap."""
    first, slot, at = heap[0], heap[size - 1], 0
    size -= 1
    while True:
        down = 2 * at + 1
        if down >= size:
            break
        if down + 1 < size:
            a, b = heap[down], heap[down + 1]
            if energy[b] < energy[a] or (energy[b] == energy[a] and b < a):
                down += 1
        other = heap[down]
        if energy[slot] < energy[other] or (energy[slot] == energy[other] and slot < other):
            break
        heap[at] = other
        at = down
    heap[at] = slot
    return first


@njit(cache=True)
@typing.no_type_check
def _place(table, names, name):
    """Return where a name stands in the table, or where it would."""
    mask = table.shape[0] - 1
    at = np.int64(name & np.uint64(mask))
    while table[at] != _NONE and names[table[at]] != name:
        at = (at + 1) & mask
    return at


@njit(cache=True)
@typing.no_type_check
def _costs(words, weights, theta, signs, cost):
    units = theta.shape[0]
    cost[:] = theta
    for j in range(units):  # row by row: J is symmetric, and a row is added in vector code
        sign = 1.0 if words[j >> 6] >> np.uint64(j & 63) & np.uint64(1) else -1.0
        signs[j] = sign
        row = weights[j]
        for i in range(units):
            cost[i] += sign * row[i]
    for i in range(units):
        cost[i] *= 2.0 * signs[i]


@njit(cache=True)
@typing.no_type_check
def _rise(start, weights, theta, goals, lid, slack, visits):
    units, wide = theta.shape[0], start.shape[0]
    room = 1024
    words, names = np.empty((room, wide), np.uint64), np.empty(room, np.uint64)
    energy, source = np.empty(room, np.float64), np.empty(room, np.int64)
    heap = np.empty(room, np.int64)
    table = np.full(4 * room, _NONE, np.int64)
    met, levels, highest = [0][:0], [0.0][:0], [0][:0]
    signs, cost = np.empty(units), np.empty(units)
    words[0], names[0], energy[0], source[0], heap[0] = start, _name(start, units), 0.0, 0, 0
    table[_place(table, names, names[0])] = 0
    held, waiting, visited = 1, 1, 0
    level, top, over, saddle, beyond = 0.0, 0, np.inf, 0, 0
    while waiting > 0 and visited < visits:
        here = _pop(heap, waiting, energy)
        waiting -= 1
        visited += 1
        if energy[here] > level:
            level, top = energy[here], here
        elif energy[here] < level - slack and over == np.inf:
            over, saddle, beyond = level, source[here], here
        goal = np.searchsorted(goals, names[here])
        if here != 0 and goal < goals.shape[0] and goals[goal] == names[here]:
            met.append(goal)
            levels.append(level)
            highest.append(top)
        if held + units > room:
            words, names, energy, source, heap, table, room = _grown(words, names, energy, source, heap, held)
        _costs(words[here], weights, theta, signs, cost)
        for i in range(units):
            if not energy[here] + cost[i] < lid - slack:
                continue
            name = names[here] ^ mixed(np.uint64(i + 1))
            at = _place(table, names, name)
            if table[at] != _NONE:
                continue
            table[at] = held
            words[held], names[held], source[held] = words[here], name, here
            words[held, i >> 6] ^= np.uint64(1) << np.uint64(i & 63)
            energy[held] = energy[here] + cost[i]
            _push(heap, waiting, energy, held)
            held += 1
            waiting += 1
    found = words[np.array(highest, dtype=np.int64)]
    reached, heights = np.array(met, dtype=np.int64), np.array(levels, dtype=np.float64)
    return level, over, words[saddle], words[beyond], waiting == 0, reached, heights, found, visited


@njit(cache=True)
@typing.no_type_check
def _grown(words, names, energy, source, heap, held):
    """Return the same arrays with four times the room."""
    room = 4 * max(words.shape[0], held)
    new_words, new_names = np.empty((room, words.shape[1]), np.uint64), np.empty(room, np.uint64)
    new_energy, new_source = np.empty(room, np.float64), np.empty(room, np.int64)
    new_heap = np.empty(room, np.int64)
    new_words[:held], new_names[:held] = words[:held], names[:held]
    new_energy[:held], new_source[:held] = energy[:held], source[:held]
    new_heap[: heap.shape[0]] = heap
    table = np.full(4 * room, _NONE, np.int64)
    for slot in range(held):
        table[_place(table, new_names, new_names[slot])] = slot
    return new_words, new_names, new_energy, new_source, new_heap, table, room
