"""Families of basis functions on [-1, 1], from which functions of one number are made."""

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError

LEAST = 4
"""The fewest functions of a family: a cubic spline has at least that many."""


def splines(x: Float[Tensor, "..."], size: int) -> Float[Tensor, "... k"]:
    """Return cubic B-splines on an even grid; each is above 0 on four of its pieces, and their sum is 1.

    Cox and de Boor's recursion on knots $t_i = -1 + (i - 3) h$, $h = 2 / (k - 3)$ (de Boor 1978).

    >>> float(splines(torch.tensor(0.3), 8).sum())
    1.0
    """
    step = 2 / (size - 3)
    knots = -1 + step * torch.arange(-3, size + 1, dtype=x.dtype, device=x.device)
    x = x.clamp(-1, 1 - 1e-6)[..., None]
    values = ((x >= knots[:-1]) & (x < knots[1:])).to(x.dtype)
    for degree in (1, 2, 3):
        up = (x - knots[: -degree - 1]) / (degree * step)
        down = (knots[degree + 1 :] - x) / (degree * step)
        values = up * values[..., :-1] + down * values[..., 1:]
    return values


def chebyshev(x: Float[Tensor, "..."], size: int) -> Float[Tensor, "... k"]:
    """Return Chebyshev's polynomials $T_0 \\ldots T_{k-1}$, $T_{j+1} = 2 x T_j - T_{j-1}$.

    >>> chebyshev(torch.tensor(0.5), 4)
    tensor([ 1.0000,  0.5000, -0.5000, -1.0000])
    """
    values = [torch.ones_like(x), x]
    for _ in range(size - 2):
        values.append(2 * x * values[-1] - values[-2])
    return torch.stack(values[:size], -1)


def radial(x: Float[Tensor, "..."], size: int) -> Float[Tensor, "... k"]:
    """Return Gaussian bumps as wide as their distance, $e^{-(x - c_j)^2 / 2 h^2}$ (Broomhead and Lowe 1988).

    >>> radial(torch.tensor(-1.0), 5)[0]
    tensor(1.)
    """
    return torch.exp(-0.5 * _apart(x, size).square())


def wavelets(x: Float[Tensor, "..."], size: int) -> Float[Tensor, "... k"]:
    """Return Mexican hats, $(1 - u^2) e^{-u^2 / 2}$ with $u = (x - c_j) / h$, and the constant.

    The second derivative of a Gaussian (Ricker 1953).

    >>> wavelets(torch.tensor(-1.0), 5)[0]
    tensor(1.)
    """
    square = _apart(x, size - 1).square()
    return torch.cat([(1 - square) * torch.exp(-0.5 * square), torch.ones_like(x)[..., None]], -1)


def fourier(x: Float[Tensor, "..."], size: int) -> Float[Tensor, "... k"]:
    """Return 1, $\\cos(\\pi j x / 2)$ and $\\sin(\\pi j x / 2)$ by turns, of period 4.

    >>> fourier(torch.tensor(1.0), 4).round(decimals=4)
    tensor([ 1.0000,  0.0000,  1.0000, -1.0000])
    """
    angles = 0.5 * math.pi * x[..., None] * torch.arange(1, size // 2 + 1, dtype=x.dtype, device=x.device)
    waves = torch.stack([angles.cos(), angles.sin()], -1).flatten(-2)
    return torch.cat([torch.ones_like(x)[..., None], waves], -1)[..., :size]


def _apart(x: Tensor, size: int) -> Tensor:
    centres = torch.linspace(-1, 1, size, dtype=x.dtype, device=x.device)
    return (x[..., None] - centres) * ((size - 1) / 2)


FAMILIES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "spline": splines,
    "chebyshev": chebyshev,
    "radial": radial,
    "wavelet": wavelets,
    "fourier": fourier,
}
"""The families by name."""


def basis(family: str, x: Float[Tensor, "..."], size: int) -> Float[Tensor, "... k"]:
    """Return the `size` functions of a family at points in [-1, 1]. O(size) for each point.

    Raises:
        InputError: for an unknown family, or fewer than 4 functions.

    >>> basis("chebyshev", torch.tensor([1.0]), 4)
    tensor([[1., 1., 1., 1.]])
    """
    require_count(size, "the size of a basis", low=LEAST)
    if family not in FAMILIES:
        raise InputError(f"the family {family!r} is unknown; known: {', '.join(FAMILIES)}")
    return FAMILIES[family](x, size)
