"""Mini-batches by the number of the step, so that a resumed run sees what an unbroken one would have seen."""

from dataclasses import dataclass

import torch
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.random import Generator, derived, draw_seed


@dataclass(frozen=True)
class Minibatches:
    """A function from the step to a batch of rows: each epoch visits all rows once, in an order of its own.

    Args:
        data: (p, ...) rows.
        size: rows of a batch, at most p; what an epoch leaves over is skipped.
        seed: of the orders.

    Cost: O(p) once an epoch.

    >>> batches = Minibatches(torch.arange(6), size=3, seed=0)
    >>> sorted(torch.cat([batches(0), batches(1)]).tolist())
    [0, 1, 2, 3, 4, 5]
    """

    data: Tensor
    size: int
    seed: int

    def __init__(self, data: Tensor, size: int, seed: Generator = None):
        size = min(require_count(size, "the batch size"), len(data))
        for name, value in (("data", data), ("size", size), ("seed", draw_seed(seed))):
            object.__setattr__(self, name, value)

    def __call__(self, step: int) -> Tensor:
        """Return the rows of a step, 0, 1, 2, ..."""
        epoch, place = divmod(step, len(self.data) // self.size)
        order = torch.randperm(len(self.data), generator=derived(self.seed, epoch))
        rows = order[place * self.size : (place + 1) * self.size]
        return self.data[rows.to(self.data.device)]
