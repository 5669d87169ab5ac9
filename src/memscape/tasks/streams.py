"""Streams of keys and values as vectors: recall without learning, where theory says what to expect."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve

Writer = Callable[[Tensor, Tensor], Callable[[Tensor], Tensor]]
"""Keys (b, p, k) and values (b, p, v) to the reader of keys (b, p, k)."""


@dataclass(frozen=True)
class Stream:
    """Pairs in the order in which they are written.

    Attributes:
        keys: (b, p, k) of length 1.
        values: (b, p, v) as they are written.
        clean: (b, p, v) as they ought to be read.
    """

    keys: Float[Tensor, "b p k"]
    values: Float[Tensor, "b p v"]
    clean: Float[Tensor, "b p v"]

    @property
    def tokens(self) -> Float[Tensor, "b p kv"]:
        """Key and value side by side in one token, the input of a layer without convolution."""
        return torch.cat([self.keys, self.values], -1)


@dataclass(frozen=True)
class KeyValueStream:
    """Random keys of length 1 with Gaussian values: recall as a function of load, without any training.

    Args:
        pairs: p, how many are written.
        size: k, the width of keys.
        values: v, the width of values.
        similarity: mean overlap of two keys, in [0, 1); 0 is independent keys.
        outliers: share of the values that are replaced by ones `outlier` standard deviations wide.
        outlier: width of those.
        rewritten: share of the keys that are written a second time, with a new value, at the end.

    >>> KeyValueStream(pairs=5, size=4, values=2).sample(3, generator=0).tokens.shape
    torch.Size([3, 5, 6])
    """

    pairs: int = 16
    size: int = 64
    values: int = 64
    similarity: float = 0.0
    outliers: float = 0.0
    outlier: float = 10.0
    rewritten: float = 0.0

    def __post_init__(self) -> None:
        for name in ("pairs", "size", "values"):
            require_count(getattr(self, name), name)
        require_fraction(self.similarity, "similarity", high=1 - 1e-9)
        require_fraction(self.outlier, "outlier", high=1e12)
        for name in ("outliers", "rewritten"):
            require_fraction(getattr(self, name), name)

    def sample(self, count: int, *, generator: Generator = None) -> Stream:
        """Return `count` streams.

        With `rewritten` they hold round(rewritten p) pairs more. O(count p (k + v)).
        """
        source = resolve(generator)
        count = require_count(count, "count")
        keys = torch.randn(count, self.pairs, self.size, generator=source)
        common = torch.randn(count, 1, self.size, generator=source)
        keys = math.sqrt(1 - self.similarity) * keys + math.sqrt(self.similarity) * common
        keys = keys / keys.norm(dim=-1, keepdim=True)
        clean = torch.randn(count, self.pairs, self.values, generator=source)
        wild = torch.rand(count, self.pairs, 1, generator=source) < self.outliers
        values = torch.where(wild, self.outlier * torch.randn(clean.shape, generator=source), clean)
        again = round(self.rewritten * self.pairs)
        if again:
            new = torch.randn(count, again, self.values, generator=source)
            clean = torch.cat([new, clean[:, again:], new], 1)
            keys, values = torch.cat([keys, keys[:, :again]], 1), torch.cat([values, new], 1)
        return Stream(keys, values, clean)

    def to_dict(self) -> dict[str, Any]:
        """Return name and sizes as plain Python values, ready for JSON."""
        return {"task": type(self).__name__} | {f.name: getattr(self, f.name) for f in fields(self)}


def read_error(writer: Writer, stream: Stream) -> Float[Tensor, " p"]:
    """Return the squared error of what each key reads after all were written, relative to the values' square.

    1 is what reading 0 gets. Averaged over streams, one number for each pair in the order of writing.

    Raises:
        InputError: for a reader that gives another shape.
    """
    with torch.no_grad():
        found = writer(stream.keys, stream.values)(stream.keys)
    if found.shape != stream.clean.shape:
        raise InputError(f"the reader gave {tuple(found.shape)}; it must give {tuple(stream.clean.shape)}")
    return (found - stream.clean).square().mean((0, 2)) / stream.clean.square().mean()


def hebb_error(pairs: int, size: int) -> float:
    """Return the expected error of Hebb's rule, $(p - 1) / k$, for independent keys.

    >>> hebb_error(17, 64)
    0.25
    """
    return (pairs - 1) / size


def delta_error(pairs: int, size: int) -> float:
    """Return the expected error of one pass of the delta rule, in the mean field of wide keys.

    With $\\tau = p / k$: $2 - 2(1 - e^{-\\tau})/\\tau - e^{-\\tau} + e^{-\\tau}(1 - e^{-\\tau})/\\tau$. The
    last key written is exact, the first ones are erased as noise.

    >>> round(delta_error(64, 64), 3)
    0.6
    """
    tau = pairs / size
    kept = math.exp(-tau)
    return 2 - 2 * (1 - kept) / tau - kept + kept * (1 - kept) / tau


def ridge_error(pairs: int, size: int) -> float:
    """Return the expected error of the least-squares map: 0 up to p = k, then $1 - k / p$.

    >>> ridge_error(128, 64)
    0.5
    """
    return max(0.0, 1 - size / pairs)
