"""The terms F(o) of additive memories over many patterns: their sum and the two best, in one pass."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, Num
from torch import Tensor

from memscape.kernels.running import CUES, Running, check_products, chunk_for


@dataclass(frozen=True)
class Separation:
    """The terms F(o) of a batch of cues, summed, and the two best of them."""

    total: Float[Tensor, " b"]  # sum F(o) over all patterns, float64
    index: Int64[Tensor, " b"]  # the pattern of largest F(o), the first of equals
    best: Float[Tensor, " b"]
    second: Float[Tensor, " b"]  # the next best, -inf where there is one pattern


def separate(
    cues: Num[Tensor, "b n"],
    patterns: Num[Tensor, "p n"],
    separation: Callable[[Tensor], Tensor],
    *,
    chunk: int | None = None,
) -> Separation:
    r"""Return $\sum_k F(o_k)$, the best term and the next best: energy and gap of any additive memory.

    Arguments:
        cues: any real numbers or integers.
        patterns: of any type; the products are float32, or float64 if either is.
        separation: F, from a chunk of raw overlaps (b, k) to as many terms.
        chunk: patterns met at a time; None is what keeps 2^21 products at hand.

    Raises:
        InputError: if widths differ or there is no pattern.

    Cost: one matrix product, 2 b p n, one call of F and four passes over b p numbers.

    >>> found = separate(torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 1.0], [1.0, -3.0]]), torch.square)
    >>> found.total, found.best - found.second
    (tensor([8.], dtype=torch.float64), tensor([0.]))
    """
    check_products(cues, patterns, 1.0, None, None, chunk)
    dtype = torch.promote_types(torch.promote_types(cues.dtype, patterns.dtype), torch.float32)
    width = chunk_for(len(cues), chunk)
    with torch.no_grad():
        parts = [_separate(part, patterns, separation, width) for part in cues.to(dtype).split(CUES)]
    return Separation(*(torch.cat(x) for x in zip(*parts, strict=True)))


def _separate(
    cues: Tensor, patterns: Tensor, separation: Callable[[Tensor], Tensor], chunk: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    best = Running(cues)
    second = best.best.clone()
    total = torch.zeros(len(cues), dtype=torch.float64, device=cues.device)
    for first in range(0, len(patterns), chunk):
        terms = separation(cues @ patterns[first : first + chunk].to(cues.dtype).T)
        total += terms.sum(1, dtype=torch.float64)
        before = best.best.clone()
        rows, columns = best.meet(terms, first)
        second[rows] = before[rows]
        terms = terms.index_put((rows, columns), terms.new_tensor(-math.inf))
        second = torch.maximum(second, terms.amax(1))
    return total, best.index, best.best, second
