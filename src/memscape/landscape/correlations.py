"""Shaping a landscape through the correlations between its patterns alone.

Under uniform cues a sharp log-sum-exp (or dense) memory sends a start to the pattern of largest overlap, and
the overlaps of many units are normal with covariance n C. The basin of mu is therefore the chance that
$z_\\mu$ is the largest of $z \\sim N(0, C)$: a smooth function of C, which is optimised here (the idea:
Pusuluri, Lang, Mehta and Castillo, arXiv 1611.06127).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.random import derived


def infeasible_count(target: Float[Tensor, " p"]) -> int | None:
    """Return the m whose m largest basins break $\\sum \\leq 1 - 2^{-m}$, or None.

    For +-1 patterns under uniform cues the chance that none of m patterns has a positive lead over all others
    is at least $2^{-m}$, for m = 1 ... p - 1; so no basin exceeds 1/2, and each is at least $2^{-(p-1)}$.

    >>> infeasible_count(torch.tensor([0.6, 0.2, 0.2])), infeasible_count(torch.tensor([0.42, 0.38, 0.20]))
    (1, 2)
    """
    largest = target.double().sort(descending=True).values.cumsum(0)
    for m in range(1, len(target)):
        if float(largest[m - 1]) > 1 - 2.0**-m + 1e-12:
            return m
    return None


def arcsine(latent: Float[Tensor, "p p"]) -> Float[Tensor, "p p"]:
    """Return the correlation of the signs of normal variables with correlation `latent`.

    $\\frac2\\pi \\arcsin \\Lambda$.
    """
    inside = latent.clamp(-1 + 1e-9, 1 - 1e-9)
    return (2 / torch.pi * torch.arcsin(inside)).fill_diagonal_(1.0)


def winners(
    correlation: Float[Tensor, "p p"], normals: Float[Tensor, "b p"], sharpness: float | None = None
) -> Float[Tensor, " p"]:
    """Return how often each $z_\\mu$ is the largest, $z = L g$, $L L^T = C$.

    Smooth where a sharpness is given.
    """
    eye = torch.eye(len(correlation), dtype=correlation.dtype)
    z = normals @ torch.linalg.cholesky(correlation + 1e-9 * eye).T
    if sharpness is None:
        return torch.bincount(z.argmax(-1), minlength=len(correlation)) / len(z)
    return torch.softmax(sharpness * z, -1).mean(0)


def correlation_for(
    target: Float[Tensor, " p"],
    *,
    near: Float[Tensor, "p p"] | None = None,
    start: Float[Tensor, "p p"] | None = None,
    largest: float = 0.999,
    draws: int = 20000,
    seed: int = 0,
) -> tuple[Float[Tensor, "p p"], Float[Tensor, " p"]]:
    """Return a latent correlation whose signs share out uniform cues as `target`, and the shares it predicts.

    The latent matrix is $\\Lambda = V V^T$ with unit rows, so its signs' correlation (2/pi) arcsin can always
    be sampled. Quasi-Newton steps on the smoothed shares, sharpened in stages, with the same random numbers
    throughout.

    Args:
        target: shares that sum to 1.
        near: a correlation of signs to stay near; None is free.
        start: a latent correlation to start from, which skips the coarse stages; None starts from `near`.
        largest: no two patterns may correlate by more than this (1 - 2 k / n for patterns that differ in k
            units).
        draws: normal vectors of the estimate.
        seed: of these.
    """
    p = len(target)
    nu = target.double()
    normals = torch.randn(draws, p, generator=derived(seed, 7), dtype=torch.float64)
    begin = torch.eye(p, dtype=torch.float64) if near is None else torch.sin(torch.pi / 2 * near.double())
    begin = begin if start is None else start
    values, vectors = torch.linalg.eigh(begin)
    jitter = 0.05 * torch.randn(p, p, generator=derived(seed, 8), dtype=torch.float64)
    V = (vectors * values.clamp_min(1e-6).sqrt() + jitter).contiguous().requires_grad_()
    wanted = nu.clone()
    for sharpness in (4.0, 12.0, 40.0, 120.0) if start is None else (40.0, 120.0):
        optimiser = torch.optim.LBFGS([V], max_iter=30, line_search_fn="strong_wolfe", tolerance_grad=1e-10)

        def loss(sharpness: float = sharpness, optimiser: torch.optim.Optimizer = optimiser) -> Tensor:
            optimiser.zero_grad()
            C = arcsine(_latent(V))
            off = C - torch.diag(C.diagonal())
            value = ((winners(C, normals, sharpness) - wanted) ** 2 / wanted).sum()
            value = value + 10 * (off - largest).clamp_min(0).square().sum()
            if near is not None:
                value = value + 1e-4 * (C - near.double()).square().sum()
            value.backward()
            return value

        optimiser.step(loss)
    with torch.no_grad():
        latent = _latent(V)
        return latent, winners(arcsine(latent), normals).double()


def _latent(V: Tensor) -> Tensor:
    rows = V / V.norm(dim=1, keepdim=True)
    return rows @ rows.T
