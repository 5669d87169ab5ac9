"""Which wells are joined with which: the deepest ones, near ones, and the lowest joins of them all."""

import math

import torch
from jaxtyping import Float, Int
from scipy.cluster.hierarchy import DisjointSet
from torch import Tensor

from memscape.core.errors import InputError


def chosen_wells(energy: Float[Tensor, " k"], lowest: int, also: object) -> Int[Tensor, " c"]:
    """Return the indices of the `lowest` deepest wells and of those in `also`, ascending."""
    order = energy.argsort(stable=True)[:lowest]
    more = torch.as_tensor(also, dtype=torch.int64).reshape(-1)
    if len(more) and (int(more.min()) < 0 or int(more.max()) >= len(energy)):
        raise InputError(f"also names wells outside 0 ... {len(energy) - 1}")
    return torch.cat([order, more]).unique()


def near_pairs(states: Tensor, neighbours: int) -> Int[Tensor, "e 2"]:
    """Return each state's pairs with its nearest ones, and those that make the whole connected.

    Pairs are (smaller, larger), each once. O(c^2 n).
    """
    count = len(states)
    apart = torch.cdist(states.double(), states.double())
    apart.fill_diagonal_(math.inf)
    near = apart.argsort(dim=1, stable=True)[:, : min(neighbours, count - 1)]
    first = torch.arange(count)[:, None].expand_as(near)
    every = torch.combinations(torch.arange(count), 2)
    tree = every[spanning(count, every, apart[every[:, 0], every[:, 1]])]
    pairs = torch.cat([torch.stack([first, near], -1).reshape(-1, 2), tree])
    return pairs.sort(1).values.unique(dim=0) if len(pairs) else pairs


def spanning(count: int, edges: Int[Tensor, "e 2"], passes: Float[Tensor, " e"]) -> Int[Tensor, " m"]:
    """Return which edges join `count` wells at the lowest passes (Kruskal 1956), lowest first."""
    group, kept = DisjointSet(range(count)), []
    ends = edges.tolist()
    for edge in passes.argsort(stable=True).tolist():
        if group.merge(*ends[edge]):
            kept.append(edge)
    return torch.tensor(kept, dtype=torch.int64)
