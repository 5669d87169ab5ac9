r"""All minima of a quadratic energy of up to 32 units, exactly.

The high units are assigned one after the other, depth first, with the fields of all units kept. A branch ends
where an assigned unit can no longer agree with its field whatever the units below do:
$s_i h_i + \sum_{j\,\mathrm{open}} |J_{ij}| < 0$. The lowest eight units are not assigned but looked up: the
part of every unit's field that they make up stands in a table of 256 lanes, and a unit is tested for all of
them by one comparison with a constant. With integer couplings the lanes are int8 or int16; else they are
float32 and find candidates, which are weighed again in float64.
"""

import typing
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Num, UInt64
from numba import njit

from memscape.core.errors import InputError, SizeError
from memscape.kernels.plateaus import Plateaus, closed_plateaus

LARGEST = 32
"""Units at most."""

EQUAL = 1e-9
"""Energies that differ by less than this share of the sum of all |J_ij| and |theta_i| are equal."""

MOST = 2**26
"""States without a lower neighbour that a census takes at most."""

_LANES = 8
_PARTS = 6  # units whose 2^6 assignments are the parts of the search between which progress is told
_SLACK = 1e-6  # float32 lanes: what counts as a candidate, relative to the largest field


@dataclass(frozen=True)
class _Plan:
    """What the search works on: couplings, thresholds, lanes, and bounds on what open units can do."""

    weights: np.ndarray  # (n, n) int32 or float64
    theta: np.ndarray
    lanes: np.ndarray  # (n, 256) int8, int16 or float32: the field of each unit from the units of the lanes
    negative: np.ndarray  # (n, 256) 1 where a unit of the lanes is -1
    reach: np.ndarray  # (n + 1, n): the largest field that the units below d can make up, plus the slack
    slack: float


def census(
    weights: Num[np.ndarray, "n n"],
    theta: Num[np.ndarray, " n"],
    advance: Callable[[int], bool] | None = None,
) -> tuple[Plateaus, bool]:
    """Return all minima of $-\\frac12 s^T J s - \\theta \\cdot s$, and whether the search was completed.

    Args:
        weights: J (n, n), symmetric, zero diagonal, 1 <= n <= 32. Integers give exact ties; with other
            numbers a flip that costs at most 1e-9 of the sum of all |J_ij| and |theta_i| costs nothing.
        theta: (n,). Where all are 0 only half of the states are searched.
        advance: told the parts (of 32 or 64) that are done; the search ends where it returns False.

    Raises:
        InputError: for more than 32 units.
        SizeError: if more than 2^26 states have no lower neighbour (couplings that are mostly zero).

    Cost: 2^n / 1e9 core-seconds where few units meet (rings), 2^n / 1e10 where all do, since most branches
    end early; at most 512 MiB for the states found.

    >>> J = np.ones((3, 3), np.int64) - np.eye(3, dtype=np.int64)
    >>> census(J, np.zeros(3, np.int64))[0].minima.tolist()
    [0, 7]
    """
    units = len(theta)
    if not 1 <= units <= LARGEST:
        raise InputError(f"a census takes 1 to {LARGEST} units, not {units}")
    symmetric = not theta.any()
    plan = _plan(weights, theta)
    found, complete = _search_all(plan, symmetric, advance)
    keys = np.sort(found)
    if symmetric:
        keys = np.concatenate([keys, (~keys & np.uint64((1 << units) - 1))[::-1]])
    exact = plan.slack == 0.0 or _whole(weights, theta)
    total = np.abs(weights).sum(dtype=np.float64) / 2 + np.abs(theta).sum(dtype=np.float64)
    tolerance = 0.0 if exact else 0.5 * EQUAL * total
    return closed_plateaus(keys, weights.astype(np.float64), theta.astype(np.float64), tolerance), complete


def _whole(*arrays: np.ndarray) -> bool:
    """Whether all values are integers small enough that float64 sums them exactly."""
    whole = all(bool((np.rint(a) == a).all()) for a in arrays)
    return whole and float(sum(np.abs(a).sum() for a in arrays)) < 2**53


def _plan(weights: np.ndarray, theta: np.ndarray) -> _Plan:
    units = len(theta)
    low = min(_LANES, units - 1)
    signs = (np.arange(1 << low) >> np.arange(low)[:, None] & 1) * 2 - 1
    largest = float((np.abs(weights).sum(1, dtype=np.float64) + np.abs(theta)).max())
    in_lanes = float(np.abs(weights[:, :low]).sum(1, dtype=np.float64).max())
    integer = _whole(weights, theta) and largest < 2**30 and in_lanes < 2**15 - 2
    kind = np.int32 if integer else np.float64
    # The slack is never 0 for floats: it tells the kernel to compare without rounding to integers.
    slack = 0.0 if integer else _SLACK * largest + np.finfo(np.float64).tiny
    weights, theta = weights.astype(kind), theta.astype(kind)
    lanes = weights[:, :low] @ signs.astype(kind)
    # s T >= -s c becomes (T >= -c) xor (s < 0); a tie must pass for either sign, so T is moved by one.
    lanes[:low] += (signs * slack).astype(kind) if slack else -(signs < 0).astype(kind)
    narrow = np.int8 if in_lanes < 2**7 - 2 else np.int16
    negative = np.zeros((units, 1 << low), np.uint8)
    negative[:low] = signs < 0
    reach = np.zeros((units + 1, units), kind)
    reach[1:] = np.cumsum(np.abs(weights), axis=1).T
    return _Plan(
        weights,
        theta,
        np.ascontiguousarray(lanes.astype(narrow if integer else np.float32)),
        negative,
        reach + kind(slack),
        slack,
    )


