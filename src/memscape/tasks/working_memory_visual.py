"""Working memory for what was seen, symbolic: recognition, serial recall, change detection, complex span."""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Int
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.tasks.tokens import Tokens, distinct
from memscape.tasks.working_memory_stores import Trace
from memscape.tasks.working_memory_trials import (
    FIRST,
    NO,
    PoolTask,
    Script,
    WorkingMemoryTask,
    YesNoTask,
    coin,
    turns,
    write_list,
    yes_no,
)

FEATURES = {"colour": 8, "orientation": 4, "size": 3, "gap": 2}
"""The features of an object of `ChangeDetection`, and how many values each has."""


@dataclass(frozen=True)
class ItemRecognition(YesNoTask, PoolTask):
    """A list of items, then one item: was it in the list?

    Args:
        pool: different items.

    >>> ItemRecognition(size=3, delay=2).sample(1, generator=0).inputs.shape
    torch.Size([1, 7])
    """

    name: ClassVar[str] = "item-recognition-style"
    pool: int = 40

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_items(self.pool - 1)  # one more for the question

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` trials; the item asked about is an old one in half of them. O(count size)."""
        source = resolve(generator)
        drawn = self.item_tokens(distinct(count, self.pool, self.size + 1, source))
        old, turn = coin(count, source), torch.randint(self.size, (count,), generator=source)
        asked = drawn.gather(1, torch.where(old, turn, self.size)[:, None])
        script = Script(count).show(drawn[:, :-1]).wait(self.delay).show(asked)
        return script.ask(yes_no(old)).tokens()

    def carry_out(self, inputs: Int[Tensor, "b t"], trace: Trace) -> Int[Tensor, "b t"]:
        write_list(trace, self.item_numbers(inputs[:, : self.size]), self.delay)
        held, said = trace.read(turns(inputs, self.size)), torch.zeros_like(inputs)
        said[:, -1] = yes_no((held == self.item_numbers(inputs[:, -2:-1])).any(-1))
        return said


@dataclass(frozen=True)
class SerialRecall(PoolTask):
    """A list of different items, then each of them is asked, in order.

    >>> batch = SerialRecall(size=3).sample(1, generator=0)
    >>> bool((batch.targets[0, 3:] == batch.inputs[0, :3]).all())
    True
    """

    name: ClassVar[str] = "serial-recall-style"

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` trials. O(count size)."""
        drawn = self.item_tokens(distinct(count, self.pool, self.size, resolve(generator)))
        script = Script(count).show(drawn).wait(self.delay)
        for item in drawn.unbind(1):
            script.ask(item)
        return script.tokens()

    def carry_out(self, inputs: Int[Tensor, "b t"], trace: Trace) -> Int[Tensor, "b t"]:
        write_list(trace, self.item_numbers(inputs[:, : self.size]), self.delay)
        said = torch.zeros_like(inputs)
        said[:, -self.size :] = self.item_tokens(trace.read(turns(inputs, self.size)))
        return said


@dataclass(frozen=True)
class SerialRecognition(YesNoTask, PoolTask):
    """A list, then a list again in which half of the items were replaced: is it the same one at this turn?

    >>> SerialRecognition(size=3).sample(2, generator=0).asked.sum(-1).tolist()
    [3, 3]
    """

    name: ClassVar[str] = "serial-recognition-style"

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` trials. O(count size)."""
        source = resolve(generator)
        drawn = distinct(count, self.pool, self.size, source)
        script = Script(count).show(self.item_tokens(drawn)).wait(self.delay)
        for item in drawn.unbind(1):
            same, other = coin(count, source), torch.randint(1, self.pool, (count,), generator=source)
            shown = torch.where(same, item, (item + other) % self.pool)
            script.ask(yes_no(same), self.item_tokens(shown))
        return script.tokens()

    def carry_out(self, inputs: Int[Tensor, "b t"], trace: Trace) -> Int[Tensor, "b t"]:
        write_list(trace, self.item_numbers(inputs[:, : self.size]), self.delay)
        said, held = torch.zeros_like(inputs), trace.read(turns(inputs, self.size))
        said[:, -self.size :] = yes_no(held == self.item_numbers(inputs[:, -self.size :]))
        return said


