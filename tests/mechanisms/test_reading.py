"""Reading a recall: familiarity at the cue, the gap at the end, and the verdict that follows from both."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.spaces import Bipolar, Real
from memscape.mechanisms import Exponential
from memscape.mechanisms.reading import nearest, verdicts
from memscape.memories import Continuous, Dense, Hebbian, Projection

seeds = st.integers(0, 2**31)
X = ms.patterns.independent(10, 200, generator=0)
MEMORIES = {
    "Hebbian": lambda **o: Hebbian(X, **o),
    "Projection": lambda **o: Projection(X, **o),
    "Dense": lambda **o: Dense(X, separation=Exponential(0.5), **o),
    "Continuous": lambda **o: Continuous(X, beta=0.5, **o),
}


@pytest.mark.parametrize("name", MEMORIES)
def test_familiarity_is_one_at_stored_patterns_and_zero_at_random_ones(name):
    memory = MEMORIES[name]()
    stored = memory.recall(X, generator=0).familiarity
    assert float(stored.median()) == pytest.approx(1.0, abs=1e-6)
    random = memory.recall(memory.space.sample(2000, 200, generator=5), generator=0).familiarity
    assert float(random.mean()) == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("name", MEMORIES)
def test_familiarity_falls_with_damage(name):
    memory = MEMORIES[name]()
    means = []
    for amount in (0.0, 0.1, 0.2, 0.3, 0.4):
        cues = memory.space.corrupt(X.repeat(20, 1), amount, generator=1)
        means.append(float(memory.recall(cues, generator=0).familiarity.mean()))
    assert means == sorted(means, reverse=True)


@pytest.mark.parametrize("name", ["Hebbian", "Projection", "Dense"])
@pytest.mark.parametrize("given", [0.7, 0.4])
def test_with_unknown_units_both_ends_are_taken_under_the_same_mask(name, given):
    """Half of a stored pattern is as familiar as the whole, half of a random state no more than it."""
    memory = MEMORIES[name]()
    mask = torch.rand(200, generator=torch.Generator().manual_seed(1)) < given
    stored = memory.recall(X * mask, generator=0)
    assert float(stored.familiarity.median()) == pytest.approx(1.0, abs=0.05)
    random = memory.recall(ms.patterns.independent(500, 200, generator=2) * mask, generator=0)
    assert abs(float(random.familiarity.mean())) < 0.15
    assert (stored.verdict == ms.Verdict.RECALLED).all()
    assert float((random.verdict == ms.Verdict.UNKNOWN).double().mean()) > 0.9


@pytest.mark.parametrize("name", MEMORIES)
def test_thresholds_can_be_given(name):
    noise = MEMORIES[name]().space.sample(50, 200, generator=3)
    known = MEMORIES[name](unknown=-1e9, ambiguous=-1e9).recall(noise, generator=0)
    assert (known.verdict != ms.Verdict.UNKNOWN).all()
    assert (MEMORIES[name](unknown=2.0).recall(X, generator=0).verdict == ms.Verdict.UNKNOWN).all()
    unsure = MEMORIES[name](ambiguous=1e9).recall(X, generator=0)
    assert (unsure.verdict == ms.Verdict.AMBIGUOUS).all()


@pytest.mark.parametrize("name", MEMORIES)
def test_the_calibration_says_what_it_found(name):
    scale = MEMORIES[name]().calibration
    assert scale.low < scale.high
    assert 0 < scale.unknown < 1
    assert scale.false_alarm <= 0.001
    assert scale.miss <= 0.02
    assert MEMORIES[name]().calibration == scale  # fixed seeds: the same patterns give the same thresholds


def test_between_two_equal_wells_the_verdict_is_ambiguous():
    close = torch.cat([X[:1], X[:1]])
    close[1, :4] *= -1
    memory = Dense(torch.cat([close, X[2:]]), separation=Exponential(0.2), ambiguous=10.0)
    assert memory.recall(close, generator=0).verdict.tolist() == [ms.Verdict.AMBIGUOUS] * 2
    assert (memory.recall(X[2:], generator=0).verdict == ms.Verdict.RECALLED).all()


def test_the_verdict_is_the_first_that_holds():
    scale = MEMORIES["Hebbian"]().calibration
    low, high = scale.unknown - 0.1, scale.unknown + 0.1
    unsure, sure = scale.ambiguous - 1.0, scale.ambiguous + 1.0
    familiarity = torch.tensor([low, low, high, high, high])
    gap = torch.tensor([unsure, sure, unsure, sure, sure])
    match = torch.tensor([0, 0, 0, 0, -1])
    names = [ms.Verdict(code).name for code in verdicts(familiarity, gap, match, scale).tolist()]
    assert names == ["UNKNOWN", "UNKNOWN", "AMBIGUOUS", "RECALLED", "SPURIOUS"]


@given(seed=seeds, units=st.integers(20, 60), count=st.integers(3, 9))
def test_kinds_of_states(seed, units, count):
    patterns = ms.patterns.independent(count, units, generator=seed)
    seen = nearest(patterns, Bipolar(), torch.cat([patterns, -patterns]))
    assert seen.exact[:count].all()
    assert torch.equal(patterns[seen.match[:count]], patterns)
    assert (seen.kind[:count] == ms.Kind.STORED).all()
    assert torch.allclose(seen.overlap.abs(), torch.ones(2 * count))


def test_mixtures_are_signed_sums_of_three_five_or_seven():
    patterns = ms.patterns.independent(9, 1000, generator=1)
    for count in (3, 5, 7):
        signs = ms.patterns.independent(1, count, generator=count)[0]
        mixture = (signs @ patterns[:count]).sign()
        assert int(nearest(patterns, Bipolar(), mixture[None]).kind) == ms.Kind.MIXTURE
    noise = ms.patterns.independent(20, 1000, generator=2)
    assert (nearest(patterns, Bipolar(), noise).kind == ms.Kind.SPURIOUS).all()


def test_diluted_patterns_are_compared_where_they_have_an_opinion():
    patterns = ms.patterns.diluted(3, 100, dilution=0.4, generator=0)
    states = torch.where(patterns == 0, 1.0, patterns)
    seen = nearest(patterns, Bipolar(), states)
    assert seen.exact.all()
    assert seen.match.tolist() == [0, 1, 2]
    assert (seen.kind == ms.Kind.STORED).all()
    inverted = nearest(patterns, Bipolar(), -states)
    assert (inverted.kind == ms.Kind.INVERTED).all()


def test_real_states_equal_a_pattern_to_a_ten_thousandth():
    patterns = torch.randn(4, 50, generator=torch.Generator().manual_seed(0))
    for off, exact in ((5e-5, True), (5e-4, False)):
        seen = nearest(patterns, Real(), patterns + off)
        assert seen.exact.tolist() == [exact] * 4
        assert seen.match.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("units", [100, 200, 1000])
def test_an_overlap_of_exactly_the_threshold_matches(units):
    pattern = ms.patterns.independent(1, units, generator=0)
    state = pattern * torch.where(torch.arange(units) < units // 20, -1.0, 1.0)
    assert int(nearest(pattern, Bipolar(), state, 0.9).match) == 0
    assert int(nearest(pattern, Bipolar(), -state, 0.9).kind) == ms.Kind.INVERTED


@given(threshold=st.floats(0.55, 0.99))
def test_the_match_threshold_is_the_one_that_was_given(threshold):
    patterns = ms.patterns.independent(1, 1000, generator=0)
    states = torch.stack(
        [ms.patterns.flip(patterns[0], f, generator=1) for f in torch.linspace(0, 0.3, 40).tolist()]
    )
    seen = nearest(patterns, Bipolar(), states, threshold)
    assert torch.equal(seen.match == 0, seen.overlap >= threshold)
