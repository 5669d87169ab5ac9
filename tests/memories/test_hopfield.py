"""Hebb's rule against the theory of Amit, Gutfreund and Sompolinsky, and in all its forms."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapacityWarning
from memscape.mechanisms import Asynchronous, Synchronous
from memscape.memories import Hebbian, Quadratic
from memscape.theory import hopfield as theory

pytestmark = pytest.mark.filterwarnings("ignore::memscape.core.errors.CapacityWarning")
seeds = st.integers(0, 2**31)


def overlaps_after_recall(load: float, units: int, seed: int, most: int | None = None) -> torch.Tensor:
    """Where recalls end that start on the stored patterns, as overlaps with them."""
    X = ms.patterns.independent(round(load * units), units, generator=seed)
    memory = Hebbian(X)
    return (memory.recall(X[:most], generator=seed).state * X[:most]).mean(-1)


@pytest.mark.parametrize(("load", "wanted"), [(0.10, 0.9974), (0.12, 0.9925), (0.13, 0.9877)])
def test_retrieval_overlaps_at_three_thousand_units(load, wanted):
    """The overlap of retrieval states; near the limit a few patterns of a finite net have none."""
    m = overlaps_after_recall(load, 3000, 1, most=100)
    kept = m > 0.9
    assert float(kept.double().mean()) >= (1.0 if load < 0.13 else 0.95)
    assert float(m[kept].mean()) == pytest.approx(wanted, abs=0.004)
    assert float(m[kept].mean()) == pytest.approx(theory.retrieval_overlap(load), abs=0.004)


def test_beyond_the_critical_load_the_patterns_are_lost():
    assert theory.critical_load() < 0.17
    assert float(overlaps_after_recall(0.17, 3000, 0, most=40).mean()) < 0.45


def test_retrieval_states_have_the_energy_of_the_theory():
    load, units = 0.08, 2000
    X = ms.patterns.independent(round(load * units), units, generator=3)
    energy = Hebbian(X).recall(X[:50], generator=0).energy / units
    assert float(energy.mean()) == pytest.approx(theory.retrieval_energy(load), abs=0.005)


@pytest.mark.parametrize("count", [3, 5, 7])
def test_odd_mixtures_are_stable_and_have_their_overlap(count):
    X = ms.patterns.independent(count, 20_000, generator=0)
    memory, mixture = Hebbian(X), X.sum(0).sign()
    end = memory.recall(mixture, dynamics=Asynchronous("fixed"))
    assert float((end.state * mixture).mean()) > 0.97
    assert ms.Kind(int(end.kind)) == ms.Kind.MIXTURE
    overlaps = (end.state @ X.T / 20_000).sort().values
    wanted = torch.full_like(overlaps, theory.mixture_overlap(count))
    assert torch.allclose(overlaps, wanted, atol=3 / 20_000**0.5)
    assert float(end.energy) / 20_000 == pytest.approx(theory.mixture_energy(count), abs=0.02)


@settings(max_examples=12)
@given(units=st.integers(5, 80), count=st.integers(1, 12), seed=seeds)
def test_the_couplings_are_a_quadratic_memory_with_the_same_end_states(units, count, seed):
    """Pattern form and weight form: unscaled whole-number couplings, the same states bit for bit."""
    X = ms.patterns.independent(count, units, generator=seed)
    hebb = Hebbian(X, unknown=0.0)
    whole = Quadratic(X.T @ X)
    assert torch.allclose(hebb.weights * units, whole.weights)
    cues = torch.cat(
        [ms.patterns.flip(X, 0.2, generator=seed), ms.patterns.independent(9, units, generator=seed + 1)]
    )
    for dynamics in (None, Asynchronous("fixed"), Asynchronous("steepest"), Synchronous()):
        first, second = (m.recall(cues, dynamics=dynamics, generator=seed) for m in (hebb, whole))
        assert torch.equal(first.state, second.state)
        assert torch.equal(first.status, second.status)
        assert torch.allclose(first.energy * units, second.energy)


@settings(max_examples=12)
@given(units=st.integers(10, 80), count=st.integers(1, 8), seed=seeds)
def test_a_pattern_and_its_negative_are_the_same_well(units, count, seed):
    memory = Hebbian(ms.patterns.independent(count, units, generator=seed))
    cues = ms.patterns.independent(6, units, generator=seed + 1)
    up, down = (memory.recall(c, dynamics=Asynchronous("fixed")) for c in (cues, -cues))
    assert torch.equal(up.state, -down.state)
    assert torch.equal(up.energy, down.energy)


def test_an_inverted_end_is_spurious_and_says_that_it_is_inverted():
    X = ms.patterns.independent(3, 200, generator=0)
    result = Hebbian(X).recall(-X, generator=0)
    assert (result.kind == ms.Kind.INVERTED).all()
    assert (result.match == -1).all()
    assert (result.verdict == ms.Verdict.SPURIOUS).all()
    assert torch.allclose(result.overlap, -torch.ones(3))


def test_an_external_field_biases_recall_towards_it():
    X = ms.patterns.independent(4, 300, generator=1)
    memory, cue = Hebbian(X), ms.patterns.independent(1, 300, generator=2)
    for index in range(4):
        end = memory.recall(cue, field=0.8 * X[index], generator=0)
        assert end.match.tolist() == [index]


def test_diluted_patterns_leave_units_without_an_opinion_alone():
    X = torch.zeros(2, 100)
    X[0, :50] = ms.patterns.independent(1, 50, generator=0)[0]
    X[1, 25:75] = ms.patterns.independent(1, 50, generator=1)[0]
    memory, start = Hebbian(X), ms.patterns.independent(5, 100, generator=2)
    end = memory.recall(start, generator=0)
    assert torch.equal(end.state[:, 75:], start[:, 75:])
    assert (end.status == ms.Status.TIED).all()


def test_too_many_patterns_are_a_warning_with_number_limit_and_remedy():
    X = ms.patterns.independent(20, 100, generator=0)
    with pytest.warns(CapacityWarning, match=r"20 patterns on 100 units.*0\.2.*0\.138.*Projection"):
        Hebbian(X)


def test_the_first_minute_of_the_documentation():
    X = ms.patterns.independent(10, 1000, generator=0)
    result = Hebbian(X).recall(ms.patterns.flip(X, fraction=0.1, generator=1), generator=0)
    assert result.exact.all()
    assert "10 RECALLED" in repr(result)