@dataclass(frozen=True)
class ChangeDetection(YesNoTask):
    """Objects at places, a delay, the objects again: has one of them changed in one feature?

    Args:
        feature: one of `FEATURES`, in which objects differ, or "conjunction": in all of them at once, and
            any one can change.
        where: places.

    >>> ChangeDetection(size=2, feature="conjunction").items
    192
    """

    name: ClassVar[str] = "change-detection-style"
    feature: str = "colour"
    where: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.feature not in (*FEATURES, "conjunction"):
            raise InputError(
                f"the feature is {self.feature!r}; it is one of {', '.join(FEATURES)} or 'conjunction'"
            )
        self.require_items(require_count(self.where, "where"))

    @property
    def places(self) -> int:
        """Where objects can be."""
        return self.where

    @property
    def items(self) -> int:
        """How many different objects there are."""
        return math.prod(self._values)

    @property
    def _values(self) -> tuple[int, ...]:
        return tuple(FEATURES.values()) if self.feature == "conjunction" else (FEATURES[self.feature],)

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` trials, half of them with a change. O(count size)."""
        source = resolve(generator)
        places = distinct(count, self.where, self.size, source)
        before = torch.randint(self.items, (count, self.size), generator=source)
        changed = coin(count, source)
        after = torch.where(changed[:, None], self._with_a_change(before, source), before)
        script = Script(count).show(self._pairs(places, before)).wait(self.delay)
        return script.show(self._pairs(places, after)).ask(yes_no(changed)).tokens()

    def _pairs(self, places: Int[Tensor, "b s"], items: Int[Tensor, "b s"]) -> Int[Tensor, "b s2"]:
        return torch.stack([FIRST + places, self.item_tokens(items)], -1).flatten(1)

    def _with_a_change(self, items: Int[Tensor, "b s"], source: torch.Generator) -> Int[Tensor, "b s"]:
        """Return objects of which one in each row has another value of one feature."""
        rows, values = torch.arange(len(items)), torch.tensor(self._values)
        which = torch.randint(self.size, (len(items),), generator=source)
        feature = torch.randint(len(values), (len(items),), generator=source)
        stride = torch.cumprod(torch.cat([torch.ones(1, dtype=torch.int64), values]), 0)[feature]
        radix = values[feature]
        old = items[rows, which] // stride % radix
        step = 1 + (torch.rand(len(items), generator=source) * (radix - 1)).long()
        items = items.clone()
        items[rows, which] += ((old + step) % radix - old) * stride
        return items

    def carry_out(self, inputs: Int[Tensor, "b t"], trace: Trace) -> Int[Tensor, "b t"]:
        first, second = inputs[:, : 2 * self.size], inputs[:, -1 - 2 * self.size : -1]
        for place, item in zip(first[:, ::2].unbind(1), first[:, 1::2].unbind(1), strict=True):
            trace.write(place - FIRST, self.item_numbers(item))
        for _ in range(self.delay):
            trace.wait()
        said, held = torch.zeros_like(inputs), trace.read(second[:, ::2] - FIRST)
        said[:, -1] = yes_no((held != self.item_numbers(second[:, 1::2])).any(-1))
        return said


@dataclass(frozen=True)
class ComplexSpan(WorkingMemoryTask):
    """A list to recall in order, with a judgement after each item: do two marks lie the same way?

    Judgements are asked at once and need no store; they only take time. The answers are no, yes and items.

    >>> ComplexSpan(size=3).sample(1, generator=0).asked.sum(-1).tolist()
    [6]
    """

    name: ClassVar[str] = "complex-span-style"
    pool: int = 9
    ways: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        self.require_items(require_count(self.pool, "pool", low=2))
        require_count(self.ways, "ways", low=2)

    @property
    def items(self) -> int:
        """The pool and the ways in which marks can lie."""
        return self.pool + self.ways

    @property
    def answers(self) -> tuple[int, int]:
        """No, yes and the items; those between them are never right."""
        return NO, FIRST + self.pool

    @property
    def chance(self) -> float:
        """The accuracy of a guess between yes and no, and among items, half of the answers each."""
        return (0.5 + 1 / self.pool) / 2

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` trials. O(count size)."""
        source, script = resolve(generator), Script(count)
        drawn = self.item_tokens(distinct(count, self.pool, self.size, source))
        for item in drawn.unbind(1):
            one = torch.randint(self.ways, (count,), generator=source)
            same, step = coin(count, source), torch.randint(1, self.ways, (count,), generator=source)
            other = torch.where(same, one, (one + step) % self.ways)
            marks = self.item_tokens(self.pool + torch.stack([one, other], 1))
            script.show(item[:, None]).show(marks).ask(yes_no(same))
        script.wait(self.delay)
        for item in drawn.unbind(1):
            script.ask(item)
        return script.tokens()

    def carry_out(self, inputs: Int[Tensor, "b t"], trace: Trace) -> Int[Tensor, "b t"]:
        said = torch.zeros_like(inputs)
        for turn, place in enumerate(turns(inputs, self.size).unbind(1)):
            item, one, other, _ = inputs[:, 4 * turn : 4 * turn + 4].unbind(1)
            trace.write(place, self.item_numbers(item))
            said[:, 4 * turn + 3] = yes_no(one == other)
            for _ in range(3):
                trace.wait()
        for _ in range(self.delay):
            trace.wait()
        said[:, -self.size :] = self.item_tokens(trace.read(turns(inputs, self.size)))
        return said
