"""Which stored patterns a course of states went through."""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float, Num
from torch import Tensor

from memscape.core.spaces import Space
from memscape.memories.temporal import Replay


def followed(
    path: Sequence[Float[Tensor, "b n"]],
    space: Space,
    patterns: Num[Tensor, "p n"],
    shape: tuple[int, ...],
    settings: dict[str, Any],
) -> Replay:
    """Return a course as a `Replay`: the pattern of largest overlap at each step, -1 below the threshold.

    Args:
        path: the states of all cues, step by step, the cues first.
        space: says what an overlap is.
        patterns: what is stored.
        shape: the batch shape of the cues.
        settings: kept with the replay; `threshold` is read from it.

    Cost: O(b t p n).
    """
    course = torch.stack(list(path), 1)
    units = course.shape[-1]
    overlap, match = space.overlap(course.reshape(-1, units), patterns).max(-1)
    match = torch.where(overlap >= settings["threshold"], match, -1)
    shape = (*shape, course.shape[1])
    return Replay(course.reshape(*shape, units), match.reshape(shape), overlap.reshape(shape), settings)
