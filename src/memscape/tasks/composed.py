"""Recall by two things at once: keys of two parts, and keys whose value depends on the context."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.tasks.guessing import most_frequent_share, shared_share
from memscape.tasks.recall import followed
from memscape.tasks.tokens import SILENT, Tokens, TokenTask, distinct


@dataclass(frozen=True)
class CompositionalRecall(TokenTask):
    """Keys made of two tokens, each of which stands in several keys: neither token alone tells the value.

    A sequence holds `pairs` triples (first, second, value) with distinct (first, second), then every key
    once. A reader of the second token alone is right only where that token stands in one key.

    Args:
        pairs: triples of a sequence, at most parts^2.
        parts: the number of first, and of second, tokens.
        values: the number of values.

    >>> CompositionalRecall(pairs=4, parts=2).sample(1, generator=0).inputs.shape
    torch.Size([1, 20])
    """

    pairs: int = 8
    parts: int = 4
    values: int = 16

    def __post_init__(self) -> None:
        for name in ("pairs", "parts", "values"):
            require_count(getattr(self, name), name)
        if self.pairs > self.parts**2:
            raise InputError(f"{self.pairs} pairs need as many keys; {self.parts} parts make {self.parts**2}")

    @property
    def vocabulary(self) -> int:
        """The number of different tokens: the blank, first parts, second parts, values."""
        return 1 + 2 * self.parts + self.values

    @property
    def chance(self) -> float:
        """The accuracy of a guess among the values."""
        return 1 / self.values

    @property
    def ceilings(self) -> dict[str, float]:
        """The best reader of one part of a key."""
        return {"one part alone": shared_share(self.pairs, self.parts, self.values)}

    def baselines(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """Return what answers with the successor of the latest occurrence of the second part."""
        return {"latest of the second part": lambda inputs: followed(inputs, latest=True)}

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` sequences with their targets. O(count pairs)."""
        source = resolve(generator)
        both = distinct(require_count(count, "count"), self.parts**2, self.pairs, source)
        first, second = 1 + both // self.parts, 1 + self.parts + both % self.parts
        low = 1 + 2 * self.parts
        values = torch.randint(low, self.vocabulary, both.shape, generator=source)
        order = distinct(count, self.pairs, self.pairs, source)
        asked = torch.stack([first.gather(1, order), second.gather(1, order)], -1).flatten(1)
        inputs = torch.cat([torch.stack([first, second, values], -1).flatten(1), asked], 1)
        targets = torch.full_like(inputs, SILENT)
        targets[:, 3 * self.pairs + 1 :: 2] = values.gather(1, order)
        return Tokens(inputs, targets)


@dataclass(frozen=True)
class JointRecall(TokenTask):
    """A table of values by context and key: the same key has another value in each context.

    A sequence: for each context its token and all pairs of a key and a value, a separator, then contexts and
    keys again in a new order; the value is asked at each key. A reader of keys alone can only guess among the
    values that the key has in the contexts.

    Args:
        contexts: number of contexts.
        keys: number of keys.
        values: number of values.

    >>> task = JointRecall(contexts=2, keys=3)
    >>> task.sample(1, generator=0).inputs.shape
    torch.Size([1, 24])

    Zhan et al. 2025 (2507.00449).
    """

    contexts: int = 5
    keys: int = 5
    values: int = 16

    def __post_init__(self) -> None:
        for name in ("contexts", "keys", "values"):
            require_count(getattr(self, name), name)

    @property
    def vocabulary(self) -> int:
        """The number of different tokens: two marks, contexts, keys, values."""
        return 2 + self.contexts + self.keys + self.values

    @property
    def chance(self) -> float:
        """The accuracy of a guess among the values."""
        return 1 / self.values

    @property
    def ceilings(self) -> dict[str, float]:
        """The best reader of keys that sees no contexts, and of contexts that sees no keys."""
        keys = most_frequent_share(self.contexts, self.values)
        return {"keys alone": keys, "contexts alone": most_frequent_share(self.keys, self.values)}

    def baselines(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """Return what answers with the value of a key's first occurrence."""
        return {"first": lambda inputs: followed(inputs, latest=False)}

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` sequences with their targets. O(count contexts keys)."""
        source = resolve(generator)
        count = require_count(count, "count")
        table = torch.randint(self.values, (count, self.contexts, self.keys), generator=source)
        values = table + 2 + self.contexts + self.keys
        written, silent = self._listing(values, source, answered=True)
        asked, targets = self._listing(values, source, answered=False)
        start, separator = torch.zeros(count, 1, dtype=torch.int64), torch.ones(count, 1, dtype=torch.int64)
        marks = torch.full((count, 2), SILENT)
        inputs = torch.cat([start, written, separator, asked], 1)
        return Tokens(inputs, torch.cat([marks, silent, targets], 1))

    def _listing(
        self, values: Int[Tensor, "b c k"], source: torch.Generator, *, answered: bool
    ) -> tuple[Tensor, Tensor]:
        """Return contexts with their keys (and values), each in a random order, and the answers at keys."""
        count, contexts, keys = values.shape
        rows = distinct(count, contexts, contexts, source)
        columns = distinct(count * contexts, keys, keys, source).view(count, contexts, keys)
        found = values.gather(1, rows[..., None].expand(-1, -1, keys)).gather(2, columns)
        names = columns + 2 + contexts
        body = torch.stack([names, found] if answered else [names], -1).flatten(2)
        inputs = torch.cat([rows[..., None] + 2, body], -1)
        if answered:
            return inputs.flatten(1), torch.full((count, inputs[0].numel()), SILENT)
        targets = torch.cat([torch.full((count, contexts, 1), SILENT), found], -1)
        return inputs.flatten(1), targets.flatten(1)
