"""Engrams in files, and engrams whose layers are all computed."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import FileFormatError, InputError
from memscape.core.files import Bundle, load_bundle, save_bundle
from memscape.engrams.deltas import Delta, Dense, LowRank, from_tensors
from memscape.engrams.engram import Engram, from_layers
from memscape.engrams.inspection import Site
from memscape.engrams.terms import HeldTerm


def compressed(delta: Delta, rank: int) -> Delta:
    """Return a change with at most `rank` directions, the largest ones of the matrix; O(o e min(o, e))."""
    if isinstance(delta, LowRank):
        if delta.rank <= rank:
            return delta
        # of a thin pair through its small core
        q, r = torch.linalg.qr(delta.left.double())
        p, s = torch.linalg.qr(delta.right.double().transpose(1, 2))
        u, values, v = torch.linalg.svd(r @ s.transpose(1, 2), full_matrices=False)
        left = q @ u[:, :, :rank] * values[:, None, :rank]
        return LowRank(left, v[:, :rank] @ p.transpose(1, 2))
    if not isinstance(delta, Dense) or rank >= min(delta.matrix.shape[1:]):
        return delta
    u, values, v = torch.linalg.svd(delta.matrix.double(), full_matrices=False)
    return LowRank(u[:, :, :rank] * values[:, None, :rank], v[:, :rank])


def materialised(engram: Engram, rank: int | None = None) -> Engram:
    """Return the engram with every layer computed, at most `rank` directions each; None keeps all."""
    if rank is not None:
        require_count(rank, "rank")
    layers = {name: engram.delta(name) for name in engram.sites}
    if rank is not None:
        layers = {name: compressed(delta, rank) for name, delta in layers.items()}
    seals = {term.seal for term in engram.terms}
    origin = (*next(iter(seals)), f"rank {rank}") if len(seals) == 1 else ("sum",)
    made = from_layers(_name(engram), layers, engram, origin if rank is not None else origin[:2])
    made._noted = engram._noted or _notes(engram)
    return made


def _name(engram: Engram) -> str:
    named = [label if factor == 1.0 else f"{factor:g} * {label}" for label, factor in engram.concepts.items()]
    return " + ".join(named) or "0"


def _notes(engram: Engram) -> dict[str, Any] | None:
    """Return the report of an engram that still knows its statistics: an artefact carries it along."""
    if not engram.terms or any(isinstance(term, HeldTerm) for term in engram.terms):
        return None
    return engram.report().to_dict()


def save(engram: Engram, path: str | Path, dtype: torch.dtype | None) -> None:
    """Write an engram to a file: its layers, what it belongs to, and its report."""
    if dtype is not None and not dtype.is_floating_point:
        raise InputError(
            f"dtype is {dtype}; an engram is kept in floating-point numbers, such as torch.float16"
        )
    whole = engram if _is_held(engram) else materialised(engram)
    term, factor = next(iter(whole.terms.items()))
    kind = torch.float32 if dtype is None else dtype
    tensors: dict[str, Tensor] = {}
    for name in whole.sites:
        delta = term.delta(name).scaled(factor)
        tensors |= {f"{name}|{leaf}": tensor.to(kind) for leaf, tensor in delta.tensors().items()}
    parts = {
        "concept": _name(whole),
        "units": "sum",
        "sites": [site.to_dict() for site in whole.sites.values()],
        "digests": whole.digests,
        "model_hash": whole.model_hash,
        "origin": list(term.seal),
        "report": whole._noted,
        "settings": {"concept": _name(whole), "layers": len(whole.sites), "model_hash": whole.model_hash},
    }
    save_bundle(path, kind="engram", card=Engram.card.name, tensors=tensors, parts=parts)


def _is_held(engram: Engram) -> bool:
    return len(engram.terms) == 1 and isinstance(next(iter(engram.terms)), HeldTerm)


def load(path: str | Path) -> Engram:
    """Return the engram of a file.

    Raises:
        FileFormatError: for a file that is no engram, truncated or newer.
    """
    bundle = load_bundle(path)
    if bundle.card != Engram.card.name:
        raise FileFormatError(f"{str(path)!r} holds a {bundle.kind} of {bundle.card}, no engram")
    return from_bundle(bundle)


def from_bundle(bundle: Bundle) -> Engram:
    """Return the engram that a file holds."""
    grouped: dict[str, dict[str, Tensor]] = {}
    for name, tensor in bundle.tensors.items():
        site, leaf = name.rsplit("|", 1)
        grouped.setdefault(site, {})[leaf] = tensor
    parts = bundle.parts
    sites = {site.name: site for site in map(Site.from_dict, parts["sites"])}
    layers = {name: from_tensors(grouped[name]) for name in sites}
    origin = tuple(_tupled(part) for part in parts["origin"])
    made = Engram({HeldTerm(parts["concept"], layers, sites, parts["digests"], origin): 1.0})
    made._noted = parts["report"]
    return made


def _tupled(value: Any) -> Any:
    return tuple(_tupled(part) for part in value) if isinstance(value, list) else value
