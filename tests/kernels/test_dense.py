import math

import numba
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.kernels import dense_sweeps
from memscape.kernels.dense import additive, from_field, from_unit_field, log_sum_exp, tie_tolerance
from memscape.kernels.dense_fields import additive_field, lse_field
from memscape.kernels.dense_steepest import steepest, steepest_additive, steepest_log_sum_exp
from memscape.kernels.naive_dense import (
    additive_energy,
    lse_energy,
    naive_field,
    naive_steepest,
    naive_sweep,
)
from memscape.kernels.sweeps import Noise, run

BETAS = [1e-4, 0.03, 0.7, 3.0, 9.5, 10.5, 60.0, 150.0, 5e3, math.inf]
SEPARATIONS = {
    "square": lambda o: o**2,
    "cube": lambda o: o**3,
    "fourth": lambda o: o**4,
    "rectified": lambda o: o.clamp(min=0) ** 3,
    "absolute": lambda o: o.abs(),
}
sizes = st.tuples(st.integers(1, 14), st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**31))
relaxed = settings(max_examples=15, deadline=None)


def drawn(n, p, c, seed, dilution=0.0):
    g = torch.Generator().manual_seed(seed)
    x = torch.randint(0, 2, (p, n), generator=g) * 2 - 1
    x[torch.rand(p, n, generator=g) < dilution] = 0
    s = torch.randint(0, 2, (c, n), generator=g) * 2 - 1
    return x.to(torch.int8), s.to(torch.int8), g


def table_of(separation, n):
    return separation(torch.arange(-n, n + 1, dtype=torch.float64))


def one_sweep(start, states, order, noise=None):
    cues = torch.arange(len(states))
    sweeper = start(states, cues)
    flips, tied = sweeper.sweep(order, noise)
    return sweeper.states(), flips, tied


@pytest.mark.parametrize("name", SEPARATIONS)
@pytest.mark.parametrize("dilution", [0.0, 0.4])
@relaxed
@given(sizes)
def test_an_additive_sweep_is_the_oracle_bit_for_bit(name, dilution, size):
    x, s, g = drawn(*size, dilution)
    n = x.shape[1]
    table, order = table_of(SEPARATIONS[name], n), torch.randperm(n, generator=g)
    assert tie_tolerance(table, len(x)) == 0.0
    states, flips, tied = one_sweep(additive(x, table), s, order)
    expected, count = naive_sweep(additive_energy(x, table), s, order, torch.arange(len(s)))
    assert torch.equal(states, expected)
    # A visit flips a unit at most once, so the flips of a sweep are the units that differ.
    assert torch.equal(flips, count)
    settled = (states == s).all(1)
    fields = additive_field(x, table, states)
    assert torch.equal(tied[settled], (fields == 0).any(1)[settled])


@relaxed
@given(sizes)
def test_an_additive_sweep_with_a_rough_table_is_the_oracle(size):
    x, s, g = drawn(*size, 0.2)
    n = x.shape[1]
    table = torch.randn(2 * n + 1, generator=g, dtype=torch.float64)
    order, tol = torch.randperm(n, generator=g), tie_tolerance(table, len(x))
    assert 0 < tol < 1e-11
    states, _, _ = one_sweep(additive(x, table, tol=tol), s, order)
    expected, _ = naive_sweep(additive_energy(x, table), s, order, torch.arange(len(s)), tol=tol)
    assert torch.equal(states, expected)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("biased", [False, True])
@settings(max_examples=8, deadline=None)
@given(sizes, st.sampled_from([0.0, 0.4]))
def test_a_log_sum_exp_sweep_is_the_oracle(beta, biased, size, dilution):
    x, s, g = drawn(*size, dilution)
    n, p = x.shape[1], len(x)
    bias = 3 * torch.randn(p, generator=g, dtype=torch.float64) if biased else None
    order = torch.randperm(n, generator=g)
    states, flips, _ = one_sweep(log_sum_exp(x, beta, bias), s, order)
    oracle = lse_energy(x, min(beta, 1e15), bias)
    expected, count = naive_sweep(oracle, s, order, torch.arange(len(s)), tol=1e-9)
    assert torch.equal(states, expected)
    assert torch.equal(flips, count)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("temperature", [0.0, 3.0])
