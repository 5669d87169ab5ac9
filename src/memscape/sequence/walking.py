"""The one recurrence of the chunk form that goes from chunk to chunk: $S_{n+1} = A_n S_n + B_n$.

Everything else of a chunk-parallel memory is a batched product, so this is the only place that a GPU needs a
kernel for: a loop in Python launches one small product per chunk. Dispatched by device; the loop is the
definition.
"""

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

WIDEST = 128
"""Keys up to this width have their state and one transition in the registers of a GPU's program."""


def walk(moved: Tensor, added: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return the state before each chunk (b, h, n, K, V) and after the last (b, h, K, V).

    Args:
        moved: A, (b, h, n, K, K).
        added: B, (b, h, n, K, V).
        state: (b, h, K, V) before the first chunk.

    O(n K^2 V) per head.

    >>> import torch
    >>> walk(torch.full((1, 1, 2, 1, 1), 0.5), torch.ones(1, 1, 2, 1, 1), torch.full((1, 1, 1, 1), 4.0))[1]
    tensor([[[[2.5000]]]])
    """
    if on_kernel(state):
        return _by_kernel(moved, added, state)
    shape = state.shape
    state, states = state.flatten(0, 1), []
    for a, part in zip(moved.flatten(0, 1).unbind(1), added.flatten(0, 1).unbind(1), strict=True):
        states.append(state)
        state = torch.baddbmm(part, a, state)
    return torch.stack(states, 1).unflatten(0, shape[:2]), state.reshape(shape)


def add_up(added: Tensor, whole: Tensor | None, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return the same where nothing is erased: A is elementwise, `whole` (b, h, n, K or 1, 1), or None for 1.

    O(n K V) per head.
    """
    if whole is None:
        sums = torch.cat([state[:, :, None], added], 2).cumsum(2)
        return sums[:, :, :-1], sums[:, :, -1].clone()  # a view would keep the states of all chunks
    if on_kernel(state):
        return _by_kernel(whole[..., 0].expand(added.shape[:-1]), added, state)
    states = []
    for part, left in zip(added.unbind(2), whole.unbind(2), strict=True):
        states.append(state)
        state = torch.addcmul(part, left, state)
    return torch.stack(states, 2), state


def on_kernel(state: Tensor) -> bool:
    """Return whether the Triton kernel runs this state: float32, on a GPU, K at most 128, Triton installed.

    In float64 the loop runs everywhere: it is the oracle.
    """
    fits = state.is_cuda and state.dtype == torch.float32 and state.shape[-2] <= WIDEST
    return fits and _triton_is_there()


@cache
def _triton_is_there() -> bool:
    return find_spec("triton") is not None


def _by_kernel(moved: Tensor, added: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
    from memscape.sequence.walk_kernel import KernelWalk  # a CPU user never imports Triton

    heads = state.shape[:2]
    states, last = KernelWalk.apply(*(x.flatten(0, 1).contiguous() for x in (moved, added, state)))
    return states.unflatten(0, heads), last.unflatten(0, heads)
