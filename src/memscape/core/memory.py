"""The protocols.

What a memory must offer, and the capabilities that it may offer. Nothing raises NotImplementedError.
"""

from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from memscape.core.recall import Recall
from memscape.core.spaces import Space


@runtime_checkable
class Memory(Protocol):
    """Stores patterns and recalls them from cues."""

    space: Space

    def store(self, patterns: Any) -> "Memory":
        """Add patterns (p, n), in place, and return the memory itself."""
        ...

    def recall(
        self, cue: Any, *, dynamics: Any = None, max_steps: int = 1000, generator: Any = None, **options: Any
    ) -> Recall:
        """Return where cues (..., n) lead."""
        ...


@runtime_checkable
class EnergyMemory(Protocol):
    """Has an energy: what every tool of the landscape asks for."""

    space: Space

    @property
    def landscape_energy(self) -> Any:
        """The energy as data."""
        ...

    def recall(
        self, cue: Any, *, dynamics: Any = None, max_steps: int = 1000, generator: Any = None, **options: Any
    ) -> Recall:
        """Return where cues (..., n) lead."""
        ...

    def energy(self, state: Any) -> Tensor:
        """Return E of states (..., n)."""
        ...

    def field(self, state: Any) -> Tensor:
        """Return the exact effective field of discrete states, -dE/ds of real ones."""
        ...


@runtime_checkable
class ForgettingMemory(Protocol):
    """Can forget: afterwards it equals a fresh memory of the rest, in the old order."""

    def forget(self, index: Any) -> "ForgettingMemory":
        """Remove the patterns at `index`, in place, and return the memory itself."""
        ...


@runtime_checkable
class HeteroMemory(Protocol):
    """Associates keys with values of another width."""

    def associate(self, keys: Any, values: Any) -> "HeteroMemory":
        """Store pairs of keys (p, k) and values (p, v), in place."""
        ...

    def read(self, keys: Any) -> Tensor:
        """Return the values (b, v) of keys (b, k)."""
        ...


@runtime_checkable
class ShapeableMemory(Protocol):
    """Has one knob per pattern: a bias or a margin."""

    strengths: Tensor

    def reshaped(self, strengths: Any) -> "ShapeableMemory":
        """Return a memory of the same patterns with these strengths (p,)."""
        ...
