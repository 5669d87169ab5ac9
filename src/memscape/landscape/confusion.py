r"""Which stored vectors a memory confuses: duplicates, confusable pairs, and the clusters that they form.

A cue of $x_\mu$ is $q = m x_\mu + r$, r orthogonal to $x_\mu$, and $x_\nu$ beats $x_\mu$ where
$r \cdot x_\nu > m (1 - c)$, $c = \cos\theta$ the cosine of the two. If r has the standard deviation $\sigma$
along directions towards neighbours, the chance of that is $\Phi(-\tan(\theta/2) \, m / \sigma)$: it is
measured in the cues' own noise, not in an arbitrary cosine.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import stats
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from memscape.kernels.pairs import pairs_above

NEIGHBOURS = 16
"""Nearest other vectors along whose directions the noise of the cues is measured."""

_LEAST = 0.3  # vectors further apart are not called alike, however noisy the cues


@dataclass(frozen=True)
class Confusable:
    """What is alike among the stored vectors.

    Attributes:
        pairs: (k, 2) rows that are confusable, the most alike first; of duplicates only the first row occurs.
        cosine: (k,) theirs.
        threshold: the pairs are those above this cosine.
        found: how many pairs are above the threshold that follows from the noise; more than k where
            `threshold` had to be raised to keep their number in bounds.
        noise: sigma / m of the cues.
        chance: from which chance on a pair counts as confusable.
        duplicate: the cosine from which on two vectors count as the same.
        group: (p,) for each row the first row that is the same vector.
        complete: False where Ctrl-C ended the search.
    """

    pairs: Int[Tensor, "k 2"]
    cosine: Float[Tensor, " k"]
    threshold: float
    found: int
    noise: float
    chance: float
    duplicate: float
    group: Int[Tensor, " p"]
    complete: bool

    @property
    def duplicates(self) -> list[list[int]]:
        """The sets of rows that are one vector, the largest first."""
        return _sets(self.group.numpy())

    @property
    def clusters(self) -> list[list[int]]:
        """The sets of rows that hang together by confusable pairs, the largest first.

        Of duplicates the first row.
        """
        return _sets(_components(len(self.group), self.pairs.numpy()))

    def chance_of(self, cosine: float) -> float:
        """Return the chance that a cue of one of two vectors with this cosine is nearer to the other.

        It counts this one rival alone and takes the noise as Gaussian.
        """
        return chance_of(cosine, self.noise)

    def table(self, most: int = 10) -> str:
        """Return the most alike pairs as lines of text."""
        lines = ["rows              cosine  chance that a cue of one goes to the other"]
        for (i, j), c in zip(self.pairs[:most].tolist(), self.cosine[:most].tolist(), strict=True):
            lines.append(f"{f'{i}, {j}':<16}  {c:<6.3f}  {self.chance_of(c):.2f}")
        if len(self.pairs) > most:
            lines.append(f"... {len(self.pairs) - most:,} more")
        return "\n".join(lines) if len(lines) > 1 else f"no pair has a cosine above {self.threshold:.3f}"

    def to_dict(self, most: int = 10_000) -> dict[str, Any]:
        """Return plain Python values, ready for JSON: of the pairs the `most` most alike, `listed` in all."""
        return {
            "pairs": self.pairs[:most].tolist(),
            "cosine": self.cosine[:most].tolist(),
            "listed": min(most, len(self.pairs)),
            "threshold": self.threshold,
            "found": self.found,
            "noise": self.noise,
            "chance": self.chance,
            "duplicate": self.duplicate,
            "duplicates": self.duplicates,
            "clusters": self.clusters,
            "complete": self.complete,
        }

    def __repr__(self) -> str:
        return (
            f"Confusable: {self.found:,} pairs above cosine {self.threshold:.3f}, {len(self.clusters):,}"
            f" clusters, {len(self.duplicates):,} sets of duplicates\n{self.table(6)}"
        )


def chance_of(cosine: float, noise: float) -> float:
    r"""Return $\Phi(-\tan(\theta/2) / \mathrm{noise})$, $\tan^2(\theta/2) = (1 - c) / (1 + c)$.

    >>> chance_of(1.0, 0.1), round(chance_of(0.5, 0.25), 4)
    (0.5, 0.0105)
    """
    half = math.sqrt(max(1 - cosine, 0.0) / max(1 + cosine, 1e-12))
    return float(stats.norm.cdf(-half / max(noise, 1e-12)))


def cosine_for(chance: float, noise: float) -> float:
    """Return the cosine at which two vectors are confused with this chance: the inverse of `chance_of`.

    >>> round(chance_of(cosine_for(0.05, 0.1), 0.1), 6)
    0.05
    """
    squared = (float(stats.norm.ppf(chance)) * noise) ** 2
    return (1 - squared) / (1 + squared)


def cue_noise(
    vectors: Float[Tensor, "p n"], cues: Float[Tensor, "b n"], own: Int[Tensor, " b"], duplicate: float
) -> float:
    """Return sigma / m: the noise of the cues along the directions towards neighbours.

    Args:
        vectors: of length 1.
        cues: of length 1.
        own: for each cue the vector it is about.
        duplicate: neighbours from this cosine on are the same vector.

    Cost: 2 b p n.
    """
    most = min(NEIGHBOURS + 1, len(vectors))
    spread = torch.zeros(0, dtype=torch.float64)
    for cue, mine in zip(cues.split(256), vectors[own].split(256), strict=True):
        cosine, near = (mine @ vectors.T).topk(most, dim=1)
        theirs = torch.einsum("bn,bkn->bk", cue, vectors[near])
        m = (cue * mine).sum(1, keepdim=True)
        apart = (1 - cosine.square()).double()
        along = (theirs - m * cosine).double() / apart.clamp(min=1e-12).sqrt()
        kept = (cosine < duplicate) & (m > 0)
        spread = torch.cat([spread, (along / m.clamp(min=1e-6))[kept]])
    # the median of squares: a few cues about nothing stored do not set it
    return float(spread.square().median().sqrt()) / _MEDIAN if len(spread) else 0.0


_MEDIAN = float(stats.norm.ppf(0.75))  # of |z|


def find_confusable(
    vectors: Float[Tensor, "p n"],
    first: Int[Tensor, " d"],
    same: Int[Tensor, " p"],
    noise: float,
    *,
    duplicate: float,
    chance: float,
    most: int,
    update: Callable[[], bool] | None = None,
) -> Confusable:
    """Return duplicates, pairs and clusters.

    Args:
        vectors: (p, n) of length 1.
        first, same: the distinct rows of `vectors`, and for each row which of them it is: see `identical`.
        noise: of `cue_noise`.
        duplicate: cosine from which on two vectors are the same.
        chance: from which on a pair is confusable.
        most: pairs kept at most.
        update: see `pairs_above`.
    """
    level = min(max(cosine_for(chance, noise), _LEAST), duplicate)
    held = pairs_above(vectors[first], level, most=most, update=update)
    twins = held.rows[held.value >= duplicate]
    merged = _components(len(first), twins.numpy())
    group = first[torch.from_numpy(merged)[same]]
    rows = first[held.rows]
    kept = (held.value < duplicate) & (group[rows] == rows).all(1)
    return Confusable(
        pairs=rows[kept],
        cosine=held.value[kept],
        threshold=held.level,
        found=held.found - len(twins) if held.level > level else int(kept.sum()),
        noise=noise,
        chance=chance,
        duplicate=duplicate,
        group=group,
        complete=held.complete,
    )


def identical(vectors: Float[Tensor, "p n"]) -> tuple[Int[Tensor, " d"], Int[Tensor, " p"]]:
    """Return the first row of each set of bitwise equal rows, and for each row which set it is in.

    >>> identical(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]))
    (tensor([0, 1]), tensor([0, 1, 0]))
    """
    rows = np.ascontiguousarray((vectors + 0.0).numpy())  # + 0.0: there is no -0
    keys = rows.view(np.dtype((np.void, rows.dtype.itemsize * rows.shape[1])))[:, 0]
    _, first, same = np.unique(keys, return_index=True, return_inverse=True)
    order = np.argsort(first)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return torch.from_numpy(first[order]), torch.from_numpy(place[same.reshape(-1)])


def _components(count: int, pairs: np.ndarray) -> np.ndarray:
    """Return for each of `count` rows the smallest row that it hangs together with."""
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    found, label = connected_components(links, directed=False)
    smallest = np.full(found, count)
    np.minimum.at(smallest, label, np.arange(count))
    return smallest[label]


def _sets(group: np.ndarray) -> list[list[int]]:
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    held = [part.tolist() for part in parts if len(part) > 1]
    return sorted(held, key=lambda rows: (-len(rows), rows[0]))
