"""The oracle of separated energies: every visited unit evaluates the energy twice. Slow, short, obviously
right."""

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int8, Int64
from torch import Tensor

from memscape.kernels.noise import logistic_noise
from memscape.kernels.sweeps import Noise

Energy = Callable[[np.ndarray], float]


def additive_energy(patterns: Int8[Tensor, "p n"], table: Float[Tensor, " m"]) -> Energy:
    r"""Return the function $E(s) = -\sum_k F(o_k)$; F is given as its values at o = -n ... n.

    >>> energy = additive_energy(
    ...     torch.tensor([[1, -1]], dtype=torch.int8), torch.tensor([4.0, 1.0, 0.0, 1.0, 4.0])
    ... )
    >>> energy(np.array([1, -1]))
    -4.0
    """
    x, values = patterns.numpy().astype(np.int64), table.tolist()
    return lambda state: -math.fsum(values[o + x.shape[1]] for o in (x @ state.astype(np.int64)).tolist())


def lse_energy(patterns: Int8[Tensor, "p n"], beta: float, bias: Float[Tensor, " p"] | None = None) -> Energy:
    r"""Return the function $E(s) = -\frac1\beta \log \sum_k e^{\beta (o_k + b_k)}$.

    >>> lse_energy(torch.tensor([[1, -1]], dtype=torch.int8), 3.0)(np.array([1, -1]))
    -2.0
    """
    x = patterns.numpy().astype(np.int64)
    b = np.zeros(len(x)) if bias is None else bias.numpy().astype(np.float64)

    def energy(state: np.ndarray) -> float:
        terms = x @ state.astype(np.int64) + b
        best = terms.max()
        return -float(best + math.log(math.fsum(np.exp(beta * (terms - best)))) / beta)

    return energy


def naive_field(energy: Energy, state: np.ndarray, unit: int) -> float:
    r"""Return $h_i = \frac12 [E(s_i = -1) - E(s_i = +1)]$; the other units may hold 0 (unknown)."""
    up, down = state.copy(), state.copy()
    up[unit], down[unit] = 1, -1
    return 0.5 * (energy(down) - energy(up))


def naive_sweep(
    energy: Energy,
    states: Int8[Tensor, "c n"],
    order: Int64[Tensor, " n"],
    cues: Int64[Tensor, " c"],
    noise: Noise | None = None,
    tol: float = 0.0,
) -> tuple[Int8[Tensor, "c n"], Int64[Tensor, " c"]]:
    """Return the states after one sweep over all units in the given order, and the flips of each.

    At temperature 0 a unit flips iff s_i h_i < -tol; else it becomes +1 iff h_i + T g > 0 with the noise g of
    its address (seed, cue, sweep, unit).
    """
    after = states.numpy().copy()
    for row, state in enumerate(after):
        for unit in order.tolist():
            field = naive_field(energy, state, unit)
            if noise is not None:
                kick = logistic_noise(noise.seed, cues[row : row + 1], noise.sweep, torch.tensor([unit]))
                state[unit] = 1 if field + noise.temperature * float(kick) > 0 else -1
            elif state[unit] * field < -tol:
                state[unit] = -state[unit]
    result = torch.from_numpy(after)
    return result, (result != states).sum(1)


def naive_steepest(energy: Energy, state: np.ndarray, tol: float = 0.0) -> tuple[np.ndarray, int]:
    """Return the end of steepest descent (flip the unit of lowest cost below 0, the first of equals) and its
    flips."""
    state, flips = state.copy(), 0
    while True:
        fields = np.array([naive_field(energy, state, unit) for unit in range(len(state))])
        costs = state * fields
        if costs.min() >= -tol:
            return state, flips
        unit = int(np.flatnonzero(costs <= costs.min() + tol)[0])
        state[unit] = -state[unit]
        flips += 1
