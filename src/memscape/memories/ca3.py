"""CA3: cues and contents call each other, a cue holds one content, and learning it anew is forgetting."""

from typing import Any, Unpack

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from memscape.core.arrays import as_tensor, require_count, require_memory, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.spaces import Binary
from memscape.mechanisms.coding import above
from memscape.mechanisms.energies import overlaps
from memscape.mechanisms.writing import overwrite
from memscape.memories.code_memory import CodeMemory
from memscape.memories.dense import Dense
from memscape.memories.pattern_keeper import Reading, checked_patterns
from memscape.memories.stored_wells import stored_wells


@register
class CA3(CodeMemory):
    """Ties each cue to a content of 0 and 1 in one-bit synapses that are read both ways.

    `associate` writes a content into the row of its cue, $W_k \\leftarrow x$: what the cue held before is
    gone to the last bit, every other row is the same bit for bit. `read` gives a cue's content;
    `recall_by_content` gives every cue whose content shares at least so many bits with a fragment, $(W f)_k
    \\ge \\theta$. As a pattern memory (`store`, `recall`, `forget`) new patterns take the first free cues,
    and `recall` reads the cue whose content agrees with the state in most units, inhibition in proportion to
    a content's size: $k^* = \\arg\\max_k 2 (W s)_k - |W_k|$.

    The paper has spikes and spike-time plasticity (`SpikingCA3`); the overwritten row stands for the
    depression of silent synapses.

    Args:
        patterns: (p, n) contents, 0 and 1, none of zeros only; or None with `units`.
        cues: number of cues, the most that it can hold.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`. Familiarity is the share of
            units in which the cue agrees with the nearest content, from -1 to 1.

    A write costs O(cues n), a read O(n), a recall by content O(cues n).

    Raises:
        InputError: for a cue that does not exist, or more contents than cues.

    >>> memory = CA3(cues=4, units=5).associate([2, 0], [[1, 0, 1, 0, 0], [0, 1, 1, 0, 0]])
    >>> memory.recall_by_content([0, 0, 1, 0, 0]).tolist()
    [True, False, True, False]
    >>> memory.associate(2, [0, 0, 0, 1, 1]).read(2)
    tensor([0., 0., 0., 1., 1.])

    Casanueva-Morato et al. 2024, arXiv 2310.05868, in functional form.
    """

    card = Card(
        name="CA3",
        paper="Casanueva-Morato et al. 2024, arXiv 2310.05868 (functional form)",
        parts="Binary x overwritten rows x threshold, or the best row",
        space="0, 1",
        capacity="one content per cue; any contents, overlapping or within each other",
        cost="store O(p cues n); recall O(b cues n); memory n bytes per cue",
        limits="no mixing of contents, hence no generalising; holds no more contents than cues",
        form="token",
        equation=r"W_k \leftarrow x, \quad \{k : (W f)_k \ge \theta\}",
    )

    synapses: Tensor
    held: Tensor

    def __init__(
        self,
        patterns: object = None,
        *,
        cues: int = 32,
        units: int | None = None,
        **reading: Unpack[Reading],
    ):
        self.cues = require_count(cues, "cues")
        super().__init__(patterns, units, Binary(), reading)

    def _start(self, units: int) -> None:
        require_memory(8 * self.cues * units, f"{self.cues:,} cues of {units:,} units", "use fewer cues")
        self.register_buffer("patterns", torch.zeros(0, units, dtype=torch.int8))
        self.register_buffer("held", torch.zeros(0, dtype=torch.int64))
        self.register_buffer("synapses", torch.zeros(self.cues, units, dtype=torch.int8))

    def associate(self, keys: object, contents: object) -> "CA3":
        """Write contents (p, n) or (n,) into the rows of cues (p,), in place; the last write of a cue holds.

        Raises:
            InputError: for a cue that does not exist, other widths, unequal numbers.
            SpaceError: for values other than 0 and 1.
        """
        places = cue_numbers(keys, self.cues).to(self.synapses.device)
        rows = checked_patterns(contents, self.space, self.units).to(self.patterns)
        if len(places) != len(rows):
            raise InputError(f"there are {len(places)} cues and {len(rows)} contents; give one for each")
        for place, row in zip(places.tolist(), rows, strict=True):
            self._write(place, row)
        self._changed()
        return self

    def _write(self, place: int, content: Tensor) -> None:
        self.synapses = overwrite(self.synapses, self._one(place), content)
        known = (self.held == place).nonzero()[:, 0]
        if len(known):
            self.patterns = self.patterns.clone()
            self.patterns[known[0]] = content
        else:
            self.patterns = torch.cat([self.patterns, content[None]])
            self.held = torch.cat([self.held, self.held.new_tensor([place])])

    def _one(self, place: int) -> Tensor:
        one = self.synapses.new_zeros(self.cues)
        one[place] = 1
        return one

    def read(self, keys: object) -> Float[Tensor, "... n"]:
        """Return the contents of cues, an index or (b,) of them; zeros for a cue that holds nothing. O(bn).

        Raises:
            InputError: for a cue that does not exist.
        """
        places = cue_numbers(keys, self.cues).to(self.synapses.device)
        read = self.synapses[places].to(torch.float32)
        return read[0] if torch.as_tensor(keys).ndim == 0 else read

    def recall_by_content(self, fragment: object, bits: int | None = 1) -> Bool[Tensor, "... cues"]:
        """Return which cues hold a content that shares bits with fragments (..., n) of 0 and 1. O(b cues n).

        Args:
            fragment: parts of contents.
            bits: how many active bits must be shared; None for all of the fragment's.

        Raises:
            InputError: for another width, a fragment without active bits, or bits below 1.
        """
        asked = self.space.check(fragment, "the fragment").to(self.synapses.device)
        require_width(asked, self.units, "the fragment")
        size = asked.sum(-1, keepdim=True)
        if not bool((size > 0).all()):
            raise InputError("a fragment without active bits asks for nothing; give at least one")
        least = size if bits is None else float(require_count(bits, "bits"))
        shared = overlaps(self.synapses, asked.reshape(-1, self.units)).reshape(*asked.shape[:-1], self.cues)
        return above(shared, least)

    def as_memory(self) -> Dense:
        """Return the contents as wells of an energy over -1 and +1, whose landscape can be measured."""
        return stored_wells(self.patterns)

    def _add(self, patterns: Tensor) -> None:
        free = sorted(set(range(self.cues)) - set(self.held.tolist()))
        if len(patterns) > len(free):
            raise InputError(
                f"{len(patterns)} contents for {len(free)} free cues of {self.cues}; forget some, or make "
                f"the memory with cues={self.cues + len(patterns) - len(free)} or more"
            )
        for place, row in zip(free, patterns.to(self.patterns), strict=False):
            self._write(place, row)

    def _keep(self, rows: Tensor) -> None:
        kept = torch.zeros(self.cues, dtype=torch.int8, device=rows.device)
        kept[self.held[rows]] = 1
        self.synapses = overwrite(self.synapses, 1 - kept, torch.zeros_like(self.synapses[0]))
        self.patterns, self.held = self.patterns[rows], self.held[rows]

    def _scores(self, states: Tensor) -> Tensor:
        rows = self.synapses[self.held]
        return 2 * overlaps(rows, states) - rows.sum(-1, dtype=torch.float32)

    def _next(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        return self.patterns[self._scores(states).argmax(-1)].to(states.dtype)

    def _support(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        differing = states.sum(-1) - self._scores(states).amax(-1)  # |s| - 2 s.x + |x|
        return 1 - 2 * differing / self.units

    def _settings(self) -> dict[str, Any]:
        return {"units": self.units, "cues": self.cues, "reading": dict(self.reading)}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "CA3":
        memory = cls(cues=settings["cues"], units=settings["units"], **settings["reading"])
        memory.load_state_dict(tensors)
        return memory

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.cues} cues"


def cue_numbers(keys: object, cues: int) -> Int[Tensor, " p"]:
    """Return cues as a row of numbers, or raise `InputError` for one that does not exist.

    >>> cue_numbers(2, cues=5)
    tensor([2])
    """
    places = as_tensor(keys, "cues")
    if places.is_floating_point() or places.dtype == torch.bool or places.numel() == 0:
        raise InputError(f"cues are given by their number, 0 to {cues - 1}, such as 2 or [0, 5]")
    places = places.reshape(-1).to(torch.int64)
    wrong = (places < 0) | (places >= cues)
    if bool(wrong.any()):
        raise InputError(f"there is no cue {int(places[wrong][0])}; there are {cues}, 0 to {cues - 1}")
    return places
