"""All ways of running a quadratic energy make the sequence of updates of the textbook loop."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.kernels import naive, sweeps
from memscape.kernels.couplings import CouplingForm
from memscape.kernels.descent import WAYS, PatternSweeper
from memscape.kernels.dispatch import Quadratic
from memscape.kernels.patterns import PatternForm

SEEDS = st.integers(0, 2**31)
ORDERS = st.sampled_from(["fixed", "random"])
PARTS = ("states", "steps", "flips", "converged", "tied", "snapshots")


def drawn(count, n, seed, dilution=0.0):
    generator = torch.Generator().manual_seed(seed)
    signs = 2 * torch.randint(0, 2, (count, n), generator=generator) - 1
    return (signs * (torch.rand(count, n, generator=generator) >= dilution)).to(torch.int8)


def damaged(patterns, count, seed):
    """Cues at a tenth of damage, a zero of a diluted pattern filled at random."""
    generator = torch.Generator().manual_seed(seed)
    cues = patterns[torch.randint(len(patterns), (count,), generator=generator)]
    cues = torch.where(cues == 0, drawn(*cues.shape, seed + 1), cues)
    return torch.where(torch.rand(cues.shape, generator=generator) < 0.1, -cues, cues)


def through(form, way):
    return lambda states, cues: PatternSweeper(form, lambda *_: way, states, cues)


def same(one, other):
    return [part for part in PARTS if not torch.equal(getattr(one, part), getattr(other, part))]


@given(st.integers(1, 110), st.integers(1, 12), SEEDS, ORDERS, st.booleans(), st.booleans(), st.booleans())
def test_integer_energies_end_bit_for_bit_alike_whatever_the_way(n, p, seed, order, diluted, noisy, warm):
    patterns = drawn(p, n, seed, 0.3 if diluted else 0.0)
    theta = torch.from_numpy(np.random.default_rng(seed).integers(-2, 3, n)) if seed % 2 else None
    states = damaged(patterns, 3, seed) if noisy else drawn(3, n, seed + 2)
    weights = naive.couplings(patterns.numpy())
    run = {"order": order, "max_steps": 4 if warm else 500, "seed": seed, "snapshots": True}
    run["temperature"] = 0.4 * n if warm else 0.0
    slow = sweeps.run(naive.loop(weights, None if theta is None else theta.numpy()), states, **run)
    form = PatternForm(patterns, theta=theta)
    assert form.tolerance == 0
    for way in WAYS:
        assert not same(slow, sweeps.run(through(form, way), states, **run)), way
    given_weights = CouplingForm(torch.from_numpy(weights), theta)
    assert not same(slow, sweeps.run(given_weights, states, **run))
    assert not same(slow, sweeps.run(Quadratic(form), states, **run))


@given(st.integers(8, 110), SEEDS, ORDERS, st.booleans(), st.booleans())
def test_float_energies_end_alike_except_on_fields_within_the_tolerance(n, seed, order, noisy, warm):
    """The projection rule A = (XX')^-1 X, and real thresholds."""
    patterns = drawn(max(1, n // 8), n, seed)
    real = patterns.double()
    factor = torch.linalg.pinv(real @ real.T) @ real
    theta = torch.randn(n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) / 10
    states = damaged(patterns, 3, seed) if noisy else drawn(3, n, seed + 2)
    weights = naive.couplings(patterns.numpy(), factor.numpy())
    form = PatternForm(patterns, factor, theta)
    run = {"order": order, "max_steps": 4 if warm else 500, "seed": seed, "snapshots": True}
    run["temperature"] = 0.4 if warm else 0.0
    slow = sweeps.run(naive.loop(weights, theta.numpy(), form.tolerance), states, **run)
    assert 0 < form.tolerance < 1e-8
    for way in WAYS:
        assert not same(slow, sweeps.run(through(form, way), states, **run)), way
    assert not same(slow, sweeps.run(Quadratic(form), states, **run))


@pytest.mark.parametrize("start", ["noisy", "random"])
def test_a_memory_of_five_hundred_units_falls_into_the_same_states_in_every_way(start):
    """25 patterns: random starts take dozens of sweeps and meet exact ties."""
    patterns = drawn(25, 500, 0)
    states = damaged(patterns, 64, 1) if start == "noisy" else drawn(64, 500, 2)
    form = PatternForm(patterns)
    ends = [sweeps.run(through(form, way), states, order="random", max_steps=999, seed=3) for way in WAYS]
    ends.append(sweeps.run(Quadratic(form), states, order="random", max_steps=999, seed=3))
    ends.append(sweeps.run(form.couplings, states, order="random", max_steps=999, seed=3))
    assert bool(ends[0].converged.all())
    for other in ends[1:]:
        assert torch.equal(ends[0].states, other.states)
        assert torch.equal(ends[0].steps, other.steps)
    if start == "noisy":
        overlap = (ends[0].states.long() @ patterns.long().T).max(1).values / 500
        assert float((overlap > 0.95).double().mean()) > 0.99


def test_the_dispatcher_hands_over_from_one_way_to_the_next_without_a_trace():
    patterns, states = drawn(50, 400, 0), drawn(256, 400, 1)
    form, seen = PatternForm(patterns), []
    turns = {0: "blocks", 1: "overlaps", 2: "torch", 3: "overlaps", 4: "blocks"}

    def choose(form, cues, rate):
        seen.append(rate)
        return turns.get(len(seen) // 2, "couplings")

    mixed = sweeps.run(
        lambda s, c: PatternSweeper(form, choose, s, c), states, order="random", max_steps=999, seed=3
    )
    plain = sweeps.run(through(form, "blocks"), states, order="random", max_steps=999, seed=3)
    assert int(plain.steps.max()) > 6
    assert torch.equal(mixed.states, plain.states)
    assert torch.equal(mixed.flips, plain.flips)


def test_the_number_of_threads_changes_nothing():
    numba = pytest.importorskip("numba")
    form, states = PatternForm(drawn(30, 300, 0)), drawn(64, 300, 1)
    before = numba.get_num_threads()
    ends = []
    try:
        for threads in {1, min(2, numba.config.NUMBA_NUM_THREADS)}:
            numba.set_num_threads(threads)
            ends += [
                sweeps.run(
                    through(form, way), states, order="random", max_steps=8, seed=3, temperature=90.0
                ).states
                for way in WAYS
            ]
    finally:
        numba.set_num_threads(before)
    assert all(torch.equal(ends[0], other) for other in ends[1:])


@given(st.integers(1, 150), st.integers(1, 12), SEEDS, st.floats(0, 0.9))
def test_fields_and_couplings_are_those_of_the_matrix(n, p, seed, dilution):
    patterns, states = drawn(p, n, seed, dilution), drawn(4, n, seed + 1, dilution)
    weights = torch.from_numpy(naive.couplings(patterns.numpy()))
    form = PatternForm(patterns)
    assert torch.equal(form.couplings.weights.long(), weights)
    assert torch.equal(form.fields(states).long(), states.long() @ weights)
    assert torch.equal(form.couplings.fields(states).long(), states.long() @ weights)
    units = torch.arange(0, n, 3)
    assert torch.equal(form.rows(units, torch.float32).long(), weights[units])


def test_sums_too_large_for_float32_are_made_in_float64():
    """16,811 equal patterns of 999 units: the largest sum, p n, is odd and lies above 2^24."""
    row = drawn(1, 999, 0)
    patterns = row.expand(16_811, 999).contiguous()
    form = PatternForm(patterns)
    assert not form.safe
    assert torch.equal(form.fields(row).long(), row.long() * 16_811 * 998)
    states = row.repeat(3, 1)
    states[:, ::7] *= -1
    for way in ("blocks", "overlaps"):
        out = sweeps.run(through(form, way), states, order="fixed", max_steps=9, seed=0)
        assert torch.equal(out.states, row.expand(3, -1))


def test_reduced_precision_of_products_is_never_used():
    patterns = drawn(30, 3000, 0)
    form, states = PatternForm(patterns), damaged(patterns, 20, 1)  # overlaps that bfloat16 would round
    exact = sweeps.run(through(form, "blocks"), states, order="fixed", max_steps=999, seed=0)
    try:
        torch.set_float32_matmul_precision("medium")
        assert form.product_type(form.overlaps(states)) == torch.float64  # few CPUs have the coarse products
        assert torch.equal(form.fields(states).double(), form.couplings.fields(states).double())
        coarse = sweeps.run(through(form, "blocks"), states, order="fixed", max_steps=999, seed=0)
    finally:
        torch.set_float32_matmul_precision("highest")
    assert torch.equal(exact.states, coarse.states)


@given(st.integers(3, 40), SEEDS, st.sampled_from([1, 100, 200, 30000, 70000]))
def test_given_couplings_are_kept_in_the_narrowest_type_and_summed_exactly(n, seed, span):
    upper = np.triu(np.random.default_rng(seed).integers(-span, span + 1, (n, n)), 1)
    weights = upper + upper.T
    form = CouplingForm(torch.from_numpy(weights).double())
    assert form.tolerance == 0
    assert torch.equal(form.weights.long(), torch.from_numpy(weights))
    states = drawn(5, n, seed)
    slow = sweeps.run(naive.loop(weights), states, order="random", max_steps=99, seed=seed, snapshots=True)
    assert not same(slow, sweeps.run(form, states, order="random", max_steps=99, seed=seed, snapshots=True))


@settings(max_examples=4)
@given(st.integers(3, 30), SEEDS)
def test_given_real_couplings_follow_the_loop_through_many_warm_sweeps(n, seed):
    upper = np.triu(np.random.default_rng(seed).normal(size=(n, n)), 1)
    weights = upper + upper.T
    form, states = CouplingForm(torch.from_numpy(weights)), drawn(3, n, seed)
    run = {"order": "fixed", "max_steps": 70, "seed": seed, "temperature": 2.0, "snapshots": True}
    assert not same(
        sweeps.run(naive.loop(weights, None, form.tolerance), states, **run), sweeps.run(form, states, **run)
    )


def test_a_diagonal_and_unequal_shapes_are_refused():
    with pytest.raises(InputError, match="diagonal"):
        CouplingForm(torch.eye(3))
    with pytest.raises(InputError, match="factor"):
        PatternForm(drawn(2, 5, 0), torch.ones(3, 5))


def test_the_callers_states_are_left_alone():
    form, states = PatternForm(drawn(5, 80, 0)), drawn(40, 80, 1)
    kept = states.clone()
    for way in WAYS:
        sweeps.run(through(form, way), states, order="random", max_steps=99, seed=0)
        form_states = through(form, way)(states, torch.arange(40))
        form_states.sweep(torch.arange(80), None)
        assert torch.equal(states, kept)
