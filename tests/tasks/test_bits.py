"""Streams of bits: the answer depends on the last N bits and on nothing else."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.tasks import NDMS, NParity

TASKS = (NParity, NDMS)


@given(order=st.integers(2, 9), seed=st.integers(0, 2**31), kind=st.sampled_from(TASKS))
def test_streams_are_longer_than_what_is_asked_and_of_two_values(order, seed, kind):
    streams = kind(order).sample(5, generator=seed)
    assert order + 2 <= streams.shape[1] <= 4 * order + 2
    assert (streams.abs() == 1).all()
    torch.testing.assert_close(streams, kind(order).sample(5, generator=seed))


@given(order=st.integers(2, 6), seed=st.integers(0, 2**31), kind=st.sampled_from(TASKS))
def test_older_bits_do_not_matter(order, seed, kind):
    task = kind(order)
    streams = task.sample(8, generator=seed)
    other = torch.cat([-streams[:, :-order], streams[:, -order:]], 1)
    assert torch.equal(task.labels(streams), task.labels(other))


@given(order=st.integers(2, 6), seed=st.integers(0, 2**31))
def test_every_one_of_the_last_bits_turns_the_parity(order, seed):
    task = NParity(order)
    streams = task.sample(8, generator=seed)
    for back in range(1, order + 1):
        other = streams.clone()
        other[:, -back] *= -1
        assert torch.equal(task.labels(other), 1 - task.labels(streams))


def test_a_match_compares_the_last_bit_with_the_one_n_minus_1_before():
    streams = NDMS(4).sample(50, generator=0)
    assert torch.equal(NDMS(4).labels(streams)[:, 0], (streams[:, -4] == streams[:, -1]).long())
    assert NDMS(4).labels(streams, (2, 3, 4)).shape == (50, 3)


@pytest.mark.parametrize("kind", TASKS)
def test_both_answers_come_up(kind):
    share = kind(3).labels(kind(3).sample(4000, generator=0)).float().mean()
    assert 0.35 < float(share) < 0.65


@pytest.mark.parametrize(
    "call", [lambda: NDMS(1), lambda: NParity(0), lambda: NDMS(3).labels(torch.ones(1, 2))]
)
def test_what_cannot_be_asked_is_refused(call):
    with pytest.raises(InputError):
        call()
