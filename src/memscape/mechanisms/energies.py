"""Energies as data: what a memory *is*. Memories build them, dynamics and landscapes read them.

Conventions. The energy is extensive. The field of a unit of a discrete state is the exact effective field
$h_i = \\frac12 [E(s_i = -1) - E(s_i = +1)]$, so a flip costs $\\Delta E_i = 2 s_i h_i$ for every energy. A
unit that is 0 is
unknown: its field is read with the other unknown units left out. The wells' terms say what each pattern
    contributes.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.errors import InputError
from memscape.kernels import dense_fields as dense
from memscape.mechanisms.separation import Additive, RegularisedMax, Separation, Softmax

CHUNK = 1 << 24
"""Numbers that a chunked computation holds at once."""


@dataclass(frozen=True)
class Wells:
    """The wells' terms at a batch of states, reduced.

    Best term, its pattern, and its lead over all others.
    """

    best: Float[Tensor, " b"]
    index: Int[Tensor, " b"]
    gap: Float[Tensor, " b"]


class Energy(ABC):
    """A function of the state with a field; `patterns` (p, n) is None where there are none."""

    patterns: Any
    units: int

    def __getstate__(self) -> dict[str, Any]:
        # without what kernels made of it: that holds functions, which cannot be pickled, and is made again
        return {name: value for name, value in vars(self).items() if name != "_form"}

    @abstractmethod
    def energy(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        """Return E of every state, float64 in discrete spaces."""

    @abstractmethod
    def field(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """Return the exact effective field of every unit of discrete states."""

    @abstractmethod
    def with_field(self, field: Float[Tensor, " n"]) -> "Energy":
        """Return this energy minus `field` . s, an external drive."""

    @abstractmethod
    def terms(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b p"]:
        """Return the wells' terms; an energy without patterns has none and returns (b, 0)."""

    def wells(self, states: Float[Tensor, "b n"]) -> Wells:
        """Return the reduced wells' terms, in chunks: O(b p n) time, bounded memory."""
        parts = [self.reduced(self.terms(rows)) for rows in _chunks(states, max(1, len(self.patterns)))]
        return Wells(
            *(torch.cat([getattr(part, name) for part in parts]) for name in ("best", "index", "gap"))
        )

    def reduced(self, terms: Float[Tensor, "b p"]) -> Wells:
        """Return wells' terms reduced to the best one and its lead."""
        best, index = terms.max(-1)
        if terms.shape[-1] == 1:
            return Wells(best, index, torch.full_like(best, math.inf))
        others = terms.scatter(-1, index[:, None], -math.inf)
        return Wells(best, index, best - self._merged(others))

    def _merged(self, others: Tensor) -> Tensor:
        return others.amax(-1)


