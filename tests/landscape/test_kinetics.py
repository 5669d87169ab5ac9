"""Escape times simulated against those that are solved, and both against the barrier."""

import math
import signal
import warnings

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapabilityError, InputError, SizeError
from memscape.landscape.kinetics import escape_times
from memscape.landscape.rates import rate_network
from memscape.landscape.result import Landscape
from memscape.landscape.temperatures import arrhenius


def small(name="Projection", seed=1, n=8, p=2):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        memory = getattr(ms.memories, name)(ms.patterns.independent(p, n, generator=seed))
    return memory, ms.landscape.exhaust(memory)


def natural(land):
    """The scale of the energies, 1 on a landscape that two opposite patterns have made flat."""
    return float(land.energy.abs().max()) or 1.0


subjects = st.tuples(
    st.sampled_from(["Projection", "Hebbian", "Dense"]), st.integers(0, 1000), st.integers(5, 8)
)


@settings(max_examples=12)
@example(("Dense", 510, 5), 1.0)
@given(subjects, st.floats(0.2, 2.0))
def test_rates_are_in_detailed_balance(subject, warmth):
    memory, land = small(subject[0], subject[1], subject[2])
    network = rate_network(memory, temperature=warmth * natural(land))
    a = network.edges[:, 0]
    back = {edge: k for k, edge in enumerate(map(tuple, network.edges.tolist()))}
    reverse = torch.tensor([back[end, start] for start, end in network.edges.tolist()])
    there = network.equilibrium[a] * network.rate
    assert torch.allclose(there, there[reverse], rtol=1e-9)
    assert float(network.relaxation()[0]) == pytest.approx(0.0, abs=1e-12)


@settings(max_examples=12)
@example(("Dense", 510, 5))
@given(subjects)
def test_a_committor_is_0_at_the_start_1_at_the_end_and_between_them_elsewhere(subject):
    memory, land = small(*subject)
    network = rate_network(memory, temperature=0.3 * natural(land))
    if len(land) < 2:
        return
    chance = network.committor(0, 1)
    assert bool((chance >= 0).all() and (chance <= 1).all())
    assert bool((chance[network.well == 0] == 0).all() and (chance[network.well == 1] == 1).all())
    assert torch.allclose(chance + network.committor(1, 0), torch.ones_like(chance), atol=1e-9)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_time_out_of_a_well_follows_arrhenius(seed):
    memory, land = small(seed=seed, n=10, p=3)
    scale = float(land.barrier[0])
    law = arrhenius(memory, [scale / 12, scale / 16], well=0)
    assert law.barrier == pytest.approx(scale)
    assert law.slope == pytest.approx(scale, rel=0.02)
    assert "Arrhenius" in repr(law)


@pytest.mark.parametrize("name", ["Projection", "Hebbian", "Dense"])
def test_simulated_times_hold_the_solved_ones_in_their_interval(name):
    """99.9 % intervals of the mean over 300 walks a well, all seeds fixed."""
    memory, land = small(name, 3, n=9, p=2)
    temperature = float(land.barrier[land.barrier.isfinite()].max()) / 3
    network = rate_network(memory, temperature=temperature)
    times = escape_times(land, temperature=temperature, runs=300, level=0.999, generator=0)
    solved = torch.tensor([network.leaving(well) for well in times.wells.tolist()])
    assert bool((times.escapes == 300).all())
    assert bool((times.interval[:, 0] <= solved).all() and (solved <= times.interval[:, 1]).all())


def test_a_plateau_that_leads_on_is_no_escape():
    """Integer couplings tie: walks end in minima only, those of the landscape."""
    _, land = small("Hebbian", 5, n=11, p=3)
    times = escape_times(land, temperature=1.0, runs=50, generator=0)
    assert int(times.elsewhere.sum()) == 0
    assert bool((times.reached.sum(1) == times.escapes).all())
    assert not bool(times.reached[torch.arange(len(times.wells)), times.wells].any())


def test_walks_that_are_ended_first_bound_the_time_from_below():
    _, land = small(n=10, p=2)
    times = escape_times(land, temperature=0.02, runs=4, most_flips=50, generator=0)
    assert math.isnan(float(times.mean[0]))
    assert bool((times.interval[:, 0] > 0).all())
    assert bool(times.interval[:, 1].isinf().all())
    assert times.to_dict()["mean"][0] is None


def test_the_same_seed_gives_the_same_times_and_a_memory_stands_for_its_landscape():
    memory, land = small()
    first = escape_times(land, temperature=0.4, generator=7)
    again = escape_times(memory, temperature=0.4, generator=7)
    assert torch.equal(first.stayed, again.stayed)


def test_a_landscape_from_a_file_needs_its_memory(tmp_path):
    memory, land = small()
    land.save(tmp_path / "land.safetensors")
    loaded = Landscape.load(tmp_path / "land.safetensors")
    with pytest.raises(CapabilityError, match="memory="):
        escape_times(loaded, temperature=0.4)
    given_back = escape_times(loaded, temperature=0.4, memory=memory, generator=7)
    assert torch.equal(given_back.stayed, escape_times(land, temperature=0.4, generator=7).stayed)


@pytest.mark.parametrize("temperature", [0, 0.0, -1.0, math.inf, math.nan])
def test_a_rate_without_noise_is_an_error(temperature):
    memory, land = small()
    with pytest.raises(InputError, match="temperature"):
        escape_times(land, temperature=temperature)
    with pytest.raises(InputError, match="temperature"):
        rate_network(memory, temperature=temperature)


def test_what_is_too_large_or_not_there_is_named():
    memory, land = small()
    large = ms.memories.Projection(ms.patterns.independent(2, 30, generator=0))
    with pytest.raises(SizeError, match="survey"):
        escape_times(large, temperature=0.3)
    with pytest.raises(SizeError, match="escape_times"):
        rate_network(large, temperature=0.3)
    with pytest.raises(InputError, match="wells"):
        escape_times(land, temperature=0.3, wells=[len(land)])
    with pytest.raises(InputError, match="no wells"):
        rate_network(memory, temperature=0.3).first_passage([99])
    with pytest.raises(InputError, match="both"):
        rate_network(memory, temperature=0.3).committor(0, 0)


def test_between_wells_the_ratios_are_those_between_all_states_where_it_is_cold():
    """A committor between wells needs no prefactor: here a shallow well lies between two deep ones."""
    memory, land = small(seed=1, n=10, p=3)
    barrier = float(land.barrier[0])
    coarse = rate_network(land, temperature=barrier / 15)
    fine = rate_network(memory, temperature=barrier / 15)
    a, b = coarse.edges.T
    assert torch.allclose(
        coarse.weight[a] + coarse.rate.log(), (coarse.weight[b] + coarse.rate.log().roll(len(a) // 2))
    )
    slow, fast = (
        coarse.leaving(0) / coarse.leaving(len(land) - 1),
        fine.leaving(0) / fine.leaving(len(land) - 1),
    )
    assert math.log(slow) == pytest.approx(math.log(fast), rel=0.2)


def test_ctrl_c_returns_the_wells_that_are_finished():
    _, land = small()
    pressed = []

    def press_once(done, total, text):
        if not pressed:
            pressed.append(done)
            signal.raise_signal(signal.SIGINT)

    times = escape_times(land, temperature=0.5, generator=0, progress=press_once)
    assert not times.complete
    assert len(times.wells) < 2
    assert "Ctrl-C" in repr(times)
