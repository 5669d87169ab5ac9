"""The energy of real states whose wells are read by distance."""

from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import CapabilityError
from memscape.mechanisms.energies import Energy, overlaps
from memscape.mechanisms.separation import Kernel


class Distances(Energy):
    """$E = -T(c) - \\theta \\cdot s$, $c_\\mu = b_\\mu - \\frac12 |s - \\xi^\\mu|^2$, T a kernel's total.

    With a log-sum-exp for T this would be the energy of attention with the biases $-\\frac12|\\xi^\\mu|^2$:
    a regularised maximum passes the common $-\\frac12|s|^2$ through. A kernel does not, and so its wells end
    at a distance.

    Args:
        patterns: (p, n) real vectors.
        separation: the kernel.
        bias: (p,) in units of $c$; the ball of radius $\\sqrt{2/\\beta}$ becomes $\\sqrt{2/\\beta + 2b}$.
        field: (n,) external drive $\\theta$.
    """

    def __init__(
        self, patterns: Tensor, separation: Kernel, bias: Tensor | None = None, field: Tensor | None = None
    ):
        self.patterns, self.separation, self.bias, self.theta = patterns, separation, bias, field
        self.units = patterns.shape[1]

    @cached_property
    def norms(self) -> Float[Tensor, " p"]:
        """Euclidean norms of the patterns."""
        return self.patterns.double().norm(dim=-1).to(torch.float32)

    @cached_property
    def _offset(self) -> Tensor:
        """b - |xi|^2 / 2, float64."""
        half = 0.5 * self.patterns.double().square().sum(-1)
        return -half if self.bias is None else self.bias.double() - half

    def closeness(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b p"]:
        """Return $c_\\mu$ of every state, in the states' dtype."""
        o = overlaps(self.patterns, states).double() - 0.5 * states.double().square().sum(-1, keepdim=True)
        return (o + self._offset).to(states.dtype)

    def energy(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        value = -self.separation.total(self.closeness(states))
        return value if self.theta is None else value - (states.double() @ self.theta.double()).to(value)

    def field(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        raise CapabilityError("this energy has real-valued states; use FixedPoint() or GradientFlow()")

    def terms(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b p"]:
        return self.separation.terms(self.closeness(states))

    def gradient(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """Return $\\partial E / \\partial s = \\sum_\\mu w_\\mu (s - \\xi^\\mu) - \\theta$."""
        w = self.separation.weights(self.closeness(states))
        slope = w.sum(-1, keepdim=True) * states - w @ self.patterns.to(states.dtype)
        return slope if self.theta is None else slope - self.theta.to(states)

    def target(self, states: Float[Tensor, "b n"], close: Float[Tensor, "b p"]) -> Float[Tensor, "b n"]:
        """Return where the fixed-point map leads states of this closeness: the mean-shift step.

        $\\sum_\\mu w_\\mu \\xi^\\mu / \\sum_\\mu w_\\mu$ never raises the energy (Comaniciu and Meer 2002). A
        state that no well reaches stays, or follows the drive alone.
        """
        w = self.separation.weights(close)
        total = w.sum(-1, keepdim=True)
        reached = total > 0
        share = w / torch.where(reached, total, 1.0)  # first, so that a lone pattern is reached exactly
        target = torch.where(reached, share @ self.patterns.to(share.dtype), states)
        if self.theta is None:
            return target
        return target + self.theta.to(states) / torch.where(reached, total, 1.0)

    def with_field(self, field: Float[Tensor, " n"]) -> "Distances":
        drive = field if self.theta is None else self.theta + field
        return Distances(self.patterns, self.separation, self.bias, drive)
