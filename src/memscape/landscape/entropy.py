r"""Configurational entropy: how many minima there are at each energy, $s(e) = \frac1n \ln \Omega(e)$."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.landscape.missing import unseen
from memscape.landscape.result import Landscape

COVERAGE = 0.9
"""Share of a bin's starts that must end in known minima for its count to be more than a bound."""


@dataclass(frozen=True)
class EntropyCurve:
    r"""How many minima there are at each energy.

    Attributes:
        edges: (m + 1,) of the bins, in energy per unit.
        observed: (m,) minima that were met in each bin.
        count: (m,) how many there are, estimated; never below `observed`.
        entropy: (m,) $\ln(\mathrm{count}) / n$; NaN where a bin holds none.
        bound: (m,) True where `count` is only a lower bound, in the mean.
        coverage: (m,) estimated share of the bin's starts that end in minima that were met; NaN without any.
        settings: of the landscape, and coverage asked for.
    """

    edges: Float[Tensor, " m1"]
    observed: Int[Tensor, " m"]
    count: Float[Tensor, " m"]
    entropy: Float[Tensor, " m"]
    bound: Bool[Tensor, " m"]
    coverage: Float[Tensor, " m"]
    settings: dict[str, Any]

    @property
    def total(self) -> float:
        """The number of all minima; a lower bound if any bin's is."""
        return float(self.count.sum())

    def table(self, most: int = 40) -> str:
        """Return the bins that hold minima as lines of text."""
        lines = ["E/n from   to         observed  count       s         coverage"]
        rows = (self.observed > 0).nonzero()[:, 0].tolist()
        for i in rows[:most]:
            low, high = self.edges[i : i + 2].tolist()
            least = ">= " if self.bound[i] else ""
            count, share = f"{least}{self.count[i]:.4g}", f"{self.entropy[i]:.4g}"
            head = f"{low:<10.5f} {high:<10.5f} {self.observed[i]:<9}"
            lines.append(f"{head} {count:<11} {share:<9} {self.coverage[i]:.3f}")
        if len(rows) > most:
            lines.append(f"... {len(rows) - most} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON; NaN becomes None."""
        names = ("edges", "observed", "count", "entropy", "bound", "coverage")
        plain = {name: getattr(self, name).tolist() for name in names}
        for name in ("entropy", "coverage"):
            plain[name] = [None if math.isnan(value) else value for value in plain[name]]
        return plain | {"total": self.total, "settings": self.settings}

    def __repr__(self) -> str:
        bounds = int(self.bound[self.observed > 0].sum())
        filled = int((self.observed > 0).sum())
        head = f"EntropyCurve of {self.settings['units']} units: {filled} bins, {bounds} of them lower bounds"
        least = "at least " if bounds else ""
        return f"{head}; {least}{self.total:.6g} minima in all\n{self.table(8)}"


def configurational_entropy(land: Landscape, *, bins: int = 20, coverage: float = COVERAGE) -> EntropyCurve:
    r"""Return how many minima there are at each energy, corrected for the sizes of their basins.

    A start meets minima in proportion to their basins, so wide ones are met first and a plain count of what
    was met tells of wide basins. A minimum that was met $k$ times of $R$ counts
    $1 / (1 - (1 - C k / R)^R)$, the inverse of its chance to be met at all; $C = 1 - f_1 / \sum k$ is the
    share of the bin's starts that end in known minima. Where C is below `coverage` too little was met for
    that: the count is then Chao's lower bound, and marked. Above about a tenth of the starts ending in
    minima met once, only bounds are honest, as in large spin glasses.

    Args:
        land: from `survey` or `exhaust`.
        bins: of equal width between the lowest and the highest energy.
        coverage: in (0, 1].

    Raises:
        InputError: for a landscape without minima.

    Cost O(k).

    >>> import memscape as ms
    >>> memory = ms.memories.Projection(ms.patterns.independent(4, 14, generator=0))
    >>> land = ms.landscape.exhaust(memory)
    >>> curve = configurational_entropy(land, bins=5)
    >>> curve.total == len(land), bool(curve.bound.any())
    (True, False)

    Chao and Shen 2003, equation 8 (coverage and inverse chance); Chao 1984 (bound).
    """
    require_count(bins, "bins")
    require_fraction(coverage, "coverage")
    if not len(land):
        raise InputError("the landscape holds no minima; survey it with at least one start")
    energy = land.energy.double() / land.units
    low, high = float(energy.min()), float(energy.max())
    width = max(high - low, 1e-12 * max(abs(low), 1e-12))
    edges = torch.linspace(low, low + width, bins + 1, dtype=torch.float64)
    place = ((energy - low) / width * bins).long().clamp_(0, bins - 1)
    observed = torch.bincount(place, minlength=bins)
    counts = np.zeros(bins)
    bound, covered = np.zeros(bins, bool), np.full(bins, math.nan)
    for i in observed.nonzero()[:, 0].tolist():
        inside = place == i
        if land.hits is None:
            counts[i], covered[i] = int(inside.sum()), 1.0
            bound[i] = not land.complete
        else:
            hits = land.hits[inside].numpy()
            counts[i], covered[i] = _estimated(
                hits, land.starts, land.settings.get("paired", False), coverage
            )
            bound[i] = not covered[i] >= coverage
    count = torch.from_numpy(counts)
    entropy = torch.where(observed > 0, count.clamp_min(1).log() / land.units, math.nan)
    settings = {name: land.settings.get(name) for name in ("units", "patterns", "space", "method", "seed")}
    return EntropyCurve(
        edges=edges,
        observed=observed,
        count=count,
        entropy=entropy,
        bound=torch.from_numpy(bound),
        coverage=torch.from_numpy(covered),
        settings=settings | {"starts": land.starts, "coverage": coverage},
    )


def _estimated(hits: np.ndarray, starts: int, paired: bool, wanted: float) -> tuple[float, float]:
    """Return how many minima a bin holds, and its coverage."""
    once, twice, total = int((hits == 1).sum()), int((hits == 2).sum()), int(hits.sum())
    if not total:  # only stored patterns that no start found
        return float(len(hits)), 0.0
    covered = 1 - once / total
    met = hits[hits > 0]
    if covered >= wanted:
        chance = 1 - (1 - np.minimum(covered * met / starts, 1.0)) ** starts
        return max(float((1 / chance).sum()), float(len(hits))), covered
    wells = 2 if paired else 1  # a minimum and its negative are met by the same draw: count them once
    more = wells * unseen(once / wells, twice / wells, starts).count
    return max(len(met) + more, float(len(hits))), covered
