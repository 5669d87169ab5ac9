"""What a well stands in the worst case, without a single recall."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.cards import opened
from memscape.core.errors import CapabilityError
from memscape.landscape.volumes import require_wells
from memscape.mechanisms.energies import Couplings, PatternEnergy

_NUMBERS = 1 << 24  # numbers that are sorted together


def guaranteed_radius(memory: Any) -> Float[Tensor, " p"]:
    r"""Return the radius (p,) that every damage is sure to stand: $R = 2d/n$ for any d flipped units.

    After any d flips every unit i still feels the sign of the pattern if
    $\xi_i h_i > 2 \sum_{\text{d largest}} (\xi_i J_{ij} \xi_j)_+$, the sum over the couplings that hold i up
    most. Where that is so for all units, one parallel step repairs all of the damage, and so does descent
    unit by unit in any order: no visit turns a right unit, and each turns a wrong one right. The d returned
    is the largest for which no unit can lose its field. It follows from the margins alone and is never below
    the simple bound, the largest d with $2 d \max|J| < \min_i \xi_i h_i$; random damage is stood far beyond
    it (see `radius`). Units on which a pattern is 0 may take any sign.

    Args:
        memory: with a quadratic energy and patterns.

    Raises:
        CapabilityError: for a memory without patterns or an energy that is not quadratic.

    Costs O(p n^2 log n) and the couplings, 8 n^2 bytes.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(2, 100, generator=0)
    >>> sure = guaranteed_radius(ms.memories.Projection(X))
    >>> bool((sure > 0.3).all())
    True

    Komlos and Paturi 1988 treat the worst case of Hebb's rule; the sorted sum is the condition itself.
    """
    memory = opened(memory)
    energy = require_wells(memory)
    if not isinstance(energy, PatternEnergy | Couplings):
        raise CapabilityError(
            f"{type(memory).__name__} is not quadratic, so its margins bound no radius; measure it with "
            "memscape.landscape.radius"
        )
    J = energy.couplings().double().cpu()
    X = energy.patterns.double().cpu()
    fields = energy.field(energy.patterns.to(torch.float32)).double().cpu()
    return torch.tensor([2 * _flips(J, x, h) / energy.units for x, h in zip(X, fields, strict=True)]).double()


def _flips(J: Tensor, x: Tensor, h: Tensor) -> int:
    """The number of flips after which every unit certainly feels the sign of the pattern x."""
    units = len(x)
    given = x != 0
    rounding = 1e-9 * float(h.abs().max())
    fewest = units
    for rows in given.nonzero()[:, 0].split(max(1, _NUMBERS // units)):
        hold = (x[rows, None] * J[rows] * x).clamp_min_(0).sort(dim=1, descending=True).values
        lost = 2 * hold.cumsum(1) + J[rows][:, ~given].abs().sum(1, keepdim=True)
        stands = lost < (x[rows] * h[rows])[:, None] - rounding
        fewest = min(fewest, int(stands.sum(1).min()))
    return fewest
