"""A user's graph: named entities and predicates, triples, and constraints that no answer may break."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from memscape.core.errors import InfeasibleError, InputError

Triple = tuple[str, str, str]
"""Subject, predicate, object by their names."""


@dataclass(frozen=True)
class KnowledgeGraph:
    """Triples with constraints; entities and predicates are numbered in the order in which they appear.

    Args:
        triples: what is stated.
        subjects, objects: predicate to the entities that may stand before and behind it; a predicate that is
            not named takes all. Entities named only here belong to the graph too.
        forbidden: triples that must not be answered.

    Raises:
        InputError: for a graph without triples, a constraint on an unknown predicate.
        InfeasibleError: where a stated triple breaks a constraint, or constraints leave a predicate nothing.

    >>> graph = KnowledgeGraph([("Ada", "wrote", "Notes"), ("Ada", "knew", "Babbage")])
    >>> graph.entities, graph.predicates
    (('Ada', 'Notes', 'Babbage'), ('wrote', 'knew'))
    """

    triples: tuple[Triple, ...]
    subjects: Mapping[str, frozenset[str]] = field(default_factory=dict)
    objects: Mapping[str, frozenset[str]] = field(default_factory=dict)
    forbidden: frozenset[Triple] = frozenset()

    def __init__(
        self,
        triples: Iterable[Sequence[str]],
        *,
        subjects: Mapping[str, Iterable[str]] | None = None,
        objects: Mapping[str, Iterable[str]] | None = None,
        forbidden: Iterable[Sequence[str]] = (),
    ):
        given = [[part] if isinstance(part, str) else part for part in triples]  # one text is no triple
        values: dict[str, Any] = {"triples": tuple(dict.fromkeys(tuple(triple) for triple in given))}
        values["subjects"] = {name: frozenset(names) for name, names in (subjects or {}).items()}
        values["objects"] = {name: frozenset(names) for name, names in (objects or {}).items()}
        values["forbidden"] = frozenset(tuple(triple) for triple in forbidden)
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        if not self.triples:
            raise InputError("the graph has no triples; give at least one (subject, predicate, object)")
        if wrong := [triple for triple in (*self.triples, *self.forbidden) if len(triple) != 3]:
            raise InputError(f"{wrong[0]!r} is no triple; give (subject, predicate, object)")
        for side, rules in (("subjects", self.subjects), ("objects", self.objects)):
            for predicate, names in rules.items():
                self.predicate(predicate)
                if not names:
                    raise InfeasibleError(f"the {side} of {predicate!r} are constrained to nothing at all")
        for triple in self.triples:
            if broken := self.broken(triple):
                raise InfeasibleError(f"the stated triple {triple} contradicts the constraint {broken}")

    def broken(self, triple: tuple[str, ...]) -> str | None:
        """Return in words the constraint that a triple breaks; None where it breaks none."""
        subject, predicate, object_ = triple
        if triple in self.forbidden:
            return f"forbidden: {triple}"
        for side, rules, name in (("subjects", self.subjects, subject), ("objects", self.objects, object_)):
            if predicate in rules and name not in rules[predicate]:
                return f"{side} of {predicate!r}: {', '.join(sorted(rules[predicate]))}"
        return None

    @cached_property
    def entities(self) -> tuple[str, ...]:
        """The names of all entities, in the order in which they appear."""
        stated = [name for s, _, o in self.triples for name in (s, o)]
        ruled = [
            name
            for rules in (self.subjects, self.objects)
            for names in rules.values()
            for name in sorted(names)
        ]
        return tuple(dict.fromkeys(stated + ruled))

    @cached_property
    def predicates(self) -> tuple[str, ...]:
        """The names of all predicates, in the order in which they appear."""
        return tuple(dict.fromkeys(predicate for _, predicate, _ in self.triples))

    def entity(self, name: str) -> int:
        """Return the number of an entity, or raise `InputError` with what is close to the name."""
        return _number(name, self.entities, "entity")

    def predicate(self, name: str) -> int:
        """Return the number of a predicate, or raise `InputError` with what is close to the name."""
        return _number(name, self.predicates, "predicate")

    @cached_property
    def numbers(self) -> Int[Tensor, "t 3"]:
        """The triples as numbers: subject, object, predicate."""
        rows = [[self.entity(s), self.entity(o), self.predicate(p)] for s, p, o in self.triples]
        return torch.tensor(rows)

    @cached_property
    def allowed(self) -> Bool[Tensor, "e e r"]:
        """Which (subject, object, predicate) break no constraint."""
        free = torch.ones(len(self.entities), len(self.entities), len(self.predicates), dtype=torch.bool)
        for predicate, names in self.subjects.items():
            free[[e not in names for e in self.entities], :, self.predicate(predicate)] = False
        for predicate, names in self.objects.items():
            free[:, [e not in names for e in self.entities], self.predicate(predicate)] = False
        for s, p, o in self.forbidden:
            if s in self.entities and o in self.entities and p in self.predicates:
                free[self.entity(s), self.entity(o), self.predicate(p)] = False
        return free

    def __repr__(self) -> str:
        rules = len(self.subjects) + len(self.objects) + len(self.forbidden)
        return (
            f"KnowledgeGraph of {len(self.triples)} triples over {len(self.entities)} entities and "
            f"{len(self.predicates)} predicates, {rules} constraints"
        )


def _number(name: str, names: tuple[str, ...], what: str) -> int:
    if name not in names:
        close = get_close_matches(str(name), names, n=3, cutoff=0.5)
        hint = f"; close to it: {', '.join(close)}" if close else f"; there are {', '.join(names[:8])}"
        raise InputError(f"the graph has no {what} {name!r}{hint}")
    return names.index(name)
