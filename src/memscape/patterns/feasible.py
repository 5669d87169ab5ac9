"""Which correlation matrices +-1 patterns can have, and the nearest one that can be drawn.

The correlation matrices of +-1 patterns are the cut polytope, a smaller set than the positive semi-definite
matrices of unit diagonal: three patterns, for instance, cannot all disagree ($C_{12} + C_{13} + C_{23} \\ge
-1$).
"""

import torch
from torch import Tensor

from memscape.core.arrays import as_tensor
from memscape.core.errors import InfeasibleError, InputError

TOLERANCE = 1e-6
"""Deviations of a matrix up to this size count as rounding (float32 data) and are removed without a word."""


def feasible_matrix(correlations: object) -> Tensor:
    """Return `correlations` (p, p) in float64, exactly symmetric with unit diagonal, if it can be drawn.

    It can if $\\Lambda = \\sin(\\pi C / 2)$ is positive semi-definite: then the signs of normal numbers of
    covariance $\\Lambda$ have the correlations C.

    Raises:
        InputError: for anything but a square matrix of finite numbers.
        InfeasibleError: otherwise, with the reason, and with `nearest`, a matrix near by that is feasible.
    """
    given = square(correlations)
    reason = shape_fault(given)
    matrix = _tidied(given)
    if reason is None and _smallest(latent(matrix)) < -TOLERANCE * len(matrix):
        reason = triangle_fault(matrix) or _latent_fault(matrix)
    if reason is not None:
        raise infeasible(given, reason, nearest_feasible(matrix))
    return matrix


def square(correlations: object) -> Tensor:
    """Return a square matrix of finite numbers in float64 on the CPU, or raise `InputError`."""
    matrix = as_tensor(correlations, "the correlation matrix").to(device="cpu", dtype=torch.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"the correlation matrix has shape {tuple(matrix.shape)}; it must be square, (p, p)")
    return matrix


def infeasible(given: Tensor, reason: str, nearest: Tensor) -> InfeasibleError:
    """Return the error that names the reason and offers `nearest` with the change that it means."""
    change = (nearest - given).abs()
    return InfeasibleError(
        f"{reason}. The error's `nearest` is a feasible matrix close to it: largest change of an entry "
        f"{float(change.max()):.3g}, root mean square {float(change.square().mean().sqrt()):.3g}",
        nearest=nearest,
    )


def shape_fault(matrix: Tensor) -> str | None:
    """Return what keeps a square matrix from being a correlation matrix at all, None where nothing does."""
    skew = (matrix - matrix.T).abs()
    if float(skew.max()) > TOLERANCE:
        i, j = _place(skew)
        return f"the matrix is not symmetric: C[{i},{j}] = {matrix[i, j]:g} but C[{j},{i}] = {matrix[j, i]:g}"
    off = (matrix.diagonal() - 1).abs()
    if float(off.max()) > TOLERANCE:
        i = int(off.argmax())
        return f"the diagonal is not 1: C[{i},{i}] = {matrix[i, i]:g}"
    if float(matrix.abs().max()) > 1 + TOLERANCE:
        i, j = _place(matrix.abs())
        return f"C[{i},{j}] = {matrix[i, j]:g}; a correlation lies in [-1, 1]"
    return None


def triangle_fault(matrix: Tensor) -> str | None:
    """Return the triple of patterns that breaks a triangle inequality the most, None where none is broken.

    $1 + s_i s_j C_{ij} + s_i s_k C_{ik} + s_j s_k C_{jk} \\ge 0$ for all signs: of three +-1 numbers two are
    equal.
    """
    worst, triple = -TOLERANCE, None
    for i in range(len(matrix) - 2):
        ij, jk = matrix[i, i + 1 :], matrix[i + 1 :, i + 1 :]
        for sj, sk in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            slack = torch.triu(1 + sj * ij[:, None] + sk * ij[None, :] + sj * sk * jk, diagonal=1)  # j < k
            if float(slack.min()) < worst:
                j, k = _place(-slack)
                worst, triple = float(slack.min()), (i, i + 1 + j, i + 1 + k, sj, sk)
    if triple is None:
        return None
    i, j, k, sj, sk = triple
    left = " ".join(
        f"{'+' if sign > 0 else '-'} C[{a},{b}]" for sign, a, b in ((sj, i, j), (sk, i, k), (sj * sk, j, k))
    )
    return (
        f"no +-1 patterns have these correlations: patterns {i}, {j} and {k} break the triangle inequality "
        f"1 {left} >= 0, the left side is {worst:.3g}"
    )


def outside_fault(matrix: Tensor) -> str | None:
    """Return a sentence where no law over +-1 patterns has these correlations, None where one does; p <= 12.

    A law is a set of weights over the 2**(p-1) kinds of columns, so this is a linear programme.
    """
    import numpy as np
    from scipy.optimize import linprog

    count = len(matrix)
    bits = np.arange(2 ** (count - 1)) >> np.arange(count)[::-1, None] & 1
    columns = 1.0 - 2.0 * bits
    row, column = np.tril_indices(count)
    found = linprog(
        np.zeros(columns.shape[1]), A_eq=columns[row] * columns[column], b_eq=matrix.numpy()[row, column]
    )
    if found.status == 2:
        return "no +-1 patterns have these correlations: the matrix lies outside the cut polytope"
    return None


def latent(matrix: Tensor) -> Tensor:
    """Return $\\Lambda = \\sin(\\pi C/2)$: normal numbers of this covariance have signs of correlation C."""
    return torch.sin(matrix * (torch.pi / 2))


def nearest_feasible(matrix: Tensor, *, sweeps: int = 1000) -> Tensor:
    """Return a feasible matrix near `matrix`: the nearest latent correlation matrix, mapped back.

    $\\Lambda$ is projected onto the correlation matrices by alternating projections with Dykstra's
    correction; the last one is scaled to unit diagonal, so that it is positive semi-definite beyond doubt.

    Source: Higham 2002, Computing the nearest correlation matrix, algorithm 3.3.
    """
    y = latent(_tidied(matrix))
    correction = torch.zeros_like(y)
    for _ in range(sweeps):
        shifted = y - correction
        x = _semidefinite(shifted)
        correction = x - shifted
        previous, y = y, x.clone().fill_diagonal_(1.0)
        if float((y - previous).norm()) <= 1e-9 * float(y.norm()):
            break
    x = _semidefinite(y)
    scale = x.diagonal().clamp_min(torch.finfo(x.dtype).tiny).rsqrt()
    x = (scale[:, None] * x * scale).clamp(-1, 1)
    return _tidied(torch.asin(x) * (2 / torch.pi))


def _latent_fault(matrix: Tensor) -> str:
    return (
        f"a dichotomised normal law cannot make these correlations: sin(pi C / 2) has the eigenvalue "
        f"{_smallest(latent(matrix)):.3g} and must be positive semi-definite (for up to 12 patterns, "
        "exactly_correlated finds out whether any law can)"
    )


def _tidied(matrix: Tensor) -> Tensor:
    return ((matrix + matrix.T) / 2).clamp(-1, 1).fill_diagonal_(1.0)


def _semidefinite(matrix: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp_min(0)) @ vectors.T


def _smallest(matrix: Tensor) -> float:
    return float(torch.linalg.eigvalsh(matrix)[0])


def _place(matrix: Tensor) -> tuple[int, int]:
    """Return row and column of the largest entry."""
    row, column = divmod(int(matrix.argmax()), matrix.shape[1])
    return row, column
