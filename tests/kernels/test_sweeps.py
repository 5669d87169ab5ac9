"""The driver of single-unit dynamics, against a loop over one cue at a time that shares no code with it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.core.random import derived
from memscape.kernels import naive, sweeps

SEEDS = st.integers(0, 2**31)


def couplings(n, seed, span=4):
    drawn = np.random.default_rng(seed).integers(-span, span + 1, (n, n))
    return np.triu(drawn, 1) + np.triu(drawn, 1).T


def starts(count, n, seed):
    drawn = torch.randint(0, 2, (count, n), generator=torch.Generator().manual_seed(seed))
    return (2 * drawn - 1).to(torch.int8)


def alone(weights, state, order, seed, block, max_steps):
    """One cue by itself: the states after each sweep, the flips, and whether the last sweep made none."""
    state, path, total, flips = state.copy(), [state.copy()], 0, 1
    while flips and len(path) <= max_steps:
        units = range(len(state))
        if order == "random":
            units = torch.randperm(len(state), generator=derived(seed, block, len(path) - 1)).tolist()
        flips, _ = naive.asynchronous(weights, np.zeros(len(state), np.int64), state, units)
        path.append(state.copy())
        total += flips
    return path, total, flips == 0


@given(st.integers(1, 12), SEEDS, st.sampled_from(["fixed", "random"]), st.integers(0, 6))
def test_every_cue_runs_as_if_it_were_alone(n, seed, order, max_steps):
    weights, states = couplings(n, seed), starts(7, n, seed)
    out = sweeps.run(naive.loop(weights), states, order=order, max_steps=max_steps, seed=seed, snapshots=True)
    for cue, state in enumerate(states.numpy()):
        path, flips, converged = alone(weights, state, order, seed, 0, max_steps)
        assert int(out.steps[cue]) == len(path) - 1
        assert int(out.flips[cue]) == flips
        assert bool(out.converged[cue]) == (converged and max_steps > 0)
        assert np.array_equal(out.states[cue].numpy(), path[-1])
        seen = out.snapshots[cue].numpy()
        assert np.array_equal(seen[: len(path)], np.array(path))
        assert (seen[len(path) :] == path[-1]).all()


def test_snapshots_end_with_the_longest_run_and_not_with_the_cap():
    out = sweeps.run(
        naive.loop(couplings(12, 1)),
        starts(20, 12, 1),
        order="random",
        max_steps=10**6,
        seed=0,
        snapshots=True,
    )
    assert out.snapshots.shape == (20, int(out.steps.max()) + 1, 12)


def test_blocks_change_neither_results_nor_snapshots(monkeypatch):
    monkeypatch.setattr(sweeps, "ORDER_BLOCK", 4)
    weights, states = couplings(10, 3), starts(11, 10, 4)
    out = sweeps.run(naive.loop(weights), states, order="random", max_steps=50, seed=9, snapshots=True)
    for cue, state in enumerate(states.numpy()):
        path, _, _ = alone(weights, state, "random", 9, cue // 4, 50)
        assert int(out.steps[cue]) == len(path) - 1
        assert np.array_equal(out.snapshots[cue, : len(path)].numpy(), np.array(path))
        assert bool((out.snapshots[cue, len(path) :] == out.states[cue]).all())


@given(st.integers(2, 15), SEEDS, st.sampled_from(["fixed", "random"]))
def test_the_energy_never_rises_and_every_descent_ends(n, seed, order):
    weights, states = couplings(n, seed), starts(5, n, seed)
    out = sweeps.run(naive.loop(weights), states, order=order, max_steps=1000, seed=seed, snapshots=True)
    zero = np.zeros(n, np.int64)
    energies = [[naive.energy(weights, zero, state) for state in path.numpy()] for path in out.snapshots]
    assert bool((torch.tensor(energies, dtype=torch.float64).diff(dim=1) <= 0).all())
    assert bool(out.converged.all())
    assert bool((out.states * (out.states.long() @ torch.from_numpy(weights)) >= 0).all())


def test_at_a_temperature_all_sweeps_are_made():
    out = sweeps.run(
        naive.loop(couplings(6, 0)), starts(3, 6, 0), order="fixed", max_steps=7, seed=0, temperature=1e-9
    )
    assert out.steps.tolist() == [7, 7, 7]
    assert not bool(out.converged.any())


def test_glauber_dynamics_sample_the_boltzmann_law():
    """Four units are few enough to know the law: exp(-E/T) over sixteen states."""
    weights, temperature, sweep_count = couplings(4, 5, span=2), 2.0, 12
    out = sweeps.run(
        naive.loop(weights), starts(1500, 4, 0), order="fixed", max_steps=sweep_count, seed=1,
        temperature=temperature,
    )  # fmt: skip
    every = np.array([[1 if code >> i & 1 else -1 for i in range(4)] for code in range(16)], np.int8)
    law = np.exp(-np.array([naive.energy(weights, np.zeros(4), s) for s in every]) / temperature)
    codes = ((out.states.numpy() > 0) * (1 << np.arange(4))).sum(1)
    share = np.bincount(codes, minlength=16) / 1500
    law /= law.sum()
    assert np.abs((share - law) / np.sqrt(law * (1 - law) / 1500)).max() < 4.5


@pytest.mark.parametrize("stop_after", [1, 3, 6])
def test_a_run_that_is_ended_keeps_what_is_done(stop_after, monkeypatch):
    monkeypatch.setattr(sweeps, "ORDER_BLOCK", 4)
    weights, states = couplings(20, 2), starts(12, 20, 2)
    calls, finished = [], []

    def advance(done):
        calls.append(done)
        finished.append(done)
        return len(calls) < stop_after

    start = naive.loop(weights)
    whole = sweeps.run(start, states, order="random", max_steps=99, seed=5)
    part = sweeps.run(start, states, order="random", max_steps=99, seed=5, snapshots=True, advance=advance)
    assert not part.complete
    assert whole.complete
    assert len(calls) == stop_after
    assert int(part.converged.sum()) == sum(finished)
    assert torch.equal(part.states[part.converged], whole.states[part.converged])
    assert torch.equal(part.states[part.steps == 0], states[part.steps == 0])
    for cue in range(12):
        assert torch.equal(part.snapshots[cue, int(part.steps[cue])], part.states[cue])


def test_no_cues_and_no_sweeps_are_no_trouble():
    start = naive.loop(couplings(5, 0))
    assert sweeps.run(start, starts(0, 5, 0), order="random", max_steps=3, seed=0).states.shape == (0, 5)
    out = sweeps.run(start, starts(2, 5, 0), order="random", max_steps=0, seed=0, snapshots=True)
    assert torch.equal(out.states, starts(2, 5, 0))
    assert out.snapshots.shape == (2, 1, 5)
