"""The modern Hopfield network: real-valued patterns, recall by attention, differentiable."""

from typing import Any, Unpack

import torch
from jaxtyping import Float
from torch import Tensor, nn

from memscape.core.arrays import as_tensor, require_count, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.spaces import Real
from memscape.mechanisms.distances import Distances
from memscape.mechanisms.energies import Separated
from memscape.mechanisms.flow import FixedPoint
from memscape.mechanisms.separation import (
    Kernel,
    Separation,
    Sharp,
    Softmax,
    from_settings,
    to_settings,
)
from memscape.memories.pattern_memory import PatternMemory, Reading


@register
class Continuous(PatternMemory):
    """Stores real vectors as wells of a log-sum-exp energy, or of another separation's.

    $E = -\\frac1\\beta \\log \\sum_\\mu e^{\\beta(x_\\mu \\cdot s + b_\\mu)} + \\frac12 |s|^2$. One step of
    recall, $s \\leftarrow X^T \\mathrm{softmax}(\\beta(Xs + b))$, is one step of softmax attention. At large
    beta a well is one pattern (nearest neighbour); at small beta wells merge into averages.

    `Sparsemax` and `Entmax` recall exactly in one step where the best overlap leads by
    $1/((\\alpha-1)\\beta)$. `Epanechnikov` wells end at the distance $\\sqrt{2/\\beta}$: a pattern is
    recalled exactly in one step from wherever its well alone reaches, a cue outside all wells stays where it
    is, and where wells overlap new minima emerge at centroids.

    `memory.recall(cue)` runs without gradients and explains itself; `memory(cue)` is differentiable in the
    cue, and with `learnable=True` in patterns, beta and bias too: a Hopfield layer, lookup or pooling.

    Args:
        patterns: (p, n) real vectors; or None with `units`.
        beta: sharpness, in 1 / (length of a pattern)^2, above 0; short for `separation=Softmax(beta)`. None
            is 8.
        bias: (p,) in units of overlap; a log prior is $\\log \\pi / \\beta$. None is 0.
        separation: `Softmax`, `Sparsemax`, `Entmax` or `Epanechnikov`, with a beta of its own.
        learnable: make patterns, beta and bias parameters.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`.

    Raises:
        InputError: for beta beside a separation, or a separation without a minimum on real states.

    Store keeps the vectors; a step of recall costs O(bpn) time and, with softmax, no memory of size b p.

    >>> import torch
    >>> X = torch.eye(4) * 3
    >>> memory = Continuous(X, beta=8.0)
    >>> memory(torch.tensor([2.0, 0.5, 0.0, 0.0]))
    tensor([3., 0., 0., 0.])

    Ramsauer et al. 2021, equations 1 to 3; Santos et al. 2024 (entmax); Hoover et al. 2025 (Epanechnikov).
    """

    card = Card(
        name="Continuous",
        paper="Ramsauer et al. 2021; Santos et al. 2024; Hoover et al. 2025",
        parts="Real x kept patterns x softmax, sparsemax, entmax or Epanechnikov x fixed-point map",
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
        beta: float | None = None,
        bias: object = None,
        separation: Separation | None = None,
        learnable: bool = False,
        units: int | None = None,
        **reading: Unpack[Reading],
    ):
        self._learnable, self._kind = learnable, _separation(beta, separation)
        self.default_dynamics = FixedPoint()
        super().__init__(patterns, units, Real(), reading)
        if bias is not None:
            values = as_tensor(bias, "bias").to(self.patterns.dtype).reshape(-1)
            require_width(values, len(self.patterns), "bias")
            self._hold("bias", values.to(self.patterns.device))
            self._changed()

    def _start(self, units: int) -> None:
        self._hold("patterns", torch.zeros(0, units))
        self._hold("beta", torch.tensor(float(self._kind.beta)))
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
        if dtype == torch.float64 and self.beta.dtype != dtype:
            self._hold("beta", torch.tensor(float(self._kind.beta), dtype=dtype))  # as it was given
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
    def separation(self) -> Sharp:
        """The separation function, with the current beta."""
        return self._kind.sharpened(float(self.beta.detach()))

    def _build_energy(self) -> Separated | Distances:
        bias, separation = None if self.bias is None else self.bias.detach(), self.separation
        if isinstance(separation, Kernel):
            return Distances(self.patterns.detach(), separation, bias)
        return Separated(self.patterns.detach(), separation, bias, norm=1.0)

    @property
    def landscape_energy(self) -> Separated | Distances:
        """The energy as data; built anew where an optimiser has moved the patterns, beta or bias."""
        held = (self.patterns, self.beta, self.bias)
        version = tuple((id(t), t._version) for t in held if t is not None)
        if self.__dict__.get("_seen") != version:
            self._changed()
            self.__dict__["_seen"] = version
        return super().landscape_energy  # ty: ignore[invalid-explicit-return]

    def forward(self, cue: Float[Tensor, "... n"], steps: int = 1) -> Float[Tensor, "... n"]:
        """Return cues (..., n) after `steps` steps of recall, differentiably.

        Epanechnikov's map is piecewise constant in the cue and in beta: gradients reach the patterns alone.
        O(steps b p n) time, O(b p) memory.
        """
        require_count(steps, "steps")
        require_width(cue, self.units, "cue")
        if not len(self.patterns):
            raise InputError("the memory is empty; store patterns first: memory.store(X)")
        state = cue.to(self.patterns.dtype)
        move = self._mean_shift if isinstance(self._kind, Kernel) else self._attend
        for _ in range(steps):
            state = move(state)
        return state

    def _shift(self, values: Tensor) -> Tensor:
        return values if self.bias is None else values + self.bias

    def _attend(self, state: Tensor) -> Tensor:
        # beta goes into the overlaps, so that it may be a parameter; the separation is taken at beta = 1
        z = self.beta * self._shift(state @ self.patterns.T)
        return self._kind.sharpened(1.0).weights(z) @ self.patterns

    def _mean_shift(self, state: Tensor) -> Tensor:
        apart = state.square().sum(-1, keepdim=True) + self.patterns.square().sum(-1)
        close = self._shift(state @ self.patterns.T - 0.5 * apart)
        w = self._kind.sharpened(1.0).weights(self.beta * close)
        total = w.sum(-1, keepdim=True)
        share = w / torch.where(total > 0, total, 1.0)
        return torch.where(total > 0, share @ self.patterns, state)

    @property
    def strengths(self) -> Float[Tensor, " p"]:
        """The per-pattern knob of the landscape: the bias, 0 where there is none."""
        return self.patterns.new_zeros(len(self)) if self.bias is None else self.bias

    def reshaped(self, strengths: object) -> "Continuous":
        """Return a memory of the same patterns with these biases (p,), in units of overlap."""
        options: dict[str, Any] = {"learnable": self._learnable, **self.reading}
        return Continuous(self.patterns.detach(), separation=self.separation, bias=strengths, **options)

    def _settings(self) -> dict[str, Any]:
        separation = to_settings(self._kind)
        return {
            "units": self.units,
            "separation": separation,
            "learnable": self._learnable,
            "reading": dict(self.reading),
        }

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "Continuous":
        separation = _separation(None, from_settings(settings["separation"]))
        options = {"learnable": settings["learnable"], **settings["reading"]}
        memory = cls(units=settings["units"], separation=separation, **options)
        for name in ("patterns", "beta", "bias"):
            if name in tensors:
                memory._hold(name, tensors[name])
        memory._changed()
        return memory

    def extra_repr(self) -> str:
        learnable = ", learnable" if self._learnable else ""
        beta = float(self.beta.detach())
        kind = f"beta={beta:g}" if isinstance(self._kind, Softmax) else f"{self._kind.sharpened(beta)}"
        return f"{super().extra_repr()}, {kind}{learnable}"


def _separation(beta: float | None, separation: Separation | None) -> Sharp:
    """Return the separation of a real memory, with a beta that is a number."""
    if separation is None:
        return Softmax(8.0 if beta is None else float(beta))
    if beta is not None:
        raise InputError(
            f"beta is {beta} beside {separation}; write it as {type(separation).__name__}(beta=...)"
        )
    if not isinstance(separation, Sharp):
        raise InputError(
            f"{separation} grows without bound on real states; use Softmax, Sparsemax, Entmax or "
            "Epanechnikov, or Dense for +-1 patterns"
        )
    return separation.sharpened(float(separation.beta))