def _chunks(states: Tensor, width: int) -> Iterator[Tensor]:
    yield from states.split(max(1, CHUNK // max(width, states.shape[-1])))


def overlaps(patterns: Tensor, states: Float[Tensor, "b n"]) -> Float[Tensor, "b p"]:
    """Return the raw overlaps $\\xi^\\mu \\cdot s$; exact where patterns and states are integers (n < 2**24).

    Patterns are kept in int8 and converted in blocks, so nothing of the size of X in float is held.
    """
    if patterns.dtype == states.dtype:
        return states @ patterns.T
    rows = max(1, CHUNK // patterns.shape[1])
    return torch.cat([states @ block.to(states.dtype).T for block in patterns.split(rows)], dim=-1)


def _back(patterns: Tensor, values: Float[Tensor, "b p"]) -> Float[Tensor, "b n"]:
    """Return values X, patterns converted in blocks."""
    if patterns.dtype == values.dtype:
        return values @ patterns
    rows = max(1, CHUNK // patterns.shape[1])
    result = torch.zeros(len(values), patterns.shape[1], dtype=values.dtype, device=values.device)
    for first in range(0, len(patterns), rows):
        block = patterns[first : first + rows].to(values.dtype)
        result.addmm_(values[:, first : first + rows], block)
    return result


def _drive(field: Tensor | None, states: Tensor) -> Tensor | float:
    return 0.0 if field is None else states.double() @ field.double()


def _sum_fields(first: Tensor | None, second: Tensor) -> Tensor:
    return second if first is None else first + second


class PatternEnergy(Energy):
    """$E = -\\frac12 s^T J s - \\theta \\cdot s$ with $J = X^T L X$ and zero diagonal; J is never built.

    Hebbian, projection, dreaming, covariance and hierarchical memories are this energy with different L.
    Where L is a multiple of the identity the couplings stay integer and unscaled, so that ties and fixed
    points are exact; results are scaled on output.

    Args:
        basis: X (q, n) int8 entries -1, 0, +1: the patterns, or rows that span them.
        mixing: L: a number (a multiple of the identity) or a symmetric (q, q) matrix.
        field: (n,) thresholds $\\theta$, in units of the field.
        rounding: by how much the factors' rounding may shift a field; smaller fields are ties.
        patterns: (p, n) what is stored, where it is not the basis itself. The wells' terms are
            $\\frac12 o_\\mu (L o)_\\mu$ in the first case, $o_\\mu^2 / 2n$ in the second.
    """

    def __init__(
        self,
        basis: Tensor,
        mixing: float | Tensor,
        field: Tensor | None = None,
        patterns: Tensor | None = None,
        rounding: float = 0.0,
    ):
        self.basis, self.mixing, self.theta, self.rounding = basis, mixing, field, rounding
        self.patterns = basis if patterns is None else patterns
        self.units = basis.shape[1]

    @cached_property
    def mixed(self) -> Float[Tensor, "q n"]:
        """A = L X in float64."""
        if isinstance(self.mixing, Tensor):
            return self.mixing.double().to(self.basis.device) @ self.basis.double()
        return self.mixing * self.basis.double()

    @cached_property
    def diagonal(self) -> Float[Tensor, " n"]:
        """$(X^T L X)_{ii}$, which is left out of J, float64."""
        if isinstance(self.mixing, Tensor):
            return (self.mixed * self.basis).sum(0)
        counts = self.basis.to(torch.int16).abs_().sum(0, dtype=torch.int64)
        return self.mixing * counts.double()

    def _weighted(self, o: Float[Tensor, "b q"]) -> Float[Tensor, "b q"]:
        return o @ self.mixing.double() if isinstance(self.mixing, Tensor) else o * self.mixing

    def energy(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        o = overlaps(self.basis, states).double()
        own = states.double().square() @ self.diagonal
        return -0.5 * ((o * self._weighted(o)).sum(-1) - own) - _drive(self.theta, states)

    def field(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        o = overlaps(self.basis, states).double()
        if isinstance(self.mixing, Tensor):
            h = o @ self.mixed - states.double() * self.diagonal
        else:
            counts = self.diagonal / self.mixing
            h = (_back(self.basis, o) - states.double() * counts) * self.mixing
        return h if self.theta is None else h + self.theta.double()

    def terms(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b p"]:
        o = overlaps(self.patterns, states).double()
        if self.patterns is self.basis:
            return 0.5 * o * self._weighted(o)
        return o.square() / (2 * self.units)

    def with_field(self, field: Float[Tensor, " n"]) -> "PatternEnergy":
        theta = _sum_fields(self.theta, field)
        return PatternEnergy(self.basis, self.mixing, theta, self.patterns, self.rounding)

    def couplings(self) -> Float[Tensor, "n n"]:
        """Return J (n, n) float64."""
        X = self.basis.double()
        return (self.mixed.T @ X).fill_diagonal_(0.0)


class Couplings(Energy):
    """$E = -\\frac12 s^T J s - \\theta \\cdot s$ with J given, symmetric, zero diagonal.

    Args:
        weights: J (n, n).
        field: (n,) thresholds $\\theta$.
        patterns: (p, n) what was stored, if known; the wells' terms are then $o_\\mu^2 / 2n$.
    """

    def __init__(self, weights: Tensor, field: Tensor | None = None, patterns: Tensor | None = None):
        self.weights, self.theta, self.patterns = weights, field, patterns
        self.units = weights.shape[0]

    def energy(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        s = states.double()
        return -0.5 * ((s @ self.weights.double()) * s).sum(-1) - _drive(self.theta, states)

    def field(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        h = states.double() @ self.weights.double()
        return h if self.theta is None else h + self.theta.double()

    def terms(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b p"]:
        if self.patterns is None:
            return torch.zeros(len(states), 0, dtype=torch.float64, device=states.device)
        return overlaps(self.patterns, states).double().square() / (2 * self.units)

    def with_field(self, field: Float[Tensor, " n"]) -> "Couplings":
        return Couplings(self.weights, _sum_fields(self.theta, field), self.patterns)

    def couplings(self) -> Float[Tensor, "n n"]:
        """Return J (n, n) float64."""
        return self.weights.double()


class Separated(Energy):
    """$E = -T(Xs + b) + \\frac{\\nu}{2} |s|^2 - \\theta \\cdot s$, T the total of a separation.

    Args:
        patterns: (p, n), int8 entries -1, 0, +1 in discrete spaces, floats in real ones.
        separation: what overlaps become.
        bias: (p,) in units of overlap; only regularised maxima take one.
        norm: $\\nu$, 1 for real states (the confining term), 0 for discrete ones, where the term is constant.
        field: (n,) external drive $\\theta$.
    """

    def __init__(
        self,
        patterns: Tensor,
        separation: Separation,
        bias: Tensor | None = None,
        norm: float = 0.0,
        field: Tensor | None = None,
    ):
        if bias is not None and not isinstance(separation, RegularisedMax):
            raise InputError(f"a bias needs Softmax, Sparsemax or Entmax; {separation} takes none")
        self.patterns, self.separation, self.bias, self.norm, self.theta = (
            patterns,
            separation,
            bias,
            norm,
            field,
        )
        self.units = patterns.shape[1]

    @cached_property
    def norms(self) -> Float[Tensor, " p"]:
        """Euclidean norms of the patterns."""
        return self.patterns.to(torch.float64).norm(dim=-1).to(torch.float32)

    def shifted(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b p"]:
        """Return the overlaps plus the bias; float64 where the space is discrete."""
        o = overlaps(self.patterns, states)
        if self.norm == 0.0:
            o = o.double()
        return o if self.bias is None else o + self.bias.to(o.dtype)

    def energy(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        parts = [self.separation.total(self.shifted(rows)) for rows in _chunks(states, len(self.patterns))]
        quadratic = 0.5 * self.norm * states.square().sum(-1)
        return quadratic.to(parts[0].dtype) - torch.cat(parts) - _drive(self.theta, states)

    def field(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        h = torch.cat([self._field(rows) for rows in _chunks(states, 4 * len(self.patterns))])
        return h if self.theta is None else h + self.theta.to(h.dtype)

    def _field(self, states: Tensor) -> Tensor:
        if isinstance(self.separation, Additive):
            return dense.additive_field(
                self.patterns, self.separation.table(self.units), states.to(torch.int8)
            )
        if isinstance(self.separation, Softmax):
            return dense.lse_field(
                self.patterns, float(self.separation.beta), self.bias, states.to(torch.int8)
            )
        return self._two_evaluations(self.shifted(states), states)

    def _two_evaluations(self, o: Tensor, states: Tensor) -> Tensor:
        few = max(1, CHUNK // (4 * o.numel()))  # units that are turned at once
        pieces = [self._units_field(o, states[:, i : i + few], i) for i in range(0, self.units, few)]
        return torch.cat(pieces, -1)

    def _units_field(self, o: Tensor, some: Tensor, first: int) -> Tensor:
        """Return the fields (b, k) of units `first`, ... of value `some`: each is turned up and down."""
        columns = self.patterns[:, first : first + some.shape[1]].T.to(o.dtype)
        turned = torch.stack([1 - some.to(o.dtype), -1 - some.to(o.dtype)])
        up, down = self.separation.total(o[:, None] + turned[..., None] * columns)
        return (up - down) / 2

    def unit_field(self, states: Tensor, unit: int) -> Float[Tensor, " b"]:
        """Return the field of one unit of discrete states, by two evaluations of the separation. O(b p n)."""
        h = self._units_field(self.shifted(states.to(torch.float32)), states[:, unit, None], unit)[:, 0]
        return h if self.theta is None else h + self.theta[unit].double()

    def terms(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b p"]:
        return self.separation.terms(self.shifted(states))

    def _merged(self, others: Tensor) -> Tensor:
        if isinstance(self.separation, Softmax):
            return torch.logsumexp(self.separation.beta * others, -1) / self.separation.beta
        return others.amax(-1)

    def gradient(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """Return $\\partial E / \\partial s$ for real states."""
        pull = self.separation.weights(self.shifted(states)) @ self.patterns.to(states.dtype)
        slope = self.norm * states - pull
        return slope if self.theta is None else slope - self.theta.to(states.dtype)

    def with_field(self, field: Float[Tensor, " n"]) -> "Separated":
        return Separated(self.patterns, self.separation, self.bias, self.norm, _sum_fields(self.theta, field))


def home(energy: Any) -> torch.device:
    """Return the device on which an energy lives, where its tensors say so; else the CPU."""
    held = getattr(energy, "patterns", None)
    held = getattr(energy, "weights", None) if held is None else held
    return held.device if isinstance(held, Tensor) else torch.device("cpu")
