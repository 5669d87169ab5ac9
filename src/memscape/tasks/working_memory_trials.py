"""What a task of working memory is: items shown one by one, a delay, questions, and a rule that answers them.

The rule is told apart from the memory: each task carries out its rule with any `Store`, so that what goes
wrong is the store's doing.
"""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.tasks.tokens import SILENT, Tokens, TokenTask
from memscape.tasks.working_memory_stores import Store, Trace, opened

WAIT, ASK, NO, YES = range(4)
"""The tokens that all tasks share: nothing happens, answer now, and the two answers of yes-or-no tasks."""

FIRST = 4
"""The token of place 0, or of item 0 where places are not shown."""

Reader = Callable[[Tensor], Tensor]
"""Tokens (b, t) to answers (b, t)."""


@dataclass(frozen=True)
class WorkingMemoryTask(TokenTask):
    """A task of working memory, symbolic: stimuli are tokens, so nothing has to be seen.

    Args:
        size: how much has to be held at once, 1 or more.
        delay: empty steps between what is shown and what is asked.
    """

    name: ClassVar[str]
    """Its name among `working_memory.TASKS`; it ends in `-style`: same task, other stimuli."""

    size: int = 4
    delay: int = 0

    def __post_init__(self) -> None:
        require_count(self.size, "size")
        require_count(self.delay, "delay", low=0)

    @property
    def places(self) -> int:
        """How many different places are shown; 0 where a place is the turn at which an item comes."""
        return 0

    @property
    @abstractmethod
    def items(self) -> int:
        """How many different items there are."""

    @property
    def answers(self) -> tuple[int, int]:
        """The first answer's token and the last one's plus 1; items where nothing else is said."""
        return FIRST + self.places, self.vocabulary

    @property
    def vocabulary(self) -> int:
        """The number of different tokens: four that all tasks share, places, items."""
        return FIRST + self.places + self.items

    @property
    def chance(self) -> float:
        """The accuracy of a guess among the answers."""
        return 1 / (self.answers[1] - self.answers[0])

    @abstractmethod
    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` trials with their right answers. O(count t)."""

    @abstractmethod
    def carry_out(self, inputs: Int[Tensor, "b t"], trace: Trace) -> Int[Tensor, "b t"]:
        """Return the answers of one who knows the rule and has this memory; WAIT where nothing is asked."""

    def reader(self, store: Store, generator: Generator = None) -> Reader:
        """Return what answers by the rule with a store as its memory; `Table()` gives the ceiling, 1."""
        drawn = resolve(generator)
        slots = self.places or self.size

        def answer(inputs: Int[Tensor, "b t"]) -> Int[Tensor, "b t"]:
            return self.carry_out(inputs, opened(store, len(inputs), slots, self.items, drawn))

        return answer

    def item_tokens(self, items: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
        """Return the tokens of item numbers."""
        return items + FIRST + self.places

    def item_numbers(self, tokens: Int[Tensor, "..."]) -> Int[Tensor, "..."]:
        """Return the item numbers of tokens."""
        return tokens - FIRST - self.places

    def require_items(self, most: int) -> None:
        """Raise `InputError` where more has to be held than there are different items or places."""
        if self.size > most:
            raise InputError(f"size is {self.size}; {self.name} has {most} different ones, use at most that")


@dataclass(frozen=True)
class YesNoTask(WorkingMemoryTask):
    """A task of working memory whose answers are yes and no, each right in half of the trials."""

    @property
    def answers(self) -> tuple[int, int]:
        """No and yes."""
        return NO, YES + 1


@dataclass(frozen=True)
class PoolTask(WorkingMemoryTask):
    """A task of working memory over lists of different items from a pool.

    Args:
        pool: different items, 2 or more.
    """

    pool: int = 9

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_items(require_count(self.pool, "pool", low=2))

    @property
    def items(self) -> int:
        """The pool."""
        return self.pool


@dataclass
class Script:
    """A batch of trials as it is put together, column by column.

    >>> script = Script(2)
    >>> script.show(torch.tensor([[5, 6], [7, 8]])).wait(1).ask(torch.tensor([5, 7]))
    Script of 2 trials, 4 steps, 1 asked
    >>> script.tokens().inputs[0].tolist(), script.tokens().targets[0].tolist()
    ([5, 6, 0, 1], [-100, -100, -100, 5])
    """

    count: int
    shown: list[Tensor] = field(default_factory=list)
    wanted: list[Tensor] = field(default_factory=list)

    def show(self, tokens: Int[Tensor, "b k"]) -> "Script":
        """Add steps at which nothing is asked."""
        self.shown += tokens.unbind(1)
        self.wanted += [torch.full((self.count,), SILENT)] * tokens.shape[1]
        return self

    def wait(self, steps: int) -> "Script":
        """Add empty steps."""
        return self.show(torch.full((self.count, steps), WAIT)) if steps else self

    def ask(self, right: Int[Tensor, " b"], shown: Int[Tensor, " b"] | None = None) -> "Script":
        """Add a step at which an answer is asked; something else than the question mark can be shown."""
        self.shown.append(torch.full((self.count,), ASK) if shown is None else shown)
        self.wanted.append(right)
        return self

    def tokens(self) -> Tokens:
        """Return the batch."""
        return Tokens(torch.stack(self.shown, 1), torch.stack(self.wanted, 1))

    def __repr__(self) -> str:
        asked = sum(bool((column != SILENT).any()) for column in self.wanted)
        return f"Script of {self.count} trials, {len(self.shown)} steps, {asked} asked"


def coin(count: int, source: torch.Generator) -> Tensor:
    """Return `count` fair booleans."""
    return torch.rand(count, generator=source) < 0.5


def yes_no(yes: Tensor) -> Int[Tensor, "..."]:
    """Return the tokens of booleans."""
    return torch.where(yes, YES, NO)


def turns(inputs: Int[Tensor, "b t"], size: int) -> Int[Tensor, "b s"]:
    """Return the places of items that are told apart by their turn: 0, 1, ... in each row."""
    return torch.arange(size).expand(len(inputs), size)


def write_list(trace: Trace, items: Int[Tensor, "b s"], delay: int) -> None:
    """Write items to the places 0, 1, ..., then wait."""
    for place, item in zip(turns(items, items.shape[1]).unbind(1), items.unbind(1), strict=True):
        trace.write(place, item)
    for _ in range(delay):
        trace.wait()
