"""The disconnectivity tree against the definition of a pass: the lowest water at which two wells connect."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.landscape import Tree, merge_tree
from memscape.landscape.result import escape_barriers

graphs = st.tuples(st.integers(1, 12), st.integers(0, 30), st.integers(0, 2**31), st.booleans())


def network(wells, extra, seed, connected):
    """Wells below 0 with passes above it; without `connected` some wells may have no way to others."""
    generator = torch.Generator().manual_seed(seed)
    energy = -torch.rand(wells, generator=generator, dtype=torch.float64)
    chain = torch.stack([torch.arange(wells - 1), torch.arange(1, wells)], 1)
    edges = torch.cat([chain[: len(chain) if connected else 0], _pairs(wells, extra, generator)])
    heights = torch.randint(0, 6, (len(edges),), generator=generator).double()  # few: equal passes occur
    return energy, edges, heights


def _pairs(wells, count, generator):
    pairs = torch.randint(wells, (count, 2), generator=generator)
    return pairs[pairs[:, 0] != pairs[:, 1]]


def minimax(energy, edges, heights):
    """The lowest pass between each two wells, by relaxing over every third one."""
    best = torch.full((len(energy),) * 2, math.inf, dtype=torch.float64)
    for (a, b), height in zip(edges.tolist(), heights.tolist(), strict=True):
        best[a, b] = best[b, a] = min(height, float(best[a, b]))
    best.diagonal().copy_(energy)
    for via in range(len(energy)):
        best = torch.minimum(best, torch.maximum(best[:, via, None], best[None, via]))
    return best


@given(graphs)
def test_passes_are_the_lowest_ways_there_are(size):
    energy, edges, heights = network(*size)
    assert torch.equal(merge_tree(energy, edges, heights).passes(), minimax(energy, edges, heights))


@given(graphs)
def test_a_connected_landscape_of_k_wells_has_k_minus_1_merges_and_one_root(size):
    energy, edges, heights = network(*size[:3], True)
    tree = merge_tree(energy, edges, heights)
    assert len(tree.height) == len(energy) - 1
    assert len(tree.roots) == 1
    assert torch.equal(tree.height, tree.height.sort().values)


@given(graphs)
def test_barriers_are_passes_minus_the_well_one_leaves(size):
    energy, edges, heights = network(*size)
    tree = merge_tree(energy, edges, heights)
    passes = minimax(energy, edges, heights)
    for a in range(len(energy)):
        for b in range(len(energy)):
            assert tree.barrier(a, b) == float(passes[a, b] - energy[a])
    out = passes.clone()
    out.diagonal().fill_(math.inf)
    escape = out.min(1).values - energy
    assert torch.equal(tree.escape(), escape)
    assert torch.equal(escape_barriers(energy, edges, heights), escape)


@given(graphs)
def test_prominence_is_the_barrier_towards_a_deeper_well(size):
    energy, edges, heights = network(*size)
    deeper = energy[None] < energy[:, None]
    passes = minimax(energy, edges, heights).masked_fill(~deeper, math.inf)
    expected = passes.min(1).values - energy
    assert torch.equal(merge_tree(energy, edges, heights).prominence(), expected)


@given(graphs, st.integers(1, 12))
def test_leaving_wells_out_changes_no_pass_between_the_others(size, count):
    energy, edges, heights = network(*size)
    tree = merge_tree(energy, edges, heights)
    part, kept = tree.lowest(count, also=[0])
    assert 0 in kept
    assert torch.isin(energy.argsort()[:count], kept).all()
    assert len(kept) <= count + 1
    assert torch.equal(part.energy, energy[kept])
    assert torch.equal(part.passes(), tree.passes()[kept[:, None], kept])


@given(graphs)
def test_branches_drawn_in_order_do_not_cross(size):
    tree = merge_tree(*network(*size))
    order = tree.order().tolist()
    assert sorted(order) == list(range(len(tree.energy)))
    below = [{leaf} for leaf in range(len(order))]
    for a, b in tree.children.tolist():
        below.append(below[a] | below[b])
        places = sorted(order.index(leaf) for leaf in below[-1])
        assert places == list(range(places[0], places[0] + len(places)))


def test_a_well_that_does_not_exist_is_named():
    tree = Tree(torch.zeros(2), torch.tensor([[0, 1]]), torch.ones(1))
    with pytest.raises(InputError, match="no well 2; the tree has 2 wells"):
        tree.barrier(0, 2)
