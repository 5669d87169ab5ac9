"""The inner loops of single-unit dynamics under separated energies.

Each loop takes a cue at a time and visits its units in the given order. The overlaps o = X s are integers and
are kept as such; the numbers that a visited unit sums over are derived from them, so nothing drifts. `units`
holds the patterns unit by unit, (n, p), so that a visit reads one contiguous row.
"""

import math
import typing

import numpy as np
from numba import njit, prange

from memscape.kernels.noise import logistic, stream

SMOOTH_BETA = 10.0
"""Up to here the log-sum-exp is kept as weights that flips multiply; above it, as the terms themselves."""

_LOST = 400.0  # weights below exp(-400) of the largest count as 0 when they are made from the overlaps
_TRAVEL = 340.0  # and are made anew before a lost one could have come back within exp(60) of the others
_REFRESH = 256  # and often enough for the rounding of the products to stay below 1e-13
_REACH = 60.0  # wells that stay exp(60) below the best one whatever unit flips change no digit of a sum
_FEW = 4  # the near wells are summed by index where they are less than p / 4, else all in vector registers
_NOTHING = -1e300

_SUMS = {"reassoc", "nsz", "contract", "nnan"}  # lets sums run in vector registers; integers stay exact


@njit(cache=True)
@typing.no_type_check
def settled(value, field, tol, temperature, address, unit):
    """The value +-1 that a visited unit takes."""
    if temperature > 0.0:
        return 1 if field + temperature * logistic(address, unit) > 0.0 else -1
    if abs(field) <= tol:
        return value
    return 1 if field > 0.0 else -1


@njit(cache=True, fastmath=_SUMS)
@typing.no_type_check
def _weighted(signs, values):
    total = 0.0
    for k in range(signs.size):
        total += np.float64(signs[k]) * values[k]
    return total


@njit(cache=True, fastmath=_SUMS)
@typing.no_type_check
def _given(signs, values):
    """The sum of the values of patterns that have an opinion on this unit."""
    total = 0.0
    for k in range(signs.size):
        total += abs(np.float64(signs[k])) * values[k]
    return total


@njit(cache=True, fastmath=_SUMS)
@typing.no_type_check
def _total(values):
    total = 0.0
    for k in range(values.size):
        total += values[k]
    return total


@njit(cache=True)
@typing.no_type_check
def _moved(overlaps, signs, value):
    """Bring the overlaps up to date after a unit that had this value flips."""
    for k in range(signs.size):
        overlaps[k] -= 2 * value * signs[k]


@njit(cache=True, parallel=True)
@typing.no_type_check
def additive_sweep(
    states, overlaps, units, slope, curve, diluted, order, tol, temperature, seed, cues, sweep, flips, tied
):
    """Visit every unit once under E = -sum F(o); states, flips and tied are written, overlaps are used up.

    `slope` and `curve` are the tables of F(o+2) - F(o-2) and 2 F(o) - F(o+2) - F(o-2), so that
    4 h_i = sum_k x_ki slope(o_k) + s_i sum_k |x_ki| curve(o_k).
    """
    for row in prange(states.shape[0]):
        state, o = states[row], overlaps[row]
        middle = slope.size // 2
        address = stream(seed, cues[row], sweep)
        g, c = np.empty(o.size), np.empty(o.size)
        for k in range(o.size):
            g[k], c[k] = slope[o[k] + middle], curve[o[k] + middle]
        bend = _total(c)
        count, met = 0, False
        for i in order:
            value = np.int64(state[i])
            own = _given(units[i], c) if diluted else bend
            field = 0.25 * (_weighted(units[i], g) + value * own)
            met |= abs(field) <= tol
            if settled(value, field, tol, temperature, address, i) != value:
                _moved(o, units[i], value)
                for k in range(o.size):
                    g[k], c[k] = slope[o[k] + middle], curve[o[k] + middle]
                bend = _total(c)
                state[i] = -value
                count += 1
        flips[row], tied[row] = count, met


@njit(cache=True, fastmath=_SUMS)
@typing.no_type_check
def _best(values):
    best = _NOTHING
    for k in range(values.size):
        best = max(best, values[k])
    return best


@njit(cache=True)
@typing.no_type_check
def _collect(near, values, floor):
    """Write the indices of the values from `floor` on into `near`; return how many there are."""
    count = 0
    for k in range(values.size):
        near[count] = k
        count += values[k] >= floor
    return count


@njit(cache=True, fastmath=_SUMS)
@typing.no_type_check
def _shares(signs, weights):
    """The weights of the wells with +1, with -1 and without opinion at this unit: no differences of sums."""
    up, down, blank = 0.0, 0.0, 0.0
    for k in range(signs.size):
        sign = np.float64(signs[k])
        up += weights[k] * max(sign, 0.0)
        down += weights[k] * max(-sign, 0.0)
        blank += weights[k] * (1.0 - abs(sign))
    return up, down, blank


@njit(cache=True)
@typing.no_type_check
def _near_shares(signs, weights, near):
    up, down, blank = 0.0, 0.0, 0.0
    for k in near:
        if signs[k] > 0:
            up += weights[k]
        elif signs[k] < 0:
            down += weights[k]
        else:
            blank += weights[k]
    return up, down, blank


@njit(cache=True)
@typing.no_type_check
def _fresh_weights(weights, overlaps, bias, beta):
    best = _NOTHING
    for k in range(overlaps.size):
        best = max(best, overlaps[k] + bias[k])
    for k in range(overlaps.size):
        power = beta * (overlaps[k] + bias[k] - best)
        weights[k] = math.exp(power) if power > -_LOST else 0.0


