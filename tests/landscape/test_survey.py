"""Surveys against exhaustive landscapes, against brute force, and against themselves when interrupted."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapabilityError, FileFormatError, InputError, SizeError
from memscape.core.recall import Kind
from memscape.kernels import naive_census
from memscape.kernels.packing import pack
from memscape.landscape import exhaust, survey
from memscape.mechanisms import Asynchronous, Glauber, GradientFlow, Softmax, Sparsemax

pytestmark = pytest.mark.filterwarnings("ignore::memscape.core.errors.MemscapeWarning")

MEMORIES = {
    "hebbian": ms.memories.Hebbian,  # integer couplings, ties and plateaus
    "projection": ms.memories.Projection,
    "power 3": ms.memories.Dense,
    "softmax": lambda X: ms.memories.Dense(X, separation=Softmax(beta=0.4)),
    "sparsemax": lambda X: ms.memories.Dense(X, separation=Sparsemax(beta=0.2)),
    "couplings": lambda X: ms.memories.Quadratic(
        X.double().T @ torch.diag(torch.linspace(-1, 2, len(X)).double()) @ X.double()
    ),
    "thresholds": lambda X: ms.memories.Quadratic((X.T @ X).double(), field=X.sum(0).double()),
}
cases = st.tuples(
    st.sampled_from(sorted(MEMORIES)), st.integers(3, 8), st.integers(1, 4), st.integers(0, 2**20)
)


def memory_of(name, units, count, seed):
    return MEMORIES[name](ms.patterns.independent(count, units, generator=seed))


def all_states(units):
    return ((torch.arange(2**units)[:, None] >> torch.arange(units) & 1) * 2 - 1).float()


def same(one, other, *names):
    for name in names:
        a, b = getattr(one, name), getattr(other, name)
        if name == "energy":  # one sums flips on the way, the other sums once
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
        else:
            assert torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b, name


FIELDS = ("minima", "energy", "kind", "match", "plateau", "basin")


# The same map as the exact basins


@given(cases)
def test_all_states_as_starts_give_the_exact_landscape(case):
    memory = memory_of(*case)
    exact, sampled = exhaust(memory), survey(memory, cues=all_states(case[1]), barriers=False)
    same(exact, sampled, *FIELDS)
    assert (sampled.hits / 2 ** case[1]).tolist() == exact.basin.tolist()
    assert sampled.settings["unsettled"] == 0


@given(cases)
def test_each_state_goes_where_brute_force_says(case):
    memory, units = memory_of(*case), case[1]
    energy = memory.energy(all_states(units))
    table = [round(e, 9) for e in (energy / energy.abs().max().clamp_min(1e-3)).tolist()]
    mapper = ms.landscape.mapper_of(memory)
    ends = mapper(all_states(units))
    assert pack(ends.states)[:, 0].tolist() == naive_census.bottoms(table)
    plateaus = naive_census.minima(table)
    assert ends.plateau.tolist() == [len(plateaus[key]) for key in pack(ends.states)[:, 0].tolist()]


@given(cases, st.sampled_from(["random", "fixed"]))
def test_other_orders_end_in_minima_too(case, order):
    memory = memory_of(*case)
    land = survey(
        memory, cues=all_states(case[1]), dynamics=Asynchronous(order=order), barriers=False, generator=0
    )
    exact = exhaust(memory)
    assert {tuple(s) for s in land.minima.tolist()} <= {tuple(s) for s in exact.minima.tolist()}
    assert float(land.basin.sum()) == pytest.approx(1.0)


@given(cases)
def test_what_is_small_is_not_estimated(case):
    memory = memory_of(*case)
    land = survey(memory, starts=50, generator=0)
    same(exhaust(memory), land, *FIELDS, "edges", "passes", "unseen", "starts")
    assert land.starts == 0
    assert land.unseen == 0


@given(cases)
def test_a_survey_knows_the_wells_of_an_even_energy_in_pairs(case):
    name, units, count, seed = case
    memory = memory_of(name, units, count, seed)
    land = survey(memory, starts=30, exact=False, generator=seed, barriers=False)
    if name in ("hebbian", "projection", "couplings"):
        assert land.settings["paired"]
        # a plateau is shown by its smallest key, so its negative is shown by another state
        alone = {tuple(s) for s in land.minima[land.plateau == 1].tolist()}
        assert alone == {tuple(-x for x in s) for s in alone}
    elif name in ("power 3", "softmax"):
        assert not land.settings["paired"]
    assert float(land.basin.sum()) == pytest.approx(1.0)
    low, high = land.basin_interval.unbind(-1)
    assert bool(((low <= land.basin + 1e-12) & (land.basin <= high + 1e-12)).all())


def test_stored_patterns_are_entered_though_no_start_finds_them():
    X = ms.patterns.independent(12, 300, generator=0)
    land = survey(ms.memories.Projection(X), starts=3, generator=0, barriers=False)
    assert sorted(land.match[land.kind == Kind.STORED].tolist()) == list(range(12))
    assert sorted(land.match[land.kind == Kind.INVERTED].tolist()) == list(range(12))
    missed = land.hits == 0
    assert missed.any()
    assert (land.basin[missed] == 0).all()
    assert (land.basin_interval[missed, 1] > 0.3).all()  # half of 1 - .025^(1/3)


def test_large_landscapes_have_upper_bounds_between_their_wells():
    X = ms.patterns.independent(3, 60, generator=1)
    memory = ms.memories.Projection(X)
    land = survey(memory, starts=64, lowest=4, generator=0)
    stored = (land.kind == Kind.STORED) | (land.kind == Kind.INVERTED)
    assert not land.exact
    assert bool(land.barrier[stored].isfinite().all())
    assert bool((land.barrier[stored] > 0).all())
    ends = land.energy[land.edges].max(1).values
    assert bool((land.passes >= ends - 1e-9).all())
    measured = land.barrier.isfinite().sum()
    assert measured <= stored.sum() + 4
    assert "upper bounds" in repr(land)
    assert land.settings["barriers"]["neighbours"] >= 2
    bare = survey(memory, starts=64, barriers=False, generator=0)
    assert bare.barrier.isnan().all()


def test_passes_that_would_take_too_long_are_left_out_and_that_is_said(monkeypatch):
    from memscape.landscape import sampling

    monkeypatch.setattr(sampling, "_LOOKS", 1.0)
    land = survey(ms.memories.Projection(ms.patterns.independent(3, 60, generator=1)), starts=9, generator=0)
    assert land.barrier.isnan().all()
    assert "too many units" in land.settings["barriers"]


# What is sure


def covered(memory, starts, rounds, level=0.95):
    """The share of intervals that hold the exact basin, for wells of large and of small expected count."""
    exact = exhaust(memory)
    large, small = [], []
    for seed in range(rounds):
        land = survey(memory, starts=starts, exact=False, level=level, generator=seed, barriers=False)
        found = {tuple(s): row for row, s in enumerate(land.minima.tolist())}
        never = 1 - ((1 - level) / 2) ** (1 / starts)
        for state, basin in zip(exact.minima.tolist(), exact.basin.tolist(), strict=True):
            row = found.get(tuple(state))
            low, high = (0.0, never) if row is None else land.basin_interval[row].tolist()
            draws = (2 if land.settings["paired"] else 1) * starts * basin
            (large if draws >= 10 else small).append(low <= basin + 1e-12 and basin <= high + 1e-12)
    return large, small


def test_intervals_hold_the_exact_basins():
    large, small = [], []
    for seed, name in enumerate(("hebbian", "projection", "power 3", "thresholds")):
        wide, narrow = covered(memory_of(name, 10, 4, seed), 60, 40)
        large, small = large + wide, small + narrow
    assert sum(large) / len(large) == pytest.approx(0.95, abs=0.025)
    assert sum(small) / len(small) >= 0.95


@pytest.mark.slow
def test_intervals_hold_the_exact_basins_of_many_memories():
    large, small = [], []
    for seed in range(12):
        for name in sorted(MEMORIES):
            wide, narrow = covered(memory_of(name, 14, 4, seed), 200, 60)
            large, small = large + wide, small + narrow
    assert 0.93 <= sum(large) / len(large) <= 0.97
    assert sum(small) / len(small) >= 0.95


@pytest.mark.parametrize("name", ["couplings", "thresholds"])
def test_the_unseen_share_is_estimated_without_bias(name):
    """Good and Turing: the mean of f1 / R is the mean share of what R - 1 starts leave unseen."""
    memory = memory_of(name, 14, 7, 5)
    exact = exhaust(memory)
    place = {tuple(s): b for s, b in zip(exact.minima.tolist(), exact.basin.tolist(), strict=True)}
    estimated, true, errors, least = [], [], [], []
    for seed in range(100):
        land = survey(memory, starts=6, exact=False, generator=seed, barriers=False)
        fewer = survey(memory, starts=5, exact=False, generator=seed, barriers=False)
        estimated.append(land.unseen)
        errors.append(land.unseen_error)
        least.append(land.at_least)
        true.append(1 - sum(place[tuple(s)] for s in fewer.minima.tolist()))
    estimated, true = torch.tensor(estimated), torch.tensor(true)
    difference = estimated - true
    assert float(true.mean()) > 0.02
    assert abs(float(difference.mean())) <= 3 * float(difference.std()) / 100**0.5
    assert torch.tensor(least).double().mean() <= len(exact) + 1e-9
    assert torch.tensor(errors).mean() >= 0.5 * difference.std()


@given(st.lists(st.integers(0, 30), min_size=1, max_size=12), st.integers(31, 90))
def test_more_singletons_mean_more_unseen(counts, draws):
    from memscape.landscape.missing import unseen

    once, twice = counts.count(1), counts.count(2)
    rest, more = unseen(once, twice, draws), unseen(once + 1, twice, draws)
    assert 0 <= rest.share < more.share
    assert rest.count <= more.count
    assert unseen(0, twice, draws).share == 0


def test_a_survey_ends_when_it_is_precise_enough():
    memory = ms.memories.Projection(ms.patterns.independent(2, 40, generator=0))
    land = survey(memory, precision=0.01, generator=0, barriers=False)
    low, high = land.basin_interval.unbind(-1)
    assert float((high - low).max()) / 2 <= 0.01
    assert land.starts < 9604  # what the interval of one half would need
    assert land.settings["reached"] <= 0.01
    early = survey(memory, precision=0.2, generator=0, barriers=False)
    assert early.starts < land.starts
    capped = survey(memory, precision=0.001, starts=100, generator=0, barriers=False)
    assert capped.starts == 100
    assert capped.settings["reached"] > 0.001


# Interrupted


class _Stopped(Exception):
    pass


@pytest.mark.parametrize("order", ["steepest", "random"])
def test_an_interrupted_survey_goes_on_to_the_same_end(order, tmp_path, monkeypatch):
    from memscape.landscape import surveying

    monkeypatch.setattr(surveying, "BATCH", 64)
    memory = ms.memories.Hebbian(ms.patterns.independent(6, 80, generator=0))
    options = {"starts": 300, "dynamics": Asynchronous(order=order), "barriers": False}
    whole = survey(memory, generator=3, **options)
    path = tmp_path / "survey.safetensors"

    def press(done, total, text):
        if done >= 128:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)

    part = survey(memory, generator=3, checkpoint=path, progress=press, **options)
    assert not part.complete
    assert part.starts == 128
    assert "Ctrl-C" in repr(part)
    again = survey(memory, checkpoint=path, **options)
    assert again.complete
    same(whole, again, *FIELDS, "basin_interval", "hits", "starts", "unseen", "unseen_error", "at_least")
    assert whole.settings == again.settings
    # The finished file gives the same answer at once, and can be extended.
    same(whole, survey(memory, checkpoint=path, **options), *FIELDS)
    if order == "steepest":
        more = survey(memory, checkpoint=path, **(options | {"starts": 500}))
        same(more, survey(memory, generator=3, **(options | {"starts": 500})), *FIELDS)


def test_a_checkpoint_serves_one_survey_only(tmp_path):
    X = ms.patterns.independent(3, 40, generator=0)
    path = tmp_path / "survey.safetensors"
    survey(ms.memories.Projection(X), starts=20, generator=0, checkpoint=path, barriers=False)
    with pytest.raises(InputError, match="another survey, with other energies"):
        survey(ms.memories.Hebbian(X), starts=20, generator=0, checkpoint=path)
    with pytest.raises(InputError, match="seed 0, not 1"):
        survey(ms.memories.Projection(X), starts=20, generator=1, checkpoint=path)
    other = tmp_path / "memory.safetensors"
    ms.memories.Hebbian(X).save(str(other))
    with pytest.raises(FileFormatError, match="holds a memory, not a survey"):
        survey(ms.memories.Hebbian(X), starts=20, checkpoint=other)


def test_the_same_seed_gives_the_same_landscape():
    memory = ms.memories.Hebbian(ms.patterns.independent(6, 60, generator=0))
    one, two = (survey(memory, starts=200, generator=5, barriers=False) for _ in range(2))
    same(one, two, *FIELDS, "hits", "basin_interval")
    assert one.settings == two.settings


def test_a_survey_survives_a_file(tmp_path):
    land = survey(ms.memories.Projection(ms.patterns.independent(3, 40, generator=0)), starts=50, generator=0)
    path = str(tmp_path / "land.safetensors")
    land.save(path)
    again = ms.landscape.Landscape.load(path)
    assert again.to_dict() == land.to_dict()
    assert torch.equal(again.hits, land.hits)


# Real states


@settings(max_examples=10)
@given(st.integers(2, 5), st.integers(0, 99))
def test_sharp_real_memories_have_one_minimum_per_pattern(count, seed):
    X = torch.randn(count, 30, generator=torch.Generator().manual_seed(seed))
    memory = ms.memories.Continuous(X, beta=3.0)
    land = survey(memory, starts=150, generator=seed)
    assert sorted(land.match[land.kind == Kind.STORED].tolist()) == list(range(count))
    slope = memory.field(land.minima).square().mean(-1).sqrt()
    assert float(slope.max()) <= 1e-4 * memory.space.scale
    apart = torch.cdist(land.minima, land.minima) / 30**0.5
    assert bool((apart.fill_diagonal_(9) > 0.01 * memory.space.scale).all())
    assert float(land.basin.sum()) == pytest.approx(1.0)
    assert (land.energy.diff() >= 0).all()


def test_a_soft_real_memory_has_a_single_minimum():
    X = torch.randn(6, 20, generator=torch.Generator().manual_seed(0))
    land = survey(ms.memories.Continuous(X, beta=0.01), starts=60, generator=0)
    assert len(land) == 1
    assert land.basin.tolist() == [1.0]
    flow = survey(ms.memories.Continuous(X, beta=0.01), starts=60, generator=0, dynamics=GradientFlow(0.5))
    torch.testing.assert_close(flow.minima, land.minima, atol=1e-3, rtol=0)


def test_ends_that_no_well_pulls_are_one_plain():
    from memscape.mechanisms import Epanechnikov

    X = 10 * torch.eye(4, 6)
    land = survey(
        ms.memories.Continuous(X, separation=Epanechnikov(beta=1.0)), starts=100, generator=0, barriers=False
    )
    plain = land.plateau == 0
    assert int(plain.sum()) == 1
    assert float(land.basin[plain][0]) > 0.5


# What it takes


def test_vectors_files_and_objects_are_opened(tmp_path):
    import numpy as np

    X = torch.nn.functional.normalize(torch.randn(4, 12, generator=torch.Generator().manual_seed(0)), dim=1)
    np.save(tmp_path / "x.npy", X.numpy())
    direct = survey(ms.as_memory(X), starts=40, generator=0, barriers=False)

    class Holder:
        def as_memory(self):
            return ms.as_memory(X)

    for given_ in (X, X.numpy(), X.tolist(), str(tmp_path / "x.npy"), Holder()):
        land = survey(given_, starts=40, generator=0, barriers=False)
        torch.testing.assert_close(land.minima.float(), direct.minima)
        assert torch.equal(land.basin, direct.basin)


def test_cues_may_leave_units_open():
    X = ms.patterns.independent(3, 50, generator=0)
    memory = ms.memories.Projection(X)
    land = survey(memory, cues=ms.patterns.mask(X, 0.3, generator=1), barriers=False)
    assert land.starts == 3
    assert sorted(land.match[land.hits > 0].tolist()) == [0, 1, 2]
    assert land.settings["law"] == "given cues"


def test_a_field_drives_the_survey():
    X = ms.patterns.independent(3, 50, generator=0)
    land = survey(ms.memories.Projection(X), starts=40, field=5 * X[1], generator=0)
    assert len(land) == 1
    assert land.match.tolist() == [1]


def test_bad_input_is_refused():
    X = ms.patterns.independent(3, 40, generator=0)
    memory = ms.memories.Projection(X)
    with pytest.raises(CapabilityError, match="has no energy"):
        survey(object())
    with pytest.raises(CapabilityError, match="no energy"):
        survey(ms.memories.Willshaw(ms.patterns.sparse(3, 40, active=4, generator=0), active=4))
    with pytest.raises(InputError, match="empty"):
        survey(ms.memories.Hebbian(units=30))
    for starts in (0, -3):
        with pytest.raises(InputError, match="starts"):
            survey(memory, starts=starts)
    with pytest.raises(InputError, match="39 units"):
        survey(memory, cues=X[:, :39])
    with pytest.raises(InputError, match="cues"):
        survey(memory, cues=0.5 * X)
    with pytest.raises(InputError, match="not both"):
        survey(memory, cues=X, starts=5)
    with pytest.raises(InputError, match="precision"):
        survey(memory, precision=0.0)
    with pytest.raises(InputError, match="minimum"):
        survey(memory, dynamics=Glauber(0.3))
    with pytest.raises(InputError, match="field"):
        survey(memory, field=torch.ones(3))
    with pytest.raises(InputError, match="no descent of real states"):
        survey(ms.memories.Continuous(torch.eye(3)), dynamics=Asynchronous())
    with pytest.raises(SizeError, match="survey"):
        survey(memory, exact=True)
    assert math.isnan(float(survey(memory, starts=2, generator=0, barriers=False).barrier[0]))
