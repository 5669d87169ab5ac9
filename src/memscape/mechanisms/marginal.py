"""The energy that visible units have once hidden ones are summed out: two-layer machines as landscapes."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import FileFormatError
from memscape.mechanisms.energies import Couplings, Energy


class HiddenUnits(ABC):
    """The law of a hidden unit by itself; a frozen value."""

    @abstractmethod
    def log_moment(self, drive: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """Return $F(u) = \\log \\langle e^{uz} \\rangle$ over the unit's own law."""

    @abstractmethod
    def draw(self, drive: Float[Tensor, "..."], generator: torch.Generator) -> Float[Tensor, "..."]:
        """Return z drawn from its law tilted by $e^{uz}$."""


@dataclass(frozen=True)
class Gaussian(HiddenUnits):
    """$z \\sim N(0, 1)$: $F(u) = u^2/2$, so the visible units are a Hopfield network exactly.

    >>> Gaussian().log_moment(torch.tensor(2.0))
    tensor(2.)
    """

    def log_moment(self, drive: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        return 0.5 * drive.square()

    def draw(self, drive: Float[Tensor, "..."], generator: torch.Generator) -> Float[Tensor, "..."]:
        return drive + torch.randn(drive.shape, generator=generator, dtype=drive.dtype).to(drive.device)


@dataclass(frozen=True)
class Signs(HiddenUnits):
    """$z = \\pm 1$, fair: $F(u) = \\log \\cosh u$; with 0/1 units it is the same machine in other parameters.

    >>> Signs().log_moment(torch.tensor(0.0))
    tensor(0.)
    """

    def log_moment(self, drive: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        size = drive.abs()
        return size + torch.nn.functional.softplus(-2 * size) - math.log(2.0)

    def draw(self, drive: Float[Tensor, "..."], generator: torch.Generator) -> Float[Tensor, "..."]:
        noise = torch.rand(drive.shape, generator=generator, dtype=drive.dtype).to(drive.device)
        return torch.where(noise < torch.sigmoid(2 * drive), 1.0, -1.0).to(drive.dtype)


HIDDEN: dict[str, type[HiddenUnits]] = {"Gaussian": Gaussian, "Signs": Signs}


def hidden_from_name(name: str) -> HiddenUnits:
    """Return the law of hidden units by its name; an unknown name is refused."""
    if name not in HIDDEN:
        raise FileFormatError(f"the hidden units {name!r} are unknown; known: {', '.join(HIDDEN)}")
    return HIDDEN[name]()


class Marginal(Energy):
    """$E(s) = -\\theta \\cdot s - \\sum_\\mu F(w_\\mu \\cdot s + c_\\mu)$, a free energy of $\\pm 1$ units.

    Args:
        weights: w (m, n), one row per hidden unit.
        hidden: the law F of the hidden units.
        field: (n,) $\\theta$, the visible biases.
        bias: (m,) c, the hidden biases.
    """

    def __init__(
        self, weights: Tensor, hidden: HiddenUnits, field: Tensor | None = None, bias: Tensor | None = None
    ):
        self.weights, self.hidden, self.theta, self.bias = weights, hidden, field, bias
        self.patterns: Any = None
        self.units = weights.shape[1]

    def _drives(self, states: Tensor) -> Tensor:
        u = states @ self.weights.to(states.dtype).T
        return u if self.bias is None else u + self.bias.to(u)

    def energy(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        s = states.double()
        value = -self.hidden.log_moment(self._drives(s)).sum(-1)
        return value if self.theta is None else value - s @ self.theta.double()

    def field(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """Return the exact field of every unit, by two evaluations each. O(b m n)."""
        if (same := self.quadratic()) is not None:
            return same.field(states)
        s = states.double()
        u, w = self._drives(s), self.weights.double()
        columns = [self._unit_field(u, s[:, i], w[:, i]) for i in range(self.units)]
        h = torch.stack(columns, -1)
        return h if self.theta is None else h + self.theta.double()

    def unit_field(self, states: Tensor, unit: int) -> Float[Tensor, " b"]:
        """Return the field of one unit of discrete states. O(b m n)."""
        s = states.double()
        h = self._unit_field(self._drives(s), s[:, unit], self.weights[:, unit].double())
        return h if self.theta is None else h + self.theta[unit].double()

    def quadratic(self) -> Couplings | None:
        """Return the couplings that give the same fields; None where the hidden units are not Gaussian."""
        if not isinstance(self.hidden, Gaussian):
            return None
        w = self.weights.double()
        theta = torch.zeros(self.units).to(w) if self.theta is None else self.theta.double()
        theta = theta if self.bias is None else theta + self.bias.double() @ w
        return Couplings((w.T @ w).fill_diagonal_(0.0), theta)

    def _unit_field(self, u: Tensor, unit: Tensor, column: Tensor) -> Tensor:
        rest = u - unit[:, None] * column
        up, down = self.hidden.log_moment(rest + column), self.hidden.log_moment(rest - column)
        return 0.5 * (up - down).sum(-1)

    def terms(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b p"]:
        return torch.zeros(len(states), 0, dtype=torch.float64, device=states.device)

    def with_field(self, field: Float[Tensor, " n"]) -> "Marginal":
        drive = field if self.theta is None else self.theta + field
        return Marginal(self.weights, self.hidden, drive, self.bias)
