"""Sequences of patterns, replayed: what couplings that are not symmetric can do."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count, require_memory
from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.spaces import Bipolar
from memscape.mechanisms.association import AssociationRule, HebbRule, rule_from_settings, rule_settings
from memscape.mechanisms.energies import overlaps
from memscape.memories.following import Replay, followed
from memscape.memories.pattern_keeper import MemoryModule, checked_patterns, stored_rows


@register
class Temporal(MemoryModule):
    """Stores sequences and replays them: each pattern calls the next.

    The transition couplings K tie each pattern to its successor; with Hebb's rule $K = \\frac1n \\sum_\\mu
    \\xi^{\\mu+1} (\\xi^\\mu)^T$. All units are updated at once, $s_{t+1} = \\mathrm{sgn}(K s_t)$. With `hold`
    above 1 the transitions see the state of `hold` - 1 steps ago and symmetric couplings J keep it meanwhile,
    $s_{t+1} = \\mathrm{sgn}(J s_t + \\lambda K s_{t+1-\\mathrm{hold}})$: every pattern lasts `hold` steps.

    K is not symmetric, so no energy falls: that is what lets a state move on for ever, and why none of the
    landscape's tools apply (`Quadratic(memory.transitions)` refuses it, and says so).

    Args:
        sequence: (t, n) entries +-1 in their order; repeat the first pattern at the end to close a cycle.
            None with `units`.
        rule: how transitions are written; `ProjectionRule` replays correlated patterns without error.
        hold: steps that a pattern lasts.
        drive: $\\lambda$, above 1: the strength of transitions against holding.
        units: n, for an empty memory.

    Store costs O(t n^2), `ProjectionRule` O(t^2 n) more; a step of replay O(b n^2).

    >>> import memscape as ms
    >>> X = ms.patterns.independent(20, 500, generator=0)
    >>> memory = ms.memories.Temporal(X)
    >>> memory.replay(ms.patterns.flip(X[0], fraction=0.1, generator=1), steps=19).match.tolist()
    [-1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]

    Amari 1972; Sompolinsky and Kanter 1986; Kleinfeld 1986.
    """

    card = Card(
        name="Temporal",
        paper="Amari 1972; Sompolinsky and Kanter 1986; Kleinfeld 1986",
        parts="Bipolar x Hebb or another rule on successive patterns x delayed parallel updates",
        space="-1, +1",
        capacity="about n / (2 ln n) transitions without error with Hebb's rule, n with the projection rule",
        cost="store O(tn^2); replay O(bn^2) per step; memory 4n^2 bytes, twice that with hold > 1",
        limits="no energy and no minima; a pattern that occurs twice must have one successor",
        span="working",
    )

    patterns: Tensor
    successor: Tensor

    def __init__(
        self,
        sequence: object = None,
        *,
        rule: AssociationRule = HebbRule(),  # noqa: B008  frozen
        hold: int = 1,
        drive: float = 3.0,
        units: int | None = None,
    ):
        super().__init__()
        if sequence is None and units is None:
            raise InputError("give a sequence (t, n), or units=n for an empty memory")
        if not 1 < drive < float("inf"):
            raise InputError(f"the drive is {drive}; it must be above 1, or the state never moves on")
        self.rule, self.hold, self.drive, self.space = rule, require_count(hold, "hold"), drive, Bipolar()
        width = units if units is not None else checked_patterns(sequence, self.space, None).shape[1]
        self._start(require_count(width, "units"))
        if sequence is not None:
            self.store(sequence)

    def _start(self, units: int) -> None:
        require_memory(8 * units * units, f"transitions of {units:,} units", "use fewer units")
        self.register_buffer("patterns", torch.zeros(0, units, dtype=torch.int8))
        self.register_buffer("successor", torch.zeros(0, dtype=torch.int64))
        self._forget_couplings()

    def _forget_couplings(self) -> None:
        self._transitions: Tensor | None = None
        self._holding: Tensor | None = None

    @property
    def units(self) -> int:
        """The number of units, n."""
        return self.patterns.shape[1]

    def __len__(self) -> int:
        return len(self.patterns)

    def store(self, sequence: object) -> "Temporal":
        """Add a sequence (t, n) of at least two patterns, in place, and return the memory.

        Raises:
            SpaceError: for values that are not -1 or +1.
            InputError: for another width, NaN, or fewer than two patterns.
        """
        added = checked_patterns(self.space.check(sequence, "the sequence"), self.space, self.units)
        if len(added) < 2:
            raise InputError("a sequence of one pattern has no transition; give at least two patterns")
        count = len(self.patterns)
        following = torch.arange(count + 1, count + len(added) + 1)
        following[-1] = -1
        self.patterns = torch.cat([self.patterns, added.to(self.patterns.device, torch.int8)])
        self.successor = torch.cat([self.successor, following.to(self.successor.device)])
        self._forget_couplings()
        return self

    def forget(self, index: object) -> "Temporal":
        """Remove whole sequences, counted in the order of storing, in place; the rest is as if alone."""
        ends = (self.successor < 0).nonzero()[:, 0]
        gone = stored_rows(index, len(ends)).to(ends.device)
        number = torch.bucketize(torch.arange(len(self), device=ends.device), ends)
        keep = (number[:, None] != gone).all(1)
        shift = torch.cumsum(~keep, 0)
        follower = self.successor[keep]
        self.successor = torch.where(follower < 0, -1, follower - shift[keep])
        self.patterns = self.patterns[keep]
        self._forget_couplings()
        return self

    @property
    def transitions(self) -> Float[Tensor, "n n"]:
        """K (n, n), float32: what pattern calls which; $K \\xi^\\mu \\approx \\xi^{\\mu+1}$."""
        if self._transitions is None:
            links = self.successor >= 0
            keys, values = self.patterns[links].float(), self.patterns[self.successor[links]].float()
            empty = self.rule.empty(self.units, self.units, torch.float32)
            self._transitions = self.rule.write(empty, keys, values, len(keys)).store.T.contiguous()
        return self._transitions

    @property
    def holding(self) -> Float[Tensor, "n n"]:
        """J (n, n), float32, symmetric, without its diagonal: keeps a pattern in place while it is held."""
        if self._holding is None:
            X = self.patterns.float().unique(dim=0)  # a pattern that closes a cycle is held once
            empty = self.rule.empty(self.units, self.units, torch.float32)
            J = self.rule.write(empty, X, X, len(X)).store
            self._holding = (0.5 * (J + J.T)).fill_diagonal_(0.0)
        return self._holding

    def replay(self, cue: object, steps: int, *, threshold: float = 0.9) -> Replay:
        """Return where cues (..., n) lead in `steps` updates; a 0 in a cue is unknown and calls nothing.

        Raises:
            InputError: for another width, NaN, an empty memory, steps below 1.
            SpaceError: for values outside the space.
        """
        if not len(self):
            raise InputError("the memory is empty; store a sequence first: memory.store(X)")
        given = self.space.check(cue, "cue", zeros=True).to(self.patterns.device, torch.float32)
        start = checked_patterns(given.reshape(-1, given.shape[-1]), self.space, self.units)
        path = [start]
        for _ in range(require_count(steps, "steps")):
            path.append(self._next(path))
        settings = {"steps": steps, "hold": self.hold, "drive": self.drive, "threshold": threshold}
        return followed(path, self.space, self.patterns, given.shape[:-1], settings)

    def _next(self, path: list[Tensor]) -> Tensor:
        now, before = path[-1], path[max(0, len(path) - self.hold)]
        field = overlaps(self.transitions, before)
        if self.hold > 1:
            field = self.drive * field + overlaps(self.holding, now)
        keep = torch.where(now == 0, torch.ones_like(now), now)
        return torch.where(field == 0, keep, field.sign())

    def forward(self, cue: object) -> Tensor:
        """Return the states one update after cues (..., n)."""
        return self.replay(cue, 1).states[..., -1, :]

    def _settings(self) -> dict[str, Any]:
        rule = rule_settings(self.rule)
        return {"units": self.units, "rule": rule, "hold": self.hold, "drive": self.drive}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "Temporal":
        options = {name: settings[name] for name in ("units", "hold", "drive")}
        memory = cls(rule=rule_from_settings(settings["rule"]), **options)
        memory.patterns, memory.successor = tensors["patterns"], tensors["successor"]
        return memory

    def _apply(self, fn: Any, recurse: bool = True) -> "Temporal":
        self._forget_couplings()
        return super()._apply(fn, recurse)

    def extra_repr(self) -> str:
        count = int((self.successor < 0).sum())
        return (
            f"{count} sequences of {len(self)} patterns of {self.units} units, hold {self.hold}, {self.rule}"
        )
