"""The oracles of quadratic energies: textbook loops in numpy, one unit at a time, nothing clever.

E(s) = -1/2 s'Ws - theta's with a symmetric W of zero diagonal; h_i = (Ws)_i + theta_i. Integer couplings are
summed as integers. Every fast kernel of the package is tested against these loops.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from memscape.kernels.noise import logistic_noise
from memscape.kernels.sweeps import Noise


def couplings(patterns: np.ndarray, factor: np.ndarray | None = None) -> np.ndarray:
    """Return W = X'A (X'X without a factor) with zero diagonal, (n, n); integers stay integers.

    >>> couplings(np.array([[1, -1, 1]]))
    array([[ 0, -1,  1],
           [-1,  0, -1],
           [ 1, -1,  0]])
    """
    exact = patterns.astype(np.int64)
    weights = exact.T @ (exact if factor is None else factor.astype(np.float64))
    np.fill_diagonal(weights, 0)
    return weights


def visit(weights, theta, state, i, *, tolerance=0, thermal=None) -> tuple[bool, bool]:
    """Update unit `i` of `state` in place; return whether it flipped and whether its field was zero.

    `thermal` is T * g, the noise added to the field; None is descent, where a tie keeps the unit.
    """
    h = np.dot(weights[i], state.astype(weights.dtype)) + theta[i]
    tied = abs(h) <= tolerance
    flip = state[i] * h < -tolerance if thermal is None else (state[i] > 0) != (h + thermal > 0)
    if flip:
        state[i] = -state[i]
    return bool(flip), bool(tied)


def asynchronous(weights, theta, state, order, *, tolerance=0, thermal=None) -> tuple[int, bool]:
    """Visit every unit of `state` (n,) once in `order`; return the flips and whether any field was zero.

    Cost: O(n^2).
    """
    visits = [
        visit(weights, theta, state, i, tolerance=tolerance, thermal=None if thermal is None else thermal[i])
        for i in order
    ]
    return sum(flip for flip, _ in visits), any(tied for _, tied in visits)


def steepest(weights, theta, state, *, max_steps=10**9, tolerance=0) -> tuple[int, bool, bool]:
    """Flip the unit of lowest dE = 2 s_i h_i < 0, the first of equals, until none is left.

    Works in place and stops after `max_steps`; returns the steps, whether it
    converged, and whether a field is zero at the end. Cost:
    O(n^2) a step.
    """
    for step in range(max_steps + 1):
        h = weights @ state.astype(weights.dtype) + theta
        cost = state * h
        if cost.min() >= -tolerance:
            return step, True, bool((np.abs(h) <= tolerance).any())
        if step == max_steps:
            break
        i = int(np.flatnonzero(cost <= cost.min() + tolerance)[0])
        state[i] = -state[i]
    return max_steps, False, bool((np.abs(h) <= tolerance).any())


def energy(weights, theta, state) -> float:
    """Return E(s) = -1/2 s'Ws - theta's."""
    s = state.astype(weights.dtype)
    return float(-0.5 * (s @ weights @ s) - theta @ s)


class NaiveSweeper:
    """The textbook loop behind the interface of every sweeper."""

    def __init__(
        self, weights: np.ndarray, theta: np.ndarray, tolerance: float, states: Tensor, cues: Tensor
    ):
        self._weights, self._theta, self._tolerance = weights, theta, tolerance
        self._states, self._cues = states.numpy().copy(), cues

    def sweep(self, order: Tensor, noise: Noise | None) -> tuple[Tensor, Tensor]:
        """See `Sweeper.sweep`."""
        thermal = [None] * len(self._states)
        if noise is not None:
            units = torch.arange(self._states.shape[1])
            drawn = logistic_noise(noise.seed, self._cues, noise.sweep, units)
            thermal = list((noise.temperature * drawn).numpy())
        done = [
            asynchronous(
                self._weights, self._theta, state, order.tolist(), tolerance=self._tolerance, thermal=heat
            )
            for state, heat in zip(self._states, thermal, strict=True)
        ]
        return torch.tensor([flips for flips, _ in done]), torch.tensor([tied for _, tied in done])

    def keep(self, rows: Tensor) -> None:
        """See `Sweeper.keep`."""
        self._states, self._cues = self._states[rows.numpy()], self._cues[rows]

    def states(self) -> Tensor:
        """See `Sweeper.states`."""
        return torch.from_numpy(self._states.copy())


def loop(
    weights: np.ndarray, theta: np.ndarray | None = None, tolerance: float = 0
) -> Callable[[Tensor, Tensor], NaiveSweeper]:
    """Return the `start` of textbook loops over `weights` (n, n) for `sweeps.run`."""
    zero = np.zeros(len(weights), weights.dtype) if theta is None else theta

    def start(states: Tensor, cues: Tensor) -> NaiveSweeper:
        return NaiveSweeper(weights, zero, tolerance, states, cues)

    return start
