"""Quadratic memories: couplings between pairs of +-1 units, read through their patterns."""

from abc import abstractmethod
from typing import Any, ClassVar, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_memory
from memscape.core.cards import registered
from memscape.core.spaces import Bipolar
from memscape.mechanisms.descent import Asynchronous
from memscape.mechanisms.energies import Couplings, PatternEnergy
from memscape.memories.pattern_memory import PatternMemory, Reading

Q = TypeVar("Q", bound="QuadraticMemory")


class QuadraticMemory(PatternMemory):
    """A pattern memory on +-1 units whose energy is $-\\frac12 s^T J s$ with $J_{ii} = 0$."""

    _options: ClassVar[tuple[str, ...]] = ()
    """Names of the constructor's own options, kept as attributes and written to files."""

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

    def shapeable(self, **options: Any) -> Any:
        """Return a `MaxMargin` memory of the same patterns.

        The quadratic memory whose basins can be shaped.
        """
        return registered("MaxMargin")(self.patterns.float(), **options, **self.reading)

    def _settings(self) -> dict[str, Any]:
        options = {name: getattr(self, name) for name in self._options}
        return {"units": self.units, "options": options, "reading": dict(self.reading)}

    @classmethod
    def _from_settings(cls: type[Q], settings: dict[str, Any], tensors: dict[str, Tensor]) -> Q:
        memory = cls(units=settings["units"], **settings["options"], **settings["reading"])
        memory.load_state_dict(tensors)
        return memory
