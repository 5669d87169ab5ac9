"""Parallel dynamics.

Every unit takes the sign of the field of the state before; the end has period one or two.
"""

from itertools import pairwise

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.kernels.synchronous import synchronous

SEEDS = st.integers(0, 2**31)


def energy(n, seed):
    upper = np.triu(np.random.default_rng(seed).integers(-3, 4, (n, n)), 1)
    return torch.from_numpy(upper + upper.T)


def starts(count, n, seed):
    drawn = torch.randint(0, 2, (count, n), generator=torch.Generator().manual_seed(seed))
    return (2 * drawn - 1).to(torch.int8)


def update(weights, state):
    h = weights @ state.long()
    return torch.where(h == 0, state, h.sign()).to(torch.int8)


@given(st.integers(1, 30), SEEDS, st.integers(0, 40))
def test_the_path_is_that_of_one_cue_at_a_time(n, seed, max_steps):
    weights = energy(n, seed)
    out = synchronous(lambda s: s.long() @ weights, starts(6, n, seed), max_steps=max_steps, snapshots=True)
    for cue, state in enumerate(starts(6, n, seed)):
        path = [state]
        while len(path) <= max_steps:
            path.append(update(weights, path[-1]))
            if torch.equal(path[-1], path[-2]) or (len(path) > 2 and torch.equal(path[-1], path[-3])):
                break
        fixed = len(path) > 1 and torch.equal(path[-1], path[-2])
        cycle = len(path) > 2 and torch.equal(path[-1], path[-3]) and not fixed
        assert int(out.steps[cue]) == len(path) - 1
        assert bool(out.converged[cue]) == fixed
        assert bool(out.cycle[cue]) == cycle
        assert torch.equal(out.snapshots[cue, : len(path)], torch.stack(path))
        assert torch.equal(out.states[cue], path[-1])
        assert int(out.flips[cue]) == sum(int((a != b).sum()) for a, b in pairwise(path))
        if len(path) > 1:
            assert bool(out.tied[cue]) == bool((weights @ path[-2].long() == 0).any())


@given(st.integers(1, 40), SEEDS)
def test_symmetric_couplings_always_end_in_a_fixed_point_or_a_cycle_of_two(n, seed):
    """Goles-Chacc, Fogelman-Soulie, Pellegrin 1985."""
    weights = energy(n, seed)
    out = synchronous(lambda s: s.long() @ weights, starts(20, n, seed), max_steps=10_000)
    assert bool((out.converged ^ out.cycle).all())
    again = synchronous(lambda s: s.long() @ weights, out.states, max_steps=2)
    assert torch.equal(again.states, out.states)


def test_at_a_temperature_each_unit_obeys_the_heat_bath():
    field = torch.tensor([-1.0, 0.0, 0.5, 2.0], dtype=torch.float64)
    out = synchronous(
        lambda s: field.expand(s.shape), starts(20_000, 4, 0), max_steps=1, temperature=0.9, seed=4
    )
    law = 1 / (1 + torch.exp(-2 * field / 0.9))
    up = (out.states > 0).double().mean(0)
    assert bool(((up - law).abs() < 4.5 * (law * (1 - law) / 20_000).sqrt()).all())
    assert not bool(out.converged.any())


def test_advance_ends_the_run():
    weights = energy(40, 1)
    out = synchronous(
        lambda s: s.long() @ weights,
        starts(9, 40, 1),
        max_steps=99,
        snapshots=True,
        advance=lambda done: False,
    )
    assert not out.complete
    assert bool((out.steps == 1).all())
    assert out.snapshots.shape == (9, 2, 40)
