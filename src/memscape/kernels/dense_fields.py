"""The fields of all units at once under separated energies, by matrix products.

With c_k = F(o_k) - [F(o_k+2) + F(o_k-2)] / 2 and g_k = [F(o_k+2) - F(o_k-2)] / 2 a flip of unit i costs
c_i + s_i (X^T g)_i, for all i from one product (c_i sums over the patterns with an opinion on i).
"""

import math

import torch
from jaxtyping import Float, Int8, Int32
from torch import Tensor

from memscape.core.errors import InputError
from memscape.kernels.packing import overlaps

_PATTERNS = 4096  # patterns that are turned into float64 at a time
_HELD = 1 << 23  # terms that are held in float64 at a time, 64 MiB
_SHARP = 100.0  # above it, weights relative to the best well lose those that a flip would bring back
_EXPANDED = 1.0  # up to here the change of the sum is expanded, above it logarithms are subtracted


def checked_table(patterns: Tensor, table: Tensor) -> Tensor:
    """Return the table in float64 if it fits the patterns, which must hold -1, 0, +1 in int8."""
    checked_patterns(patterns)
    units = patterns.shape[1]
    if table.ndim != 1 or len(table) != 2 * units + 1:
        raise InputError(
            f"the table has the shape {tuple(table.shape)}; {units} units need F at -{units} ... {units}, "
            f"{2 * units + 1} values"
        )
    table = table.detach().to(torch.float64)
    if not bool(table.isfinite().all()):
        raise InputError("the table of F holds NaN or infinities; use the log-sum-exp form for exponential F")
    return table


def checked_log_sum_exp(patterns: Tensor, beta: float, bias: Tensor | None) -> Tensor:
    """Return the bias (p,) in float64, zeros where it is None, if beta and bias are in range."""
    checked_patterns(patterns)
    if not beta > 0:
        raise InputError(f"beta is {beta}; it must be above 0")
    if bias is None:
        return torch.zeros(len(patterns), dtype=torch.float64, device=patterns.device)
    if tuple(bias.shape) != (len(patterns),):
        raise InputError(
            f"the bias has the shape {tuple(bias.shape)}; {len(patterns)} patterns need one value each"
        )
    bias = bias.detach().to(torch.float64)
    if not bool(bias.isfinite().all()):
        raise InputError(
            "the bias holds NaN or infinities; forget a pattern instead of giving it minus infinity"
        )
    return bias


def checked_patterns(patterns: Tensor) -> None:
    """Refuse patterns that are not int8 -1, 0, +1, or none at all."""
    if patterns.dtype != torch.int8 or patterns.ndim != 2 or not patterns.numel():
        raise InputError(
            f"patterns are {patterns.dtype} with the shape {tuple(patterns.shape)}; give int8, (p, n)"
        )
    low, high = torch.aminmax(patterns)
    if int(low) < -1 or int(high) > 1:
        raise InputError(f"patterns hold {int(low)} ... {int(high)}; a sweep needs -1, 0 and +1")


def additive_field(
    patterns: Int8[Tensor, "p n"],
    table: Float[Tensor, " m"],
    states: Int8[Tensor, "b n"],
    *,
    found: Int32[Tensor, "b p"] | None = None,
) -> Float[Tensor, "b n"]:
    r"""Return the fields of all units under $E = -\sum_k F(o_k)$, float64.

    For a unit +-1: $2 h_i = s_i \sum_k |x_{ki}| c_k + \sum_k x_{ki} g_k$; for an unknown unit (0)
    $2 h_i = \sum_k x_{ki} [F(o_k+1) - F(o_k-1)]$.

    Arguments:
        patterns: entries -1, 0, +1.
        table: F at o = -n ... n.
        states: entries -1, +1, or 0 for a unit that is not known.
        found: the overlaps X s, where they are known already.

    Raises:
        InputError: if the table does not fit.

    Cost: 4 b p n (8 b p n with zeros); exact where F is integer and p max|F| stays below 2^50.

    >>> x = torch.tensor([[1, -1, 1]], dtype=torch.int8)
    >>> additive_field(x, torch.arange(-3.0, 4.0) ** 2 / 2, torch.tensor([[1, -1, 0]], dtype=torch.int8))
    tensor([[ 1., -1.,  2.]], dtype=torch.float64)
    """
    table = checked_table(patterns, table)
    units = patterns.shape[1]
    padded = torch.cat([table[:1], table[:1], table, table[-1:], table[-1:]])
    above, below = padded[4:], padded[:-4]
    slope, curve, step = above - below, 2 * table - above - below, padded[3:-1] - padded[1:-3]
    unknown = states == 0
    partly, diluted = bool(unknown.any()), bool((patterns == 0).any())
    rows = []
    for part in _parts(states, patterns):
        here = overlaps(states[part], patterns) if found is None else found[part]
        signs = states[part].to(torch.float64)
        field = torch.zeros(signs.shape, dtype=torch.float64, device=states.device)
        blank = torch.zeros_like(field)
        for chunk in _slices(len(patterns), _PATTERNS):
            x, index = patterns[chunk].to(torch.float64), here[:, chunk].long() + units
            bend = curve[index] @ x.abs() if diluted else curve[index].sum(1, keepdim=True)
            field += 0.25 * (signs * bend + slope[index] @ x)
            if partly:
                blank += 0.5 * (step[index] @ x)
        rows.append(torch.where(unknown[part], blank, field))
    return torch.cat(rows) if rows else torch.zeros(states.shape, dtype=torch.float64)


