"""Patterns with prescribed correlations in expectation, and the correlations of given patterns."""

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import as_tensor, working_dtype
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.patterns.ensembles import BLOCK, shape_of
from memscape.patterns.feasible import feasible_matrix, latent


def correlation(patterns: object) -> Float[Tensor, "p p"]:
    """Return the correlation matrix of patterns, $C = X X^T / n$.

    Args:
        patterns: (p, n), +-1 or any real numbers; means are not subtracted.

    Raises:
        InputError: for another shape, or NaN.

    Cost: O(p^2 n) time, O(p^2) memory.

    >>> correlation([[1, 1, 1, 1], [1, 1, 1, -1]]).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    x = as_tensor(patterns, "patterns")
    if x.ndim != 2:
        raise InputError(f"patterns has shape {tuple(x.shape)}; they come as (p, n)")
    x = x.to(torch.float32) * 2 - 1 if x.dtype == torch.bool else x.to(working_dtype(x))
    return x @ x.T / x.shape[1]


def correlated(correlations: object, *, size: int, generator: Generator = None) -> Float[Tensor, "p n"]:
    """Return +-1 patterns whose correlations are `correlations` in expectation (a dichotomised normal law).

    $\\xi = \\mathrm{sign}(z)$, $z \\sim \\mathcal{N}(0, \\Lambda)$, $\\Lambda = \\sin(\\pi C/2)$; then
    $E\\,\\xi^\\mu\\xi^\\nu = (2/\\pi)\\arcsin\\Lambda_{\\mu\\nu} = C_{\\mu\\nu}$. The measured correlations
    differ from C by about $1/\\sqrt{n}$ (`exactly_correlated` has none of that), every unit has mean 0, and
    units are independent.

    Args:
        correlations: C (p, p), symmetric with unit diagonal.
        size: n, the number of units.
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InfeasibleError: if C is no correlation matrix of +-1 patterns or this law cannot make it; the message
            names the reason, and `error.nearest` is a feasible matrix close to C, in float64, to be passed
            instead.
        InputError: if C is not square, or holds NaN.
        SizeError: if the patterns would not fit into memory.

    Cost: O(p^3 + p^2 n) time, 4pn bytes.
    Source: Emrich and Piedmonte 1991; Macke et al. 2009.

    >>> x = correlated([[1.0, -0.3], [-0.3, 1.0]], size=100_000, generator=0)
    >>> round(float(correlation(x)[0, 1]), 1)
    -0.3
    """
    matrix = feasible_matrix(correlations)
    count, size = shape_of(len(matrix), size)
    values, vectors = torch.linalg.eigh(latent(matrix))
    root = vectors * values.clamp_min(0).sqrt()
    generator = resolve(generator)
    patterns = torch.empty(count, size)
    step = max(1, BLOCK // count)
    for start in range(0, size, step):
        z = root @ torch.randn(count, min(step, size - start), generator=generator, dtype=torch.float64)
        patterns[:, start : start + step] = torch.where(z < 0, -1.0, 1.0)
    return patterns
