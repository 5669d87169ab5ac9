"""The book of a survey: which minima were met, how often, and what is still to be expected."""

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.intervals import share_interval
from memscape.landscape.mapper import Ends
from memscape.landscape.missing import Unseen, unseen
from memscape.landscape.plateau_search import names

_NOWHERE = -1  # the well of a start that did not come to an end


class Wells(ABC):
    """The minima that were met, in the order in which they were met first."""

    def __init__(self) -> None:
        self.states: list[Tensor] = []
        self.plateau: list[int] = []

    def __len__(self) -> int:
        return len(self.states)

    @abstractmethod
    def place(self, ends: Ends) -> Int[np.ndarray, " b"]:
        """Return the well of each end, -1 for none; new wells are entered."""

    def all_states(self) -> Tensor:
        """Return the states of all wells (k, n)."""
        return torch.stack(self.states)

    def refill(self, states: Tensor, plateau: Tensor) -> None:
        """Enter wells again, in their order."""
        for state, size in zip(states, plateau.tolist(), strict=True):
            self._enter(state, size)
        self._refilled(states, plateau)

    @abstractmethod
    def _refilled(self, states: Tensor, plateau: Tensor) -> None: ...

    def _enter(self, state: Tensor, plateau: int) -> int:
        self.states.append(state.clone())
        self.plateau.append(plateau)
        return len(self.states) - 1


class DiscreteWells(Wells):
    """Minima of +-1 units: equal states are one well."""

    def __init__(self) -> None:
        super().__init__()
        self._index: dict[bytes, int] = {}

    def place(self, ends: Ends) -> Int[np.ndarray, " b"]:
        result = np.empty(len(ends.states), np.int64)
        for row, name in enumerate(names(ends.states)):
            if name not in self._index:
                self._index[name] = self._enter(ends.states[row], int(ends.plateau[row]))
            result[row] = self._index[name]
        return result

    def _refilled(self, states: Tensor, plateau: Tensor) -> None:
        self._index = {name: index for index, name in enumerate(names(states))}


