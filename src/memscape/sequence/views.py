"""Attention, state-space model and recurrent network as one linear dynamical system with moving coefficients.

$$H_i = \\Lambda_i H_{i-1} + b_i u_i^T, \\qquad y_i = H_i^T c_i + d_i u_i$$

(Sieber et al. 2024, arXiv 2405.15731). They differ in who decides $\\Lambda, b, c$. Two of them are the same
layer where their mixing matrices agree, $M_{ij} = c_i^T \\Lambda_i \\cdots \\Lambda_{j+1} b_j$:

- linear attention without normaliser is the system with $\\Lambda = I$, $b = \\phi(k)$, $c = \\phi(q)$; a
  decay, $\\Lambda = e^g$, makes it a state-space model with $e^{g_i} = e^{-\\Delta_i A}$, $b_i = \\Delta_i
  B_i$;
- a normaliser $\\eta_i = \\phi(q_i)^T \\sum_{j \\le i} \\phi(k_j)$ couples the two: $\\Lambda_i =
  (\\eta_{i-1} / \\eta_i) I$ and $b_i = \\phi(k_i) / \\eta_i$. No state-space model whose decay is read from
  the token alone does that;
- a gated recurrent network is the system with one state per channel and $\\Lambda_i = f_i$, $b_i = i_i$, $c_i
  = o_i$: a state-space model where input and forget gate come from one step size;
- the delta rule has $\\Lambda_i = (I - \\beta k k^T) e^{g_i}$, which no diagonal system can equal;
- softmax attention is normalised linear attention with the infinitely many features of the exponential:
  `taylor_features` cuts them off, and the state grows as $K^{degree}$.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError


@dataclass(frozen=True)
class DynamicalSystem:
    """A layer written as a linear system; N states per channel, V channels.

    Attributes:
        transition: (t, N, N), or elementwise (t, N or 1, V or 1).
        input: (t, N, V or 1).
        output: (t, N, V or 1).
        direct: (t, V or 1), the path past the state.
        dense: whether the transition is a matrix.
    """

    transition: Tensor
    input: Tensor
    output: Tensor
    direct: Tensor
    dense: bool = False

    def run(self, inputs: Float[Tensor, "t V"]) -> Float[Tensor, "t V"]:
        """Return outputs for inputs u (t, V), token by token. O(t N V), with a matrix O(t N^2 V)."""
        if len(inputs) != len(self.output):
            raise InputError(f"{len(inputs)} inputs for a system of {len(self.output)} tokens")
        states = self.output.shape[1]
        state = torch.zeros(states, inputs.shape[1], dtype=inputs.dtype)
        rows = zip(self.transition, self.input, self.output, self.direct, inputs, strict=True)
        outputs = []
        for moved, b, c, d, u in rows:
            state = (moved @ state if self.dense else moved * state) + b * u
            outputs.append((c * state).sum(0) + d * u)
        return torch.stack(outputs)

    def mixing(self) -> Float[Tensor, "V t t"]:
        """Return the matrix of each channel that takes inputs to outputs, lower triangular. O(t^2 N V)."""
        channels = max(x.shape[-1] for x in (self.input, self.output, self.direct))
        channels = channels if self.dense else max(channels, self.transition.shape[-1])
        tokens = len(self.output)
        columns = []
        for i in range(tokens):
            impulse = torch.zeros(tokens, channels, dtype=self.output.dtype)
            impulse[i] = 1
            columns.append(self.run(impulse))
        return torch.stack(columns, -1).transpose(0, 1)


def of_memory(
    q: Float[Tensor, "t K"],
    k: Float[Tensor, "t K"],
    *,
    g: Tensor | None = None,
    beta: Tensor | None = None,
    erase: Tensor | None = None,
) -> DynamicalSystem:
    """Return the system of one head of `scan`.

    $\\Lambda = (I - \\beta k e^T) \\mathrm{Diag}(e^g)$, $b = \\beta k$ and $c = q$.

    Args:
        q: (t, K), scaled.
        k: (t, K).
        g: (t,) or (t, K) log decay.
        beta: (t,) write strength.
        erase: (t, K) erase keys; None for linear attention, whose transition stays diagonal.
    """
    tokens, width = k.shape
    decay = (
        torch.ones(tokens, width, dtype=k.dtype)
        if g is None
        else g.exp().reshape(tokens, -1).expand(-1, width)
    )
    written = k if beta is None else beta[:, None] * k
    direct = torch.zeros(tokens, 1, dtype=k.dtype)
    if erase is None:
        return DynamicalSystem(decay[..., None], written[..., None], q[..., None], direct)
    moved = (torch.eye(width, dtype=k.dtype) - written[:, :, None] * erase[:, None, :]) * decay[:, None, :]
    return DynamicalSystem(moved, written[..., None], q[..., None], direct, dense=True)


def of_attention(q: Float[Tensor, "t N"], k: Float[Tensor, "t N"]) -> DynamicalSystem:
    """Return the system of normalised linear attention with features q and k.

    $\\Lambda_i = \\eta_{i-1} / \\eta_i$, $b_i = k_i / \\eta_i$, $c_i = q_i$, $\\eta_i = q_i \\cdot \\sum_{j
    \\le i} k_j$.

    >>> import torch
    >>> ones = torch.ones(3, 1)
    >>> of_attention(ones, ones).mixing()[0]
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.0000],
            [0.3333, 0.3333, 0.3333]])
    """
    total = (q * k.cumsum(0)).sum(-1)
    if not bool((total > 0).all()):
        raise InputError("the normaliser q . sum k is not positive everywhere; take positive features")
    before = torch.cat([total[:1], total[:-1]])
    direct = torch.zeros(len(q), 1, dtype=q.dtype)
    return DynamicalSystem(
        (before / total)[:, None, None], (k / total[:, None])[..., None], q[..., None], direct
    )


def of_state_space(
    step: Float[Tensor, " t"],
    rate: Float[Tensor, " N"],
    entry: Float[Tensor, "t N"],
    exit_: Float[Tensor, "t N"],
    skip: float = 0.0,
) -> DynamicalSystem:
    """Return the system of a selective state-space model.

    $\\Lambda_i = e^{-\\Delta_i A}$, $b_i = \\Delta_i B_i$, $c_i = C_i$.

    Args:
        step: (t,) step sizes, above 0.
        rate: (N,) A, at least 0.
        entry: (t, N) B.
        exit_: (t, N) C.
        skip: D.

    Gu and Dao 2023 (S6, with the simplified input).
    """
    if bool((step <= 0).any()) or bool((rate < 0).any()):
        raise InputError("step sizes must be above 0 and rates at least 0, or the state grows without end")
    direct = torch.full((len(step), 1), float(skip), dtype=step.dtype)
    moved = torch.exp(-step[:, None] * rate)
    return DynamicalSystem(moved[..., None], (step[:, None] * entry)[..., None], exit_[..., None], direct)


def of_gates(
    forget: Float[Tensor, "t V"], admit: Float[Tensor, "t V"], release: Float[Tensor, "t V"]
) -> DynamicalSystem:
    """Return the system of a gated linear recurrent network, one state per channel.

    $h \\leftarrow f \\odot h + i \\odot u$, $y = o \\odot h$.

    Args:
        forget: (t, V) f in [0, 1].
        admit: (t, V) i.
        release: (t, V) o, the output gate.
    """
    direct = torch.zeros(len(forget), 1, dtype=forget.dtype)
    return DynamicalSystem(forget[:, None], admit[:, None], release[:, None], direct)


def coincide(one: DynamicalSystem, other: DynamicalSystem) -> float:
    """Return the largest difference of two systems' mixing matrices: 0 where they are the same layer."""
    return float((one.mixing() - other.mixing()).abs().max())


def taylor_features(x: Float[Tensor, "t K"], degree: int) -> Float[Tensor, "t N"]:
    """Return features whose products are the Taylor sum of the exponential.

    $\\phi(x) \\cdot \\phi(y) = \\sum_{n \\le d} (x \\cdot y)^n / n!$ with $d$ the degree, and N is $1 + K +
    \\dots + K^d$: softmax attention is the limit of infinite state.

    >>> import torch
    >>> x = torch.tensor([[0.5, 0.0]])
    >>> (taylor_features(x, 2) * taylor_features(x, 2)).sum()
    tensor(1.2812)
    """
    degree = require_count(degree, "degree", low=0)
    power = torch.ones(len(x), 1, dtype=x.dtype)
    features = [power]
    for n in range(1, degree + 1):
        power = (power[:, :, None] * x[:, None, :]).flatten(1)
        features.append(power / math.sqrt(math.factorial(n)))
    return torch.cat(features, 1)