@settings(max_examples=3, deadline=None)
@given(st.integers(30, 50), st.integers(60, 160), st.integers(0, 2**31))
def test_a_sweep_among_many_wells_is_the_oracle(beta, temperature, n, p, seed):
    # Heat carries a state away from its well within a sweep, so which wells are near changes at each flip.
    x, s, g = drawn(n, p, 3, seed)
    s[1:] = x[1:3]
    bias = torch.randn(p, generator=g, dtype=torch.float64)
    order, noise = torch.randperm(n, generator=g), Noise(temperature, seed, 0) if temperature else None
    states, flips, _ = one_sweep(log_sum_exp(x, beta, bias), s, order, noise)
    expected, count = naive_sweep(
        lse_energy(x, min(beta, 1e15), bias), s, order, torch.arange(3), noise, 1e-9
    )
    assert torch.equal(states, expected)
    assert torch.equal(flips, count)


@pytest.mark.parametrize("temperature", [0.3, 2.0])
@settings(max_examples=15, deadline=None)
@given(sizes, st.integers(0, 2**40), st.integers(0, 50))
def test_thermal_sweeps_follow_the_noise_of_their_address(temperature, size, seed, number):
    x, s, g = drawn(*size)
    n = x.shape[1]
    order, noise = torch.randperm(n, generator=g), Noise(temperature, seed, number)
    table = table_of(lambda o: o**2 / 2, n)
    energies = {
        "additive": (additive_energy(x, table), additive(x, table)),
        "smooth": (lse_energy(x, 0.5), log_sum_exp(x, 0.5)),
        "sharp": (lse_energy(x, 20.0), log_sum_exp(x, 20.0)),
        "function": (lse_energy(x, 0.5), from_field(lambda now: lse_field(x, 0.5, None, now))),
    }
    for energy, start in energies.values():
        states, _, _ = one_sweep(start, s, order, noise)
        expected, _ = naive_sweep(energy, s, order, torch.arange(len(s)), noise)
        assert torch.equal(states, expected)


@pytest.mark.parametrize("beta", BETAS)
def test_descent_ends_in_a_minimum_below_its_start(beta):
    x, s, _ = drawn(40, 60, 30, 3)
    energy = lse_energy(x, min(beta, 1e15))
    end = run(log_sum_exp(x, beta), s, order="random", max_steps=100, seed=1)
    assert bool(end.converged.all())
    assert all(energy(b) <= energy(a) + 1e-9 for a, b in zip(s.numpy(), end.states.numpy(), strict=True))
    assert bool((end.states * lse_field(x, beta, None, end.states) >= -2e-9).all())


def test_the_field_of_a_square_separation_is_the_hebbian_one():
    x, s, _ = drawn(33, 12, 20, 0)
    coupling = x.double().T @ x.double()
    coupling.fill_diagonal_(0)
    field = additive_field(x, table_of(lambda o: o**2 / 2, 33), s)
    assert torch.equal(field, s.double() @ coupling)


@relaxed
@given(sizes, st.sampled_from(BETAS), st.sampled_from([0.0, 0.4]), st.sampled_from([0.0, 0.3]))
def test_all_fields_are_half_the_energy_differences(size, beta, dilution, unknown):
    x, s, g = drawn(*size, dilution)
    n = x.shape[1]
    s[torch.rand(s.shape, generator=g) < unknown] = 0
    bias = torch.randn(len(x), generator=g, dtype=torch.float64)
    table = table_of(lambda o: o**3 - 2 * o, n)
    pairs = [
        (additive_energy(x, table), additive_field(x, table, s)),
        (lse_energy(x, min(beta, 1e15), bias), lse_field(x, beta, bias, s)),
    ]
    for energy, fields in pairs:
        expected = [[naive_field(energy, state, i) for i in range(n)] for state in s.numpy()]
        # The oracle subtracts two energies of size log(p) / beta: what that leaves of them is its accuracy.
        accuracy = 1e-11 + 1e-14 / min(beta, 1.0)
        torch.testing.assert_close(
            fields, torch.tensor(expected, dtype=torch.float64), rtol=1e-12, atol=accuracy
        )


