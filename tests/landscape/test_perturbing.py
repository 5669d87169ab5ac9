"""Damage to the weights keeps them symmetric, does what it says, and leaves the given memory alone."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapabilityError, InputError

X = ms.patterns.independent(6, 100, generator=0)
RULES = [ms.memories.Hebbian, ms.memories.Projection, ms.memories.Storkey, ms.memories.MaxMargin]


@pytest.mark.parametrize("rule", RULES)
@given(
    dilution=st.floats(0, 1),
    noise=st.floats(0, 2),
    bits=st.sampled_from([None, 1, 2, 5]),
    seed=st.integers(0, 99),
)
@settings(max_examples=10, deadline=None)
def test_damaged_weights_are_couplings(rule, dilution, noise, bits, seed):
    memory = rule(X)
    before = memory.weights.clone()
    J = ms.landscape.perturb(memory, dilution=dilution, noise=noise, bits=bits, generator=seed).weights
    assert torch.equal(J, J.T)
    assert float(J.diagonal().abs().max()) == 0
    assert torch.equal(memory.weights, before)


@pytest.mark.parametrize("rule", RULES)
def test_no_damage_changes_nothing(rule):
    memory = rule(X)
    same = ms.landscape.perturb(memory)
    torch.testing.assert_close(same.weights, memory.weights)
    cue = ms.patterns.flip(X, 0.2, generator=1)
    one, other = (m.recall(cue, generator=2) for m in (memory, same))
    assert torch.equal(one.state, other.state)
    assert torch.equal(one.match, other.match)
    assert torch.equal(one.exact, other.exact)


@given(st.floats(0, 1), st.integers(0, 99))
@settings(max_examples=10, deadline=None)
def test_the_share_of_cut_couplings_is_the_dilution(dilution, seed):
    J = ms.landscape.perturb(ms.memories.Projection(X), dilution=dilution, generator=seed).weights
    cut = float((J == 0).sum() - 100) / (100 * 99)
    assert abs(cut - dilution) < 5 * (dilution * (1 - dilution) / 4950) ** 0.5 + 1e-9


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_bits_give_that_many_levels_and_the_nearest_of_them(bits):
    J = ms.memories.Projection(X).weights
    rounded = ms.landscape.perturb(ms.memories.Projection(X), bits=bits).weights
    upper = torch.triu_indices(100, 100, 1)
    levels = rounded[upper[0], upper[1]].unique()
    assert len(levels) <= 2**bits
    step = 2 * float(J.abs().max()) / (2**bits - 1)
    assert float((rounded - J)[upper[0], upper[1]].abs().max()) <= step / 2 + 1e-12


def test_one_bit_is_the_sign_and_cancelled_couplings_stay_zero():
    """Rounding errors of couplings that cancel would else favour the patterns that were added last."""
    hebb = ms.memories.Hebbian(X)
    whole = (X.T @ X).fill_diagonal_(0)
    assert torch.equal(ms.landscape.perturb(hebb, bits=1).weights.sign(), whole.sign().double())


def test_more_damage_leaves_less():
    memory = ms.memories.Projection(ms.patterns.independent(10, 100, generator=3))
    found = ms.landscape.perturbation(memory, "noise", [0.0, 1.0, 3.0], trials=10, starts=200, generator=0)
    assert found.radius[0] > found.radius[1] > found.radius[2]
    assert found.share[0] > found.share[2]
    cut = ms.landscape.perturbation(memory, "dilution", [0.0, 0.5], trials=10, starts=200, generator=0)
    assert 0.4 < float(cut.operations[1] / cut.operations[0]) < 0.7
    assert "10 patterns on 100 units" in repr(cut)
    assert cut.to_dict()["rows"][1]["dilution"] == 0.5


def test_an_interrupted_curve_holds_what_is_finished():
    import signal

    memory = ms.memories.Hebbian(X)
    stop = lambda done, total, text: signal.raise_signal(signal.SIGINT)  # noqa: E731
    found = ms.landscape.perturbation(
        memory, "bits", [1, 2, 3], trials=4, starts=20, generator=0, progress=stop
    )
    assert (len(found.levels), found.complete) == (1, False)


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: ms.landscape.perturb(ms.memories.Dense(X)), CapabilityError),
        (lambda: ms.landscape.perturb(ms.memories.Quadratic(torch.zeros(3, 3))), CapabilityError),
        (lambda: ms.landscape.perturb(ms.memories.Hebbian(X), noise=-1), InputError),
        (lambda: ms.landscape.perturb(ms.memories.Hebbian(X), bits=0), InputError),
        (lambda: ms.landscape.perturb(ms.memories.Hebbian(X), dilution=1.5), InputError),
        (lambda: ms.landscape.perturbation(ms.memories.Hebbian(X), "heat", [1]), InputError),
        (lambda: ms.landscape.perturbation(ms.memories.Hebbian(X), "bits", []), InputError),
    ],
)
def test_what_cannot_be_is_refused(call, error):
    with pytest.raises(error):
        call()


def test_couplings_that_know_their_patterns_survive_a_file(tmp_path):
    memory = ms.landscape.perturb(ms.memories.Hebbian(X), noise=0.3, generator=0)
    memory.save(tmp_path / "m.safetensors")
    again = ms.load(tmp_path / "m.safetensors")
    cue = ms.patterns.flip(X, 0.2, generator=1)
    one, other = (m.recall(cue, generator=2) for m in (memory, again))
    assert torch.equal(one.state, other.state)
    assert torch.equal(one.verdict, other.verdict)
