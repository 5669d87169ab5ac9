"""Damage to patterns, the names under which a user reaches `space.corrupt`."""

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import as_tensor
from memscape.core.random import Generator
from memscape.core.spaces import Bipolar, Real, Space


def flip(
    patterns: object, fraction: float, *, generator: Generator = None, space: Space | None = None
) -> Float[Tensor, "... n"]:
    """Return `patterns` with exactly round(fraction * n) distinct units of each row inverted.

    The overlap with the original is $1 - 2\\,\\mathrm{round}(fn)/n$. A unit that holds 0 (no opinion) can be
    among those chosen and stays 0.

    Args:
        patterns: (..., n), +-1 or bool; any leading dimensions.
        fraction: f in [0, 1], the share of units.
        generator: a seed, a `torch.Generator`, or None.
        space: `Bipolar()` unless given. 0/1 patterns need `Binary()`: Bipolar reads 0 as no opinion.

    Raises:
        InputError: for a fraction outside [0, 1].
        SpaceError: for values outside the space.

    Cost: O(pn) time.

    >>> int((flip(torch.ones(1000), 0.1, generator=1) < 0).sum())
    100
    """
    return (space or Bipolar()).corrupt(patterns, fraction, damage="flip", generator=generator)


def mask(patterns: object, fraction: float, *, generator: Generator = None) -> Float[Tensor, "... n"]:
    """Return `patterns` with exactly round(fraction * n) distinct units of each row set to 0, unknown.

    Args:
        patterns: (..., n), +-1, bool (True is +1) or real; any leading dimensions.
        fraction: in [0, 1], the share of units.
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InputError: for a fraction outside [0, 1].

    Cost: O(pn) time.

    >>> int((mask(torch.ones(2, 10), 0.3, generator=1) == 0).sum())
    6
    """
    x = as_tensor(patterns, "patterns")
    # Real takes any numbers; only bool needs Bipolar's reading, or False would look like "unknown".
    space = Bipolar() if x.dtype == torch.bool else Real()
    return space.corrupt(x, fraction, damage="mask", generator=generator)


def noise(patterns: object, amount: float, *, generator: Generator = None) -> Float[Tensor, "... n"]:
    """Return real-valued `patterns` plus normal noise, $x + a\\,\\mathrm{rms}(x)\\,\\mathcal{N}(0, 1)$.

    Args:
        patterns: (..., n), real; any leading dimensions.
        amount: a >= 0, the standard deviation in units of the root mean square of each row.
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        InputError: for a negative or infinite amount.

    Cost: O(pn) time.

    >>> round(float((noise(torch.ones(100_000), 0.5, generator=1) - 1).std()), 2)
    0.50
    """
    return Real().corrupt(patterns, amount, damage="noise", generator=generator)
