"""Recall from context: pairs of a key and a value, then keys whose values are asked."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.tasks.guessing import most_frequent_share
from memscape.tasks.tokens import SILENT, Tokens, TokenTask, distinct

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

    @property
    def ceilings(self) -> dict[str, float]:
        """The best that knows which values stand in the sequence, and not whose they are."""
        return {"values without keys": most_frequent_share(self.pairs, self.symbols // 2)}

    def baselines(self) -> dict[str, Callable[[Tensor], Tensor]]:
        """Return what answers with the successor of a token's latest, and of its first, occurrence."""
        return {"latest": self.latest, "first": self.earliest}

    def latest(self, inputs: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
        """Return what followed the latest earlier occurrence of each token: a perfect induction head."""
        return followed(inputs, latest=True)

    def earliest(self, inputs: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
        """Return what followed the first occurrence of each token: a memory that never overwrites."""
        return followed(inputs, latest=False)

    def _pairs(self, count: int, source: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return distinct keys (b, pairs) and independent values (b, pairs)."""
        keys = distinct(count, self.keys, self.pairs, source) + 1
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

    @property
    def ceilings(self) -> dict[str, float]:
        """The best without the order of writing, and the best of what never overwrites."""
        again, half = self.rewritten / self.pairs, self.symbols // 2
        either = 1 - again + again * most_frequent_share(2, half)
        return {"pairs without their order": either, "first values alone": 1 - again + again / half}

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self.rewritten, "rewritten", low=0)
        if self.rewritten > self.pairs:
            raise InputError(f"rewritten is {self.rewritten}; there are {self.pairs} pairs")

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` sequences with their targets. O(count pairs)."""
        source = resolve(generator)
        keys, values = self._pairs(require_count(count, "count"), source)
        which = distinct(count, self.pairs, self.rewritten, source)
        new = torch.randint(self.symbols // 2, self.symbols, which.shape, generator=source)
        again = torch.stack([keys.gather(1, which), new], -1).flatten(1)
        values_now = values.scatter(1, which, new)
        order = distinct(count, self.pairs, self.pairs, source)
        asked = keys.gather(1, order)
        tail = torch.stack([asked, torch.full_like(asked, BLANK)], -1).flatten(1)
        inputs = torch.cat([torch.stack([keys, values], -1).flatten(1), again, tail], 1)
        targets = torch.full_like(inputs, SILENT)
        start = 2 * (self.pairs + self.rewritten)
        targets[:, start::2] = values_now.gather(1, order)
        return Tokens(inputs, targets)
