"""Learn the separation function of a dense memory from its patterns and the damage it has to undo."""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.core.spaces import Bipolar
from memscape.mechanisms.learnt_separation import LearntSeparation
from memscape.mechanisms.selectable import SelectableNetwork
from memscape.training.selecting import train_selecting

STAGES = 8
"""Amounts of damage, from all of it down to none, at which the separation is learnt."""


def learn_separation(
    patterns: Float[Tensor, "p n"],
    *,
    damage: float = 0.2,
    cues: int = 200,
    families: tuple[str, ...] | None = None,
    size: int = 12,
    steps: int = 200,
    last: int = 400,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> LearntSeparation:
    """Return the separation under which damaged patterns are most surely put right, unit by unit.

    The energy is $-\\sum_\\mu F(\\xi^\\mu \\cdot s)$ with F one edge that chooses its family. Learnt is the
     likelihood of the right values given all other units of a damaged cue, $\\sum_i \\log(1 + e^{-2 h_i
    \\xi_i})$ with the exact field $h_i$ (pseudo-likelihood, Besag 1975); F enters linearly, so a round with
    one family is convex. All families are learnt together; then the least needed is dropped, and so on.

    Args:
        patterns: (p, n) entries -1, +1.
        damage: largest share of a cue's units that are flipped; smaller ones are learnt too.
        cues: how many cues, of patterns drawn at random.
        families: of `mechanisms.bases.FAMILIES` to choose from; None is all of them.
        size: coefficients of F.
        steps, last: of each round before the last, and of the last.
        generator: seed of cues and initial values.
        progress: as everywhere; counts rounds.

    Cost: O(cues n p) once, then O(cues n^2) a step.

    Raises:
        InputError: for entries other than -1 and +1, counts below 1, a share outside [0, 0.5].

    >>> from memscape.memories import Dense
    >>> from memscape.patterns import flip, independent
    >>> X = independent(40, 60, generator=0)
    >>> learnt = learn_separation(X, damage=0.1, cues=40, steps=40, last=80, generator=0)
    >>> memory = Dense(X, separation=learnt)
    >>> memory.recall(flip(X[:2], fraction=0.1, generator=1), generator=2).match
    tensor([0, 1])

    The edge with a choice: Yang et al. 2024, arXiv 2408.08338; as a separation it is ours.
    """
    X = Bipolar().project(patterns)
    if not torch.equal(X, patterns.to(X.dtype)):
        raise InputError(
            "the patterns hold entries other than -1 and +1; a separation is learnt from full ones"
        )
    p, n = X.shape
    require_fraction(damage, "damage", high=0.5)
    seed = draw_seed(generator)
    rows = torch.randint(p, (require_count(cues, "cues"),), generator=derived(seed, 0))
    cue = torch.cat(  # less and less damage, as on the way to a well
        [
            Bipolar().corrupt(part, damage * (1 - step / (STAGES - 1)), generator=derived(seed, 1, step))
            for step, part in enumerate(X[rows].tensor_split(STAGES))
        ]
    )
    counts = (
        overlap_counts(X.to(torch.int64), cue.to(torch.int64)).float() * X[rows].flatten()[:, None].float()
    )
    seen = counts.any(0)  # overlaps that occur; F is flat beyond the least and the largest
    counts = counts[:, seen]
    met = torch.arange(-n, n + 1, 2)[seen]
    grid = met.float()[:, None] / n
    network = SelectableNetwork((1, 1), families=families, size=size, generator=derived(seed, 2))

    def loss(table: Tensor) -> Tensor:
        return F.softplus(-n * counts @ table[:, 0]).mean()  # 2 h xi, with F = n phi

    train_selecting(network, grid, loss, steps=steps, last=last, rate=0.03, generator=seed, progress=progress)
    edge = network.layers[0]
    family = edge.chosen[0][0].split("+")[0]  # ty: ignore
    coefficients = edge.coefficients[0, 0, edge.families.index(family)]  # ty: ignore
    return LearntSeparation(family, tuple((n * coefficients).tolist()), n, int(met[0]), int(met[-1]))


def overlap_counts(patterns: Int[Tensor, "p n"], cues: Int[Tensor, "b n"]) -> Int[Tensor, "q m"]:
    """Return for each unit of each cue which overlaps it would gain and lose by pointing up, not down.

    Row (cue, unit), column j for overlap 2j - n: patterns of that overlap with the unit up, minus those with
    it down. With F tabled at the overlaps, the row times F is twice the unit's field. O(b n p).

    >>> overlap_counts(torch.tensor([[1, 1]]), torch.tensor([[1, -1]]))
    tensor([[-1,  1,  0],
            [ 0, -1,  1]])
    """
    b, n = cues.shape
    overlaps = cues @ patterns.T  # (b, p)
    counts = torch.zeros(b * n, n + 1, dtype=torch.int64)
    ones = torch.ones(b, len(patterns), dtype=torch.int64)
    for unit in range(n):
        own = patterns[:, unit]
        without = overlaps - cues[:, unit, None] * own
        row = counts[unit::n]  # row b * n + unit of each cue
        row.scatter_add_(1, (without + own + n) // 2, ones)
        row.scatter_add_(1, (without - own + n) // 2, -ones)
    return counts
