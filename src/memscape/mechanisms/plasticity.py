"""Plasticity by spike times: a synapse learns from the order in which its two cells fire."""

import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError

LONG_AGO = 10_000.0
"""Ticks since a spike that never was."""


@dataclass(frozen=True)
class SpikeTimes:
    """Ticks since the last spike of every cell before (k) and after (v) the synapses."""

    before: Float[Tensor, " k"]
    after: Float[Tensor, " v"]

    @classmethod
    def never(cls, before: int, after: int) -> "SpikeTimes":
        """Return the times of cells that have not fired yet."""
        return cls(torch.full((before,), LONG_AGO), torch.full((after,), LONG_AGO))


@dataclass(frozen=True)
class SpikeTiming:
    """Pair-based plasticity, nearest spikes, additive and clipped, with an optional heterosynaptic term.

    A spike of the later cell strengthens by $A_+ e^{-\\Delta t/\\tau}$, $\\Delta t$ since the last spike of
    the cell before; a spike of the cell before weakens by $A_- e^{-\\Delta t/\\tau}$, $\\Delta t$ since the
    last spike of the cell after. The spike of the later cell is seen `delay` ticks late (dendritic delay):
    two cells that fire together then count as in order, and the synapse learns.

    `rival` > 0 adds: where cells on both sides are active, a synapse between an active cell of the `owner`
    side and a silent one of the other side weakens by that much. That is what makes room for a new content.

    Args:
        potentiation, depression: $A_+$ and $A_-$ in units of weight.
        tau: in ticks, above 0.
        high: the largest weight.
        delay: ticks.
        rival: heterosynaptic depression in units of weight; 0 leaves it out.
        window: ticks within which a spike counts as active for the heterosynaptic term.

    Song, Miller and Abbott 2000 (pairs); Lynch, Dunwiddie and Gribkoff 1977 (heterosynaptic depression).
    """

    potentiation: float = 6.0
    depression: float = 6.0
    tau: float = 3.0
    high: float = 6.0
    delay: int = 1
    rival: float = 0.0
    window: int = 2

    def __post_init__(self) -> None:
        require_count(self.delay, "delay", low=0)
        require_count(self.window, "window")
        if not self.tau > 0:
            raise InputError(f"tau is {self.tau}; it must be above 0 ticks")
        if min(self.potentiation, self.depression, self.rival) < 0 or not self.high > 0:
            raise InputError("potentiation, depression and rival must be 0 or more, and high above 0")

    def step(
        self,
        weights: Float[Tensor, "k v"],
        times: SpikeTimes,
        before: Bool[Tensor, " k"],
        after: Bool[Tensor, " v"],
        taught: Bool[Tensor, " o"] | None = None,
        owner: str = "before",
    ) -> tuple[Float[Tensor, "k v"], SpikeTimes]:
        """Return weights and times after one tick in which cells fired. O(kv).

        Args:
            weights: (k, v) in [0, high].
            times: since the last spikes.
            before, after: who fires in this tick, `after` as it is seen at the synapse.
            taught: cells of the owner's side that are being taught in this tick: for them the heterosynaptic
                term runs; None leaves it out.
            owner: "before" or "after", the side to which a memory belongs.
        """
        now = SpikeTimes(times.before + 1, times.after + 1)
        weaker = torch.exp(-now.after / self.tau) * self.depression
        weights = (weights - before[:, None] * weaker).clamp_min(0.0)
        now = replace(now, before=torch.where(before, 0.0, now.before))
        stronger = torch.exp(-now.before / self.tau) * self.potentiation
        weights = (weights + stronger[:, None] * after).clamp_max(self.high)
        now = replace(now, after=torch.where(after, 0.0, now.after))
        if taught is not None and self.rival > 0:
            weights = self._without_rivals(weights, now, taught, owner)
        return weights, now

    def _without_rivals(self, weights: Tensor, now: SpikeTimes, taught: Tensor, owner: str) -> Tensor:
        others = now.after if owner == "before" else now.before
        active = others <= self.window
        if not bool(active.any()):  # nothing is being written: a recall leaves the weights alone
            return weights
        lost = taught[:, None] & ~active[None, :] if owner == "before" else ~active[:, None] & taught[None, :]
        return (weights - self.rival * lost).clamp_min(0.0)


def trace(fading: float | Tensor, spikes: Tensor, tau: float) -> Tensor:
    """Return a spike trace after one tick, $x \\leftarrow x e^{-1/\\tau} + s$: a decayed count of spikes.

    >>> trace(torch.tensor([1.0]), torch.tensor([1.0]), tau=1.0)
    tensor([1.3679])
    """
    return torch.as_tensor(fading) * math.exp(-1 / tau) + spikes
