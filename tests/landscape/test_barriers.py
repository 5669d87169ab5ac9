"""Passes found by search against the exact flood of all states."""

import signal
import warnings

import pytest
import torch

import memscape as ms
from memscape.core.errors import InputError
from memscape.landscape.barriers import escape_bounds, passes_between
from memscape.landscape.exhaustive import exhaust
from memscape.landscape.pairing import near_pairs
from memscape.landscape.tree import merge_tree

CLASSES = ["Hebbian", "Projection", "Dense"]


def flooded(name, seed, n=12, p=4):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        memory = getattr(ms.memories, name)(ms.patterns.independent(p, n, generator=seed))
    return memory, exhaust(memory)


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("visits", [0, 60])
def test_passes_are_never_below_the_lowest_and_equal_for_most_pairs(name, visits):
    equal, pairs = 0, 0
    for seed in range(3):
        memory, land = flooded(name, seed)
        edges, passes, saddles = passes_between(
            memory, land.minima, land.energy, lowest=len(land), visits=visits, width=8
        )
        found, lowest = merge_tree(land.energy, edges, passes).passes(), land.tree().passes()
        excess = (found - lowest)[tuple(torch.triu_indices(len(land), len(land), 1))]
        assert bool((excess > -1e-9).all())
        assert torch.allclose(memory.energy(saddles).double(), passes, atol=1e-9)
        equal, pairs = equal + int((excess < 1e-9).sum()), pairs + len(excess)
    assert equal >= 0.9 * pairs


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("visits", [0, 5, 100, 5000])
def test_bounds_hold_the_exact_barrier_between_them_and_meet_where_they_say_so(name, visits):
    memory, land = flooded(name, 3)
    bounds = escape_bounds(memory, land.minima, land.energy, visits=visits)
    exact = land.barrier[bounds.wells]
    assert bool((bounds.lower <= exact + 1e-9).all())
    assert bool((bounds.upper >= exact - 1e-9).all())
    assert torch.allclose(bounds.upper[bounds.proved], exact[bounds.proved])
    assert visits < 5000 or bool(bounds.proved.all())


def test_barriers_are_exact_where_all_states_are_too_many():
    """100 units: water alone proves shallow barriers, and nothing is above its well's upper bound."""
    memory = ms.memories.Projection(ms.patterns.independent(10, 100, generator=0))
    ends = memory.recall(memory.space.sample(100, 100, generator=1), generator=2).state
    minima = torch.cat([memory.patterns.float(), ends]).unique(dim=0)
    bounds = escape_bounds(memory, minima, lowest=40, visits=300)
    assert int(bounds.proved.sum()) > 0
    assert bool((bounds.lower <= bounds.upper + 1e-9).all())
    assert len(bounds.joins.passes) == len(bounds.wells) - 1


def test_stored_wells_are_joined_however_shallow_they_are():
    memory, land = flooded("Projection", 0)
    stored = (land.kind == ms.Kind.STORED).nonzero()[:, 0]
    last = len(land) - 1
    edges, _, _ = passes_between(memory, land.minima, land.energy, lowest=2, also=[last])
    assert last in edges.tolist()[0] + edges.tolist()[-1]
    assert len(stored) > 0


def test_a_field_moves_the_passes():
    memory, _ = flooded("Projection", 1)
    drive = 0.3 * memory.patterns[0].double()
    land = exhaust(memory, field=drive)
    _, passes, _ = passes_between(memory, land.minima, land.energy, field=drive, lowest=len(land))
    assert torch.allclose(passes, land.passes)


def test_real_valued_wells_are_joined_along_strings():
    X = torch.tensor([[2.0, 0.0], [0.0, 2.0], [-2.0, -2.0]])
    memory = ms.memories.Continuous(X, beta=1.0)
    wells = memory.recall(X).state
    edges, passes, saddles = passes_between(memory, wells)
    assert edges.shape == (2, 2)
    assert bool((passes >= memory.energy(wells).double()[edges].amax(1)).all())
    assert torch.allclose(memory.energy(saddles).double(), passes, atol=1e-6)


def test_pairs_connect_all_wells_each_once():
    states = ms.patterns.independent(40, 30, generator=0)
    pairs = near_pairs(states, 2)
    assert len(pairs.unique(dim=0)) == len(pairs)
    assert bool((pairs[:, 0] < pairs[:, 1]).all())
    assert len(merge_tree(torch.zeros(40), pairs, torch.ones(len(pairs))).roots) == 1


def test_ctrl_c_returns_the_passes_that_were_found():
    memory, land = flooded("Projection", 0, n=14, p=5)

    pressed = []

    def press_once(done, total, text):
        if not pressed:
            pressed.append(done)
            signal.raise_signal(signal.SIGINT)

    bounds = escape_bounds(memory, land.minima, land.energy, neighbours=8, progress=press_once)
    assert not bounds.complete
    assert 0 < len(bounds.joins.passes) < len(land)
    assert "Ctrl-C" in repr(bounds)


def test_bad_input_is_named():
    memory, land = flooded("Projection", 0)
    with pytest.raises(InputError, match="12"):
        passes_between(memory, land.minima[:, :5])
    with pytest.raises(InputError, match="energies"):
        passes_between(memory, land.minima, land.energy[:-1])
    with pytest.raises(InputError, match="also"):
        passes_between(memory, land.minima, also=[len(land)])


def test_a_result_explains_itself():
    memory, land = flooded("Projection", 0)
    bounds = escape_bounds(memory, land.minima)
    assert "exact" in repr(bounds)
    assert set(bounds.to_dict()) >= {"lower", "upper", "proved", "edges", "passes"}
