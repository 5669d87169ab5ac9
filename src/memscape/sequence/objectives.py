"""Objectives: what a memory minimises when it writes a pair (the literature's attentional bias).

Each gives its gradient with respect to the prediction, in closed form, so that the outer training can go
through it. Every objective has the factor that makes its gradient at small errors the plain error: L2 is
$\\frac12 |p - v|^2$. Where a paper has no half, its rate is half of the rate here.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import InputError

EPSILON = 1e-6
"""Added to squares under a root: the variance of a layer norm, the error of a power below 2."""


@dataclass(frozen=True)
class Pair:
    """What a memory is to learn: keys and values of the same leading axes, and what an objective may need.

    Attributes:
        key: (..., K).
        value: (..., V).
        gain: (..., V) or None, the scale of the layer norm.
        shift: (..., V) or None, its offset.
        threshold: (...) or None, where an objective takes it from the data.
        epsilon: added to the variance in the layer norm.
    """

    key: Tensor
    value: Tensor
    gain: Tensor | None = None
    shift: Tensor | None = None
    threshold: Tensor | None = None
    epsilon: float = EPSILON


class Objective(ABC):
    """What is minimised at a write. Objectives are frozen values."""

    @abstractmethod
    def loss(self, prediction: Float[Tensor, "... V"], pair: Pair) -> Float[Tensor, "..."]:
        """Return the loss of each prediction."""

    @abstractmethod
    def gradient(self, prediction: Float[Tensor, "... V"], pair: Pair) -> Float[Tensor, "... V"]:
        """Return the gradient of `loss` with respect to the prediction."""


@dataclass(frozen=True)
class Dot(Objective):
    """$-\\langle p, v \\rangle$: Hebb's rule. The write does not depend on what is stored."""

    def loss(self, prediction: Tensor, pair: Pair) -> Tensor:
        return -(prediction * pair.value).sum(-1)

    def gradient(self, prediction: Tensor, pair: Pair) -> Tensor:
        return -pair.value


@dataclass(frozen=True)
class L2(Objective):
    """$\\frac12 |p - v|^2$: the delta rule (Widrow and Hoff 1960)."""

    def loss(self, prediction: Tensor, pair: Pair) -> Tensor:
        return 0.5 * (prediction - pair.value).square().sum(-1)

    def gradient(self, prediction: Tensor, pair: Pair) -> Tensor:
        return prediction - pair.value


@dataclass(frozen=True)
class Lp(Objective):
    """$\\frac1p \\sum |p_i - v_i|^p$ (Behrouz et al. 2025, Moneta); p = 2 is `L2`.

    Below 2 the size of an error is $\\sqrt{e^2 + 10^{-6}}$, so that the gradient has no jump at 0.
    """

    power: float = 3.0

    def __post_init__(self) -> None:
        if not 1 <= self.power < float("inf"):
            raise InputError(f"the power is {self.power}; it must be finite and at least 1")

    def loss(self, prediction: Tensor, pair: Pair) -> Tensor:
        return self._size(prediction - pair.value).pow(self.power).sum(-1) / self.power

    def gradient(self, prediction: Tensor, pair: Pair) -> Tensor:
        error = prediction - pair.value
        return error if self.power == 2 else error * self._size(error).pow(self.power - 2)

    def _size(self, error: Tensor) -> Tensor:
        return error.abs() if self.power >= 2 else (error.square() + EPSILON).sqrt()