@njit(cache=True)
@typing.no_type_check
def _smooth_field(shares, value, beta):
    """The field of the visited unit, from the change of (1/beta) log sum exp that its flip would make."""
    up, down, blank = shares
    agree, oppose = (up, down) if value > 0 else (down, up)
    now = agree + oppose + blank
    gain = (agree * math.expm1(-2.0 * beta) + oppose * math.expm1(2.0 * beta)) / now
    if gain > -0.5:
        change = math.log1p(gain)
    else:  # close to -1 the digits of the result are not in `gain` any more
        change = math.log((agree * math.exp(-2.0 * beta) + oppose * math.exp(2.0 * beta) + blank) / now)
    return -0.5 * value * change / beta


@njit(cache=True, parallel=True)
@typing.no_type_check
def smooth_sweep(
    states, overlaps, units, beta, bias, order, tol, temperature, seed, cues, sweep, flips, tied
):
    """Visit every unit once under E = -(1/beta) log sum exp(beta (o + b)), beta <= SMOOTH_BETA."""
    limit = min(max(int(_TRAVEL / (4.0 * beta)) - 1, 1), _REFRESH)
    factor = np.array([math.exp(2.0 * beta), 1.0, math.exp(-2.0 * beta)])
    lowest = math.exp(-_REACH - 4.0 * beta)
    for row in prange(states.shape[0]):
        state, o = states[row], overlaps[row]
        address = stream(seed, cues[row], sweep)
        weights, near = np.empty(o.size), np.empty(o.size, np.int64)
        _fresh_weights(weights, o, bias, beta)
        found = _collect(near, weights, lowest)
        count, met = 0, False
        for i in order:
            value = np.int64(state[i])
            if found * _FEW < o.size:
                shares = _near_shares(units[i], weights, near[:found])
            else:
                shares = _shares(units[i], weights)
            field = _smooth_field(shares, value, beta)
            met |= abs(field) <= tol
            if settled(value, field, tol, temperature, address, i) != value:
                _moved(o, units[i], value)
                state[i] = -value
                count += 1
                if count % limit == 0:
                    _fresh_weights(weights, o, bias, beta)
                else:
                    for k in range(o.size):
                        weights[k] *= factor[value * units[i, k] + 1]
                found = _collect(near, weights, lowest * _best(weights))
        flips[row], tied[row] = count, met


@njit(cache=True)
@typing.no_type_check
def _tops(signs, terms, near):
    """The best term among the near wells with +1, with -1 and without opinion at this unit."""
    up, down, blank = _NOTHING, _NOTHING, _NOTHING
    for k in near:
        if signs[k] > 0:
            up = max(up, terms[k])
        elif signs[k] < 0:
            down = max(down, terms[k])
        else:
            blank = max(blank, terms[k])
    return up, down, blank


@njit(cache=True)
@typing.no_type_check
def _sums(signs, terms, near, beta, tops):
    """The sum of exp(beta (term - top)) of each of the three kinds."""
    up, down, blank = 0.0, 0.0, 0.0
    for k in near:
        below = terms[k] - (tops[0] if signs[k] > 0 else (tops[1] if signs[k] < 0 else tops[2]))
        share = 1.0 if below == 0.0 else math.exp(beta * below)
        if signs[k] > 0:
            up += share
        elif signs[k] < 0:
            down += share
        else:
            blank += share
    return up, down, blank


@njit(cache=True)
@typing.no_type_check
def _soft_top(tops, sums, lift, beta):
    """(1/beta) log of the sum over all wells, those with +1 at the unit lifted and those with -1 lowered."""
    up, down = tops[0] + lift, tops[1] - lift
    best = max(up, down, tops[2])
    total = 0.0
    for top, share in ((up, sums[0]), (down, sums[1]), (tops[2], sums[2])):
        if share > 0.0:
            total += share if top == best else share * math.exp(beta * (top - best))
    return best, math.log(total) / beta


@njit(cache=True)
@typing.no_type_check
def _sharp_field(signs, terms, near, beta, value):
    tops = _tops(signs, terms, near)
    sums = _sums(signs, terms, near, beta, tops)
    best, rest = _soft_top(tops, sums, 0.0, beta)
    best_then, rest_then = _soft_top(tops, sums, -2.0 * value, beta)
    return 0.5 * value * ((best - best_then) + (rest - rest_then))


@njit(cache=True, parallel=True)
@typing.no_type_check
def sharp_sweep(states, overlaps, units, beta, bias, order, tol, temperature, seed, cues, sweep, flips, tied):
    """Visit every unit once under E = -(1/beta) log sum exp(beta (o + b)), for any beta, even infinity."""
    reach = 4.0 + _REACH / beta
    for row in prange(states.shape[0]):
        state, o = states[row], overlaps[row]
        address = stream(seed, cues[row], sweep)
        terms, near = o + bias, np.empty(o.size, np.int64)
        found = _collect(near, terms, _best(terms) - reach)
        count, met = 0, False
        for i in order:
            value = np.int64(state[i])
            field = _sharp_field(units[i], terms, near[:found], beta, value)
            met |= abs(field) <= tol
            if settled(value, field, tol, temperature, address, i) != value:
                _moved(o, units[i], value)
                state[i] = -value
                count += 1
                for k in range(o.size):
                    terms[k] = o[k] + bias[k]
                found = _collect(near, terms, _best(terms) - reach)
        flips[row], tied[row] = count, met
