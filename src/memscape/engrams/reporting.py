"""What an engram is in each layer: how large, how specific, how complete, how many directions."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from memscape.core.errors import CapabilityError
from memscape.engrams.engram import Engram
from memscape.engrams.handlers import FULL
from memscape.engrams.inputs import InputMoments
from memscape.engrams.labelling import Concept
from memscape.engrams.terms import ConceptTerm, whole_weight

WIDEST = 2048
"""Effective ranks are taken up to this width: they need all eigenvalues."""


@dataclass(frozen=True)
class LayerReport:
    """One layer's figures; NaN where they are not defined.

    Attributes:
        layer: its name.
        relative_norm: $|W^+| / |W|$.
        specificity: $|W^+ X^-| / |W X^-|$, what the engram answers to the reference; 0 is ideal.
        reactivation: $|W^+ X^+| / |W X^+|$, what it answers to the concept; 1 is ideal.
        sufficiency: $|(W^+ - W) X^+| / |W X^+|$, what is missing where only the engram is left; 0 is ideal.
        necessity: $|(W - W^+) X^+| / |W X^+|$, what is left where it is taken out; 0 is ideal. In a single
            layer with a zero null state it is the same number as `sufficiency`; in a network it is not.
        effective_rank: $\\exp(-\\sum_i p_i \\ln p_i)$ of the concept's second moments.
        rows: rows of the concept.
    """

    layer: str
    relative_norm: float
    specificity: float
    reactivation: float
    sufficiency: float
    necessity: float
    effective_rank: float
    rows: int


@dataclass(frozen=True)
class EngramReport:
    """The figures of every layer of an engram.

    Attributes:
        concepts: factor of each concept.
        layers: one `LayerReport` each.
    """

    concepts: dict[str, float]
    layers: tuple[LayerReport, ...]

    def table(self) -> str:
        """Return one line per layer."""
        names = ("relative_norm", "specificity", "reactivation", "sufficiency", "necessity", "effective_rank")
        lines = ["  ".join(["layer", *names, "rows"])]
        for row in self.layers:
            numbers = [f"{getattr(row, name):.3f}".rjust(len(name)) for name in names]
            lines.append("  ".join([row.layer, *numbers, str(row.rows)]))
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON; None where a figure is not defined."""
        rows = [{k: _plain(v) for k, v in asdict(row).items()} for row in self.layers]
        return {"concepts": self.concepts, "layers": rows}

    def __repr__(self) -> str:
        head = f"EngramReport({' + '.join(self.concepts)}, {len(self.layers)} layers)"
        note = "one layer against an empty one: what is missing without the rest is what is left without it"
        return f"{head}\n{self.table()}\nsufficiency = necessity: {note}"


def report(engram: Engram) -> EngramReport:
    """Return the figures of every layer of an engram, from the statistics alone: no data, no forward pass.

    O(o d^2) per layer, and O(d^3) for its effective rank up to d = 2048. An engram from a file returns the
    report that was written with it.

    Raises:
        CapabilityError: for a sum of engrams from files.
    """
    if engram._noted is not None:
        rows = tuple(LayerReport(**{k: _back(v) for k, v in row.items()}) for row in engram._noted["layers"])
        kept = tuple(row for row in rows if row.layer in engram.sites)
        return EngramReport(engram._noted["concepts"], kept)
    terms = [term for term in engram.terms if isinstance(term, ConceptTerm)]
    if len(terms) < len(engram.terms) or not terms:
        raise CapabilityError("a sum of engrams from files has no statistics to report from; report each one")
    concepts = {c for term in terms for c in term.concepts}
    layers = tuple(_layer(engram, terms[0], name, concepts) for name in engram.sites)
    return EngramReport(engram.concepts, layers)


def _layer(engram: Engram, term: ConceptTerm, name: str, concepts: set[Concept]) -> LayerReport:
    site, statistics = engram.sites[name], term.statistics
    moments = statistics.inputs[site.source]
    weight = whole_weight(statistics.model, site, term.solution.absorbs, statistics.digests).to(
        moments.device
    )
    change = engram.delta(name).dense(weight)
    size = (float(change.norm()) / norm) if (norm := float(weight.norm())) else math.nan
    rows = sum(moments.concepts[c].count for c in concepts if c in moments.concepts)
    if site.part.kind != FULL:
        return LayerReport(name, size, *(math.nan,) * 5, rows=rows)
    bias = weight.shape[2] > site.part.width
    target, total = _energies(moments, weight, change, concepts, bias)
    return LayerReport(
        layer=name,
        relative_norm=size,
        specificity=_ratio(total["change"] - target["change"], total["weight"] - target["weight"]),
        reactivation=_ratio(target["change"], target["weight"]),
        sufficiency=_ratio(target["rest"], target["weight"]),
        necessity=_ratio(target["rest"], target["weight"]),
        effective_rank=_effective_rank(moments, concepts),
        rows=rows,
    )


def _energies(
    moments: InputMoments, weight: Tensor, change: Tensor, concepts: set[Concept], bias: bool
) -> tuple[dict[str, float], dict[str, float]]:
    """Return tr(A Sigma A^T) on the concept's rows and on all: of the change, the weight, what is left."""
    matrices = {"change": change, "weight": weight, "rest": weight - change}
    held = [moments.concepts[c] for c in concepts if c in moments.concepts]
    target = {k: sum(float((m.times(a, bias) * a).sum()) for m in held) for k, a in matrices.items()}
    parts = moments.counted()
    total = {k: sum(float((m.times(a, bias) * a).sum()) for m in parts) for k, a in matrices.items()}
    return target, total


def _ratio(above: float, below: float) -> float:
    return math.sqrt(max(0.0, above) / below) if below > 0 else math.nan


def _effective_rank(moments: InputMoments, concepts: set[Concept]) -> float:
    if moments.width > WIDEST:
        return math.nan
    held = [moments.concepts[c].full(False) for c in concepts if c in moments.concepts]
    if not held:
        return 0.0
    values = torch.linalg.eigvalsh(sum(held[1:], held[0])).clamp_min(0)
    share = values / values.sum(1, keepdim=True).clamp_min(torch.finfo(values.dtype).tiny)
    return float(torch.special.entr(share).sum(1).exp().mean())


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _back(value: Any) -> Any:
    return math.nan if value is None else value
