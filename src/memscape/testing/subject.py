"""What is examined: a way to make memories, patterns to put into them, and how recalls are compared."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import CapabilityError, InputError
from memscape.core.random import derived
from memscape.core.recall import Recall
from memscape.core.spaces import Bipolar, Real, Space, SparseBinary, Sphere

COUNT, UNITS = 5, 100
"""Patterns and units of the default: a load that every rule bears."""

COMPARED = ("state", "status", "match", "exact", "verdict", "energy")
"""What two recalls have in common when they are said to be equal."""


@dataclass(frozen=True)
class Subject:
    """A way to make memories and patterns (p, n) to put into them; everything is drawn from `seed`."""

    make: Callable[[Tensor], Any]
    patterns: Float[Tensor, "p n"]
    seed: int

    @property
    def count(self) -> int:
        """The number of patterns, p."""
        return len(self.patterns)

    @property
    def units(self) -> int:
        """The number of units, n."""
        return self.patterns.shape[1]

    @property
    def space(self) -> Space:
        """The space of the memories that are made."""
        return self.memory.space

    @cached_property
    def memory(self) -> Any:
        """A memory of all patterns, for laws that leave it as it is; the others make one of their own."""
        return self.fresh()

    @property
    def signed(self) -> bool:
        """Whether the units are -1 and +1, so that 0 is free to mean unknown."""
        return self.space.discrete and bool((self.random(4) < 0).any())

    def fresh(self, rows: Any = slice(None)) -> Any:
        """Return a new memory of the patterns at `rows`."""
        return self.make(self.patterns[rows].clone())

    def damaged(self, amount: float = 0.1) -> Float[Tensor, "p n"]:
        """Return every pattern with the damage of its space."""
        return self.space.corrupt(self.patterns, amount, generator=derived(self.seed, 1))

    def random(self, count: int) -> Float[Tensor, "b n"]:
        """Return random states of the space, in the dtype of the patterns."""
        drawn = self.space.sample(count, self.units, generator=derived(self.seed, 2))
        return drawn.to(self.patterns)

    def whole(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """Return states without unknown units: a cue may hold zeros, a state of +-1 units may not."""
        return torch.where(states == 0, 1.0, states) if self.signed else states

    def recall(self, memory: Any, cues: Any, **options: Any) -> Recall:
        """Return the memory's recall with the suite's seed."""
        return memory.recall(cues, generator=self.seed, **options)

    def close(self, a: Tensor, b: Tensor) -> bool:
        """Return whether two tensors agree: codes bit by bit, floats up to rounding."""
        if a.shape != b.shape:
            return False
        if not a.is_floating_point():
            return torch.equal(a, b)
        exact = self.space.discrete
        scale = float(b.abs().nan_to_num(0.0).max()) if b.numel() else 0.0
        return torch.allclose(
            a.double(), b.double(), rtol=0.0, atol=(1e-9 if exact else 1e-5) * scale, equal_nan=True
        )

    def difference(self, a: Recall, b: Recall) -> str | None:
        """Return in words in what two recalls differ; None where they are equal."""
        for name in COMPARED:
            first, second = getattr(a, name), getattr(b, name)
            if self.space.discrete and name == "state":
                same = torch.equal(first, second)
            else:
                same = self.close(first, second)
            if not same:
                return f"{name} differs{_how_much(first, second)}"
        return None


def _how_much(a: Tensor, b: Tensor) -> str:
    if a.shape != b.shape:
        return f": shapes {tuple(a.shape)} and {tuple(b.shape)}"
    unequal = a != b
    largest = float((a.double() - b.double()).abs().max()) if a.numel() else 0.0
    return f" in {int(unequal.sum())} of {a.numel()} values, by up to {largest:.3g}"


def subject(make: Callable[[Tensor], Any], patterns: Tensor | None, seed: int) -> Subject:
    """Return what the suite examines; without patterns, those of the first kind that `make` takes.

    Raises:
        InputError: where `make` takes none of the kinds.
        CapabilityError: where what it makes has no space or no recall.
    """
    found = _found(make, patterns, seed)
    lacking = [name for name in ("space", "recall") if not hasattr(found.memory, name)]
    if lacking:
        raise CapabilityError(
            f"{type(found.memory).__name__} has no {' and no '.join(lacking)}: it is no memory of patterns; "
            "see memscape.core.memory for the protocols"
        )
    return found


def _found(make: Callable[[Tensor], Any], patterns: Tensor | None, seed: int) -> Subject:
    if patterns is not None:
        return Subject(make, patterns if patterns.is_floating_point() else patterns.float(), seed)
    spaces = (Bipolar(), SparseBinary(UNITS // 10), Sphere(), Real())
    refused = []
    for number, space in enumerate(spaces):
        drawn = space.sample(COUNT, UNITS, generator=derived(seed, 0, number))
        try:
            found = Subject(make, drawn, seed)
            discrete = getattr(getattr(found.memory, "space", space), "discrete", space.discrete)
        except InputError as error:
            refused.append(f"{space}: {error}")
            continue
        if discrete == space.discrete:
            return found
        real = found.space.sample(COUNT, UNITS, generator=derived(seed, 0, len(spaces)))
        return Subject(make, found.space.project(real), seed)
    raise InputError(
        "make(patterns) took no patterns of any kind; give patterns=... of its own space. "
        + "; ".join(refused)
    )
