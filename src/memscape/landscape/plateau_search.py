"""Plateaus of any number of units: which states of equal energy hang together, and where one leads down.

A state is named by its packed key as bytes, so that names sort as keys do and serve in sets. A plateau that
has been searched to its end is remembered: from random starts a few plateaus are met again and again.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int8
from torch import Tensor

from memscape.kernels.packing import pack, unpack

MOST = 1 << 14
"""States of a plateau that are looked at; a larger one is left half searched, and said to be."""

_REMEMBERED = 1 << 20  # states of searched plateaus that are kept
_ROWS = 1 << 12  # states whose fields are computed together


@dataclass(frozen=True)
class Plateau:
    """A plateau, as far as it was searched.

    Attributes:
        states: names of its states, ascending; the first one stands for it.
        exit: the state of smallest key that has a lower neighbour; None where there is none: a minimum.
        whole: False where the search was ended at `MOST` states.
    """

    states: list[bytes]
    exit: bytes | None
    whole: bool


def names(states: Int8[Tensor, "b n"]) -> list[bytes]:
    """Return one name per state; names sort as the keys of `kernels.packing` do. O(b n).

    >>> low, high = names(torch.tensor([[1, -1, -1], [-1, -1, 1]], dtype=torch.int8))
    >>> low < high
    True
    """
    words = pack(states)
    big = np.ascontiguousarray(words[:, ::-1]).astype(">u8").tobytes()
    width = 8 * words.shape[1]
    return [big[first : first + width] for first in range(0, len(big), width)]


def states_of(known: list[bytes], units: int) -> Int8[Tensor, "b n"]:
    """Return the states of names: the inverse of `names`."""
    words = np.frombuffer(b"".join(known), dtype=">u8").astype(np.uint64)
    return unpack(np.ascontiguousarray(words.reshape(len(known), -1)[:, ::-1]), units)


class PlateauSearch:
    """Finds the plateau of a state that no flip lowers.

    Args:
        field: from states (c, n) int8 to the fields of all units, up to a positive factor.
        tolerance: a field of at most this size costs nothing.
    """

    def __init__(self, field: Callable[[Tensor], Tensor], tolerance: float):
        self._field, self._tolerance = field, tolerance
        self._known: dict[bytes, Plateau] = {}

    def __call__(self, state: Int8[Tensor, " n"]) -> Plateau:
        """Return the plateau of a state. Cost: the fields of each of its states, at most `MOST`."""
        (start,) = names(state[None])
        if start in self._known:
            return self._known[start]
        found, frontier, exits = {start}, state[None], []
        while len(frontier) and len(found) < MOST:
            lower, around = self._look(frontier)
            exits += [name for name, leads in zip(names(frontier), lower.tolist(), strict=True) if leads]
            new = dict(zip(names(around), range(len(around)), strict=True)) if len(around) else {}
            rows = [row for name, row in new.items() if name not in found]
            found.update(new)
            frontier = around[rows]
        plateau = Plateau(sorted(found), min(exits, default=None), not len(frontier))
        if plateau.whole:  # a half searched one depends on where it was entered
            if len(self._known) + len(found) > _REMEMBERED:
                self._known.clear()
            self._known.update(dict.fromkeys(found, plateau))
        return plateau

    def _look(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return which states have a lower neighbour, and all neighbours of equal energy."""
        lower, around = [], [states[:0]]
        for part in states.split(_ROWS):
            fields = self._field(part)
            lower.append((fields * part < -self._tolerance).any(1))
            rows, units = (fields.abs() <= self._tolerance).nonzero(as_tuple=True)
            turned = part[rows].clone()
            turned[torch.arange(len(rows)), units] *= -1
            around.append(turned)
        return torch.cat(lower), torch.cat(around)
