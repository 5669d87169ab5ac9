"""Exhaustive landscapes against brute force over the memory's own energy, and against its own dynamics."""

import heapq
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapabilityError, FileFormatError, InputError, SizeError
from memscape.core.recall import Kind
from memscape.kernels import naive_census
from memscape.kernels.packing import pack
from memscape.landscape import Landscape, census, exhaust

pytestmark = pytest.mark.filterwarnings("ignore::memscape.core.errors.MemscapeWarning")

MEMORIES = {
    "hebbian": ms.memories.Hebbian,  # integer couplings, ties where p is even
    "projection": ms.memories.Projection,
    "max margin": lambda X: ms.memories.MaxMargin(X[:2]),
    "power 2": lambda X: ms.memories.Dense(X, separation=ms.mechanisms.Power(2)),
    "power 3": ms.memories.Dense,
    "softmax": lambda X: ms.memories.Dense(X, separation=ms.mechanisms.Softmax(beta=0.4)),
    "biased": lambda X: ms.memories.Dense(
        X, separation=ms.mechanisms.Softmax(beta=1.0), bias=torch.linspace(0, 3, len(X))
    ),
    "sparsemax": lambda X: ms.memories.Dense(X, separation=ms.mechanisms.Sparsemax(beta=0.2)),
    "couplings": lambda X: ms.memories.Quadratic(
        X.double().T @ torch.diag(torch.linspace(-1, 2, len(X)).double()) @ X.double()
    ),
    "hidden signs": lambda X: ms.memories.RestrictedBoltzmann(0.5 * X),
}
cases = st.tuples(
    st.sampled_from(["thresholds", *sorted(MEMORIES)]),
    st.integers(3, 8),
    st.integers(1, 4),
    st.integers(0, 2**20),
)


def memory_of(name, units, count, seed):
    X = ms.patterns.independent(count, units, generator=seed)
    if name == "thresholds":
        field = torch.randint(-2, 3, (units,), generator=torch.Generator().manual_seed(seed))
        return ms.memories.Quadratic((X.T @ X).double(), field=field), X
    return MEMORIES[name](X), X


def all_states(units):
    return ((torch.arange(2**units)[:, None] >> torch.arange(units) & 1) * 2 - 1).float()


def rounded(memory, units):
    """The energy of every state, to nine digits of the largest; where none reaches 1e-3, all is rounding."""
    energy = memory.energy(all_states(units))
    return [round(e, 9) for e in (energy / energy.abs().max().clamp_min(1e-3)).tolist()]


def keys(states):
    return pack(states.to(torch.int8))[:, 0].tolist()


@given(cases)
def test_minima_basins_and_plateaus_are_those_of_brute_force(case):
    memory, _ = memory_of(*case)
    units = case[1]
    table = rounded(memory, units)
    expected = naive_census.minima(table)
    land = exhaust(memory)
    found = keys(land.minima)
    assert sorted(found) == list(expected)
    assert land.plateau.tolist() == [len(expected[key]) for key in found]
    ends = naive_census.bottoms(table)
    assert (land.basin * 2**units).tolist() == [ends.count(key) for key in found]
    assert float(land.basin.sum()) == 1.0
    torch.testing.assert_close(
        land.energy, memory.energy(land.minima.float()).double(), rtol=1e-12, atol=1e-12
    )
    assert found == sorted(found, key=lambda key: (table[key], key))


@given(cases)
def test_passes_are_the_lowest_that_any_path_of_flips_can_have(case):
    memory, _ = memory_of(*case)
    land = exhaust(memory)
    energy = memory.energy(all_states(case[1])).tolist()
    tolerance = 1e-8 * max(1e-3, *map(abs, energy))
    assert len(land.passes) == len(land) - 1
    passes = land.tree().passes()
    wells = keys(land.minima)
    for i, well in enumerate(wells):
        reached = _lowest_paths(energy, well)
        assert passes[i].tolist() == pytest.approx([reached[other] for other in wells], abs=tolerance)
    if len(land) > 1:
        energies = memory.energy(land.saddles.float()).double()
        torch.testing.assert_close(land.passes, energies, rtol=1e-12, atol=1e-12)
    out = passes.fill_diagonal_(math.inf).min(1).values - land.energy
    torch.testing.assert_close(land.barrier, out, atol=tolerance, rtol=0)


def _lowest_paths(energy, start):
    """The highest energy on the best path from `start` to each state (Dijkstra's search with max for +)."""
    best, waiting = {}, [(energy[start], start)]
    while waiting:
        height, state = heapq.heappop(waiting)
        if state in best:
            continue
        best[state] = height
        for i in range(len(energy).bit_length() - 1):
            other = state ^ (1 << i)
            if other not in best:
                heapq.heappush(waiting, (max(height, energy[other]), other))
    return best


@given(cases)
def test_kinds_are_read_from_all_states_of_a_plateau(case):
    memory, X = memory_of(*case)
    land = exhaust(memory)
    units = case[1]
    plateaus = naive_census.minima(rounded(memory, units))
    held = getattr(memory, "patterns", None)
    X = X.float() if held is None else held.float()
    stored, inverted = set(keys(X)), set(keys(-X))
    for key, kind, match in zip(keys(land.minima), land.kind.tolist(), land.match.tolist(), strict=True):
        if held is None:
            assert (kind, match) == (Kind.SPURIOUS, -1)
        elif stored & set(plateaus[key]):
            assert kind == Kind.STORED
            assert keys(X[match : match + 1])[0] in plateaus[key]
        elif inverted & set(plateaus[key]):
            assert kind == Kind.INVERTED
            assert keys(-X[match : match + 1])[0] in plateaus[key]
        else:  # with so few units no other state has an overlap of .9
            assert kind in (Kind.MIXTURE, Kind.SPURIOUS)
            assert match == -1


