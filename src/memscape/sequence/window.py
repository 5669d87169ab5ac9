"""Memories that keep the tokens themselves: softmax attention and its relatives, read by local regression."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from memscape.core.errors import InputError
from memscape.sequence.parts import HopfieldRead, LocalLinearRead, Read, SoftmaxRead
from memscape.sequence.signals import Signals, masked_softmax, per_token
from memscape.sequence.spec import MemorySpec

Tensors = dict[str, Tensor]


def start(batch: int, heads: int, width: int, values: int, like: Tensor) -> Tensors:
    """Return the state of a window that has seen nothing."""
    return {
        "keys": like.new_zeros(batch, 0, heads, width),
        "values": like.new_zeros(batch, 0, heads, values),
        "held": torch.zeros(batch, 0, dtype=torch.bool, device=like.device),
    }


def extended(tensors: Tensors, signals: Signals) -> Tensors:
    """Return the window with the new tokens behind the old; padding is there and not held."""
    live = signals.live
    if live is None:
        live = torch.ones(signals.k.shape[:2], dtype=torch.bool, device=signals.k.device)
    added = {"keys": signals.k, "values": signals.v, "held": live}
    return {name: torch.cat([tensors[name], x], 1) for name, x in added.items()}


def cropped(tensors: Tensors, size: int | None) -> Tensors:
    """Return the window without what no later token may look at.

    A window of `size` tokens counts the looking token itself.
    """
    if size is None:
        return tensors
    count = tensors["held"].shape[1]
    return {name: x[:, max(0, count - size + 1) :] for name, x in tensors.items()}


def run(spec: MemorySpec, signals: Signals, tensors: Tensors, path: str, size: int) -> tuple[Tensor, Tensors]:
    """Return outputs (b, t, h, V) and the window after the last token, `size` queries at once."""
    joined = extended(tensors, signals)
    reach = getattr(spec.store, "size", None)
    out = look(spec.read, signals.q, joined, reach, size if path == "chunk" else 1)
    return out, cropped(joined, reach)


def look(
    read: Read, q: Tensor, window: Tensors, reach: int | None, size: int, *, itself: bool = True
) -> Tensor:
    """Return what queries (b, t, h, K), which belong to the last t tokens of the window, read from it.

    Args:
        read: `SoftmaxRead`, `HopfieldRead` or `LocalLinearRead`.
        q: queries.
        window: keys, values and which of them are held.
        reach: tokens that a query may look at, itself counted; None is all.
        size: queries that are worked on at once.
        itself: whether a query may look at its own token.

    O(t n (K + V)) for n tokens in the window; local linear O(t n K^2).
    """
    keys, values = (window[name].transpose(1, 2) for name in ("keys", "values"))
    queries, held = q.transpose(1, 2), window["held"]
    count, past = held.shape[1], held.shape[1] - q.shape[1]
    plain = isinstance(read, SoftmaxRead) and itself and reach is None and past == 0 and size > 1
    if plain and bool(held.all()):
        beta = _sharpness(read, q.shape[-1])
        return per_token(F.scaled_dot_product_attention(queries, keys, values, is_causal=True, scale=beta))
    outputs = []
    for first in range(0, q.shape[1], size):
        block = queries[:, :, first : first + size]
        end = past + first + block.shape[2]
        begin = 0 if reach is None else max(0, past + first - reach + 1)
        place = torch.arange(past + first, end, device=q.device)[:, None]
        token = torch.arange(begin, end, device=q.device)[None, :]
        allowed = token <= place if itself else token < place
        allowed = allowed & (place - token < (count if reach is None else reach))
        allowed = allowed & held[:, None, None, begin:end]
        outputs.append(attend(read, block, keys[:, :, begin:end], values[:, :, begin:end], allowed))
    return per_token(torch.cat(outputs, 2))


def attend(read: Read, q: Tensor, keys: Tensor, values: Tensor, allowed: Tensor) -> Tensor:
    """Return what queries (..., c, K) read from keys (..., n, K) and values (..., n, V).

    Nothing allowed: 0.
    """
    beta = _sharpness(read, q.shape[-1])
    if isinstance(read, LocalLinearRead):
        return _local_linear(read.ridge, beta, q, keys, values, allowed)
    if isinstance(read, HopfieldRead):
        for _ in range(read.steps - 1):
            q = masked_softmax(beta * (q @ keys.mT), allowed) @ keys
    return masked_softmax(beta * (q @ keys.mT), allowed) @ values


def _sharpness(read: Read, width: int) -> float:
    if not isinstance(read, SoftmaxRead | HopfieldRead | LocalLinearRead):
        raise InputError(f"{type(read).__name__} does not read a window")
    return width**-0.5 if read.beta is None else read.beta


LOOKED = 64
"""Keys whose second moments are taken at once: the products of K with K channels need room."""


def _local_linear(
    ridge: float, beta: float, q: Tensor, keys: Tensor, values: Tensor, allowed: Tensor
) -> Tensor:
    """Return intercepts in the centred form, $\\bar v + (\\sum w (k - \\bar k) v^T)^T A^{-1} (q - \\bar k)$.

    Weights are divided by their sum, and so is the ridge: no exponential is large. Sums and solutions are
    float64 where the device has it.
    """
    kind = q.dtype
    q, keys, values = (x if x.device.type == "mps" else x.double() for x in (q, keys, values))
    scores = (beta * (q @ keys.mT)).masked_fill(~allowed, -torch.inf)
    top = scores.amax(-1, keepdim=True).detach()
    top = torch.where(torch.isfinite(top), top, 0.0)  # nothing is allowed
    total = (scores - top).exp().sum(-1, keepdim=True)  # at least 1 where anything is allowed
    weights = masked_softmax(scores, allowed)
    mean_key, mean_value = weights @ keys, weights @ values
    second, cross = _moments(weights, keys, values)
    size = torch.diagonal(second, dim1=-2, dim2=-1).mean(-1, keepdim=True)
    second = second - mean_key[..., :, None] * mean_key[..., None, :]
    cross = cross - mean_key[..., :, None] * mean_value[..., None, :]
    slope = _solved(second, _share(ridge, top, total), size, q - mean_key)
    return (mean_value + (cross.mT @ slope[..., None])[..., 0]).to(kind)


def _solved(second: Tensor, share: Tensor, size: Tensor, asked: Tensor) -> Tensor:
    """Return $(\\Sigma + \\varepsilon I)^{-1} x$, damped where a direction cannot be told from rounding.

    Sharp weights are nearly all one key's, and the spread of the other keys sinks below the rounding of its
    square. The ridge is raised to $f$, half of the digits of the keys' own size, and what that takes away is
    given back once (iterated Tikhonov regularisation; Engl, Hanke and Neubauer 1996, chapter 5): a direction
    of variance l keeps $1 - (f / (l + f))^2$ of its slope.
    """
    least = torch.finfo(second.dtype).eps ** 0.5 * size
    raised = (least - share).clamp_min(0)
    whole = second + torch.diag_embed((share + raised).expand_as(asked))
    slope = torch.linalg.solve(whole, asked[..., None])
    return (slope + raised[..., None] * torch.linalg.solve(whole, slope))[..., 0]


def _share(ridge: float, top: Tensor, total: Tensor) -> Tensor:
    """Return the ridge over the sum of all weights, an exponential that has a finite inverse."""
    least = math.log(torch.finfo(total.dtype).tiny) / 2
    return (math.log(ridge) - top - total.clamp_min(1).log()).clamp(least, -least).exp()


def _moments(weights: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Return sums of w k k' (..., c, K, K) and w k v' (..., c, K, V), a few keys at a time."""
    width, both = keys.shape[-1], torch.cat([keys, values], -1)
    total = torch.zeros((), dtype=keys.dtype, device=keys.device)
    for first in range(0, keys.shape[-2], LOOKED):
        cut = slice(first, first + LOOKED)
        outer = keys[..., cut, :, None] * both[..., cut, None, :]
        total = total + weights[..., cut] @ outer.flatten(-2)
    moments = total.unflatten(-1, (width, both.shape[-1]))
    return moments[..., :width], moments[..., width:]
