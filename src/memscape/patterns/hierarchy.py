"""Patterns that descend from common ancestors: a tree of any depth, and a family of siblings."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve
from memscape.patterns.ensembles import blocks, shape_of


def tree(
    branching: Sequence[int], *, overlap: Sequence[float], size: int, generator: Generator = None
) -> Float[Tensor, "p n"]:
    """Return the leaves of a tree of patterns, in order: siblings stand next to each other.

    The root is a random +-1 pattern. A child copies its parent and inverts every unit with probability
    $\\epsilon_k$ (k: the depth of the child). Two leaves whose last common ancestor is at depth l have the
    mean overlap $q_l = \\prod_{k>l} (1 - 2\\epsilon_k)^2$, hence $1 - 2\\epsilon_k = \\sqrt{q_{k-1}/q_k}$
    with $q_L = 1$. The overlaps are ultrametric: of any three leaves the two smallest overlaps are equal, up
    to $O(1/\\sqrt{n})$.

    Args:
        branching: the number of children of a node at depth 0, 1, ..., L-1; p is their product.
        overlap: `overlap[l]` in [0, 1], the overlap of two *leaves* whose last common ancestor is at depth l
            (0 is the root); it must not fall with l. 0 at depth 0 makes independent families.
        size: n, the number of units.
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InputError: if `overlap` falls with depth, leaves [0, 1] or has another length than `branching`.
        SizeError: if the leaves would not fit into memory.

    Cost: O(pn) time, 5pn bytes at the peak.
    Source: Parga and Virasoro 1986; Feigelman and Ioffe 1987; Gutfreund 1988.

    >>> leaves = tree((4, 5), overlap=(0.0, 0.6), size=100_000, generator=0)
    >>> leaves.shape, round(float(leaves[0] @ leaves[4]) / 100_000, 1)
    (torch.Size([20, 100000]), 0.6)
    """
    children = [require_count(b, f"branching[{k}]") for k, b in enumerate(branching)]
    flips = _flip_probabilities(children, overlap)
    _, size = shape_of(math.prod(children), size)
    generator = resolve(generator)
    nodes = torch.randint(2, (1, size), generator=generator, dtype=torch.int8).mul_(2).sub_(1)
    for count, probability in zip(children, flips, strict=True):
        nodes = _descended(nodes.repeat_interleave(count, dim=0), probability, generator)
    return nodes.to(torch.float32)


def family(count: int, size: int, *, overlap: float, generator: Generator = None) -> Float[Tensor, "p n"]:
    """Return `count` children of one random pattern, any two of which overlap by `overlap` on average.

    Each child inverts a unit of the (unreturned) parent with probability $(1 - \\sqrt{\\rho})/2$; its overlap
    with the parent is $\\sqrt{\\rho}$. It is the tree of depth 1.

    Args:
        count: p, the number of patterns, at least 1.
        size: n, the number of units, at least 1.
        overlap: rho in [0, 1].
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InputError: for an overlap outside [0, 1] or counts below 1.
        SizeError: if the patterns would not fit into memory.

    Cost: O(pn) time, 5pn bytes at the peak.

    >>> members = family(3, 100_000, overlap=0.5, generator=0)
    >>> round(float(members[0] @ members[2]) / 100_000, 2)
    0.50
    """
    return tree((count,), overlap=(overlap,), size=size, generator=generator)


def _flip_probabilities(children: list[int], overlap: Sequence[float]) -> list[float]:
    """Return epsilon_k for k = 1 ... L."""
    if not children or len(overlap) != len(children):
        raise InputError(
            f"overlap has {len(overlap)} entries and branching {len(children)}; both need one for each "
            "depth of the tree, and a tree has at least one"
        )
    levels = [require_fraction(q, f"overlap[{depth}]") for depth, q in enumerate(overlap)] + [1.0]
    for depth, (above, below) in enumerate(pairwise(levels)):
        if below < above:
            raise InputError(
                f"overlap falls from {above:g} at depth {depth} to {below:g} at depth {depth + 1}; leaves "
                "with a later common ancestor share more of their history, so it must not fall with depth"
            )
    # Where the leaves below a node are independent (0), those further apart are too: any probability does.
    return [(1 - math.sqrt(above / below if below else 0.0)) / 2 for above, below in pairwise(levels)]


def _descended(nodes: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Return the int8 `nodes` with every unit inverted with the given probability, in place."""
    for rows in blocks(*nodes.shape):
        flipped = torch.rand(rows.stop - rows.start, nodes.shape[1], generator=generator) < probability
        nodes[rows].mul_(flipped.to(torch.int8).mul_(-2).add_(1))
    return nodes
