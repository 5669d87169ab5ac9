"""What is kept of the products of cues with many patterns while these are met chunk by chunk."""

import math

import torch
from torch import Tensor

from memscape.core.errors import InputError

CUES = 1024
"""Cues that meet the patterns together: it bounds the working memory."""

_PRODUCTS = 1 << 21  # at hand at a time, 8 MiB in float32
_CHUNK = 1 << 14  # patterns met at a time at most

_TILE = 64
_DIGITS = 41.0  # exp(-41) = 2e-18 changes no digit in float64, exp(-41 / 2) = 1e-9 none in float32
_MOST = 0.7  # of the cues: below it, the second product of those that need it pays for picking them


class Running:
    """The largest score of each cue, and where it stands."""

    def __init__(self, like: Tensor):
        self.best = torch.full((len(like),), -math.inf, dtype=like.dtype, device=like.device)
        self.index = torch.zeros(len(like), dtype=torch.int64, device=like.device)

    def meet(self, scores: Tensor, first: int) -> tuple[Tensor, Tensor]:
        """Take in a chunk of scores; return the rows that have a new best one, and its column."""
        # A maximum is found 20 times as fast as its place, which is sought in one tile of improved rows.
        width = _TILE if scores.shape[1] % _TILE == 0 else scores.shape[1]
        tiles = scores.unflatten(1, (-1, width))
        tops = tiles.amax(2)
        top = tops.amax(1)
        rows = (top > self.best).nonzero()[:, 0]
        tile = tops[rows].argmax(1)
        columns = tile * width + tiles[rows, tile].argmax(1)
        self.best[rows] = top[rows]
        self.index[rows] = columns + first
        return rows, columns


class Others:
    """The sums over all patterns but the best one, relative to the best of them."""

    def __init__(self, cues: Tensor, patterns: Tensor):
        self.second = cues.new_full((len(cues),), -math.inf)
        self.rest = torch.zeros(len(cues), dtype=torch.float64, device=cues.device)
        self.weighted = torch.zeros_like(cues)
        digits = _DIGITS if cues.dtype == torch.float64 else _DIGITS / 2
        self._depth = digits + math.log(len(patterns))

    def rise(self, second: Tensor) -> Tensor:
        """Make the sums relative to a larger second best; return it as a finite number."""
        reference = second.clamp(min=torch.finfo(second.dtype).min)
        scale = torch.exp(self.second - reference)
        if bool((scale != 1.0).any()):
            self.rest *= scale
            self.weighted *= scale[:, None]
        self.second = second
        return reference

    def add(self, rows: Tensor, shares: Tensor, patterns: Tensor) -> None:
        """Add one pattern to each of some rows."""
        self.rest[rows] += shares
        self.weighted[rows] += shares[:, None] * patterns

    def meet(self, shares: Tensor, x: Tensor, top: Tensor, peak: Tensor) -> None:
        """Add a chunk of patterns with these shares, the largest scaled terms of which are `top`."""
        self.rest += shares.sum(1)
        rows = (top > peak - self._depth).nonzero()[:, 0]
        if len(rows) > _MOST * len(shares):
            self.weighted.addmm_(shares, x)
        elif len(rows):
            self.weighted[rows] = torch.addmm(self.weighted[rows], shares[rows], x)


def chunk_for(cues: int, chunk: int | None) -> int:
    """Return how many patterns to meet at a time: as asked, or what keeps the products in the cache."""
    if chunk is not None:
        return chunk
    return min(_CHUNK, _PRODUCTS // max(min(cues, CUES), 1) // _TILE * _TILE)


def check_products(
    cues: Tensor, patterns: Tensor, beta: float, bias: Tensor | None, norms: Tensor | None, chunk: int | None
) -> None:
    """Refuse shapes that do not fit each other, no pattern at all, and a beta or a chunk out of range."""
    if cues.ndim != 2 or patterns.ndim != 2 or cues.shape[1] != patterns.shape[1] or not len(patterns):
        raise InputError(
            f"cues are {tuple(cues.shape)} and patterns {tuple(patterns.shape)}; give (b, n) and (p, n) "
            "with the same n and at least one pattern"
        )
    if not 0 < beta < math.inf:
        raise InputError(
            f"beta is {beta}; it must be above 0 and finite: the limit is the best pattern itself"
        )
    if chunk is not None and chunk < 1:
        raise InputError(f"chunk is {chunk}; it must be at least 1")
    for name, value in (("bias", bias), ("norms", norms)):
        if value is not None and tuple(value.shape) != (len(patterns),):
            raise InputError(
                f"{name} has the shape {tuple(value.shape)}; give one number for each of {len(patterns)}"
            )
