"""Separation functions: how sharply the wells of a dense memory stand apart.

A separation turns the overlaps $o_\\mu = \\xi^\\mu \\cdot s$ of a state with all patterns into one number,
the *total*; the energy is its negative. There are three families. *Additive* ones sum a function,
$\\sum_\\mu F(o_\\mu)$. *Regularised maxima* are $(1/\\beta)\\,\\Omega^*(\\beta o)$, the largest overlap
smoothed by the convex conjugate of a regulariser $\\Omega$ on the simplex; their gradient is the attention
distribution over the patterns (softmax, sparsemax, entmax). *Kernels* read distances in place of overlaps.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import FileFormatError, InputError


class Separation(ABC):
    """How overlaps become an energy. Separations are frozen values."""

    @abstractmethod
    def total(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "..."]:
        """Return the number whose negative is the energy."""

    @abstractmethod
    def terms(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        """Return the wells' terms: what each pattern contributes at this state."""

    @abstractmethod
    def weights(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        """Return the gradient of `total`: the weight with which each pattern pulls the state."""


class Additive(Separation):
    """Separations that sum a function of each overlap on its own."""

    @abstractmethod
    def value(self, overlaps: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return F(o), element by element."""

    def total(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "..."]:
        return self.value(overlaps).sum(-1)

    def terms(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        return self.value(overlaps)

    def table(self, units: int) -> Float[Tensor, " m"]:
        """Return F at every integer overlap from -units to units, float64."""
        return self.value(torch.arange(-units, units + 1, dtype=torch.float64))


@dataclass(frozen=True)
class Power(Additive):
    """$F(o) = o^k$ (Krotov and Hopfield 2016). Odd degrees are not sign-symmetric: $-\\xi$ is no well.

    >>> Power(3).total(torch.tensor([2.0, -1.0]))
    tensor(7.)
    """

    degree: int

    def __post_init__(self) -> None:
        _require_degree(self.degree)

    def value(self, overlaps: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return overlaps**self.degree

    def weights(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        return self.degree * overlaps ** (self.degree - 1)


@dataclass(frozen=True)
class RectifiedPower(Additive):
    """$F(o) = \\max(o, 0)^k$ (Krotov and Hopfield 2016): patterns of negative overlap do not pull at all.

    >>> RectifiedPower(3).total(torch.tensor([2.0, -1.0]))
    tensor(8.)
    """

    degree: int

    def __post_init__(self) -> None:
        _require_degree(self.degree)

    def value(self, overlaps: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return overlaps.clamp_min(0) ** self.degree

    def weights(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        return self.degree * overlaps.clamp_min(0) ** (self.degree - 1)


def _require_degree(degree: int) -> None:
    if isinstance(degree, bool) or int(degree) != degree or degree < 2:
        raise InputError(
            f"the degree is {degree}; it must be a whole number of at least 2 (2 is Hebb's rule)"
        )


class Sharp(Separation):
    """Separations with a sharpness `beta`, in 1 / units of overlap; they take a bias, and real states."""

    beta: float | Tensor

    def sharpened(self, beta: float | Tensor) -> "Sharp":
        """Return this separation at another beta."""
        return replace(self, beta=beta)  # ty: ignore[invalid-argument-type]


class RegularisedMax(Sharp):
    """Separations $(1/\\beta)\\,\\Omega^*(\\beta o)$, a maximum smoothed on the scale 1/beta."""

    def terms(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        return overlaps

    def _scaled(self, overlaps: Tensor) -> Tensor:
        return self.beta * overlaps


def _require_beta(beta: float | Tensor) -> None:
    if bool(torch.as_tensor(beta) <= 0) or not bool(torch.isfinite(torch.as_tensor(beta)).all()):
        raise InputError(f"beta is {float(beta):g}; it must be finite and above 0")


@dataclass(frozen=True)
class Softmax(RegularisedMax):
    """Log-sum-exp, $(1/\\beta) \\log \\sum_\\mu e^{\\beta o_\\mu}$; the weights are the softmax.

    On real states this is the modern Hopfield network (Ramsauer et al. 2021); on +-1 states its descent is
    the one of $-\\sum_\\mu e^{\\beta o_\\mu}$ (Demircigil et al. 2017), since the logarithm is monotone.

    >>> Softmax(beta=2.0).weights(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """

    beta: float | Tensor = 1.0

    def __post_init__(self) -> None:
        _require_beta(self.beta)

    def total(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "..."]:
        return torch.logsumexp(self._scaled(overlaps), -1) / self.beta

    def weights(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        return torch.softmax(self._scaled(overlaps), -1)


Exponential = Softmax
"""The exponential memory of Demircigil et al. 2017, kept in its log form, which is finite at every size."""


@dataclass(frozen=True)
class Entmax(RegularisedMax):
    """The $\\alpha$-entmax family between softmax ($\\alpha \\to 1$) and sparsemax ($\\alpha = 2$).

    $\\Omega(w) = (\\sum_\\mu w_\\mu^\\alpha - 1) / (\\alpha(\\alpha - 1))$ (Peters, Niculae and Martins
    2019); as a memory: Hopfield-Fenchel-Young networks (Santos et al. 2024). The weights are exactly one-hot
    where the largest overlap leads by at least $1/((\\alpha-1)\\beta)$.

    >>> Entmax(alpha=2.0).weights(torch.tensor([1.0, 0.5, -3.0]))
    tensor([0.7500, 0.2500, 0.0000])
    """

    alpha: float = 1.5
    beta: float | Tensor = 1.0

    def __post_init__(self) -> None:
        _require_beta(self.beta)
        if not 1 < self.alpha <= 4:
            raise InputError(f"alpha is {self.alpha}; entmax takes 1 < alpha <= 4 (alpha = 1 is Softmax)")

    def total(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "..."]:
        return _entmax_conjugate(self._scaled(overlaps), self.alpha) / self.beta

    def weights(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        return _entmax(self._scaled(overlaps), self.alpha)


@dataclass(frozen=True)
class Sparsemax(RegularisedMax):
    """The Euclidean projection onto the simplex (Martins and Astudillo 2016), entmax at $\\alpha = 2$.

    >>> Sparsemax(beta=1.0).weights(torch.tensor([3.0, 1.0]))
    tensor([1., 0.])
    """

    beta: float | Tensor = 1.0

    def __post_init__(self) -> None:
        _require_beta(self.beta)

    def total(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "..."]:
        return _entmax_conjugate(self._scaled(overlaps), 2.0) / self.beta

    def weights(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        return _entmax(self._scaled(overlaps), 2.0)


class Kernel(Sharp):
    """Separations that read closeness, $c_\\mu = b_\\mu - \\frac12 |s - \\xi^\\mu|^2$, not overlaps."""

    def terms(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        return overlaps


@dataclass(frozen=True)
class Epanechnikov(Kernel):
    """Log-sum-ReLU, $(1/\\beta) \\log(\\epsilon + \\sum_\\mu \\max(1 + \\beta c_\\mu, 0))$.

    Each pattern pulls inside its ball of radius $\\sqrt{2/\\beta}$ only, and all that pull do so equally. So
    a pattern alone in its ball is a minimum exactly, where balls overlap their centroid is a new minimum, and
    outside all balls the landscape is flat at $-\\frac1\\beta \\log \\epsilon$ (`floor` is $\\epsilon$):
    nothing is stored there (arXiv 2506.10801, 2025: log-sum-ReLU energy).

    >>> Epanechnikov(beta=0.5).weights(torch.tensor([0.0, -3.0]))
    tensor([1.0000, 0.0000])
    """

    beta: float | Tensor = 1.0
    floor: float = 1e-6

    def __post_init__(self) -> None:
        _require_beta(self.beta)
        if not 0 < self.floor < 1:
            raise InputError(f"the floor is {self.floor}; it must lie between 0 and 1, both excluded")

    def total(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "..."]:
        return (self.floor + (1 + self.beta * overlaps).clamp_min(0).sum(-1)).log() / self.beta

    def weights(self, overlaps: Float[Tensor, "... p"]) -> Float[Tensor, "... p"]:
        inside = 1 + self.beta * overlaps
        return (inside > 0).to(overlaps.dtype) / (self.floor + inside.clamp_min(0).sum(-1, keepdim=True))


def _entmax_conjugate(z: Tensor, alpha: float) -> Tensor:
    """Return Omega*(z) = w.z - Omega(w) at the maximiser; its gradient is w by the envelope theorem."""
    with torch.no_grad():
        w = _entmax(z.detach(), alpha)
        regulariser = ((w**alpha).sum(-1) - 1) / (alpha * (alpha - 1))
    return (w * z).sum(-1) - regulariser


def _entmax(z: Tensor, alpha: float) -> Tensor:
    """Return entmax(z): w = relu((alpha - 1) z - tau)^(1/(alpha-1)) with tau such that w sums to 1.

    tau is found without a graph; one Newton step with a graph then makes the result differentiable, because
    the derivative of that step at the solution is the implicit derivative.
    """
    scaled = (alpha - 1) * (z - z.detach().amax(-1, keepdim=True))
    power = 1 / (alpha - 1)
    with torch.no_grad():
        tau = _threshold(scaled.detach(), power)
    inside = (scaled - tau).clamp_min(0)
    # d(sum w)/d tau, where the support is fixed
    slope = power * torch.where(
        inside > 0, inside.detach().clamp_min(torch.finfo(scaled.dtype).tiny) ** (power - 1), 0.0
    ).sum(-1, keepdim=True)
    correction = ((inside**power).sum(-1, keepdim=True) - 1) / slope
    return (scaled - (tau + correction)).clamp_min(0) ** power


def _threshold(scaled: Tensor, power: float) -> Tensor:
    """Return tau (..., 1) with sum relu(scaled - tau)^power = 1; the largest entry of `scaled` is 0.

    Up to alpha = 2 the sum is convex in tau, so Newton steps from the left never overshoot and a handful
    suffices. Above, it is bisected.
    """
    if power >= 1:
        return _newton(scaled, power)
    low, high = torch.full_like(scaled[..., :1], -1.0), torch.zeros_like(scaled[..., :1])
    for _ in range(60 if scaled.dtype == torch.float64 else 30):
        middle = (low + high) / 2
        above = ((scaled - middle).clamp_min(0) ** power).sum(-1, keepdim=True) > 1
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    return (low + high) / 2


def _newton(scaled: Tensor, power: float) -> Tensor:
    tau = torch.full_like(scaled[..., :1], -1.0)
    for _ in range(50 + scaled.shape[-1]):  # sparsemax drops at least one entry a step, or is done
        inside = (scaled - tau).clamp_min(0)
        pull = inside ** (power - 1) * (inside > 0)
        step = ((pull * inside).sum(-1, keepdim=True) - 1) / (power * pull.sum(-1, keepdim=True))
        moved = tau + step.clamp_min(0)
        if torch.equal(moved, tau):
            break
        tau = moved
    return tau


def to_settings(separation: Separation) -> dict[str, Any]:
    """Return a separation as plain values for a file: its name and its numbers."""
    values = {field.name: getattr(separation, field.name) for field in fields(separation)}  # ty: ignore[invalid-argument-type]
    return {"name": type(separation).__name__} | {
        k: float(v) if k == "beta" else v for k, v in values.items()
    }


def from_settings(settings: dict[str, Any]) -> Separation:
    """Return the separation that `to_settings` described; an unknown name is refused."""
    from memscape.mechanisms.learnt_separation import LearntSeparation  # built on this module

    fixed = (Power, RectifiedPower, Softmax, Entmax, Sparsemax, Epanechnikov)
    known = {c.__name__: c for c in (*fixed, LearntSeparation)}
    values = dict(settings)
    name = values.pop("name", None)
    if name not in known:
        raise FileFormatError(f"the separation {name!r} is unknown; known: {', '.join(known)}")
    return known[name](**values)
