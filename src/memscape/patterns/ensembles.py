"""Patterns without structure between them, independent, biased, diluted or sparse, and noisy examples."""

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction, require_memory
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.core.spaces import Bipolar, SparseBinary

BLOCK = 2**22
"""How many units are drawn at a time. It is part of what a seed means: another value gives other patterns."""


def independent(count: int, size: int, *, generator: Generator = None) -> Float[Tensor, "p n"]:
    """Return `count` patterns of `size` units, each unit +1 or -1 with probability 1/2, all independent.

    $P(\\xi_i^\\mu = \\pm 1) = 1/2$. Overlaps between patterns are about $1/\\sqrt{n}$.

    Args:
        count: p, the number of patterns, at least 1.
        size: n, the number of units, at least 1.
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InputError: for counts below 1.
        SizeError: if the patterns would not fit into memory.

    Cost: O(pn) time, 4pn bytes.

    >>> independent(50, 1000, generator=0).shape
    torch.Size([50, 1000])
    """
    return _filled(count, size, lambda rows, n, g: Bipolar().sample(rows, n, generator=g), generator)


def biased(count: int, size: int, *, bias: float, generator: Generator = None) -> Float[Tensor, "p n"]:
    """Return independent patterns of +-1 units whose mean, the magnetisation, is `bias`.

    $P(\\xi_i^\\mu = \\pm 1) = (1 \\pm a)/2$, so $E\\,\\xi = a$ and two patterns overlap by $a^2$ on average.

    Args:
        count: p, the number of patterns, at least 1.
        size: n, the number of units, at least 1.
        bias: a in [-1, 1]; 0 is `independent`, 1 is all +1. The share of units at +1 is (1 + a)/2.
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InputError: for a bias outside [-1, 1] or counts below 1.
        SizeError: if the patterns would not fit into memory.

    Cost: O(pn) time, 4pn bytes.
    Source: Amit, Gutfreund, Sompolinsky 1987 (biased patterns).

    >>> round(float(biased(10, 10_000, bias=-0.8, generator=0).mean()), 2)
    -0.8
    """
    positive = (1 + require_fraction(bias, "bias", low=-1.0)) / 2

    def draw(rows: int, n: int, g: torch.Generator) -> Tensor:
        return (torch.rand(rows, n, generator=g) < positive).to(torch.float32).mul_(2).sub_(1)

    return _filled(count, size, draw, generator)


def diluted(count: int, size: int, *, dilution: float, generator: Generator = None) -> Float[Tensor, "p n"]:
    """Return independent patterns with a share `dilution` of zeros (no opinion), the rest +-1 equally.

    $P(\\xi = 0) = d$, $P(\\xi = \\pm 1) = (1 - d)/2$. Several diluted patterns can be recalled at the same
    time.

    Args:
        count: p, the number of patterns, at least 1.
        size: n, the number of units, at least 1.
        dilution: d in [0, 1].
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InputError: for a dilution outside [0, 1] or counts below 1.
        SizeError: if the patterns would not fit into memory.

    Cost: O(pn) time, 4pn bytes.
    Source: Agliari et al. 2011 (multitasking associative networks).

    >>> diluted(4, 1500, dilution=0.3, generator=0).unique().tolist()
    [-1.0, 0.0, 1.0]
    """
    silent = require_fraction(dilution, "dilution")

    def draw(rows: int, n: int, g: torch.Generator) -> Tensor:
        u = torch.rand(rows, n, generator=g)
        return (u >= silent).to(torch.float32).sub_(2.0 * ((u >= silent) & (u < (1 + silent) / 2)))

    return _filled(count, size, draw, generator)


def sparse(count: int, size: int, *, active: int, generator: Generator = None) -> Float[Tensor, "p n"]:
    """Return independent patterns of 0/1 units with exactly `active` units at 1, all sets equally likely.

    Args:
        count: p, the number of patterns, at least 1.
        size: n, the number of units, at least 1.
        active: how many units of a pattern are 1, from 1 to n.
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InputError: for more active units than units, or counts below 1.
        SizeError: if the patterns would not fit into memory.

    Cost: O(pn) time, 4pn bytes.

    >>> sparse(3, 100, active=7, generator=0).sum(1).tolist()
    [7.0, 7.0, 7.0]
    """
    space = SparseBinary(active)
    return _filled(count, size, lambda rows, n, g: space.sample(rows, n, generator=g), generator)


def noisy_examples(
    patterns: object, count: int, *, quality: float, generator: Generator = None
) -> Float[Tensor, "p m n"]:
    """Return `count` noisy examples of each pattern: the archetype with units inverted at random.

    $\\eta_i^{\\mu a} = \\xi_i^\\mu \\chi_i^{\\mu a}$, $P(\\chi = \\pm 1) = (1 \\pm r)/2$: an example has
    overlap r with its archetype on average, two examples of it r squared.

    Args:
        patterns: (p, n), the archetypes, +-1 or 0.
        count: M, the number of examples of each, at least 1.
        quality: r in [0, 1]; 1 repeats the archetype, 0 keeps nothing of it.
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InputError: for a quality outside [0, 1], a count below 1 or patterns of another shape.
        SpaceError: for values other than -1, 0 and +1.
        SizeError: if the examples would not fit into memory.

    Cost: O(pMn) time, 4pMn bytes.
    Source: arXiv 2308.04106 (data sets of noisy examples).

    >>> noisy_examples([[1, -1, 1, 1]], 3, quality=1.0, generator=0).tolist()[0][2]
    [1.0, -1.0, 1.0, 1.0]
    """
    x = Bipolar().check(patterns, "patterns", zeros=True)
    if x.ndim != 2:
        raise InputError(f"patterns has shape {tuple(x.shape)}; archetypes come as (p, n)")
    quality = require_fraction(quality, "quality")
    count = require_count(count, "count")
    signs = biased(len(x) * count, x.shape[1], bias=quality, generator=generator)
    return signs.reshape(len(x), count, -1).to(x).mul_(x[:, None])


def shape_of(count: int, size: int) -> tuple[int, int]:
    """Return (count, size) as whole numbers, or raise where they are not or the patterns would not fit."""
    count, size = require_count(count, "count"), require_count(size, "size")
    require_memory(4 * count * size, f"{count} patterns of {size} units", "draw fewer or smaller ones")
    return count, size


def blocks(count: int, size: int) -> Iterator[slice]:
    """Yield slices of `count` rows with about `BLOCK` units each, so that a draw needs no second copy."""
    step = max(1, BLOCK // size)
    for start in range(0, count, step):
        yield slice(start, min(start + step, count))


def _filled(
    count: int, size: int, draw: Callable[[int, int, torch.Generator], Tensor], generator: Generator
) -> Tensor:
    count, size = shape_of(count, size)
    generator = resolve(generator)
    patterns = torch.empty(count, size)
    for rows in blocks(count, size):
        patterns[rows] = draw(rows.stop - rows.start, size, generator)
    return patterns
