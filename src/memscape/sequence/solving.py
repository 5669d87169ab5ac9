"""The memory that is solved and not learnt: ridge regression over all tokens so far (MesaNet).

$H_{kk} \\leftarrow e^{g} H_{kk} + \\beta k k^T$, $H_{kv} \\leftarrow e^{g} H_{kv} + \\beta k v^T$ and $o =
H_{kv}^T (H_{kk} + \\Lambda)^{-1} q$ (von Oswald et al. 2025). It is the exact online form of the projection
rule.
"""

import torch
from torch import Tensor

from memscape.core.errors import InputError
from memscape.mechanisms.writing import hebb
from memscape.sequence.chunks import run_chunks
from memscape.sequence.decays import faded_pairs
from memscape.sequence.parts import Ridge
from memscape.sequence.signals import Owned, Signals, per_token
from memscape.sequence.spec import MemorySpec

Tensors = dict[str, Tensor]


def start(batch: int, heads: int, width: int, values: int, like: Tensor) -> Tensors:
    """Return empty moments."""
    return {
        "moment": like.new_zeros(batch, heads, width, width),
        "cross": like.new_zeros(batch, heads, width, values),
    }


def run(
    spec: MemorySpec, signals: Signals, tensors: Tensors, owned: Owned, path: str, size: int
) -> tuple[Tensor, Tensors]:
    """Return outputs (b, t, h, V) and the next moments."""
    if owned.ridge is None or not isinstance(spec.learner, Ridge):
        raise InputError("a solved memory needs its ridge, and the learner Ridge")
    signals = signals.silenced()
    ridge = owned.ridge.to(signals.q.dtype)
    if path == "chunk":
        return _by_chunk(spec.learner, signals, tensors, ridge, size)
    return _by_token(spec.learner, signals, tensors, ridge)


def _by_token(learner: Ridge, signals: Signals, tensors: Tensors, ridge: Tensor) -> tuple[Tensor, Tensors]:
    moment, cross = tensors["moment"], tensors["cross"]
    tokens, outputs = signals.q.shape[1], []
    rows = (signals.q, signals.k, signals.v, signals.g, signals.rate)
    columns = [[None] * tokens if x is None else x.unbind(1) for x in rows]
    for q, k, v, g, rate in zip(*columns, strict=True):
        weighted = k if rate is None else rate[..., None] * k
        if g is not None:
            moment, cross = moment * g.exp()[..., None, None], cross * g.exp()[..., None, None]
        moment, cross = hebb(moment, weighted, k), hebb(cross, weighted, v)
        full, current = moment + torch.diag_embed(ridge), moment
        solved = (
            _cholesky(full, q)
            if learner.solver == "cholesky"
            else _conjugate(
                lambda p, m=current: (m @ p[..., None])[..., 0] + ridge * p,
                q,
                torch.diagonal(full, dim1=-2, dim2=-1),
                learner.iterations,
            )
        )
        outputs.append((solved[..., None, :] @ cross)[..., 0, :])
    return torch.stack(outputs, 1), {"moment": moment, "cross": cross}


def _by_chunk(
    learner: Ridge, signals: Signals, tensors: Tensors, ridge: Tensor, size: int
) -> tuple[Tensor, Tensors]:
    q, k, g, rate = signals.q, signals.k, signals.g, signals.rate

    def summed(asked: Tensor, what: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
        return run_chunks(asked, k, what, g, rate, None, first, size)

    if learner.solver == "cholesky":
        solved = torch.cat(list(_solved_chunks(signals, tensors["moment"], ridge, size)), 1)
    else:
        diagonal = _diagonals(signals, tensors["moment"]) + ridge
        solved = _conjugate(
            lambda p: summed(p, k, tensors["moment"])[0] + ridge * p, q, diagonal, learner.iterations
        )
    out, cross = summed(solved, signals.v, tensors["cross"])
    moment = summed(q, k, tensors["moment"])[1]
    return out, {"moment": moment, "cross": cross}


def _solved_chunks(signals: Signals, moment: Tensor, ridge: Tensor, size: int):
    """Yield solutions (b, c, h, K), chunk by chunk, from the moments after every token. O(K^3) per token."""
    for first in range(0, signals.q.shape[1], size):
        cut = slice(first, first + size)
        q, k = (x[:, cut].transpose(1, 2) for x in (signals.q, signals.k))
        outer = (k[..., :, None] * k[..., None, :]).flatten(-2)
        if signals.rate is not None:
            outer = outer * signals.rate[:, cut].transpose(1, 2)[..., None]
        if signals.g is None:
            each = outer.cumsum(-2).unflatten(-1, moment.shape[-2:]) + moment[:, :, None]
        else:
            between, since, _ = faded_pairs(signals.g[:, cut].transpose(1, 2), q.dtype)
            each = (between @ outer).unflatten(-1, moment.shape[-2:])
            each = each + since[..., None, None] * moment[:, :, None]
        moment = each[:, :, -1]
        yield per_token(_cholesky(each + torch.diag_embed(ridge)[:, None], q))


def _diagonals(signals: Signals, moment: Tensor) -> Tensor:
    """Return the diagonal of the moment after every token, (b, t, h, K): where conjugate gradients start."""
    current, rows = torch.diagonal(moment, dim1=-2, dim2=-1), []
    squares = signals.k.square() if signals.rate is None else signals.k.square() * signals.rate[..., None]
    decays = [None] * squares.shape[1] if signals.g is None else signals.g.exp()[..., None].unbind(1)
    for square, decay in zip(squares.unbind(1), decays, strict=True):
        current = square + (current if decay is None else decay * current)
        rows.append(current)
    return torch.stack(rows, 1)


def _cholesky(full: Tensor, q: Tensor) -> Tensor:
    return torch.cholesky_solve(q[..., None], torch.linalg.cholesky(full))[..., 0]


def _conjugate(multiply, q: Tensor, diagonal: Tensor, iterations: int) -> Tensor:
    """Return the solution of $(H + \\Lambda) x = q$ by conjugate gradients, from q over the diagonal.

    It stops for each token where its residual is 0 to rounding; K iterations are exact in exact arithmetic.
    """
    x = q / diagonal
    left = q - multiply(x)
    way, square = left, left.square().sum(-1, keepdim=True)
    tiny = torch.finfo(q.dtype).eps ** 2 * q.square().sum(-1, keepdim=True).detach()
    for _ in range(iterations):
        going = square > tiny
        if not bool(going.any()):
            break
        moved = multiply(way)
        length = torch.where(going, square, 0.0) / torch.where(
            going, (way * moved).sum(-1, keepdim=True), 1.0
        )
        x, left = x + length * way, left - length * moved
        new = left.square().sum(-1, keepdim=True)
        way = left + torch.where(going, new / torch.where(going, square, 1.0), 0.0) * way
        square = new
    return x
