"""In-context regression: from pairs (x, y) seen so far, say y at the next x."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve

KINDS = ("stationary", "drifting", "piecewise")

Predictor = Callable[[Tensor, Tensor], Tensor]
"""x (b, t, d) and y (b, t, v) to predictions (b, t, v) of y_t from the pairs before t and x_t."""


@dataclass(frozen=True)
class Pairs:
    """Streams of pairs.

    Attributes:
        x: (b, t, d) inputs, each of length 1.
        y: (b, t, v) outputs, noise and outliers included.
        clean: (b, t, v) what the law gives, without noise: what a prediction is held against.
    """

    x: Float[Tensor, "b t d"]
    y: Float[Tensor, "b t v"]
    clean: Float[Tensor, "b t v"]


@dataclass(frozen=True)
class Regression:
    """Streams of pairs $y_t = W_t x_t + noise$ with a law that stays, drifts, or depends on where x lies.

    - `stationary`: one W per stream.
    - `drifting`: W turns into an independent one at a steady rate,
      $W_t = \\sqrt{1-r}\\, W_{t-1} + \\sqrt r\\, G_t$ with r = 1 / `memory`.
    - `piecewise`: two laws, one on each side of a random plane through 0, joined there: y is continuous,
      linear on each side.

    Args:
        kind: the law.
        size: d, the width of x.
        outputs: v, the width of y.
        length: pairs of a stream.
        noise: standard deviation of the noise on y, where the clean y has unit variance.
        outliers: share of the pairs whose y is replaced by a value `outlier` standard deviations wide.
        outlier: width of those values.
        memory: pairs after which a drifting law's overlap with what it was has fallen to $e^{-1/2}$.

    >>> Regression("drifting", size=4, length=10).sample(2, generator=0).x.shape
    torch.Size([2, 10, 4])
    """

    kind: str = "stationary"
    size: int = 8
    outputs: int = 1
    length: int = 128
    noise: float = 0.1
    outliers: float = 0.0
    outlier: float = 10.0
    memory: float = 64.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"kind is {self.kind!r}; it must be one of {', '.join(map(repr, KINDS))}")
        for name in ("size", "outputs", "length"):
            require_count(getattr(self, name), name)
        require_fraction(self.outliers, "outliers")
        for name, low in (("noise", 0.0), ("outlier", 0.0), ("memory", 1.0)):
            require_fraction(getattr(self, name), name, low=low, high=1e12)

    def sample(self, count: int, *, generator: Generator = None) -> Pairs:
        """Return `count` streams. O(count t d v)."""
        source = resolve(generator)
        count = require_count(count, "count")
        x = torch.randn(count, self.length, self.size, generator=source)
        x = x / x.norm(dim=-1, keepdim=True)
        clean = getattr(self, f"_{self.kind}")(x, source)
        y = clean + self.noise * torch.randn(clean.shape, generator=source)
        wild = torch.rand(count, self.length, 1, generator=source) < self.outliers
        y = torch.where(wild, self.outlier * torch.randn(clean.shape, generator=source), y)
        return Pairs(x, y, clean)

    def _law(self, count: int, source: torch.Generator) -> Float[Tensor, "b d v"]:
        return torch.randn(count, self.size, self.outputs, generator=source)

    def _stationary(self, x: Tensor, source: torch.Generator) -> Tensor:
        return x @ self._law(len(x), source)

    def _drifting(self, x: Tensor, source: torch.Generator) -> Tensor:
        law, out = self._law(len(x), source), []
        kept, new = (1 - 1 / self.memory) ** 0.5, (1 / self.memory) ** 0.5
        for now in x.unbind(1):
            out.append(torch.einsum("bd,bdv->bv", now, law))
            law = kept * law + new * self._law(len(x), source)
        return torch.stack(out, 1)

    def _piecewise(self, x: Tensor, source: torch.Generator) -> Tensor:
        normal = torch.randn(len(x), self.size, 1, generator=source)
        normal = normal / normal.norm(dim=1, keepdim=True)
        base, kink = x @ self._law(len(x), source), torch.randn(len(x), 1, self.outputs, generator=source)
        # a kink along the normal alone keeps the two laws joined on the plane
        return base + (x @ normal).abs() * kink * self.size**0.5

    def to_dict(self) -> dict[str, Any]:
        """Return name and sizes as plain Python values, ready for JSON."""
        return {"task": type(self).__name__} | {f.name: getattr(self, f.name) for f in fields(self)}


def errors(predict: Predictor, pairs: Pairs) -> Float[Tensor, " t"]:
    """Return the mean squared error at each place against the clean law, relative to its mean square.

    1 is what predicting 0 gets. The predictor must not look at y_t for its prediction at t; that is checked.

    Raises:
        InputError: for predictions of another shape, or that change when the last y does.

    Cost: two calls of the predictor.
    """
    with torch.no_grad():
        found = predict(pairs.x, pairs.y)
        if found.shape != pairs.y.shape:
            raise InputError(
                f"predictions have shape {tuple(found.shape)}; they must be {tuple(pairs.y.shape)}"
            )
        other = pairs.y.clone()
        other[:, -1] += 1000.0
        if not torch.allclose(predict(pairs.x, other)[:, -1], found[:, -1], rtol=1e-4, atol=1e-4):
            raise InputError("the prediction at the last place changes with the y of that place")
    return (found - pairs.clean).square().mean((0, 2)) / pairs.clean.square().mean()


def ridge(strength: float = 0.1, retention: float = 1.0) -> Predictor:
    """Return the predictor that fits a linear law to the pairs so far: the best one for a stationary law.

    Args:
        strength: ridge, at least 0; the noise's variance is the best one for laws of unit variance.
        retention: weight of a pair that is one step older, in (0, 1].

    O(t d^3).
    """
    require_fraction(strength, "strength", high=1e12)
    require_fraction(retention, "retention", low=1e-9)

    def predict(x: Tensor, y: Tensor) -> Tensor:
        b, _, d = x.shape
        second = torch.zeros(b, d, d, dtype=torch.float64)
        cross = torch.zeros(b, d, y.shape[-1], dtype=torch.float64)
        eye, out = (strength + 1e-9) * torch.eye(d, dtype=torch.float64), []
        for now, then in zip(x.double().unbind(1), y.double().unbind(1), strict=True):
            out.append((now[:, None] @ torch.linalg.solve(second + eye, cross))[:, 0])
            second = retention * second + now[:, :, None] * now[:, None]
            cross = retention * cross + now[:, :, None] * then[:, None]
        return torch.stack(out, 1).to(y)

    return predict


def kernel(beta: float = 8.0) -> Predictor:
    """Return the average of the values so far, weighted by $e^{\\beta x \\cdot x_j}$. O(t^2 (d + v))."""
    require_fraction(beta, "beta", high=1e12)

    def predict(x: Tensor, y: Tensor) -> Tensor:
        length = x.shape[1]
        earlier = torch.ones(length, length, dtype=torch.bool).tril(-1)
        weight = (beta * x @ x.transpose(1, 2)).masked_fill(~earlier, -torch.inf)
        weight = torch.softmax(weight[:, 1:], -1)
        return torch.cat([torch.zeros_like(y[:, :1]), weight @ y], 1)

    return predict


def latest(x: Tensor, y: Tensor) -> Tensor:
    """Return the previous y as the prediction: what knows nothing of x."""
    return torch.cat([torch.zeros_like(y[:, :1]), y[:, :-1]], 1)
