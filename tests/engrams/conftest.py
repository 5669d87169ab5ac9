"""Small networks and data of known structure."""

from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch
from torch import nn


def rows(count: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(*widths: int, seed: int = 0, bias: bool = True) -> nn.Sequential:
    """A ReLU network in float64 whose weights come from a seed."""
    parts: list[nn.Module] = []
    for i, (a, b) in enumerate(pairwise(widths)):
        layer = nn.Linear(a, b, bias=bias, dtype=torch.float64)
        for j, p in enumerate(layer.parameters()):
            p.data.copy_(rows(p.numel(), 1, seed + 10 * i + j).reshape(p.shape) / a**0.5)
        parts += [layer, nn.ReLU()]
    return nn.Sequential(*parts[:-1])


def batches(count: int, width: int, concepts: int, *, size: int = 16, seed: int = 1) -> list:
    """Batches of rows whose concept shifts their mean."""
    x, y = rows(count, width, seed), torch.arange(count) % concepts
    x = x + 2 * rows(concepts, width, seed + 1)[y]
    return list(zip(x.split(size), y.split(size), strict=True))


@pytest.fixture(scope="session")
def lab() -> SimpleNamespace:
    return SimpleNamespace(rows=rows, network=network, batches=batches, label=lambda batch: batch[1])


@pytest.fixture
def mlp() -> nn.Sequential:
    return network(12, 16, 8, 5)


@pytest.fixture
def data() -> list:
    return batches(120, 12, 4)


@pytest.fixture
def stats(mlp, data, lab):
    from memscape.engrams import collect

    return collect(mlp, data, concept=lab.label)
