"""Kanerva's sparse distributed memory: every pattern is written into many hard locations."""

from typing import Any, Unpack

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from memscape.core.arrays import require_count, require_memory
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.random import Generator, derived, draw_seed
from memscape.core.spaces import Bipolar
from memscape.mechanisms.energies import overlaps
from memscape.memories.code_memory import CodeMemory
from memscape.memories.pattern_keeper import Reading
from memscape.theory import sdm as theory

FILLING = 20
"""Locations per pattern at which the default radius is best."""


@register
class SparseDistributed(CodeMemory):
    """Stores patterns in the counters of all hard locations near them, and reads by their vote.

    Location m has a random address $a_m$; it is active for a state within `radius` differing units. Storing
    adds the pattern to the counters of its active locations, reading sums the counters of those active for
    the cue and takes signs, $s_i \\leftarrow \\mathrm{sgn} \\sum_{m: d(a_m, s) \\le r} C_{mi}$, until the
    state stays. A unit without a vote keeps its value.

    Args:
        patterns: (p, n) entries +-1, or 0 where a pattern has no opinion; or None with `units`.
        locations: M, the number of hard locations.
        radius: r in differing units, 0 to n; None is best for M / 20 patterns.
        seed: of the addresses; None draws one and records it.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`. Familiarity is the overlap of
            the cue with its own first read-out.

    Store costs O(p M n), 5 M n bytes; `forget` subtracts what was written, exactly; a read costs O(b M n).

    Raises:
        InputError: for a radius outside 0 ... n.
        SizeError: where the counters would not fit in memory.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(20, 256, generator=0)
    >>> memory = ms.memories.SparseDistributed(X, locations=2000, seed=1)
    >>> bool(memory.recall(ms.patterns.flip(X, fraction=0.1, generator=2)).exact.all())
    True

    Kanerva 1988.
    """

    card = Card(
        name="SparseDistributed",
        paper="Kanerva 1988",
        parts="Bipolar x counters of random hard locations x repeated reads",
        space="-1, +1; patterns may hold 0",
        capacity="patterns for 2 to 3 % of the locations from cues of 10 % damage (measured, n = 256, 1000)",
        cost="store O(pMn); recall O(bMn) per read; memory 5Mn + pn bytes",
        limits="addresses are random: correlated patterns crowd a few locations",
    )

    addresses: Tensor
    counters: Tensor

    def __init__(
        self,
        patterns: object = None,
        *,
        locations: int = 2000,
        radius: int | None = None,
        seed: Generator = None,
        units: int | None = None,
        **reading: Unpack[Reading],
    ):
        self.locations = require_count(locations, "locations")
        self._radius, self.seed = radius, draw_seed(seed)
        super().__init__(patterns, units, Bipolar(), reading)

    def _start(self, units: int) -> None:
        require_memory(
            13 * self.locations * units, f"{self.locations:,} locations of {units:,} counters", "use fewer"
        )
        self.radius = _default_radius(units, self.locations) if self._radius is None else self._radius
        if not 0 <= self.radius <= units:
            raise InputError(f"the radius is {self.radius}; two addresses differ in 0 to {units} units")
        drawn = Bipolar().sample(self.locations, units, generator=derived(self.seed, 0))
        self.register_buffer("patterns", torch.zeros(0, units, dtype=torch.int8))
        self.register_buffer("addresses", drawn.to(torch.int8))
        self.register_buffer("counters", torch.zeros(self.locations, units, dtype=torch.int32))

    def reached(self, states: Float[Tensor, "b n"]) -> Bool[Tensor, "b m"]:
        """Return which locations are active for states; an unknown unit (0) counts as half a difference."""
        return overlaps(self.addresses, states) >= self.units - 2 * self.radius

    def _votes(self, states: Tensor) -> Float[Tensor, "b n"]:
        # whole numbers below 2^24: exact in float32
        return overlaps(self.counters.T, self.reached(states).to(torch.float32))

    def _add(self, patterns: Tensor) -> None:
        self.patterns = torch.cat([self.patterns, patterns.to(torch.int8)])
        self.counters = self.counters + self._written(patterns.to(torch.float32))

    def _written(self, patterns: Float[Tensor, "p n"]) -> Tensor:
        return (self.reached(patterns).to(torch.float32).T @ patterns).to(torch.int32)

    def _keep(self, rows: Tensor) -> None:
        gone = torch.ones(len(self.patterns), dtype=torch.bool, device=rows.device)
        gone[rows] = False
        self.counters = self.counters - self._written(self.patterns[gone].to(torch.float32))
        self.patterns = self.patterns[rows]

    def _next(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        votes = self._votes(states)
        keep = torch.where(states == 0, 1.0, states)
        return torch.where(votes == 0, keep, votes.sign().to(states.dtype))

    def _support(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        given = (states != 0).sum(-1).clamp_min(1)
        return (self._votes(states).sign().to(states.dtype) * states).sum(-1) / given

    def _settings(self) -> dict[str, Any]:
        options = {"locations": self.locations, "radius": self.radius, "seed": self.seed}
        return {"units": self.units, "options": options, "reading": dict(self.reading)}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "SparseDistributed":
        memory = cls(units=settings["units"], **settings["options"], **settings["reading"])
        memory.load_state_dict(tensors)
        return memory

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.locations} locations, radius {self.radius}"


def _default_radius(units: int, locations: int) -> int:
    share = theory.best_activation(locations, max(1, locations // FILLING))
    return max(0, theory.radius_of(units, share))
