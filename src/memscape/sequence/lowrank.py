"""Diagonal plus low rank: what RWKV-7 needs, and any rule whose gradient is taken before the decay.

$$S_t = \\mathrm{Diag}(e^{g_t}) S_{t-1} + a_t (b_t^T S_{t-1}) + k_t v_t^T, \\qquad o_t = S_t^T q_t$$

The low-rank term sees the state before its decay. With $a = k$, $b = -\\beta k$ and $\\beta v$ for v it is
the delta rule with the gradient at the previous state, which with decay is not Gated DeltaNet.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.mechanisms.writing import hebb
from memscape.sequence.core import require_finite, require_shape, unnarrowed, working
from memscape.sequence.decays import ChannelDecay
from memscape.sequence.walking import walk


def low_rank_scan(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    b: Tensor,
    *,
    g: Tensor,
    state: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Float[Tensor, "b t h V"], Float[Tensor, "b h K V"]]:
    """Return outputs and the last state of the diagonal-plus-low-rank update, token by token.

    Args:
        q: (b, t, h, K) queries.
        k: (b, t, h, K) keys.
        v: (b, t, h, V) values.
        a: (b, t, h, K) where the low-rank term writes.
        b: (b, t, h, K) what it reads.
        g: (b, t, h, K) log decay, at most 0.
        state: (b, h, K, V) or None.
        scale: factor of q; None is $K^{-1/2}$.

    Raises:
        InputError: for shapes that do not fit, log decays above 0, NaN.

    O(t K V) per head.

    Peng et al. 2025 (RWKV-7).
    """
    *rows, current = _checked(q, k, v, a, b, g, state, scale)
    outputs = []
    with unnarrowed(q):
        for query, key, value, write, read, decay in zip(*(x.unbind(1) for x in rows), strict=True):
            seen = (read[..., None, :] @ current)[..., 0, :]
            current = hebb(hebb(decay.exp()[..., None] * current, write, seen), key, value)
            outputs.append((query[..., None, :] @ current)[..., 0, :])
    return torch.stack(outputs, 1).to(v.dtype), current


def low_rank_chunk(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    b: Tensor,
    *,
    g: Tensor,
    state: Tensor | None = None,
    chunk_size: int = 64,
    scale: float | None = None,
) -> tuple[Float[Tensor, "b t h V"], Float[Tensor, "b h K V"]]:
    """Return what `low_rank_scan` returns, chunk by chunk, with one triangular solve each.

    With $\\Gamma$ the log decays summed from the chunk's start, $\\Gamma^-$ up to the token before, and
    $\\langle x, y \\rangle_{ij} = \\sum_c x_{ic} y_{jc} e^{\\Gamma_{ic} - \\Gamma_{jc}}$:
    $P = (I - \\mathrm{tril}_{-1}\\langle b, a \\rangle^-)^{-1} (\\mathrm{tril}_{-1}\\langle b, k\\rangle^- V
    + (B \\odot e^{\\Gamma^-}) S)$ and $O = (Q \\odot e^\\Gamma) S + \\langle q, a\\rangle P + \\langle q, k
    \\rangle V$.

    Args:
        q: (b, t, h, K) and the rest as in `low_rank_scan`.
        k: (b, t, h, K).
        v: (b, t, h, V).
        a: (b, t, h, K).
        b: (b, t, h, K).
        g: (b, t, h, K).
        state: (b, h, K, V) or None.
        chunk_size: tokens that are worked on together; any number gives the same result.
        scale: factor of q; None is $K^{-1/2}$.

    O(t (K + C)(K + V)) per head.

    >>> import torch
    >>> q, k, v, a = torch.randn(4, 1, 9, 1, 4, generator=torch.Generator().manual_seed(0)).unbind(0)
    >>> given = dict(q=q, k=k, v=v, a=a, b=-0.1 * a, g=torch.full_like(k, -0.1))
    >>> by_chunk, by_token = low_rank_chunk(**given, chunk_size=4), low_rank_scan(**given)
    >>> bool((by_chunk[0] - by_token[0]).abs().max() < 1e-5)
    True
    """
    size = require_count(chunk_size, "chunk_size")
    *rows, current = _checked(q, k, v, a, b, g, state, scale)
    t = rows[0].shape[1]
    size = min(size, t)
    padded = [F.pad(x, (0, 0, 0, 0, 0, -t % size)) for x in rows]
    split = [x.transpose(1, 2).unflatten(2, (-1, size)) for x in padded]
    with unnarrowed(q):
        out, current = _chunks(split, current)
    return out.flatten(2, 3).transpose(1, 2)[:, :t].to(v.dtype), current


def _chunks(split: list[Tensor], state: Tensor) -> tuple[Tensor, Tensor]:
    q, k, v, a, b, g = split
    fade = ChannelDecay(g, q.dtype)
    inner = -fade.pairs(b, a, before=True)
    sides = torch.cat([fade.pairs(b, k, before=True) @ v, b * fade.before], -1)
    solved = torch.linalg.solve_triangular(inner, sides, upper=False, unitriangular=True)
    fixed, moved = solved.split([v.shape[-1], b.shape[-1]], -1)  # P = fixed + moved S
    asked, through, direct = q * fade.since, fade.pairs(q, a), fade.pairs(q, k) @ v
    last = a * fade.until
    keep = torch.diag_embed(fade.whole) + last.mT @ moved
    added = last.mT @ fixed + (k * fade.until).mT @ v
    before, state = walk(keep, added, state)
    return asked @ before + through @ (fixed + moved @ before) + direct, state


def _checked(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    a: Tensor,
    b: Tensor,
    g: Tensor,
    state: Tensor | None,
    scale: float | None,
) -> list[Tensor]:
    """Return q, k, v, a, b, g and the state in one working dtype."""
    if q.ndim != 4 or v.ndim != 4:
        raise InputError(
            f"q has shape {tuple(q.shape)} and v {tuple(v.shape)}; give (b, tokens, heads, width)"
        )
    rows, tokens, heads, width = q.shape
    for name, x in {"k": k, "a": a, "b": b, "g": g}.items():
        require_shape(x, [(rows, tokens, heads, width)], name, "q")
    require_shape(v, [(rows, tokens, heads, v.shape[-1])], "v", "q")
    require_shape(state, [(rows, heads, width, v.shape[-1])], "state", "q and v")
    named = {"q": q, "k": k, "v": v, "a": a, "b": b, "g": g, "state": state}
    for name, x in named.items():
        require_finite(x, name)
    if bool((g > 0).any()):
        raise InputError(f"g reaches {float(g.max()):g}; a log decay is at most 0")
    work = working(x for x in named.values() if x is not None)
    if state is None:
        state = torch.zeros(rows, heads, width, v.shape[-1], dtype=work, device=q.device)
    q = q.to(work) * (width**-0.5 if scale is None else scale)
    return [x.to(work) for x in (q, k, v, a, b, g, state)]
