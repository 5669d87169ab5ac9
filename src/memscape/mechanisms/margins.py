"""Couplings of least norm that give every pattern a wanted margin: the symmetric AdaTron."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Num
from torch import Tensor

from memscape.core.progress import Progress, ProgressOption
from memscape.kernels.adatron import adatron_sweep

STEP = 0.45
"""Length of a dual step; a symmetric update counts about twice, so 1/2 would be the full one."""


@dataclass(frozen=True)
class Margins:
    """Couplings with the margins that they give.

    Attributes:
        couplings: J (n, n) float64, symmetric, zero diagonal.
        duals: x (p, n) of the margin conditions; where 0 the condition is slack.
        achieved: (p,) the least margin of each pattern, $\\min_i \\xi_i^\\mu h_i^\\mu$.
        sweeps: how many sweeps over the patterns were made.
        converged: whether every margin is within the tolerance of what was asked.
    """

    couplings: Float[Tensor, "n n"]
    duals: Float[Tensor, "p n"]
    achieved: Float[Tensor, " p"]
    sweeps: int
    converged: bool


def adatron(
    patterns: Num[Tensor, "p n"],
    margins: Float[Tensor, " p"],
    *,
    duals: Float[Tensor, "p n"] | None = None,
    tolerance: float = 1e-3,
    max_sweeps: int = 2000,
    progress: ProgressOption = None,
) -> Margins:
    """Return the least couplings with $J = J^T$, $J_{ii} = 0$, $\\xi_i^\\mu (J \\xi^\\mu)_i \\geq c_\\mu$.

    The solution is $J_{ij} = \\frac1n \\sum_\\mu (x_i^\\mu + x_j^\\mu) \\xi_i^\\mu \\xi_j^\\mu$ with $x \\geq
    0$. Dual ascent: pattern after pattern, all units at once, $x_i \\leftarrow \\max(0, x_i + \\omega (c -
    \\xi_i h_i))$. O(p n^2) per sweep.

    Args:
        patterns: entries -1, 0, +1; a unit without an opinion has no margin.
        margins: c, functional margins in units of the field, at least 0.
        duals: where to start, for instance the duals of similar margins; None is 0.
        tolerance: margins may fall short by this share of the largest one.
        max_sweeps: sweeps at most.
        progress: a bar, a callable, or None.

    Anlauf and Biehl 1989; Krauth and Mezard 1987; Gardner 1988.
    """
    device = patterns.device
    X, c = patterns.double().cpu().contiguous(), margins.double().cpu().contiguous()
    opinion = X != 0
    x = torch.zeros_like(X) if duals is None else duals.double().cpu().clone()
    J = _couplings(X, x)
    slack = tolerance * float(c.max().clamp_min(1e-300))
    sweeps, converged = 0, False
    held = (X.numpy(), c.numpy(), STEP, x.numpy(), J.numpy())
    with Progress(progress, max_sweeps, "widening margins") as bar:
        while sweeps < max_sweeps and not converged:
            adatron_sweep(*held)
            sweeps += 1
            converged = bool((_achieved(J, X, opinion) >= c - slack).all())
            if not bar.update():
                break
    J = _couplings(X, x)  # free of the rounding of many small updates
    return Margins(J.to(device), x.to(device), _achieved(J, X, opinion).to(device), sweeps, converged)


def _couplings(X: Tensor, x: Tensor) -> Tensor:
    half = (x * X).T @ X / len(X.T)
    return (half + half.T).fill_diagonal_(0.0).contiguous()


def _achieved(J: Tensor, X: Tensor, opinion: Tensor) -> Tensor:
    return torch.where(opinion, X * (X @ J), torch.inf).amin(-1)
