"""Basins under the user's own cues.

Which share of the cues falls to each vector, and how many were never met.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.intervals import share_interval


@dataclass(frozen=True)
class CueBasins:
    """How the cues are shared out among the vectors; duplicates share one basin, that of their first row.

    Attributes:
        fraction: (p,) share of the cues whose best vector this is.
        interval: (p, 2) its confidence interval.
        cues: how many cues there were.
        distinct: how many vectors could have won, duplicates counted once.
        unseen: estimated chance that the next cue goes to a vector that won none so far (Good and Turing).
    """

    fraction: Float[Tensor, " p"]
    interval: Float[Tensor, "p 2"]
    cues: int
    distinct: int
    unseen: float

    @property
    def reached(self) -> int:
        """How many vectors won at least one cue."""
        return int((self.fraction > 0).sum())

    def widest(self, most: int = 10) -> Int[Tensor, " k"]:
        """Return the rows that win most cues, the widest basin first; none that wins nothing."""
        order = self.fraction.argsort(descending=True, stable=True)[:most]
        return order[self.fraction[order] > 0]

    def top(self, most: int = 10) -> float:
        """Return the share of the cues that the `most` widest basins take together."""
        return float(self.fraction[self.widest(most)].sum())

    def table(self, most: int = 10) -> str:
        """Return the widest basins as lines of text."""
        lines = ["row       fraction  interval"]
        for i in self.widest(most).tolist():
            low, high = self.interval[i].tolist()
            lines.append(f"{i:<8}  {self.fraction[i]:<8.4f}  {low:.4f}-{high:.4f}")
        if self.reached > most:
            lines.append(f"... {self.reached - most:,} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON; only the vectors that won a cue are listed."""
        rows = self.widest(len(self.fraction))
        return {
            "rows": rows.tolist(),
            "fraction": self.fraction[rows].tolist(),
            "interval": self.interval[rows].tolist(),
            "cues": self.cues,
            "reached": self.reached,
            "distinct": self.distinct,
            "unseen": self.unseen,
        }

    def __repr__(self) -> str:
        return (
            f"CueBasins: {self.cues:,} cues reached {self.reached:,} of {self.distinct:,} distinct vectors,"
            f" the ten widest took {self.top():.3f}, unseen {self.unseen:.3f}\n{self.table(6)}"
        )


def cue_basins(winner: Int[Tensor, " b"], group: Int[Tensor, " p"], *, level: float = 0.95) -> CueBasins:
    """Return the basins that follow from the best vector of each cue.

    Args:
        winner: its row, of duplicates any.
        group: for each row the first row that is the same vector.
        level: of the intervals.

    >>> cue_basins(torch.tensor([0, 0, 2]), torch.tensor([0, 1, 1])).fraction
    tensor([0.6667, 0.3333, 0.0000], dtype=torch.float64)
    """
    counts = torch.bincount(group[winner], minlength=len(group)).numpy()
    different, place = np.unique(counts, return_inverse=True)
    interval = share_interval(different, len(winner), level=level)[torch.from_numpy(place.reshape(-1))]
    return CueBasins(
        fraction=torch.from_numpy(counts).double() / len(winner),
        interval=interval,
        cues=len(winner),
        distinct=int((group == torch.arange(len(group))).sum()),
        unseen=float((counts == 1).sum()) / len(winner),
    )
