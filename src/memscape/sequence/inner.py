"""Memories that are networks: they learn each token by a gradient step on their own weights.

The accumulator A of each weight matrix follows $M_t = \\eta_t M_{t-1} - \\theta_t \\nabla_t$, $A_t = e^{g_t}
A_{t-1} + M_t$, and the memory is a map of A. The gradient is taken at the *anchor*, the memory of the last
chunk's end, or at each token's own; so within a chunk every gradient is an outer product $u_j \\otimes r_j$
known beforehand, and reading x costs products of C tokens with C tokens,

$$x_i W_i = \\bar\\beta_i\\, x_i A_0 + f_i\\, x_i M_0 + \\sum_{j \\le i} G_{ij} (x_i \\cdot u_j)\\, r_j .$$

A chunk that a call cuts short goes on in the next: the state carries anchor, momentum and the count of
tokens.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from memscape.core.errors import InputError
from memscape.sequence.decays import faded_pairs
from memscape.sequence.networks import Network
from memscape.sequence.objectives import EPSILON, Pair, normed
from memscape.sequence.parts import GradientStep, MeanGradient, NewtonSchulz, ResidualRead
from memscape.sequence.signals import Owned, Signals, per_head, per_token
from memscape.sequence.spec import MemorySpec

NOTHING = -1e4
"""Stands for the logarithm of 0: its exponential is 0, and sums of it stay finite."""

Tensors = dict[str, Tensor]


def start(spec: MemorySpec, batch: int, owned: Owned, like: Tensor) -> Tensors:
    """Return the state of a memory that has read nothing."""
    tensors = {}
    for i, weights in enumerate(owned.start):
        # a copy: a state that is kept must not move with the layer's weights when these learn
        first = weights.to(like.dtype).expand(batch, *weights.shape).clone()
        tensors[f"weight{i}"] = first
        if spec.grad_at == "chunk":
            tensors[f"anchor{i}"] = first
        if not isinstance(spec.learner, GradientStep):
            tensors[f"momentum{i}"] = torch.zeros_like(first)
    return tensors


def run(
    spec: MemorySpec, signals: Signals, tensors: Tensors, owned: Owned, path: str, size: int
) -> tuple[Tensor, Tensors]:
    """Return outputs (b, t, h, V) and the next state.

    Rows that stand at different places of their chunk, or are padded differently, are run apart.
    """
    padded = torch.zeros_like(signals.seen) if signals.live is None else (~signals.live).sum(1)
    places = torch.stack([signals.seen % spec.lag, padded], 1)
    kinds, which = torch.unique(places, dim=0, return_inverse=True)
    if len(kinds) == 1 and not int(kinds[0, 1]):
        return _aligned(spec, signals, tensors, owned, path, int(kinds[0, 0]))
    outputs, states, order = [], [], []
    for i, (place, pad) in enumerate(kinds.tolist()):
        index = (which == i).nonzero()[:, 0]
        part = {name: x[index] for name, x in tensors.items()}
        out = signals.v.new_zeros(len(index), 0, *signals.v.shape[2:])
        if pad < signals.q.shape[1]:
            out, part = _aligned(spec, signals.rows(index, pad), part, owned, path, place)
        outputs.append(F.pad(out, (0, 0, 0, 0, signals.q.shape[1] - out.shape[1], 0)))
        states.append(part)
        order.append(index)
    back = torch.argsort(torch.cat(order))
    joined = {name: torch.cat([part[name] for part in states])[back] for name in tensors}
    return torch.cat(outputs)[back], joined


def _aligned(
    spec: MemorySpec, signals: Signals, tensors: Tensors, owned: Owned, path: str, place: int
) -> tuple[Tensor, Tensors]:
    """Run rows that stand at the same place of their chunk, segment by segment."""
    total, outputs, at = signals.q.shape[1], [], 0
    lag = spec.lag
    run_of = _Run(spec, owned, signals)
    while at < total:
        length = min(lag - place, total - at) if path == "chunk" else 1
        out, tensors = run_of.segment(at, length, tensors, place)
        outputs.append(out)
        at, place = at + length, (place + length) % lag
    return per_token(torch.cat(outputs, 2)), tensors


@dataclass(frozen=True)
class _Fade:
    """How the tokens of a segment enter the accumulator and the momentum at its tokens.

    Attributes:
        kept: (b, h, n) share of A_0 in A_i.
        pushed: (b, h, n) share of M_0 in A_i, or None.
        mixed: (b, h, n, n) share of gradient j in A_i.
        moved: (b, h, n, n) share of gradient j in M_i, or None.
        held: (b, h, n) share of M_0 in M_i, or None.
        between: (b, h, n, n) share of an update at j in A_i.
    """

    kept: Tensor
    mixed: Tensor
    between: Tensor
    pushed: Tensor | None = None
    moved: Tensor | None = None
    held: Tensor | None = None


class _Run:
    """One call: the spec, what the layer owns, and the tokens with heads in front."""

    def __init__(self, spec: MemorySpec, owned: Owned, signals: Signals):
        self.spec, self.net = spec, Network(spec.store)
        self.q, self.k, self.v = (x.transpose(1, 2) for x in (signals.q, signals.k, signals.v))
        zero = torch.zeros(self.q.shape[:3], dtype=self.q.dtype, device=self.q.device)
        self.g = zero if signals.g is None else signals.g.transpose(1, 2)
        self.rate = zero + 1 if signals.rate is None else signals.rate.transpose(1, 2)
        self.momentum, self.threshold = per_head(signals.momentum), per_head(signals.threshold)
        self.gain = None if owned.gain is None else owned.gain.to(zero.dtype)[:, None]
        self.epsilon = getattr(spec.store, "epsilon", EPSILON)
        self.shift = None if owned.shift is None else owned.shift.to(zero.dtype)[:, None]

    def segment(self, at: int, n: int, tensors: Tensors, place: int) -> tuple[Tensor, Tensors]:
        """Return outputs (b, h, n, V) and the state after tokens at ... at + n, which lie in one chunk."""
        cut = slice(at, at + n)
        q, g, rate = self.q[:, :, cut], self.g[:, :, cut], self.rate[:, :, cut]
        threshold = None if self.threshold is None else self.threshold[:, :, cut]
        pair = Pair(self.k[:, :, cut], self.v[:, :, cut], self.gain, self.shift, threshold, self.epsilon)
        anchors = [self.spec.retention.weights(a) for a in self._anchors(tensors, g)]
        inputs, slopes = self.net.gradients(anchors, pair, self.spec.objective)
        fade = self._fade(g, None if self.momentum is None else self.momentum[:, :, cut], place)
        layers = [
            _Layer(self.spec, fade, tensors, i, u, s, rate)
            for i, (u, s) in enumerate(zip(inputs, slopes, strict=True))
        ]
        out = self.net.forward(lambda i, x: layers[i].read(x), q, pair)[0]
        if isinstance(self.spec.read, ResidualRead):
            out = q + normed(out, pair)
        ends = {}
        for i, layer in enumerate(layers):
            ends |= layer.end(i, tensors, closes=place + n == self.spec.lag)
        return out, ends

    def _anchors(self, tensors: Tensors, g: Tensor) -> list[Tensor]:
        """Return the accumulators at which the gradient is taken."""
        count = self.net.depth
        if self.spec.grad_at == "chunk":
            return [tensors[f"anchor{i}"] for i in range(count)]
        weights = [tensors[f"weight{i}"] for i in range(count)]
        if self.spec.grad_at == "previous":
            return weights
        return [w * g.exp()[..., None] for w in weights]  # n is 1: this token's own decay

    def _fade(self, g: Tensor, momentum: Tensor | None, place: int) -> _Fade:
        between, since, _ = faded_pairs(g, g.dtype)
        if isinstance(self.spec.learner, GradientStep):
            return _Fade(since, between, between)
        if isinstance(self.spec.learner, MeanGradient):
            steps = torch.arange(place + 1, place + 1 + g.shape[-1], device=g.device).to(g.dtype)
            share = (1 / steps).expand_as(g)
            ones = torch.ones_like(between).tril()
            return _Fade(torch.ones_like(g), share[..., None] * ones, ones, share, ones, torch.ones_like(g))
        if momentum is None:
            raise InputError("a learner with momentum needs the momentum of each token")
        moved, held, _ = faded_pairs(momentum.clamp_min(NOTHING), g.dtype)
        return _Fade(since, between @ moved, between, (between @ held[..., None])[..., 0], moved, held)


class _Layer:
    """One weight matrix of the memory over the tokens of a segment."""

    def __init__(
        self,
        spec: MemorySpec,
        fade: _Fade,
        tensors: Tensors,
        i: int,
        inputs: Tensor,
        slopes: Tensor,
        rate: Tensor,
    ):
        self.spec, self.fade, self.inputs = spec, fade, inputs
        self.momentum = tensors.get(f"momentum{i}")
        mean = isinstance(spec.learner, MeanGradient)
        self.first = tensors[f"anchor{i}"] if mean else tensors[f"weight{i}"]
        spectral = isinstance(spec.learner, NewtonSchulz)
        self.change = -slopes if spectral else -rate[..., None] * slopes
        self.rate = rate
        self.path = self._materialised() if spectral or not spec.retention.linear else None

    def read(self, x: Tensor) -> Tensor:
        """Return pre-activations (b, h, n, out) of inputs (b, h, n, in), each at its own token's weights."""
        if self.path is not None:
            return (x[..., None, :] @ self.spec.retention.weights(self.path))[..., 0, :]
        out = self.fade.kept[..., None] * (x @ self.first)
        out = out + ((x @ self.inputs.mT) * self.fade.mixed) @ self.change
        if self.fade.pushed is None or self.momentum is None:
            return out
        return out + self.fade.pushed[..., None] * (x @ self.momentum)

    def _materialised(self) -> Tensor:
        """Return the accumulator after every token, (b, h, n, in, out)."""
        if isinstance(self.spec.learner, NewtonSchulz):
            moves = self._sums(self.fade.moved, self.fade.held, self.momentum)
            updates = self.rate[..., None, None] * orthogonalised(moves, self.spec.learner.steps)
            own = torch.einsum("bhij,bhjkv->bhikv", self.fade.between, updates)
            return self.fade.kept[..., None, None] * self.first[:, :, None] + own
        start = self.fade.kept[..., None, None] * self.first[:, :, None]
        return start + self._sums(self.fade.mixed, self.fade.pushed, self.momentum)

    def _sums(self, mixed: Tensor | None, share: Tensor | None, first: Tensor | None) -> Tensor:
        """Return sum_j mixed_ij u_j r_j, and the share of what was there before, for every token i."""
        if mixed is None:
            raise InputError("this learner mixes no gradients")
        weighted = mixed[..., None] * self.inputs[:, :, None]  # (b, h, i, j, in)
        total = weighted.mT @ self.change[:, :, None]
        if share is None or first is None:
            return total
        return total + share[..., None, None] * first[:, :, None]

    def end(self, i: int, tensors: Tensors, *, closes: bool) -> Tensors:
        """Return this matrix's part of the state after the segment; `closes`: the chunk ends here."""
        last = (
            self.path[:, :, -1]
            if self.path is not None
            else self._last(self.fade.mixed, self.fade.kept, self.first)
        )
        if self.path is None and self.fade.pushed is not None and self.momentum is not None:
            last = last + self.fade.pushed[..., -1, None, None] * self.momentum
        after = {f"weight{i}": last}
        if self.momentum is not None and self.fade.moved is not None and self.fade.held is not None:
            momentum = self._last(self.fade.moved, self.fade.held, self.momentum)
            reset = closes and isinstance(self.spec.learner, MeanGradient)
            after[f"momentum{i}"] = torch.zeros_like(momentum) if reset else momentum
        if f"anchor{i}" in tensors:
            after[f"anchor{i}"] = last if closes else tensors[f"anchor{i}"]
        return after

    def _last(self, mixed: Tensor, share: Tensor, first: Tensor) -> Tensor:
        weighted = mixed[..., -1, :, None] * self.inputs
        return share[..., -1, None, None] * first + weighted.mT @ self.change


def orthogonalised(x: Tensor, steps: int) -> Tensor:
    """Return matrices (..., in, out) with singular values near 1, by Newton-Schulz iteration; 0 stays 0.

    The coefficients are Muon's (Jordan et al. 2024): fast, not exact, singular values end in about [.7, 1.2].
    """
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    square = x.square().sum((-2, -1), keepdim=True)
    x = x / torch.where(square > 0, square, 1.0).sqrt()
    for _ in range(steps):
        gram = x @ x.mT
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return x.mT if tall else x
