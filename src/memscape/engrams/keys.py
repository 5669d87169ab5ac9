"""What an engram reads: the directions of a layer's input to which it answers, as patterns of a memory."""

import warnings

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import CapabilityError, DependenceWarning
from memscape.engrams.deltas import Share
from memscape.engrams.engram import Engram
from memscape.engrams.handlers import FULL
from memscape.memories.projection import Projection

WEAK = 0.01
"""Keys below this share of the strongest are no wells of their own."""


def keys(engram: Engram, layer: str, most: int = 16) -> tuple[Float[Tensor, "p n"], Float[Tensor, " p"]]:
    """Return the strongest keys (p, n) of an engram in one layer, and their strengths (p,).

    The right singular vectors of the change of the weight: an input along one of them is answered with its
    strength. A bias is left out. O(o n min(o, n)).

    Raises:
        CapabilityError: for a layer without a matrix (a table, a gain), or an engram that is nothing there.
    """
    require_count(most, "most")
    site = engram.sites.get(layer)
    delta = engram.delta(layer)
    if site is None or site.part.kind != FULL or isinstance(delta, Share):
        raise CapabilityError(f"layer {layer!r} is a table or gain; keys live in the input of a matrix")
    matrix = delta.dense().cpu()[:, :, : site.part.width]
    _, values, vectors = torch.linalg.svd(matrix, full_matrices=False)
    flat, rows = values.reshape(-1), vectors.reshape(-1, site.part.width)
    order = flat.argsort(descending=True)[:most]
    order = order[flat[order] > WEAK * flat.max()]
    if not len(order):
        raise CapabilityError(f"the engram is zero in layer {layer!r} and so holds no well")
    return rows[order], flat[order]


def projection_of(engram: Engram, layer: str | None, most: int) -> Projection:
    """Return the projection memory of the signs of an engram's keys."""
    matrices = [name for name, site in engram.sites.items() if site.part.kind == FULL]
    if layer is None and not matrices:
        raise CapabilityError("the engram lives in tables and gains only and holds no wells")
    found, _ = keys(engram, matrices[0] if layer is None else layer, most)
    signs = torch.where(found.abs() > 1e-9 * found.abs().max(), found.sign(), 0.0).to(torch.int8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DependenceWarning)  # keys of one sign everywhere fall together
        return Projection(_distinct(signs))


def _distinct(signs: Tensor) -> Tensor:
    """Return rows of which none is another one or its opposite, in their order."""
    kept: list[Tensor] = []
    for row in signs:
        if not any(bool((row == other).all() | (row == -other).all()) for other in kept):
            kept.append(row)
    return torch.stack(kept)
