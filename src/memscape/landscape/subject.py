"""What a landscape is measured of: an energy over +-1 units, its patterns, and its arithmetic as arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Num
from torch import Tensor

from memscape.core.arrays import as_tensor, require_width
from memscape.core.cards import opened
from memscape.core.errors import CapabilityError, InputError
from memscape.core.spaces import Bipolar, Space
from memscape.mechanisms.energies import Couplings, Energy, PatternEnergy, home

ROUNDING = 1e-11
"""Couplings below this share of the largest diagonal element of X'LX are rounding."""

_ROWS = 1 << 14  # states whose energies are computed together


@dataclass(frozen=True)
class Subject:
    """What is measured: an energy over +-1 units, and the patterns by which its minima are told apart."""

    energy: Energy
    patterns: Tensor | None
    space: Space
    threshold: float

    def energies(self, states: Num[Tensor, "k n"]) -> Float64[Tensor, " k"]:
        """E of states, with the memory's own scale."""
        real = self.patterns is not None and self.patterns.is_floating_point()
        dtype = self.patterns.dtype if self.patterns is not None and real else torch.float32
        rows = states.to(home(self.energy), dtype).split(_ROWS)
        return torch.cat([self.energy.energy(part).double().cpu() for part in rows])

    def settings(self, method: str) -> dict[str, Any]:
        """Return what a landscape records of its measurement: n, p, the space, the method, the threshold."""
        count = 0 if self.patterns is None else len(self.patterns)
        return {
            "units": self.energy.units,
            "patterns": count,
            "space": repr(self.space),
            "method": method,
            "threshold": self.threshold,
        }


def subject_of(memory: Any, field: object = None) -> Subject:
    """Return what is to be measured of a memory, under an external field if there is one.

    Raises:
        CapabilityError: for a memory without an energy.
        InputError: for an empty memory, or a field of another width.
    """
    memory = opened(memory)
    energy = getattr(memory, "landscape_energy", None)
    if energy is None:
        raise CapabilityError(
            f"{type(memory).__name__} has no energy; memscape.as_memory(x) turns vectors into one that has"
        )
    if energy.patterns is not None and not len(energy.patterns):
        raise InputError("the memory is empty; store patterns first: memory.store(X)")
    if field is not None:
        drive = as_tensor(field, "field").double().reshape(-1)
        require_width(drive, energy.units, "field")
        energy = energy.with_field(drive)
    threshold = getattr(memory, "reading", {}).get("threshold", 0.9)
    return Subject(energy, energy.patterns, memory.space, threshold)


def discrete_subject(memory: Any, field: object = None) -> Subject:
    """Return what is to be measured of a memory over +-1 units, under an external field if there is one.

    Raises:
        CapabilityError: for a memory without an energy, or whose states are no +-1 units.
        InputError: for an empty memory, or a field of another width.
    """
    subject = subject_of(memory, field)
    if not isinstance(subject.space, Bipolar) or getattr(subject.energy, "norm", 0.0) != 0.0:
        raise CapabilityError(
            f"the states of {type(memory).__name__} are {subject.space}; only landscapes over +-1 units can "
            "be taken whole: use memscape.landscape.survey"
        )
    return subject


def as_quadratic(energy: Energy) -> tuple[np.ndarray, np.ndarray] | None:
    """Return couplings and thresholds, unscaled integers where they can be; None if not quadratic."""
    if not isinstance(energy, (PatternEnergy, Couplings)):
        return None
    theta = torch.zeros(energy.units, dtype=torch.float64) if energy.theta is None else energy.theta
    theta = theta.double().cpu()
    if isinstance(energy, PatternEnergy) and not isinstance(energy.mixing, Tensor) and energy.mixing > 0:
        X = energy.basis.cpu().to(torch.int64)
        return (X.T @ X).fill_diagonal_(0).numpy(), (theta / energy.mixing).numpy()
    J = energy.couplings().cpu().numpy()
    if isinstance(energy, PatternEnergy):
        # What is left when a unit's own part is taken off: at p = n under the projection rule only rounding.
        J = np.where(np.abs(J) <= ROUNDING * float(energy.diagonal.abs().max()), 0.0, J)
    return J, theta.numpy()


def quadratic_scale(energy: Energy) -> float:
    """Return what the numbers of `as_quadratic` are to be multiplied with to be the memory's own."""
    unscaled = isinstance(energy, PatternEnergy) and not isinstance(energy.mixing, Tensor)
    return float(energy.mixing) if unscaled and energy.mixing > 0 else 1.0
