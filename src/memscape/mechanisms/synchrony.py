"""Synchrony of units: a decayed outer-product store of what they did, of which some pairs are read."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.random import Generator, resolve
from memscape.mechanisms.writing import decay


@dataclass(frozen=True)
class Synchrony:
    """How much pairs of units have moved together so far; a value, never changed in place.

    Attributes:
        products: (b, j) $\\alpha = \\sum_t r^{T-t} z_i(t) z_j(t)$ of each pair.
        weights: (j,) $\\beta = \\sum_t r^{T-t}$.
    """

    products: Float[Tensor, "b j"]
    weights: Float[Tensor, " j"]

    def after(
        self,
        left: Float[Tensor, "b j"],
        right: Float[Tensor, "b j"],
        retention: Float[Tensor, " j"],
    ) -> "Synchrony":
        """Return the synchrony after one more tick, $\\alpha \\leftarrow r \\alpha + z_i z_j$. O(bj).

        It is `writing.decay` with a key and a value of one unit for each pair, so with one retention for all
        pairs it holds entries of the store $S \\leftarrow r S + z \\otimes z$, and costs only those.

        >>> import torch
        >>> z = torch.tensor([[2.0, -1.0]])
        >>> silent(1, 2).after(z, z.flip(-1), torch.ones(2)).products
        tensor([[-2., -2.]])
        """
        store = decay(
            self.products[..., None, None], left[..., None], right[..., None], retention[:, None, None]
        )
        return Synchrony(store[..., 0, 0], retention * self.weights + 1)

    def read(self) -> Float[Tensor, "b j"]:
        """Return $\\alpha / \\sqrt\\beta$: of order 1 however long the pairs were watched.

        Darlow et al. 2025, arXiv 2505.05522.
        """
        return self.products / self.weights.clamp_min(1).sqrt()

    def of(self, rows: Tensor) -> "Synchrony":
        """Return the synchrony of some rows of the batch."""
        return Synchrony(self.products[rows], self.weights)


def silent(batch: int, pairs: int, like: Tensor | None = None) -> Synchrony:
    """Return the synchrony of pairs that have not been watched yet, with dtype and device of `like`."""
    base = torch.zeros(()) if like is None else like
    return Synchrony(base.new_zeros(batch, pairs), base.new_zeros(pairs))


def drawn_pairs(units: int, picked: int, generator: Generator = None) -> Int[Tensor, "2 j"]:
    """Return $j = k(k+1)/2$ pairs of units: k units on the left, k on the right, all with $a \\le b$.

    Args:
        units: n, of which units are drawn, with replacement.
        picked: k.
        generator: seed.

    Raises:
        InputError: for counts below 1.

    >>> drawn_pairs(64, 16, generator=0).shape
    torch.Size([2, 136])
    """
    units, picked = require_count(units, "units"), require_count(picked, "picked")
    ends = torch.randint(units, (2, picked), generator=resolve(generator))
    a, b = torch.triu_indices(picked, picked)
    return torch.stack([ends[0, a], ends[1, b]])
