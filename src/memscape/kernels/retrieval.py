r"""One recall step of a log-sum-exp memory in one pass: $\mathrm{softmax}(\beta (Q X^T + b)) X$ and more.

The patterns are met chunk by chunk, so no array of cues by patterns is ever made. What is known after some of
them is a triple: the largest scaled term m, the sum l of exp(term - m), and the same sum O of the patterns.
Two triples merge exactly (Milakov, Gimelshein 2018; Rabe, Staats 2021). The best pattern is kept apart from
the others, whose sums are relative to the best of *them*: the gap keeps its digits however large it is.
"""

import math
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Float, Int64, Num
from torch import Tensor

from memscape.kernels.running import CUES, Others, Running, check_products, chunk_for
from memscape.kernels.shares import shares_

_EQUAL = 1e-6  # norms that agree to this share are equal: the best overlap is the best cosine


@dataclass(frozen=True)
class Part:
    """What some of the patterns say about some cues; `merge` joins the parts of disjoint patterns."""

    peak: Float[Tensor, " b"]  # m, the largest beta (o + b), float64
    pattern: Float[Tensor, "b n"]  # the pattern that has it, the first of equals
    index: Int64[Tensor, " b"]  # its number
    term: Float[Tensor, " b"]  # its o + b, float64
    second: Float[
        Tensor, " b"
    ]  # the largest beta (o + b) of the other patterns, float64; -inf if there are none
    rest: Float[Tensor, " b"]  # sum of exp(beta (o + b) - second) over the others, float64
    others: Float[Tensor, "b n"]  # the same sum of the patterns, as far as it changes a digit of the output
    nearest: Int64[Tensor, " b"] | None  # the pattern of largest cosine, where norms were given
    cosine: Float[Tensor, " b"] | None  # that cosine

    @property
    def mass(self) -> Float[Tensor, " b"]:
        """l, the sum of exp(beta (o + b) - m) over all patterns."""
        return 1.0 + torch.exp(self.second - self.peak) * self.rest

    @property
    def weighted(self) -> Float[Tensor, "b n"]:
        """O, the sum of exp(beta (o + b) - m) x over all patterns."""
        return self.pattern + torch.exp(self.second - self.peak).to(self.others)[:, None] * self.others


@dataclass(frozen=True)
class Retrieval:
    """The outcome of one recall step; each tensor has one row per cue."""

    output: Float[Tensor, "b n"]  # the mean pattern under the weights softmax(beta (o + b))
    lse: Float[Tensor, " b"]  # log sum exp(beta (o + b)): the energy is -lse / beta
    index: Int64[Tensor, " b"]  # the pattern of largest o + b
    term: Float[Tensor, " b"]  # its o + b
    lse_others: Float[Tensor, " b"]  # the same logarithm without that pattern; -inf where it is the only one
    gap: Float[Tensor, " b"]  # term - lse_others / beta, in units of overlap
    nearest: Int64[Tensor, " b"] | None  # the pattern of largest cosine, where norms were given
    cosine: Float[Tensor, " b"] | None


def retrieve(
    cues: Num[Tensor, "b n"],
    patterns: Num[Tensor, "p n"],
    beta: float,
    bias: Float[Tensor, " p"] | None = None,
    *,
    norms: Float[Tensor, " p"] | None = None,
    chunk: int | None = None,
) -> Retrieval:
    r"""Return $\mathrm{softmax}(\beta (Q X^T + b)) X$, its log-sum-exp, the best pattern and its gap.

    Arguments:
        cues: Q, any real numbers or integers.
        patterns: X, of any type; float64 if either is float64, else all sums are float32.
        beta: above 0 and finite.
        bias: in units of overlap, inside beta; None is 0.
        norms: Euclidean norms of the patterns; with them the nearest pattern by cosine is returned too.
        chunk: patterns met at a time; None is what keeps 2^21 products at hand.

    Raises:
        InputError: if widths or lengths differ, there is no pattern, or beta is out of range.

    Cost: two matrix products, 4 b p n, one exponential and some five passes over b p numbers. The second
    product leaves out the cues so deep in a well that a chunk changes no digit of their output (its share is
    below 1e-9, in float64 2e-18). Memory: beside the output 2^21 + 3,072 n numbers, and a chunk of patterns
    in the type of the sums.

    >>> step = retrieve(torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 0.0], [0.0, 1.0]]), beta=1.0)
    >>> step.output, step.gap
    (tensor([[0.8808, 0.1192]]), tensor([2.], dtype=torch.float64))

    Source: Ramsauer et al. 2021, equation 3.
    """
    return finished(part_of(cues, patterns, beta, bias, norms=norms, chunk=chunk), beta)


def part_of(
    cues: Num[Tensor, "b n"],
    patterns: Num[Tensor, "p n"],
    beta: float,
    bias: Float[Tensor, " p"] | None = None,
    *,
    norms: Float[Tensor, " p"] | None = None,
    first: int = 0,
    chunk: int | None = None,
) -> Part:
    """Return what these patterns, the first of which has the number `first`, say about the cues.

    Arguments, what is raised and the cost are those of `retrieve`.

    >>> x, q = torch.eye(3), torch.ones(1, 3)
    >>> part = merge(part_of(q, x[:1], 1.0), part_of(q, x[1:], 1.0, first=1))
    >>> part.mass
    tensor([3.], dtype=torch.float64)
    """
    check_products(cues, patterns, beta, bias, norms, chunk)
    dtype = torch.promote_types(torch.promote_types(cues.dtype, patterns.dtype), torch.float32)
    width = chunk_for(len(cues), chunk)
    with torch.no_grad():
        blocks = [_block(x, patterns, float(beta), bias, norms, width) for x in cues.to(dtype).split(CUES)]
    result = _stacked(blocks)
    nearest = None if result.nearest is None else result.nearest + first
    return replace(result, index=result.index + first, nearest=nearest)


