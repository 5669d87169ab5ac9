"""A small language model over tokens, made of memory layers: what the tasks over tokens train."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.sequence.layer import MemoryLayer
from memscape.sequence.projections import linear
from memscape.sequence.spec import MemorySpec
from memscape.sequence.state import MemoryState

Spec = str | MemorySpec


class Block(nn.Module):
    """A memory layer, and a feed-forward network where `mlp_ratio` is not 0, each behind its layer norm."""

    def __init__(self, layer: MemoryLayer, mlp_ratio: int, generator: torch.Generator):
        super().__init__()
        hidden = layer.sizes.hidden_size
        self.norm, self.memory = nn.LayerNorm(hidden), layer
        if mlp_ratio:
            self.mlp_norm = nn.LayerNorm(hidden)
            self.up = linear(hidden, mlp_ratio * hidden, generator)
            self.down = linear(mlp_ratio * hidden, hidden, generator)

    def forward(
        self, x: Tensor, state: MemoryState | None, mask: Tensor | None, path: str, chunk_size: int
    ) -> tuple[Tensor, MemoryState]:
        """Return tokens (b, t, hidden) and the memory's next state."""
        y, state = self.memory(self.norm(x), state, mask, path=path, chunk_size=chunk_size)
        x = x + y
        if hasattr(self, "mlp_norm"):
            x = x + self.down(F.gelu(self.up(self.mlp_norm(x))))
        return x, state


class LanguageModel(nn.Module):
    """A model that predicts tokens: embedding, blocks of memory layers, and the embedding again.

    $x_0 = E[\\text{token}]$, $x_{l+1} = x_l + \\mathrm{memory}_l(\\mathrm{LN}(x_l))$, logits
    $\\mathrm{LN}(x_L) E^T$. There are no positions: order is what the memories' short convolutions and decays
    know of it.

    Args:
        vocabulary: number of different tokens.
        hidden_size: width of a token.
        num_heads: memories side by side in a layer.
        num_layers: blocks; may be left out where `spec` is a list.
        spec: a name in `PRESETS` or a `MemorySpec` for all blocks, or a list with one per block (a hybrid).
        mlp_ratio: width of the feed-forward network in units of `hidden_size`; 0 has none.
        conv_size: tokens of the short convolution.
        generator: seed of the first weights.

    Raises:
        InputError: for sizes that do not fit, or a list of another length than `num_layers`.

    >>> import torch
    >>> model = LanguageModel(16, hidden_size=8, spec=["gated_deltanet", "softmax"], generator=0)
    >>> tokens = torch.arange(10)[None]
    >>> logits, states = model(tokens)
    >>> first, half = model(tokens[:, :4])
    >>> second, end = model(tokens[:, 4:], half)
    >>> bool((torch.cat([first, second], 1) - logits).abs().max() < 1e-5)
    True
    """

    def __init__(
        self,
        vocabulary: int,
        hidden_size: int = 32,
        num_heads: int = 1,
        num_layers: int | None = None,
        spec: Spec | Sequence[Spec] = "gated_deltanet",
        *,
        mlp_ratio: int = 0,
        conv_size: int = 4,
        generator: Generator = None,
    ):
        super().__init__()
        source = resolve(generator)
        hidden, ratio = (
            require_count(hidden_size, "hidden_size"),
            require_count(mlp_ratio, "mlp_ratio", low=0),
        )
        embedding = torch.empty(require_count(vocabulary, "vocabulary"), hidden)
        self.embedding = nn.Parameter(nn.init.normal_(embedding, std=0.02, generator=source))
        self.blocks = nn.ModuleList()
        for each in _specs(spec, num_layers):
            layer = MemoryLayer(hidden, num_heads, each, conv_size=conv_size, generator=source)
            self.blocks.append(Block(layer, ratio, source))
        self.norm = nn.LayerNorm(hidden)

    def forward(
        self,
        tokens: Tensor,
        states: Sequence[MemoryState] | None = None,
        mask: Tensor | None = None,
        *,
        path: str = "auto",
        chunk_size: int = 64,
    ) -> tuple[Float[Tensor, "b t vocabulary"], tuple[MemoryState, ...]]:
        """Return the logits of the next token at every place, and each block's state after the last token.

        Args:
            tokens: (b, t) token numbers, on any device.
            states: where to go on from, one per block; None is a fresh memory.
            mask: (b, t) true for tokens, false for padding in front of a row's first one.
            path: as in `MemoryLayer.forward`.
            chunk_size: as there.

        Raises:
            InputError: for tokens outside the vocabulary, another number of states, what the layers refuse.

        Costs what the layers cost, and O(b t vocabulary hidden) for the logits.
        """
        _require_tokens(tokens, len(self.embedding))
        given = [None] * len(self.blocks) if states is None else list(states)
        if len(given) != len(self.blocks):
            raise InputError(f"{len(given)} states for {len(self.blocks)} blocks; give what a call returned")
        x, after = F.embedding(tokens.to(self.embedding.device), self.embedding), []
        for block, state in zip(self.blocks, given, strict=True):
            x, state = block(x, state, mask, path, chunk_size)
            after.append(state)
        return self.norm(x) @ self.embedding.T, tuple(after)

    @torch.no_grad()
    def generate(
        self,
        tokens: Int[Tensor, "b t"],
        count: int,
        *,
        temperature: float = 0.0,
        generator: Generator = None,
    ) -> Int[Tensor, "b count"]:
        """Return the `count` tokens that the model puts behind the given ones, one step of the memories each.

        Args:
            tokens: (b, t) what it reads first.
            count: how many to add.
            temperature: 0 takes the likeliest token; above, tokens are drawn from the softmax at it.
            generator: seed of the draws.

        Raises:
            InputError: for a count below 1 or a negative temperature.
        """
        heat = require_fraction(temperature, "temperature", high=1e12)
        source = resolve(generator) if heat else None
        added: list[Tensor] = []
        logits, states = self(tokens)
        for i in range(require_count(count, "count")):
            if i:
                logits, states = self(added[-1], states)
            added.append(_next(logits[:, -1], heat, source))
        return torch.cat(added, 1)

    @property
    def parameter_count(self) -> int:
        """How many numbers training can change."""
        return sum(x.numel() for x in self.parameters())


def _next(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Int[Tensor, "b 1"]:
    if not temperature:
        return logits.argmax(-1, keepdim=True)
    return torch.multinomial(torch.softmax(logits / temperature, -1), 1, generator=generator)


def _specs(spec: Spec | Sequence[Spec], count: int | None) -> list[Spec]:
    """Return one spec per block."""
    if isinstance(spec, str | MemorySpec):
        return [spec] * require_count(2 if count is None else count, "num_layers")
    if not spec or (count is not None and len(spec) != count):
        raise InputError(f"{len(spec)} specs for num_layers={count}; give one per block, or one for all")
    return list(spec)


def _require_tokens(tokens: Tensor, vocabulary: int) -> None:
    if tokens.ndim != 2 or tokens.is_floating_point() or 0 in tokens.shape:
        raise InputError(
            f"tokens have shape {tuple(tokens.shape)} and {tokens.dtype}; give whole numbers (batch, tokens)"
        )
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= vocabulary:
        raise InputError(f"tokens run from {low} to {high}; this model knows 0 to {vocabulary - 1}")