@dataclass(frozen=True)
class Huber(Objective):
    """Quadratic for small errors, linear for large ones: an outlier pulls no harder than the threshold.

    Args:
        threshold: where the error becomes large; None takes it from a gate of the layer.
        convention: "norm" measures the error's length, gradient $\\delta e / |e|$ beyond; "coordinate" each
            entry, gradient clipped to $\\pm\\delta$; "mixed" switches by the length and then takes
            $\\delta\\, \\mathrm{sign}(e)$, as Yaad's variant does: it jumps at the threshold.

    Behrouz et al. 2025 (Yaad); Huber 1964.
    """

    threshold: float | None = None
    convention: str = "norm"

    def __post_init__(self) -> None:
        if self.convention not in ("norm", "coordinate", "mixed"):
            raise InputError(f'the convention is {self.convention!r}; give "norm", "coordinate" or "mixed"')
        if self.threshold is not None and not self.threshold > 0:
            raise InputError(f"the threshold is {self.threshold}; it must be above 0")

    def _limit(self, pair: Pair) -> Tensor | float:
        if self.threshold is not None:
            return self.threshold
        if pair.threshold is None:
            raise InputError(
                "this Huber objective takes its threshold from the data; give Pair(threshold=...)"
            )
        return pair.threshold[..., None]

    def loss(self, prediction: Tensor, pair: Pair) -> Tensor:
        error, limit = prediction - pair.value, self._limit(pair)
        if self.convention == "coordinate":
            size = error.abs()
            return torch.where(size <= limit, 0.5 * size.square(), limit * (size - 0.5 * limit)).sum(-1)
        length = torch.linalg.vector_norm(error, dim=-1, keepdim=True)
        beyond = length if self.convention == "norm" else error.abs().sum(-1, keepdim=True)
        return torch.where(length <= limit, 0.5 * length.square(), limit * (beyond - 0.5 * limit))[..., 0]

    def gradient(self, prediction: Tensor, pair: Pair) -> Tensor:
        error, limit = prediction - pair.value, self._limit(pair)
        if self.convention == "coordinate":
            return torch.where(error.abs() <= limit, error, limit * error.sign())
        square = error.square().sum(-1, keepdim=True)
        large = square > limit * limit
        length = torch.where(large, square, 1.0).sqrt()  # no root of 0: its gradient is infinite
        far = limit * (error / length if self.convention == "norm" else error.sign())
        return torch.where(large, far, error)


@dataclass(frozen=True)
class LayerNormL2(Objective):
    """$\\frac12 |\\mathrm{LN}(p) - (v - k)|^2$, the residual form of TTT (Sun et al. 2024); needs K = V."""

    def loss(self, prediction: Tensor, pair: Pair) -> Tensor:
        return 0.5 * (normed(prediction, pair) - (pair.value - pair.key)).square().sum(-1)

    def gradient(self, prediction: Tensor, pair: Pair) -> Tensor:
        error = normed(prediction, pair) - (pair.value - pair.key)
        return through_norm(prediction, error if pair.gain is None else error * pair.gain, pair.epsilon)


def standardised(x: Float[Tensor, "... V"], epsilon: float) -> tuple[Tensor, Tensor]:
    """Return x with mean 0 and variance 1 along the last axis, and its spread (..., 1)."""
    centred = x - x.mean(-1, keepdim=True)
    spread = (centred.square().mean(-1, keepdim=True) + epsilon).sqrt()
    return centred / spread, spread


def normed(x: Float[Tensor, "... V"], pair: Pair) -> Float[Tensor, "... V"]:
    """Return the layer norm of x with the pair's gain and shift."""
    out = standardised(x, pair.epsilon)[0]
    out = out if pair.gain is None else out * pair.gain
    return out if pair.shift is None else out + pair.shift


def through_norm(
    x: Float[Tensor, "... V"], upstream: Float[Tensor, "... V"], epsilon: float = EPSILON
) -> Float[Tensor, "... V"]:
    """Return the gradient with respect to x, given that with respect to its standardised form $\\hat x$.

    $(D h - \\sum h - \\hat x \\sum h \\hat x) / (D \\sigma)$.
    """
    flat, spread = standardised(x, epsilon)
    inner = upstream.mean(-1, keepdim=True) + flat * (upstream * flat).mean(-1, keepdim=True)
    return (upstream - inner) / spread