def lse_field(
    patterns: Int8[Tensor, "p n"],
    beta: float,
    bias: Float[Tensor, " p"] | None,
    states: Int8[Tensor, "b n"],
    *,
    found: Int32[Tensor, "b p"] | None = None,
) -> Float[Tensor, "b n"]:
    r"""Return the fields of all units under $E = -\frac1\beta \log \sum_k e^{\beta (o_k + b_k)}$.

    $h_i = \frac{1}{2\beta} \log \frac{Z(s_i=+1)}{Z(s_i=-1)}$, each Z a sum of the weights of the wells
    with +1, with -1 and without opinion at unit i, which are kept apart so that no digit cancels.

    Arguments:
        patterns: entries -1, 0, +1.
        beta: above 0; infinity leaves the best well alone.
        bias: in units of overlap; None is 0.
        states: entries -1, +1, or 0 for a unit that is not known.
        found: the overlaps X s, where they are known already.

    Raises:
        InputError: if beta or the bias is out of range.

    Cost: 4 b p n (6 b p n for diluted patterns); above beta = 100 b p n comparisons, some 20 times slower.

    >>> x = torch.tensor([[1, -1, 1]], dtype=torch.int8)
    >>> lse_field(x, 2.0, None, torch.tensor([[1, -1, 0]], dtype=torch.int8))
    tensor([[ 1.0000, -1.0000,  1.0000]], dtype=torch.float64)
    """
    bias = checked_log_sum_exp(patterns, beta, bias)
    rows = []
    for part in _parts(states, patterns):
        here = overlaps(states[part], patterns) if found is None else found[part]
        terms = here.to(torch.float64).add_(bias)
        field = _smooth if beta <= _SHARP else _sharp
        rows.append(field(patterns, float(beta), terms, states[part].to(torch.float64)))
    return torch.cat(rows) if rows else torch.zeros(states.shape, dtype=torch.float64)


def _smooth(patterns: Tensor, beta: float, terms: Tensor, signs: Tensor) -> Tensor:
    weights = (beta * (terms - terms.amax(1, keepdim=True))).exp_()
    up, down, blank = (torch.zeros_like(signs) for _ in range(3))
    for chunk in _slices(len(patterns), _PATTERNS):
        x, share = patterns[chunk], weights[:, chunk]
        up += share @ (x > 0).to(torch.float64)
        down += share @ (x < 0).to(torch.float64)
        if bool((x == 0).any()):
            blank += share @ (x == 0).to(torch.float64)
    if beta <= _EXPANDED:
        low = up * torch.exp(-beta * (1 + signs)) + down * torch.exp(beta * (1 + signs)) + blank
        rise = 2 * math.sinh(beta) * (up * torch.exp(-beta * signs) - down * torch.exp(beta * signs))
        return torch.log1p(rise / low) / (2 * beta)
    return _difference(*(kind.log() / beta for kind in (up, down, blank)), beta, signs)


def _sharp(patterns: Tensor, beta: float, terms: Tensor, signs: Tensor) -> Tensor:
    fields = torch.empty_like(signs)
    width = max(1, _HELD // terms.numel())
    for units in _slices(patterns.shape[1], width):
        x = patterns[:, units]
        kinds = [_soft_top(terms, mask, beta) for mask in (x > 0, x < 0, x == 0)]
        fields[:, units] = _difference(*kinds, beta, signs[:, units])
    return fields


def _soft_top(terms: Tensor, mask: Tensor, beta: float) -> Tensor:
    """(1/beta) log sum exp(beta term) over the patterns of the mask (p, k), for each cue: (c, k)."""
    held = terms[:, :, None].masked_fill(~mask, -math.inf)
    best = held.amax(1)
    below = held - best.nan_to_num(neginf=0.0)[:, None]
    return best + _shares(below, beta).sum(1).clamp_(min=1.0).log_() / beta


def _difference(up: Tensor, down: Tensor, blank: Tensor, beta: float, signs: Tensor) -> Tensor:
    """Half of (1/beta) log Z(+1) - (1/beta) log Z(-1), from the logarithms of the three kinds of wells."""
    best, rest = [], []
    for target in (1.0, -1.0):
        kinds = torch.stack([up + (target - signs), down - (target - signs), blank])
        top = kinds.amax(0)
        best.append(top)
        rest.append(_shares(kinds - top, beta).sum(0).log() / beta)
    return 0.5 * ((best[0] - best[1]) + (rest[0] - rest[1]))


def _shares(below: Tensor, beta: float) -> Tensor:
    # 0 * infinity is no number: at the top itself the share is 1 whatever beta.
    return torch.where(below == 0, 1.0, torch.exp(beta * below))


def _parts(states: Tensor, patterns: Tensor) -> list[slice]:
    return _slices(len(states), max(1, _HELD // len(patterns)))


def _slices(count: int, size: int) -> list[slice]:
    return [slice(first, first + size) for first in range(0, count, size)]
