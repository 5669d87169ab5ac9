"""Which states without a lower neighbour are minima: plateaus that nothing leads down from.

A state is *weak* if no flip lowers its energy. The weak states that flips of zero cost join form groups; a
group is a minimum unless one of its zero-cost flips leads to a state that is not weak: that one has the same
energy and a lower neighbour, so the plateau drains.
"""

import typing
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt64
from numba import njit


@dataclass(frozen=True)
class Plateaus:
    """The minima of an energy.

    Attributes:
        minima: (k,) the smallest packed key of each minimum, ascending.
        states: (m,) the keys of all states of all minima, ascending.
        owner: (m,) the minimum that each of them belongs to.
    """

    minima: UInt64[np.ndarray, " k"]
    states: UInt64[np.ndarray, " m"]
    owner: Int[np.ndarray, " m"]


def closed_plateaus(
    keys: UInt64[np.ndarray, " w"],
    weights: Float[np.ndarray, "n n"],
    theta: Float[np.ndarray, " n"],
    tolerance: float,
) -> Plateaus:
    """Return the minima of a quadratic energy among candidates that hold every weak state.

    Args:
        keys: distinct, ascending; those that are not weak are left out.
        weights, theta: J, symmetric with zero diagonal, and the thresholds.
        tolerance: a field of at most this size counts as zero.

    Cost: w n^2, and log w for each field that is zero.
    """
    ties = np.empty(len(keys), np.uint64)
    weak = _weigh(keys, weights, theta, tolerance, ties)
    keys, ties = keys[weak], ties[weak]
    group = _join(keys, ties)
    kept = np.flatnonzero(group >= 0)
    roots = kept[group[kept] == kept]
    owner = np.searchsorted(roots, group[kept])
    return Plateaus(keys[roots], keys[kept], owner)


@njit(cache=True)
@typing.no_type_check
def _weigh(keys, weights, theta, tolerance, ties):
    """Return which states no flip lowers; bit i of `ties` is set where unit i has no field."""
    units = theta.shape[0]
    weak = np.ones(keys.shape[0], np.bool_)
    signs = np.empty(units, np.float64)
    for k in range(keys.shape[0]):
        for i in range(units):
            signs[i] = 1.0 if keys[k] >> np.uint64(i) & np.uint64(1) else -1.0
        ties[k] = 0
        for i in range(units):
            h = theta[i]
            for j in range(units):
                h += weights[i, j] * signs[j]
            if h * signs[i] < -tolerance:
                weak[k] = False
                break
            if abs(h) <= tolerance:
                ties[k] |= np.uint64(1) << np.uint64(i)
    return weak


@njit(cache=True)
@typing.no_type_check
def _root(group, k):
    while group[k] != k:
        group[k] = group[group[k]]
        k = group[k]
    return k


@njit(cache=True)
@typing.no_type_check
def _join(keys, ties):
    """Return the first state of the group of each weak state, or -1 where the group drains."""
    count = keys.shape[0]
    group = np.arange(count)
    drains = np.zeros(count, np.bool_)
    for k in range(count):
        left = ties[k]
        while left:
            bit = left & (~left + np.uint64(1))
            left ^= bit
            other = np.searchsorted(keys, keys[k] ^ bit)
            if other == count or keys[other] != keys[k] ^ bit:
                drains[k] = True
                continue
            a, b = _root(group, k), _root(group, other)
            group[max(a, b)] = min(a, b)
    for k in range(count):
        group[k] = _root(group, k)
    for k in range(count):
        drains[group[k]] |= drains[k]
    for k in range(count):
        if drains[group[k]]:
            group[k] = -1 - group[k]  # keeps the root readable for those that come later
    for k in range(count):
        group[k] = max(group[k], -1)
    return group
