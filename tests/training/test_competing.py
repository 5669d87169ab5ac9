"""Arrangements that compete: each family of each edge stands in one of them, and one is left at the end."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.mechanisms import SelectableNetwork
from memscape.training import train_competing
from memscape.training.competing import _arrangements

X = torch.linspace(-1, 1, 60)[:, None]


def cube(y: torch.Tensor) -> torch.Tensor:
    return (y - X**3).square().mean()


def fresh(seed: int = 0) -> SelectableNetwork:
    return SelectableNetwork((1, 2, 1), families=("chebyshev", "radial", "fourier"), size=5, generator=seed)


def run(progress=False, seed: int = 0, steps: int = 96, rounds: int = 4):
    network = fresh(seed)
    return network, train_competing(
        network, X, cube, steps=steps, rounds=rounds, rate=0.03, generator=seed, progress=progress
    )


def test_the_winner_has_one_family_an_edge_all_the_steps_and_fits():
    network, history = run()
    assert (network.families_left, network.parameters_left) == (1, 4 * 5)
    assert (history.steps, history.complete) == (96, True)
    assert history.losses[-1] < 0.05 * history.losses[0]
    assert float(cube(network(X)).detach()) < 2 * float(history.losses[-1])  # what is left is the winner


@given(seed=st.integers(0, 2**31))
def test_a_candidate_moves_its_own_coefficients_only(seed):
    """Those of other families have no gradient; Adam's first step moves the others by the rate at most."""
    network = fresh(seed)
    train_competing(network, X, cube, steps=1, rounds=1, rate=0.01, generator=seed, progress=False)
    left: list[torch.Tensor] = [layer.left for layer in network.layers]  # ty: ignore
    for mask, now, old in zip(left, network.parameters(), fresh(seed).parameters(), strict=True):
        moved = (now - math.sqrt(3) * old).detach().abs()
        assert float(moved[~mask].max()) == 0
        assert bool((moved[mask] > 0).any(-1).all())
        assert float(moved.max()) < 0.0101


@given(seed=st.integers(0, 2**31), n=st.integers(1, 3))
def test_a_family_of_an_edge_stands_in_one_mixture_and_one_candidate_alike(seed, n):
    network = SelectableNetwork((n, 2, 1), size=4, generator=seed)
    for masks in zip(*_arrangements(network, seed), strict=True):
        stacked = torch.stack(masks).int()
        assert len(masks) == 10
        assert (stacked.sum(-1) == 1).all()
        assert (stacked[:5].sum(0) == 1).all()
        assert (stacked[5:].sum(0) == 1).all()
        assert (stacked[:5].flatten(1, 2).sum(1).max(-1).values == masks[0][..., 0].numel()).all()


def test_the_winner_is_the_best_where_nothing_is_cut_before_the_end():
    """With one round every candidate makes all steps; more rounds cannot end lower."""
    whole, halved = run(rounds=1)[1], run(rounds=3)[1]
    assert whole.losses[-20:].median() <= halved.losses[-20:].median()


def test_the_same_seed_gives_the_same_run():
    (a, first), (b, second) = run(), run()
    assert torch.equal(first.losses, second.losses)
    assert a.chosen == b.chosen


def test_the_rounds_are_told():
    told = []
    run(progress=lambda done, total, text: told.append((done, total)))
    assert told[-1] == (4, 4)


def test_what_cannot_be_is_refused():
    pruned = fresh()
    pruned.drop(X)
    with pytest.raises(InputError):
        train_competing(pruned, X, cube, steps=5)
    for settings in ({"steps": 0}, {"rounds": 0}):
        with pytest.raises(InputError):
            run(**settings)
