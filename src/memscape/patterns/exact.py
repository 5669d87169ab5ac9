"""Patterns whose correlations are exactly the prescribed ones, without sampling noise."""

from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import InputError
from memscape.core.random import Generator, draw_seed
from memscape.patterns.correlated import correlated, correlation
from memscape.patterns.ensembles import shape_of
from memscape.patterns.feasible import (
    TOLERANCE,
    infeasible,
    nearest_feasible,
    outside_fault,
    shape_fault,
    square,
    triangle_fault,
)

MOST = 12
"""The most patterns: the search succeeds reliably up to here, and the cut polytope has 2**(p-1) corners."""

ATTEMPTS = (2_000_000, 20_000_000, 40_000_000, 80_000_000)
"""Proposed inversions in each search; the next one is made only where the last one failed."""


def exactly_correlated(
    correlations: object, size: int, *, generator: Generator = None
) -> Float[Tensor, "p n"]:
    """Return +-1 patterns whose correlations are exactly `correlations`: $X X^T / n = C$.

    The start is a drawing as `correlated` makes it; single units are then inverted by simulated annealing of
    $\\sum_{\\mu<\\nu} (X X^T - nC)_{\\mu\\nu}^2$ down to zero, so the patterns look like drawn ones.

    Args:
        correlations: C (p, p), symmetric with unit diagonal, p <= 12. The number of units in which two
            patterns differ, $n(1 - C_{\\mu\\nu})/2$, must be whole, and so must the number in which three
            agree, $n(1 + C_{\\mu\\nu} + C_{\\mu\\kappa} + C_{\\nu\\kappa})/4$.
        size: n, the number of units.
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InfeasibleError: if no n units have these correlations, or the search found none; the message names
            the reason, and `error.nearest` is a matrix close to C that n units do have.
        InputError: if C is not square, holds NaN, or has more than 12 rows.

    Cost: up to 1.4e8 inversions of O(p) each: milliseconds for p <= 5, a second or two for p = 12, up to half
    a minute before it gives up; 8pn bytes.

    >>> x = exactly_correlated([[1, 0.5, 0], [0.5, 1, -0.25], [0, -0.25, 1]], 16, generator=0)
    >>> correlation(x).tolist()
    [[1.0, 0.5, 0.0], [0.5, 1.0, -0.25], [0.0, -0.25, 1.0]]
    """
    given = square(correlations)
    count, size = shape_of(len(given), size)
    if count > MOST:
        raise InputError(
            f"there are {count} patterns; at most {MOST} are made exact, use correlated for more"
        )
    seed = draw_seed(generator)
    near = nearest_feasible(given)
    patterns = correlated(near, size=size, generator=seed)
    reason = (
        shape_fault(given) or triangle_fault(given) or outside_fault(given) or _counting_fault(given, size)
    )
    if reason is None:
        for search, attempts in enumerate(ATTEMPTS):
            patterns, distance = _approached(patterns, given, attempts, seed + search)
            if distance == 0:
                return patterns
        reason = f"no {size} units with these correlations were found in {sum(ATTEMPTS):.1g} inversions"
    else:
        patterns, _ = _approached(patterns, near, ATTEMPTS[0], seed)
    raise infeasible(given, reason, correlation(patterns.double()))


def _approached(patterns: Tensor, target: Tensor, attempts: int, seed: int) -> tuple[Tensor, float]:
    """Return patterns whose inner products are near n * target, and the squared distance that is left."""
    # numba takes seconds to load: only who asks for this pays.
    from memscape.patterns.annealing import approach

    x = patterns.to(torch.int8).numpy()
    n = x.shape[1]
    wanted = (n - 2 * torch.round(n * (1 - target) / 2)).numpy()
    distance = approach(x, wanted, attempts, seed)
    return torch.from_numpy(x).to(torch.float32), distance


def _counting_fault(matrix: Tensor, size: int) -> str | None:
    """Return the pair or triple that would agree in a fraction of a unit, None where there is none."""
    near = min(TOLERANCE * size, 0.1)
    for i, j in combinations(range(len(matrix)), 2):
        differ = size * float(1 - matrix[i, j]) / 2
        if abs(differ - round(differ)) > near:
            return (
                f"C[{i},{j}] = {matrix[i, j]:g} would have patterns {i} and {j} differ in {differ:g} of "
                f"{size} units; that must be a whole number"
            )
    for i, j, k in combinations(range(len(matrix)), 3):
        agree = size * float(1 + matrix[i, j] + matrix[i, k] + matrix[j, k]) / 4
        if abs(agree - round(agree)) > near:
            return (
                f"patterns {i}, {j} and {k} would all agree in {agree:g} of {size} units; that must be a "
                "whole number"
            )
    return None
