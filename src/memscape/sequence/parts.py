"""The other parts of a sequence memory: where it stores, what it keeps, how it learns, how it is read.

All are frozen values: a memory is the data in a `MemorySpec`.
"""

from abc import ABC
from dataclasses import dataclass

import torch
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError


class Store(ABC):  # noqa: B024  the parts are told apart by their type alone
    """Where pairs are kept."""


@dataclass(frozen=True)
class MatrixStore(Store):
    """One matrix S (K, V), read as $S^T q$.

    Args:
        bias: whether a constant 1 is appended to the keys.
    """

    bias: bool = False


@dataclass(frozen=True)
class MLPStore(Store):
    """Two layers with GELU between them.

    Args:
        expansion: width of the hidden layer in units of K.
        bias: whether a constant 1 is appended to the input of each layer.
        residual: $M(x) = x + \\mathrm{LN}(W_2 \\sigma(W_1 x))$, needs K = V.
        epsilon: added to the variance in the layer norm; where the hidden layer nearly cancels, gradients
            grow with its inverse root.
    """

    expansion: int = 4
    bias: bool = False
    residual: bool = False
    epsilon: float = 1e-6

    def __post_init__(self) -> None:
        require_count(self.expansion, "expansion")
        if not 0 < self.epsilon < float("inf"):
            raise InputError(f"epsilon is {self.epsilon}; it must be finite and above 0")


@dataclass(frozen=True)
class WindowStore(Store):
    """The keys and values of the tokens themselves, of the last `size` or of all (None)."""

    size: int | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            require_count(self.size, "the size of the window")


@dataclass(frozen=True)
class BankStore(Store):
    """`size` patterns that training learns and no token writes."""

    size: int = 512

    def __post_init__(self) -> None:
        require_count(self.size, "the size of the bank")


class Retention(ABC):  # noqa: B024
    """What stays of the past. The accumulator A fades linearly; the memory that is read is a map of it."""

    gated: bool = True
    """Whether a log decay from the data comes with each token."""

    linear: bool = True
    """Whether the map is the identity."""

    def weights(self, accumulated: Tensor) -> Tensor:
        """Return the memory (..., in, out) of an accumulator of the same shape."""
        return accumulated


@dataclass(frozen=True)
class Keep(Retention):
    """Nothing fades."""

    gated = False


@dataclass(frozen=True)
class Decay(Retention):
    """$A \\leftarrow e^{g_t} A$.

    Args:
        shape: "scalar", one decay per head, or "channel", one per channel of the key.
        law: "gated" by the token, or "fixed": $1 - 2^{-5-h}$ for head h (Sun et al. 2023, RetNet).
    """

    shape: str = "scalar"
    law: str = "gated"

    def __post_init__(self) -> None:
        if self.shape not in ("scalar", "channel"):
            raise InputError(f'the shape of the decay is {self.shape!r}; give "scalar" or "channel"')
        if self.law not in ("gated", "fixed"):
            raise InputError(f'the law of the decay is {self.law!r}; give "gated" or "fixed"')
        if self.law == "fixed" and self.shape == "channel":
            raise InputError('a fixed decay is one per head: Decay("scalar", "fixed")')


STEEPEST = 1e3
"""Largest factor by which `LqNorm` scales an accumulator that has nearly faded to 0."""


@dataclass(frozen=True)
class LqNorm(Retention):
    """$W = A / |A|_q^{q-2}$ with a scalar decay of A (Behrouz et al. 2025, Moneta); 0 where A is 0.

    The map has a pole at 0, and a strong decay comes near it. From $|A|_q^{2-q} = 1000$ on (q = 4: $|A|_q$
    below .032) the factor stays 1000, so that what has faded is small and its gradient is finite.
    """

    q: float = 4.0
    linear = False

    def __post_init__(self) -> None:
        if not 2 <= self.q < float("inf"):
            raise InputError(f"q is {self.q}; it must be finite and at least 2")

    def weights(self, accumulated: Tensor) -> Tensor:
        if self.q == 2:
            return accumulated
        least = torch.finfo(accumulated.dtype).tiny
        floor = max(STEEPEST ** (-1 / (self.q - 2)), least**0.5)  # that of a q near 2 would round to 0
        size = accumulated.detach().abs().amax((-2, -1), keepdim=True).clamp_min(floor)
        # powers of entries below 1, not of large ones, which overflow
        total = (accumulated / size).abs().pow(self.q).sum((-2, -1), keepdim=True)
        length = total.clamp_min(least).pow(1 / self.q) * size
        length = length.clamp_min(floor)
        return accumulated / length * length.pow(3 - self.q)


@dataclass(frozen=True)
class Simplex(Retention):
    """$W = c\\,\\mathrm{softmax}(A)$ over the inputs of each unit, with a scalar decay of A.

    That is mirror descent with Kullback-Leibler retention, $W_t = c\\,\\mathrm{softmax}(\\alpha \\log W_{t-1}
    - \\eta \\nabla)$; the logarithm is what is kept, so no entry can underflow (Behrouz et al. 2025, Memora).

    Args:
        total: c; None is the number of inputs, so that weights are 1 on average.
    """

    total: float | None = None
    linear = False

    def __post_init__(self) -> None:
        if self.total is not None and not 0 < self.total < float("inf"):
            raise InputError(f"the total is {self.total}; it must be finite and above 0")

    def weights(self, accumulated: Tensor) -> Tensor:
        total = accumulated.shape[-2] if self.total is None else self.total
        return total * torch.softmax(accumulated, -2)


