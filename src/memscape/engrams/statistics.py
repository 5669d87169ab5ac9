"""What one pass over the data leaves: second moments of every layer's inputs, for every concept at once."""

import copy
import hashlib
import json
import threading
import weakref
from collections.abc import Hashable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor, nn

from memscape.core.cards import Card, register
from memscape.core.errors import FileFormatError, InputError
from memscape.core.files import Bundle, load_bundle, save_bundle
from memscape.engrams.inputs import InputMoments, ordered
from memscape.engrams.inspection import Site, bare, model_digest
from memscape.engrams.labelling import Concept
from memscape.engrams.moments import from_tensors
from memscape.engrams.originals import require_same
from memscape.engrams.solving import Inverses, Solution

if TYPE_CHECKING:
    from memscape.engrams.engram import Engram


@register
class Statistics:
    """Sums over rows $\\Sigma_c = \\sum_{i \\in c} x_i x_i^T$ of every layer's inputs, for each concept c.

    Made by `collect`. Sums of two passes over different data are merged with `merge`; a pass that was cut off
    goes on with `collect(..., resume=statistics)`. They can be pickled (`multiprocessing`, `joblib`,
    `torch.save`), and their model goes with them; a file of `save` holds no model and runs no code.

    Attributes:
        sites: the matrices that can be edited, by name.
        inputs: the moments, by the name of the site that was first to see them.
        counts: rows of the loader per concept.
        digests: fingerprint of each parameter at the time of the pass.
        skipped: layers that were left out, with the reason.
        batches: batches that went in.
        complete: False where Ctrl-C ended the pass.
        settings: how the pass was made.
    """

    card: ClassVar[Card] = Card(
        name="Statistics",
        paper="Kwon et al. 2026 (AI Engram), section 4",
        parts="Second moments of layer inputs, one matrix per input and concept",
        space="real numbers",
        capacity="any number of rows; a concept of few rows keeps them, d (d + 1) / 2 numbers otherwise",
        cost="one forward pass and n d^2 products per input; memory 4 d^2 bytes per input and concept",
        limits="linear in what the layer sees: no gradient, no interaction between layers",
    )

    def __init__(
        self,
        sites: dict[str, Site],
        inputs: dict[str, InputMoments],
        digests: dict[str, str],
        settings: dict[str, Any],
        model: nn.Module | None = None,
    ):
        self.sites, self.inputs, self.digests, self.settings = sites, inputs, digests, settings
        self.counts: dict[Concept, int] = {}
        self.skipped: dict[str, str] = {}
        self.batches, self.complete = 0, True
        self._model = None if model is None else weakref.ref(bare(model))
        self._kept: nn.Module | None = None
        self._inverses, self._lock = Inverses(), threading.RLock()

    def __getstate__(self) -> dict[str, Any]:
        """Return what goes into a pickle: the sums, and a copy of the model where there is one.

        A copy, since multiprocessing puts what it pickles where both processes can write to it.
        """
        return self._own() | {"_kept": copy.deepcopy(self._held())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._model = None if self._kept is None else weakref.ref(self._kept)  # nobody else holds it
        self._inverses, self._lock = Inverses(), threading.RLock()

    def __deepcopy__(self, memo: dict[int, Any]) -> "Statistics":
        """Return sums of their own for the same model, or for its copy where one copy is made of both."""
        made, held = object.__new__(type(self)), self._held()
        memo[id(self)] = made
        made.__setstate__(copy.deepcopy(self._own(), memo) | {"_kept": None})
        if held is not None:
            made._model = weakref.ref(memo.get(id(held), held))
            made._kept = None if id(held) in memo else self._kept
        return made

    def _own(self) -> dict[str, Any]:
        """Return the attributes that a copy has of its own."""
        shared = ("_model", "_kept", "_inverses", "_lock")
        return {name: value for name, value in vars(self).items() if name not in shared}

    def _held(self) -> nn.Module | None:
        return None if self._model is None else self._model()

    @property
    def concepts(self) -> list[Concept]:
        """Names of the concepts, numbers first."""
        return ordered(self.counts)

    @property
    def model_hash(self) -> str:
        """One fingerprint of all parameters that an engram could touch."""
        return model_digest(self.digests)

    @property
    def nbytes(self) -> int:
        """Bytes that the moments take."""
        return sum(moments.nbytes for moments in self.inputs.values())

    @property
    def model(self) -> nn.Module:
        """The model that was passed through; `attach` gives it to statistics from a file."""
        held = self._held()
        if held is None:
            raise InputError(
                "these statistics have no model (a file, or it is gone); give it: statistics.attach(model)"
            )
        return held

    def attach(self, model: nn.Module) -> "Statistics":
        """Give statistics that were read from a file their model, in place; return them.

        Raises:
            InputError: where the model's weights are not those of the pass.
        """
        if not isinstance(model, nn.Module):
            raise InputError(f"the model is a {type(model).__name__}; give the torch.nn.Module of the pass")
        require_same(bare(model), self.digests)
        self._model, self._kept = weakref.ref(bare(model)), None
        return self

    def engram(self, concept: Any, **options: Any) -> "Engram":
        """Return the engram of a concept, or of a list of concepts together.

        $W^+ = W \\Sigma^+ (\\Sigma^+ + \\lambda\\Sigma^- + \\varepsilon I)^{-1}$ in every layer, where
        $\\Sigma^-$ sums over all rows that are not the concept's. Nothing is computed before it is needed.

        Args:
            concept: a label of the pass, or a list of them.
            options: see `Solution`: `solver` ("ridge", "pinv", "nullspace"), `ridge`, `rtol`,
                `reference_weight` (lambda), `bias`, `rank`.

        Raises:
            InputError: for a label that was never seen, an empty list, or a concept without a reference: all
                rows are its own.

        >>> import torch
        >>> from memscape import engrams
        >>> model = torch.nn.Linear(4, 2, bias=False).double()
        >>> rows = torch.eye(4, dtype=torch.float64)
        >>> stats = engrams.collect(
        ...     model, [(rows, torch.tensor([0, 0, 1, 1]))], concept=lambda batch: batch[1]
        ... )
        >>> with stats.engram(0, solver="pinv").erased(model):
        ...     gone = model(rows).norm(dim=1)
        >>> [round(x, 6) > 0 for x in gone.tolist()]
        [False, False, True, True]
        """
        from memscape.engrams.engram import from_statistics

        given = list(concept) if isinstance(concept, list | tuple | set | range) else [concept]
        if not given:
            raise InputError("the list of concepts is empty; give at least one label")
        for label in given:
            self._require_seen(label)
        wanted = ordered(set(given))
        if self._all_rows(wanted):
            raise InputError(
                f"all rows belong to {', '.join(map(repr, wanted))}: target equals reference, so nothing "
                f"tells them apart; collect rows of other concepts too"
            )
        known = [field.name for field in fields(Solution)]
        unknown = [name for name in options if name not in known]
        if unknown:
            raise InputError(f"an engram has no option {unknown[0]!r}; there are {', '.join(known)}")
        return from_statistics(self, wanted, Solution(**options))

    def _require_seen(self, label: Any) -> None:
        if hasattr(label, "item"):
            raise InputError(f"the concept is {label!r}; give a plain number or name: .item()")
        if not isinstance(label, Hashable) or label not in self.counts or not self.counts[label]:
            known = ", ".join(map(repr, self.concepts[:20])) + (", ..." if len(self.counts) > 20 else "")
            raise InputError(f"concept {label!r} was not seen in {self.batches} batches; seen were {known}")

    def _all_rows(self, wanted: list[Concept]) -> bool:
        return all(
            sum(moments.concepts[c].count for c in wanted if c in moments.concepts) == moments.count
            for moments in self.inputs.values()
        )

    def merge(self, other: "Statistics") -> "Statistics":
        """Return the statistics of both passes together; both stay as they are.

        Raises:
            InputError: where they are of different models, layers or settings.
        """
        if not isinstance(other, Statistics):
            raise InputError(f"statistics are merged with statistics, not with {type(other).__name__}")
        if self.digests != other.digests or self.sites.keys() != other.sites.keys():
            raise InputError(
                "these statistics are of different models, or the model changed between the passes"
            )
        sources = {name: site.source for name, site in self.sites.items()}
        if sources != {name: site.source for name, site in other.sites.items()}:
            raise InputError("the passes found different shared inputs; collect both with share=False")
        made = Statistics(self.sites, {}, self.digests, self.settings)
        held = self if self._held() is not None else other
        made._model, made._kept = held._model, held._kept
        made.skipped = {**self.skipped, **other.skipped}
        for name in {**self.inputs, **other.inputs}:
            made.inputs[name] = self._merged_input(name, other)
        made.counts = {
            c: self.counts.get(c, 0) + other.counts.get(c, 0)
            for c in ordered({**self.counts, **other.counts})
        }
        made.batches, made.complete = self.batches + other.batches, self.complete and other.complete
        return made

    def _merged_input(self, name: str, other: "Statistics") -> InputMoments:
        first = self.inputs[name]
        made = InputMoments(first.kind, first.groups, first.width, first.sketch)
        made.absorb(first)
        made.absorb(other.inputs[name])
        return made

    def fingerprint(self) -> str:
        """Return a short seal of the totals: engrams of equal totals may be added."""
        totals = {
            name: [moments.count, float(moments.trace).hex()] for name, moments in sorted(self.inputs.items())
        }
        return hashlib.sha256(json.dumps([totals, self.digests]).encode()).hexdigest()[:16]

    def save(self, path: str | Path) -> None:
        """Write the statistics to a file (safetensors, packed)."""
        tensors: dict[str, Tensor] = {}
        layout: dict[str, Any] = {}
        for name, moments in self.inputs.items():
            kept = {
                "kind": moments.kind,
                "groups": moments.groups,
                "width": moments.width,
                "sketch": moments.sketch,
            }
            layout[name] = kept | {"concepts": list(moments.concepts), "rest": moments.rest is not None}
            named = {f"concept.{i}": m for i, m in enumerate(moments.concepts.values())}
            if moments.rest is not None:
                named["rest"] = moments.rest
            for key, moment in named.items():
                tensors |= {f"{name}|{key}|{n}": t for n, t in moment.tensors().items()}
        parts = {
            "settings": self.settings,
            "units": "sum",
            "sites": [site.to_dict() for site in self.sites.values()],
            "inputs": layout,
            "counts": [[c, n] for c, n in self.counts.items()],
            "digests": self.digests,
            "skipped": self.skipped,
            "batches": self.batches,
            "complete": self.complete,
        }
        save_bundle(path, kind="statistics", card=self.card.name, tensors=tensors, parts=parts)

    @classmethod
    def load(cls, path: str | Path, model: nn.Module | None = None) -> "Statistics":
        """Return the statistics of a file, attached to a model where one is given.

        Raises:
            FileFormatError: for a file that holds no statistics, truncated or newer.
            InputError: for a model of other weights.
        """
        bundle = load_bundle(path)
        if bundle.card != cls.card.name:
            raise FileFormatError(f"{str(path)!r} is a file of {bundle.card}, no statistics")
        made = cls.from_bundle(bundle)
        return made if model is None else made.attach(model)

    @classmethod
    def from_bundle(cls, bundle: Bundle) -> "Statistics":
        """Return the object that a file holds; use `Statistics.load` or `memscape.load`."""
        parts, inputs = bundle.parts, {}
        grouped: dict[tuple[str, str], dict[str, Tensor]] = {}
        for name, tensor in bundle.tensors.items():
            source, key, leaf = name.rsplit("|", 2)  # a layer may be called "a|b"
            grouped.setdefault((source, key), {})[leaf] = tensor
        for name, kept in parts["inputs"].items():
            made = InputMoments(kept["kind"], kept["groups"], kept["width"], kept["sketch"])
            for i, concept in enumerate(kept["concepts"]):
                made.concepts[concept] = from_tensors(grouped[name, f"concept.{i}"])
            made.rest = from_tensors(grouped[name, "rest"]) if kept["rest"] else None
            inputs[name] = made
        sites = {site.name: site for site in map(Site.from_dict, parts["sites"])}
        made = cls(sites, inputs, parts["digests"], parts["settings"])
        made.counts, made.skipped = {c: n for c, n in parts["counts"]}, parts["skipped"]  # noqa: C416
        made.batches, made.complete = parts["batches"], parts["complete"]
        return made

    def table(self, most: int = 20) -> str:
        """Return one line per layer: rows, width, what it shares, bytes."""
        lines = ["layer  kind  width  rows  shares  MiB"]
        for name, site in list(self.sites.items())[:most]:
            moments = self.inputs[site.source]
            shares = "" if site.source == name else site.source
            lines.append(
                f"{name}  {site.part.kind}  {site.part.width}  {moments.count}  {shares or '-'}  "
                f"{moments.nbytes / 2**20:.2f}"
            )
        if len(self.sites) > most:
            lines.append(f"... {len(self.sites) - most} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        layers = {
            name: {
                "kind": site.part.kind,
                "width": site.part.width,
                "rows": self.inputs[site.source].count,
                "source": site.source,
                "tied": list(site.tied),
            }
            for name, site in self.sites.items()
        }
        plain = {"layers": layers, "concepts": [[c, n] for c, n in self.counts.items()], "bytes": self.nbytes}
        for name in ("batches", "complete", "skipped", "settings", "model_hash"):
            plain[name] = getattr(self, name)
        return plain

    def __repr__(self) -> str:
        ends = "" if self.complete else ", cut off: go on with collect(..., resume=...)"
        skipped = f", {len(self.skipped)} layers skipped" if self.skipped else ""
        return (
            f"Statistics({len(self.counts)} concepts, {sum(self.counts.values())} rows in {self.batches} "
            f"batches, {len(self.sites)} matrices with {len(self.inputs)} inputs, {self.nbytes / 2**20:.1f} "
            f"MiB{skipped}{ends})"
        )


def renamed(site: Site, source: str) -> Site:
    """Return a site that shares the statistics of another."""
    return replace(site, source=source)
