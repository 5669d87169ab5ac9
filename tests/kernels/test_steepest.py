"""Steepest descent takes the lowest cost, the first of equals, and stops only where no flip lowers E."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from memscape.kernels import naive
from memscape.kernels.couplings import CouplingForm
from memscape.kernels.dispatch import Quadratic
from memscape.kernels.patterns import PatternForm
from memscape.kernels.steepest import steepest_couplings, steepest_patterns

SEEDS = st.integers(0, 2**31)


def drawn(count, n, seed, dilution=0.0):
    generator = torch.Generator().manual_seed(seed)
    signs = 2 * torch.randint(0, 2, (count, n), generator=generator) - 1
    return (signs * (torch.rand(count, n, generator=generator) >= dilution)).to(torch.int8)


def slowly(weights, theta, states, max_steps, tolerance=0):
    ends = [state.copy() for state in states.numpy()]
    told = [naive.steepest(weights, theta, end, max_steps=max_steps, tolerance=tolerance) for end in ends]
    return torch.from_numpy(np.array(ends)), *(torch.tensor(column) for column in zip(*told, strict=True))


def equal(out, slow):
    states, steps, converged, tied = slow
    assert torch.equal(out.states, states)
    assert torch.equal(out.steps, steps)
    assert torch.equal(out.flips, steps)
    assert torch.equal(out.converged, converged)
    assert torch.equal(out.tied, tied)


@given(st.integers(1, 60), st.integers(1, 6), SEEDS, st.floats(0, 0.6), st.sampled_from([0, 2, 10**6]))
def test_integer_energies_take_the_path_of_the_loop(n, p, seed, dilution, max_steps):
    patterns, states = drawn(p, n, seed, dilution), drawn(7, n, seed + 1)
    theta = torch.from_numpy(np.random.default_rng(seed).integers(-2, 3, n))
    slow = slowly(naive.couplings(patterns.numpy()), theta.numpy(), states, max_steps)
    form = PatternForm(patterns, theta=theta)
    equal(steepest_patterns(form, states, max_steps=max_steps), slow)
    equal(steepest_couplings(form.couplings, states, max_steps=max_steps), slow)
    equal(Quadratic(form).steepest(states, max_steps=max_steps), slow)


@given(st.integers(2, 60), SEEDS)
def test_real_energies_take_the_path_of_the_loop(n, seed):
    upper = np.triu(np.random.default_rng(seed).normal(size=(n, n)), 1)
    weights, theta = upper + upper.T, np.random.default_rng(seed + 1).normal(size=n)
    form, states = CouplingForm(torch.from_numpy(weights), torch.from_numpy(theta)), drawn(7, n, seed)
    equal(Quadratic(form).steepest(states), slowly(weights, theta, states, 10**6, form.tolerance))


def test_advance_ends_the_work_between_blocks_of_cues():
    form, states = PatternForm(drawn(5, 40, 0)), drawn(600, 40, 1)
    whole = steepest_couplings(form.couplings, states, max_steps=999)
    told = []
    part = steepest_couplings(
        form.couplings, states, max_steps=999, advance=lambda done: told.append(done) or len(told) < 2
    )
    assert told == [256, 256]
    assert not part.complete
    assert whole.complete
    assert torch.equal(part.states[:512], whole.states[:512])
    assert torch.equal(part.states[512:], states[512:])
    assert not bool(part.converged[512:].any())
