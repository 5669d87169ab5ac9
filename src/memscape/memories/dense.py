"""Dense associative memory on +-1 units: wells made sharper by a separation function."""

from typing import Any, Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import as_tensor, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.spaces import Bipolar
from memscape.mechanisms.descent import Asynchronous
from memscape.mechanisms.energies import Separated
from memscape.mechanisms.separation import Power, RegularisedMax, Separation, from_settings, to_settings
from memscape.memories.pattern_memory import PatternMemory, Reading, warn_load
from memscape.theory import dense as theory

DEFAULT_SEPARATION = Power(3)


@register
class Dense(PatternMemory):
    """Stores patterns in wells that a separation function sharpens: $E = -\\sum_\\mu F(\\xi^\\mu \\cdot s)$.

    With `Power(k)` it holds about $n^{k-1} / (2 (2k-3)!! \\ln n)$ independent patterns, with `Softmax`
    (`Exponential`, $E = -\\frac1\\beta \\log \\sum_\\mu e^{\\beta(\\xi^\\mu \\cdot s + b_\\mu)}$)
    exponentially many.

    Args:
        patterns: (p, n) entries +-1, or 0 where a pattern has no opinion; or None with `units`.
        separation: the separation function; the odd `Power(3)` tells a pattern from its negative.
        bias: (p,) in units of overlap, with `Softmax`, `Sparsemax` or `Entmax`: how strongly each well pulls;
            a log prior is $\\log \\pi / \\beta$. None is 0.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`.

    Store keeps pn bytes; a recall costs O(pn) per cue and sweep.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(300, 100, generator=0)
    >>> memory = ms.memories.Dense(X, separation=ms.mechanisms.Softmax(beta=1.0))
    >>> cue = ms.patterns.flip(X[:4], fraction=0.1, generator=1)
    >>> memory.recall(cue, generator=2).match
    tensor([0, 1, 2, 3])

    Krotov and Hopfield 2016; Demircigil et al. 2017.
    """

    card = Card(
        name="Dense",
        paper="Krotov and Hopfield 2016; Demircigil et al. 2017",
        parts="Bipolar x kept patterns x any separation x asynchronous descent",
        space="-1, +1; patterns may hold 0",
        capacity="n^(k-1) / (2 (2k-3)!! ln n) without error for Power(k); exponential in n for Softmax",
        cost="store O(pn); recall O(bpn) per sweep; memory pn bytes",
        limits="keeps every pattern; odd powers pull to -xi at negative overlaps (use RectifiedPower)",
        form="token",
    )

    bias: Tensor | None

    def __init__(
        self,
        patterns: object = None,
        *,
        separation: Separation = DEFAULT_SEPARATION,
        bias: object = None,
        units: int | None = None,
        **reading: Unpack[Reading],
    ):
        self.separation, self.default_dynamics = separation, Asynchronous()
        super().__init__(patterns, units, Bipolar(), reading)
        if bias is not None:
            self._set_bias(bias)

    def _set_bias(self, bias: object) -> None:
        if not isinstance(self.separation, RegularisedMax):
            raise InputError(f"a bias needs Softmax, Sparsemax or Entmax; {self.separation} takes none")
        values = as_tensor(bias, "bias").double().reshape(-1)
        require_width(values, len(self.patterns), "bias")
        self.bias = values.to(self.patterns.device)
        self._changed()

    def _start(self, units: int) -> None:
        self.register_buffer("patterns", torch.zeros(0, units, dtype=torch.int8))
        self.register_buffer("bias", None)

    def _add(self, patterns: Tensor) -> None:
        self.patterns = torch.cat([self.patterns, patterns.to(torch.int8)])
        if self.bias is not None:  # new wells start without a bias of their own
            self.bias = torch.cat([self.bias, self.bias.new_zeros(len(patterns))])

    def _keep(self, rows: Tensor) -> None:
        self.patterns = self.patterns[rows]
        self.bias = None if self.bias is None else self.bias[rows]

    def _build_energy(self) -> Separated:
        return Separated(self.patterns, self.separation, self.bias)

    def _warn(self) -> None:
        degree = getattr(self.separation, "degree", None)
        if degree is not None and self.units > 2:
            critical = theory.capacity(self.units, degree) / self.units
            what = f"a separation of degree {degree} recalls without error"
            warn_load(len(self), self.units, critical, what, "raise the degree or use Softmax")

    @property
    def strengths(self) -> Float[Tensor, " p"]:
        """The per-pattern knob of the landscape: the bias, 0 where there is none."""
        return torch.zeros(len(self), dtype=torch.float64) if self.bias is None else self.bias

    def reshaped(self, strengths: object) -> "Dense":
        """Return a memory of the same patterns with these biases (p,), in units of overlap."""
        options = {**self.reading}
        return Dense(self.patterns.float(), separation=self.separation, bias=strengths, **options)

    def forward(self, cue: object) -> Tensor:
        """Return the recalled states of cues (..., n)."""
        return self.recall(cue).state

    def _settings(self) -> dict[str, Any]:
        return {
            "units": self.units,
            "separation": to_settings(self.separation),
            "reading": dict(self.reading),
        }

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "Dense":
        separation = from_settings(settings["separation"])
        memory = cls(units=settings["units"], separation=separation, **settings["reading"])
        memory.bias = torch.zeros(0, dtype=torch.float64) if "bias" in tensors else None
        memory.load_state_dict(tensors)
        return memory

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.separation}{', with biases' if self.bias is not None else ''}"
