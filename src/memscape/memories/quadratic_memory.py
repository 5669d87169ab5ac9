"""Quadratic memories: couplings between pairs of +-1 units, read through their patterns."""

from abc import abstractmethod
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_memory
from memscape.core.spaces import Bipolar
from memscape.mechanisms.descent import Asynchronous
from memscape.mechanisms.energies import Couplings, PatternEnergy
from memscape.memories.pattern_memory import PatternMemory, Reading

Q = TypeVar("Q", bound="QuadraticMemory")


class QuadraticMemory(PatternMemory):
    """A pattern memory on +-1 units whose energy is $-\\frac12 s^T J s$ with $J_{ii} = 0$."""

    def __init__(self, patterns: object, units: int | None, reading: Reading):
        self.default_dynamics = Asynchronous()
        super().__init__(patterns, units, Bipolar(), reading)

    @abstractmethod
    def _build_energy(self) -> PatternEnergy | Couplings: ...

    def _start(self, units: int) -> None:
        self.register_buffer("patterns", torch.zeros(0, units, dtype=torch.int8))

    def _add(self, patterns: Tensor) -> None:
        self.patterns = torch.cat([self.patterns, patterns.to(torch.int8)])

    def _keep(self, rows: Tensor) -> None:
        self.patterns = self.patterns[rows]

    @property
    def weights(self) -> Float[Tensor, "n n"]:
        """The couplings J (n, n), float64, zero diagonal. Built when asked: 8 n^2 bytes.

        Raises:
            SizeError: where they would not fit; recall does not need them.
        """
        n = self.units
        require_memory(
            16 * n * n, f"the weights of {n:,} units", "recall works without them, in pattern form"
        )
        energy = self._build_energy()
        return energy.couplings()

    def forward(self, cue: object) -> Tensor:
        """Return the recalled states of cues (..., n)."""
        return self.recall(cue).state

    def _settings(self) -> dict[str, Any]:
        return {"units": self.units, "reading": dict(self.reading)}

    @classmethod
    def _from_settings(cls: type[Q], settings: dict[str, Any], tensors: dict[str, Tensor]) -> Q:
        memory = cls(units=settings["units"], **settings["reading"])
        memory.load_state_dict(tensors)
        return memory