class RealWells(Wells):
    """Minima of real states: ends within `distance` (root mean square) of a well are that well.

    All ends that no well pulls lie on one level plain and are one.
    """

    def __init__(self, distance: float) -> None:
        super().__init__()
        self._distance = distance
        self._plain = _NOWHERE

    def place(self, ends: Ends) -> Int[np.ndarray, " b"]:
        result = np.full(len(ends.states), _NOWHERE, np.int64)
        inside = ends.settled & ~ends.flat
        left = inside.nonzero()[:, 0]
        if self.states and len(left):
            near, which = self._distances(ends.states[left], self.all_states()).min(1)
            known = near <= self._distance
            if self._plain != _NOWHERE:
                known &= which != self._plain
            result[left[known].numpy()] = which[known].numpy()
            left = left[~known]
        while len(left):
            first = ends.states[left[:1]]
            same = self._distances(ends.states[left], first)[:, 0] <= self._distance
            same[0] = True
            result[left[same].numpy()] = self._enter(first[0], 1)
            left = left[~same]
        if bool(ends.flat.any()):
            if self._plain == _NOWHERE:
                self._plain = self._enter(ends.states[int(ends.flat.nonzero()[0, 0])], 0)
            result[ends.flat.numpy()] = self._plain
        return result

    def _refilled(self, states: Tensor, plateau: Tensor) -> None:
        plain = (plateau == 0).nonzero()[:, 0].tolist()
        self._plain = plain[0] if plain else _NOWHERE

    def _distances(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.cdist(a.double(), b.double(), compute_mode="donot_use_mm_for_euclid_dist") / (
            a.shape[1] ** 0.5
        )


class Tally:
    """How often each well was met.

    Where the energy is even, a start stands for itself and its negative: one draw that ends in two wells.

    Args:
        wells: where minima are entered.
        paired: each draw has two ends.
    """

    def __init__(self, wells: Wells, paired: bool):
        self.wells, self.paired = wells, paired
        self.draws = self.unsettled = self.known = 0
        self.hits, self.both = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def introduce(self, ends: Ends) -> None:
        """Enter wells that are known without a draw; they are never counted as unseen."""
        self.wells.place(ends)
        self.known = len(self.wells)
        self._grow()

    def add(self, ends: Ends, mirrored: Ends | None = None) -> None:
        """Count the ends of draws, and those of their negatives."""
        first = self.wells.place(ends)
        second = first if mirrored is None else self.wells.place(mirrored)
        self._grow()
        self.draws += len(first)
        self.unsettled += int((~ends.settled).sum())
        met = first >= 0
        np.add.at(self.hits, first[met], 1)
        if mirrored is not None:
            apart = first != second
            np.add.at(self.hits, second[apart], 1)
            np.add.at(self.both, first[~apart], 1)

    def basin(self) -> Float[Tensor, " k"]:
        """Return the share of the starts that end in each well."""
        total = (self.hits + self.both) / 2 if self.paired else self.hits
        return torch.from_numpy(np.asarray(total / max(self.draws, 1), np.float64))

    def interval(self, level: float) -> Float[Tensor, "k 2"]:
        """Return the confidence intervals of the shares; those of paired draws are half as wide."""
        one = share_interval(self.hits, max(self.draws, 1), level=level)
        if not self.paired:
            return one
        two = share_interval(self.both, max(self.draws, 1), level=level)
        two[torch.from_numpy(self.both == 0)] = 0.0
        return (one + two) / 2

    def half_width(self, level: float) -> float:
        """Return half the width of the widest interval; infinite before the first draw."""
        if not self.draws:
            return float("inf")
        low, high = self.interval(level).unbind(-1)
        return float((high - low).max()) / 2

    def unseen(self) -> Unseen:
        """Return what is to be expected of the minima that were not met."""
        each = self._each()
        new = np.arange(len(self.hits)) >= self.known
        once = float((each * (new & (self.hits == 1))).sum())
        twice = float((each * (new & (self.hits == 2)) / 2).sum())
        return unseen(once, twice, max(self.draws, 1))

    def least(self) -> int:
        """Return a lower bound, in the mean, of the number of minima, those not met included."""
        each = self._each()
        once, twice = (float((each * (self.hits == n)).sum()) / n for n in (1, 2))
        wells = 2 if self.paired else 1
        more = wells * unseen(once, twice, max(self.draws, 1)).count
        return max(len(self.wells), int((self.hits > 0).sum() + more))

    def _each(self) -> np.ndarray:
        """The draws' ends in each well: a draw whose two ends lie apart counts a half for each."""
        return (self.hits + self.both) / 2 if self.paired else self.hits.astype(np.float64)

    def _grow(self) -> None:
        more = len(self.wells) - len(self.hits)
        self.hits, self.both = (np.append(a, np.zeros(more, np.int64)) for a in (self.hits, self.both))

    def kept(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return everything that a resumed survey needs, as tensors and plain values."""
        tensors = {"hits": torch.from_numpy(self.hits), "both": torch.from_numpy(self.both)}
        tensors |= {"plateau": torch.tensor(self.wells.plateau, dtype=torch.int64)}
        if len(self.wells):
            tensors["states"] = self.wells.all_states()
        return tensors, {"draws": self.draws, "unsettled": self.unsettled, "known": self.known}

    def restore(self, tensors: dict[str, Tensor], parts: dict[str, Any]) -> None:
        """Take over what `kept` gave."""
        if "states" in tensors:
            self.wells.refill(tensors["states"], tensors["plateau"])
        self.hits, self.both = tensors["hits"].numpy(), tensors["both"].numpy()
        self.draws, self.unsettled, self.known = (parts[name] for name in ("draws", "unsettled", "known"))