def test_an_exact_tie_keeps_the_unit_at_any_beta():
    # Half-way between two wells the units on which they differ have no field, whatever beta.
    n = 12
    x = torch.ones(2, n, dtype=torch.int8)
    x[1, :6] = -1
    s = x[:1].clone()
    s[0, :3] = -1
    s = torch.cat([s, -s, s.flip(0)])
    blank = s.clone()
    blank[:, 5] = 0
    for beta in BETAS:
        assert bool(lse_field(x, beta, None, blank)[0, 5].abs() <= 1e-9) == (blank[0, :5].sum() == 0)
    even = torch.tensor([[-1, -1, 1, 1, 0, 0] + [1] * 6], dtype=torch.int8)
    for beta in BETAS:
        assert lse_field(x, beta, None, even)[0, 4:6].abs().max() < 1e-12


@pytest.mark.parametrize("beta", [0.01, 1.0, 9.9, 100.0, 1e6])
def test_ten_thousand_units_are_recalled_without_overflow(beta):
    x, _, g = drawn(10_000, 30, 1, 5)
    cue = x[:4] * torch.where(torch.rand(4, 10_000, generator=g) < 0.2, -1, 1).to(torch.int8)
    end = run(log_sum_exp(x, beta), cue, order="fixed", max_steps=5, seed=0)
    assert torch.equal(end.states, x[:4])
    assert bool(lse_field(x[:5], beta, None, cue[:2]).isfinite().all())


@pytest.mark.parametrize("make", ["additive", "smooth", "sharp"])
def test_threads_and_batches_change_no_trajectory(make, monkeypatch):
    monkeypatch.setattr("memscape.kernels.threads._WORTH", 1)
    x, s, _ = drawn(30, 50, 300, 7)
    start = {
        "additive": additive(x, table_of(lambda o: o.clamp(min=0) ** 3, 30)),
        "smooth": log_sum_exp(x, 0.4),
        "sharp": log_sum_exp(x, 12.0),
    }[make]
    order, noise = torch.randperm(30, generator=torch.Generator().manual_seed(0)), Noise(0.8, 11, 2)
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = one_sweep(start, s, order, noise)[0]
    finally:
        numba.set_num_threads(before)
    assert torch.equal(one_sweep(start, s, order, noise)[0], alone)
    late = start(s[200:], torch.arange(200, 300))
    late.keep(torch.arange(10, 100))
    late.sweep(order, noise)
    assert torch.equal(late.states(), alone[210:])


def test_splitting_a_large_batch_changes_nothing(monkeypatch):
    x, s, _ = drawn(30, 50, 40, 8)
    whole = one_sweep(log_sum_exp(x, 0.4), s, torch.arange(30))
    monkeypatch.setattr("memscape.kernels.dense._HELD", 50 * 7)
    parts = one_sweep(log_sum_exp(x, 0.4), s, torch.arange(30))
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))


@pytest.mark.parametrize("make", ["additive", "smooth", "sharp"])
def test_glauber_dynamics_samples_the_boltzmann_weights(make):
    n, chains, temperature = 4, 8_000, 2.0
    x, _, _ = drawn(n, 3, 1, 2)
    table = table_of(lambda o: o.abs() / 2, n)
    energy, start = {
        "additive": (additive_energy(x, table), additive(x, table)),
        "smooth": (lse_energy(x, 0.5), log_sum_exp(x, 0.5)),
        "sharp": (lse_energy(x, 12.0), log_sum_exp(x, 12.0)),
    }[make]
    end = run(
        start,
        torch.ones(chains, n, dtype=torch.int8),
        order="fixed",
        max_steps=25,
        seed=5,
        temperature=temperature,
    )
    states = np.array([[1 if a >> i & 1 else -1 for i in range(n)] for a in range(2**n)])
    weights = np.array([math.exp(-energy(state) / temperature) for state in states])
    weights /= weights.sum()
    found = ((end.states.long() > 0) * 2 ** torch.arange(n)).sum(1)
    shares = torch.bincount(found, minlength=2**n).numpy() / chains
    assert np.all(np.abs(shares - weights) < 4.5 * np.sqrt(weights * (1 - weights) / chains))


