"""Thermal walks without rejections: every step is a flip, and time jumps by how long it was waited for.

Unit i flips at the rate $1/(1 + e^{\\Delta E_i/T})$ (Glauber 1963), so that a unit of time is one sweep. From
a state the walk waits an exponential time of mean one over the sum of all rates, then flips a unit drawn in
proportion to its rate (Bortz, Kalos and Lebowitz 1975; Gillespie 1976). The two numbers of a step are
addressed by (seed, walk, step), so a walk depends on nothing else.
"""

import math
import typing
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int8, Int64, UInt64
from numba import njit, prange
from torch import Tensor

from memscape.kernels.noise import mixed, stream, uniform

_REFRESH = 1 << 14  # flips after which fields are computed afresh, so that rounding cannot pile up


@dataclass
class Walks:
    """Walks under way, a row each; `go_on` moves them in place.

    Attributes:
        states: (r, n).
        time: (r,) in sweeps.
        flips: (r,) made so far, the steps of the walk.
        number: (r,) of each walk, the address of its noise.
        resting: (r,) it stands in a state that no flip lowers and that is not known to be passed through.
    """

    states: Int8[np.ndarray, "r n"]
    time: Float64[np.ndarray, " r"]
    flips: Int64[np.ndarray, " r"]
    number: Int64[np.ndarray, " r"]
    resting: Bool[np.ndarray, " r"]

    @staticmethod
    def start(state: Int8[np.ndarray, " n"], count: int, first: int = 0) -> "Walks":
        """Return `count` walks that begin in one state, numbered from `first`."""
        number = np.arange(first, first + count, dtype=np.int64)
        rest = np.zeros(count, np.bool_)
        return Walks(np.tile(state, (count, 1)), np.zeros(count), np.zeros(count, np.int64), number, rest)


def state_names(states: Int8[np.ndarray, "r n"]) -> UInt64[np.ndarray, " r"]:
    """Return a 64-bit hash of each state, the exclusive or of a word for each unit that is up (Zobrist 1970).

    >>> state_names(np.array([[-1, -1], [1, -1]], dtype=np.int8))[0]
    np.uint64(0)
    """
    words = np.array([mixed(np.uint64(i + 1)) for i in range(states.shape[1])], dtype=np.uint64)
    return np.bitwise_xor.reduce(np.where(states > 0, words, np.uint64(0)), axis=1)


def go_on(
    walks: Walks,
    weights: Float64[np.ndarray, "n n"],
    theta: Float64[np.ndarray, " n"],
    passed: UInt64[np.ndarray, " q"],
    *,
    temperature: float,
    seed: int,
    most: int,
    slack: float,
) -> None:
    """Let walks over a quadratic energy go on until they rest in a new state or have made `most` flips.

    Args:
        walks: moved in place.
        weights, theta: J, symmetric with zero diagonal, and the thresholds.
        passed: names of states without a lower neighbour in which a walk does not rest, ascending.
        temperature: in the units of the couplings, above 0.
        seed: of the noise.
        most: flips of a walk at most, counted from its start.
        slack: costs of at least minus this are no descent.

    Cost: O(n) a flip, of which an exponential function for each unit is most; O(n^2) to begin.

    >>> J = np.array([[0.0, 1.0], [1.0, 0.0]])
    >>> walks = Walks.start(np.array([-1, -1], dtype=np.int8), 3)
    >>> passed = state_names(walks.states[:1])
    >>> go_on(walks, J, np.zeros(2), passed, temperature=1.0, seed=0, most=1000, slack=0.0)
    >>> walks.states.tolist(), walks.resting.all()
    ([[1, 1], [1, 1], [1, 1]], np.True_)
    """
    _walk(
        walks.states,
        walks.time,
        walks.flips,
        walks.number,
        walks.resting,
        weights,
        theta,
        passed,
        temperature,
        seed,
        most,
        slack,
    )


@njit(cache=True)
@typing.no_type_check
def _fresh(state, weights, theta, fields):
    for i in range(theta.shape[0]):
        h = theta[i]
        for j in range(theta.shape[0]):
            h += weights[i, j] * state[j]
        fields[i] = h


