"""A landscape from couplings of your own."""

from typing import Any, Unpack

import torch
from torch import Tensor

from memscape.core.arrays import as_tensor, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.spaces import Bipolar
from memscape.mechanisms.descent import Asynchronous
from memscape.mechanisms.energies import Couplings
from memscape.memories.pattern_keeper import Reading, checked_patterns, checked_reading
from memscape.memories.pattern_memory import EnergyModel


@register
class Quadratic(EnergyModel):
    """The landscape $E = -\\frac12 s^T J s - \\theta \\cdot s$ of couplings that you bring along.

    It descends, and every landscape tool measures it (fitted Ising models, spin glasses, optimisation
    problems). Without `patterns` a recall has match -1, verdict UNKNOWN, and NaN for overlap, familiarity and
    gap; with them it is read as in any other memory, whatever the couplings make of them.

    Args:
        weights: J (n, n), symmetric; a diagonal only adds a constant and is left out.
        field: thresholds $\\theta$ (n,), in units of the weights.
        patterns: (p, n) what the couplings are meant to hold, +-1 or 0.
        reading: with patterns, `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`.

    Raises:
        InputError: where J is not square or not symmetric, or patterns have another width, with the remedy.

    O(n^2) bytes; a recall O(n) per flip after O(n^2) per cue.

    >>> import torch
    >>> memory = Quadratic(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    >>> memory.recall(torch.tensor([1.0, -1.0]), generator=0).energy
    tensor(-1., dtype=torch.float64)
    """

    card = Card(
        name="Quadratic",
        paper="Hopfield 1982; the Ising model",
        parts="Bipolar x given couplings x quadratic x asynchronous descent",
        space="-1, +1",
        capacity="none of its own: it holds whatever minima the couplings have",
        cost="memory 8n^2 bytes; recall O(n^2) per cue and O(n) per flip",
        limits="without patterns it can only say UNKNOWN",
    )

    couplings: Tensor
    theta: Tensor | None
    patterns: Tensor | None

    def __init__(
        self,
        weights: object,
        field: object = None,
        *,
        patterns: object = None,
        **reading: Unpack[Reading],
    ):
        super().__init__()
        self.space, self.default_dynamics = Bipolar(), Asynchronous()
        self.reading = checked_reading(reading)
        J = as_tensor(weights, "weights")
        if J.ndim != 2 or J.shape[0] != J.shape[1]:
            raise InputError(f"weights have shape {tuple(J.shape)}; couplings are a square matrix (n, n)")
        J = J.double().clone()
        asymmetry, size = float((J - J.T).abs().max()), float(J.abs().max())
        if asymmetry > 1e-8 * max(size, 1e-300):
            raise InputError(
                f"the weights differ from their transpose by up to {asymmetry:g}; an energy needs symmetric "
                "couplings: give (J + J.T) / 2"
            )
        self.register_buffer("couplings", ((J + J.T) / 2).fill_diagonal_(0.0))
        theta = None
        if field is not None:
            theta = as_tensor(field, "field").double().reshape(-1)
            require_width(theta, len(J), "field")
        self.register_buffer("theta", theta)
        known = None if patterns is None else checked_patterns(patterns, self.space, len(J))
        self.register_buffer("patterns", None if known is None else known.to(torch.int8))

    @property
    def units(self) -> int:
        """The number of units, n."""
        return len(self.couplings)

    @property
    def weights(self) -> Tensor:
        """The couplings J (n, n), float64, zero diagonal."""
        return self.couplings

    def forward(self, cue: object) -> Tensor:
        """Return the states to which cues (..., n) descend."""
        return self.recall(cue).state

    def _build_energy(self) -> Couplings:
        return Couplings(self.couplings, self.theta, self.patterns)

    def _settings(self) -> dict[str, Any]:
        return {"reading": dict(self.reading)}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "Quadratic":
        known = tensors.get("patterns")
        known = None if known is None else known.float()
        reading = settings.get("reading", {})
        return cls(tensors["couplings"], tensors.get("theta"), patterns=known, **reading)

    def extra_repr(self) -> str:
        known = f", {len(self.patterns)} patterns" if self.patterns is not None else ""
        return f"{self.units} units{known}{', with thresholds' if self.theta is not None else ''}"
