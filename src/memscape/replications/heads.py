"""One head of a spec on keys and values that are given, without a layer around it."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from memscape.core.random import derived
from memscape.sequence import MemorySpec, engines
from memscape.sequence.networks import Network
from memscape.sequence.parts import MatrixStore, Simplex
from memscape.sequence.signals import Owned, Signals


@dataclass(frozen=True)
class Drawn:
    """Random queries, unit keys and values of one head, float64; gates drawn beside them.

    Attributes:
        q, k, v: (b, t, 1, K), (b, t, 1, K), (b, t, 1, V).
        g: (b, t, 1) log decay, about -.1.
        rate: (b, t, 1) in (0, 1).
        momentum: (b, t, 1) log of what stays of the momentum.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    g: Tensor
    rate: Tensor
    momentum: Tensor


def drawn(seed: int, tokens: int, width: int, values: int, rows: int = 1) -> Drawn:
    """Return random signals of one head.

    >>> drawn(0, 5, 4, 3).v.shape
    torch.Size([1, 5, 1, 3])
    """
    source = derived(seed, tokens, width, values)

    def draw(*shape: int) -> Tensor:
        return torch.randn(rows, tokens, 1, *shape, generator=source, dtype=torch.float64)

    q, k, v = normalize(draw(width), dim=-1), normalize(draw(width), dim=-1), draw(values)
    return Drawn(q, k, v, -draw().exp() / 10, torch.sigmoid(draw()), torch.sigmoid(draw()).log())


def outputs(
    spec: MemorySpec,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    gates: Mapping[str, Tensor] | None = None,
    *,
    path: str = "chunk",
    size: int = 16,
    seed: int = 0,
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return what a memory that has read nothing gives, (b, t, 1, V), and its tensors at the end.

    A matrix starts at 0; the layers of a network at random weights of the seed, the same for every path.

    Args:
        spec: which memory.
        q, k, v: as in `Drawn`.
        gates: `g`, `rate`, `momentum`, `threshold` as in `Signals`.
        path: "scan" or "chunk".
        size: tokens worked on at once.
        seed: of a network's first weights.
    """
    signals = Signals(q, k, v, torch.zeros(len(q), dtype=torch.long), **(gates or {}))
    owned = Owned()
    if spec.engine == "inner":
        width, values = q.shape[-1], v.shape[-1]
        owned = Owned(
            _weights(spec, width, values, seed), gain=torch.ones(1, values), shift=torch.zeros(1, values)
        )
    return engines.run(spec, signals, engines.start(spec, signals, owned), owned, path, size)


def _weights(spec: MemorySpec, width: int, values: int, seed: int) -> list[Tensor]:
    """Return the first weights of a memory that learns by gradients."""
    if isinstance(spec.store, MatrixStore):
        return [
            torch.zeros(1, *shape, dtype=torch.float64) for shape in Network(spec.store).shapes(width, values)
        ]
    source = derived(seed, 7)
    spread = 1.0 if isinstance(spec.retention, Simplex) else None
    return [
        torch.randn(1, *shape, generator=source, dtype=torch.float64) * (spread or shape[0] ** -0.5)
        for shape in Network(spec.store).shapes(width, values)
    ]


def apart(a: Tensor, b: Tensor) -> float:
    """Return the largest difference of two tensors.

    >>> apart(torch.ones(2), torch.zeros(2))
    1.0
    """
    return float((a - b).abs().max())
