"""Leaky states: what a unit was fades as it takes in what comes; with a threshold it spikes."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from memscape.core.errors import InputError


def leak(
    state: Float[Tensor, "... n"], drive: Float[Tensor, "... n"], tau: float | Tensor
) -> Float[Tensor, "... n"]:
    """Return $h \\leftarrow (1 - 1/\\tau)\\, h + (1/\\tau)\\, x$: a low-pass of tau steps. O(n).

    At $\\tau = 1$ the state is the drive; tau may differ from unit to unit and may be learnt.

    Raises:
        InputError: for a time constant below 1 step.

    >>> leak(torch.tensor([4.0]), torch.tensor([0.0]), 2.0)
    tensor([2.])
    """
    require_time_constant(tau)
    return low_pass(state, drive, torch.as_tensor(1 / tau, dtype=state.dtype, device=state.device))


def low_pass(
    state: Float[Tensor, "... n"], drive: Float[Tensor, "... n"], share: Tensor
) -> Float[Tensor, "... n"]:
    """Return $h + s (x - h)$, the step of `leak` for shares $s = 1 / \\tau$ in (0, 1]. O(n).

    For long courses: the time constants are checked once, before the first step, with
    `require_time_constant`.

    >>> low_pass(torch.tensor([4.0]), torch.tensor([0.0]), torch.tensor([0.25]))
    tensor([3.])
    """
    return torch.lerp(state, drive, share)


def require_time_constant(tau: float | Tensor, low: float = 1.0) -> None:
    """Raise `InputError` unless every time constant is finite and at least `low` steps."""
    value = torch.as_tensor(tau).detach()
    if not bool(((value >= low) & value.isfinite()).all()):
        raise InputError(
            f"a time constant is {float(value.min()):g}; it must be finite and at least {low:g} steps"
        )


def shift(history: Float[Tensor, "... n m"], new: Float[Tensor, "... n"]) -> Float[Tensor, "... n m"]:
    """Return the history of the last m values of each unit with the newest at the end. O(nm).

    >>> shift(torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([4.0]))
    tensor([[2., 3., 4.]])
    """
    return torch.cat([history[..., 1:], new[..., None]], -1)


@dataclass(frozen=True)
class Spiking:
    """The leaky integrate-and-fire cell with a current that decays, updated exactly once per millisecond.

    Within a tick of 1 ms, voltages relative to rest in mV, currents in nA:
    $I \\leftarrow I + \\tau_s (1 - e^{-1/\\tau_s})\\, w$, $V \\leftarrow I R - (I R - V) e^{-1/\\tau_m}$ with
    $R = \\tau_m / C$ (not while refractory), a spike where $V \\ge V_{th}$, then V = 0 and `refractory` ticks
    of silence, then $I \\leftarrow I e^{-1/\\tau_s}$.

    Args:
        tau: $\\tau_m$ in ms, a number or one for each cell.
        capacity: C in nF.
        synapse: $\\tau_s$ in ms.
        threshold: $V_{th}$ in mV above rest.
        refractory: ticks.
        floor: lowest voltage in mV relative to rest, where inhibition has its reversal; 0 or below.

    Raises:
        InputError: for time constants or a capacity not above 0.
    """

    tau: Tensor
    capacity: Tensor
    synapse: float = 0.3
    threshold: float = 3.0
    refractory: int = 1
    floor: float = -math.inf

    def __post_init__(self) -> None:
        for value, what in ((self.tau, "tau"), (self.capacity, "capacity"), (self.synapse, "synapse")):
            if not bool((torch.as_tensor(value) > 0).all()):
                raise InputError(f"{what} is {float(torch.as_tensor(value).min()):g}; it must be above 0")

    def rest(self) -> "Potential":
        """Return the state of silent cells."""
        zeros = torch.zeros_like(self.tau)
        return Potential(zeros, zeros, zeros.to(torch.int64))

    def step(
        self, state: "Potential", arriving: Float[Tensor, " n"]
    ) -> tuple[Bool[Tensor, " n"], "Potential"]:
        """Return which cells spike in this tick and the state after it, for arriving weights in nA. O(n)."""
        fade = math.exp(-1 / self.synapse)
        current = state.current + self.synapse * (1 - fade) * arriving
        target = current * self.tau / self.capacity
        moved = target - (target - state.voltage) * torch.exp(-1 / self.tau)
        voltage = torch.where(state.waiting > 0, state.voltage, moved.clamp_min(self.floor))
        spikes = voltage >= self.threshold
        waiting = torch.where(spikes, self.refractory, (state.waiting - 1).clamp_min(0))
        return spikes, Potential(torch.where(spikes, 0.0, voltage), current * fade, waiting)


@dataclass(frozen=True)
class Potential:
    """The state of spiking cells: voltage (mV above rest), current (nA), ticks of silence left."""

    voltage: Float[Tensor, " n"]
    current: Float[Tensor, " n"]
    waiting: Tensor