def _search_all(
    plan: _Plan, symmetric: bool, advance: Callable[[int], bool] | None
) -> tuple[UInt64[np.ndarray, " c"], bool]:
    """Return the candidates, the top units of which take all their values (one half where symmetric)."""
    units = len(plan.theta)
    low = min(_LANES, units - 1)
    top = min(_PARTS, units - low)
    # The kernel clips thresholds to what its lanes hold.
    limit = float(np.iinfo(plan.lanes.dtype).max) if plan.slack == 0.0 else float(np.finfo(np.float32).max)
    buffer, parts, total = np.empty(2**12, np.uint64), [], 0
    for part in range(1 << (top - 1 if symmetric else top)):
        given = (plan.weights, plan.theta, plan.lanes, plan.negative, plan.reach, plan.slack, limit)
        count = _search(*given, low, top, part, buffer)
        total += count
        if total > MOST:
            raise SizeError(
                f"more than {MOST:,} states have no lower neighbour: most flips cost nothing; "
                "use landscape.survey"
            )
        if count > len(buffer):
            buffer = np.empty(2 * count, np.uint64)
            _search(*given, low, top, part, buffer)
        parts.append(buffer[:count].copy())
        if advance is not None and not advance(1):
            return np.concatenate(parts), False
    return np.concatenate(parts), True


# Both steps of the search are inlined: passing eight arrays costs more than the work on 32 units.
@njit(cache=True, inline="always")
@typing.no_type_check
def _assign(field, above, signs, weights, reach, u):
    """Set the fields below unit u from those above; return whether every assigned unit can still agree."""
    sign, row, open_ = signs[u], weights[u], reach[u]
    against = 0
    for i in range(field.shape[0]):
        field[i] = above[i] + sign * row[i]
        against += signs[i] * field[i] + open_[i] < 0
    return against == 0


@njit(cache=True, inline="always")
@typing.no_type_check
def _test(lanes, negative, field, signs, slack, limit, low, mask):
    """Leave 1 in `mask` where all units agree with their fields; return whether there is any."""
    units = field.shape[0]
    mask[:] = 1
    for q in range(units):
        i = units - 1 - q
        row = lanes[i]
        threshold = -field[i]
        if i >= low:
            threshold -= signs[i] * slack
        cut = row.dtype.type(min(max(threshold, -limit), limit))
        if i < low:
            sides = negative[i]
            for a in range(mask.shape[0]):
                mask[a] &= np.uint8(row[a] >= cut) ^ sides[a]
        elif signs[i] > 0:
            for a in range(mask.shape[0]):
                mask[a] &= row[a] >= cut
        else:
            for a in range(mask.shape[0]):
                mask[a] &= row[a] <= cut
        if q % 3 == 2:
            left = np.uint8(0)
            for a in range(mask.shape[0]):
                left |= mask[a]
            if left == 0:
                return False
    return True


@njit(cache=True)
@typing.no_type_check
def _search(weights, theta, lanes, negative, reach, slack, limit, low, top, part, found):
    """Write the candidates whose `top` highest units spell `part`; return how many there are."""
    units = theta.shape[0]
    fields = np.empty((units + 1, units), weights.dtype)
    signs = np.zeros(units, weights.dtype)
    mask = np.empty(lanes.shape[1], np.uint8)
    fields[units] = theta
    first = units - top
    for u in range(units - 1, first - 1, -1):
        signs[u] = 1 if part >> (u - first) & 1 else -1
        if not _assign(fields[u], fields[u + 1], signs, weights, reach, u):
            return 0
    count = 0
    u = first - 1
    while u < first:
        descend = u < low  # the top units may be all that there are
        if not descend:
            if signs[u] > 0:  # both signs are done
                signs[u] = 0
                u += 1
                continue
            signs[u] = -1 if signs[u] == 0 else 1
            if not _assign(fields[u], fields[u + 1], signs, weights, reach, u):
                continue
            if u > low:
                u -= 1
                continue
        if _test(lanes, negative, fields[low], signs, slack, limit, low, mask):
            key = np.uint64(0)
            for i in range(low, units):
                if signs[i] > 0:
                    key |= np.uint64(1) << np.uint64(i)
            for a in range(mask.shape[0]):
                if mask[a]:
                    if count < found.shape[0]:
                        found[count] = key | np.uint64(a)
                    count += 1
        if descend:
            break
    return count
