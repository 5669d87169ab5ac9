"""The oracle of exhaustive landscapes: every state looked at by itself, in plain Python, for up to 12 units.

Everything is read from a list of 2^n levels by packed key: plateaus by search, the steepest map step by step,
and the flood state by state in the order of (level, key).
"""

from collections.abc import Sequence


def plateaus(table: Sequence) -> list[list[int]]:
    """Return the plateau of each state: the states of its level that single flips join with it, ascending.

    >>> plateaus([0, 1, 1, 1])
    [[0], [1, 2, 3], [1, 2, 3], [1, 2, 3]]
    """
    units = len(table).bit_length() - 1
    result: list[list[int]] = [[] for _ in table]
    for start in range(len(table)):
        if result[start]:
            continue
        found, waiting = {start}, [start]
        while waiting:
            here = waiting.pop()
            around = [here ^ (1 << i) for i in range(units)]
            new = [t for t in around if table[t] == table[here] and t not in found]
            found.update(new)
            waiting += new
        for state in found:
            result[state] = sorted(found)
    return result


def lowest_neighbour(state: int, table: Sequence) -> int:
    """Return the neighbour of lowest level; of equals the one that differs in the smallest unit."""
    return min((state ^ (1 << i) for i in range(len(table).bit_length() - 1)), key=table.__getitem__)


def minima(table: Sequence) -> dict[int, list[int]]:
    """Return the plateau of every minimum under its smallest key.

    >>> minima([0, 1, 1, 0])
    {0: [0], 3: [3]}
    """
    drains = [table[lowest_neighbour(state, table)] < table[state] for state in range(len(table))]
    distinct = {states[0]: states for states in plateaus(table)}
    return {first: states for first, states in sorted(distinct.items()) if not any(drains[s] for s in states)}


def bottoms(table: Sequence) -> list[int]:
    """Return for each state the smallest key of the minimum to which the steepest map leads.

    >>> bottoms([0, 1, 1, 0])
    [0, 0, 3, 3]
    """
    lowest = [lowest_neighbour(state, table) for state in range(len(table))]
    together = plateaus(table)
    result = []
    for state in range(len(table)):
        while True:
            if table[lowest[state]] < table[state]:
                state = lowest[state]
                continue
            ways_out = [other for other in together[state] if table[lowest[other]] < table[other]]
            if not ways_out:
                break
            state = ways_out[0]
        result.append(together[state][0])
    return result


def flood(table: Sequence) -> list[tuple[int, int, int]]:
    """Return (saddle, basin of the saddle, basin at the other side) of each join, as the water rises.

    States appear in the order of (level, key); one that touches the basin of an earlier one, unit by unit,
    joins the two, unless they are joined already.

    >>> flood([0, 2, 3, 1])
    [(1, 0, 3)]
    """
    below = bottoms(table)
    group = {basin: basin for basin in set(below)}
    joins = []
    for state in sorted(range(len(table)), key=lambda s: (table[s], s)):
        for i in range(len(table).bit_length() - 1):
            other = state ^ (1 << i)
            earlier = (table[other], other) < (table[state], state)
            if earlier and group[below[state]] != group[below[other]]:
                joins.append((state, below[state], below[other]))
                old, new = group[below[other]], group[below[state]]
                group = {basin: new if root == old else root for basin, root in group.items()}
    return joins
