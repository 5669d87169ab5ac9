"""From a token to what a memory reads: linear maps, a short convolution, and gates."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from memscape.sequence.objectives import Huber
from memscape.sequence.parts import Decay, Momentum, NewtonSchulz, Simplex
from memscape.sequence.spec import MemorySpec

LOW_RANK = 32
"""Width of the bottleneck of gates that give one number per channel."""


def linear(inputs: int, outputs: int, generator: torch.Generator, *, bias: float | None = None) -> nn.Linear:
    """Return a linear layer with uniform weights of variance 1 / (3 inputs), drawn from `generator`."""
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias is not None)
    limit = inputs**-0.5
    nn.init.uniform_(layer.weight, -limit, limit, generator=generator)
    if bias is not None:
        nn.init.constant_(layer.bias, bias)
    return layer


class ShortConvolution(nn.Module):
    """A causal convolution of each channel with its own `size` weights, the last tokens of a call kept."""

    def __init__(self, channels: int, size: int, generator: torch.Generator):
        super().__init__()
        limit = size**-0.5
        self.weight = nn.Parameter(torch.empty(size, channels))
        nn.init.uniform_(self.weight, -limit, limit, generator=generator)

    def begin(self, batch: int, like: Tensor) -> Tensor:
        """Return the tail before the first token, (b, size - 1, channels): zeros."""
        return like.new_zeros(batch, len(self.weight) - 1, self.weight.shape[1])

    def forward(self, x: Tensor, tail: Tensor) -> tuple[Tensor, Tensor]:
        """Return outputs (b, t, channels) and the next tail."""
        joined, count = torch.cat([tail, x], 1), x.shape[1]
        out = joined[:, :count] * self.weight[0]
        for i in range(1, len(self.weight)):
            out = out + joined[:, i : i + count] * self.weight[i]
        return out, joined[:, count:]


class ChannelGate(nn.Module):
    """One number per head and channel, through a bottleneck."""

    def __init__(self, inputs: int, heads: int, width: int, generator: torch.Generator):
        super().__init__()
        rank = min(LOW_RANK, inputs)
        self.down = linear(inputs, rank, generator)
        self.up = linear(rank, heads * width, generator)
        self.shape = (heads, width)

    def forward(self, x: Tensor) -> Tensor:
        """Return (b, t, h, K)."""
        return self.up(self.down(x)).unflatten(-1, self.shape)


class Gates(nn.Module):
    """The gates that a spec asks for: decay, write strength, momentum, threshold.

    Decays start slow: step sizes from .001 to .1 per token, spaced evenly in their logarithm over heads or
    channels (.01 where there is one). A gate that starts low forgets before it has learnt what to keep.
    Memories that are networks start ten times slower, and with a rate of 1 / (3 chunk): weights below a layer
    norm that fade fast, or steps that add up to more than one in a chunk, make the inner learning chaotic. On
    a simplex, where a step is relative to the weight and all weights fade to the same, both are ten times
    slower again.
    """

    def __init__(self, spec: MemorySpec, hidden: int, heads: int, width: int, generator: torch.Generator):
        super().__init__()
        self.spec, self.width = spec, width
        decay = spec.retention if isinstance(spec.retention, Decay) else Decay()
        self.channels = decay.shape == "channel"
        self.fixed = decay.law == "fixed"
        if spec.retention.gated and not self.fixed:
            self._decay(hidden, heads, width, generator)
        if self.fixed:
            self.register_buffer("slow", torch.log1p(-(2.0 ** (-5.0 - torch.arange(heads)))))
        if spec.rate in ("sigmoid", "double", "width"):
            start = _first_rate(spec)
            self.rate = linear(hidden, heads, generator, bias=start)
        if spec.rate == "channel":
            self.gain = ChannelGate(hidden, heads, width, generator)
        if isinstance(spec.learner, Momentum | NewtonSchulz):
            self.momentum = linear(hidden, heads, generator, bias=0.0)
        if isinstance(spec.objective, Huber) and spec.objective.threshold is None:
            self.threshold = linear(hidden, heads, generator, bias=1.0)

    def _decay(self, hidden: int, heads: int, width: int, generator: torch.Generator) -> None:
        self.speed = nn.Parameter(torch.zeros(heads))
        if self.channels:
            self.fade: nn.Module = ChannelGate(hidden, heads, width, generator)
            steps = _spaced(width).expand(heads, width)
        else:
            self.fade = linear(hidden, heads, generator)
            slower = 0.1 if self.spec.engine == "inner" else 1.0
            slower = 0.01 if isinstance(self.spec.retention, Simplex) else slower
            steps = _spaced(heads) * slower
        self.step = nn.Parameter(torch.log(torch.expm1(steps)).clone())

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return g, rate, gain, momentum and threshold by name, those that the spec has."""
        gates: dict[str, Tensor] = {}
        if self.fixed:
            gates["g"] = self.slow.to(x.dtype).expand(*x.shape[:2], -1)  # ty: ignore[not-callable]
        elif self.spec.retention.gated:
            size = F.softplus(self.fade(x) + self.step)
            speed = self.speed.exp()
            gates["g"] = -(speed[:, None] if self.channels else speed) * size
            if self.spec.rate == "step":
                gates["rate"] = size
        if self.spec.rate in ("sigmoid", "double", "width"):
            factor = {"sigmoid": 1.0, "double": 2.0, "width": 1 / self.width}[self.spec.rate]
            gates["rate"] = factor * torch.sigmoid(self.rate(x))
        if self.spec.rate == "channel":
            gates["gain"] = torch.sigmoid(self.gain(x))
        if hasattr(self, "momentum"):
            gates["momentum"] = F.logsigmoid(self.momentum(x))
        if hasattr(self, "threshold"):
            gates["threshold"] = F.softplus(self.threshold(x))
        return gates


def _first_rate(spec: MemorySpec) -> float:
    """Return the bias of the write strength's gate."""
    if spec.engine != "inner" or spec.rate == "width":
        return 0.0
    return -math.log(spec.lag * (30 if isinstance(spec.retention, Simplex) else 3) - 1)


def _spaced(count: int) -> Tensor:
    return torch.logspace(-3, -1, count) if count > 1 else torch.tensor([0.01])
