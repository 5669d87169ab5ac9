"""Replays: which stored patterns a course of states went through."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Num
from torch import Tensor

from memscape.core.files import save_bundle
from memscape.core.spaces import Space


@dataclass(frozen=True)
class Replay:
    """The course of a replay; every tensor has the batch shape of the cue in front.

    Attributes:
        states: (..., steps + 1, n), the cue first.
        match: (..., steps + 1) index of the stored pattern with an overlap of `threshold`, -1 for none.
        overlap: (..., steps + 1) with the pattern of largest overlap.
        settings: what a repetition needs.
    """

    states: Tensor
    match: Tensor
    overlap: Tensor
    settings: dict

    def table(self, most: int = 6) -> str:
        """Return the patterns that the first `most` replays went through as lines of text."""
        rows = self.match.reshape(-1, self.match.shape[-1])[:most].tolist()
        return "\n".join(" ".join("-" if m < 0 else str(m) for m in row) for row in rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the states as plain Python values, ready for JSON."""
        return {"match": self.match.tolist(), "overlap": self.overlap.tolist(), "settings": self.settings}

    def save(self, path: str | Path) -> None:
        """Write states, matches and settings to `path` (safetensors with a JSON header)."""
        tensors = {"states": self.states, "match": self.match, "overlap": self.overlap}
        save_bundle(path, kind="replay", card="Replay", tensors=tensors, parts=self.settings)

    def __repr__(self) -> str:
        count, steps = self.match.reshape(-1, self.match.shape[-1]).shape
        return f"Replay of {count} cue{'s' * (count != 1)} over {steps - 1} steps\n{self.table()}"


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
