"""Gated associative memory: a parallel O(N) architecture for sequence modelling (arXiv 2509.00605)."""

import time
from typing import Any

import torch

from memscape.core.random import derived
from memscape.replications.claim import Measured, claim
from memscape.replications.heads import apart
from memscape.replications.recall_training import best_of
from memscape.sequence import MemoryLayer


@claim(
    "recall",
    where="our negative bar; the paper has no recall task",
    statement="A bank of learnt patterns and a convolution cannot recall pairs from their context: accuracy "
    "of 400 steps, best of 3 seeds, against twice chance.",
    claimed=0.0625,
    tolerance=0.0,
    unit="accuracy",
    tier="minutes",
    relation="at most",
)
def recall(seed: int, **settings: Any) -> Measured:
    """Return the accuracy of two trained layers on recall with several queries; see `recall_training`."""
    return best_of("gam", seed, **settings)


@claim(
    "receptive-field",
    where="section 3: a causal convolution beside the bank",
    statement="A token reaches later ones through the convolution alone, conv_size - 1 places a layer: "
    "largest change further on, two layers.",
    claimed=0.0,
    unit="per entry",
)
def receptive_field(seed: int, *, tokens: int = 40, width: int = 16, size: int = 4) -> Measured:
    """Return the largest change beyond the convolutions' reach when one token is changed."""
    layers = [
        MemoryLayer(width, 1, "gam", conv_size=size, generator=derived(seed, i)).double() for i in (0, 1)
    ]
    x = torch.randn(1, tokens, width, generator=derived(seed, 2), dtype=torch.float64)
    changed = x.clone()
    changed[:, 5] *= -1
    with torch.no_grad():
        for layer in [layer.double() for layer in layers]:
            x, changed = x + layer(x)[0], changed + layer(changed)[0]
    reach = 5 + 2 * (size - 1)
    inside, beyond = (
        apart(x[:, cut], changed[:, cut]) for cut in (slice(5, reach + 1), slice(reach + 1, None))
    )
    note = f"within {2 * (size - 1)} places the change is up to {inside:.3g}"
    return Measured(beyond, None, width, 0, f"{tokens} normal tokens, float64", seed, note=note)


@claim(
    "linear-time",
    where="abstract: linear time",
    statement="Time grows in proportion to the tokens: CPU time at 16,384 tokens over that at 4,096.",
    claimed=4.0,
    tolerance=0.4,
    unit="ratio",
)
def linear_time(seed: int, *, tokens: int = 4096, width: int = 64, rounds: int = 40) -> Measured:
    """Return the ratio of the smallest CPU times; the two lengths take turns."""
    layer = MemoryLayer(width, 1, "gam", generator=derived(seed, 0))
    lengths = (tokens, 4 * tokens)
    inputs = [torch.randn(1, count, width, generator=derived(seed, count)) for count in lengths]
    best = [float("inf")] * 2
    with torch.no_grad():
        for _ in range(rounds):
            for i, x in enumerate(inputs):
                started = time.process_time()
                layer(x)
                best[i] = min(best[i], time.process_time() - started)
    rows = [{"tokens": count, "CPU ms": 1000 * each} for count, each in zip(lengths, best, strict=True)]
    law = f"normal tokens, bank of 512, least of {rounds} rounds"
    return Measured(best[1] / best[0], None, width, 4 * tokens, law, seed, rows)
