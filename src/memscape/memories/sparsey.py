"""Sparsey: an input gets a sparse code in one trial, and similar inputs get codes that intersect."""

from dataclasses import dataclass
from typing import Any, Unpack

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import as_tensor, require_memory, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.random import Generator, derived, draw_seed
from memscape.core.spaces import Binary, SparseBinary
from memscape.mechanisms.coding import CompetitiveCode
from memscape.mechanisms.writing import clip
from memscape.memories.code_memory import CodeMemory
from memscape.memories.dense import Dense
from memscape.memories.pattern_keeper import Reading, warn_load
from memscape.memories.recalling import checked_states
from memscape.memories.stored_wells import stored_wells

PER_UNIT = 0.131
"""Inputs per coding unit up to which recall was exact (25 of 192 units, 40 of 400 bits active, measured)."""


@dataclass(frozen=True)
class Recognition:
    """What Sparsey makes of inputs; every tensor has the batch shape in front.

    Attributes:
        familiarity: G in [0, 1]; 1 is a stored input, the level of new ones rises with what is stored.
        code: (..., groups) the winner of each group.
        match: index of the stored code that shares most winners, -1 in an empty memory.
        shared: the share of groups in which it does.
    """

    familiarity: Float[Tensor, "..."]
    code: Int[Tensor, "... q"]
    match: Int[Tensor, "..."]
    shared: Float[Tensor, "..."]

    def table(self, most: int = 10) -> str:
        """Return a line for each of the first inputs.

        Familiarity, nearest stored code, how much is shared.
        """
        rows = zip(
            *(x.reshape(-1)[:most].tolist() for x in (self.familiarity, self.match, self.shared)), strict=True
        )
        return "\n".join(
            ["familiarity  match  shared", *(f"{g:11.3f}  {m:5d}  {s:6.3f}" for g, m, s in rows)]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        return {name: value.tolist() for name, value in vars(self).items()}

    def __repr__(self) -> str:
        G = self.familiarity.reshape(-1)
        span = f"familiarity {float(G.min()):.3f} to {float(G.max()):.3f}"
        return f"Recognition of {len(G)} inputs, {span}\n{self.table()}"


@register
class Sparsey(CodeMemory):
    """Gives every input a sparse code in one trial, near the codes of similar inputs, and completes inputs.

    A code has one winner in each of Q groups of K units. The support of a unit is the share of the input's
    active bits that reach it, $V = x^T W / |x|$, familiarity $G = \\frac1Q \\sum_q \\max_k V_{qk}$. At
    storing, winners are drawn, evenly where the input is new and the more surely the more familiar it is
    (`CompetitiveCode`), and written in one clipped step, $W \\leftarrow \\mathrm{clamp}(W + x y^T, 0, 1)$. At
    recall the unit of largest support wins, and the bits that most winners were stored with complete the
    input.

    Storing takes the same time whatever is stored. Beyond its capacity nearly every unit is reached by nearly
    every input: then new inputs look familiar, codes run into each other, and recall fails.

    Args:
        patterns: (p, n) inputs of 0 and 1, the same number of ones in each; or None with `units`.
        units: n, for an empty memory.
        active: ones of an input; None is that of the first pattern, or a tenth of the units.
        groups, size: Q and K.
        code: a `CompetitiveCode` with settings of its own, in place of groups and size; `gain=0` draws
            winners evenly whatever the input, the control.
        generator: seed of the draws; the code of input i depends on it, on i and on what is stored.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`. Familiarity is G.

    Storing costs O(n Q K) per input; a read O(b n Q K); `forget` stores the rest anew.

    Raises:
        InputError: for groups below 1, a size below 2, more active bits than units.
        SizeError: where the weights would not fit in memory.

    >>> import memscape as ms
    >>> X = ms.patterns.sparse(10, 400, active=40, generator=0)
    >>> memory = Sparsey(units=400, groups=24, size=8, generator=0).store(X)
    >>> memory.recognise(X).match.tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    >>> bool(memory.recall(memory.space.corrupt(X, 0.2, generator=1)).exact.all())
    True

    Rinkus and Leveille 2017, arXiv 1710.07829.
    """

    card = Card(
        name="Sparsey",
        paper="Rinkus and Leveille 2017, arXiv 1710.07829",
        parts="SparseBinary x competitive code driven by familiarity x clipped single-trial store",
        space="0, 1, the same number of ones in each",
        capacity="25 random inputs in 192 coding units with recall above .99, .8 at 100 (n = 400, 40 active)",
        cost="store O(n Q K) per input; recall O(b n Q K); memory 4 n Q K + p (n + 8 Q) bytes",
        limits="one flat field: beyond its capacity new inputs look familiar and codes run together",
        equation=r"p(k) \propto 1 + \eta(G)\, \sigma(\lambda (V_k - v_0)),\; W \leftarrow \min(W + x y^T, 1)",
    )

    weights: Tensor
    codes: Tensor

    def __init__(
        self,
        patterns: object = None,
        *,
        units: int | None = None,
        active: int | None = None,
        groups: int = 24,
        size: int = 8,
        code: CompetitiveCode | None = None,
        generator: Generator = None,
        **reading: Unpack[Reading],
    ):
        self.code = code or CompetitiveCode(groups, size)
        self.seed = draw_seed(generator)
        super().__init__(patterns, units, SparseBinary(_active(patterns, units, active)), reading)

    def _start(self, units: int) -> None:
        require_activity(self.active, units)
        require_memory(
            4 * units * self.code.units, f"{units:,} x {self.code.units:,} weights", "use a smaller code"
        )
        self.register_buffer("patterns", torch.zeros(0, units, dtype=torch.int8))
        self.register_buffer("codes", torch.zeros(0, self.code.groups, dtype=torch.int64))
        self.register_buffer("weights", torch.zeros(units, self.code.units))

    @property
    def active(self) -> int:
        """The number of ones of an input."""
        return self.space.active  # ty: ignore[missing-attribute]

    @property
    def density(self) -> float:
        """The share of weights that are on; near 1 the memory is full."""
        return float(self.weights.double().mean())

    def support(self, inputs: Float[Tensor, "... n"]) -> Float[Tensor, "... m"]:
        """Return the share of the inputs' active bits that reach each coding unit. O(b n Q K)."""
        weights = self.weights.to(inputs.dtype)
        return inputs @ weights / inputs.sum(-1, keepdim=True).clamp_min(1)

    def recognise(self, inputs: object) -> Recognition:
        """Return familiarity, code and nearest stored code of inputs (..., n) of 0 and 1.

        Raises:
            InputError: for another width or NaN.
            SpaceError: for values other than 0 and 1.
        """
        support = self.support(checked_states(inputs, self, self.space, "the input", zeros=True))
        winners = self.code.winners(support)
        flat = winners.reshape(-1, self.code.groups)
        shared = torch.zeros(len(flat), device=flat.device)
        match = torch.full((len(flat),), -1, device=flat.device)
        if len(self):
            shared, match = self.code.overlap(flat[:, None], self.codes).max(-1)
        shape = winners.shape[:-1]
        return Recognition(
            self.code.familiarity(support), winners, match.reshape(shape), shared.reshape(shape)
        )

    def draw(self, inputs: object, generator: Generator = None) -> Int[Tensor, "... q"]:
        """Return the codes that inputs (..., n) would be given if they were stored now."""
        checked = checked_states(inputs, self, self.space, "the input", zeros=True)
        return self.code.drawn(self.support(checked), generator)

    def as_memory(self) -> Dense:
        """Return the stored inputs as wells of an energy over -1 and +1, whose landscape can be measured."""
        return stored_wells(self.patterns)

    def _add(self, patterns: Tensor) -> None:
        self.space.check(patterns, "patterns")  # what is stored has its number of ones, a cue need not
        codes = []
        for number, pattern in enumerate(patterns.to(self.weights), start=len(self.patterns)):
            winners = self.code.drawn(self.support(pattern), derived(self.seed, number))
            self.weights = clip(self.weights, pattern, self.code.states(winners))
            codes.append(winners)
        self.patterns = torch.cat([self.patterns, patterns.to(self.patterns)])
        self.codes = torch.cat([self.codes, torch.stack(codes)])

    def _keep(self, rows: Tensor) -> None:
        rest = self.patterns[rows]
        self.patterns, self.codes = self.patterns[:0], self.codes[:0]
        self.weights = torch.zeros_like(self.weights)
        if len(rest):
            self._add(rest)

    def _warn(self) -> None:
        most = PER_UNIT * self.code.units / self.units
        warn_load(
            len(self), self.units, most, "one coding field of this size", "use more groups or larger ones"
        )

    def _next(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        code = self.code.states(self.code.winners(self.support(states)))
        votes = code.to(states) @ self.weights.T.to(states.dtype)
        return self.space.project(votes + 0.5 * states)  # half a vote for being active already

    def _support(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        return self.code.familiarity(self.support(states))

    def _settings(self) -> dict[str, Any]:
        options = {"active": self.active, "code": vars(self.code), "seed": self.seed}
        return {"units": self.units, "options": options, "reading": dict(self.reading)}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "Sparsey":
        options = settings["options"]
        memory = cls(
            units=settings["units"],
            active=options["active"],
            code=CompetitiveCode(**options["code"]),
            generator=options["seed"],
            **settings["reading"],
        )
        memory.load_state_dict(tensors)
        return memory

    def extra_repr(self) -> str:
        held = f"{self.code.groups} groups of {self.code.size}, {self.density:.0%} of the weights on"
        return f"{super().extra_repr()}, {held}"


def require_activity(active: int, units: int) -> None:
    """Raise `InputError` where an input of so many units cannot have so many ones."""
    if active > units:
        raise InputError(f"active is {active} but an input has {units} units; use at most that")


def _active(patterns: object, units: int | None, active: int | None) -> int:
    if active is not None:
        return active
    if patterns is None:
        return max(1, (units or 0) // 10)
    rows = Binary().check(as_tensor(patterns, "patterns"), "patterns")
    require_width(rows, rows.shape[-1] if rows.ndim else 0, "patterns")
    return max(1, int(rows.reshape(-1, rows.shape[-1])[0].sum()))
