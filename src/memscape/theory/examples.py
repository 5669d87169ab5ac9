r"""Learning from noisy examples: what a memory that never saw its archetypes knows of them, by Monte Carlo.

With a teacher the examples of one archetype are averaged before they are stored; without one each example is
stored by itself. No closed form is used: the numbers are those of small networks, with their size.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from memscape.core.errors import InputError
from memscape.core.intervals import mean_interval
from memscape.core.random import Generator, derived, draw_seed
from memscape.theory.multitask import dataset_entropy
from memscape.theory.ranges import number, whole

TEACHERS = ("supervised", "unsupervised")


@dataclass(frozen=True)
class ArchetypeRecall:
    """How well archetypes are recalled from memories of their examples.

    Attributes:
        overlap: mean overlap with the archetype after descent from it.
        low, high: 95 % interval of `overlap`, from the scatter over networks.
        entropy: of the data set, $(1-r^2)/(Mr^2)$.
        settings: units, count, examples, quality, degree, teacher, networks, seed.
    """

    overlap: float
    low: float
    high: float
    entropy: float
    settings: dict[str, Any]

    def table(self) -> str:
        """Return the numbers as one line of text under its heading."""
        s = self.settings
        head = "examples  entropy  overlap  interval"
        return (
            f"{head}\n{s['examples']:<9} {self.entropy:<8.3f} {self.overlap:<8.3f} "
            f"{self.low:.3f} to {self.high:.3f}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return asdict(self)

    def __repr__(self) -> str:
        s = self.settings
        return (
            f"Learned from {s['examples']} examples of quality {s['quality']:g} ({s['teacher']}), "
            f"{s['count']} "
            f"archetypes of {s['units']} units, degree {s['degree']}, {s['networks']} networks, "
            f"seed {s['seed']}\n"
            f"{self.table()}"
        )


def archetype_overlap(
    units: int,
    count: int,
    *,
    examples: int,
    quality: float,
    degree: int = 2,
    teacher: str = "supervised",
    networks: int = 8,
    generator: Generator = None,
) -> ArchetypeRecall:
    r"""Return how near a memory of noisy examples stays to their archetype, by Monte Carlo at T = 0.

    The wells are $-\sum_\mu (\bar\eta^\mu \cdot s)^k$ with a teacher, $\bar\eta^\mu$ the mean of the M
    examples of archetype $\mu$, and $-\frac1M \sum_{\mu,a} (\eta^{\mu a} \cdot s)^k$ without. Descent, unit
    by unit in random order, starts on the archetype.

    Args:
        units: n, at least 2.
        count: number of archetypes p, at least 1.
        examples: M of each, at least 1.
        quality: r in (0, 1]; a unit of an example agrees with its archetype with probability (1 + r)/2.
        degree: k, even, at least 2; 2 is Hebb's rule.
        teacher: "supervised" or "unsupervised".
        networks: independent networks, at least 2, three archetypes tested in each.
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InputError: if a number is outside its range, or the degree is odd.

    Cost: O(networks n p) per sweep with a teacher, M times that without.

    Example:
        >>> archetype_overlap(100, 5, examples=40, quality=0.5, generator=0).overlap > 0.95
        True

    Source: Agliari et al. 2022 (arXiv 2212.00606), the two data sets; the numbers are ours.
    """
    n = whole("units", units, 2, remedy="a memory of one unit stores nothing")
    p = whole("count", count, 1, remedy="give at least one archetype")
    m = whole("examples", examples, 1, remedy="give at least one example")
    r = number("quality", quality, 0.0, 1.0, edges="(]", remedy="0 is pure noise, 1 a faithful copy")
    k = whole("degree", degree, 2, remedy="degree 2 is Hebb's rule")
    whole("networks", networks, 2, remedy="an interval needs at least two networks")
    if k % 2:
        raise InputError(f"degree is {k}; odd degrees have other wells for negatives: give an even one")
    if teacher not in TEACHERS:
        raise InputError(f"teacher is {teacher!r}; it must be one of {', '.join(TEACHERS)}")
    seed = draw_seed(generator)
    found = np.array([_network(n, p, m, r, k, teacher, seed, i) for i in range(networks)])
    mean, (low, high) = mean_interval(found.tolist())
    settings: dict[str, Any] = {"units": n, "count": p, "examples": m, "quality": r, "degree": k}
    settings |= {"teacher": teacher, "networks": networks, "seed": seed}
    return ArchetypeRecall(mean, low, high, dataset_entropy(m, r), settings)


def _network(n: int, p: int, m: int, r: float, degree: int, teacher: str, seed: int, index: int) -> float:
    """Return the mean overlap of up to three archetypes of one network with where they lead."""
    # the same archetypes and examples with and without a teacher: the two are compared on equal data
    g = derived(seed, index)
    archetypes = torch.randint(2, (p, n), generator=g).mul_(2).sub_(1).double().numpy()
    agree = torch.rand(p, m, n, generator=g, dtype=torch.float64).numpy() < (1 + r) / 2
    examples = archetypes[:, None] * np.where(agree, 1.0, -1.0)
    wells = examples.mean(1) if teacher == "supervised" else examples.reshape(-1, n)
    starts = archetypes[:3]
    return float((_descended(wells, starts, degree, g) * starts).mean())


def _descended(wells: np.ndarray, starts: np.ndarray, degree: int, g: torch.Generator) -> np.ndarray:
    """Return where starts (b, n) lead under asynchronous descent; overlaps are kept up to date."""
    state = starts.copy()
    overlap = state @ wells.T
    for _ in range(50):
        moved = False
        for i in torch.randperm(state.shape[1], generator=g).tolist():
            rest = overlap - state[:, i, None] * wells[:, i]
            field = ((rest + wells[:, i]) ** degree - (rest - wells[:, i]) ** degree).sum(1)
            new = np.where(field > 0, 1.0, np.where(field < 0, -1.0, state[:, i]))
            if (new != state[:, i]).any():
                moved = True
                overlap = rest + new[:, None] * wells[:, i]
                state[:, i] = new
        if not moved:
            break
    return state
