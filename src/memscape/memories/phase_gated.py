"""Phase-gated sequences.

A slow rhythm keeps writing apart from reading, a fast one gives each item a slot.
"""

from itertools import pairwise
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count, require_memory
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.spaces import Bipolar
from memscape.mechanisms.energies import overlaps
from memscape.mechanisms.scheduling import Gates, Rhythm
from memscape.mechanisms.writing import decay
from memscape.memories.dense import Dense
from memscape.memories.following import Replay, followed
from memscape.memories.pattern_keeper import MemoryModule, checked_patterns
from memscape.memories.stored_wells import stored_wells


@register
class PhaseGated(MemoryModule):
    """Stores sequences in cycles, reading in one half of each and writing in the other, and replays them.

    A cycle holds up to `rhythm.slots` items $x_t$ in slots. In each half, each slot in turn drives the units
    with what it holds and with what the item before it recalls, $y_t = \\mathrm{clamp}(g_s x_t + g_r K
    x_{t-1}, -1, 1)$, and the transitions learn from it, $K \\leftarrow K + \\frac{g_w}{n}\\, y_t x_{t-1}^T$.
    With the halves wholly apart the reading half takes out what is recalled and the writing half puts in what
    is there: together the delta rule, so an item that gets a new successor loses the old one. With everything
    open at once (separation 0) what is recalled is written again, and the old successor stays.

    Args:
        units: n.
        rhythm: separation and slots.

    Raises:
        InputError: for units below 1.
        SizeError: where the transitions would not fit in memory.

    Storing costs O(t n^2) per cycle, a step of replay O(b n^2).

    >>> import memscape as ms
    >>> X = ms.patterns.independent(20, 500, generator=0)
    >>> memory = PhaseGated(units=500).store(X)
    >>> memory.replay(X[0], steps=19).match.tolist() == list(range(20))
    True

    Hasselmo, Bodelon and Wyble 2002; slots: Lisman and Idiart 1995.
    """

    card = Card(
        name="PhaseGated",
        paper="Hasselmo, Bodelon and Wyble 2002; Lisman and Idiart 1995; inspired by Monaco et al. 2021",
        parts="Bipolar x decayed outer products of successive items x rhythm of writing and reading",
        space="-1, +1",
        capacity="20 patterns of 500 units replayed without error (measured); a pattern has one successor",
        cost="store O(t n^2) per cycle; replay O(b n^2) per step; memory 4 n^2 bytes",
        limits="no energy; similar items share transitions; slots bound what one cycle takes in",
        span="working",
        equation=r"K \leftarrow K + \frac{g_w}{n}\, (g_s x_t + g_r K x_{t-1})\, x_{t-1}^T",
    )

    patterns: Tensor
    transitions: Tensor

    def __init__(self, units: int, *, rhythm: Rhythm = Rhythm()):  # noqa: B008  frozen
        super().__init__()
        self.space, self.rhythm, self.units = Bipolar(), rhythm, require_count(units, "units")
        require_memory(4 * units * units, f"transitions of {units:,} units", "use fewer units")
        self.register_buffer("patterns", torch.zeros(0, units, dtype=torch.int8))
        self.register_buffer("transitions", torch.zeros(units, units))

    def __len__(self) -> int:
        return len(self.patterns)

    def store(self, sequence: object, *, repeats: int = 1) -> "PhaseGated":
        """Experience a sequence (t, n) of at least two items, in place, and return the memory.

        Args:
            sequence: entries -1 and +1; more items than slots take several cycles, each of which begins with
                the last item of the one before.
            repeats: how often each cycle is gone through.

        Raises:
            SpaceError: for other values.
            InputError: for another width, NaN, fewer than two items, repeats below 1.
        """
        items = checked_patterns(self.space.check(sequence, "the sequence"), self.space, self.units)
        if len(items) < 2:
            raise InputError("a sequence of one item has no transition; give at least two")
        items = items.to(self.transitions)
        for first in range(1, len(items), self.rhythm.slots):
            slots = items[first - 1 : first + self.rhythm.slots]
            for _ in range(require_count(repeats, "repeats")):
                self._half(slots, self.rhythm.retrieval)
                self._half(slots, self.rhythm.encoding)
        known = (items[:, None] == self.patterns.to(items)).all(-1).any(-1)
        self.patterns = torch.cat([self.patterns, items[~known].to(torch.int8)])
        return self

    def _half(self, slots: Float[Tensor, "s n"], gates: Gates) -> None:
        for before, item in pairwise(slots):
            recalled = self.transitions @ before
            driven = (gates.sensing * item + gates.recalling * recalled).clamp(-1, 1)
            self.transitions = decay(self.transitions, driven, before, rate=gates.writing / self.units)

    def replay(self, cue: object, steps: int, *, threshold: float = 0.9) -> Replay:
        """Return what follows on cues (..., n), read in the retrieval phase; a 0 in a cue is unknown.

        Raises:
            InputError: for another width, NaN, an empty memory, steps below 1.
            SpaceError: for values outside the space.
        """
        if not len(self):
            raise InputError("the memory is empty; store a sequence first: memory.store(X)")
        given = self.space.check(cue, "cue", zeros=True).to(self.transitions)
        path = [checked_patterns(given.reshape(-1, given.shape[-1]), self.space, self.units)]
        for _ in range(require_count(steps, "steps")):
            path.append(self.space.project(overlaps(self.transitions, path[-1])))
        settings = {"steps": steps, "threshold": threshold, "rhythm": vars(self.rhythm)}
        return followed(path, self.space, self.patterns, given.shape[:-1], settings)

    def as_memory(self) -> Dense:
        """Return the items as wells of an energy; transitions have none, so it says nothing of the order."""
        return stored_wells(self.patterns)

    def _settings(self) -> dict[str, Any]:
        return {"units": self.units, "rhythm": vars(self.rhythm)}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "PhaseGated":
        memory = cls(settings["units"], rhythm=Rhythm(**settings["rhythm"]))
        for name, tensor in tensors.items():
            memory.register_buffer(name, tensor)
        return memory

    def extra_repr(self) -> str:
        r = self.rhythm
        return f"{len(self)} patterns of {self.units} units, {r.slots} slots, separation {r.separation:g}"
