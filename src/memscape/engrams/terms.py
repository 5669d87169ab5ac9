"""What an engram is a sum of: concepts of a collection, or layers read from a file."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from memscape.engrams.deltas import Delta
from memscape.engrams.handlers import FULL
from memscape.engrams.inspection import Site
from memscape.engrams.labelling import Concept
from memscape.engrams.originals import original, require_same, writing
from memscape.engrams.solving import Solution, solve
from memscape.engrams.statistics import Statistics


class Term(ABC):
    """One vector among those that an engram adds up."""

    @property
    @abstractmethod
    def home(self) -> tuple[dict[str, Site], dict[str, str]]:
        """The sites of its model, and the fingerprints of their parameters."""

    @property
    def sites(self) -> dict[str, Site]:
        """The matrices that it can touch, by name."""
        return self.home[0]

    @property
    def digests(self) -> dict[str, str]:
        """Fingerprints of the model's parameters."""
        return self.home[1]

    @property
    @abstractmethod
    def key(self) -> tuple:
        """Sorts terms, and tells equal ones."""

    @property
    @abstractmethod
    def label(self) -> str:
        """The concept's name, for people."""

    @property
    @abstractmethod
    def seal(self) -> tuple:
        """Terms of equal seals may be added: one total, one lambda, one ridge."""

    @abstractmethod
    def delta(self, name: str) -> Delta:
        """Return the change of one site."""


@dataclass(frozen=True, eq=False)
class ConceptTerm(Term):
    """Concepts of a collection, solved when they are asked for."""

    statistics: Statistics
    concepts: tuple[Concept, ...]
    solution: Solution

    @property
    def home(self) -> tuple[dict[str, Site], dict[str, str]]:
        return self.statistics.sites, self.statistics.digests

    @property
    def key(self) -> tuple:
        named = tuple((isinstance(c, str), str(c).rjust(20)) for c in self.concepts)
        return (named, repr(self.solution), str(id(self.statistics)))

    @property
    def label(self) -> str:
        return " + ".join(map(str, self.concepts))

    @property
    def seal(self) -> tuple:
        order = self.solution.order if self.solution.solver == "ridge" else None
        plain = self.solution.to_dict() | {"rank": None, "bias": self.solution.absorbs, "order": order}
        return (self.statistics.fingerprint(), tuple(sorted(plain.items(), key=str)))

    @property
    def lazy_key(self) -> tuple | None:
        """Terms with equal keys are solved as one; None where each stands for itself."""
        whole = self.solution.additive and self.solution.rank is None
        return (id(self.statistics), repr(self.solution)) if whole else None

    def delta(self, name: str) -> Delta:
        return solved([(self, 1.0)], name)


@dataclass(frozen=True, eq=False)
class HeldTerm(Term):
    """Layers that were computed before, or read from a file."""

    name: str
    layers: dict[str, Delta]
    where: dict[str, Site]
    seals: dict[str, str]
    origin: tuple

    @property
    def home(self) -> tuple[dict[str, Site], dict[str, str]]:
        return self.where, self.seals

    @property
    def key(self) -> tuple:
        return (((True, self.name.rjust(20)),), repr(self.origin), str(id(self.layers)))

    @property
    def label(self) -> str:
        return self.name

    @property
    def seal(self) -> tuple:
        return self.origin

    def delta(self, name: str) -> Delta:
        return self.layers[name]


def solved(terms: list[tuple[ConceptTerm, float]], name: str) -> Delta:
    """Return the change of one site by concepts that share a collection and a solution: one solve."""
    statistics, solution = terms[0][0].statistics, terms[0][0].solution
    shares = shares_of(terms)
    site, model = statistics.sites[name], statistics.model
    moments = statistics.inputs[site.source]
    with writing(model), statistics._lock:  # threads with models of their own may share statistics
        weight = own_weight(model, site, solution.absorbs, statistics.digests).to(moments.device)
        return solve(moments, site.part, weight, shares, solution, statistics._inverses, (site.source,))


def shares_of(terms: list[tuple[ConceptTerm, float]]) -> dict[Concept, float]:
    """Return how often each concept is in a sum of terms with factors."""
    shares: dict[Concept, float] = {}
    for term, factor in terms:
        for concept in term.concepts:
            shares[concept] = shares.get(concept, 0.0) + factor
    return shares


def own_weight(model: nn.Module, site: Site, bias: bool, digests: dict[str, str] | None) -> Tensor:
    """Return a site's weight (g, o, in) as it was before any edit, its bias as last column.

    Raises:
        InputError: where it is not what the digests say; None checks nothing.
    """
    names = [site.weight] + ([site.bias] if bias and site.bias else [])
    if digests is not None:
        require_same(model, digests, names)
    weight = site.part.matrix(original(model, site.weight))
    if len(names) == 1 or site.part.kind != FULL:
        return weight
    offsets = site.part.offsets(original(model, names[1])).to(weight)
    return torch.cat([weight, offsets[:, :, None]], dim=2)


def whole_weight(model: nn.Module, site: Site, bias: bool, digests: dict[str, str] | None) -> Tensor:
    """Return `own_weight` in float64, on the CPU."""
    return own_weight(model, site, bias, digests).double().cpu()


def settings_of(term: Term) -> dict[str, Any]:
    """Return how a term was computed, for files and reports."""
    if isinstance(term, ConceptTerm):
        return term.solution.to_dict()
    return {"origin": list(map(str, term.seal))}
