"""Basin volumes and radii: shares that add up, intervals that cover, starts that count exactly once."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapabilityError, InputError
from memscape.core.intervals import share_interval
from memscape.landscape import basins, radius
from memscape.landscape.volumes import require_wells
from memscape.mechanisms import Asynchronous, Exponential, Synchronous
from memscape.memories import Continuous, Dense, Hebbian, Projection, Quadratic

pytestmark = pytest.mark.filterwarnings("ignore::memscape.core.errors.MemscapeWarning")
seeds = st.integers(0, 2**31)


# Intervals


@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("trials", [15, 60, 400])
def test_intervals_cover_the_true_share(level, trials):
    """Exactly, by summing the binomial law: on average over shares at least `level`, nowhere far below."""
    counts = torch.arange(trials + 1).double()
    low, high = share_interval(counts, trials, level=level).unbind(-1)
    choose = (
        torch.lgamma(torch.tensor(trials + 1.0))
        - torch.lgamma(counts + 1)
        - torch.lgamma(trials - counts + 1)
    )
    covered = []
    for share in torch.linspace(0.005, 0.995, 199).double().tolist():
        chance = (choose + counts * math.log(share) + (trials - counts) * math.log(1 - share)).exp()
        covered.append(float(chance[(low <= share) & (share <= high)].sum()))
    assert sum(covered) / len(covered) >= level - 0.002
    assert min(covered) >= level - 0.07


def test_intervals_cover_in_simulation_too():
    hits = torch.binomial(
        torch.full((4000,), 200.0), torch.full((4000,), 0.3), generator=torch.Generator().manual_seed(0)
    )
    low, high = share_interval(hits, 200).unbind(-1)
    share = float(((low <= 0.3) & (high >= 0.3)).double().mean())
    assert share == pytest.approx(0.95, abs=3 * (0.95 * 0.05 / 4000) ** 0.5 + 0.005)


@given(trials=st.integers(1, 500), data=st.data())
def test_intervals_hold_the_share_and_lie_within_zero_and_one(trials, data):
    hits = data.draw(st.integers(0, trials))
    low, high = share_interval(hits, trials).tolist()
    assert 0 <= low <= hits / trials + 1e-12
    assert hits / trials - 1e-12 <= high <= 1
    mirror = share_interval(trials - hits, trials).tolist()
    assert mirror == pytest.approx([1 - high, 1 - low], abs=1e-9)


def test_none_of_many_is_not_never():
    assert share_interval(0, 100).tolist() == pytest.approx(
        [0.0, 0.0362], abs=1e-4
    )  # Clopper and Pearson 1934


# Volumes


@given(seed=seeds, units=st.integers(5, 60), count=st.integers(1, 8))
def test_every_start_counts_once(seed, units, count):
    X = ms.patterns.independent(count, units, generator=seed)
    found = basins(Hebbian(X), starts=40, generator=seed)
    assert float(found.share + found.spurious) == pytest.approx(1.0)
    assert found.share <= 1 + 1e-12
    assert ((found.fraction >= found.interval[:, 0]) & (found.fraction <= found.interval[:, 1])).all()
    assert 0 <= found.unseen <= 1
    assert 1 <= found.distinct <= 40
    low, high = found.share_interval.tolist()
    assert low <= found.share <= high


def test_the_fractions_are_those_of_the_recalls():
    X = ms.patterns.independent(3, 60, generator=0)
    memory = Hebbian(X)
    cues = ms.patterns.independent(300, 60, generator=1)
    found = basins(memory, cues=cues, dynamics=Asynchronous("fixed"))
    ends = memory.recall(cues, dynamics=Asynchronous("fixed")).state
    for i in range(3):
        assert float(found.fraction[i]) == pytest.approx(float((ends == X[i]).all(-1).double().mean()))
        assert float(found.inverted[i]) == pytest.approx(float((ends == -X[i]).all(-1).double().mean()))
    assert found.distinct == len(ends.unique(dim=0))
    once = ends.unique(dim=0, return_counts=True)[1] == 1
    assert found.unseen == pytest.approx(int(once.sum()) / 300)
    assert "given cues" in repr(found)


def test_a_single_pattern_of_hebbs_rule_shares_the_space_with_its_negative():
    found = basins(Hebbian(ms.patterns.independent(1, 51, generator=0)), starts=2000, generator=0)
    assert found.share == 1.0
    assert found.distinct == 2
    assert found.unseen == 0.0
    low, high = found.interval[0].tolist()
    assert low <= 0.5 <= high


def test_intervals_cover_the_volumes_of_another_measurement():
    X = ms.patterns.independent(4, 80, generator=3)
    truth = basins(Projection(X), starts=20_000, generator=0).fraction
    inside = 0
    for seed in range(20):
        low, high = basins(Projection(X), starts=200, generator=seed + 1).interval.unbind(-1)
        inside += int(((low <= truth) & (truth <= high)).sum())
    assert inside >= 0.85 * 80


def test_the_same_seed_gives_the_same_basins():
    memory = Projection(ms.patterns.independent(4, 80, generator=3))
    first, second, third = (basins(memory, starts=300, generator=s) for s in (5, 5, 6))
    assert torch.equal(first.fraction, second.fraction)
    assert not torch.equal(first.fraction, third.fraction)
    assert first.settings["seed"] == 5


def test_real_basins_are_counted_by_match():
    X = torch.randn(5, 40, generator=torch.Generator().manual_seed(0))
    memory = Continuous(X, beta=2.0)
    found = basins(memory, starts=500, generator=0)
    cues = memory.space.sample(500, 40, generator=7)
    ends = memory.recall(cues)
    given = basins(memory, cues=cues)
    assert torch.equal(
        (given.fraction * 500).round().long(), torch.bincount(ends.match[ends.match >= 0], minlength=5)
    )
    assert float(found.inverted.sum()) == 0
    assert math.isnan(found.unseen)
    assert found.to_dict()["unseen"] is None


def test_a_bias_widens_the_basin_that_it_favours():
    X = ms.patterns.independent(3, 101, generator=0)
    plain, tilted = (
        Dense(X, separation=Exponential(0.1)),
        Dense(X, separation=Exponential(0.1), bias=[8.0, 0.0, 0.0]),
    )
    before, after = (basins(m, starts=1000, generator=0).fraction for m in (plain, tilted))
    assert after[0] > before[0] + 0.1
    assert (after[1:] < before[1:]).all()


def test_the_report_says_what_was_measured():
    found = basins(Hebbian(ms.patterns.independent(3, 60, generator=0)), starts=50, generator=9)
    for said in ("3 patterns", "60 units", "50 starts", "Bipolar() sample", "Asynchronous", "seed 9"):
        assert said in repr(found)


# Radii


def test_the_radius_is_where_half_of_the_recalls_are_exact():
    X = ms.patterns.independent(20, 200, generator=0)
    memory = Projection(X)
    found = radius(memory, patterns=[3], trials=60, generator=0)
    assert float(found.damage) == pytest.approx(float(found.radius) / 2)
    shares = {}
    for factor in (0.8, 1.2):
        cues = ms.patterns.flip(X[3].expand(400, -1), fraction=float(found.damage) * factor, generator=1)
        result = memory.recall(cues, generator=2)
        shares[factor] = float((result.exact & (result.match == 3)).double().mean())
    assert shares[0.8] > 0.7
    assert shares[1.2] < 0.3
    low, high = found.interval[0].tolist()
    assert low <= float(found.radius[0]) <= high
    assert high - low < 0.3


def test_intervals_of_radii_hold_what_a_long_measurement_finds():
    memory = Projection(ms.patterns.independent(20, 200, generator=0))
    truth = radius(memory, patterns=range(4), trials=300, generator=0).radius
    inside = 0
    for seed in range(5):
        low, high = radius(memory, patterns=range(4), trials=30, generator=seed + 1).interval.unbind(-1)
        inside += int(((low - 0.005 <= truth) & (truth <= high + 0.005)).sum())
    assert inside >= 0.8 * 20


def test_wells_are_counted_from_the_end_too():
    memory = Projection(ms.patterns.independent(4, 60, generator=0))
    first, second = (radius(memory, patterns=p, trials=8, generator=0) for p in ([3], -1))
    assert torch.equal(first.radius, second.radius)
    assert second.patterns.tolist() == [3]


def test_a_pattern_that_is_not_recalled_has_no_radius():
    X = ms.patterns.independent(60, 100, generator=0)
    found = radius(Hebbian(X), patterns=[0, 1, 2], trials=8, generator=0)
    assert found.radius.tolist() == [0.0, 0.0, 0.0]


def test_hebbian_retrieval_states_count_by_match():
    """At load .1 a retrieval state differs from its pattern in a few bits: exact is the wrong question."""
    X = ms.patterns.independent(40, 400, generator=0)
    by_match = radius(Hebbian(X), patterns=range(5), success="match", trials=16, generator=0).radius
    by_bits = radius(Hebbian(X), patterns=range(5), success="exact", trials=16, generator=0).radius
    assert float(by_match.min()) > 0.4
    assert (by_match >= by_bits - 0.05).all()


# Refusals


class Mute:
    """Has no energy."""


def test_what_has_no_energy_or_no_patterns_has_no_basins():
    with pytest.raises(CapabilityError, match="as_memory"):
        require_wells(Mute())
    for call in (basins, radius):
        with pytest.raises(CapabilityError, match="store"):
            call(Quadratic(torch.tensor([[0.0, 1.0], [1.0, 0.0]])))
        with pytest.raises(CapabilityError, match="store"):
            call(Hebbian(units=10))


def test_measurements_refuse_what_they_cannot_do():
    memory = Hebbian(ms.patterns.independent(2, 30, generator=0))
    with pytest.raises(InputError, match="starts"):
        basins(memory, starts=0)
    with pytest.raises(InputError, match="30 units"):
        basins(memory, cues=torch.ones(2, 29))
    with pytest.raises(InputError, match="level"):
        basins(memory, starts=10, level=1.5)
    with pytest.raises(InputError, match="trials"):
        radius(memory, trials=2)
    with pytest.raises(InputError, match="exact"):
        radius(memory, success="perhaps")
    for index in ([5], [-3], [0.5], [], [True, False]):
        with pytest.raises(InputError, match="patterns"):
            radius(memory, patterns=index)


def test_other_dynamics_have_other_basins():
    memory = Hebbian(ms.patterns.independent(8, 100, generator=1))
    serial, parallel = (basins(memory, starts=2000, dynamics=d, generator=0) for d in (None, Synchronous()))
    assert serial.settings["dynamics"] != parallel.settings["dynamics"]
    assert parallel.share != serial.share
