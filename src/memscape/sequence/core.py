"""Matrix memories that are written one token at a time: one update, run in three ways that agree.

$$S \\leftarrow D_t S, \\qquad S \\leftarrow S + k_t \\otimes \\beta_t (v_t - e_t^T S), \\qquad o_t = S^T
q_t$$

Linear attention, RetNet, Mamba-2, GLA, DeltaNet, Gated DeltaNet and KDA are settings of the decay D, the
erase key e and the write strength beta. The writes are those of `mechanisms.writing`. `step` writes one
token, `scan` is the loop over steps and thereby the definition, `chunk` does the same with matrix products.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import DtypeError, InputError
from memscape.mechanisms.writing import delta, hebb
from memscape.sequence.chunks import run_chunks


def scan(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    g: Tensor | None = None,
    beta: Tensor | None = None,
    erase: str | Tensor | None = "key",
    state: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Float[Tensor, "b t h V"], Float[Tensor, "b h K V"]]:
    """Return outputs and the last state, token by token: the definition of the three ways.

    $S \\leftarrow D_t S$, then $S \\leftarrow S + k_t \\otimes \\beta_t (v_t - e_t^T S)$, then
    $o_t = S^T q_t$. The delta rule is stable while $\\beta |k|^2$ lies in [0, 2]: take keys of length 1.

    Args:
        q: (b, t, h, K) queries.
        k: (b, t, h, K) keys.
        v: (b, t, h, V) values.
        g: log decay, at most 0: (b, t, h), or (b, t, h, K) for one per channel of the key. None: no decay.
        beta: (b, t, h) write strength; None is 1.
        erase: "key" erases what the key reads (the delta rule), a tensor (b, t, h, K) what that key reads,
            None nothing (linear attention).
        state: (b, h, K, V) to go on from; None is zero.
        scale: factor of q; None is $K^{-1/2}$.

    Raises:
        InputError: for shapes that do not fit, log decays above 0, NaN or infinite values.
        DtypeError: for values that are no floating-point numbers.

    Sums are float64 where an input is, else float32; outputs have the dtype of v. O(t K V) per head.

    >>> import torch
    >>> k = torch.tensor([[1.0, 0.0], [1.0, 0.0]]).reshape(1, 2, 1, 2)
    >>> v = torch.tensor([[3.0], [5.0]]).reshape(1, 2, 1, 1)
    >>> o, S = scan(k, k, v, scale=1.0)
    >>> o.flatten(), S.flatten()
    (tensor([3., 5.]), tensor([5., 0.]))

    Schlag et al. 2021; Yang, Kautz and Hatamizadeh 2024 (the gated form).
    """
    given = _checked(q, k, v, g, beta, erase, state, scale)
    current, outputs = given.state, []
    with unnarrowed(q):
        for token in given.tokens():
            out, current = advance(current, *token, own=given.own)
            outputs.append(out)
    return torch.stack(outputs, 1).to(v.dtype), current


def step(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    g: Tensor | None = None,
    beta: Tensor | None = None,
    erase: str | Tensor | None = "key",
    state: Tensor | None = None,
    scale: float | None = None,
) -> tuple[Float[Tensor, "..."], Float[Tensor, "b h K V"]]:
    """Return output and state after one token; see `scan`, whose time axis may be left out here.

    Args:
        q: (b, h, K) or (b, 1, h, K); the others alike, with or without the axis of length 1.
        k: like q.
        v: (b, h, V) or (b, 1, h, V).
        g: (b, h) or (b, h, K), with or without the axis.
        beta: (b, h), with or without the axis.
        erase: "key", like k, or None.
        state: (b, h, K, V).
        scale: factor of q; None is $K^{-1/2}$.

    Raises:
        InputError: as `scan`, and for more than one token.

    O(K V) per head, no growth.

    >>> import torch
    >>> k = torch.tensor([[[0.0, 1.0]]])
    >>> o, S = step(k, k, torch.tensor([[[7.0]]]), scale=1.0)
    >>> o
    tensor([[[7.]]])
    """
    if q.ndim == 3:
        lifted = {"g": g, "beta": beta, "erase": erase}
        lifted = {name: x[:, None] if isinstance(x, Tensor) else x for name, x in lifted.items()}
        out, state = scan(q[:, None], k[:, None], v[:, None], **lifted, state=state, scale=scale)  # ty: ignore[invalid-argument-type]
        return out[:, 0], state
    if q.ndim == 4 and q.shape[1] != 1:
        raise InputError(
            f"q has shape {tuple(q.shape)}, {q.shape[1]} tokens; step takes one, scan takes many"
        )
    return scan(q, k, v, g=g, beta=beta, erase=erase, state=state, scale=scale)


def chunk(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    g: Tensor | None = None,
    beta: Tensor | None = None,
    erase: str | Tensor | None = "key",
    state: Tensor | None = None,
    chunk_size: int = 64,
    scale: float | None = None,
) -> tuple[Float[Tensor, "b t h V"], Float[Tensor, "b h K V"]]:
    """Return what `scan` returns, to rounding, with matrix products over chunks of `chunk_size` tokens.

    The equations stand in `memscape.sequence.chunks`.

    Args:
        q: (b, t, h, K) queries; the other arguments are those of `scan`.
        k: (b, t, h, K).
        v: (b, t, h, V).
        g: (b, t, h), (b, t, h, K) or None.
        beta: (b, t, h) or None.
        erase: "key", (b, t, h, K) or None.
        state: (b, h, K, V) or None.
        chunk_size: tokens that are worked on together; any number gives the same result.
        scale: factor of q; None is $K^{-1/2}$.

    Raises:
        InputError: as `scan`, and for a chunk size below 1.

    O(t (K + C)(K + V)) per head, linear in t.

    >>> import torch
    >>> generator = torch.Generator().manual_seed(0)
    >>> q, k, v = torch.randn(3, 1, 100, 2, 8, generator=generator).unbind(0)
    >>> k = torch.nn.functional.normalize(k, dim=-1)
    >>> beta = torch.rand(1, 100, 2, generator=generator)
    >>> by_chunk, by_token = chunk(q, k, v, beta=beta), scan(q, k, v, beta=beta)
    >>> bool((by_chunk[0] - by_token[0]).abs().max() < 1e-5)
    True

    Yang et al. 2024, Parallelizing linear transformers with the delta rule over sequence length.
    """
    size = require_count(chunk_size, "chunk_size")
    given = _checked(q, k, v, g, beta, erase, state, scale)
    erased = given.k if given.own else given.erase
    with unnarrowed(q):
        out, current = run_chunks(given.q, given.k, given.v, given.g, given.beta, erased, given.state, size)
    return out.to(v.dtype), current


def advance(
    state: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor | None,
    beta: Tensor | None,
    erase: Tensor | None,
    *,
    own: bool,
) -> tuple[Tensor, Tensor]:
    """Return output (b, h, V) and state after one token, unchecked; `own`: the key erases for itself."""
    if decay is not None:
        state = decay * state
    if own:
        state = delta(state, k, v, 1.0 if beta is None else beta[..., None])
    else:
        left = v if erase is None else v - (erase[..., None, :] @ state)[..., 0, :]
        state = hebb(state, k, left if beta is None else beta[..., None] * left)
    return (q[..., None, :] @ state)[..., 0, :], state


@dataclass(frozen=True)
class Given:
    """Checked arguments in one working dtype; `own`: the key itself is the erase key."""

    q: Tensor
    k: Tensor
    v: Tensor
    g: Tensor | None
    beta: Tensor | None
    erase: Tensor | None
    own: bool
    state: Tensor

    def tokens(self) -> Iterator[tuple]:
        """Yield q, k, v, decay, beta and erase key of each token (unbound: slices have costly gradients)."""
        decay = None
        if self.g is not None:
            decay = self.g.exp()[..., None] if self.g.ndim == 4 else self.g.exp()[..., None, None]
        rows = (self.q, self.k, self.v, decay, self.beta, self.erase)
        columns = [[None] * self.q.shape[1] if x is None else x.unbind(1) for x in rows]
        return zip(*columns, strict=True)


def _checked(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    g: Tensor | None,
    beta: Tensor | None,
    erase: str | Tensor | None,
    state: Tensor | None,
    scale: float | None,
) -> Given:
    if q.ndim != 4:
        raise InputError(f"q has shape {tuple(q.shape)}; give (batch, tokens, heads, K)")
    if v.ndim != 4:
        raise InputError(f"v has shape {tuple(v.shape)}; give (batch, tokens, heads, V)")
    if isinstance(erase, str) and erase != "key":
        raise InputError(f'erase is {erase!r}; give "key", a tensor (b, t, h, K), or None')
    b, t, h, width = q.shape
    if min(q.shape) == 0 or v.shape[-1] == 0:
        raise InputError(f"q has shape {tuple(q.shape)} and v {tuple(v.shape)}; give at least one of each")
    own, key = erase == "key" if isinstance(erase, str) else False, None if isinstance(erase, str) else erase
    require_shape(k, [(b, t, h, width)], "k", "q")
    require_shape(v, [(b, t, h, v.shape[-1])], "v", "q")
    require_shape(g, [(b, t, h), (b, t, h, width)], "g", "q")
    require_shape(beta, [(b, t, h)], "beta", "q")
    require_shape(key, [(b, t, h, width)], "erase", "q")
    require_shape(state, [(b, h, width, v.shape[-1])], "state", "q and v")
    named = {"q": q, "k": k, "v": v, "g": g, "beta": beta, "erase": key, "state": state}
    for name, x in named.items():
        require_finite(x, name)
    if g is not None and bool((g > 0).any()):
        raise InputError(
            f"g reaches {float(g.max()):g}; a log decay is at most 0 (g = log of the share that stays)"
        )
    work = working(x for x in named.values() if x is not None)
    if state is None:
        state = torch.zeros(b, h, width, v.shape[-1], dtype=work, device=q.device)
    q = q.to(work) * (width**-0.5 if scale is None else scale)
    rest = [None if x is None else x.to(work) for x in (k, v, g, beta, key)]
    return Given(q, rest[0], rest[1], rest[2], rest[3], rest[4], own, state.to(work))  # ty: ignore[invalid-argument-type]


def require_shape(x: Tensor | None, shapes: list[tuple[int, ...]], name: str, beside: str) -> None:
    """Raise `InputError` unless `x` is None or has one of these shapes, which follow from `beside`."""
    if x is not None and tuple(x.shape) not in shapes:
        allowed = " or ".join(str(shape) for shape in shapes)
        raise InputError(f"{name} has shape {tuple(x.shape)}; with this {beside} it must be {allowed}")


def require_finite(x: Tensor | None, name: str) -> None:
    """Raise `InputError` for NaN or infinite values.

    One sum finds them; the count is taken only when there are any.
    """
    if x is None:
        return
    if not x.is_floating_point():
        raise DtypeError(f"{name} holds {x.dtype} values; give floating-point numbers, e.g. {name}.float()")
    if not bool(torch.isfinite(x.sum(dtype=torch.float64 if x.dtype == torch.float64 else torch.float32))):
        bad = int((~torch.isfinite(x)).sum())
        if bad:
            raise InputError(f"{name} holds {bad} NaN or infinite values of {x.numel()}; remove them first")


def working(tensors: Iterator[Tensor]) -> torch.dtype:
    """Return float64 where any tensor is, else float32: states and sums are never narrower."""
    return torch.float64 if any(x.dtype == torch.float64 for x in tensors) else torch.float32


def unnarrowed(x: Tensor) -> torch.autocast:
    """Return a block in which autocast narrows no product where x is: states and sums stay `working`."""
    return torch.autocast(x.device.type, enabled=False)