def test_weights_are_renewed_before_they_can_overflow():
    # 2,000 units leave one well for another; at beta = 9 a weight moves by exp(18) at each flip.
    n = 2000
    x, _, _ = drawn(n, 2, 1, 4)
    half = torch.where(torch.arange(n) < n // 2, x[0], x[1])[None]
    assert dense_sweeps.SMOOTH_BETA >= 9.0
    ends = [run(log_sum_exp(x, beta), -half, order="fixed", max_steps=9, seed=0) for beta in (9.0, 11.0)]
    assert torch.equal(ends[0].states, ends[1].states)
    assert bool((ends[0].states == x).all(1).any())


@relaxed
@given(sizes, st.sampled_from(BETAS))
def test_a_function_sweeps_as_its_energy_does(size, beta):
    x, s, _ = drawn(*size)
    known = run(log_sum_exp(x, beta), s, order="random", max_steps=20, seed=3)
    for start in (
        from_field(lambda now: lse_field(x, beta, None, now)),
        from_unit_field(lambda now, i: lse_field(x, beta, None, now)[:, i]),
    ):
        other = run(start, s, order="random", max_steps=20, seed=3)
        assert torch.equal(other.states, known.states)
        assert torch.equal(other.flips, known.flips)
        assert torch.equal(other.tied, known.tied)


@relaxed
@given(sizes, st.sampled_from([0.05, 0.7, 4.0, 200.0]))
def test_steepest_descent_takes_the_lowest_flip_first(size, beta):
    x, s, _ = drawn(*size)
    n = x.shape[1]
    table = table_of(lambda o: o**4, n)
    runs = [
        (additive_energy(x, table), 0.0, steepest_additive(x, table, s, max_steps=200)),
        (lse_energy(x, beta), 1e-9, steepest_log_sum_exp(x, beta, None, s, max_steps=200)),
        (lse_energy(x, beta), 1e-9, steepest(lambda now: lse_field(x, beta, None, now), s, max_steps=200)),
    ]
    for energy, tol, end in runs:
        assert bool(end.converged.all())
        for row, state in enumerate(s.numpy()):
            expected, flips = naive_steepest(energy, state, tol)
            assert end.states[row].tolist() == expected.tolist()
            assert int(end.flips[row]) == int(end.steps[row]) == flips


def test_steepest_descent_stops_where_it_is_told():
    x, _, _ = drawn(50, 1, 1, 0)
    cue = x.clone()
    cue[0, :8] *= -1
    end = steepest_additive(x, table_of(lambda o: o**2, 50), cue, max_steps=5)
    assert int(end.flips) == 5
    assert not bool(end.converged)
    assert int((end.states != x).sum()) == 3
    assert bool(steepest_additive(x, table_of(lambda o: o**2, 50), cue, max_steps=8).converged)


def test_what_does_not_fit_is_refused_with_the_remedy():
    x, s, _ = drawn(5, 3, 1, 0)
    with pytest.raises(InputError, match=r"5 units need F at -5 \.\.\. 5, 11 values"):
        additive(x, torch.zeros(10, dtype=torch.float64))
    with pytest.raises(InputError, match="log-sum-exp"):
        additive(x, torch.full((11,), math.inf, dtype=torch.float64))
    with pytest.raises(InputError, match="-1, 0 and \\+1"):
        log_sum_exp(2 * x, 1.0)
    for beta in (0.0, -1.0, math.nan):
        with pytest.raises(InputError, match="above 0"):
            log_sum_exp(x, beta)
    with pytest.raises(InputError, match="infinities"):
        log_sum_exp(x, 1.0, torch.tensor([0.0, 1.0, -math.inf]))
    with pytest.raises(InputError, match="int8"):
        additive_field(x[:0], torch.zeros(11), s)
