r"""States as bits: packing, keys that sort and hash, distinct states, and exact integer overlaps.

Bit j of word w is set where unit 64 w + j is +1, so the key of a state is the integer
$\sum_i 2^i [s_i = +1]$; the order of keys is the order of these integers, whatever the number of units.
"""

import typing
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int, Int8, Int32, UInt64
from llvmlite import ir
from numba import njit, prange, types
from numba.extending import intrinsic
from torch import Tensor

from memscape.core.errors import InputError
from memscape.kernels.noise import mixed
from memscape.kernels.threads import threads_for

WORD = 64
_EXACT_FLOAT32 = 1 << 24
_ROWS, _TILE = 32, 128  # states and patterns whose words meet while they stay in the cache
_SLICE = 4096  # patterns that are turned into floating point at a time where int8 products are not to be had


def pack(states: Int8[Tensor, "... n"]) -> UInt64[np.ndarray, "... w"]:
    """Return the states as words, uint64, w = ceil(n / 64); the bits beyond unit n are 0.

    Raises:
        InputError: if a unit is neither -1 nor +1 (a bit cannot say "unknown"), or there are no units.

    Cost: one pass over the states, b n; the words take 1/8 of the memory of int8.

    >>> pack(torch.tensor([[1, -1, 1], [-1, -1, -1]], dtype=torch.int8))
    array([[5],
           [0]], dtype=uint64)
    """
    values = states.detach().cpu().numpy()
    if values.ndim == 0 or values.shape[-1] == 0:
        raise InputError(f"states have the shape {values.shape}; give at least one unit on the last axis")
    up = values == 1
    if not np.logical_or(up, values == -1).all():
        raise InputError("states hold values other than -1 and +1; a packed unit is one bit: settle it first")
    count = -(-values.shape[-1] // WORD)
    flags = np.packbits(up, axis=-1, bitorder="little")
    padded = np.zeros((*values.shape[:-1], count * 8), np.uint8)
    padded[..., : flags.shape[-1]] = flags
    return padded.view("<u8").astype(np.uint64, copy=False)


def unpack(words: UInt64[np.ndarray, "... w"], units: int) -> Int8[Tensor, "... n"]:
    """Return the states +-1, int8, of packed words: the inverse of `pack`.

    Raises:
        InputError: if `units` does not need exactly the given number of words.

    Cost: one pass, b n.

    >>> unpack(pack(torch.tensor([[1, -1, 1]], dtype=torch.int8)), 3)
    tensor([[ 1, -1,  1]], dtype=torch.int8)
    """
    _check_width(words, units)
    flags = np.ascontiguousarray(words.astype("<u8", copy=False)).view(np.uint8)
    bits = np.unpackbits(flags, axis=-1, count=units, bitorder="little")
    return torch.from_numpy(bits.view(np.int8) * np.int8(2) - np.int8(1))


def key_order(words: UInt64[np.ndarray, "b w"]) -> Int[np.ndarray, " b"]:
    """Return the indices that put packed states into ascending order of their keys; equal states keep their
    order.

    Cost: b log b comparisons of at most 8 w bytes.

    >>> key_order(np.array([[0, 2], [9, 1], [3, 1]], dtype=np.uint64))
    array([2, 1, 0])
    """
    return np.argsort(_comparable(words), kind="stable")


def hashes(words: UInt64[np.ndarray, "b w"]) -> UInt64[np.ndarray, " b"]:
    """Return one uint64 per packed state; equal states have equal hashes, others differ but for about b^2 /
    2^65.

    Cost: b w.

    >>> a = hashes(np.array([[1, 2], [1, 2], [2, 1]], dtype=np.uint64))
    >>> bool(a[0] == a[1]), bool(a[0] == a[2])
    (True, False)
    """
    return _hashed(np.ascontiguousarray(words))


@dataclass(frozen=True)
class Distinct:
    """The distinct states of a batch, in ascending order of their keys."""

    words: UInt64[np.ndarray, "u w"]
    counts: Int[np.ndarray, " u"]  # how often each one occurs
    first: Int[np.ndarray, " u"]  # the first row of the batch that holds it
    inverse: Int[np.ndarray, " b"]  # words[inverse] is the batch


def distinct(words: UInt64[np.ndarray, "b w"]) -> Distinct:
    """Return the distinct packed states with their counts.

    Cost: as `key_order`.

    >>> found = distinct(np.array([[7], [3], [7]], dtype=np.uint64))
    >>> found.words[:, 0].tolist(), found.counts.tolist(), found.inverse.tolist()
    ([3, 7], [1, 2], [1, 0, 1])
    """
    order = key_order(words)
    ordered = words[order]
    new = np.ones(len(order), bool)
    new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    starts = np.flatnonzero(new)
    inverse = np.empty(len(order), np.int64)
    inverse[order] = np.cumsum(new) - 1
    # The sort is stable, so the first of equal states in key order is the first one in the batch.
    return Distinct(ordered[starts], np.diff(starts, append=len(order)), order[starts], inverse)


def packed_overlaps(
    states: UInt64[np.ndarray, "b w"], patterns: UInt64[np.ndarray, "p w"], units: int
) -> Int32[np.ndarray, "b p"]:
    r"""Return the raw overlaps of packed states with packed patterns, $o = n - 2\,\mathrm{popcount}(s
    \oplus x)$.

    Raises:
        InputError: if the two have different numbers of words, or not the number that `units` needs.

    Cost: b p n / 64 word operations; memory b p int32.

    >>> words = pack(torch.tensor([[1, -1, 1], [-1, -1, 1]], dtype=torch.int8))
    >>> packed_overlaps(words, words, 3)
    array([[3, 1],
           [1, 3]], dtype=int32)
    """
    _check_width(states, units)
    _check_width(patterns, units)
    result = np.empty((len(states), len(patterns)), np.int32)
    with threads_for(result.size * states.shape[1]):
        _popcount_overlaps(np.ascontiguousarray(states), np.ascontiguousarray(patterns), units, result)
    return result


def overlaps(states: Int8[Tensor, "b n"], patterns: Int8[Tensor, "p n"]) -> Int32[Tensor, "b p"]:
    """Return the exact raw overlaps $o = X s$, int32, of int8 states with int8 patterns.

    The int8 product of the CPU (about 4 times as fast as float32 where it has VNNI) if torch has one, else
    floating point of a width in which the sums are exact; both give the same integers. Neither needs
    contiguous input.

    Raises:
        InputError: if an input is not int8 with two axes, or the numbers of units differ.

    Cost: 2 b p n; memory b p int32, beside which floating point needs 4096 patterns at a time.

    >>> x = torch.tensor([[1, -1, 1], [1, 0, 1]], dtype=torch.int8)
    >>> overlaps(x, x)
    tensor([[3, 2],
            [2, 2]], dtype=torch.int32)
    """
    _check_product(states, patterns)
    largest = _largest(states) * _largest(patterns)
    # Processors without VNNI add pairs of products in 16 bits and saturate: for -1, 0, +1 these sums are far
    # from it. On accelerators torch._int_mm takes only some shapes, and on the CPU it returns uninitialised
    # memory where an axis of length 1 has an unusual stride (pytorch issue 195066): the general product
    # serves these.
    if largest <= 1 and min(*states.shape, *patterns.shape) > 1 and _has_int8_product(states.device.type):
        dense = patterns.is_contiguous() or patterns.T.is_contiguous()
        return torch._int_mm(states.contiguous(), (patterns if dense else patterns.contiguous()).T)
    return _float_overlaps(states, patterns, largest)


def _float_overlaps(states: Tensor, patterns: Tensor, largest: int) -> Tensor:
    # Accelerators may round float32 products to TF32; float64 is safe everywhere.
    narrow = states.device.type == "cpu" and states.shape[1] * largest < _EXACT_FLOAT32
    dtype = torch.float32 if narrow else torch.float64
    wide = states.to(dtype)
    parts = [(wide @ part.to(dtype).T).to(torch.int32) for part in patterns.split(_SLICE)]
    return torch.cat(parts, dim=1)


def _has_int8_product(device: str) -> bool:
    return (
        device == "cpu"
        and hasattr(torch, "_int_mm")
        and torch.backends.cpu.get_cpu_capability().startswith("AVX")
    )


def _largest(values: Tensor) -> int:
    if not values.numel():
        return 0
    low, high = torch.aminmax(values)
    return max(-int(low), int(high))


def _check_product(states: Tensor, patterns: Tensor) -> None:
    for name, value in (("states", states), ("patterns", patterns)):
        if value.dtype != torch.int8 or value.ndim != 2:
            raise InputError(
                f"{name} are {value.dtype} with {value.ndim} axes; give int8 with two (rows, units)"
            )
    if states.shape[1] != patterns.shape[1]:
        raise InputError(
            f"states have {states.shape[1]} units and patterns {patterns.shape[1]}; give both the same number"
        )


def _check_width(words: np.ndarray, units: int) -> None:
    if words.dtype != np.uint64 or words.ndim == 0 or units < 1 or words.shape[-1] != -(-units // WORD):
        raise InputError(
            f"words are {words.dtype} with the shape {words.shape}; {units} units need uint64 with "
            f"{max(-(-units // WORD), 1)} on the last axis: use pack()"
        )


def _comparable(words: np.ndarray) -> np.ndarray:
    # Big-endian bytes, last word first: comparing bytes is then comparing the integers.
    if words.shape[1] == 1:
        return words[:, 0]
    big = np.ascontiguousarray(words[:, ::-1]).astype(">u8")
    return big.view(np.dtype((np.void, 8 * words.shape[1])))[:, 0]


@intrinsic
def _popcount(typing_context, word):
    if word != types.uint64:
        return None

    def generate(context, builder, signature, arguments):
        counter = builder.module.declare_intrinsic("llvm.ctpop", [ir.IntType(64)])
        return builder.call(counter, arguments)

    return types.uint64(types.uint64), generate


@njit(cache=True, parallel=True)
@typing.no_type_check
def _popcount_overlaps(states, patterns, units, result):
    for block in prange(-(-states.shape[0] // _ROWS)):
        rows = range(block * _ROWS, min((block + 1) * _ROWS, states.shape[0]))
        for first in range(0, patterns.shape[0], _TILE):
            for row in rows:
                for k in range(first, min(first + _TILE, patterns.shape[0])):
                    apart = np.uint64(0)
                    for w in range(states.shape[1]):
                        apart += _popcount(states[row, w] ^ patterns[k, w])
                    result[row, k] = units - 2 * np.int64(apart)


@njit(cache=True)
@typing.no_type_check
def _hashed(words):
    result = np.empty(words.shape[0], np.uint64)
    for row in range(words.shape[0]):
        value = np.uint64(0x243F6A8885A308D3)
        for w in range(words.shape[1]):
            value = mixed(value * np.uint64(3) ^ words[row, w])
        result[row] = value
    return result
