"""Selective copying: remember some tokens among many that do not matter."""

from dataclasses import dataclass

import torch

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.tasks.guessing import most_frequent_share
from memscape.tasks.tokens import SILENT, Tokens, TokenTask


@dataclass(frozen=True)
class SelectiveCopy(TokenTask):
    """Tokens at random places among blanks, a mark, then blanks at which the tokens are asked in order.

    Since the places are random, a memory of fixed delays cannot solve it; what is written must depend on what
    is seen.

    Args:
        tokens: how many there are to copy.
        length: places among which they stand, at least `tokens`.
        symbols: different tokens to copy; 0 is the blank and 1 the mark.

    >>> batch = SelectiveCopy(tokens=4, length=10).sample(2, generator=0)
    >>> batch.inputs.shape, batch.asked.sum(1).tolist()
    (torch.Size([2, 15]), [4, 4])

    Gu and Dao 2023, section 3.1.
    """

    tokens: int = 8
    length: int = 48
    symbols: int = 14

    def __post_init__(self) -> None:
        for name in ("tokens", "length", "symbols"):
            require_count(getattr(self, name), name)
        if self.length < self.tokens:
            raise InputError(f"length is {self.length}; {self.tokens} tokens need as many places")

    @property
    def vocabulary(self) -> int:
        """The number of different tokens: blank, mark, symbols."""
        return 2 + self.symbols

    @property
    def chance(self) -> float:
        """The accuracy of a guess among the symbols."""
        return 1 / self.symbols

    @property
    def ceilings(self) -> dict[str, float]:
        """The best that knows which tokens were shown, and not in which order."""
        return {"tokens without their order": most_frequent_share(self.tokens, self.symbols)}

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` sequences with their targets. O(count t log t)."""
        source = resolve(generator)
        count = require_count(count, "count")
        what = torch.randint(2, self.vocabulary, (count, self.tokens), generator=source)
        order = torch.rand(count, self.length, generator=source).argsort(-1)
        where = order[:, : self.tokens].sort(-1).values
        inputs = torch.zeros(count, self.length + 1 + self.tokens, dtype=torch.int64)
        inputs.scatter_(1, where, what)
        inputs[:, self.length] = 1
        targets = torch.full_like(inputs, SILENT)
        targets[:, self.length + 1 :] = what
        return Tokens(inputs, targets)
