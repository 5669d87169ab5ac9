"""The layer under the argument names of flash-linear-attention, for models that are written for it."""

from torch import Tensor, nn

from memscape.core.errors import InputError
from memscape.core.random import Generator
from memscape.sequence.layer import MemoryLayer
from memscape.sequence.presets import preset
from memscape.sequence.spec import MemorySpec
from memscape.sequence.state import MemoryState


class FLALayer(nn.Module):
    """A `MemoryLayer` that takes and returns what a layer of flash-linear-attention does.

    Args:
        mode: "chunk" or "fused_recurrent".
        hidden_size: width of a token.
        expand_v: width of a value over head_dim.
        head_dim: K.
        num_heads: heads.
        use_short_conv: whether there is a short convolution.
        conv_size: its tokens.
        use_gate: whether outputs pass a SiLU gate; None leaves it to the spec.
        allow_neg_eigval: write strengths up to 2 instead of 1.
        layer_idx: under which number the state is kept in the cache.
        spec: preset or `MemorySpec`.
        generator: seed of the first weights.

    Raises:
        InputError: for another mode, widths that do not divide, or a choice that the spec has no place for.

    >>> import torch
    >>> layer = FLALayer(hidden_size=16, head_dim=8, num_heads=2, expand_v=1.0, layer_idx=0, generator=0)
    >>> o, _, cache = layer(torch.randn(1, 5, 16, generator=torch.Generator().manual_seed(0)), use_cache=True)
    >>> o.shape, cache[0]
    (torch.Size([1, 5, 16]), MemoryState(5 tokens read by 1 rows, ...))
    """

    def __init__(
        self,
        mode: str = "chunk",
        hidden_size: int = 1024,
        expand_v: float = 1.0,
        head_dim: int = 128,
        num_heads: int = 8,
        use_short_conv: bool = True,
        conv_size: int = 4,
        use_gate: bool | None = None,
        allow_neg_eigval: bool = False,
        layer_idx: int = 0,
        spec: str | MemorySpec = "gated_deltanet",
        generator: Generator = None,
    ):
        super().__init__()
        paths = {"chunk": "chunk", "fused_recurrent": "scan"}
        if mode not in paths:
            raise InputError(f"mode is {mode!r}; give one of {', '.join(paths)}")
        values = head_dim * expand_v
        if values != int(values) or values < 1:
            raise InputError(f"head_dim {head_dim} times expand_v {expand_v} is no whole number")
        self.path, self.layer_idx = paths[mode], layer_idx
        chosen = spec if isinstance(spec, MemorySpec) else preset(spec)
        chosen = chosen if use_short_conv else chosen.but(short="none")
        chosen = _gated(chosen, use_gate)
        chosen = _doubled(chosen) if allow_neg_eigval else chosen
        sizes = {"head_dim": head_dim, "value_dim": int(values), "conv_size": conv_size}
        self.layer = MemoryLayer(hidden_size, num_heads, chosen, **sizes, generator=generator)

    def forward(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        past_key_values: dict[int, MemoryState] | None = None,
        use_cache: bool = False,
        output_attentions: bool = False,
    ) -> tuple[Tensor, None, dict[int, MemoryState] | None]:
        """Return outputs, None (there are no attention weights), and the cache.

        Args:
            hidden_states: (b, t, hidden).
            attention_mask: (b, t), left padding.
            past_key_values: states by layer number; None starts anew.
            use_cache: whether the state is put into the cache.
            output_attentions: refused: no weights exist.
        """
        if output_attentions:
            raise InputError("a memory has no attention weights; leave output_attentions=False")
        cache = past_key_values
        state = None if cache is None else cache.get(self.layer_idx)
        path = self.path if hidden_states.shape[1] > 1 else "scan"
        out, state = self.layer(hidden_states, state, attention_mask, path=path)
        if use_cache:
            cache = {} if cache is None else cache
            cache[self.layer_idx] = state
        return out, None, cache


def _gated(spec: MemorySpec, gate: bool | None) -> MemorySpec:
    if gate is None:
        return spec
    if spec.engine in ("energy", "bank"):
        raise InputError(f"{spec} has one output of its own, and no gate; leave use_gate=None")
    return spec.but(finish="gated_norm" if gate else "norm")


def _doubled(spec: MemorySpec) -> MemorySpec:
    if spec.rate != "sigmoid" or spec.engine not in ("matrix", "low_rank"):
        raise InputError(f"{spec} has no write strength that could be doubled; leave allow_neg_eigval=False")
    return spec.but(rate="double")