@njit(cache=True, parallel=True)
@typing.no_type_check
def _walk(states, times, flips, number, resting, weights, theta, passed, temperature, seed, most, slack):
    units = theta.shape[0]
    for row in prange(states.shape[0]):
        state = states[row]
        fields, sums = np.empty(units), np.empty(units)
        _fresh(state, weights, theta, fields)
        name = np.uint64(0)
        for i in range(units):
            if state[i] > 0:
                name ^= mixed(np.uint64(i + 1))
        resting[row] = False
        while flips[row] < most:
            total, lowest = 0.0, np.inf
            for i in range(units):
                cost = 2.0 * state[i] * fields[i]
                lowest = min(lowest, cost)
                total += 1.0 / (1.0 + math.exp(min(cost / temperature, 700.0)))
                sums[i] = total
            if lowest >= -slack:
                at = np.searchsorted(passed, name)
                if at == passed.shape[0] or passed[at] != name:
                    resting[row] = True
                    break
            address = stream(seed, number[row], flips[row])
            times[row] -= math.log(uniform(address, 0)) / total
            wanted = uniform(address, 1) * total
            unit = 0
            while unit < units - 1 and sums[unit] <= wanted:
                unit += 1
            before = state[unit]
            state[unit] = -before
            name ^= mixed(np.uint64(unit + 1))
            flips[row] += 1
            if flips[row] % _REFRESH == 0:
                _fresh(state, weights, theta, fields)
            else:
                for j in range(units):
                    fields[j] -= 2.0 * before * weights[unit, j]


def go_on_by_fields(
    walks: Walks,
    field: Callable[[Tensor], Float[Tensor, "r n"]],
    passed: UInt64[np.ndarray, " q"],
    *,
    temperature: float,
    seed: int,
    most: int,
    slack: float,
) -> None:
    """Let walks over any energy go on, one flip of all of them at a time; the oracle of `go_on`.

    Args:
        field: the exact effective fields of states (r, n) int8; else as `go_on`.

    Cost: the fields of all walks for each step.

    >>> J = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> walks = Walks.start(np.array([-1, -1], dtype=np.int8), 3)
    >>> passed = state_names(walks.states[:1])
    >>> def field(states):
    ...     return states.float() @ J
    >>> go_on_by_fields(walks, field, passed, temperature=1.0, seed=0, most=1000, slack=0.0)
    >>> walks.states.tolist()
    [[1, 1], [1, 1], [1, 1]]
    """
    walks.resting[:] = False
    rows = np.flatnonzero(walks.flips < most)
    while len(rows):
        states = torch.from_numpy(walks.states[rows])
        cost = 2.0 * (states * field(states).double()).numpy()
        weak = cost.min(axis=1) >= -slack
        rest = weak & ~np.isin(state_names(walks.states[rows]), passed)
        walks.resting[rows[rest]] = True
        rows, cost = rows[~rest], cost[~rest]
        sums = np.cumsum(1.0 / (1.0 + np.exp(np.minimum(cost / temperature, 700.0))), axis=1)
        noise = _noise(seed, walks.number[rows], walks.flips[rows])
        walks.time[rows] -= np.log(noise[:, 0]) / sums[:, -1:].ravel()
        units = (sums <= (noise[:, 1] * sums[:, -1:].ravel())[:, None]).sum(axis=1)
        walks.states[rows, np.minimum(units, states.shape[1] - 1)] *= -1
        walks.flips[rows] += 1
        rows = rows[walks.flips[rows] < most]


@njit(cache=True)
@typing.no_type_check
def _noise(seed, numbers, steps):
    """Return the two numbers of a step of each walk, (r, 2)."""
    result = np.empty((numbers.shape[0], 2), np.float64)
    for row in range(numbers.shape[0]):
        address = stream(seed, numbers[row], steps[row])
        result[row, 0], result[row, 1] = uniform(address, 0), uniform(address, 1)
    return result
