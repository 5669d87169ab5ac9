"""Bits that arrive one by one, and a question about the last N of them: how far back a memory reaches."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve


@dataclass(frozen=True)
class BitTask(ABC):
    """A stream of bits, -1 or +1, of a length from N + 2 to 4N + 2, and a question about its last N bits.

    The length is drawn anew for each call of `sample`; it is longer than N, so that the first bits are noise
    that a memory has to let go.

    Args:
        order: N, 2 or more.

    Khajehabdollahi, Zeraati et al. 2024, arXiv 2309.12927, section 2.
    """

    order: int = 2

    def __post_init__(self) -> None:
        require_count(self.order, "the order N", low=2)

    @property
    def chance(self) -> float:
        """The accuracy of a guess."""
        return 0.5

    def sample(self, count: int, *, generator: Generator = None) -> Float[Tensor, "b t"]:
        """Return `count` streams of one length. O(count N)."""
        source, count = resolve(generator), require_count(count, "count")
        length = self.order + 2 + int(torch.randint(3 * self.order + 1, (), generator=source))
        ones = torch.rand(count, length, generator=source) < self._chance_of_one(count, source)
        return ones * 2.0 - 1

    @abstractmethod
    def _chance_of_one(self, count: int, source: torch.Generator) -> Float[Tensor, "b 1"]:
        """Return how likely a bit is +1 in each stream."""

    @abstractmethod
    def _answer(self, ones: Int[Tensor, "b t"], order: int) -> Int[Tensor, " b"]:
        """Return 0 or 1 for streams of 0 and 1."""

    def labels(
        self, streams: Float[Tensor, "b t"], orders: Sequence[int] | None = None
    ) -> Int[Tensor, "b m"]:
        """Return the right answers, 0 or 1, for each of the orders; None asks about N alone. O(b N m).

        Raises:
            InputError: for streams shorter than an order, or orders below 1.
        """
        ones = (streams > 0).long()
        asked = (self.order,) if orders is None else tuple(orders)
        for order in asked:
            if require_count(order, "an order") > streams.shape[-1]:
                raise InputError(f"the streams hold {streams.shape[-1]} bits; the last {order} were asked")
        return torch.stack([self._answer(ones, order) for order in asked], -1)

    def to_dict(self) -> dict[str, Any]:
        """Return name and size as plain Python values, ready for JSON."""
        return {"task": type(self).__name__, "order": self.order}


@dataclass(frozen=True)
class NParity(BitTask):
    """Is the number of ones among the last N bits odd? Each stream has a share of ones of its own.

    >>> task = NParity(order=3)
    >>> task.labels(torch.tensor([[-1.0, 1.0, 1.0, -1.0], [-1.0, 1.0, 1.0, 1.0]])).flatten().tolist()
    [0, 1]
    """

    def _chance_of_one(self, count: int, source: torch.Generator) -> Float[Tensor, "b 1"]:
        return torch.rand(count, 1, generator=source)

    def _answer(self, ones: Int[Tensor, "b t"], order: int) -> Int[Tensor, " b"]:
        return ones[:, -order:].sum(-1) % 2


@dataclass(frozen=True)
class NDMS(BitTask):
    """Is the last bit the same as the one N - 1 places before it (delayed match to sample)?

    >>> task = NDMS(order=3)
    >>> task.labels(torch.tensor([[-1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, -1.0]])).flatten().tolist()
    [1, 0]
    """

    def _chance_of_one(self, count: int, source: torch.Generator) -> Float[Tensor, "b 1"]:
        return torch.full((count, 1), 0.5)

    def _answer(self, ones: Int[Tensor, "b t"], order: int) -> Int[Tensor, " b"]:
        return (ones[:, -order] == ones[:, -1]).long()
