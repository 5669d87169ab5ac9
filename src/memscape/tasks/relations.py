"""Questions about objects, symbolic: some about one object, some about how objects stand to each other.

After Sort-of-CLEVR (Santoro et al. 2017, arXiv 1706.01427), without pixels: an object is a row of numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.random import Generator, derived, draw_seed, resolve

KINDS = ("shape of", "is left", "is below", "shape of nearest", "shape of furthest", "how many of this shape")
"""The questions that are asked of a colour; the last three are about relations."""

ANSWERS = ("no", "yes", "disc", "square", "1", "2", "3", "4", "5", "6")
"""What can be said."""

SHAPES = 2


@dataclass(frozen=True)
class Questions:
    """Scenes with a question each.

    Attributes:
        objects: (b, m, m + 4) a row for each object: its colour, one-hot; its shape, one-hot; x and y.
        questions: (b, m + 6) the colour that is asked about, one-hot, and the kind of question, one-hot.
        answers: (b,) the right one of `ANSWERS`.
        kinds: (b,) the kind of question, one of `KINDS`.
    """

    objects: Float[Tensor, "b m f"]
    questions: Float[Tensor, "b q"]
    answers: Int[Tensor, " b"]
    kinds: Int[Tensor, " b"]

    @property
    def relational(self) -> Bool[Tensor, " b"]:
        """Whether the question is about how objects stand to each other."""
        return self.kinds >= 3


@dataclass(frozen=True)
class ObjectQuestions:
    """Objects of different colours at random places of a unit square, each a disc or a square; one question.

    About one object: its shape; whether it lies in the left half; whether it lies in the lower half. About
    relations: the shape of the object nearest to it, of the one furthest from it, and how many objects, it
    included, have its shape.

    Args:
        objects: m, from 2 to 6; each has a colour of its own.

    >>> batch = ObjectQuestions().sample(4, generator=0)
    >>> batch.objects.shape, batch.questions.shape
    (torch.Size([4, 6, 10]), torch.Size([4, 12]))
    """

    objects: int = 6

    def __post_init__(self) -> None:
        most = len(ANSWERS) - 4
        if require_count(self.objects, "objects", low=2) > most:
            raise InputError(f"{self.objects} objects need as many colours; there are {most}")

    def sample(self, count: int, *, generator: Generator = None) -> Questions:
        """Return so many scenes, each with a question of a random kind. O(count m^2)."""
        source, count, m = resolve(generator), require_count(count, "count"), self.objects
        shapes = torch.randint(SHAPES, (count, m), generator=source)
        places = torch.rand(count, m, 2, generator=source)
        colour, kinds = (torch.randint(most, (count,), generator=source) for most in (m, len(KINDS)))
        order = torch.rand(count, m, generator=source).argsort(-1)
        rows = [F.one_hot(torch.arange(m).expand(count, -1), m), F.one_hot(shapes, SHAPES), places]
        objects = torch.cat([part.float() for part in rows], -1)
        objects = objects.gather(1, order[..., None].expand_as(objects))
        questions = torch.cat([F.one_hot(colour, m), F.one_hot(kinds, len(KINDS))], -1).float()
        answers = _answers(shapes, places, colour).gather(1, kinds[:, None])[:, 0]
        return Questions(objects, questions, answers, kinds)

    def batches(self, size: int, seed: Generator = None) -> Callable[[int], Questions]:
        """Return the function from a step's number to its batch of `size` scenes."""
        size, number = require_count(size, "the batch size"), draw_seed(seed)
        return lambda step: self.sample(size, generator=derived(number, step))

    def guesses(self, batch: Questions) -> Float[Tensor, " b"]:
        """Return the accuracy of a guess among the answers that a question can have."""
        return torch.where(batch.kinds == 5, 1 / self.objects, 0.5)

    def to_dict(self) -> dict[str, Any]:
        """Return name and size as plain Python values, ready for JSON."""
        return {"task": type(self).__name__, "objects": self.objects}


def _answers(
    shapes: Int[Tensor, "b m"], places: Float[Tensor, "b m 2"], colour: Int[Tensor, " b"]
) -> Int[Tensor, "b 6"]:
    """Return the right answer to each kind of question about the object of that colour."""
    rows = torch.arange(len(shapes))
    own, place = shapes[rows, colour], places[rows, colour]
    distance = (places - place[:, None]).norm(dim=-1)
    furthest = distance.argmax(-1)
    nearest = distance.scatter(1, colour[:, None], torch.inf).argmin(-1)
    same = (shapes == own[:, None]).sum(-1)
    left, below = (place[:, axis] < 0.5 for axis in (0, 1))
    said = [2 + own, left, below, 2 + shapes[rows, nearest], 2 + shapes[rows, furthest], 3 + same]
    return torch.stack([answer.long() for answer in said], 1)
