"""Reshape what is stored: take correlations out, or add the common ancestors of families."""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from torch import Tensor

from memscape.core.arrays import as_tensor, require_fraction
from memscape.core.errors import InputError
from memscape.core.spaces import Bipolar


class WithAncestors(NamedTuple):
    """Patterns followed by the ancestors of their families, and the family of each pattern."""

    patterns: Float[Tensor, "k n"]
    families: Int[Tensor, " p"]


def decorrelate(patterns: object) -> Float[Tensor, "p n"]:
    """Return the uncorrelated vectors nearest to the patterns, $Y = C^{-1/2} X$, $C = XX^T/n$.

    Their correlation matrix is the identity, each has squared length n, and no other such set is nearer to
    the patterns in the sum of squares (Loewdin). Hebb's rule on them, $Y^T Y / n$, is the projection rule on
    the patterns; they are real numbers, so give them to memories of real states, or take their signs.

    Args:
        patterns: (p, n), +-1 or any real numbers, linearly independent.

    Raises:
        InputError: for another shape, or patterns that are linearly dependent.

    Cost: O(p^2 n + p^3).
    Source: Loewdin 1950 (symmetric orthogonalisation).

    >>> from memscape.patterns import correlation, family
    >>> y = decorrelate(family(5, 1000, overlap=0.6, generator=0))
    >>> bool(torch.allclose(correlation(y), torch.eye(5), atol=1e-5))
    True
    """
    given = _table(patterns)
    x = given.double()
    values, vectors = torch.linalg.eigh(x @ x.T / x.shape[1])
    if float(values[0]) <= 1e-10 * max(float(values[-1]), 1e-300):
        raise InputError(
            "the patterns are linearly dependent (smallest eigenvalue of their correlations "
            f"{float(values[0]):.1e}); "
            "leave out the repeated ones"
        )
    return ((vectors * values.rsqrt()) @ vectors.T @ x).to(given.dtype)


def add_ancestors(patterns: object, *, cut: float = 0.2) -> WithAncestors:
    """Return the patterns followed by one ancestor per family of several: the majority of its members.

    A cue that only tells the family is then recalled as the family. It is not free: an ancestor lies between
    its descendants and takes the room from theirs (under the projection rule it makes their wells much
    smaller). A family of one, or one whose majority is already stored, gets none.

    Args:
        patterns: (p, n) entries +-1, or 0 where a pattern has no opinion.
        cut: patterns whose mean overlap is above it belong to one family (average linkage), in [0, 1].

    Raises:
        InputError: for another shape or a cut outside [0, 1].
        SpaceError: for values other than -1, 0 and +1.

    Cost: O(p^2 n + p^2 log p).
    Source: Gutfreund 1988 (retrieval through ancestors).

    >>> from memscape.patterns import tree
    >>> grown = add_ancestors(tree((3, 4), overlap=(0.0, 0.6), size=500, generator=0))
    >>> grown.patterns.shape, grown.families.tolist()
    (torch.Size([15, 500]), [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2])
    """
    x = Bipolar().check(patterns, "patterns", zeros=True)
    if x.ndim != 2:
        raise InputError(f"patterns has shape {tuple(x.shape)}; they come as (p, n)")
    families = families_of(x.double() @ x.double().T, require_fraction(cut, "cut"))
    several = torch.bincount(families) > 1
    found = majorities(x, families)[several.to(x.device)]
    stored = {tuple(row) for row in x.tolist()}
    new = [row for row in found if tuple(row.tolist()) not in stored]
    return WithAncestors(torch.stack([*x, *new]), families)


def families_of(gram: Tensor, cut: float) -> Int[Tensor, " p"]:
    """Return the family of each pattern, numbered in the order of their first members, from (p, p) products.

    >>> families_of(torch.tensor([[4.0, 0.0, 3.0], [0.0, 4.0, 0.0], [3.0, 0.0, 4.0]]), cut=0.5)
    tensor([0, 1, 0])
    """
    if len(gram) == 1:
        return torch.zeros(1, dtype=torch.int64)
    size = gram.diagonal().clamp_min(1).sqrt()
    distance = (1 - gram / size / size[:, None]).clamp_min(0).fill_diagonal_(0).cpu()
    grown = linkage(squareform(distance.numpy(), checks=False), method="average")
    labels = torch.as_tensor(fcluster(grown, 1 - cut, criterion="distance"))
    order: dict[int, int] = {}
    return torch.tensor([order.setdefault(int(label), len(order)) for label in labels])


def majorities(patterns: Tensor, families: Int[Tensor, " p"]) -> Float[Tensor, "a n"]:
    """Return the majority of each family, +-1; a tie is +1.

    >>> majorities(torch.tensor([[1.0, -1.0], [1.0, -1.0], [-1.0, -1.0]]), torch.tensor([0, 0, 0]))
    tensor([[ 1., -1.]])
    """
    sums = torch.zeros(int(families.max()) + 1, patterns.shape[1], device=patterns.device)
    sums.index_add_(0, families.to(sums.device), patterns.float())
    return torch.where(sums < 0, -1.0, 1.0)


def _table(patterns: object) -> Tensor:
    x = as_tensor(patterns, "patterns")
    if x.ndim != 2:
        raise InputError(f"patterns has shape {tuple(x.shape)}; they come as (p, n)")
    return x if x.is_floating_point() else x.to(torch.float32)
