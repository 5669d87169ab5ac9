"""Scores as the mean success over all damages; what margins guarantee in the worst case."""

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapabilityError, InputError
from memscape.landscape import guaranteed_radius, score
from memscape.mechanisms import Asynchronous, Synchronous

pytestmark = pytest.mark.filterwarnings("ignore::memscape.core.errors.MemscapeWarning")


# In the worst case


@given(
    st.sampled_from(["Hebbian", "Projection", "Storkey"]),
    st.integers(5, 9),
    st.integers(1, 2),
    st.integers(0, 999),
)
def test_every_damage_within_the_guarantee_is_repaired(name, units, count, seed):
    X = ms.patterns.independent(count, units, generator=seed)
    memory = getattr(ms.memories, name)(X)
    flips = (guaranteed_radius(memory) * units / 2).round().long().tolist()
    for x, most in zip(X, flips, strict=True):
        cues = [x] if most else []
        for size in range(1, most + 1):
            for places in itertools.combinations(range(units), size):
                cue = x.clone()
                cue[list(places)] *= -1
                cues.append(cue)
        if not cues:
            continue
        batch = torch.stack(cues)
        one = memory.recall(batch, dynamics=Synchronous(), max_steps=1).state
        assert bool((one == x).all())
        for order in ("steepest", "random"):
            end = memory.recall(batch, dynamics=Asynchronous(order=order), generator=seed).state
            assert bool((end == x).all())


@given(st.integers(10, 60), st.integers(1, 5), st.integers(0, 999))
def test_the_guarantee_is_the_largest_and_never_below_the_simple_bound(units, count, seed):
    X = ms.patterns.independent(count, units, generator=seed)
    memory = ms.memories.Projection(X)
    J = memory.landscape_energy.couplings()
    flips = (guaranteed_radius(memory) * units / 2).round().long()
    margins = (X * memory.field(X)).min(1).values
    simple = (margins.double() / (2 * J.abs().max()) - 1e-9).ceil() - 1
    assert bool((flips >= simple.clamp_min(0).long()).all())
    for x, d in zip(X.double(), flips.tolist(), strict=True):
        hold = (x[:, None] * J * x).clamp_min(0).sort(1, descending=True).values
        left = x * (J @ x) - 2 * hold[:, : d + 1].sum(1)
        assert d == units or float(left.min()) <= 1e-6  # one more flip takes the field from some unit


def test_random_damage_is_stood_beyond_the_guarantee():
    memory = ms.memories.Projection(ms.patterns.independent(5, 200, generator=0))
    sure = guaranteed_radius(memory)
    assert bool((sure > 0).all())
    assert bool((ms.landscape.radius(memory, generator=0).radius > sure).all())


def test_patterns_that_are_no_fixed_points_are_guaranteed_nothing():
    memory = ms.memories.Hebbian(ms.patterns.independent(40, 60, generator=0))
    assert guaranteed_radius(memory).max() == 0


def test_a_unit_without_opinion_may_take_any_sign():
    X = ms.patterns.diluted(2, 40, dilution=0.3, generator=0)
    memory = ms.memories.Hebbian(X)
    sure = (guaranteed_radius(memory) * 40 / 2).round().long().tolist()
    given_ = X != 0
    for x, mask, most in zip(X, given_, sure, strict=True):
        noise = ms.patterns.independent(50, 40, generator=1)
        cues = torch.where(mask, x, noise)
        places = mask.nonzero()[:, 0]
        for row in range(50):
            chosen = torch.randperm(len(places), generator=torch.Generator().manual_seed(row))[:most]
            cues[row, places[chosen]] *= -1
        ends = memory.recall(cues, generator=0).state
        assert bool((ends[:, mask] == x[mask]).all()) or most == 0


def test_only_margins_guarantee():
    with pytest.raises(CapabilityError, match="not quadratic"):
        guaranteed_radius(ms.memories.Dense(ms.patterns.independent(2, 20, generator=0)))


# In the mean


def test_a_score_is_the_mean_radius_of_sharp_wells():
    memory = ms.memories.Projection(ms.patterns.independent(20, 400, generator=0))
    measured = score(memory, trials=4096, starts=64, generator=0)
    radius = ms.landscape.radius(memory, generator=0).radius.mean()
    assert measured.value == pytest.approx(float(radius), abs=0.03)
    low, high = measured.interval.tolist()
    assert low < measured.value < high
    assert high - low < 0.04
    assert 0 < measured.guaranteed < measured.value / 2
    assert measured.worst <= measured.value


def test_intervals_of_scores_hold_the_mean_of_many():
    memory = ms.memories.Projection(ms.patterns.independent(8, 40, generator=0))
    many = [score(memory, trials=64, starts=1, generator=seed) for seed in range(40)]
    mean = sum(one.value for one in many) / 40
    held = sum(low <= mean <= high for low, high in (one.interval.tolist() for one in many))
    assert held >= 34


def test_better_memories_score_higher():
    X = ms.patterns.independent(15, 120, generator=0)
    values = [
        score(memory(X), trials=512, starts=16, generator=0).value
        for memory in (ms.memories.Hebbian, ms.memories.Projection, ms.memories.Dense)
    ]
    assert values == sorted(values)


def test_real_memories_score_by_match_and_have_no_guarantee():
    X = torch.randn(5, 30, generator=torch.Generator().manual_seed(0))
    found = score(X, trials=128, starts=32, generator=0)
    assert found.settings["success"] == "match"
    assert found.guaranteed != found.guaranteed
    assert found.to_dict()["guaranteed"] is None
    assert "recalled over all damages" in repr(found)


def test_a_score_refuses_what_it_cannot_measure():
    with pytest.raises(CapabilityError, match="no energy"):
        score(object())
    with pytest.raises(CapabilityError, match="no patterns"):
        score(ms.memories.Quadratic(torch.eye(4)))
    with pytest.raises(InputError, match="trials"):
        score(ms.memories.Projection(ms.patterns.independent(2, 20, generator=0)), trials=4)
