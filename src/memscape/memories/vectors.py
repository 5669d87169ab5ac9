"""Bare vectors become a memory: what `as_memory` does with a tensor, an array or a file of numbers."""

import torch
from torch import Tensor

from memscape.core.arrays import as_tensor
from memscape.core.cards import register_builder
from memscape.core.errors import InputError
from memscape.core.random import derived
from memscape.mechanisms.separation import Softmax
from memscape.memories.continuous import Continuous
from memscape.memories.dense import Dense


def sharpness(vectors: Tensor, *, share: float = 0.9, most: int = 500) -> float:
    """Return the beta at which the median vector, as its own cue, puts `share` of its attention on itself.

    Where no beta does (most vectors have a twin), the largest one tried is returned, 2^20 / (mean squared
    length). At most `most` vectors serve as cues. O(most p n).
    """
    chosen = torch.randperm(len(vectors), generator=derived(0, 5))[:most].sort().values.to(vectors.device)
    o = (vectors[chosen] @ vectors.T).double()
    own = o.gather(1, chosen[:, None])
    unit = 1.0 / max(float(vectors.double().square().sum(-1).mean()), 1e-30)

    def median(beta: float) -> float:
        return float((beta * (own[:, 0] - torch.logsumexp(beta * o, -1) / beta)).exp().median())

    low, high = unit * 2.0**-10, unit * 2.0**20
    if median(high) < share:
        return high
    for _ in range(40):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if median(middle) >= share else (middle, high)
    return high


def from_vectors(vectors: object, *, beta: float | None = None) -> Dense | Continuous:
    """Return a log-sum-exp memory of vectors (p, n): `Dense` where all entries are +-1, else `Continuous`.

    `beta` None is `sharpness(vectors)`.

    Raises:
        InputError: for data that are not a table of finite numbers.
    """
    table = as_tensor(vectors, "vectors")
    if table.ndim != 2:
        raise InputError(f"vectors have shape {tuple(table.shape)}; give a table (p, n), one row per vector")
    table = table if table.is_floating_point() else table.to(torch.float32)
    beta = (
        sharpness(table.float() if table.dtype in (torch.float16, torch.bfloat16) else table)
        if beta is None
        else beta
    )
    if bool((table.abs() == 1).all()):
        return Dense(table, separation=Softmax(beta))
    return Continuous(table, beta=beta)


register_builder("Continuous", from_vectors)
