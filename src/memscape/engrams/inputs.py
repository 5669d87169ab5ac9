"""The second moments of one layer input: one for each concept, and one for the rows of no concept."""

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import InputError
from memscape.engrams.handlers import FULL, Part
from memscape.engrams.labelling import Concept
from memscape.engrams.moments import Diagonal, Gram, Moment, Rows, grown, packed_bytes, waiting_rows


class InputMoments:
    """What was summed up of the rows that one input gave to the layers that share it.

    A concept of few rows keeps the rows; above half the width it becomes a matrix. With `sketch=r` a concept
    keeps at most 2r rows, and `rest` then counts every row, so that the total stays exact.
    """

    def __init__(self, kind: str, groups: int, width: int, sketch: int | None = None):
        self.kind, self.groups, self.width, self.sketch = kind, groups, width, sketch
        self.concepts: dict[Concept, Moment] = {}
        self.rest: Moment | None = None

    @classmethod
    def of(cls, part: Part, sketch: int | None) -> "InputMoments":
        """Return empty moments for the input of a part."""
        return cls(part.kind, part.groups, part.width, sketch if part.kind == FULL and sketch else None)

    def add(self, concept: Concept | None, rows: Tensor) -> None:
        """Add rows (g, n, d) of a concept, or of none, in place."""
        if concept is not None:
            held = self.concepts.get(concept)
            if held is None:
                held = self.concepts[concept] = self._small(rows.device)
            self.concepts[concept] = self._with(held, rows)
        if concept is None or self.sketch is not None:
            if self.rest is None:
                self.rest = self._large(rows.device)
            self.rest.add(rows)

    def _small(self, device: torch.device) -> Moment:
        if self.kind != FULL:
            return Diagonal(self.width, device)
        return Rows(self.groups, self.width, device, self.sketch)

    def _large(self, device: torch.device) -> Moment:
        return Diagonal(self.width, device) if self.kind != FULL else Gram(self.groups, self.width, device)

    def _with(self, held: Moment, rows: Tensor) -> Moment:
        if isinstance(held, Rows) and self.sketch is None and held.count + rows.shape[1] > self.width // 2:
            held = grown(held)
        held.add(rows)
        return held

    def absorb(self, other: "InputMoments") -> None:
        """Add the moments of another collection of the same input, in place."""
        if (self.kind, self.groups, self.width, self.sketch) != (
            other.kind,
            other.groups,
            other.width,
            other.sketch,
        ):
            raise InputError(
                "statistics of different shapes or sketches cannot be merged; collect both alike"
            )
        for concept, moment in other.concepts.items():
            own = self.concepts.get(concept)
            self.concepts[concept] = moment if own is None else self._joined(own, moment)
        if other.rest is not None:
            self.rest = other.rest if self.rest is None else self._joined(self.rest, other.rest)

    def _joined(self, own: Moment, more: Moment) -> Moment:
        if isinstance(own, Diagonal) and isinstance(more, Diagonal):
            made = Diagonal(self.width, own.values.device)
            made.absorb(own)
            made.absorb(more)
            return made
        if isinstance(own, Rows) and isinstance(more, Rows) and self._few(own, more):
            few = Rows(self.groups, self.width, own._device, self.sketch)
            few.absorb(own)
            few.absorb(more)
            return few
        sum_ = Gram(self.groups, self.width, own.device)
        for moment in (own, more):
            sum_.absorb(moment)
        return sum_

    def _few(self, own: Rows, more: Rows) -> bool:
        return self.sketch is not None or own.count + more.count <= self.width // 2

    def counted(self) -> list[Moment]:
        """Return the moments whose sum is the total, in the order of the concepts' names."""
        exact = [] if self.sketch is not None else [self.concepts[c] for c in ordered(self.concepts)]
        return [*exact, *([] if self.rest is None else [self.rest])]

    def total(self, bias: bool) -> Float[Tensor, "g e e"]:
        """Return the matrix of all rows, in float64. O(g d^2) memory, one matrix."""
        kept = Rows(self.groups, self.width, self.device)
        parts: list[Moment] = []
        for part in self.counted():  # few rows of many concepts: one product
            if isinstance(part, Rows):
                kept.absorb(part)
            else:
                parts.append(part)
        whole = kept.full(bias) if kept.count or not parts else parts.pop(0).full(bias)
        for part in parts:
            part.add_to(whole, bias)
        return whole

    def diagonal(self) -> Float[Tensor, " d"]:
        """Return the diagonal of the total of a diagonal input."""
        return torch.stack(
            [part.values.double() for part in self.counted() if isinstance(part, Diagonal)]
        ).sum(0)

    @property
    def device(self) -> torch.device:
        """Where the moments are, and where they are solved."""
        return next((part.device for part in self.counted()), torch.device("cpu"))

    @property
    def count(self) -> int:
        """Rows in all."""
        return sum(part.count for part in self.counted())

    @property
    def trace(self) -> float:
        """Sum of the squares of all entries of all rows."""
        return sum(part.trace for part in self.counted())

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        parts = [*self.concepts.values(), *([] if self.rest is None else [self.rest])]
        return sum(part.nbytes for part in parts)

    def largest(self, concepts: int) -> int:
        """Return the bytes that this many concepts take when each has filled its matrix, with the rest."""
        if self.kind != FULL:
            return 8 * self.width * (concepts + 1)
        one = packed_bytes(self.groups, self.width) + 4 * self.groups * self.width * waiting_rows(self.width)
        if self.sketch is not None:
            return one + concepts * self.groups * 2 * self.sketch * (self.width + 1) * 4
        return one * (concepts + 1)


def ordered(concepts: Iterable[Concept]) -> list[Concept]:
    """Return concepts in their canonical order: numbers, then names."""
    return sorted(concepts, key=lambda c: (isinstance(c, str), c))
