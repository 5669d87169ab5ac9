"""Patterns that come in families: one net for the ancestors, one for what tells their descendants apart."""

from functools import cached_property
from typing import Unpack

from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import require_fraction
from memscape.core.cards import Card, register
from memscape.mechanisms.levels import LevelledEnergy
from memscape.memories.gram_memory import GramMemory
from memscape.memories.pattern_memory import Reading, warn_load
from memscape.patterns.ancestors import families_of, majorities
from memscape.theory import hopfield as theory


@register
class Hierarchical(GramMemory):
    """Stores families of correlated patterns with Hebb's rule, one net per level of the family tree.

    The ancestor of a family is the majority of its members, b their mean overlap with it. The first net is
    Hebb's over the ancestors, the second Hebb's over the differences $(\\xi^{a\\nu} - b\\, \\xi^a) / \\sqrt{1
    - b^2}$; the landscape is their sum, in which every pattern feels exactly its own field. Each level so has
    Hebb's capacity, where Hebb's rule on the patterns themselves holds none. `dynamics=ThroughAncestors()`
    retrieves the ancestor first and keeps it as a field, which takes its net's noise off.

    Args:
        patterns: (p, n) entries +-1; or None with `units`.
        cut: patterns whose mean overlap is above it belong to one family (average linkage).
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`.

    Store costs O(p^2 n), the families O(p^2 log p) on first use; a recall O(pn) per cue and sweep.

    >>> import memscape as ms
    >>> X = ms.patterns.tree((4, 5), overlap=(0.0, 0.5), size=500, generator=0)
    >>> memory = ms.memories.Hierarchical(X)
    >>> memory.families.unique().numel(), bool((memory.recall(X, generator=0).match >= 0).all())
    (4, True)

    Gutfreund 1988; Parga and Virasoro 1986; Feigelman and Ioffe 1987.
    """

    card = Card(
        name="Hierarchical",
        paper="Gutfreund 1988",
        parts="Bipolar x Hebb per level of a tree x quadratic x asynchronous descent, or through ancestors",
        space="-1, +1; patterns may hold 0",
        capacity="Hebb's, .138 n, at each of the two levels",
        cost="store O(p^2 n); recall O(bpn) per sweep; memory 9pn + 16p^2 bytes",
        limits="two levels; families are found by overlap, so the tree must be visible in it",
    )

    _options = ("cut",)

    def __init__(
        self,
        patterns: object = None,
        *,
        cut: float = 0.2,
        units: int | None = None,
        **reading: Unpack[Reading],
    ):
        self.cut = require_fraction(cut, "cut")
        super().__init__(patterns, units, reading)

    @cached_property
    def families(self) -> Int[Tensor, " p"]:
        """The family of each pattern, numbered in the order of their first members."""
        return families_of(self.gram, self.cut)

    @cached_property
    def ancestors(self) -> Float[Tensor, "a n"]:
        """The majority of each family, +-1; a tie is +1."""
        return majorities(self.patterns, self.families)

    def _changed(self) -> None:
        super()._changed()
        self.__dict__.pop("families", None)
        self.__dict__.pop("ancestors", None)

    def _build_energy(self) -> LevelledEnergy:
        return LevelledEnergy.from_families(
            self.patterns, self.ancestors, self.families.to(self.patterns.device)
        )

    def _warn(self) -> None:
        super()._warn()
        remedy = "Projection keeps up to n, whatever the families"
        warn_load(len(self), self.units, theory.critical_load(), "a level of the hierarchy", remedy)
