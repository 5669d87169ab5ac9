"""Stores that hold which item is at which place while a trial lasts.

A table, and outer products that blur.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.mechanisms import writing


class Trace(ABC):
    """What a store holds of a batch of trials that are under way."""

    @abstractmethod
    def write(self, place: Int[Tensor, " b"], item: Int[Tensor, " b"]) -> None:
        """Put an item at a place of each trial, in place."""

    @abstractmethod
    def read(self, places: Int[Tensor, "b k"]) -> Int[Tensor, "b k"]:
        """Return the item that seems to be at each of the places."""

    def wait(self) -> None:
        """Let a step pass in which nothing is written."""
        return None


class Store(ABC):
    """A kind of working memory. Stores are frozen values; `open` begins a batch of trials."""

    @abstractmethod
    def open(self, count: int, places: int, items: int, generator: torch.Generator) -> Trace:
        """Return the empty trace of `count` trials with so many places and so many different items."""


@dataclass(frozen=True)
class Table(Store):
    """Forgets nothing and mixes nothing up: what it answers is the ceiling of every task.

    >>> trace = Table().open(1, places=2, items=5, generator=torch.Generator())
    >>> trace.write(torch.tensor([1]), torch.tensor([4]))
    >>> trace.read(torch.tensor([[1]]))
    tensor([[4]])
    """

    def open(self, count: int, places: int, items: int, generator: torch.Generator) -> "Rows":
        """Return a table of zeros."""
        return Rows(torch.zeros(count, places, dtype=torch.int64))


@dataclass
class Rows(Trace):
    """A row for each trial, a number for each place."""

    rows: Int[Tensor, "b s"]

    def write(self, place: Int[Tensor, " b"], item: Int[Tensor, " b"]) -> None:
        self.rows.scatter_(1, place[:, None], item[:, None])

    def read(self, places: Int[Tensor, "b k"]) -> Int[Tensor, "b k"]:
        return self.rows.gather(1, places)


@dataclass(frozen=True)
class HebbStore(Store):
    """$S \\leftarrow \\rho S + k \\otimes v$ over random codes: more items blur, earlier ones fade.

    Places and items get random codes of length 1, new in each trial. A place is read as the item whose code
    lies nearest to $S^T k$ plus noise. Items written anew to a place are added to what was there.

    Args:
        width: of the codes.
        retention: $\\rho$ in (0, 1], for each write and each step of waiting.
        noise: standard deviation of the noise in each unit of what is read; this is what waiting hurts by.

    >>> trace = HebbStore().open(1, places=2, items=5, generator=torch.Generator().manual_seed(0))
    >>> trace.write(torch.tensor([1]), torch.tensor([4]))
    >>> trace.read(torch.tensor([[1]]))
    tensor([[4]])
    """

    width: int = 32
    retention: float = 1.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        require_count(self.width, "width")
        require_fraction(self.retention, "retention")
        require_fraction(self.noise, "noise", high=1e6)
        if self.retention == 0:
            raise InputError("the retention is 0, which keeps nothing; use one above 0")

    def open(self, count: int, places: int, items: int, generator: torch.Generator) -> "Blurred":
        """Return an empty store with codes of its own for each trial. O(b (places + items + width) width)."""
        keys, values = (_codes(count, many, self.width, generator) for many in (places, items))
        return Blurred(keys, values, torch.zeros(count, self.width, self.width), self, generator)

    def written(self, S: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return the outer products after one more pair."""
        return writing.decay(S, key, value, self.retention)


@dataclass(frozen=True)
class DeltaStore(HebbStore):
    """As `HebbStore`, but what a place held is taken out first, by the delta rule on $\\rho S$.

    >>> trace = DeltaStore().open(1, places=1, items=5, generator=torch.Generator().manual_seed(0))
    >>> for item in (4, 4, 4, 2):
    ...     trace.write(torch.tensor([0]), torch.tensor([item]))
    >>> trace.read(torch.tensor([[0]]))
    tensor([[2]])
    """

    def written(self, S: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """Return the outer products after one more pair by the delta rule."""
        return writing.delta(self.retention * S, key, value)


@dataclass
class Blurred(Trace):
    """Codes of places and items, and the outer products of those that were tied."""

    keys: Float[Tensor, "b s w"]
    values: Float[Tensor, "b m w"]
    S: Float[Tensor, "b w w"]
    store: HebbStore
    generator: torch.Generator

    def write(self, place: Int[Tensor, " b"], item: Int[Tensor, " b"]) -> None:
        rows = torch.arange(len(place))
        self.S = self.store.written(self.S, self.keys[rows, place], self.values[rows, item])

    def read(self, places: Int[Tensor, "b k"]) -> Int[Tensor, "b k"]:
        found = self.keys[torch.arange(len(places))[:, None], places] @ self.S
        blur = self.store.noise * torch.randn(found.shape, generator=self.generator)
        return ((found + blur) @ self.values.transpose(1, 2)).argmax(-1)

    def wait(self) -> None:
        self.S = self.store.retention * self.S


def _codes(count: int, many: int, width: int, generator: torch.Generator) -> Float[Tensor, "b m w"]:
    drawn = torch.randn(count, many, width, generator=generator)
    return drawn / drawn.norm(dim=-1, keepdim=True)


def opened(store: Store, count: int, places: int, items: int, generator: Generator = None) -> Trace:
    """Return the empty trace of a store, seeded.

    >>> opened(Table(), 3, places=2, items=5).read(torch.zeros(3, 1, dtype=torch.int64)).flatten().tolist()
    [0, 0, 0]
    """
    return store.open(require_count(count, "count"), places, items, resolve(generator))
