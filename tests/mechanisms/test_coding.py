"""Competitive codes: one winner a group, by chance where all is new, for sure where all is known."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.mechanisms import CompetitiveCode
from memscape.mechanisms.coding import above, allowed_softmax, k_winners


@given(size=st.integers(1, 30), seed=st.integers(0, 2**31), data=st.data())
def test_exactly_k_win_and_no_loser_scores_more(size, seed, data):
    k = data.draw(st.integers(1, size))
    scores = torch.randn(3, size, generator=torch.Generator().manual_seed(seed)).round(decimals=1)
    won = k_winners(scores, k) > 0
    assert (won.sum(-1) == k).all()
    for row, w in zip(scores, won, strict=True):
        if k < size:
            assert row[w].min() >= row[~w].max()


@given(size=st.integers(2, 20), seed=st.integers(0, 2**31))
def test_what_a_constraint_forbids_has_no_chance_at_all(size, seed):
    g = torch.Generator().manual_seed(seed)
    scores, allowed = 50 * torch.randn(4, size, generator=g), torch.rand(4, size, generator=g) < 0.5
    allowed[:, 0] = True
    shares = allowed_softmax(scores, allowed)
    assert (shares[~allowed] == 0).all()
    torch.testing.assert_close(shares.sum(-1), torch.ones(4))


def test_constraints_that_allow_nothing_are_refused():
    with pytest.raises(InputError, match="no unit at all"):
        allowed_softmax(torch.zeros(2), torch.tensor([False, False]))


@given(groups=st.integers(1, 8), size=st.integers(2, 8), seed=st.integers(0, 2**31))
def test_a_code_has_one_winner_in_each_group(groups, size, seed):
    code = CompetitiveCode(groups, size)
    support = torch.rand(3, code.units, generator=torch.Generator().manual_seed(seed))
    for winners in (code.winners(support), code.drawn(support, seed)):
        states = code.states(winners).unflatten(-1, (groups, size))
        assert torch.equal(states.sum(-1), torch.ones(3, groups))


def test_unknown_inputs_get_any_code_and_known_ones_their_own():
    code = CompetitiveCode(4, 8)
    new = code.chances(torch.zeros(code.units))
    assert torch.equal(new, torch.full_like(new, 1 / 8))
    stored = code.states(torch.tensor([1, 5, 0, 7]))
    assert code.familiarity(stored) == 1
    sure = code.chances(stored).amax(-1)
    assert (sure > 0.9).all()
    assert torch.equal(code.winners(stored), torch.tensor([1, 5, 0, 7]))


def test_winners_become_surer_with_familiarity():
    code = CompetitiveCode(6, 5)
    stored = code.states(torch.zeros(6, dtype=torch.int64))
    sure = [float(code.chances(share * stored).amax(-1).mean()) for share in (0, 0.2, 0.4, 0.6, 0.8, 1.0)]
    assert sure == sorted(sure)


@pytest.mark.parametrize(
    "make",
    [
        lambda: CompetitiveCode(0, 4),
        lambda: CompetitiveCode(3, 1),
        lambda: CompetitiveCode(3, 4, least=1.0),
        lambda: k_winners(torch.zeros(3), 4),
        lambda: k_winners(torch.zeros(3), 0),
    ],
)
def test_impossible_codes_are_refused(make):
    with pytest.raises(InputError):
        make()


def test_a_detector_fires_at_its_threshold():
    assert above(torch.tensor([1.9, 2.0, 2.1]), 2.0).tolist() == [False, True, True]
