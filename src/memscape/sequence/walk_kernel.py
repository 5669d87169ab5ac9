"""One Triton kernel for the recurrence over chunks, forwards and, for its gradient, backwards.

With $D_n$ the gradient of $S_n$ and $G_n$ that of the state handed out before chunk n, $D_n = A_n^T D_{n+1} +
G_n$: the same recurrence from the last chunk to the first, so one kernel serves both. $dB_n = D_{n+1}$ and
$dA_n = D_{n+1} S_n^T$, one batched product. A program holds the state of one head and some columns of the
value in registers and goes through all chunks, so n launches become one.
"""

import typing
from collections.abc import Callable
from importlib import import_module
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def _triton() -> tuple[Callable, Any]:
    """Return the compiler and its language; without Triton, `walking` never gets as far as calling them."""
    try:
        return import_module("triton").jit, import_module("triton.language")
    except ImportError:
        return lambda function: function, None


jit, tl = _triton()
constexpr: Any = getattr(tl, "constexpr", None)
"""Named as in Triton, whose interpreter knows it by this name alone."""

COLUMNS = 16
"""Columns of the value per program: with 32 a state of 128 rows spills out of the registers."""


@jit
@typing.no_type_check
def _walk(
    moved,
    added,
    first,
    states,
    last,
    chunks,
    width,
    values,
    ROWS: constexpr,
    COLS: constexpr,
    DENSE: constexpr,
    BACKWARDS: constexpr,
    PRECISION: constexpr,
):
    """Write the state before each chunk and after the last; ROWS is `width` rounded up to a power of two."""
    head = tl.program_id(0).to(tl.int64)
    row = tl.arange(0, ROWS)
    column = tl.program_id(1) * COLS + tl.arange(0, COLS)
    place = row[:, None] * values + column[None, :]
    inside = (row[:, None] < width) & (column[None, :] < values)
    square = (row[:, None] < width) & (row[None, :] < width)
    if BACKWARDS:
        spot = row[None, :] * width + row[:, None]
    else:
        spot = row[:, None] * width + row[None, :]
    state = tl.load(first + head * width * values + place, mask=inside, other=0.0)
    for i in range(chunks):
        n = head * chunks + i
        if BACKWARDS:
            n = head * chunks + chunks - 1 - i
        tl.store(states + n * width * values + place, state, mask=inside)
        part = tl.load(added + n * width * values + place, mask=inside, other=0.0)
        if DENSE:
            a = tl.load(moved + n * width * width + spot, mask=square, other=0.0)
            state = tl.dot(a, state, acc=part, input_precision=PRECISION)
        else:
            left = tl.load(moved + n * width + row, mask=row < width, other=0.0)
            state = left[:, None] * state + part
    tl.store(last + head * width * values + place, state, mask=inside)


def launched(
    moved: Tensor, added: Tensor, state: Tensor, *, backwards: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the states before each chunk (p, n, K, V) and the last (p, K, V), p heads at once.

    Args:
        moved: (p, n, K, K), or (p, n, K) for transitions that are elementwise.
        added: (p, n, K, V).
        state: (p, K, V).
        backwards: from the last chunk to the first, with transposed transitions.
    """
    heads, chunks, width, values = added.shape
    states, last = torch.empty_like(added), torch.empty_like(state)
    with torch.cuda.device_of(added):
        _walk[(heads, -(-values // COLUMNS))](
            moved,
            added,
            state,
            states,
            last,
            chunks,
            width,
            values,
            DENSE=moved.ndim == 4,
            BACKWARDS=backwards,
            **settings(width),
        )
    return states, last


def settings(width: int) -> dict[str, Any]:
    """Return tiles, precision and options of the compiler for keys of this width.

    At torch's "highest" precision of products three products in TF32 stand for one in float32: float32's own
    have no tensor cores, and the compiler keeps their tiles in local memory. AMD has no such form.
    """
    rows = max(16, 1 << (width - 1).bit_length())
    exact = torch.get_float32_matmul_precision() == "highest"
    precision = ("tf32x3" if exact else "tf32") if torch.version.hip is None else "ieee"
    tiles = {"ROWS": rows, "COLS": COLUMNS, "PRECISION": precision}
    return tiles | {"num_warps": 8 if rows > 64 else 4, "num_stages": 1}


class KernelWalk(torch.autograd.Function):
    """The recurrence on contiguous float32 tensors, with its first derivative."""

    @staticmethod
    def forward(ctx: Any, moved: Tensor, added: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return what `launched` returns."""
        states, last = launched(moved, added, state)
        ctx.save_for_backward(moved, states)
        return states, last

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_states: Tensor, d_last: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradients of transitions, additions and first state."""
        moved, states = ctx.saved_tensors
        after, first = launched(moved, d_states.contiguous(), d_last.contiguous(), backwards=True)
        d_moved = after @ states.mT if moved.ndim == 4 else (after * states).sum(-1)
        return d_moved, after, first
