"""What stands between a token and its output: projections, the memory, and what is done with the read."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from memscape.core.errors import InputError
from memscape.sequence import engines, window
from memscape.sequence.networks import Network
from memscape.sequence.objectives import LayerNormL2
from memscape.sequence.parts import (
    BankStore,
    EnergyRead,
    LinearRead,
    MLPStore,
    ResidualRead,
    Simplex,
    SoftmaxRead,
    WindowStore,
)
from memscape.sequence.projections import Gates, ShortConvolution, linear
from memscape.sequence.signals import Owned, Signals
from memscape.sequence.spec import MemorySpec

Tensors = dict[str, Tensor]
LOOKS = 1024
"""Tokens that look into a bank at once: their weights stay in the cache, so time is linear in the tokens."""
OPEN = 1.2785
"""SiLU of this is 1: an output gate starts open, not nearly closed."""


@dataclass(frozen=True)
class LayerSizes:
    """The sizes of a layer.

    Attributes:
        hidden_size: width of a token.
        num_heads: memories side by side.
        head_dim: K, width of a query and key.
        value_dim: V, width of a value.
        conv_size: tokens of the short convolution.
    """

    hidden_size: int
    num_heads: int
    head_dim: int
    value_dim: int
    conv_size: int


@dataclass(frozen=True)
class Stretch:
    """A stretch of tokens on its way through a mixer.

    Attributes:
        x: (b, t, hidden), zeros where padded.
        live: (b, t), False where padded, or None.
        seen: (b,) tokens before.
        path: "scan" or "chunk".
        size: tokens worked on at once.
    """

    x: Tensor
    live: Tensor | None
    seen: Tensor
    path: str
    size: int


class HeadMixer(nn.Module):
    """Heads that write keys and values and read with queries."""

    def __init__(self, spec: MemorySpec, sizes: LayerSizes, generator: torch.Generator):
        super().__init__()
        self.spec, self.sizes = spec, sizes
        hidden, heads, width, values = sizes.hidden_size, sizes.num_heads, sizes.head_dim, sizes.value_dim
        self.q_proj = linear(hidden, heads * width, generator)
        self.k_proj = linear(hidden, heads * width, generator)
        self.v_proj = linear(hidden, heads * values, generator)
        channels = heads * (2 * width + values)
        self.conv = ShortConvolution(channels, sizes.conv_size, generator) if spec.short != "none" else None
        self.gates = Gates(spec, hidden, heads, width, generator)
        if spec.finish != "plain":
            self.norm = nn.Parameter(torch.ones(values))
        if spec.finish == "gated_norm":
            self.g_proj = linear(hidden, heads * values, generator, bias=OPEN)
        self.o_proj = linear(heads * values, hidden, generator)
        self._own(generator)

    def _own(self, generator: torch.Generator) -> None:
        """Make what the memory itself owns."""
        spec, heads, width, values = (
            self.spec,
            self.sizes.num_heads,
            self.sizes.head_dim,
            self.sizes.value_dim,
        )
        normed = isinstance(spec.objective, LayerNormL2) or isinstance(spec.read, ResidualRead)
        normed = normed or (isinstance(spec.store, MLPStore) and spec.store.residual)
        if normed and width != values:
            raise InputError(f"head_dim is {width} and value_dim {values}; this memory needs them equal")
        if spec.engine == "inner":
            net = Network(spec.store)
            spread = [0.02] if net.depth == 1 else [a**-0.5 for a, _ in net.shapes(width, values)]
            if isinstance(spec.retention, Simplex):  # the start is the logarithm of the weights
                spread = [1.0] * net.depth
            self.start = nn.ParameterList(
                nn.Parameter(nn.init.normal_(torch.empty(heads, *shape), std=std, generator=generator))
                for shape, std in zip(net.shapes(width, values), spread, strict=True)
            )
        if spec.engine == "inner" and normed:
            self.gain = nn.Parameter(torch.ones(heads, values))
            self.shift = nn.Parameter(torch.zeros(heads, values))
        if spec.engine == "ridge":
            self.ridge = nn.Parameter(torch.zeros(heads, width))
        skip = spec.read.skip if isinstance(spec.read, LinearRead) else None
        if skip == "value":
            self.skip = nn.Parameter(torch.ones(heads, 1))
        if skip == "bonus":
            self.skip = nn.Parameter(torch.zeros(heads, width))

    @property
    def owned(self) -> Owned:
        """What the layer has learnt and the memory needs; the ridge is at least .1."""
        ridge = 0.1 + F.softplus(self.ridge) if hasattr(self, "ridge") else None
        gain, shift = (getattr(self, name, None) for name in ("gain", "shift"))
        return Owned(list(getattr(self, "start", [])), gain, shift, ridge)

    def begin(self, x: Tensor) -> tuple[Tensors | None, Tensor | None]:
        """Return the memory before the first token (None: made when the signals are there) and the tail."""
        return None, None if self.conv is None else self.conv.begin(len(x), x)

    def forward(
        self, stretch: Stretch, tensors: Tensors | None, tail: Tensor | None
    ) -> tuple[Tensor, Tensors, Tensor | None]:
        """Return outputs (b, t, hidden), the next memory and tail."""
        signals, tail = self._signals(stretch, tail)
        owned = self.owned
        tensors = engines.start(self.spec, signals, owned) if tensors is None else tensors
        out, tensors = engines.run(self.spec, signals, tensors, owned, stretch.path, stretch.size)
        return self._finish(out, signals, stretch.x), tensors, tail

    def _signals(self, stretch: Stretch, tail: Tensor | None) -> tuple[Signals, Tensor | None]:
        x, sizes = stretch.x, self.sizes
        joined = torch.cat([self.q_proj(x), self.k_proj(x), self.v_proj(x)], -1)
        if self.conv is not None and tail is not None:
            joined, tail = self.conv(joined, tail)
        if self.spec.short == "silu":
            joined = F.silu(joined)
        work = torch.float64 if x.dtype == torch.float64 else torch.float32
        wide = sizes.num_heads * sizes.head_dim
        q, k, v = joined.to(work).split([wide, wide, sizes.num_heads * sizes.value_dim], -1)
        q, k, v = (each.unflatten(-1, (sizes.num_heads, -1)) for each in (q, k, v))
        gates = {name: gate.to(work) for name, gate in self.gates(x).items()}
        return Signals(
            self._shaped(q, query=True), self._shaped(k), v, stretch.seen, live=stretch.live, **gates
        ), tail

    def _shaped(self, x: Tensor, *, query: bool = False) -> Tensor:
        if self.spec.keys == "unit":
            return F.normalize(x, dim=-1)
        if self.spec.keys == "positive":
            return F.elu(x) + 1
        scaled = query and self.spec.engine in ("matrix", "low_rank")
        return x * self.sizes.head_dim**-0.5 if scaled else x

    def _finish(self, out: Tensor, signals: Signals, x: Tensor) -> Tensor:
        if hasattr(self, "skip"):
            out = out + self._skipped(signals)
        if self.spec.finish != "plain":
            size = (out.square().mean(-1, keepdim=True) + 1e-6).rsqrt()
            out = out * size * self.norm
        out = out.flatten(-2).to(x.dtype)
        if self.spec.finish == "gated_norm":
            out = out * F.silu(self.g_proj(x))
        return self.o_proj(out)

    def _skipped(self, signals: Signals) -> Tensor:
        if isinstance(self.spec.read, LinearRead) and self.spec.read.skip == "value":
            return self.skip * signals.v
        written = signals.k if signals.gain is None else signals.gain * signals.k
        return (signals.q * self.skip * written).sum(-1, keepdim=True) * signals.v


class EnergyMixer(nn.Module):
    """A token descends the energy of `EnergyRead`, over the keys of earlier tokens and a learnt bank.

    The output is the way it went, $x_n - x_0$. Queries and the way back are one matrix, so each step is the
    gradient of one energy,
    $-\\partial E/\\partial g = \\sum_h W_Q^T K^T \\mathrm{softmax}(\\beta K W_Q g) + \\xi^T \\max(\\xi g,
    0)$.
    """

    def __init__(self, spec: MemorySpec, sizes: LayerSizes, generator: torch.Generator):
        super().__init__()
        if not isinstance(spec.read, EnergyRead):
            raise InputError(f"{type(spec.read).__name__} is no energy")
        self.spec, self.sizes, self.read = spec, sizes, spec.read
        wide = sizes.num_heads * sizes.head_dim
        self.q_proj = linear(sizes.hidden_size, wide, generator)
        self.k_proj = linear(sizes.hidden_size, wide, generator)
        self.norm = nn.LayerNorm(sizes.hidden_size)
        std = sizes.hidden_size**-0.5
        bank = torch.empty(spec.read.bank, sizes.hidden_size)
        self.bank = nn.Parameter(nn.init.normal_(bank, std=std, generator=generator))

    def begin(self, x: Tensor) -> tuple[Tensors | None, Tensor | None]:
        """Return an empty window of keys."""
        return self._empty(x), None

    def _empty(self, x: Tensor) -> Tensors:
        empty = window.start(len(x), self.sizes.num_heads, self.sizes.head_dim, 1, x)
        return {name: empty[name] for name in ("keys", "held")}

    def forward(
        self, stretch: Stretch, tensors: Tensors | None, tail: Tensor | None
    ) -> tuple[Tensor, Tensors, Tensor | None]:
        """Return the ways of the tokens, (b, t, hidden), and the next window."""
        x, tensors = stretch.x, tensors or self._empty(stretch.x)
        keys = self.k_proj(self.norm(x)).unflatten(-1, (self.sizes.num_heads, -1))
        live = torch.ones_like(x[..., 0], dtype=torch.bool) if stretch.live is None else stretch.live
        joined = {
            name: torch.cat([tensors[name], new], 1) for name, new in {"keys": keys, "held": live}.items()
        }
        both = joined | {"values": joined["keys"]}
        reach = self.spec.store.size if isinstance(self.spec.store, WindowStore) else None
        moved = torch.zeros_like(x)
        for _ in range(self.read.steps):
            g = self.norm(x + moved)
            q = self.q_proj(g).unflatten(-1, (self.sizes.num_heads, -1))
            size = stretch.size if stretch.path == "chunk" else 1
            seen = window.look(SoftmaxRead(self.read.beta), q, both, reach, size, itself=False)
            force = seen.flatten(-2) @ self.q_proj.weight + F.relu(g @ self.bank.T) @ self.bank
            moved = moved + self.read.rate * force
        return moved, window.cropped(joined, reach), tail


class BankMixer(nn.Module):
    """A token looks itself up among learnt patterns, and at its neighbours through a short convolution.

    $y = \\sigma(g_l) \\odot \\mathrm{conv}(x') + \\sigma(g_g) \\odot \\mathrm{softmax}(\\beta x' M^T) M$ with
    $x' = \\mathrm{LN}(x)$ (arXiv 2509.00605, GAM). The second term is one recall step of a modern Hopfield
    network
    whose patterns no token writes: content moves between tokens through the convolution alone.
    """

    def __init__(self, spec: MemorySpec, sizes: LayerSizes, generator: torch.Generator):
        super().__init__()
        if not isinstance(spec.store, BankStore) or not isinstance(spec.read, SoftmaxRead):
            raise InputError("a bank is a BankStore read by SoftmaxRead")
        hidden = sizes.hidden_size
        self.beta = hidden**-0.5 if spec.read.beta is None else spec.read.beta
        self.norm = nn.LayerNorm(hidden)
        self.conv = ShortConvolution(hidden, sizes.conv_size, generator)
        bank = torch.empty(spec.store.size, hidden)
        self.bank = nn.Parameter(nn.init.normal_(bank, std=hidden**-0.5, generator=generator))
        self.near = linear(hidden, hidden, generator, bias=0.0)
        self.far = linear(hidden, hidden, generator, bias=0.0)

    def begin(self, x: Tensor) -> tuple[Tensors | None, Tensor | None]:
        """Return nothing but the tail of the convolution."""
        return {}, self.conv.begin(len(x), x)

    def forward(
        self, stretch: Stretch, tensors: Tensors | None, tail: Tensor | None
    ) -> tuple[Tensor, Tensors, Tensor | None]:
        """Return outputs (b, t, hidden) and the next tail."""
        x = self.norm(stretch.x)
        if stretch.live is not None:
            x = x * stretch.live[..., None]
        near, tail = self.conv(x, self.conv.begin(len(x), x) if tail is None else tail)
        looks = (torch.softmax(self.beta * (part @ self.bank.T), -1) for part in x.split(LOOKS, 1))
        far = torch.cat([look @ self.bank for look in looks], 1)
        return torch.sigmoid(self.near(x)) * near + torch.sigmoid(self.far(x)) * far, {}, tail


def mixer(spec: MemorySpec, sizes: LayerSizes, generator: torch.Generator) -> nn.Module:
    """Return the mixer that a spec asks for."""
    kind = {"energy": EnergyMixer, "bank": BankMixer}.get(spec.engine, HeadMixer)
    return kind(spec, sizes, generator)
