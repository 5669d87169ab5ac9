"""What a layer hands to a memory for each token, and what it owns besides."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Signals:
    """One stretch of a sequence: queries, keys, values and gates, token by token.

    Attributes:
        q: (b, t, h, K), scaled as the memory wants it.
        k: (b, t, h, K).
        v: (b, t, h, V).
        g: (b, t, h) or (b, t, h, K) log decay, or None.
        rate: (b, t, h) write strength, or None for 1.
        gain: (b, t, h, K) how much of each channel is erased, for the low-rank form.
        momentum: (b, t, h) log of what stays of the momentum.
        threshold: (b, t, h) of a Huber objective.
        live: (b, t) False where a token is padding; None where none is.
        seen: tokens that each row of the batch (b) has had before.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    seen: Tensor
    g: Tensor | None = None
    rate: Tensor | None = None
    gain: Tensor | None = None
    momentum: Tensor | None = None
    threshold: Tensor | None = None
    live: Tensor | None = None

    @property
    def sizes(self) -> tuple[int, int, int, int, int]:
        """Batch, tokens, heads, K and V."""
        b, t, h, width = self.q.shape
        return b, t, h, width, self.v.shape[-1]

    def rows(self, index: Tensor, start: int) -> "Signals":
        """Return some rows of the batch, from token `start` on, as if nothing were padded."""
        taken: dict[str, Any] = {
            each.name: None if (x := getattr(self, each.name)) is None else x[index][:, start:]
            for each in fields(self)
            if each.name not in ("seen", "live")
        }
        return Signals(**taken, seen=self.seen[index], live=None)

    def silenced(self) -> "Signals":
        """Return the same with padding that writes nothing and lets nothing fade."""
        if self.live is None:
            return self
        alive = self.live[:, :, None]
        quiet: dict[str, Any] = {
            name: x * (alive[..., None] if x.ndim == 4 else alive)
            for name in ("k", "v", "g", "rate")
            if (x := getattr(self, name)) is not None
        }
        return replace(self, **quiet, live=None)


@dataclass(frozen=True)
class Owned:
    """What a layer has learnt and a memory needs: the same for every token and batch row.

    Attributes:
        start: weights (h, in, out) of a memory that has read nothing, one per layer of the memory.
        gain: (h, V) scale of the memory's layer norm.
        shift: (h, V) its offset.
        ridge: (h, K) diagonal of the ridge.
    """

    start: list[Tensor] = field(default_factory=list)
    gain: Tensor | None = None
    shift: Tensor | None = None
    ridge: Tensor | None = None


def per_head(x: Tensor | None) -> Tensor | None:
    """Return tokens behind heads: (b, t, h, ...) to (b, h, t, ...)."""
    return None if x is None else x.transpose(1, 2)


def per_token(x: Tensor) -> Tensor:
    """Return heads behind tokens: (b, h, t, ...) to (b, t, h, ...)."""
    return x.transpose(1, 2)


def masked_softmax(scores: Tensor, allowed: Tensor) -> Tensor:
    """Return weights along the last axis, 0 where not allowed; a row with nothing allowed is all 0."""
    scores = scores.masked_fill(~allowed, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, -1) * allowed
