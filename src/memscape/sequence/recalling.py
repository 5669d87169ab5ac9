"""What a live state recalls for keys that you name, whatever kind of memory it is."""

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.errors import CapabilityError, InputError
from memscape.sequence.networks import Network
from memscape.sequence.objectives import EPSILON, Pair
from memscape.sequence.parts import MLPStore, NormalisedRead
from memscape.sequence.signals import Owned
from memscape.sequence.spec import MemorySpec
from memscape.sequence.window import attend

Tensors = dict[str, Tensor]


def heads_of(tensors: Tensors) -> tuple[int, int, int]:
    """Return batch, heads and K of a state.

    Raises:
        CapabilityError: for a state that holds no associations.
    """
    for name in ("matrix", "moment", "weight0"):
        if name in tensors:
            return tensors[name].shape[0], tensors[name].shape[1], tensors[name].shape[2]
    if "keys" in tensors:
        batch, _, heads, width = tensors["keys"].shape
        return batch, heads, width
    raise CapabilityError("this state holds no associations: its patterns are weights of the layer")


def shaped_keys(keys: Tensor, tensors: Tensors, width: int) -> Float[Tensor, "b h p K"]:
    """Return keys (p, K) or (b, h, p, K) for every row and head."""
    batch, heads, _ = heads_of(tensors)
    if keys.ndim == 2:
        keys = keys[None, None].expand(batch, heads, *keys.shape)
    if keys.ndim != 4 or keys.shape[:2] != (batch, heads) or keys.shape[-1] != width:
        raise InputError(
            f"keys have shape {tuple(keys.shape)}; give (p, {width}) for every row and head, or "
            f"({batch}, {heads}, p, {width})"
        )
    first = next(iter(tensors.values()))
    return keys.to(first.dtype if first.is_floating_point() else keys.dtype)


def key_width(spec: MemorySpec, tensors: Tensors) -> int:
    """Return K; a network with a bias has one input more."""
    width = heads_of(tensors)[2]
    return width - 1 if "weight0" in tensors and getattr(spec.store, "bias", False) else width


def recalled(
    spec: MemorySpec, tensors: Tensors, keys: Tensor, owned: Owned | None
) -> Float[Tensor, "b h p V"]:
    """Return what the memory predicts for keys (p, K) or (b, h, p, K): its values, before any skip or norm.

    Args:
        spec: the memory.
        tensors: its state.
        keys: as the memory sees them, after the layer's projections and normalisation.
        owned: `layer.owned`, for memories that need what the layer has learnt: a ridge, a layer norm.
    """
    keys = shaped_keys(keys, tensors, key_width(spec, tensors))
    if "matrix" in tensors:
        out = keys @ tensors["matrix"]
        return out[..., :-1] / out[..., -1:].clamp_min(1e-6) if isinstance(spec.read, NormalisedRead) else out
    if "moment" in tensors:
        return torch.linalg.solve(full_moment(tensors, owned), keys.mT).mT @ tensors["cross"]
    if "weight0" in tensors:
        return _network(spec, tensors, keys, owned)
    if "values" not in tensors:
        raise CapabilityError("this window keeps keys alone: its recall is a descent, layer(x)")
    values, stored = tensors["values"].transpose(1, 2), tensors["keys"].transpose(1, 2)
    allowed = tensors["held"][:, None, None, :].expand(*keys.shape[:3], -1)
    return attend(spec.read, keys, stored, values, allowed)


def full_moment(tensors: Tensors, owned: Owned | None) -> Float[Tensor, "b h K K"]:
    """Return the second moment of the keys with its ridge."""
    if owned is None or owned.ridge is None:
        raise CapabilityError("a solved memory reads with the layer's ridge; give owned=layer.owned")
    return tensors["moment"] + torch.diag_embed(owned.ridge.detach().to(tensors["moment"].dtype))


def _network(spec: MemorySpec, tensors: Tensors, keys: Tensor, owned: Owned | None) -> Tensor:
    net = Network(spec.store)
    if net.residual and (owned is None or owned.gain is None):
        raise CapabilityError("this memory reads through the layer's norm; give owned=layer.owned")
    owned = Owned() if owned is None else owned
    gain, shift = (None if x is None else x.detach()[:, None] for x in (owned.gain, owned.shift))
    epsilon = spec.store.epsilon if isinstance(spec.store, MLPStore) else EPSILON
    weights = [spec.retention.weights(tensors[f"weight{i}"]) for i in range(net.depth)]
    pair = Pair(keys, keys, gain, shift, epsilon=epsilon)
    return net.forward(lambda i, x: x @ weights[i], keys, pair)[0]
