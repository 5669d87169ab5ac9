"""What many cues see of many vectors, met part by part.

The best two, how many are nearer, how sharp beta is.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

_PART = 8192  # vectors met at a time
_CUES = 1024
_ASKED = 128  # cues that set beta


def best_two(
    cues: Float[Tensor, "b n"], x: Float[Tensor, "p n"]
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"], Int[Tensor, " b"]]:
    """Return the two largest products of each cue, and which vector has the largest.

    Cost: 2 b p n.

    >>> best_two(torch.tensor([[1.0, 0.5]]), torch.eye(2))
    (tensor([1.]), tensor([0.5000]), tensor([0]))
    """
    parts = [_best_two(part, x) for part in cues.split(_CUES)]
    best, second, winner = (torch.cat(column) for column in zip(*parts, strict=True))
    return best, second, winner


def _best_two(cues: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    best = second = cues.new_full((len(cues),), -torch.inf)
    winner = torch.zeros(len(cues), dtype=torch.int64)
    for first in range(0, len(x), _PART):
        scores = cues @ x[first : first + _PART].T
        top, place = scores.max(1)
        next_one = scores.scatter_(1, place[:, None], -torch.inf).amax(1)
        second = torch.maximum(torch.maximum(second, next_one), torch.minimum(best, top))
        winner = torch.where(top > best, place + first, winner)
        best = torch.maximum(best, top)
    return best, second, winner


def nearer(
    cues: Float[Tensor, "b n"],
    x: Float[Tensor, "p n"],
    above: Float[Tensor, " b"],
    folds: int,
    besides: Int[Tensor, " b"] | None = None,
) -> Int[Tensor, "b f"]:
    """Return how many products lie above a level, for each cue and each of `folds` parts of the vectors.

    Args:
        cues, x: of one width.
        above: the level of each cue.
        folds: how many contiguous parts.
        besides: for each cue a vector that is not counted.

    Cost: 2 b p n.

    >>> nearer(torch.tensor([[1.0, 0.5]]), torch.eye(2), torch.tensor([0.2]), 2)
    tensor([[1, 1]])
    """
    counts = torch.zeros(len(cues), folds, dtype=torch.int64)
    for fold in range(folds):
        start, end = len(x) * fold // folds, len(x) * (fold + 1) // folds
        for first in range(start, end, _PART):
            last = min(first + _PART, end)
            for row in range(0, len(cues), _CUES):
                part = slice(row, row + _CUES)
                scores = cues[part] @ x[first:last].T
                if besides is not None:
                    mine = besides[part] - first
                    inside = ((mine >= 0) & (mine < last - first)).nonzero()[:, 0]
                    scores[inside, mine[inside]] = -torch.inf
                counts[part, fold] += (scores > above[part, None]).sum(1)
    return counts


def sharpness_of(
    cues: Float[Tensor, "b n"], x: Float[Tensor, "p n"], beta: float | None
) -> tuple[float, Float[Tensor, " 3"]]:
    r"""Return beta, and the 10, 50 and 90 % quantiles of what a cue puts on its best vector at it.

    None becomes the beta at which the median cue puts 1/2 on its best vector: $\mathrm{softmax}(\beta x \cdot
    q)$.
    The first 128 cues are asked. Cost: 2 128 p n and 18 exponentials of 128 p.
    """
    asked = cues[:_ASKED]
    behind = asked @ x.T
    behind -= behind.amax(1, keepdim=True)
    work = torch.empty_like(behind)

    def own(sharpness: float) -> Tensor:
        return 1 / torch.mul(behind, sharpness, out=work).exp_().sum(1).double()

    if beta is None:
        low, high = 2.0**-4, 2.0**24
        for _ in range(18):
            middle = (low * high) ** 0.5
            low, high = (low, middle) if float(own(middle).quantile(0.5)) >= 0.5 else (middle, high)
        beta = high
    return beta, own(beta).quantile(torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64))
