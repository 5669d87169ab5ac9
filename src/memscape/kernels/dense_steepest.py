"""Steepest descent under separated energies, or any energy whose field is a function: one flip a step."""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int8
from torch import Tensor

from memscape.kernels.dense import TOLERANCE
from memscape.kernels.dense_fields import additive_field, lse_field
from memscape.kernels.packing import overlaps
from memscape.kernels.sweeps import Outcome


def steepest(
    field: Callable[[Tensor], Tensor], states: Int8[Tensor, "c n"], *, max_steps: int, tol: float = TOLERANCE
) -> Outcome:
    r"""Return where steepest descent ends; a step is one flip.

    The unit of lowest $\Delta E_i = 2 s_i h_i$ flips, the first of those within tol of the lowest, until no
    $s_i h_i$ is below -tol.

    Arguments:
        field: from states (c, n) int8 to the fields (c, n) of all units.
        states: entries -1, +1.
        max_steps: flips after which a cue is left where it is, not converged.
        tol: fields of at most this size are ties.

    Cost: one call of `field` per flip, on the cues that still move.

    >>> coupling = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    >>> end = steepest(lambda s: s.float() @ coupling, torch.tensor([[1, -1]], dtype=torch.int8), max_steps=9)
    >>> end.states, end.flips
    (tensor([[-1, -1]], dtype=torch.int8), tensor([1]))
    """
    return _descended(lambda now, found: field(now), None, states, max_steps, tol)


def steepest_additive(
    patterns: Int8[Tensor, "p n"],
    table: Float[Tensor, " m"],
    states: Int8[Tensor, "c n"],
    *,
    max_steps: int,
    tol: float = 0.0,
) -> Outcome:
    r"""Return where steepest descent of $E = -\sum_k F(o_k)$ ends; F is its table over o = -n ... n.

    Cost: one product of 2 c p n per flip for the costs of all units; the overlaps are kept, O(c p) memory.

    >>> x = torch.tensor([[1, 1, 1, -1, -1]], dtype=torch.int8)
    >>> cue = torch.tensor([[-1, 1, 1, -1, -1]], dtype=torch.int8)
    >>> steepest_additive(x, torch.arange(-5.0, 6.0) ** 2, cue, max_steps=5).states
    tensor([[ 1,  1,  1, -1, -1]], dtype=torch.int8)
    """

    def field(now: Tensor, found: Tensor) -> Tensor:
        return additive_field(patterns, table, now, found=found)

    return _descended(field, patterns, states, max_steps, tol)


def steepest_log_sum_exp(
    patterns: Int8[Tensor, "p n"],
    beta: float,
    bias: Float[Tensor, " p"] | None,
    states: Int8[Tensor, "c n"],
    *,
    max_steps: int,
    tol: float = TOLERANCE,
) -> Outcome:
    r"""Return where steepest descent of $E = -\frac1\beta \log \sum_k e^{\beta (o_k + b_k)}$ ends.

    Cost: as one `lse_field` per flip; the overlaps are kept, O(c p) memory.

    >>> x = torch.tensor([[1, 1, 1, -1, -1]], dtype=torch.int8)
    >>> cue = torch.tensor([[-1, 1, 1, -1, -1]], dtype=torch.int8)
    >>> steepest_log_sum_exp(x, 1.0, None, cue, max_steps=5).states
    tensor([[ 1,  1,  1, -1, -1]], dtype=torch.int8)
    """

    def field(now: Tensor, found: Tensor) -> Tensor:
        return lse_field(patterns, beta, bias, now, found=found)

    return _descended(field, patterns, states, max_steps, tol)


def _descended(
    field: Callable[[Tensor, Tensor], Tensor],
    patterns: Tensor | None,
    states: Tensor,
    max_steps: int,
    tol: float,
) -> Outcome:
    count = len(states)
    flips = torch.zeros(count, dtype=torch.int64)
    converged, tied = torch.zeros(count, dtype=torch.bool), torch.zeros(count, dtype=torch.bool)
    result, now, rows = states.clone(), states.clone(), torch.arange(count)
    found = torch.empty(count, 0, dtype=torch.int32) if patterns is None else overlaps(states, patterns)
    for step in range(max_steps + 1):
        if not len(rows):
            break
        fields = field(now, found)
        costs = now * fields
        lowest = costs.amin(1, keepdim=True)
        done = lowest[:, 0] >= -tol
        result[rows], tied[rows], converged[rows] = now, (fields.abs() <= tol).any(1), done
        if step == max_steps:
            break
        moving = (~done).nonzero()[:, 0]
        unit = (costs[moving] <= lowest[moving] + tol).to(torch.int8).argmax(1)
        rows, now, found = rows[moving], now[moving], found[moving]
        each = torch.arange(len(rows))
        if patterns is not None:
            found -= 2 * now[each, unit].to(torch.int32)[:, None] * patterns[:, unit].T
        now[each, unit] *= -1
        flips[rows] += 1
    return Outcome(result, flips.clone(), flips, converged, tied, None, complete=True)
