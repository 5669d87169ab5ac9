"""The dispatcher chooses by cost, pays for W only when it is worth it, and says what it does."""

import torch

from memscape.kernels import dispatch, sweeps
from memscape.kernels.dispatch import Quadratic, way
from memscape.kernels.patterns import PatternForm


def drawn(count, n, seed):
    drawn = torch.randint(0, 2, (count, n), generator=torch.Generator().manual_seed(seed))
    return (2 * drawn - 1).to(torch.int8)


def test_one_cue_goes_by_overlaps_and_a_thousand_by_blocks():
    form = PatternForm(drawn(200, 4000, 0))
    assert way(form, 1, 1.0) == "overlaps"
    assert way(form, 1000, 1.0) == "blocks"


def test_couplings_are_bought_once_the_rent_has_reached_their_price():
    form = PatternForm(drawn(50, 1000, 0))
    sweeps_made = 0
    while way(form, 100, 0.01) != "couplings":
        sweeps_made += 1
    assert 100 * sweeps_made == form.units
    assert way(form, 100, 0.25) != "couplings"


def test_noisy_cues_never_pay_for_couplings_and_long_tails_do():
    patterns = drawn(25, 600, 0)
    for states, built in ((patterns, False), (drawn(200, 600, 1), True)):
        energy = Quadratic.patterns(patterns)
        sweeps.run(energy, states, order="random", max_steps=999, seed=0)
        assert ("couplings" in energy.form.__dict__) is built


def test_couplings_that_would_be_too_large_are_never_built(monkeypatch):
    monkeypatch.setattr(dispatch, "COUPLING_BYTES", 3 * 599**2)
    patterns, states = drawn(25, 600, 0), drawn(200, 600, 1)
    energy = Quadratic.patterns(patterns)
    sweeps.run(energy, states, order="random", max_steps=999, seed=0)
    steep = energy.steepest(states[:8])
    assert "couplings" not in energy.form.__dict__
    monkeypatch.undo()
    assert torch.equal(steep.states, Quadratic.patterns(patterns).steepest(states[:8]).states)


def test_the_choice_is_explained_in_words():
    integer, real = drawn(5, 40, 0), torch.rand(5, 40, dtype=torch.float64)
    assert "exact integers" in Quadratic.patterns(integer).why(3)
    assert "float64, zero fields within" in Quadratic.patterns(integer, real).why(3)
    wide = Quadratic.patterns(drawn(200, 4000, 0)).why(1000)
    assert "blocks of 64 units" in wide
    assert "1000 cues" in wide
    half = torch.tensor([[0.0, 0.5], [0.5, 0.0]])
    assert "float64" in Quadratic.couplings(half).why(3)


def test_no_cues_are_no_trouble():
    energy = Quadratic.patterns(drawn(5, 40, 0))
    none = drawn(0, 40, 0)
    assert energy.steepest(none).states.shape == (0, 40)
    assert energy.synchronous(none, max_steps=5).states.shape == (0, 40)
    assert sweeps.run(energy, none, order="random", max_steps=5, seed=0).states.shape == (0, 40)
