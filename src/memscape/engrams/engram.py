"""The engram.

The share of a network's weights that holds one concept, as a vector that can be added and applied.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.core.files import Bundle
from memscape.engrams.deltas import Delta
from memscape.engrams.inspection import Site, model_digest
from memscape.engrams.labelling import Concept
from memscape.engrams.solving import Solution
from memscape.engrams.statistics import Statistics
from memscape.engrams.terms import ConceptTerm, HeldTerm, Term, solved


@register
class Engram:
    """The share of each weight matrix that holds a concept.

    $W^+ = W \\Sigma^+ (\\Sigma^+ + \\lambda\\Sigma^- + \\varepsilon I)^{-1}$ in every layer. With
    $\\lambda = 1$ and $\\varepsilon \\to 0$ it is the projection-rule memory that stores $x \\to Wx$ for the
    concept's inputs and $x \\to 0$ for all others.

    Engrams are vectors: `a + b`, `a - b`, `2 * a`, `sum([a, b, c])`; the order cannot be seen, not even in
    the last bit, because statistics are summed in a canonical order and solved once. Nothing is computed
    before it is needed. What an engram does to a model is suppression at the read-out: what was learnt is no
    longer read, and is relearnt in a few steps.

    Made by `Statistics.engram`, `Engram.load`, and arithmetic. A pickle of one takes its statistics and their
    model along; `held()` leaves both behind.

    Attributes:
        terms: what it is a sum of, with factors.
        sites: the matrices that it can touch, by name.
        digests: fingerprints of the parameters of the model that it belongs to.
    """

    card: ClassVar[Card] = Card(
        name="Engram",
        paper="Kwon et al. 2026 (AI Engram, arXiv 2606.14997), proposition 4.1",
        parts="Weights of a trained network x second moments of its inputs x ridge solve",
        space="real numbers",
        capacity="one concept, or any signed sum of concepts; rank at most its rows",
        cost="O(d^3 / 3) once per input, O(o d^2) per matrix and concept; memory of the model, or r (o + d)",
        limits="concepts, not single rows; soft: close concepts suffer; suppresses at the read-out",
    )

    def __init__(
        self, terms: Mapping[Term, float], names: tuple[str, ...] | None = None, home: Term | None = None
    ):
        if not terms and home is None:
            raise InputError("an engram is a sum of terms; there is none")
        self.terms = dict(sorted(terms.items(), key=lambda item: item[0].key))
        self._home: Term = next(iter(self.terms)) if home is None else home
        self._names = names
        self._held: dict[str, Delta] = {}
        self._noted: dict[str, Any] | None = None

    @property
    def sites(self) -> dict[str, Site]:
        """The matrices that it can touch, by name."""
        known = self._home.sites
        return known if self._names is None else {name: known[name] for name in self._names}

    @property
    def digests(self) -> dict[str, str]:
        """Fingerprints of the model's parameters."""
        return self._home.digests

    @property
    def model_hash(self) -> str:
        """One fingerprint of the model that it belongs to."""
        return model_digest(self.digests)

    @property
    def concepts(self) -> dict[str, float]:
        """The factor of each concept, by name."""
        return {term.label: factor for term, factor in self.terms.items()}

    @property
    def layers(self) -> dict[str, Delta]:
        """What it is in each layer; computed on first use. O(o d^2) per layer, memory of the weights."""
        return {name: self.delta(name) for name in self.sites}

    def delta(self, name: str) -> Delta:
        """Return what it is in one layer; kept for the next use.

        Raises:
            InputError: for a layer that it does not touch, or a model that has changed since the pass.
        """
        if name not in self.sites:
            raise InputError(f"the engram has no layer {name!r}; it has {', '.join(self.sites)}")
        if name not in self._held:
            self._held[name] = self._sum(name)
        return self._held[name]

    def _sum(self, name: str) -> Delta:
        together: dict[tuple, list[tuple[ConceptTerm, float]]] = {}
        alone: list[tuple[Term, float]] = []
        for term, factor in self.terms.items():
            key = term.lazy_key if isinstance(term, ConceptTerm) else None
            if key is not None and isinstance(term, ConceptTerm):
                together.setdefault(key, []).append((term, factor))
            else:
                alone.append((term, factor))
        parts = [solved(terms, name) for terms in together.values()]
        parts += [term.delta(name).scaled(factor) for term, factor in alone]
        made = parts[0] if parts else self._home.delta(name).scaled(0.0)
        for part in parts[1:]:
            made = made.plus(part)
        return made

    def forget_layers(self) -> None:
        """Drop the computed layers, to free their memory; they are computed anew when asked for."""
        self._held.clear()

    def only(self, layers: str | Iterable[str]) -> "Engram":
        """Return the part of the engram that lives in some layers, named or by glob: "blocks.*.mlp.*".

        Raises:
            InputError: where no layer is meant.
        """
        wanted = [layers] if isinstance(layers, str) else list(layers)
        names = tuple(n for n in self.sites if any(fnmatchcase(n, pattern) for pattern in wanted))
        if not names:
            raise InputError(
                f"no layer is called {', '.join(wanted)}; the engram has {', '.join(self.sites)}"
            )
        return Engram(self.terms, names, self._home)

    def __add__(self, other: object) -> "Engram":
        if isinstance(other, int) and other == 0:  # sum() starts from 0
            return self
        if not isinstance(other, Engram):
            return NotImplemented
        _require_addable(self, other)
        terms = dict(self.terms)
        known = {term.key: term for term in terms}
        for term, factor in other.terms.items():
            own = known.get(term.key, term)
            terms[own] = terms.get(own, 0.0) + factor
        return Engram({t: f for t, f in terms.items() if f != 0.0}, self._names, self._home)

    __radd__ = __add__

    def __mul__(self, factor: object) -> "Engram":
        if isinstance(factor, bool) or not isinstance(factor, int | float):
            return NotImplemented
        if not -1e6 < factor < 1e6:
            raise InputError(f"the factor is {factor}; it must be a finite number below a million")
        return Engram({t: f * factor for t, f in self.terms.items() if factor}, self._names, self._home)

    __rmul__ = __mul__

    def __neg__(self) -> "Engram":
        return self * -1.0

    def __sub__(self, other: object) -> "Engram":
        return self + (-other) if isinstance(other, Engram) else NotImplemented

    def __truediv__(self, factor: object) -> "Engram":
        return self * (1.0 / factor) if isinstance(factor, int | float) and factor else NotImplemented

    def held(self) -> "Engram":
        """Return the same engram with all layers computed: it no longer needs statistics or model."""
        from memscape.engrams.artefacts import materialised

        return materialised(self)

    def compressed(self, rank: int) -> "Engram":
        """Return the engram with at most `rank` directions per layer, the largest ones of each matrix.

        `Statistics.engram(..., rank=...)` keeps the best ones on the data instead.
        """
        from memscape.engrams.artefacts import materialised

        return materialised(self, rank)

    def erased(
        self, model: nn.Module, alpha: Any = 1.0, *, tied: str = "leave", check: bool = True
    ) -> AbstractContextManager[Any]:
        """Return a context in which the model runs without the concept.

        After it the weights are what they were, bit for bit, also after an exception.

        Args:
            model: the model of the pass.
            alpha: strength; 1 takes out what the concept's inputs give. A number for all layers, or a mapping
                from layer to number, such as `strengths.norm_scaled(engram)`.
            tied: "leave" matrices alone that are also another parameter (named in one warning), or "edit" the
                shared matrix once.
            check: False applies the engram to a model that has changed since the pass.

        Raises:
            InputError: for a model of other weights, or a strength that is no number.
            UnsupportedError: for compiled, quantised, sharded or meta modules.
            EditError: while another thread edits the model or collects from it.

        Contexts may be nested: engrams see the weights of before the outermost edit. O(model) time and
            memory.
        """
        from memscape.engrams.applying import erased

        return erased(model, self, alpha, tied=tied, check=check)

    def erase_(self, model: nn.Module, alpha: Any = 1.0, *, tied: str = "leave", check: bool = True) -> Any:
        """Take the concept out of the model, in place, and return the handle: `revert()`, `commit()`.

        The arguments are those of `erased`.
        """
        from memscape.engrams.applying import erase_

        return erase_(model, self, alpha, tied=tied, check=check)

    def report(self) -> Any:
        """Return what the engram is in each layer: relative norm, the four criteria, effective rank."""
        from memscape.engrams.reporting import report

        return report(self)

    def save(self, path: str | Path, *, dtype: Any = None) -> None:
        """Write the engram to a file (safetensors); `dtype` None is float32.

        Raises:
            InputError: for a type that is no floating-point one.
        """
        from memscape.engrams.artefacts import save

        save(self, path, dtype)

    @classmethod
    def load(cls, path: str | Path) -> "Engram":
        """Return the engram of a file; `memscape.load` does the same."""
        from memscape.engrams.artefacts import load

        return load(path)

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Engram":
        """Return the engram that a file holds; use `Engram.load` or `memscape.load`."""
        from memscape.engrams.artefacts import from_bundle

        return from_bundle(bundle)

    def to_peft(self, folder: str | Path, *, rank: int = 16, alpha: float = 1.0) -> Path:
        """Write the engram's removal as a LoRA adapter that `peft` loads; return the folder."""
        from memscape.engrams.adapters import to_peft

        return to_peft(self, folder, rank=rank, alpha=alpha)

    def as_memory(self, layer: str | None = None, *, most: int = 16) -> Any:
        """Return the engram's keys in one layer as a projection memory that `landscape` measures.

        Keys are the directions of the layer's input that the engram reads, the strongest first; a unit's
        pattern is the sign with which a key weighs it.

        Args:
            layer: name of the layer, None for the first with a matrix.
            most: largest number of keys; those below 1 % of the strongest are left out.
        """
        from memscape.engrams.keys import projection_of

        return projection_of(self, layer, most)

    def table(self) -> str:
        """Return what the engram is in each layer as lines of text."""
        return self.report().table()

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        sites = {name: {"weight": site.weight, "kind": site.part.kind} for name, site in self.sites.items()}
        return {"concepts": self.concepts, "layers": sites, "model_hash": self.model_hash}

    def __repr__(self) -> str:
        named = (
            " + ".join(f"{_factor(f)}{label}" for label, f in list(self.concepts.items())[:8]) or "nothing"
        )
        more = " + ..." if len(self.terms) > 8 else ""
        kind = "computed when it is used" if any(isinstance(t, ConceptTerm) for t in self.terms) else "held"
        return f"Engram({named}{more}; {len(self.sites)} matrices, {kind})"