def _stacked(blocks: list[Part]) -> Part:
    def column(name: str) -> Tensor:
        return torch.cat([getattr(block, name) for block in blocks])

    known = {
        field.name: column(field.name) for field in fields(Part) if getattr(blocks[0], field.name) is not None
    }
    return replace(blocks[0], **known)


def merge(a: Part, b: Part) -> Part:
    r"""Return what the patterns of both parts say together; of equal best ones that of `a` is kept.

    $M = \max(m_a, m_b)$, $l = l_a e^{m_a - M} + l_b e^{m_b - M}$, and O alike.

    Cost: b n.
    """
    first = a.peak >= b.peak
    losing, loser = torch.minimum(a.peak, b.peak), torch.where(first[:, None], b.pattern, a.pattern)
    # The best pattern of the part that loses becomes one of the others; it is the best of its own part.
    second = torch.maximum(torch.maximum(a.second, b.second), losing)
    shares = [torch.exp(x - second) for x in (a.second, b.second, losing)]
    rest = shares[0] * a.rest + shares[1] * b.rest + shares[2]
    narrow = [share.to(a.others)[:, None] for share in shares]
    others = narrow[0] * a.others + narrow[1] * b.others + narrow[2] * loser
    nearest = cosine = None
    if a.nearest is not None and a.cosine is not None and b.nearest is not None and b.cosine is not None:
        nearest = torch.where(a.cosine >= b.cosine, a.nearest, b.nearest)
        cosine = torch.maximum(a.cosine, b.cosine)
    return Part(
        peak=torch.maximum(a.peak, b.peak),
        pattern=torch.where(first[:, None], a.pattern, b.pattern),
        index=torch.where(first, a.index, b.index),
        term=torch.where(first, a.term, b.term),
        second=second,
        rest=rest,
        others=others,
        nearest=nearest,
        cosine=cosine,
    )


def finished(part: Part, beta: float) -> Retrieval:
    """Return the recall step that a part which holds all patterns amounts to."""
    lse_others = part.second + part.rest.log()
    output = part.weighted / part.mass.to(part.others)[:, None]
    lse = part.peak + torch.log1p(torch.exp(lse_others - part.peak))
    gap = part.term - lse_others / beta
    return Retrieval(output, lse, part.index, part.term, lse_others, gap, part.nearest, part.cosine)


def _block(
    cues: Tensor, patterns: Tensor, beta: float, bias: Tensor | None, norms: Tensor | None, chunk: int
) -> Part:
    scaled = cues * beta
    best, near, others = Running(cues), Running(cues), Others(cues, patterns)
    inverse = _inverse_norms(norms, bias, cues.dtype)
    buffer = cues.new_empty(len(cues), min(chunk, len(patterns)))
    for first in range(0, len(patterns), chunk):
        x = patterns[first : first + chunk].to(cues.dtype)
        scores = torch.mm(scaled, x.T, out=buffer[:, : len(x)]) if len(x) == buffer.shape[1] else scaled @ x.T
        if inverse is not None:
            near.meet(scores * inverse[first : first + chunk], first)
        if bias is not None:
            scores += beta * bias[first : first + chunk].to(cues.dtype)
        peak, index = best.best.clone(), best.index.clone()
        rows, columns = best.meet(scores, first)
        scores[rows, columns] = -math.inf
        top = scores.amax(1)
        second = torch.maximum(others.second, top)
        # A best pattern that is overtaken becomes one of the others; before the first chunk there is none.
        rows = rows if first else rows[:0]
        second[rows] = torch.maximum(second[rows], peak[rows])
        reference = others.rise(second)
        others.add(rows, torch.exp(peak[rows] - reference[rows]), patterns[index[rows]].to(cues.dtype))
        others.meet(shares_(scores, reference), x, top, best.best)
    return _gathered(cues, patterns, bias, norms, beta, best, best if inverse is None else near, others)


def _gathered(
    cues: Tensor,
    patterns: Tensor,
    bias: Tensor | None,
    norms: Tensor | None,
    beta: float,
    best: Running,
    near: Running,
    others: Others,
) -> Part:
    term = _overlap(cues, patterns, best.index)
    if bias is not None:
        term += bias[best.index]
    nearest = cosine = None
    if norms is not None:
        lengths = torch.linalg.vector_norm(cues, dim=1, dtype=torch.float64) * norms[near.index]
        cosine = _overlap(cues, patterns, near.index) / lengths.clamp(min=torch.finfo(torch.float64).tiny)
        nearest = near.index
    return Part(
        peak=beta * term,  # to more digits than the product gave
        pattern=patterns[best.index].to(cues.dtype),
        index=best.index,
        term=term,
        second=others.second.double(),
        rest=others.rest,
        others=others.weighted,
        nearest=nearest,
        cosine=cosine,
    )


def _overlap(cues: Tensor, patterns: Tensor, index: Tensor) -> Tensor:
    return (cues.double() * patterns[index].double()).sum(1)


def _inverse_norms(norms: Tensor | None, bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    """1 / norms where cosines need a search of their own, None where the best term is the best cosine."""
    if norms is None:
        return None
    low, high = torch.aminmax(norms)
    if bias is None and float(high - low) <= _EQUAL * float(high):
        return None
    return torch.where(norms > 0, 1.0 / norms, 0.0).to(dtype)
