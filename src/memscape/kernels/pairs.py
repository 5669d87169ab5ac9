"""Pairs of vectors whose product is above a level, met in symmetric half blocks: no (p, p) array is made."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from memscape.core.errors import InputError

BLOCK = 2048
"""Rows of a block: two blocks and their products stay in the cache."""


@dataclass(frozen=True)
class Pairs:
    """The pairs found, the largest product first.

    Attributes:
        rows: (k, 2) row numbers, the smaller one first.
        value: (k,) their products.
        level: all pairs above it are here; higher than asked where there were more than `most` of them.
        found: how many pairs are above the level that was asked for.
        complete: False where the search was ended early.
    """

    rows: Int64[Tensor, "k 2"]
    value: Float[Tensor, " k"]
    level: float
    found: int
    complete: bool


def blocks(rows: int, block: int = BLOCK) -> int:
    """Return how many half blocks cover all pairs of `rows` rows.

    >>> blocks(5000, 2048)
    6
    """
    count = -(-rows // block)
    return count * (count + 1) // 2


def pairs_above(
    x: Float[Tensor, "p n"],
    level: float,
    *,
    most: int = 1_000_000,
    block: int = BLOCK,
    update: Callable[[], bool] | None = None,
) -> Pairs:
    r"""Return all pairs $\mu < \nu$ with $x_\mu \cdot x_\nu > $ `level`.

    Args:
        x: the vectors, of length 1 where cosines are meant.
        level: any number; where more than `most` pairs are above it, it rises to what leaves `most`.
        most: pairs kept at most (between `most` and twice as many are at hand while the search runs).
        block: rows of a block.
        update: called after each block; False ends the search with what is found.

    Raises:
        InputError: for fewer than 1 in `most` or `block`.

    Cost: p^2 n, the half of the products, and one pass over them.

    >>> found = pairs_above(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]]), 0.5)
    >>> found.rows.tolist(), found.value
    ([[0, 2], [1, 2]], tensor([0.8000, 0.6000]))
    """
    if most < 1 or block < 1:
        raise InputError(f"most is {most} and block {block}; both must be at least 1")
    asked, kept, count, found, complete = level, [], 0, 0, True
    buffer = x.new_empty(min(block, len(x)), min(block, len(x)))
    for first, second in _starts(len(x), block):
        products = _products(x, first, second, block, buffer)
        rows, columns, values, above = _above(products, level, asked)
        found += above
        if len(values):
            kept.append((torch.stack([rows + first, columns + second], 1), values))
            count += len(values)
        if count > 2 * most:
            level, kept = _level(kept, most), [_largest(kept, most)]
            count = len(kept[0][1])
        if update is not None and not update():
            complete = False
            break
    level = _level(kept, most) if count > most else level
    rows, values = _largest(kept, most) if kept else (torch.zeros(0, 2, dtype=torch.int64), x.new_zeros(0))
    return Pairs(rows, values, level, found, complete)


def _starts(rows: int, block: int) -> Iterator[tuple[int, int]]:
    for first in range(0, rows, block):
        for second in range(first, rows, block):
            yield first, second


def _products(x: Tensor, first: int, second: int, block: int, buffer: Tensor) -> Tensor:
    a, b = x[first : first + block], x[second : second + block]
    full = len(a) == buffer.shape[0] and len(b) == buffer.shape[1]
    products = torch.mm(a, b.T, out=buffer) if full else a @ b.T
    if first == second:  # each pair once, and no row with itself
        products.masked_fill_(torch.ones_like(products, dtype=torch.bool).tril_(), -torch.inf)
    return products


def _above(products: Tensor, level: float, asked: float) -> tuple[Tensor, Tensor, Tensor, int]:
    # A maximum costs a twentieth of a comparison: only rows that hold a hit are looked through.
    rows = (products.amax(1) > min(level, asked)).nonzero()[:, 0]
    held = products[rows]
    mask = held > asked
    above = int(mask.sum())
    if level > asked:
        mask = held > level
    row, columns = mask.nonzero(as_tuple=True)
    return rows[row], columns, held[row, columns], above


def _largest(kept: list[tuple[Tensor, Tensor]], most: int) -> tuple[Tensor, Tensor]:
    rows, values = (torch.cat(part) for part in zip(*kept, strict=True))
    order = values.argsort(descending=True, stable=True)[:most]
    return rows[order], values[order]


def _level(kept: list[tuple[Tensor, Tensor]], most: int) -> float:
    """Return the product of the first pair that is left out: those above it are all kept."""
    values = torch.cat([values for _, values in kept])
    return float(values.topk(most + 1).values[-1]) if len(values) > most else float("-inf")
