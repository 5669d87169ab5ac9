"""CA3 in spiking cells: cues and contents that call each other, learnt by the order of spikes."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.spaces import Binary
from memscape.mechanisms.circuits import Circuit
from memscape.mechanisms.leaking import Spiking
from memscape.mechanisms.plasticity import SpikeTimes, SpikeTiming
from memscape.memories.ca3 import cue_numbers
from memscape.memories.dense import Dense
from memscape.memories.pattern_keeper import MemoryModule
from memscape.memories.stored_wells import stored_wells

LEARN, PAUSE, WAIT = 3, 7, 6
"""Ticks of input while a memory is learnt, of silence after it, and of waiting for a recall."""

STRONG = 6.0
"""A weight in nA from which one spike makes one cell fire."""

FLOOR = -3.0
"""Lowest voltage in mV: without one, the inhibition of a dense content outlasts the pause."""

RULE = SpikeTiming(depression=3.0, rival=STRONG)
"""With a depression as strong as the potentiation (6 nA), recalls shortly after each other fail here."""


@dataclass(frozen=True)
class SpikeRecord:
    """Who fired when in one episode.

    Attributes:
        spikes: (ticks, n) bool.
        populations: name of each population to its cells.
        cues, contents: (cues,) and (bits,) bool, who fired in the two output populations.
        latency: ticks from the input to the first tick at which both have answered; -1 where one never did.
    """

    spikes: Bool[Tensor, "t n"]
    populations: dict[str, slice]
    cues: Bool[Tensor, " c"]
    contents: Bool[Tensor, " m"]
    latency: int

    def table(self) -> str:
        """Return the spikes as lines of text: a row for each cell, a mark for each spike."""
        rows = []
        for name, cells in self.populations.items():
            for number, course in enumerate(self.spikes[:, cells].T.tolist()):
                rows.append(f"{name:>12} {number:>3}  " + "".join("|" if fired else "." for fired in course))
        return "\n".join(rows)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        spikes = [[tick, cell] for tick, cell in self.spikes.nonzero().tolist()]
        places = {name: [cells.start, cells.stop] for name, cells in self.populations.items()}
        ends = {"cues": self.cues.tolist(), "contents": self.contents.tolist(), "latency": self.latency}
        return {"spikes": spikes, "ticks": len(self.spikes), "populations": places} | ends

    def __repr__(self) -> str:
        out = [x.nonzero()[:, 0].tolist() for x in (self.cues, self.contents)]
        when = f"after {self.latency} ticks" if self.latency >= 0 else "never"
        return (
            f"SpikeRecord of {int(self.spikes.sum())} spikes in {len(self.spikes)} ticks: cues {out[0]} and "
            f"contents {out[1]} came out, {when}"
        )


@register
class SpikingCA3(MemoryModule):
    """Ties cues to contents in leaky integrate-and-fire cells whose synapses learn from spike times.

    For every cue there are a cell that takes it in and one that recalls it, for every bit of content the same
    and a gate; one cell more inhibits the gates, and merge cells give the answer: 5 cues and 10 bits make 56
    cells. A memory is learnt from 3 ticks of cue and content together. A cue alone, or any part of a content,
    brings back the rest after 5 ticks. A cue that is learnt anew forgets its old content, because a synapse
    between its cell and a silent one weakens while another is written (`rule.rival`); with `rival=0`, pairs
    of spikes only, the contents add up instead.

    Recalls are spikes too, and so change the weights a little, as they do in the paper.

    Args:
        cues, bits: number of cues and of bits of a content.
        rule: plasticity.
        floor: lowest voltage in mV relative to rest, 0 or below.
        silencing: inhibition in nA between the cells that take contents in, 0 or above.

    The last two and `rule` are calibrated (see the claims); with `depression=6`, no floor and no silencing it
    is wired as published.

    Raises:
        InputError: for numbers below 1, a floor above 0, a silencing below 0.

    A tick costs O(n^2) for each of three delays, n = 3 cues + 4 bits + 1 cells.

    >>> memory = SpikingCA3(cues=5, units=10)
    >>> memory.cells
    56
    >>> record = memory.associate(2, [0, 1, 0, 0, 1, 0, 0, 1, 0, 0]).read(2)
    >>> record.contents.nonzero()[:, 0].tolist(), record.latency
    ([1, 4, 7], 5)

    Casanueva-Morato et al. 2024, arXiv 2310.05868; the heterosynaptic term is ours.
    """

    card = Card(
        name="SpikingCA3",
        paper="Casanueva-Morato et al. 2024, arXiv 2310.05868",
        parts="Binary x spike-time plasticity with a heterosynaptic term x leaky integrate-and-fire cells",
        space="0, 1",
        capacity="one content per cue",
        cost="O(n^2) per tick, 10 ticks to learn and 7 to recall; n = 3 cues + 4 bits + 1 cells",
        limits="a fragment calls every cue whose content shares a bit with it; recalls move the weights",
        equation=r"\Delta w = A_\pm e^{-\Delta t / \tau}, \quad \tau_m \dot V = R I - V",
    )

    to_contents: Tensor
    to_cues: Tensor

    def __init__(
        self,
        cues: int = 5,
        units: int = 10,
        *,
        rule: SpikeTiming = RULE,
        floor: float = FLOOR,
        silencing: float = STRONG,
    ):
        super().__init__()
        self.space, self.rule = Binary(), rule
        self.silencing = require_fraction(silencing, "silencing", high=1e3)
        self.floor = -require_fraction(-floor, "minus the floor", high=1e6)
        self.cues, self.bits = require_count(cues, "cues"), require_count(units, "units")
        self.register_buffer("to_contents", torch.zeros(self.cues, self.bits))
        self.register_buffer("to_cues", torch.zeros(self.bits, self.cues))
        self.places = _places(self.cues, self.bits)
        self._circuit = _circuit(self.places, self.cues, self.bits, self.floor, self.silencing)
        self.reset()

    def reset(self) -> "SpikingCA3":
        """Let all activity die away, in place, and return the memory; what was learnt stays."""
        self._activity = self._circuit.rest()
        self._times = SpikeTimes.never(self.cues, self.bits), SpikeTimes.never(self.bits, self.cues)
        self._spikes = [torch.zeros(self.cells, dtype=torch.bool)] * 4
        return self

    @property
    def cells(self) -> int:
        """The number of cells."""
        return 3 * self.cues + 4 * self.bits + 1

    def associate(self, keys: object, contents: object) -> "SpikingCA3":
        """Learn contents (p, bits) of 0 and 1 for cues (p,), one after the other, in place.

        Raises:
            InputError: for a cue that does not exist, a content of another width or of zeros.
        """
        places = cue_numbers(keys, self.cues)
        rows = self._contents(contents)
        if len(places) != len(rows):
            raise InputError(f"there are {len(places)} cues and {len(rows)} contents; give one for each")
        for place, row in zip(places, rows, strict=True):
            self.run(self._input(int(place), row, LEARN), LEARN + PAUSE)
        return self

    def read(self, key: int) -> SpikeRecord:
        """Return what a cue alone brings back: the spikes of 7 ticks."""
        return self.run(self._input(key, None, 1), 1 + WAIT)

    def recall_by_content(self, fragment: object) -> SpikeRecord:
        """Return what a part of a content brings back: every cue whose content shares a bit with it."""
        return self.run(self._input(None, self._contents(fragment)[0], 1), 1 + WAIT)

    def as_memory(self) -> Dense:
        """Return what the cues bring back as wells of an energy over -1 and +1; a copy is asked."""
        asked = [deepcopy(self).reset().read(cue).contents for cue in range(self.cues)]
        held = torch.stack(asked).to(torch.int8)
        return stored_wells(held[held.any(-1)])  # not of cues that hold nothing

    def run(self, given: Float[Tensor, "t n"], ticks: int) -> SpikeRecord:
        """Return the spikes of so many ticks in which input (t, n), in nA, arrives first.

        Raises:
            InputError: for input of another width.
        """
        if given.ndim != 2 or given.shape[1] != self.cells:
            raise InputError(f"the input has shape {tuple(given.shape)}; give (ticks, {self.cells})")
        nothing = torch.zeros(self.cells)
        record = torch.stack([self._tick(given[t] if t < len(given) else nothing) for t in range(ticks)])
        out = [record[:, self.places[name]] for name in ("out_cue", "out_content")]
        first = [int(part.any(-1).int().argmax()) if bool(part.any()) else -1 for part in out]
        return SpikeRecord(
            record, self.places, out[0].any(0), out[1].any(0), max(first) if min(first) >= 0 else -1
        )

    def _tick(self, given: Tensor) -> Tensor:
        before, p = self._spikes[-1], self.places
        arriving = given.clone()
        arriving[p["content"]] += before[p["cue"]].to(self.to_contents) @ self.to_contents
        arriving[p["recall_cue"]] += before[p["recall_content"]].to(self.to_cues) @ self.to_cues
        spikes, self._activity = self._circuit.step(self._activity, arriving)
        self._spikes = [*self._spikes[1:], spikes]
        self._learn(spikes)
        return spikes

    def _learn(self, spikes: Tensor) -> None:
        """Both ways learn from what their cells did; cells after the synapse are seen a tick late."""
        p, late = self.places, self._spikes[-1 - self.rule.delay]
        cue, content = spikes[p["cue"]], late[p["content"]]
        forward, backward = self._times
        self.to_contents, forward = self.rule.step(self.to_contents, forward, cue, content, cue)
        called, part = late[p["recall_cue"]], spikes[p["recall_content"]]
        taught = called & self._spikes[0][p["cue"]]  # called from outside, not by a content
        self.to_cues, backward = self.rule.step(self.to_cues, backward, part, called, taught, "after")
        self._times = forward, backward

    def _contents(self, contents: object) -> Tensor:
        rows = self.space.check(contents, "contents")
        rows = rows[None] if rows.ndim == 1 else rows
        if rows.ndim != 2 or rows.shape[1] != self.bits:
            raise InputError(f"contents have shape {tuple(rows.shape)}; give (p, {self.bits})")
        if not bool(rows.any(-1).all()):
            raise InputError("a content without active bits cannot be learnt or asked for")
        return rows

    def _input(self, cue: int | None, content: Tensor | None, ticks: int) -> Tensor:
        given = torch.zeros(1 + ticks, self.cells)  # it arrives a tick after it is sent
        if cue is not None:
            given[1:, self.places["cue"].start + int(cue_numbers(cue, self.cues))] = STRONG
        if content is not None:
            given[1:, self.places["content"]] = STRONG * content
        return given

    def _settings(self) -> dict[str, Any]:
        calibrated = {"floor": self.floor, "silencing": self.silencing}
        return {"cues": self.cues, "units": self.bits, "rule": vars(self.rule)} | calibrated

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "SpikingCA3":
        calibrated = {name: settings[name] for name in ("floor", "silencing")}
        rule = SpikeTiming(**settings["rule"])
        memory = cls(settings["cues"], settings["units"], rule=rule, **calibrated)
        memory.load_state_dict(tensors)
        return memory

    def extra_repr(self) -> str:
        return f"{self.cues} cues, {self.bits} bits, {self.cells} cells"


def _places(cues: int, bits: int) -> dict[str, slice]:
    sizes = {"cue": cues, "recall_cue": cues, "content": bits, "recall_content": bits}
    sizes |= {"gate": bits, "inhibition": 1, "out_cue": cues, "out_content": bits}
    ends = torch.tensor(list(sizes.values())).cumsum(0).tolist()
    return {name: slice(end - size, end) for (name, size), end in zip(sizes.items(), ends, strict=True)}


def _circuit(p: dict[str, slice], cues: int, bits: int, floor: float, silencing: float) -> Circuit:
    """Return the fixed wiring; weights and delays after the authors' published configuration."""
    n = p["out_content"].stop
    slow = torch.zeros(n, dtype=torch.bool)
    for name in ("cue", "content", "recall_content", "out_cue", "out_content"):
        slow[p[name]] = True
    cells = Spiking(torch.where(slow, 3.0, 0.5), torch.where(slow, 0.27, 0.14), floor=floor)
    wires = {delay: torch.zeros(n, n) for delay in (1, 2, 3)}
    one, others, every = torch.eye(cues), 1 - torch.eye(cues), torch.eye(bits)

    def wire(source: str, target: str, weights: Tensor, delay: int) -> None:
        wires[delay][p[source], p[target]] += weights

    wire("cue", "recall_cue", STRONG * one - STRONG * bits / 3 * others, 2)
    wire("recall_cue", "recall_cue", -STRONG * bits / 2 * others, 1)
    wire("content", "content", -silencing * (1 - every), 1)  # ours: what is shown silences what is recalled
    wire("content", "gate", 9.0 * every, 1)
    wire("cue", "gate", torch.full((cues, bits), -STRONG), 2)
    wire("content", "inhibition", torch.full((bits, 1), STRONG), 1)
    wire("inhibition", "gate", torch.full((1, bits), -2.0), 1)
    wire("gate", "recall_content", STRONG * every, 1)
    wire("cue", "out_cue", STRONG * one, 3)
    wire("content", "out_content", STRONG * every, 3)
    wire("recall_cue", "out_cue", STRONG * one, 1)
    wire("recall_content", "out_content", STRONG * every, 1)
    return Circuit(cells, wires)
