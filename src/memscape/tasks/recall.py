"""Recall from context: pairs of a key and a value, then keys whose values are asked."""

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.tasks.tokens import SILENT, Tokens, TokenTask

BLANK = 0
"""The token that means nothing; neither a key nor a value."""


@dataclass(frozen=True)
class PairTask(TokenTask):
    """Keys come from the lower half of the vocabulary, 1 to symbols/2 - 1, values from the upper half.

    Args:
        pairs: pairs of a sequence.
        symbols: the size of the vocabulary.
    """

    pairs: int = 8
    symbols: int = 64

    def __post_init__(self) -> None:
        require_count(self.pairs, "pairs")
        require_count(self.symbols, "symbols", low=4)
        if self.symbols % 2:
            raise InputError(f"symbols is {self.symbols}; it must be even, half are keys and half are values")
        if self.pairs > self.keys:
            raise InputError(
                f"{self.pairs} pairs need as many different keys and a vocabulary of {self.symbols} has "
                f"{self.keys}; take symbols={2 * (self.pairs + 1)} or more"
            )

    @property
    def keys(self) -> int:
        """The number of different keys."""
        return self.symbols // 2 - 1

    @property
    def vocabulary(self) -> int:
        """The number of different tokens."""
        return self.symbols

    @property
    def chance(self) -> float:
        """The accuracy of a guess among the values."""
        return 2 / self.symbols

    def latest(self, inputs: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
        """Return what followed the latest earlier occurrence of each token: a perfect induction head."""
        return followed(inputs, latest=True)

    def earliest(self, inputs: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
        """Return what followed the first occurrence of each token: a memory that never overwrites."""
        return followed(inputs, latest=False)

    def _pairs(self, count: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return distinct keys (b, pairs) and independent values (b, pairs)."""
        keys = _distinct(count, self.keys, self.pairs, source) + 1
        half = self.symbols // 2
        return keys, torch.randint(half, self.symbols, (count, self.pairs), generator=source)


def followed(inputs: Int[Tensor, "b t"], *, latest: bool) -> Int[Tensor, "b t"]:
    """Return the token after the latest (or first) earlier occurrence of each token; 0 where there is none.

    O(b t^2).
    """
    length = inputs.shape[1]
    earlier = torch.ones(length, length, dtype=torch.bool).tril(-1)
    same = (inputs[:, :, None] == inputs[:, None]) & earlier
    place = torch.arange(length)
    at = torch.where(same, place, -1 if latest else length)
    at = at.amax(-1) if latest else at.amin(-1)
    found = (at >= 0) & (at < length)
    after = inputs.gather(1, (at + 1).clamp(0, length - 1))
    return torch.where(found, after, BLANK)


@dataclass(frozen=True)
class AssociativeRecall(PairTask):
    """Pairs, then one key: its value is asked at the last place (Ba et al. 2016).

    Args:
        pairs: pairs of a sequence; the sequence has 2 pairs + 1 tokens.
        symbols: the size of the vocabulary.

    >>> batch = AssociativeRecall(pairs=3).sample(2, generator=0)
    >>> batch.inputs.shape, int(batch.asked.sum())
    (torch.Size([2, 7]), 2)
    """

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` sequences with their targets. O(count pairs)."""
        source = resolve(generator)
        keys, values = self._pairs(require_count(count, "count"), source)
        which = torch.randint(self.pairs, (count, 1), generator=source)
        inputs = torch.cat([torch.stack([keys, values], -1).flatten(1), keys.gather(1, which)], 1)
        targets = torch.full_like(inputs, SILENT)
        targets[:, -1:] = values.gather(1, which)
        return Tokens(inputs, targets)


@dataclass(frozen=True)
class MultiQueryRecall(PairTask):
    """Pairs, then each key once, somewhere later among random tokens; its value is asked there (MQAR).

    The key of a pair comes back at the place 2 pairs + 2 gap; gaps are drawn without replacement with weight
    $gap^{a-1}$, so that most keys come back soon. A random token may repeat a key: what followed *its* latest
    occurrence is then not the answer, so an induction head misses some and a reader that knows where the
    pairs stand misses none.

    Args:
        pairs: pairs of a sequence.
        symbols: the size of the vocabulary.
        length: tokens of a sequence, at least 4 pairs.
        power: a, above 0; near 0 gaps follow a power law, at 1 they are uniform.

    >>> batch = MultiQueryRecall(pairs=8).sample(3, generator=0)
    >>> batch.inputs.shape, batch.asked.sum(1).tolist()
    (torch.Size([3, 64]), [8, 8, 8])

    Arora et al. 2024 (Zoology).
    """

    length: int = 64
    power: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        require_fraction(self.power, "power", low=1e-6, high=1.0)
        require_count(self.length, "length")
        if self.length < 4 * self.pairs:
            raise InputError(
                f"length is {self.length}; {self.pairs} pairs and their keys need {4 * self.pairs} tokens"
            )

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` sequences with their targets. O(count t)."""
        source = resolve(generator)
        keys, values = self._pairs(require_count(count, "count"), source)
        inputs = torch.randint(self.symbols, (count, self.length), generator=source)
        inputs[:, : 2 * self.pairs] = torch.stack([keys, values], -1).flatten(1)
        at = 2 * self.pairs + 2 * self._gaps(count, source)
        inputs.scatter_(1, at, keys)
        targets = torch.full_like(inputs, SILENT)
        return Tokens(inputs, targets.scatter_(1, at, values))

    def _gaps(self, count: int, source: torch.Generator) -> Int[Tensor, "b pairs"]:
        room = (self.length - 2 * self.pairs) // 2
        weight = torch.arange(1, room + 1, dtype=torch.float64) ** (self.power - 1)
        return torch.multinomial(weight.expand(count, room), self.pairs, generator=source)


@dataclass(frozen=True)
class ForgettingRecall(PairTask):
    """Pairs, then some of the keys with new values, then every key once: the newest value is asked.

    A memory that only adds answers the re-written keys with a blend; one that overwrites is right. A reader
    of first occurrences is wrong on every re-written key whose value changed.

    Args:
        pairs: pairs of a sequence.
        symbols: the size of the vocabulary.
        rewritten: how many of the keys get a new value, at most `pairs`.

    >>> task = ForgettingRecall(pairs=4, rewritten=2)
    >>> task.sample(1, generator=0).inputs.shape
    torch.Size([1, 20])
    """

    rewritten: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self.rewritten, "rewritten", low=0)
        if self.rewritten > self.pairs:
            raise InputError(f"rewritten is {self.rewritten}; there are {self.pairs} pairs")

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` sequences with their targets. O(count pairs)."""
        source = resolve(generator)
        keys, values = self._pairs(require_count(count, "count"), source)
        which = _distinct(count, self.pairs, self.rewritten, source)
        new = torch.randint(self.symbols // 2, self.symbols, which.shape, generator=source)
        again = torch.stack([keys.gather(1, which), new], -1).flatten(1)
        values_now = values.scatter(1, which, new)
        order = _distinct(count, self.pairs, self.pairs, source)
        asked = keys.gather(1, order)
        tail = torch.stack([asked, torch.full_like(asked, BLANK)], -1).flatten(1)
        inputs = torch.cat([torch.stack([keys, values], -1).flatten(1), again, tail], 1)
        targets = torch.full_like(inputs, SILENT)
        start = 2 * (self.pairs + self.rewritten)
        targets[:, start::2] = values_now.gather(1, order)
        return Tokens(inputs, targets)


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

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` sequences with their targets. O(count pairs)."""
        source = resolve(generator)
        both = _distinct(require_count(count, "count"), self.parts**2, self.pairs, source)
        first, second = 1 + both // self.parts, 1 + self.parts + both % self.parts
        low = 1 + 2 * self.parts
        values = torch.randint(low, self.vocabulary, both.shape, generator=source)
        order = _distinct(count, self.pairs, self.pairs, source)
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
        rows = _distinct(count, contexts, contexts, source)
        columns = _distinct(count * contexts, keys, keys, source).view(count, contexts, keys)
        found = values.gather(1, rows[..., None].expand(-1, -1, keys)).gather(2, columns)
        names = columns + 2 + contexts
        body = torch.stack([names, found] if answered else [names], -1).flatten(2)
        inputs = torch.cat([rows[..., None] + 2, body], -1)
        if answered:
            return inputs.flatten(1), torch.full((count, inputs[0].numel()), SILENT)
        targets = torch.cat([torch.full((count, contexts, 1), SILENT), found], -1)
        return inputs.flatten(1), targets.flatten(1)


def _distinct(count: int, many: int, few: int, source: torch.Generator) -> Int[Tensor, "b few"]:
    """Return `few` distinct numbers below `many` in each of `count` rows."""
    return torch.rand(count, many, generator=source).argsort(-1)[:, :few]
