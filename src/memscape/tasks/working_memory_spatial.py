"""Working memory for where things are, symbolic.

Symmetry, free recall, figures, moves, and which rule holds.
"""

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
    Script,
    WorkingMemoryTask,
    YesNoTask,
    coin,
    turns,
    write_list,
    yes_no,
)


@dataclass(frozen=True)
class SpatialCoordination(YesNoTask):
    """Cells of a grid, one after the other: do they make a pattern that is its own mirror image, left-right?

    Args:
        size: cells, an even number.
        grid: cells of a side, an even number.

    >>> SpatialCoordination(size=4).sample(2, generator=0).inputs.shape
    torch.Size([2, 5])
    """

    name: ClassVar[str] = "spatial-coordination-style"
    grid: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self.grid, "grid", low=2)
        for what in ("size", "grid"):
            if getattr(self, what) % 2:
                raise InputError(f"{what} is {getattr(self, what)}; mirror images need an even number")
        self.require_items(self.grid**2 // 2)

    @property
    def items(self) -> int:
        """The cells."""
        return self.grid**2

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` trials; in half of them one of the cells breaks the symmetry. O(count grid^2)."""
        source, half = resolve(generator), self.grid // 2
        left = distinct(count, half * self.grid, self.size // 2 + 1, source)
        cells = left // half * self.grid + left % half
        spare, cells = cells[:, -1], cells[:, :-1]
        cells = torch.cat([self._mirrored(cells), cells], 1)
        broken = coin(count, source)
        cells[:, -1] = torch.where(broken, spare, cells[:, -1])
        cells = cells.gather(1, distinct(count, self.size, self.size, source))
        return Script(count).show(self.item_tokens(cells)).wait(self.delay).ask(yes_no(~broken)).tokens()

    def _mirrored(self, cells: Int[Tensor, "b s"]) -> Int[Tensor, "b s"]:
        column = cells % self.grid
        return cells - column + self.grid - 1 - column

    def carry_out(self, inputs: Int[Tensor, "b t"], trace: Trace) -> Int[Tensor, "b t"]:
        write_list(trace, self.item_numbers(inputs[:, : self.size]), self.delay)
        held, said = trace.read(turns(inputs, self.size)), torch.zeros_like(inputs)
        same = self._mirrored(held).sort(-1).values == held.sort(-1).values
        said[:, -1] = yes_no(same.all(-1))
        return said


@dataclass(frozen=True)
class SpatialFreeRecall(WorkingMemoryTask):
    """Cells of a grid in any order; which ones were they?

    Each is asked once, in reading order, so that one answer is right at each step: the set is recalled, not
    the order.

    >>> batch = SpatialFreeRecall(size=3).sample(1, generator=0)
    >>> bool((batch.inputs[0, :3].sort().values == batch.targets[0, 3:]).all())
    True
    """

    name: ClassVar[str] = "spatial-free-recall-style"
    grid: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self.grid, "grid")
        self.require_items(self.grid**2)

    @property
    def items(self) -> int:
        """The cells."""
        return self.grid**2

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` trials. O(count grid^2)."""
        drawn = self.item_tokens(distinct(count, self.items, self.size, resolve(generator)))
        script = Script(count).show(drawn).wait(self.delay)
        for cell in drawn.sort(-1).values.unbind(1):
            script.ask(cell)
        return script.tokens()

    def carry_out(self, inputs: Int[Tensor, "b t"], trace: Trace) -> Int[Tensor, "b t"]:
        write_list(trace, self.item_numbers(inputs[:, : self.size]), self.delay)
        said = torch.zeros_like(inputs)
        said[:, -self.size :] = self.item_tokens(trace.read(turns(inputs, self.size))).sort(-1).values
        return said


@dataclass(frozen=True)
class SpatialIntegration(YesNoTask):
    """Segments of a lattice, one after the other, then a whole figure: is it what they make?

    Args:
        size: segments.
        grid: points of a side of the lattice.

    >>> SpatialIntegration(grid=3).items
    12
    """

    name: ClassVar[str] = "spatial-integration-style"
    grid: int = 5

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self.grid, "grid", low=2)
        self.require_items(self.items - 1)

    @property
    def items(self) -> int:
        """The segments between neighbours of the lattice."""
        return 2 * self.grid * (self.grid - 1)

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` trials.

        In half of them one segment of the figure is another one. O(count grid^2).
        """
        source = resolve(generator)
        drawn, same = distinct(count, self.items, self.size + 1, source), coin(count, source)
        parts, figure = drawn[:, :-1], drawn[:, :-1].clone()
        turn = torch.randint(self.size, (count,), generator=source)
        rows = torch.arange(count)
        figure[rows, turn] = torch.where(same, figure[rows, turn], drawn[:, -1])
        script = Script(count).show(self.item_tokens(parts)).wait(self.delay)
        return script.show(self.item_tokens(figure.sort(-1).values)).ask(yes_no(same)).tokens()

    def carry_out(self, inputs: Int[Tensor, "b t"], trace: Trace) -> Int[Tensor, "b t"]:
        write_list(trace, self.item_numbers(inputs[:, : self.size]), self.delay)
        held, said = trace.read(turns(inputs, self.size)), torch.zeros_like(inputs)
        figure = self.item_numbers(inputs[:, -1 - self.size : -1])
        said[:, -1] = yes_no((held.sort(-1).values == figure).all(-1))
        return said


@dataclass(frozen=True)
class SpatialUpdating(WorkingMemoryTask):
    """Objects in a 3 x 3 grid move by arrows, one at a time; where is each now?

    Args:
        size: objects, at most 8.
        updates: moves of each object; whose turn it is to move is drawn by chance.

    >>> SpatialUpdating(size=2, updates=3).sample(1, generator=0).inputs.shape
    torch.Size([1, 20])
    """

    name: ClassVar[str] = "spatial-updating-style"
    updates: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self.updates, "updates", low=0)
        self.require_items(self.places)

    @property
    def places(self) -> int:
        """The objects; what is stored is tied to them."""
        return 8

    @property
    def items(self) -> int:
        """Nine cells and four arrows."""
        return 13

    @property
    def answers(self) -> tuple[int, int]:
        """The cells."""
        return FIRST + self.places, FIRST + self.places + 9

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` trials. Arrows never lead out of the grid. O(count size updates)."""
        source, script, rows = resolve(generator), Script(count), torch.arange(count)
        objects = distinct(count, self.places, self.size, source)
        cells = torch.randint(9, (count, self.size), generator=source)
        script.show(torch.stack([FIRST + objects, self.item_tokens(cells)], -1).flatten(1))
        for which in distinct(count, self.size * self.updates, self.size * self.updates, source).unbind(1):
            which = which % self.size
            options = torch.stack([_moved(cells[rows, which], torch.full((count,), a)) for a in range(4)], 1)
            inside = (options != cells[rows, which][:, None]).double()
            arrow = torch.multinomial(inside, 1, generator=source)[:, 0]
            cells[rows, which] = options[rows, arrow]
            script.show(torch.stack([FIRST + objects[rows, which], self.item_tokens(9 + arrow)], -1))
        script.wait(self.delay)
        order = distinct(count, self.size, self.size, source)
        for which in order.unbind(1):
            script.show(FIRST + objects[rows, which][:, None]).ask(self.item_tokens(cells[rows, which]))
        return script.tokens()

    def carry_out(self, inputs: Int[Tensor, "b t"], trace: Trace) -> Int[Tensor, "b t"]:
        pairs = inputs[:, : 2 * self.size * (1 + self.updates)].unflatten(1, (-1, 2))
        for turn, (who, what) in enumerate(pair.unbind(1) for pair in pairs.unbind(1)):
            place, item = who - FIRST, self.item_numbers(what)
            if turn >= self.size:
                item = _moved(trace.read(place[:, None])[:, 0].clamp_max(8), item - 9)
            trace.write(place, item)
        for _ in range(self.delay):
            trace.wait()
        said, asked = torch.zeros_like(inputs), inputs[:, -2 * self.size :: 2] - FIRST
        said[:, -2 * self.size + 1 :: 2] = self.item_tokens(trace.read(asked).clamp_max(8))
        return said


def _moved(cells: Int[Tensor, " b"], arrows: Int[Tensor, " b"]) -> Int[Tensor, " b"]:
    """Return cells of a 3 x 3 grid after arrows up, down, left, right; at the edge they stay."""
    row, column = cells // 3, cells % 3
    row = (row + torch.tensor([-1, 1, 0, 0])[arrows]).clamp(0, 2)
    column = (column + torch.tensor([0, 0, -1, 1])[arrows]).clamp(0, 2)
    return 3 * row + column


@dataclass(frozen=True)
class SpatialTaskSwitching(YesNoTask):
    """Marks in four quadrants under a rule that a cue sets: below the middle, or right of it?

    Half of the quadrants get the same answer under both rules, so that 3 of 4 answers are right without any
    memory of the cue, and half of them by a guess.

    Args:
        size: cues, each drawn anew.
        run: marks after each cue.

    >>> SpatialTaskSwitching(size=2, run=3).sample(1, generator=0).asked.sum(-1).tolist()
    [6]
    """

    name: ClassVar[str] = "spatial-task-switching-style"
    run: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        require_count(self.run, "run")

    @property
    def places(self) -> int:
        """One: the rule that holds now."""
        return 1

    @property
    def items(self) -> int:
        """Two rules and four quadrants."""
        return 6

    def sample(self, count: int, *, generator: Generator = None) -> Tokens:
        """Return `count` trials. O(count size run)."""
        source, script = resolve(generator), Script(count)
        for _ in range(self.size):
            rule = torch.randint(2, (count, 1), generator=source)
            script.show(self.item_tokens(rule)).wait(self.delay)
            for _ in range(self.run):
                mark = torch.randint(4, (count,), generator=source)
                script.ask(yes_no(_judged(rule[:, 0], mark)), self.item_tokens(2 + mark))
        return script.tokens()

    def carry_out(self, inputs: Int[Tensor, "b t"], trace: Trace) -> Int[Tensor, "b t"]:
        said, nowhere = torch.zeros_like(inputs), torch.zeros(len(inputs), dtype=torch.int64)
        block = 1 + self.delay + self.run
        for first in range(0, block * self.size, block):
            trace.write(nowhere, self.item_numbers(inputs[:, first]))
            for _ in range(self.delay):
                trace.wait()
            for at in range(first + 1 + self.delay, first + block):
                rule = trace.read(nowhere[:, None])[:, 0].clamp_max(1)
                said[:, at] = yes_no(_judged(rule, self.item_numbers(inputs[:, at]) - 2))
        return said


def _judged(rule: Int[Tensor, " b"], quadrant: Int[Tensor, " b"]) -> Tensor:
    """Return whether a quadrant lies below the middle (rule 0) or right of it (rule 1)."""
    return torch.where(rule == 0, quadrant >= 2, quadrant % 2 == 1)
