"""What a sample says about what it did not meet: the share of the unseen, and how many there are at least."""

import math
from dataclasses import dataclass

from memscape.core.arrays import require_count


@dataclass(frozen=True)
class Unseen:
    """An estimate of the unseen part of a population.

    Attributes:
        share: the share of further draws that would meet something unseen.
        error: its standard error.
        count: a lower bound, in the mean, of how many unseen kinds there are.
    """

    share: float
    error: float
    count: float


def unseen(once: float, twice: float, draws: int) -> Unseen:
    r"""Return what is estimated of the unseen from the numbers of kinds that were met once and twice.

    The share is $f_1 / R$ (Good and Turing), unbiased for what R - 1 draws leave unseen; its standard error
    is $\sqrt{f_1 + 2 f_2} / R$. The count is $f_1 (f_1 - 1) / (2 (f_2 + 1))$: in the mean it is never
    above the truth, and far below where most kinds were met once.

    Args:
        once: $f_1$, how many kinds were met exactly once.
        twice: $f_2$, how many were met exactly twice.
        draws: R.

    >>> unseen(4, 1, 100)
    Unseen(share=0.04, error=0.0245, count=3.0)

    Good 1953, equation 9; Esty 1983 (error); Chao 1984, bias-corrected form.
    """
    require_count(draws, "draws")
    error = math.sqrt(once + 2 * twice) / draws
    return Unseen(min(once / draws, 1.0), error, max(once * (once - 1), 0.0) / (2 * (twice + 1)))
