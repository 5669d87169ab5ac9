"""The disconnectivity tree: which wells join at which energy when the landscape is flooded from below."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError


@dataclass(frozen=True)
class Tree:
    """Wells as leaves, the passes between them as the points where branches join (Becker and Karplus 1997).

    Leaves are nodes 0 ... k-1, in the order of the landscape's minima; merge j is node k + j. A connected
    landscape of k wells has k - 1 merges; where passes are not known the tree is a forest.

    Attributes:
        energy: (k,) of the wells.
        children: (m, 2) the two nodes that merge j joins.
        height: (m,) the energies of the merges, ascending.
    """

    energy: Float[Tensor, " k"]
    children: Int[Tensor, "m 2"]
    height: Float[Tensor, " m"]

    @property
    def roots(self) -> list[int]:
        """The nodes without a parent; one where all wells are joined."""
        nodes = len(self.energy) + len(self.height)
        return sorted(set(range(nodes)) - set(self.children.reshape(-1).tolist()))

    def passes(self) -> Float[Tensor, "k k"]:
        """Return the energy of the lowest pass between each two wells; a well's own energy on the diagonal.

        Infinite between wells that no known way joins. O(k^2) time and 8 k^2 bytes.
        """
        result = torch.full((len(self.energy),) * 2, math.inf, dtype=torch.float64)
        result.diagonal().copy_(self.energy)
        groups: dict[int, list[int]] = {leaf: [leaf] for leaf in range(len(self.energy))}
        for node, (first, second), height in self._merges():
            a, b = groups.pop(first), groups.pop(second)
            result[torch.tensor(a)[:, None], torch.tensor(b)] = height
            result[torch.tensor(b)[:, None], torch.tensor(a)] = height
            groups[node] = a + b
        return result

    def barrier(self, start: int, end: int) -> float:
        """Return what must be climbed on the way from well `start` to well `end`: the pass minus the start.

        Raises:
            InputError: for a well that does not exist.
        """
        count = len(self.energy)
        for well in (start, end):
            if not 0 <= well < count:
                raise InputError(f"there is no well {well}; the tree has {count} wells, 0 to {count - 1}")
        if start == end:
            return 0.0
        above = self._ancestors(start)
        met = next((node for node in self._ancestors(end) if node in set(above)), None)
        return math.inf if met is None else float(self.height[met - count] - self.energy[start])

    def escape(self) -> Float[Tensor, " k"]:
        """Return the barrier of each well towards its nearest other well; infinite where none is known."""
        result = torch.full_like(self.energy, math.inf)
        for _, pair, height in self._merges():
            for node in pair:
                if node < len(result):
                    result[node] = height - self.energy[node]
        return result

    def prominence(self) -> Float[Tensor, " k"]:
        """Return the barrier of each well towards a deeper one; infinite for the deepest of each tree.

        Of wells of equal energy the first counts as the deeper. This is the persistence of the well.
        """
        result = torch.full_like(self.energy, math.inf)
        energy = self.energy.tolist()
        deepest = dict(enumerate(range(len(energy))))
        for node, pair, height in self._merges():
            low, high = sorted((deepest.pop(child) for child in pair), key=lambda well: (energy[well], well))
            result[high] = height - energy[high]
            deepest[node] = low
        return result

    def lowest(self, count: int = 64, also: object = ()) -> tuple["Tree", Int[Tensor, " c"]]:
        """Return the tree of the `count` deepest wells and those in `also`, and which wells they are.

        Passes between the wells that stay are unchanged. Leaf i of the new tree is well kept[i] of this one.
        """
        require_count(count, "count")
        order = np.lexsort((np.arange(len(self.energy)), self.energy.numpy()))[:count]
        kept = sorted({*order.tolist(), *torch.as_tensor(also, dtype=torch.int64).reshape(-1).tolist()})
        new = {well: index for index, well in enumerate(kept)}
        children, heights = [], []
        for node, pair, height in self._merges():
            inside = [new[child] for child in pair if child in new]
            if len(inside) == 2:
                new[node] = len(kept) + len(heights)
                children.append(inside)
                heights.append(height)
            elif inside:
                new[node] = inside[0]
        tree = Tree(
            self.energy[kept], torch.tensor(children, dtype=torch.int64).reshape(-1, 2), _row(heights)
        )
        return tree, torch.tensor(kept)

    def order(self) -> Int[Tensor, " k"]:
        """Return the wells from left to right, so that branches drawn over them do not cross.

        Of two branches the one with the deeper well stands left.
        """
        count = len(self.energy)
        depth = self.energy.tolist()
        for _, (first, second), _ in self._merges():
            depth.append(min(depth[first], depth[second]))
        wells, waiting = [], sorted(self.roots, key=depth.__getitem__, reverse=True)
        while waiting:
            node = waiting.pop()
            if node < count:
                wells.append(node)
            else:
                waiting += sorted(self.children[node - count].tolist(), key=depth.__getitem__, reverse=True)
        return torch.tensor(wells)

    def table(self, most: int = 20) -> str:
        """Return the lowest merges as lines of text."""
        lines = ["merge  energy      joins"]
        for node, pair, height in self._merges()[:most]:
            names = [f"well {c}" if c < len(self.energy) else f"merge {c - len(self.energy)}" for c in pair]
            lines.append(f"{node - len(self.energy):<6} {height:<11.6g} {names[0]} and {names[1]}")
        if len(self.height) > most:
            lines.append(f"... {len(self.height) - most} more")
        return "\n".join(lines)

    def _merges(self) -> list[tuple[int, tuple[int, int], float]]:
        count = len(self.energy)
        rows = zip(self.children.tolist(), self.height.tolist(), strict=True)
        return [(count + j, (a, b), height) for j, ((a, b), height) in enumerate(rows)]

    def _ancestors(self, node: int) -> list[int]:
        parent = {c: node for node, pair, _ in self._merges() for c in pair}
        found = []
        while node in parent:
            node = parent[node]
            found.append(node)
        return found

    def __repr__(self) -> str:
        single = len(self.roots) == 1
        head = f"Tree of {len(self.energy)} wells, {len(self.height)} merges"
        return f"{head}{'' if single else f', {len(self.roots)} separate parts'}\n{self.table(6)}"


def merge_tree(energy: Float[Tensor, " k"], edges: Int[Tensor, "e 2"], passes: Float[Tensor, " e"]) -> Tree:
    """Return the tree of wells that are joined by edges with a pass each.

    Of all ways between two wells the lowest counts (Kruskal 1956: the tree is a minimum spanning tree); of
    equal passes the earlier edge is taken first. O(e log e).

    Args:
        energy: (k,) of the wells.
        edges: (e, 2) indices of wells.
        passes: (e,) the energy of the highest state on the way.

    >>> tree = merge_tree(
    ...     torch.tensor([0.0, 1.0, 0.5]),
    ...     torch.tensor([[0, 1], [1, 2], [0, 2]]),
    ...     torch.tensor([2.0, 3.0, 5.0]),
    ... )
    >>> tree.passes()[0].tolist(), tree.escape().tolist()
    ([0.0, 2.0, 3.0], [2.0, 1.0, 2.5])
    """
    energy, passes = energy.double().cpu(), passes.double().cpu()
    group = list(range(len(energy)))  # union-find over wells
    node = list(range(len(energy)))  # the node that a group's wells have reached

    def find(well: int) -> int:
        while group[well] != well:
            group[well] = group[group[well]]
            well = group[well]
        return well

    children, heights = [], []
    ends = edges.tolist()
    for edge in passes.argsort(stable=True).tolist():
        first, second = (find(well) for well in ends[edge])
        if first == second:
            continue
        children.append(sorted((node[first], node[second])))
        heights.append(float(passes[edge]))
        group[second] = first
        node[first] = len(energy) + len(heights) - 1
    return Tree(energy, torch.tensor(children, dtype=torch.int64).reshape(-1, 2), _row(heights))


def _row(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)