@given(cases)
def test_steepest_recall_of_every_state_ends_where_the_landscape_says(case):
    """Where recall does not stop on a plateau, it is the map of the exact basins."""
    memory, _ = memory_of(*case)
    land = exhaust(memory)
    states = all_states(case[1])
    ends = memory.recall(states, dynamics=ms.mechanisms.Asynchronous(order="steepest"), generator=0)
    if bool((ends.status != ms.Status.CONVERGED).any()):
        return
    counts = dict.fromkeys(keys(land.minima), 0)
    for key in keys(ends.state):
        counts[key] += 1
    assert [counts[key] / len(states) for key in keys(land.minima)] == land.basin.tolist()


@given(
    st.sampled_from(["hebbian", "projection", "couplings", "thresholds"]),
    st.integers(3, 14),
    st.integers(0, 99),
)
def test_census_and_exhaustion_agree(name, units, seed):
    memory, _ = memory_of(name, units, 3, seed)
    land, minima = exhaust(memory), census(memory)
    for field in ("minima", "energy", "kind", "match", "plateau"):
        assert torch.equal(getattr(land, field), getattr(minima, field)), field
    assert minima.unseen == 0
    assert minima.basin.isnan().all()
    assert minima.barrier.isnan().all()
    assert math.isnan(minima.share)


@given(st.integers(4, 12), st.integers(0, 2**20))
def test_wells_of_a_sign_symmetric_memory_come_in_equal_pairs(units, seed):
    """Real couplings: no plateau's smallest key prefers one of the two signs."""
    J = torch.randn(units, units, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    land = exhaust(ms.memories.Quadratic(J + J.T))
    place = {key: i for i, key in enumerate(keys(land.minima))}
    other = torch.tensor([place[key] for key in keys(-land.minima)])
    torch.testing.assert_close(land.energy, land.energy[other])
    torch.testing.assert_close(land.barrier, land.barrier[other])
    assert torch.equal(land.basin, land.basin[other])


def test_a_field_moves_the_wells():
    X = ms.patterns.independent(2, 10, generator=0)
    memory = ms.memories.Projection(X)
    driven = exhaust(memory, field=5 * X[0])
    assert len(driven) == 1
    assert torch.equal(driven.minima[0].float(), X[0].float())
    assert driven.barrier.tolist() == [math.inf]
    assert (driven.kind == Kind.STORED).all()
    assert "none" in driven.table()


def test_units_beyond_the_whole_landscape_still_get_their_minima():
    X = ms.patterns.independent(3, 27, generator=0)
    land = exhaust(ms.memories.Projection(X))
    assert sorted(land.match[land.kind == Kind.STORED].tolist()) == [0, 1, 2]
    assert land.passes.numel() == 0
    assert land.basin.isnan().all()


def test_what_cannot_be_exhausted_is_refused_before_memory_is_taken():
    with pytest.raises(SizeError, match=r"40 units, so 2\^40 states.*survey"):
        exhaust(ms.memories.Hebbian(ms.patterns.independent(2, 40, generator=0)))
    with pytest.raises(SizeError, match=r"25 units.*survey"):
        exhaust(ms.memories.Dense(ms.patterns.independent(2, 25, generator=0)))
    with pytest.raises(CapabilityError, match="a census needs a quadratic energy, not Separated"):
        census(ms.memories.Dense(ms.patterns.independent(2, 12, generator=0)))
    with pytest.raises(CapabilityError, match=r"Real.*survey"):
        exhaust(ms.memories.Continuous(torch.randn(3, 8, generator=torch.Generator().manual_seed(0))))
    with pytest.raises(CapabilityError, match="has no energy"):
        exhaust(object())
    with pytest.raises(InputError, match="empty"):
        exhaust(ms.memories.Hebbian(units=8))
    with pytest.raises(InputError, match="field"):
        exhaust(ms.memories.Hebbian(ms.patterns.independent(2, 12, generator=0)), field=torch.ones(3))


def test_a_stopped_census_returns_what_it_found():
    from memscape.kernels import census as kernel

    calls = []
    memory = ms.memories.Projection(ms.patterns.independent(6, 18, generator=1))
    original = kernel.census

    def stopped(*given, advance):
        return original(*given, lambda done: calls.append(done) or len(calls) < 24)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "census", stopped)
        part = census(memory, progress=False)
    assert not part.complete
    assert 0 < len(part) < len(census(memory))
    assert math.isnan(part.unseen)
    assert "Ctrl-C" in repr(part)


def test_a_landscape_survives_a_file_and_explains_itself(tmp_path):
    land = exhaust(ms.memories.Hebbian(ms.patterns.independent(3, 12, generator=0)))
    path = str(tmp_path / "land.safetensors")
    land.save(path)
    again = Landscape.load(path)
    assert torch.equal(again.minima, land.minima)
    assert torch.equal(again.passes, land.passes)
    assert again.settings == land.settings
    assert again.to_dict() == land.to_dict()
    assert f"{len(land)} minima" in repr(again)
    assert "exact" in repr(again)
    other = str(tmp_path / "memory.safetensors")
    ms.memories.Hebbian(ms.patterns.independent(3, 12, generator=0)).save(other)
    with pytest.raises(FileFormatError, match="holds a memory, not a landscape"):
        Landscape.load(other)
