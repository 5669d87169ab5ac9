"""Edit a live state: take one association out, or lay two memories over each other."""

import torch
from torch import Tensor

from memscape.core.errors import CapabilityError, InputError
from memscape.mechanisms.writing import delta
from memscape.sequence.parts import MatrixStore
from memscape.sequence.recalling import full_moment, heads_of, key_width, recalled, shaped_keys
from memscape.sequence.signals import Owned
from memscape.sequence.spec import MemorySpec

Tensors = dict[str, Tensor]
ALIKE = 0.999
"""Cosine from which a key in a window is the one that is meant."""


def erased(
    spec: MemorySpec, tensors: Tensors, key: Tensor, keep: Tensor | None, owned: Owned | None
) -> Tensors:
    """Return the state without what `key` recalls.

    A matrix loses $u\\,(k^T S) / (u \\cdot k)$, where u is the part of k that no key to keep shares:
    afterwards k reads 0 and every kept key what it read before. Without `keep` that is a delta write of the
    value zero.
    """
    single = key[None, :] if key.ndim == 1 else key[..., None, :]
    keys = shaped_keys(single, tensors, key_width(spec, tensors))[..., 0, :]
    if "keys" in tensors:
        return _unheld(tensors, keys)
    given, largest = keys, keys.abs().amax(-1, keepdim=True)
    # what is taken out does not depend on the key's size, and squares of keys may leave the finite numbers
    keys = keys / largest.clamp_min(torch.finfo(keys.dtype).tiny)
    way = _own_part(keys, None if keep is None else shaped_keys(keep, tensors, keys.shape[-1]))
    if "moment" in tensors:
        read = recalled(spec, tensors, keys[..., None, :], owned)
        share = (full_moment(tensors, owned) @ way[..., None]) @ read / _dot(way, keys)
        return tensors | {"cross": tensors["cross"] - share}
    names = [name for name in tensors if name.startswith(("matrix", "weight", "anchor", "momentum"))]
    if "weight0" in tensors and not (isinstance(spec.store, MatrixStore) and spec.retention.linear):
        raise CapabilityError(
            "no key is one direction of a network: memories of one matrix, linearly kept, can be edited. "
            "Write the key with the value zero through the layer instead"
        )
    asked = keys
    if "weight0" in tensors and spec.store == MatrixStore(bias=True):
        asked = torch.nn.functional.pad(given, (0, 1), value=1.0)
        way = torch.nn.functional.pad(way, (0, 1))  # the bias is every key's
    return tensors | {name: _without(tensors[name], asked, way) for name in names}


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(-1)[..., None, None]


def _without(matrix: Tensor, key: Tensor, way: Tensor) -> Tensor:
    if way is key:
        return delta(matrix, key, torch.zeros_like(matrix[..., 0, :]), 1 / key.square().sum(-1, keepdim=True))
    return matrix - way[..., :, None] * (key[..., None, :] @ matrix) / _dot(way, key)


def _own_part(key: Tensor, keep: Tensor | None) -> Tensor:
    """Return the part of the key (b, h, K) that is orthogonal to keys (b, h, p, K)."""
    if not bool((key.abs().amax(-1) > 0).all()):
        raise InputError("the key is zero in a head: it reads nothing that could be erased")
    if keep is None:
        return key
    share = torch.linalg.lstsq(keep.mT, key[..., None], driver="gelsd").solution
    rest = key - (keep.mT @ share)[..., 0]
    if bool((torch.linalg.vector_norm(rest, dim=-1) < 1e-4 * torch.linalg.vector_norm(key, dim=-1)).any()):
        raise InputError(
            "the key is a combination of the keys to keep, so what it reads is theirs; keep fewer keys"
        )
    return rest


def _unheld(tensors: Tensors, key: Tensor) -> Tensors:
    """Return a window that no longer holds the tokens whose keys point along `key` in every head."""
    cosine = torch.nn.functional.cosine_similarity(tensors["keys"], key[:, None], dim=-1)
    found = (cosine > ALIKE).all(-1) & tensors["held"]
    if not bool(found.any(-1).all()):
        raise InputError(
            "a row of the window holds no token with this key; take one from state.tensors['keys']"
        )
    return tensors | {"held": tensors["held"] & ~found}


def merged(spec: MemorySpec, one: Tensors, other: Tensors) -> Tensors:
    """Return the state that holds what both hold.

    Matrices and moments add: exact for Hebb's rule and for solved memories without decay. Under the delta
    rule each part's keys read their own values plus what the other part reads for them. Windows are laid end
    to end.

    Raises:
        CapabilityError: for networks, whose weights do not add.
    """
    if "weight0" in one:
        raise CapabilityError("networks do not add: two memories of this kind cannot be merged")
    if heads_of(one) != heads_of(other):
        raise InputError(f"states of {heads_of(one)} and {heads_of(other)} (rows, heads, K) do not merge")
    if "held" in one:
        return {name: torch.cat([one[name], other[name]], 1) for name in one}
    return {name: one[name] + other[name] for name in one}
