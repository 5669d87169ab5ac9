"""Willshaw's memory: sparse patterns in synapses of one bit."""

from typing import Any, Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_memory
from memscape.core.cards import Card, register
from memscape.core.spaces import SparseBinary
from memscape.mechanisms.energies import overlaps
from memscape.memories.code_memory import CodeMemory
from memscape.memories.pattern_keeper import Reading, warn_load
from memscape.memories.recalling import checked_states
from memscape.theory import willshaw as theory


@register
class Willshaw(CodeMemory):
    """Stores sparse patterns with Hebb's rule in one-bit synapses, $W_{ij} = \\max_\\mu \\xi_i \\xi_j$.

    A synapse is on if its two units were ever active together. `read` gives back every unit that all active
    units of the cue reach: a complete cue misses nothing and adds false units only, one with chance
    $p_1^k$ where $p_1$ is the share of synapses that are on. `recall` repeats a read that lets the k best
    reached units win (ties keep the unit), so every stored pattern is a fixed point at any load.

    The threshold follows the cue, so no energy falls during a read, and the memory has none.

    Args:
        patterns: (p, n) entries 0 and 1, exactly `active` ones in each; or None with `units`.
        active: k; a value near $\\log_2 n$ holds most.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`. Familiarity is the share of the
            cue's pairs of active units whose synapse is on.

    Store costs O(p k^2), n^2 bytes; `forget` writes the rest anew; a read costs O(b n^2).

    Raises:
        SizeError: where the synapses would not fit in memory.

    >>> import memscape as ms
    >>> X = ms.patterns.sparse(500, 400, active=8, generator=0)
    >>> memory = ms.memories.Willshaw(X, active=8)
    >>> half = memory.space.corrupt(X, 0.25, damage="mask", generator=1)
    >>> float(memory.recall(half).exact.double().mean()) > 0.95
    True

    Willshaw, Buneman and Longuet-Higgins 1969; k winners: Palm 1980.
    """

    card = Card(
        name="Willshaw",
        paper="Willshaw, Buneman and Longuet-Higgins 1969; Palm 1980",
        parts="SparseBinary x clipped Hebb x repeated reads, k winners",
        space="0, 1, exactly k ones",
        capacity=".69 n^2 / k^2 patterns, at which half of the synapses are on; up to ln 2 bit per synapse",
        cost="store O(p k^2); recall O(b n^2) per read; memory n^2 + pn bytes",
        limits="sparse patterns with one number of active units; forgetting rebuilds",
    )

    synapses: Tensor

    def __init__(
        self, patterns: object = None, *, active: int, units: int | None = None, **reading: Unpack[Reading]
    ):
        super().__init__(patterns, units, SparseBinary(active), reading)

    @property
    def active(self) -> int:
        """The number k of active units of a pattern."""
        return self.space.active  # ty: ignore[missing-attribute]

    @property
    def density(self) -> float:
        """The share of synapses that are on."""
        return float(self.synapses.double().mean())

    def read(self, cue: object) -> Float[Tensor, "... n"]:
        """Return 1 at every unit that all active units of the cue (..., n) reach, 0 elsewhere; one read.

        The result may have more than k active units: the false ones that `theory.willshaw` counts.
        """
        cues = checked_states(cue, self, self.space, "cue", zeros=True)
        flat = cues.reshape(-1, self.units)
        reached = overlaps(self.synapses, flat) >= flat.sum(-1, keepdim=True)
        return reached.to(cues.dtype).reshape(cues.shape)

    def _start(self, units: int) -> None:
        require_memory(2 * units * units, f"the synapses of {units:,} units", "use fewer units")
        self.register_buffer("patterns", torch.zeros(0, units, dtype=torch.int8))
        self.register_buffer("synapses", torch.zeros(units, units, dtype=torch.int8))

    def _add(self, patterns: Tensor) -> None:
        self.space.check(patterns, "patterns")  # what is stored has exactly k active units, a cue need not
        self.patterns = torch.cat([self.patterns, patterns.to(torch.int8)])
        self._write(patterns)

    def _write(self, patterns: Tensor) -> None:
        on = patterns.nonzero()[:, 1].reshape(len(patterns), self.active)
        self.synapses = self.synapses.clone()
        self.synapses[on[:, :, None], on[:, None, :]] = 1

    def _keep(self, rows: Tensor) -> None:
        self.patterns = self.patterns[rows]
        self.synapses = torch.zeros_like(self.synapses)
        self._write(self.patterns)

    def _warn(self) -> None:
        if self.active < self.units:
            critical = theory.optimum_patterns(self.units, self.active) / self.units
            what = f"Willshaw's rule with {self.active} active units"
            warn_load(len(self), self.units, critical, what, "use sparser patterns or more units")

    def _next(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        # half a synapse for being active already: ties keep the unit
        return self.space.project(overlaps(self.synapses, states) + 0.5 * states)

    def _support(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        pairs = (overlaps(self.synapses, states) * states).sum(-1) - states.sum(-1)
        count = states.sum(-1)
        return pairs / (count * (count - 1)).clamp_min(1)  # pairs of different units

    def _settings(self) -> dict[str, Any]:
        return {"units": self.units, "active": self.active, "reading": dict(self.reading)}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "Willshaw":
        memory = cls(active=settings["active"], units=settings["units"], **settings["reading"])
        memory.load_state_dict(tensors)
        return memory

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, {self.active} active, {self.density:.0%} of the synapses on"
