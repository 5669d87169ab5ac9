r"""How much damage stored vectors stand: the smallest cosine at which a noisy cue still finds its vector.

A cue is $q = \cos\varphi \, x_\mu + \sin\varphi \, \eta$, $\eta$ a random direction orthogonal to $x_\mu$.
$x_\nu$ beats $x_\mu$ from $\tan\varphi = (1 - c_{\mu\nu}) / \eta \cdot x_\nu$ on, where $\eta \cdot x_\nu >
0$: the first such $\nu$ gives the angle exactly, without trying amounts of damage.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from scipy import stats
from torch import Tensor


@dataclass(frozen=True)
class Tolerance:
    """How damaged a cue may be, measured for a sample of the vectors, a random direction of damage each.

    Attributes:
        row: (k,) which vectors were tried.
        cosine: (k,) the smallest cosine between cue and vector at which the vector still wins.
        median: the middle one: half of the cues at this cosine find their vector.
        interval: (2,) of the median, from order statistics.
    """

    row: Int[Tensor, " k"]
    cosine: Float[Tensor, " k"]
    median: float
    interval: Float[Tensor, " 2"]

    def share_at(self, cosine: float) -> float:
        """Return the share of cues at this cosine with their vector that find it."""
        return float((self.cosine <= cosine).double().mean())

    def table(self) -> str:
        """Return the share of cues that find their vector, by cosine, as lines of text."""
        lines = ["cosine with its vector  cues that find it"]
        lines += [f"{c / 10:<22.1f}  {self.share_at(c / 10):.3f}" for c in range(9, 0, -1)]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return {
            "row": self.row.tolist(),
            "cosine": self.cosine.tolist(),
            "median": self.median,
            "interval": self.interval.tolist(),
        }

    def __repr__(self) -> str:
        low, high = self.interval.tolist()
        return (
            f"Tolerance of {len(self.row)} vectors: half of the cues find theirs at cosine {self.median:.3f}"
            f" ({low:.3f}-{high:.3f})"
        )


def tolerance(
    vectors: Float[Tensor, "d n"],
    rows: Int[Tensor, " k"],
    generator: torch.Generator,
    *,
    level: float = 0.95,
) -> Tolerance:
    """Return how damaged cues of these rows may be.

    Args:
        vectors: of length 1, duplicates left out.
        rows: which of them to try.
        generator: of the directions.
        level: of the interval.

    Cost: 4 k d n.
    """
    found = [_smallest(vectors, part, generator) for part in rows.split(256)]
    cosine = torch.cat(found)
    low, high = _median_ranks(len(cosine), level)
    order = cosine.sort().values
    return Tolerance(rows, cosine, float(cosine.quantile(0.5)), torch.stack([order[low], order[high]]))


def _smallest(vectors: Tensor, rows: Tensor, generator: torch.Generator) -> Tensor:
    own = vectors[rows]
    noise = torch.randn(own.shape, generator=generator, dtype=own.dtype)
    noise -= (noise * own).sum(1, keepdim=True) * own
    noise /= torch.linalg.vector_norm(noise, dim=1, keepdim=True).clamp(min=1e-12)
    # the least tan(phi) is the reciprocal of the largest (eta . x) / (1 - c)
    steepest = torch.zeros(len(rows), dtype=own.dtype)
    for first in range(0, len(vectors), 8192):
        x = vectors[first : first + 8192]
        apart = 1 - own @ x.T
        mine = rows - first
        inside = ((mine >= 0) & (mine < len(x))).nonzero()[:, 0]
        apart[inside, mine[inside]] = torch.inf
        ratio = (noise @ x.T) / apart.clamp(min=1e-6)
        steepest = torch.maximum(steepest, ratio.amax(1))
    return (steepest / (1 + steepest.square()).sqrt()).double()


def _median_ranks(count: int, level: float) -> tuple[int, int]:
    low = int(stats.binom.ppf(0.5 - level / 2, count, 0.5))
    return max(low - 1, 0), min(count - low, count - 1)
