"""The highest state on the best way found between two states, for any energy over +-1 units."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float64, Int8
from torch import Tensor

from memscape.core.random import derived
from memscape.kernels import naive_paths
from memscape.kernels.lids import Rise, rise
from memscape.kernels.packing import pack
from memscape.kernels.paths import LARGEST, Way, beam_way, lowest_way
from memscape.landscape.subject import Subject, as_quadratic, quadratic_scale
from memscape.mechanisms.energies import Energy, home

SLACK = 1e-9
"""Heights closer to each other than this share of the largest |E| are equal."""

_STATES = 1 << 15  # states whose fields are taken together


class Crossing(ABC):
    """How ways over an energy are searched."""

    exact_units: int

    @abstractmethod
    def over(self, starts: Int8[Tensor, "k n"], ends: Int8[Tensor, "k n"], width: int) -> Int8[Tensor, "k n"]:
        """Return the highest state of the best way found between each start and its end, by a beam."""

    @abstractmethod
    def best(self, start: Int8[Tensor, " n"], end: Int8[Tensor, " n"]) -> Int8[Tensor, " n"]:
        """Return the highest state of the lowest of all ways over the units in which the two differ."""

    @abstractmethod
    def spill(self, start: Int8[Tensor, " n"], wells: Int8[Tensor, "k n"], lid: float, visits: int) -> Rise:
        """Let water rise in a well; see `lids.rise`. Energies are the memory's own."""


def crossing(subject: Subject, largest: float) -> Crossing:
    """Return the search that fits an energy; `largest` is the largest |E| that is met."""
    quadratic = as_quadratic(subject.energy)
    slack = SLACK * largest
    if quadratic is None:
        return _General(subject.energy, slack)
    return _Quadratic(*quadratic, quadratic_scale(subject.energy), slack)


