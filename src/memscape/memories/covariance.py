"""The covariance rule: patterns whose units are mostly off."""

from typing import Unpack

import torch

from memscape.core.cards import Card, register
from memscape.core.errors import InputError
from memscape.mechanisms.energies import PatternEnergy
from memscape.memories.pattern_memory import Reading
from memscape.memories.quadratic_memory import QuadraticMemory


@register
class Covariance(QuadraticMemory):
    """Stores biased patterns with the covariance rule, and a threshold half-way between on and off.

    $J_{ij} = \\frac{1}{n(1-a^2)} \\sum_\\mu (\\xi_i^\\mu - a)(\\xi_j^\\mu - a)$ act on $s - a$, with the
    threshold a, where a is the mean unit. With 0/1 units of activity $f = (1+a)/2$ this is $J \\propto \\sum
    (\\eta_i - f)(\\eta_j - f)$. The lower the activity the more patterns it holds, where Hebb's rule holds
    none.

    Args:
        patterns: (p, n) entries +-1, all of about the same mean.
        mean: a, in (-1, 1); None is the mean of the stored patterns, which then moves with what is stored.
        units: n, for an empty memory.
        reading: `threshold`, `unknown`, `ambiguous`, `damage`; see `Reading`.

    Store keeps pn bytes; a recall costs O(pn) per cue and sweep.

    >>> import memscape as ms
    >>> X = ms.patterns.biased(60, 500, bias=-0.8, generator=0)
    >>> memory = ms.memories.Covariance(X)
    >>> float(memory.recall(X, generator=0).exact.double().mean()) > 0.9
    True

    Tsodyks and Feigelman 1988; Buhmann, Divko and Schulten 1989; Amit, Gutfreund and Sompolinsky 1987.
    """

    card = Card(
        name="Covariance",
        paper="Tsodyks and Feigelman 1988; Buhmann, Divko and Schulten 1989",
        parts="Bipolar x covariance rule with threshold x quadratic x asynchronous descent",
        space="-1, +1, all patterns of about the same mean",
        capacity="grows as 1 / (f ln(1/f)) n as the activity f falls",
        cost="store O(pn); recall O(bpn) per sweep; memory 9pn bytes",
        limits="one mean for all patterns; overlaps of biased patterns are high from the start",
    )

    _options = ("mean",)

    def __init__(
        self,
        patterns: object = None,
        *,
        mean: float | None = None,
        units: int | None = None,
        **reading: Unpack[Reading],
    ):
        if mean is not None and not -1 < mean < 1:
            raise InputError(f"the mean is {mean}; it must lie between -1 and 1, both excluded")
        self.mean = mean
        super().__init__(patterns, units, reading)

    @property
    def bias(self) -> float:
        """a, the mean unit that the rule subtracts."""
        return float(self.patterns.double().mean()) if self.mean is None else self.mean

    def _build_energy(self) -> PatternEnergy:
        # (X - a)'(X - a) is X'X with one more row of ones: a basis that stays whole numbers
        p, n, a = len(self), self.units, self.bias
        if abs(a) == 1:
            raise InputError("all stored units are equal, so the covariance is 0; store other patterns")
        ones = torch.ones(1, n, dtype=torch.int8, device=self.patterns.device)
        mixing = torch.eye(p + 1, dtype=torch.float64, device=self.patterns.device)
        mixing[:p, p] = mixing[p, :p] = -a
        mixing[p, p] = p * a * a
        basis = torch.cat([self.patterns, ones])
        bare = PatternEnergy(basis, mixing / (n * (1 - a * a)), patterns=self.patterns)
        # the couplings act on s - a: what the mean activity alone exerts is noise, and is taken off
        return bare.with_field(a - a * bare.field(ones.float())[0])

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, mean {self.bias:.3g}" if len(self) else super().extra_repr()
