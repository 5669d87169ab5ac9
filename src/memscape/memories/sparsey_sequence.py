"""Sequences in Sparsey: each frame's code depends on the code before it, and calls the code after it."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import require_count, require_memory
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.random import Generator, derived, draw_seed
from memscape.core.spaces import SparseBinary
from memscape.mechanisms.coding import CompetitiveCode
from memscape.mechanisms.writing import clip
from memscape.memories.dense import Dense
from memscape.memories.following import Replay, followed
from memscape.memories.pattern_keeper import MemoryModule, checked_patterns
from memscape.memories.sparsey import require_activity
from memscape.memories.stored_wells import stored_wells


@register
class SparseySequence(MemoryModule):
    """Stores sequences of frames in one trial each and replays them from their first frame.

    A frame's code is chosen by the product of two supports, $V = U H$: the share U of the frame's active bits
    that reach a unit, and the share H of the winners before it that do. So one and the same frame has
    different codes in different sequences. Both weights are written in one clipped step, $W \\leftarrow
    \\mathrm{clamp}(W + x y_t^T, 0, 1)$ and $R \\leftarrow \\mathrm{clamp}(R + y_{t-1} y_t^T, 0, 1)$. A replay
    takes the first code from the frame and every other from the code before, and reads each frame out of its
    code through W.

    Args:
        units: n, units of a frame.
        active: ones of every frame.
        groups, size: Q and K of the code; a larger K keeps frames apart, a larger Q reads them out surely.
        generator: seed of the draws.

    A frame costs O(n Q K + (Q K)^2).

    Raises:
        InputError: for counts below 1, more active bits than units.
        SizeError: where the weights would not fit in memory.

    >>> import memscape as ms
    >>> frames = ms.patterns.sparse(20, 400, active=40, generator=0)
    >>> memory = SparseySequence(units=400, active=40, generator=0).store(frames)
    >>> memory.replay(frames[0], steps=19).match.tolist() == list(range(20))
    True

    Rinkus 2014; Rinkus and Leveille 2017, arXiv 1710.07829 (the product form is ours in its details).
    """

    card = Card(
        name="SparseySequence",
        paper="Rinkus 2014; Rinkus and Leveille 2017, arXiv 1710.07829",
        parts="SparseBinary x competitive code driven by familiarity x two clipped single-trial stores",
        space="0, 1, the same number of ones in each frame",
        capacity="10 sequences of 20 random frames, .1 active, in 24 groups of 64 units (measured)",
        cost="store O(n Q K + (Q K)^2) per frame; replay the same per step; memory 4 Q K (n + Q K) bytes",
        limits="sequences that begin with the same frame are one until they differ; no forgetting",
        span="long-term",
        equation=r"V = U H, \quad R \leftarrow \min(R + y_{t-1} y_t^T, 1)",
    )

    patterns: Tensor
    weights: Tensor
    transitions: Tensor

    def __init__(
        self, *, units: int, active: int, groups: int = 24, size: int = 64, generator: Generator = None
    ):
        super().__init__()
        self.code, self.seed = CompetitiveCode(groups, size), draw_seed(generator)
        self.space, self.active = SparseBinary(active), active
        self.units = require_count(units, "units")
        require_activity(active, units)
        m = self.code.units
        require_memory(4 * m * (units + m), f"{m:,} coding units and {units:,} inputs", "use a smaller code")
        self.register_buffer("patterns", torch.zeros(0, units, dtype=torch.int8))
        self.register_buffer("weights", torch.zeros(units, m))
        self.register_buffer("transitions", torch.zeros(m, m))

    def __len__(self) -> int:
        return len(self.patterns)

    def store(self, frames: object) -> "SparseySequence":
        """Add one sequence of frames (t, n) in their order, in place, and return the memory.

        Raises:
            SpaceError: for values other than 0 and 1, or another number of ones.
            InputError: for another width or NaN.
        """
        rows = checked_patterns(frames, self.space, self.units)
        self.space.check(rows, "frames")
        before = None
        for number, frame in enumerate(rows.to(self.weights), start=len(self)):
            winners = self.code.drawn(self._support(frame, before), derived(self.seed, number))
            now = self.code.states(winners)
            self.weights = clip(self.weights, frame, now)
            if before is not None:
                self.transitions = clip(self.transitions, before, now)
            before = now
        self.patterns = torch.cat([self.patterns, rows.to(self.patterns)])
        return self

    def replay(self, cue: object, steps: int, *, threshold: float = 0.9) -> Replay:
        """Return what follows on first frames (..., n), `steps` frames after the cue.

        Raises:
            InputError: for another width, NaN, steps below 1, or an empty memory.
        """
        if not len(self):
            raise InputError("the memory is empty; store a sequence first: memory.store(frames)")
        cues = self.space.check(cue, "cue", zeros=True).to(self.weights)
        flat = checked_patterns(cues.reshape(-1, cues.shape[-1]), self.space, self.units)
        code = self._winners(self._support(flat, None))
        states = [flat]
        for _ in range(require_count(steps, "steps")):
            code = self._winners(code @ self.transitions)
            states.append(self.space.project(code @ self.weights.T))
        settings = {"steps": steps, "threshold": threshold}
        return followed(states, self.space, self.patterns, cues.shape[:-1], settings)

    def as_memory(self) -> Dense:
        """Return the frames as wells of an energy over -1 and +1: which of them are near each other."""
        return stored_wells(self.patterns)

    def _support(self, frames: Float[Tensor, "... n"], before: Tensor | None) -> Float[Tensor, "... m"]:
        seen = frames @ self.weights / frames.sum(-1, keepdim=True).clamp_min(1)
        return seen if before is None else seen * (before @ self.transitions) / self.code.groups

    def _winners(self, support: Float[Tensor, "b m"]) -> Float[Tensor, "b m"]:
        winners: Int[Tensor, "b q"] = self.code.winners(support)
        return self.code.states(winners)

    def _settings(self) -> dict[str, Any]:
        sizes = {"active": self.active, "groups": self.code.groups, "size": self.code.size}
        return {"units": self.units, "generator": self.seed} | sizes

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "SparseySequence":
        memory = cls(**settings)
        for name, tensor in tensors.items():
            memory.register_buffer(name, tensor)
        return memory

    def extra_repr(self) -> str:
        return f"{len(self)} frames of {self.units} units, {self.code.groups} groups of {self.code.size}"