class _Quadratic(Crossing):
    """Compiled, on couplings and thresholds that are `scale` times too large or small."""

    exact_units = LARGEST

    def __init__(self, weights: np.ndarray, theta: np.ndarray, scale: float, slack: float):
        self.weights = np.ascontiguousarray(weights, dtype=np.float64)
        self.theta, self.scale, self.slack = theta.astype(np.float64), scale, slack / scale

    def _parts(self, start: Tensor, end: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the differing units, what each flip costs at the start, and what pairs add to that."""
        s = start.double().cpu().numpy()
        units = np.flatnonzero((start != end).cpu().numpy())
        held = s[units]
        weights = self.weights[units]
        cost = 2 * held * (weights @ s + self.theta[units])
        return units, cost, -4 * held[:, None] * weights[:, units] * held

    def over(self, starts: Tensor, ends: Tensor, width: int) -> Tensor:
        rows = []
        for start, end in zip(starts, ends, strict=True):
            units, cost, pair = self._parts(start, end)
            forth = beam_way(cost, pair, width, self.slack)
            back = beam_way(-(cost + pair.sum(1)), pair, width, self.slack)
            total = float(cost.sum() + pair.sum() / 2)
            # Heights over the two ends are compared on one scale: back starts `total` higher.
            rows.append(
                _turned(start, units, forth)
                if forth.height <= back.height + total
                else _turned(end, units, back)
            )
        return torch.stack(rows) if rows else starts

    def best(self, start: Tensor, end: Tensor) -> Tensor:
        units, cost, pair = self._parts(start, end)
        return _turned(start, units, lowest_way(cost, pair))

    def spill(self, start: Tensor, wells: Tensor, lid: float, visits: int) -> Rise:
        found = rise(
            pack(start),
            self.weights,
            self.theta,
            pack(wells),
            lid=lid / self.scale,
            slack=self.slack,
            visits=visits,
        )
        s = self.scale
        return Rise(
            found.level * s,
            found.over * s,
            found.saddle,
            found.beyond,
            found.closed,
            found.wells,
            found.levels * s,
            found.highest,
            found.visited,
        )


class _General(Crossing):
    """Through the fields of the energy: slower, and right for any of them."""

    exact_units = 0

    def __init__(self, energy: Energy, slack: float):
        self.energy, self.slack = energy, slack

    def _costs(self, states: Tensor) -> Tensor:
        """What each flip costs (b, n), float64."""
        rows = states.reshape(-1, states.shape[-1]).float()
        parts = rows.to(home(self.energy)).split(_STATES)
        fields = torch.cat([self.energy.field(part).double().cpu() for part in parts])
        return 2 * (fields * rows).reshape(states.shape)

    def over(self, starts: Tensor, ends: Tensor, width: int) -> Tensor:
        few = max(1, _STATES // width)
        parts = zip(starts.split(few), ends.split(few), strict=True)
        return torch.cat([beam_over(self._costs, a, b, width) for a, b in parts])

    def best(self, start: Tensor, end: Tensor) -> Tensor:
        raise TypeError("the lowest of all ways is searched for quadratic energies only")

    def spill(self, start: Tensor, wells: Tensor, lid: float, visits: int) -> Rise:
        def costs(state: naive_paths.State) -> list[float]:
            return self._costs(torch.tensor([state], dtype=torch.int8))[0].tolist()

        listed = [tuple(row) for row in wells.tolist()]
        met = naive_paths.spill(tuple(start.tolist()), costs, set(listed), lid, self.slack, visits)
        place = {well: index for index, well in enumerate(listed)}
        here = tuple(start.tolist())

        def packed(state: naive_paths.State | None) -> np.ndarray:
            return pack(torch.tensor(here if state is None else state, dtype=torch.int8))

        tops = [packed(top) for _, top in met.met.values()]
        return Rise(
            met.level,
            met.over,
            packed(met.saddle),
            packed(met.beyond),
            met.closed,
            np.array([place[well] for well in met.met], dtype=np.int64),
            np.array([level for level, _ in met.met.values()], dtype=np.float64),
            np.array(tops, dtype=np.uint64).reshape(len(tops), len(packed(None))),
            visits,
        )


def _turned(start: Tensor, units: np.ndarray, way: Way) -> Tensor:
    state = start.clone()
    state[torch.from_numpy(units[way.flipped])] *= -1
    return state


def beam_over(
    costs: Callable[[Tensor], Tensor], starts: Int8[Tensor, "k n"], ends: Int8[Tensor, "k n"], width: int
) -> Int8[Tensor, "k n"]:
    """Return the highest state of the best way found between each start and its end.

    Every differing unit is flipped once; of all partial ways of one length the `width` best are kept.

    Args:
        costs: what each flip of states (..., n) costs, float64.

    Cost: as many calls of `costs` on k width states as units differ.
    """
    count, n = starts.shape
    names = torch.randint(2**62, (n,), generator=derived(0, 7))  # a set's name is the xor of its units'
    state, top = starts[:, None].repeat(1, width, 1), starts[:, None].repeat(1, width, 1)
    energy = torch.full((count, width), math.inf, dtype=torch.float64)
    energy[:, 0] = 0.0
    height, name = energy.clone(), torch.zeros(count, width, dtype=torch.int64)
    result, left = starts.clone(), (starts != ends).sum(1)
    for step in range(1, int(left.max()) + 1 if count else 1):
        new = energy[..., None] + torch.where(state != ends[:, None], costs(state), math.inf)
        risen = torch.maximum(height[..., None], new)
        named = name[..., None] ^ names
        chosen = _chosen(risen.flatten(1), new.flatten(1), named.flatten(1), width)
        source, unit = chosen // n, chosen % n
        rows = torch.arange(count)[:, None]
        old, top = height[rows, source], top[rows, source]
        state = state[rows, source].scatter_(
            2, unit[..., None], -state[rows, source].gather(2, unit[..., None])
        )
        energy, height = new.flatten(1).gather(1, chosen), risen.flatten(1).gather(1, chosen)
        name = named.flatten(1).gather(1, chosen)
        top = torch.where((height > old)[..., None], state, top)
        done = left == step
        result[done] = top[done, 0]
    return result


def _chosen(
    height: Float64[Tensor, "k c"], energy: Float64[Tensor, "k c"], name: Tensor, width: int
) -> Tensor:
    """Return the `width` best candidates of each row, every set once where there are enough of them."""
    order = energy.argsort(dim=1, stable=True)
    order = order.gather(1, height.gather(1, order).argsort(dim=1, stable=True))[:, : 4 * width]
    named = name.gather(1, order)
    same = (named[:, :, None] == named[:, None, :]).tril(-1).any(2)
    same |= height.gather(1, order).isinf()
    first = same.to(torch.int8).argsort(dim=1, stable=True)[:, :width]
    chosen = order.gather(1, first)
    short = width - chosen.shape[1]
    return torch.cat([chosen, chosen[:, -1:].expand(-1, short)], 1) if short > 0 else chosen
