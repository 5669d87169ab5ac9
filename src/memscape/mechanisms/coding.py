"""Competitive codes: scores become few winners, and how sharply follows from how familiar the input is."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError
from memscape.core.random import Generator, resolve


def k_winners(scores: Float[Tensor, "... m"], k: int) -> Float[Tensor, "... m"]:
    """Return 1 at the k largest scores of each row and 0 elsewhere; ties go to the first. O(m log m).

    Raises:
        InputError: for k outside 1 ... m.

    >>> k_winners(torch.tensor([0.1, 0.9, 0.5]), 2)
    tensor([0., 1., 1.])
    """
    if require_count(k, "k") > scores.shape[-1]:
        raise InputError(f"k is {k} but there are only {scores.shape[-1]} units; use k of at most that")
    order = scores.sort(dim=-1, descending=True, stable=True).indices
    return torch.zeros_like(scores).scatter_(-1, order[..., :k], 1.0)


def above(scores: Float[Tensor, "... m"], threshold: float | Tensor) -> Bool[Tensor, "... m"]:
    """Return which units fire: those whose score reaches the threshold.

    >>> above(torch.tensor([1.0, 3.0]), 2.0)
    tensor([False,  True])
    """
    return scores >= threshold


def allowed_softmax(
    scores: Float[Tensor, "... m"], allowed: Bool[Tensor, "... m"] | None = None, beta: float = 1.0
) -> Float[Tensor, "... m"]:
    """Return the softmax of scores over the allowed units; every other one has probability 0 exactly.

    $P_i = a_i e^{\\beta s_i} / \\sum_j a_j e^{\\beta s_j}$: a hard constraint is a mask, a soft one is a
    score.

    Raises:
        InputError: where a row allows no unit.

    >>> allowed_softmax(torch.tensor([5.0, 1.0, 1.0]), torch.tensor([False, True, True]))
    tensor([0.0000, 0.5000, 0.5000])
    """
    scores = beta * scores
    if allowed is None:
        return scores.softmax(-1)
    if not bool(allowed.any(-1).all()):
        raise InputError("the constraints allow no unit at all; relax one of them")
    return scores.masked_fill(~allowed, -torch.inf).softmax(-1)


@dataclass(frozen=True)
class CompetitiveCode:
    """Groups of units, one winner in each: by chance where the input is new, for sure where it is known.

    With support V in [0, 1] of every unit, $G = \\frac1Q \\sum_q \\max_k V_{qk}$ is the familiarity. Winners
    are drawn with chances in proportion to $\\psi = \\eta\\, \\sigma(\\lambda (V - v_0)) + 1$ where $\\eta =
    \\chi K [(G - G_{min}) / (1 - G_{min})]_+^\\gamma$: G = 0 gives every unit the same chance, so a new input
    gets a code of its own; G = 1 brings back the code that was stored; in between codes share more the more
    the inputs do.

    Args:
        groups: Q, winners of a code.
        size: K, units of a group.
        least: $G_{min}$ in [0, 1), familiarity below which winners are drawn evenly.
        power: $\\gamma$.
        gain: $\\chi$.
        slope: $\\lambda$.
        middle: $v_0$, support at which the sigmoid is one half.

    Rinkus 2010; Rinkus and Leveille 2017, arXiv 1710.07829 (form of $\\eta$ and $\\psi$ calibrated here).
    """

    groups: int
    size: int
    least: float = 0.1
    power: float = 2.0
    gain: float = 20.0
    slope: float = 20.0
    middle: float = 0.5

    def __post_init__(self) -> None:
        require_count(self.groups, "groups")
        require_count(self.size, "the size of a group", low=2)
        require_fraction(self.least, "least", high=0.999)
        require_fraction(self.middle, "middle")
        for name in ("power", "gain", "slope"):
            require_fraction(getattr(self, name), name, high=1e6)

    @property
    def units(self) -> int:
        """Q K, the number of units."""
        return self.groups * self.size

    def familiarity(self, support: Float[Tensor, "... m"]) -> Float[Tensor, "..."]:
        """Return G, the mean over groups of the best support in each."""
        return self._grouped(support).amax(-1).mean(-1)

    def winners(self, support: Float[Tensor, "... m"]) -> Int[Tensor, "... q"]:
        """Return the unit of largest support in each group; ties go to the first."""
        return self._grouped(support).argmax(-1)

    def chances(self, support: Float[Tensor, "... m"]) -> Float[Tensor, "... q k"]:
        """Return the chance of each unit to win its group."""
        G = self.familiarity(support)
        eta = self.gain * self.size * ((G - self.least) / (1 - self.least)).clamp(0, 1) ** self.power
        psi = eta[..., None, None] * torch.sigmoid(self.slope * (self._grouped(support) - self.middle)) + 1
        return psi / psi.sum(-1, keepdim=True)

    def drawn(self, support: Float[Tensor, "... m"], generator: Generator = None) -> Int[Tensor, "... q"]:
        """Return a winner for each group, drawn with the chances that familiarity gives."""
        chances = self.chances(support)
        flat = chances.reshape(-1, self.size).cpu().double()
        found = torch.multinomial(flat, 1, generator=resolve(generator))[:, 0]
        return found.to(support.device).reshape(chances.shape[:-1])

    def states(self, winners: Int[Tensor, "... q"]) -> Float[Tensor, "... m"]:
        """Return codes as states of 0 and 1: a one in each group."""
        zeros = torch.zeros(*winners.shape, self.size, device=winners.device)
        return zeros.scatter_(-1, winners[..., None], 1.0).flatten(-2)

    def overlap(self, a: Int[Tensor, "... q"], b: Int[Tensor, "... q"]) -> Float[Tensor, "..."]:
        """Return the share of groups in which two codes have the same winner."""
        return (a == b).float().mean(-1)

    def _grouped(self, support: Tensor) -> Tensor:
        return support.unflatten(-1, (self.groups, self.size))
