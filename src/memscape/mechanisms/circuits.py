"""Circuits of spiking cells: who is wired to whom, with which weight and after how many ticks."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.mechanisms.leaking import Potential, Spiking


@dataclass(frozen=True)
class Activity:
    """What a circuit carries from tick to tick: its cells' state and the spikes still on their way.

    `coming` holds the weights that will arrive after 1, 2, ... ticks, one row each.
    """

    cells: Potential
    coming: Float[Tensor, "d n"]


@dataclass(frozen=True)
class Circuit:
    """Cells and fixed wires. A plastic synapse is not a wire: its weights are given at every tick.

    Args:
        cells: one `Spiking` for all n cells.
        wires: delay in ticks (1 or more) to weights (n, n) in nA, from rows to columns; below 0 inhibits.

    Raises:
        InputError: for a delay below 1 or weights of another shape.
    """

    cells: Spiking
    wires: Mapping[int, Float[Tensor, "n n"]]

    def __post_init__(self) -> None:
        for delay, weights in self.wires.items():
            require_count(delay, "a delay")
            if weights.shape != (self.count, self.count):
                raise InputError(
                    f"wires of delay {delay} have shape {tuple(weights.shape)}; {self.count} cells need "
                    f"{(self.count, self.count)}"
                )

    @property
    def count(self) -> int:
        """The number of cells, n."""
        return len(self.cells.tau)

    def rest(self) -> Activity:
        """Return the activity of a circuit in which nothing has happened."""
        return Activity(self.cells.rest(), torch.zeros(max(self.wires, default=1), self.count))

    def step(self, activity: Activity, given: Float[Tensor, " n"]) -> tuple[Bool[Tensor, " n"], Activity]:
        """Return who spikes in this tick and the activity after it. O(n^2) for each delay.

        Args:
            activity: of the tick before.
            given: current in nA that arrives now from outside the wires: input, and plastic synapses.
        """
        spikes, cells = self.cells.step(activity.cells, activity.coming[0] + given)
        coming = torch.cat([activity.coming[1:], torch.zeros(1, self.count)])
        if bool(spikes.any()):
            for delay, weights in self.wires.items():
                coming[delay - 1] += weights[spikes].sum(0)
        return spikes, Activity(cells, coming)
