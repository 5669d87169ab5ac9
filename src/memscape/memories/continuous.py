"""The modern Hopfield network: real-valued patterns, recall by attention, differentiable."""

from typing import Any, Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from memscape.core.arrays import as_tensor, require_count, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.spaces import Real
from memscape.mechanisms.energies import Separated
from memscape.mechanisms.flow import FixedPoint
from memscape.mechanisms.separation import Softmax
from memscape.memories.pattern_memory import PatternMemory, Reading


@register
class Continuous(PatternMemory):
    """Stores real vectors as the wells of a log-sum-exp energy.

    $E = -\\frac1\\beta \\log \\sum_\\mu e^{\\beta(x_\\mu \\cdot s + b_\\mu)} + \\frac12 |s|^2$. One step of
    recall, $s \\leftarrow X^T \\mathrm{softmax}(\\beta(Xs + b))$, is one step of softmax attention. At large
    beta a well is one pattern (nearest neighbour); at small beta wells merge into averages.

    `memory.recall(cue)` runs without gradients and explains itself; `memory(cue)` is differentiable in the
    cue, and with `learnable=True` in patterns, beta and bias too: a Hopfield layer, lookup or pooling.

    Args:
        patterns: (p, n) real vectors; or None with `units`.
        beta: sharpness, in 1 / (length of a pattern)^2; above 0.
        bias: (p,) in units of overlap; a log prior is $\\log \\pi / \\beta$. None is 0.
        learnable: make patterns, beta and bias parameters.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`.

    Store keeps the vectors; a step of recall costs O(bpn) time and no memory of size b p.

    >>> import torch
    >>> X = torch.eye(4) * 3
    >>> memory = Continuous(X, beta=8.0)
    >>> memory(torch.tensor([2.0, 0.5, 0.0, 0.0]))
    tensor([3., 0., 0., 0.])

    Ramsauer et al. 2021, equations 1 to 3.
    """

    card = Card(
        name="Continuous",
        paper="Ramsauer et al. 2021",
        parts="Real x kept patterns x softmax x fixed-point map",
        space="real numbers",
        capacity="exponential in n for patterns spread on a sphere, given enough beta",
        cost="store O(pn); recall O(bpn) per step; memory 4pn bytes",
        limits="keeps every pattern; at small beta nearby patterns share one well",
        form="token",
    )

    bias: Tensor | None
    beta: Tensor

    def __init__(
        self,
        patterns: object = None,
        *,
        beta: float = 8.0,
        bias: object = None,
        learnable: bool = False,
        units: int | None = None,
        **reading: Unpack[Reading],
    ):
        self._learnable, self._beta = learnable, float(Softmax(beta).beta)
        self.default_dynamics = FixedPoint()
        super().__init__(patterns, units, Real(), reading)
        if bias is not None:
            values = as_tensor(bias, "bias").to(self.patterns.dtype).reshape(-1)
            require_width(values, len(self.patterns), "bias")
            self._hold("bias", values.to(self.patterns.device))
            self._changed()

    def _start(self, units: int) -> None:
        self._hold("patterns", torch.zeros(0, units))
        self._hold("beta", torch.tensor(self._beta))
        self.register_buffer("bias", None)

    def _hold(self, name: str, value: Tensor) -> None:
        """Keep a tensor as a buffer, or as a parameter where the memory is learnable."""
        self._buffers.pop(name, None)
        self._parameters.pop(name, None)
        if self._learnable:
            self.register_parameter(name, nn.Parameter(value.detach().clone()))
        else:
            self.register_buffer(name, value)

    def _add(self, patterns: Tensor) -> None:
        held = self.patterns.detach()
        dtype = patterns.dtype if not len(held) else torch.promote_types(held.dtype, patterns.dtype)
        self._hold("patterns", torch.cat([held.to(dtype), patterns.to(dtype)]))
        if self.bias is not None:
            self._hold("bias", torch.cat([self.bias.detach(), self.bias.new_zeros(len(patterns))]))

    def _keep(self, rows: Tensor) -> None:
        self._hold("patterns", self.patterns.detach()[rows])
        if self.bias is not None:
            self._hold("bias", self.bias.detach()[rows])

    def _changed(self) -> None:
        super()._changed()
        if len(self.patterns):
            scale = float(self.patterns.detach().double().square().mean().sqrt())
            self.space = Real(scale if scale > 0 else 1.0)

    @property
    def separation(self) -> Softmax:
        """The separation function, with the current beta."""
        return Softmax(float(self.beta.detach()))

    def _build_energy(self) -> Separated:
        bias = None if self.bias is None else self.bias.detach()
        return Separated(self.patterns.detach(), self.separation, bias, norm=1.0)

    @property
    def landscape_energy(self) -> Separated:
        """The energy as data; built anew where an optimiser has moved the patterns, beta or bias."""
        held = (self.patterns, self.beta, self.bias)
        version = tuple((id(t), t._version) for t in held if t is not None)
        if self.__dict__.get("_seen") != version:
            self._changed()
            self.__dict__["_seen"] = version
        return super().landscape_energy  # ty: ignore[invalid-explicit-return]

    def forward(self, cue: Float[Tensor, "... n"], steps: int = 1) -> Float[Tensor, "... n"]:
        """Return cues (..., n) after `steps` steps of recall, differentiably.

        O(steps b p n) time, O(b p) memory.
        """
        require_count(steps, "steps")
        require_width(cue, self.units, "cue")
        if not len(self.patterns):
            raise InputError("the memory is empty; store patterns first: memory.store(X)")
        state = cue.to(self.patterns.dtype)
        for _ in range(steps):
            o = state @ self.patterns.T
            state = torch.softmax(self.beta * (o if self.bias is None else o + self.bias), -1) @ self.patterns
        return state

    @property
    def strengths(self) -> Float[Tensor, " p"]:
        """The per-pattern knob of the landscape: the bias, 0 where there is none."""
        return self.patterns.new_zeros(len(self)) if self.bias is None else self.bias

    def reshaped(self, strengths: object) -> "Continuous":
        """Return a memory of the same patterns with these biases (p,), in units of overlap."""
        patterns, beta = self.patterns.detach(), float(self.beta.detach())
        return Continuous(patterns, beta=beta, bias=strengths, learnable=self._learnable, **self.reading)

    def _settings(self) -> dict[str, Any]:
        return {"units": self.units, "learnable": self._learnable, "reading": dict(self.reading)}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "Continuous":
        memory = cls(units=settings["units"], learnable=settings["learnable"], **settings["reading"])
        for name in ("patterns", "beta", "bias"):
            if name in tensors:
                memory._hold(name, tensors[name])
        memory._changed()
        return memory

    def extra_repr(self) -> str:
        learnable = ", learnable" if self._learnable else ""
        return f"{super().extra_repr()}, beta={float(self.beta.detach()):g}{learnable}"
