"""Simulated annealing of +-1 patterns towards prescribed inner products."""

import typing

import numpy as np
from numba import njit

from memscape.kernels.noise import stream, uniform


@njit(cache=True)
@typing.no_type_check
def _anneal(x, excess, hot, cold, attempts, seed):
    """Invert units of `x` (p, n) until `excess` = X X' - wanted is 0 off the diagonal, both in place."""
    p, n = x.shape
    address = stream(seed, 0, 0)
    distance = 0.0
    for a in range(p):
        for b in range(a):
            distance += excess[a, b] * excess[a, b]
    for k in range(attempts):
        if distance == 0.0:
            break
        a = min(int(uniform(address, 3 * k) * p), p - 1)
        i = min(int(uniform(address, 3 * k + 1) * n), n - 1)
        pull = 0.0
        for b in range(p):
            if b != a:
                pull += excess[a, b] * x[b, i]
        change = 4.0 * (p - 1) - 4.0 * x[a, i] * pull
        temperature = hot * (cold / hot) ** (k / attempts)
        if change <= 0 or uniform(address, 3 * k + 2) < np.exp(-change / temperature):
            for b in range(p):
                if b != a:
                    excess[a, b] -= 2.0 * x[a, i] * x[b, i]
                    excess[b, a] = excess[a, b]
            x[a, i] = -x[a, i]
            distance += change
    return distance


def approach(x: np.ndarray, wanted: np.ndarray, attempts: int, seed: int) -> float:
    """Return the squared distance that is left when the rows of `x` have been annealed, in place.

    An inverted unit of pattern a changes its inner product with every other pattern by 2, so the smallest
    step away from a solution costs 4(p - 1): there the temperature starts, and it ends at 2, where a wrong
    pair (16) is rare.

    Args:
        x: (p, n) int8, +-1.
        wanted: (p, p) float64, the inner products; the diagonal is not read.
        attempts: proposed inversions.
        seed: of the proposals.

    Cost: O(p) for each attempt.
    """
    inner = x.astype(np.float64)
    excess = inner @ inner.T - wanted
    return float(_anneal(x, excess, 4.0 * max(len(x) - 1, 1), 2.0, attempts, seed))