@dataclass(frozen=True)
class ElasticNet(Retention):
    """$W = \\mathrm{sign}(A) \\max(|A| - \\lambda, 0)$ with a scalar decay of A, as dual averaging.

    Sparse.
    """

    threshold: float = 1e-3
    linear = False

    def weights(self, accumulated: Tensor) -> Tensor:
        return torch.nn.functional.softshrink(accumulated, self.threshold)


class Learner(ABC):  # noqa: B024
    """How the objective's gradient becomes a write."""


@dataclass(frozen=True)
class GradientStep(Learner):
    """$A \\leftarrow A - \\theta \\nabla$."""


@dataclass(frozen=True)
class Momentum(Learner):
    """$M \\leftarrow \\eta M - \\theta \\nabla$, $A \\leftarrow A + M$ (Behrouz et al.

    2025, Titans, eq. 13, 14).
    """


@dataclass(frozen=True)
class MeanGradient(Learner):
    """$A_i = A_0 - \\frac{1}{i}\\sum_{j \\le i} \\theta_j \\nabla_j$ within a chunk (Sun et al.

    2024, TTT).
    """


@dataclass(frozen=True)
class NewtonSchulz(Learner):
    """$M \\leftarrow \\eta M - \\nabla$, $A \\leftarrow A + \\theta\\,\\mathrm{NS}(M)$: made orthogonal.

    Each step is $X \\leftarrow aX + (bXX^T + c(XX^T)^2) X$ with Muon's a, b, c (Jordan et al. 2024).
    """

    steps: int = 5

    def __post_init__(self) -> None:
        require_count(self.steps, "steps")


@dataclass(frozen=True)
class Implicit(Learner):
    """The exact proximal step on L2.

    A rate of $\\theta / (1 + \\theta |k|^2)$ (Liu et al. 2024, Longhorn).
    """


@dataclass(frozen=True)
class Ridge(Learner):
    """The exact solution over all tokens so far, $H_{kv}^T (H_{kk} + \\Lambda)^{-1} q$ (MesaNet).

    von Oswald et al. 2025.

    Args:
        solver: "cholesky", O(K^3) per token, or "cg", conjugate gradients with O(K^2) per iteration.
        iterations: of conjugate gradients at most.
    """

    solver: str = "cholesky"
    iterations: int = 30

    def __post_init__(self) -> None:
        require_count(self.iterations, "iterations")
        if self.solver not in ("cholesky", "cg"):
            raise InputError(f'the solver is {self.solver!r}; give "cholesky" or "cg"')


class Read(ABC):  # noqa: B024
    """How a query becomes an output."""


@dataclass(frozen=True)
class LinearRead(Read):
    """$o = M(q)$.

    Args:
        skip: None; "value" adds D v with one D per head (Mamba-2); "bonus" adds $(q \\cdot \\rho \\odot k) v$
            (RWKV-7).
    """

    skip: str | None = None

    def __post_init__(self) -> None:
        if self.skip not in (None, "value", "bonus"):
            raise InputError(f'skip is {self.skip!r}; give None, "value" or "bonus"')


@dataclass(frozen=True)
class NormalisedRead(Read):
    """$o = S^T q / z^T q$ with $z = \\sum k$, for positive keys and queries (Katharopoulos et al. 2020)."""


@dataclass(frozen=True)
class ResidualRead(Read):
    """$o = q + \\mathrm{LN}(M(q))$ (Sun et al. 2024, TTT); needs K = V."""


@dataclass(frozen=True)
class SoftmaxRead(Read):
    """$o = \\sum_j \\mathrm{softmax}_j(\\beta\\, q \\cdot k_j)\\, v_j$; `beta` None is $K^{-1/2}$."""

    beta: float | None = None


@dataclass(frozen=True)
class HopfieldRead(Read):
    """`steps` steps of recall among the keys, the last of which reads the values (Ramsauer et al. 2021)."""

    steps: int = 3
    beta: float | None = None

    def __post_init__(self) -> None:
        require_count(self.steps, "steps")


@dataclass(frozen=True)
class LocalLinearRead(Read):
    """The intercept of a ridge regression around the query, tokens weighted by $e^{\\beta q \\cdot k}$.

    Solved in float64; no slope along directions of less than $10^{-8}$ of the keys' mean square.
    arXiv 2510.01450 (LLA).
    """

    ridge: float = 1.0
    beta: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.ridge < float("inf"):
            raise InputError(f"the ridge is {self.ridge}; it must be finite and above 0")


@dataclass(frozen=True)
class EnergyRead(Read):
    """`steps` steps of descent on an attention energy over earlier tokens and a bank of `bank` patterns.

    $E = -\\frac1\\beta \\sum_h \\log \\sum_{j < i} e^{\\beta k_{hj} \\cdot q_{hi}} - \\frac12 \\sum
    \\max(\\xi \\cdot g, 0)^2$, $x \\leftarrow x - \\alpha\\, \\partial E / \\partial g$ (Hoover et al. 2023).
    """

    steps: int = 3
    rate: float = 0.1
    bank: int = 64
    beta: float | None = None

    def __post_init__(self) -> None:
        require_count(self.steps, "steps")
        require_count(self.bank, "bank")
