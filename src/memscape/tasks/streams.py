"""Streams of keys and values as vectors: recall without learning, where theory says what to expect."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.random import Generator, derived, draw_seed, resolve

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

    @property
    def queries(self) -> Float[Tensor, "b t kv"]:
        """The pairs, one token each, then every key with an empty value: what a layer is asked."""
        asked = torch.cat([self.keys, torch.zeros_like(self.values)], -1)
        return torch.cat([self.tokens, asked], 1)


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

    def batches(self, size: int, seed: Generator = None) -> Callable[[int], Stream]:
        """Return the function from a step's number to its batch of `size` streams."""
        size, number = require_count(size, "the batch size"), draw_seed(seed)
        return lambda step: self.sample(size, generator=derived(number, step))

    def to_dict(self) -> dict[str, Any]:
        """Return name and sizes as plain Python values, ready for JSON."""
        return {"task": type(self).__name__} | {f.name: getattr(self, f.name) for f in fields(self)}


def squared_error(module: nn.Module, batch: Stream, generator: torch.Generator | None = None) -> Tensor:
    """Return the relative squared error of a layer's answers: a `loss` of `training.train`.

    One token is one pair, so a layer needs no convolution and no second layer to bring key and value
    together: what is left is the memory.

    Args:
        module: maps tokens (b, 2p, k + v) to outputs (b, 2p, k + v), or to a tuple that begins with them; the
            last v channels at the last p places are its answers.
        batch: a stream.
        generator: not used; here because `training.train` hands it to every loss.
    """
    out = module(batch.queries)
    out = out[0] if isinstance(out, tuple) else out
    pairs, width = batch.clean.shape[1:]
    return (out[:, -pairs:, -width:] - batch.clean).square().mean() / batch.clean.square().mean()


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
