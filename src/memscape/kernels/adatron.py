"""One sweep of the symmetric AdaTron over all patterns, compiled.

Fields, dual step and couplings in one pass.
"""

import typing

import numpy as np
from numba import njit


@njit(cache=True)
@typing.no_type_check
def adatron_sweep(patterns, margins, step, duals, couplings):
    """Update duals (p, n) and couplings (n, n) in place, pattern by pattern; return the largest dual change.

    patterns (p, n) float64 entries -1, 0, +1; margins (p,). A unit without an opinion keeps its dual at 0.
    """
    count, units = patterns.shape
    change = np.zeros(units)
    largest = 0.0
    for mu in range(count):
        pattern = patterns[mu]
        fields = np.dot(couplings, pattern)
        moved = False
        for i in range(units):
            change[i] = 0.0
            if pattern[i] == 0.0:
                continue
            new = max(0.0, duals[mu, i] + step * (margins[mu] - pattern[i] * fields[i]))
            difference = new - duals[mu, i]
            if difference != 0.0:
                duals[mu, i] = new
                change[i] = difference * pattern[i] / units
                largest = max(largest, abs(difference))
                moved = True
        if not moved:
            continue
        for i in range(units):
            row = couplings[i]
            own, sign = change[i], pattern[i]
            for j in range(units):
                row[j] += own * pattern[j] + sign * change[j]
            row[i] = 0.0
    return largest


@njit(cache=True)
@typing.no_type_check
def naive_adatron_sweep(patterns, margins, step, duals, couplings):
    """The same sweep as it is written in the literature.

    The couplings rebuilt from the duals at each pattern.
    """
    count, units = patterns.shape
    for mu in range(count):
        for i in range(units):
            for j in range(units):
                total = 0.0
                for nu in range(count):
                    total += (duals[nu, i] + duals[nu, j]) * patterns[nu, i] * patterns[nu, j]
                couplings[i, j] = total / units if i != j else 0.0
        fields = couplings @ patterns[mu]
        for i in range(units):
            if patterns[mu, i] != 0.0:
                short = margins[mu] - patterns[mu, i] * fields[i]
                duals[mu, i] = max(0.0, duals[mu, i] + step * short)
