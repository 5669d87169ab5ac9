"""Leaky units with learnt time constants, and two ways to let a task grow."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape.cognition import LeakyNetwork
from memscape.core.errors import InputError
from memscape.mechanisms import Curriculum
from memscape.mechanisms.leaking import leak, low_pass
from memscape.tasks import NDMS, NParity


@given(tau=st.floats(1.0, 50.0), seed=st.integers(0, 2**31))
def test_a_low_pass_is_the_leak_of_the_inverse_time_constant(tau, seed):
    h, x = torch.randn(2, 4, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).unbind()
    torch.testing.assert_close(low_pass(h, x, 1 / torch.tensor(tau)), leak(h, x, tau), rtol=1e-6, atol=1e-7)


@given(units=st.integers(1, 6), seed=st.integers(0, 2**31))
@settings(max_examples=20)
def test_the_state_follows_the_equation_and_no_unit_reads_itself(units, seed):
    network = LeakyNetwork(units, memory=(1.0, 4.0), generator=seed)
    with torch.no_grad():
        network.recurrent.fill_diagonal_(100.0)  # has no effect
    streams = NParity(2).sample(3, generator=seed)
    W = network.recurrent * (1 - torch.eye(units))
    h = network.start.expand(3, -1)
    for x in streams.unbind(1):
        drive = h @ W + network.bias + x[:, None] * network.driving
        h = torch.nn.functional.leaky_relu((1 - 1 / network.tau) * h + drive / network.tau)
    torch.testing.assert_close(network.state(streams), h, rtol=1e-4, atol=1e-5)


def test_a_lost_unit_is_silent():
    network = LeakyNetwork(8, generator=0)
    lost = torch.tensor([True] + [False] * 7)
    state = network.state(NDMS(3).sample(4, generator=0), lost)
    assert (state[:, 0] == 0).all()
    assert (state[:, 1:] != 0).any()


def test_many_heads_keep_what_one_head_forgets():
    """The short form of the claim: N = 2 and 3 on 24 units."""
    kept = {}
    for heads in ("single", "multi"):
        network = LeakyNetwork(24, heads=2, generator=1)
        growth = network.fit(NDMS, Curriculum(heads=heads), steps=1000, every=50, generator=1, progress=False)
        assert growth.reached == 3
        assert growth.orders == (2, 3)
        assert "Growth of" in repr(growth)
        assert growth.to_dict()["complete"]
        kept[heads] = float(network.accuracy(NDMS, [2], generator=2))
        assert (network.timescales >= 1).all()
    assert kept["multi"] > 0.97
    assert kept["single"] < kept["multi"]


def test_the_same_seed_gives_the_same_growth():
    found = []
    for _ in range(2):
        network = LeakyNetwork(8, heads=2, generator=3)
        found.append(network.fit(NParity, steps=30, every=10, generator=4, progress=False))
    assert found[0].looks == found[1].looks


@pytest.mark.parametrize(
    "call",
    [
        lambda: LeakyNetwork(0),
        lambda: LeakyNetwork(4, memory=(0.5, 0.5)),
        lambda: LeakyNetwork(4, inputs=2)(torch.ones(1, 5)),
        lambda: LeakyNetwork(4, heads=2).accuracy(NDMS, [5]),
        lambda: LeakyNetwork(4)(torch.tensor([[0.0, torch.nan, 1.0]])),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(InputError):
        call()
