"""Shaping log-sum-exp memories: one bias per well, found by a convex dual.

At large beta a start falls to the well of largest $o_\\mu + b_\\mu$: the cells are a Laguerre diagram, and
the biases that give them wanted volumes solve the dual of semi-discrete optimal transport (Kitagawa, Merigot
and Thibert 2019).
"""

import torch
from jaxtyping import Float
from scipy.optimize import linprog
from torch import Tensor

from memscape.core.errors import InfeasibleError


def volume_biases(
    overlaps: Float[Tensor, "b p"],
    target: Float[Tensor, " p"],
    beta: float,
    *,
    start: Float[Tensor, " p"] | None = None,
    tolerance: float = 1e-8,
    max_steps: int = 50,
) -> tuple[Float[Tensor, " p"], int]:
    """Return biases, mean 0, at which the attention of cues is shared out as `target`, and the steps made.

    Minimises the convex $\\Phi(b) = E[\\frac1\\beta \\log \\sum_\\mu e^{\\beta(o_\\mu + b_\\mu)}] - \\nu
    \\cdot b$, whose gradient is $E[p(s)] - \\nu$ and whose Hessian is $\\beta(\\mathrm{diag} E[p] - E[p
    p^T])$, by damped Newton steps. O(b p^2) per step.

    Args:
        overlaps: raw overlaps of cues with patterns.
        target: shares, above 0, that sum to 1.
        beta: the memory's sharpness; above 0.
        start: biases to start from; None is 0.
        tolerance: largest entry of the gradient at the end.
        max_steps: Newton steps at most.
    """
    o, nu = overlaps.double(), target.double().to(overlaps.device)
    b = torch.zeros_like(nu) if start is None else start.double().clone()
    value, share, hessian = _dual(o, nu, b, beta)
    for step in range(max_steps):
        gradient = share - nu
        if float(gradient.abs().max()) <= tolerance:
            return b - b.mean(), step
        ridge = 1e-9 * float(hessian.diagonal().mean().clamp_min(1e-30))
        eye = torch.eye(len(b), dtype=b.dtype, device=b.device)
        move = torch.linalg.solve(hessian + ridge * eye + 1.0 / len(b) ** 2 * ridge, gradient)
        move = move - move.mean()
        # a cell that is empty has no curvature: never move a bias by more than the overlaps' range at once
        move = move * min(1.0, float((o.amax() - o.amin()) / move.abs().max().clamp_min(1e-300)))
        slope, length = float(gradient @ move), 1.0
        while length > 1e-10:
            trial = _dual(o, nu, b - length * move, beta)
            if float(trial[0]) <= float(value) - 1e-4 * length * slope:
                break
            length /= 2
        if length <= 1e-10:
            break
        b = b - length * move
        value, share, hessian = trial
    return b - b.mean(), max_steps


def _dual(o: Tensor, nu: Tensor, b: Tensor, beta: float) -> tuple[Tensor, Tensor, Tensor]:
    z = beta * (o + b)
    value = torch.logsumexp(z, -1).mean() / beta - nu @ b
    p = torch.softmax(z, -1)
    share = p.mean(0)
    return value, share, beta * (torch.diag(share) - p.T @ p / len(p))


def radius_biases(
    correlation: Float[Tensor, "p p"], units: int, radii: Float[Tensor, " p"], *, quantile: float = 0.0
) -> tuple[Float[Tensor, " p"], float]:
    """Return biases, mean 0, that keep every damaged pattern in its own cell, and the slack in overlap.

    With d flipped units the own overlap is n - 2d and a competitor's has mean $(n - 2d) C$ and standard
    deviation $2 \\sqrt{d (n - d) / (n - 1)\\, (1 - C^2)}$, so $b_\\nu - b_\\mu$ is bounded for every pair: a
    linear programme in b that maximises the least slack. O(p^2) constraints.

    Args:
        correlation: C of the patterns.
        units: n.
        radii: wanted radii R in [0, 1]; d = R n / 2 flips.
        quantile: how many standard deviations of the competitor are to be withstood; 0 is the radius of one
            half.

    Raises:
        InfeasibleError: where no biases can do it; `nearest` holds the largest common factor of all radii
            that can.
    """
    b, slack = _programme(correlation, units, radii, quantile)
    if slack < 0:
        low, high = 0.0, 1.0
        for _ in range(20):
            middle = (low + high) / 2
            fits = _programme(correlation, units, middle * radii, quantile)[1] >= 0
            low, high = (middle, high) if fits else (low, middle)
        raise InfeasibleError(
            f"no biases give these radii (the tightest pair lacks {-slack:.3g} of overlap); all of them "
            f"scaled by {low:.2f} can be had, or store patterns that are less correlated",
            nearest=low * radii,
        )
    return b, slack


def _programme(C: Tensor, n: int, radii: Tensor, quantile: float) -> tuple[Tensor, float]:
    p = len(C)
    d = (radii.double() * n / 2).cpu()
    c = C.double().cpu()
    spread = 2 * (d * (n - d) / max(n - 1, 1))[:, None].sqrt() * (1 - c * c).clamp_min(0).sqrt()
    bound = (n - 2 * d)[:, None] * (1 - c) - quantile * spread
    own, other = torch.meshgrid(torch.arange(p), torch.arange(p), indexing="ij")
    pairs = own != other
    own, other = own[pairs], other[pairs]
    rows = torch.zeros(len(own), p + 1, dtype=torch.float64)
    index = torch.arange(len(own))
    rows[index, other], rows[index, own], rows[:, p] = 1.0, -1.0, 1.0
    bounds = [(-4.0 * n, 4.0 * n)] * p + [(None, 4.0 * n)]
    goal = torch.zeros(p + 1).index_fill_(0, torch.tensor([p]), -1.0)
    found = linprog(goal.numpy(), A_ub=rows.numpy(), b_ub=bound[pairs].numpy(), bounds=bounds, method="highs")
    b = torch.as_tensor(found.x[:p])
    return b - b.mean(), float(found.x[p])