def _factor(factor: float) -> str:
    return "" if factor == 1.0 else f"{factor:g} * "


def from_statistics(statistics: Statistics, concepts: list[Concept], solution: Solution) -> Engram:
    """Return the engram of concepts together.

    A sum of theirs where that is the same, else one solve of the union.
    """
    if solution.additive and solution.rank is None:
        return Engram({ConceptTerm(statistics, (concept,), solution): 1.0 for concept in concepts})
    return Engram({ConceptTerm(statistics, tuple(concepts), solution): 1.0})


def from_layers(name: str, layers: dict[str, Delta], like: Engram, origin: tuple) -> Engram:
    """Return an engram of computed layers."""
    sites = {n: like.sites[n] for n in layers}
    return Engram({HeldTerm(name, layers, sites, like.digests, origin): 1.0})


def _require_addable(a: Engram, b: Engram) -> None:
    if a.digests != b.digests:
        raise InputError("these engrams are of different models and cannot be added")
    if list(a.sites) != list(b.sites):
        raise InputError("these engrams live in different layers; take both with the same only(...)")
    terms = [*a.terms, *b.terms]
    for term in terms:
        if isinstance(term, ConceptTerm) and not term.solution.additive and len({t.key for t in terms}) > 1:
            raise InputError(
                f"engrams of {term.solution.solver} with reference_weight "
                f"{term.solution.reference_weight:g} do not add up: their sum is not the engram of the "
                f"union; take statistics.engram([...]) of all concepts at once"
            )
    if len({term.seal for term in terms}) > 1:
        raise InputError(
            "these engrams come from different totals, ridges or solvers, so their sum is no engram; "
            "compute them from one collection with the same options"
        )
