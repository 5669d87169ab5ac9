"""The arithmetic of a chunk-parallel memory: everything but one small recurrence is a batched product.

Inside a chunk of C tokens the delta rule is a unit-triangular system (Yang et al. 2024, the UT / WY form).
With $\\gamma_i$ the log decay summed from the chunk's start, $D_{ij} = e^{\\gamma_i - \\gamma_j}$ and erase
keys $e$,

$$L = \\mathrm{tril}_{-1}(\\mathrm{diag}(\\beta)(E K^T) \\odot D), \\quad
[U | W] = (I + L)^{-1} [\\mathrm{diag}(\\beta) V | \\mathrm{diag}(\\beta e^\\gamma) E]$$

and from the state $S$ at the chunk's start $\\tilde U = U - W S$, $O = \\mathrm{diag}(e^\\gamma) Q S + ((Q
K^T) \\odot D) \\tilde U$ and $S \\leftarrow e^{\\gamma_C} S + (\\mathrm{diag}(e^{\\gamma_C - \\gamma}) K)^T
\\tilde U$. Only the state goes from chunk to chunk: two products each.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from memscape.sequence import walking
from memscape.sequence.decays import ChannelDecay, faded_pairs

SEGMENT = 4096
"""Tokens, times batch and heads, that a CPU works on at once.

Larger ones leave its cache and cost more each.
"""
WIDE_SEGMENT = 2**18
"""The same where a kernel walks the chunks: about 3 KB per token at K = V = C = 64."""


def run_chunks(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    g: Tensor | None,
    beta: Tensor | None,
    erase: Tensor | None,
    state: Tensor,
    chunk_size: int,
) -> tuple[Tensor, Tensor]:
    """Return outputs (b, t, h, V) and the last state (b, h, K, V), chunk by chunk.

    All in one dtype and checked; q is scaled; `erase` is a tensor (b, t, h, K) or None (nothing is erased).
    O(t (K + C) (K + V)) per head.
    """
    b, t, h, _ = q.shape
    size = min(chunk_size, t)
    span = max(1, (WIDE_SEGMENT if walking.on_kernel(state) else SEGMENT) // (b * h * size)) * size
    outputs = []
    for start in range(0, t, span):
        piece = [_split(x, start, span, size) for x in (q, k, v, g, beta, erase)]
        out, state = _segment(*piece, state)
        outputs.append(out.flatten(2, 3).transpose(1, 2))
    output = outputs[0] if len(outputs) == 1 else torch.cat(outputs, 1)
    return output[:, :t], state


def _split(x: Tensor | None, start: int, span: int, size: int) -> Tensor | None:
    """Return tokens from `start` on as (b, h, chunks, size, ...), with zeros behind the last."""
    if x is None:
        return None
    x = x[:, start : start + span]
    short = -x.shape[1] % size
    if short:
        x = F.pad(x, (0, 0) * (x.ndim - 2) + (0, short))
    return x.transpose(1, 2).unflatten(2, (-1, size)).contiguous()


def _segment(
    q: Tensor | None,
    k: Tensor | None,
    v: Tensor | None,
    g: Tensor | None,
    beta: Tensor | None,
    erase: Tensor | None,
    state: Tensor,
) -> tuple[Tensor, Tensor]:
    if q is None or k is None or v is None:
        raise TypeError("queries, keys and values are tensors")
    if g is not None and g.ndim == 5:
        return _channels(q, k, v, ChannelDecay(g, q.dtype), beta, erase, state)
    if g is None:
        return _scalar(q, k, v, None, beta, erase, state)
    return _scalar(q, k, v, faded_pairs(g, q.dtype), beta, erase, state)


def _weighted(x: Tensor, gain: Tensor | None) -> Tensor:
    return x if gain is None else x * gain[..., None]


def _scalar(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    fade: tuple[Tensor, Tensor, Tensor] | None,
    beta: Tensor | None,
    erase: Tensor | None,
    state: Tensor,
) -> tuple[Tensor, Tensor]:
    between, since, until = (None, None, None) if fade is None else fade
    seen = (q @ k.mT).tril() if between is None else (q @ k.mT) * between
    written, whole = _weighted(v, beta), None if since is None else since[..., -1, None, None]
    last = _weighted(k, until)
    if erase is None:
        states, state = walking.add_up(last.mT @ written, whole, state)
        return _weighted(q, since) @ states + seen @ written, state
    gained = _weighted(erase, beta)
    overlap = gained @ k.mT
    overlap = overlap if between is None else overlap * between
    return _erasing(_weighted(q, since), seen, overlap, written, _weighted(gained, since), last, whole, state)


def _channels(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    fade: ChannelDecay,
    beta: Tensor | None,
    erase: Tensor | None,
    state: Tensor,
) -> tuple[Tensor, Tensor]:
    seen, written = fade.pairs(q, k), _weighted(v, beta)
    last, whole = k * fade.until, fade.whole[..., None]
    if erase is None:
        states, state = walking.add_up(last.mT @ written, whole, state)
        return (q * fade.since) @ states + seen @ written, state
    gained = _weighted(erase, beta)
    overlap = fade.pairs(gained, k)
    return _erasing(q * fade.since, seen, overlap, written, gained * fade.since, last, whole, state)


def _erasing(
    asked: Tensor,
    seen: Tensor,
    overlap: Tensor,
    written: Tensor,
    erased: Tensor,
    last: Tensor,
    whole: Tensor | None,
    state: Tensor,
) -> tuple[Tensor, Tensor]:
    """Solve each chunk's triangular system, then go through the chunks.

    Only the part of `overlap` below its diagonal is read.
    """
    sides = torch.cat([written, erased], -1)
    # The transposed system: row-major tensors are what the solver wants of it, so it copies neither.
    solved = torch.linalg.solve_triangular(
        overlap.mT, sides.mT, upper=True, left=False, unitriangular=True
    ).mT
    u, w = solved.split([written.shape[-1], erased.shape[-1]], -1)
    if walking.on_kernel(state):
        change = last.mT @ solved  # (K, V + K): what a chunk adds, and what it takes from the state
        added, taken = change.split([u.shape[-1], w.shape[-1]], -1)
        keep = torch.eye(taken.shape[-1], dtype=taken.dtype, device=taken.device)
        states, state = walking.walk(keep * (1.0 if whole is None else whole) - taken, added, state)
        fixed = u - w @ states
    else:
        states, fixed, state = _correct(u, w, last, whole, state)
    return asked @ states + seen @ fixed, state


def _correct(
    u: Tensor, w: Tensor, last: Tensor, whole: Tensor | None, state: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the states before each chunk, the corrected writes, and the last state.

    Two products per chunk in a row, where the form that a kernel walks has half as many again in all.
    """
    heads = state.shape[:2]
    parts = [x.flatten(0, 1).unbind(1) for x in (u, w, last)]
    left = [None] * u.shape[2] if whole is None else whole.flatten(0, 1).unbind(1)
    state, states, fixed = state.flatten(0, 1), [], []
    for write, read, key, kept in zip(*parts, left, strict=True):
        states.append(state)
        fixed.append(torch.baddbmm(write, read, state, alpha=-1))
        state = torch.baddbmm(state if kept is None else kept * state, key.mT, fixed[-1])
    together = [torch.stack(x, 1).unflatten(0, heads) for x in (states, fixed)]
    return together[0], together[1], state.unflatten(0, heads)
