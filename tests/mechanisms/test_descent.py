"""Dynamics: descent ends in fixed points, the same in every form; heat samples the Boltzmann law."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import memscape as ms
from memscape.core.errors import CapabilityError, InputError
from memscape.core.progress import Progress
from memscape.kernels import naive, sweeps
from memscape.mechanisms import (
    Asynchronous,
    Couplings,
    Entmax,
    Exponential,
    FixedPoint,
    Glauber,
    GradientFlow,
    PatternEnergy,
    Power,
    RectifiedPower,
    Separated,
    Sparsemax,
    Synchronous,
)

seeds = st.integers(0, 2**31)
ENERGIES = {
    "Hebb": lambda X: PatternEnergy(X, 1.0 / X.shape[1]),
    "projection": lambda X: PatternEnergy(X, torch.linalg.pinv(X.double() @ X.double().T)),
    "couplings": lambda X: Couplings((X.double().T @ X.double()).fill_diagonal_(0)),
    "Power(3)": lambda X: Separated(X, Power(3)),
    "Power(4)": lambda X: Separated(X, Power(4)),
    "RectifiedPower(3)": lambda X: Separated(X, RectifiedPower(3)),
    "Exponential": lambda X: Separated(X, Exponential(0.5), torch.linspace(-1, 1, len(X)).double()),
    "Sparsemax": lambda X: Separated(X, Sparsemax(0.3)),
    "Entmax": lambda X: Separated(X, Entmax(1.5, 0.3)),
}


def run(dynamics, energy, states, *, max_steps=1000, seed=0, trace=False):
    with Progress(False, len(states), "test") as bar:
        return dynamics.run(energy, states, max_steps=max_steps, seed=seed, trace=trace, bar=bar)


def patterns(count: int, units: int, seed: int) -> torch.Tensor:
    return ms.patterns.independent(count, units, generator=seed).to(torch.int8)


def states(count: int, units: int, seed: int) -> torch.Tensor:
    return ms.patterns.independent(count, units, generator=seed + 1)


@pytest.mark.parametrize("name", ENERGIES)
@pytest.mark.parametrize("order", ["random", "fixed", "steepest"])
@settings(max_examples=8)
@given(units=st.integers(2, 16), count=st.integers(1, 8), seed=seeds)
def test_energy_never_rises_and_descent_ends_where_no_flip_lowers_it(name, order, units, count, seed):
    energy = ENERGIES[name](patterns(count, units, seed))
    course = run(Asynchronous(order), energy, states(6, units, seed), seed=seed, trace=True)
    path = torch.stack([energy.energy(s.float()) for s in course.snapshots.unbind(1)], 1)
    scale = float(path.abs().max()) + 1.0
    assert (path.diff(dim=1) <= 1e-9 * scale).all()
    assert torch.equal(course.snapshots[:, -1].float(), course.states)
    assert (course.status <= ms.Status.TIED).all()
    assert (course.states * energy.field(course.states) >= -1e-7 * scale).all()
    assert ((course.states != course.snapshots[:, 0]).sum(-1) <= course.flips).all()


@given(
    units=st.integers(2, 60), count=st.integers(1, 20), seed=seeds, order=st.sampled_from(["random", "fixed"])
)
def test_pattern_form_weight_form_and_the_textbook_loop_end_in_the_same_states(units, count, seed, order):
    """Integer couplings: the same updates, so the same states, sweeps and flips, ties included."""
    X = patterns(count, units, seed)
    # from the stored patterns' neighbourhood and from anywhere
    starts = torch.cat([ms.patterns.flip(X.float(), 0.2, generator=seed), states(8, units, seed)])
    W = naive.couplings(X.numpy())
    by_patterns = run(Asynchronous(order), PatternEnergy(X, 1.0 / units), starts, seed=seed)
    by_weights = run(Asynchronous(order), Couplings(torch.from_numpy(W).double()), starts, seed=seed)
    by_hand = sweeps.run(naive.loop(W), starts.to(torch.int8), order=order, max_steps=1000, seed=seed)
    for course in (by_patterns, by_weights):
        assert torch.equal(course.states, by_hand.states.float())
        assert torch.equal(course.steps, by_hand.steps)
        assert torch.equal(course.flips, by_hand.flips)
        assert torch.equal(course.status == ms.Status.TIED, by_hand.tied)


@given(units=st.integers(2, 30), count=st.integers(1, 10), seed=seeds)
def test_steepest_descent_flips_what_lowers_the_energy_most(units, count, seed):
    """Among equals the first unit; a step is one flip (the textbook loop is the judge)."""
    X, starts = patterns(count, units, seed), states(6, units, seed)
    W = naive.couplings(X.numpy())
    course = run(Asynchronous("steepest"), PatternEnergy(X, 1.0), starts, trace=True)
    for row, start in enumerate(starts.to(torch.int8).numpy()):
        state = start.copy()
        steps, converged, tied = naive.steepest(W, np.zeros(units, W.dtype), state)
        assert converged
        assert torch.equal(course.states[row], torch.from_numpy(state).float())
        assert int(course.flips[row]) == steps
        assert (course.status[row] == ms.Status.TIED) == tied
    moved = (course.snapshots.diff(dim=1) != 0).sum(-1)
    assert (moved <= 1).all()
    assert torch.equal(moved.sum(-1), course.flips)


def test_a_tie_keeps_the_unit():
    energy = Couplings(torch.zeros(4, 4))
    start = states(3, 4, 0)
    for dynamics in (Asynchronous(), Asynchronous("steepest"), Synchronous()):
        course = run(dynamics, energy, start)
        assert torch.equal(course.states, start)
        assert (course.status == ms.Status.TIED).all()


def test_a_parallel_two_cycle_is_detected():
    """Two units that hate to agree change sides for ever; one after the other they settle."""
    energy = Couplings(torch.tensor([[0.0, -1.0], [-1.0, 0.0]]))
    start = torch.tensor([[1.0, 1.0], [1.0, -1.0]])
    course = run(Synchronous(), energy, start, trace=True)
    assert course.status.tolist() == [ms.Status.TWO_CYCLE, ms.Status.CONVERGED]
    assert int(course.steps[0]) < 10
    assert torch.equal(course.snapshots[0, 0], course.snapshots[0, 2])
    assert (run(Asynchronous(), energy, start).status == ms.Status.CONVERGED).all()


@given(units=st.integers(3, 40), count=st.integers(1, 12), seed=seeds)
def test_parallel_dynamics_end_in_a_fixed_point_or_a_two_cycle(units, count, seed):
    """Goles-Chacc, Fogelman-Soulie and Pellegrin 1985: symmetric couplings know no longer cycles."""
    energy = PatternEnergy(patterns(count, units, seed), 1.0)
    course = run(Synchronous(), energy, states(8, units, seed))
    ended = {ms.Status.CONVERGED, ms.Status.TIED, ms.Status.TWO_CYCLE}
    assert {ms.Status(code) for code in course.status.tolist()} <= ended
    fields = energy.field(course.states)
    once = torch.where(fields == 0, course.states.double(), fields.sign()).float()
    fields = energy.field(once)
    twice = torch.where(fields == 0, once.double(), fields.sign()).float()
    assert torch.equal(twice, course.states)
    fixed = course.status != ms.Status.TWO_CYCLE
    assert torch.equal(once[fixed], course.states[fixed])


@pytest.mark.parametrize("name", ["Hebb", "projection", "couplings", "Power(3)", "Exponential", "Sparsemax"])
@pytest.mark.parametrize("dynamics", [Asynchronous(), Asynchronous("steepest"), Synchronous()], ids=repr)
def test_an_external_field_drives_every_unit_once_it_is_strong_enough(name, dynamics):
    energy = ENERGIES[name](patterns(3, 20, 0))
    wish = states(1, 20, 5)[0].double()
    scale = float(energy.energy(states(20, 20, 1)).abs().max())
    course = run(dynamics, energy.with_field(10 * scale * wish), states(4, 20, 2))
    assert torch.equal(course.states, wish.float().expand(4, -1))


def test_unfinished_descents_say_so():
    energy = PatternEnergy(patterns(20, 100, 0), 1.0)
    course = run(Asynchronous(), energy, states(5, 100, 1), max_steps=1)
    assert (course.status == ms.Status.UNFINISHED).all()
    assert (course.steps == 1).all()


def test_the_same_seed_gives_the_same_path_and_another_seed_another():
    energy = PatternEnergy(patterns(20, 100, 0), 1.0)
    start = states(50, 100, 1)
    first, second, third = (run(Asynchronous(), energy, start, seed=s) for s in (1, 1, 2))
    assert torch.equal(first.states, second.states)
    assert not torch.equal(first.states, third.states)


# Heat


def all_states(units: int) -> torch.Tensor:
    return torch.tensor(list(itertools.product([-1.0, 1.0], repeat=units)))


def keys(s: torch.Tensor) -> torch.Tensor:
    return ((s > 0).long() * 2 ** torch.arange(s.shape[1] - 1, -1, -1)).sum(-1)


def goodness(counts: torch.Tensor, shares: torch.Tensor) -> float:
    """p value of the counts under the law; states that are hardly ever met are pooled."""
    expected = shares * counts.sum()
    rare = expected < 5
    pooled = [torch.cat([x[~rare], x[rare].sum()[None]]) if rare.any() else x for x in (counts, expected)]
    observed, wanted = (x.double().numpy() for x in pooled)
    return stats.chisquare(observed, wanted * observed.sum() / wanted.sum()).pvalue


THERMAL = ["Hebb", "projection", "Power(3)", "Exponential", "Sparsemax"]


@pytest.mark.parametrize("order", ["random", "fixed"])
@pytest.mark.parametrize("name", THERMAL)
def test_glauber_dynamics_sample_the_boltzmann_law(name, order):
    """n = 6, all 64 states: shares and mean energy against exact enumeration, within 3 standard errors."""
    count, units = (1000 if name == "Sparsemax" else 4000), 6
    energy = ENERGIES[name](patterns(2, units, 3))
    every = all_states(units)
    values = energy.energy(every)
    temperature = float(values.std())
    shares = torch.softmax(-values / temperature, 0)
    course = run(Glauber(temperature, order), energy, states(count, units, 0), max_steps=12, seed=1)
    assert (course.status == ms.Status.SAMPLED).all()
    assert (course.steps == 12).all()
    counts = torch.bincount(keys(course.states), minlength=64)
    assert goodness(counts, shares) > 1e-3
    mean = (shares * values).sum()
    spread = (shares * (values - mean) ** 2).sum().sqrt()
    found = energy.energy(course.states)
    assert abs(float(found.mean() - mean)) < 3 * float(spread) / count**0.5


@given(seed=st.integers(0, 2**20), temperature=st.floats(0.3, 5.0))
def test_one_sweep_of_glauber_has_the_exact_law(seed, temperature):
    """n = 3 in fixed order: the chain of three conditional probabilities 1 / (1 + exp(-2h/T))."""
    J = torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)).double()
    energy = Couplings(
        (J + J.T).fill_diagonal_(0), torch.randn(3, generator=torch.Generator().manual_seed(seed + 1))
    )
    start = torch.tensor([[1.0, -1.0, 1.0]]).expand(5000, -1).contiguous()
    law = {(1.0, -1.0, 1.0): 1.0}
    for unit in range(3):
        after = {}
        for state, share in law.items():
            h = float(energy.field(torch.tensor([state]))[0, unit])
            up = 1 / (1 + np.exp(-2 * h / temperature))
            for value, chance in ((1.0, up), (-1.0, 1 - up)):
                new = (*state[:unit], value, *state[unit + 1 :])
                after[new] = after.get(new, 0.0) + share * chance
        law = after
    course = run(Glauber(temperature, "fixed"), energy, start, max_steps=1, seed=seed)
    shares = torch.tensor([law[tuple(state)] for state in all_states(3).tolist()])
    assert goodness(torch.bincount(keys(course.states), minlength=8), shares) > 1e-5


@pytest.mark.parametrize("name", THERMAL)
def test_detailed_balance(name):
    """Each update leaves the Boltzmann law as it is: E and h meet exp(-dE/T) = P(up) / P(down)."""
    energy, temperature = ENERGIES[name](patterns(3, 7, 1)), 0.9
    every = all_states(7)
    values, fields = energy.energy(every), energy.field(every)
    for unit in range(7):
        flipped = every.clone()
        flipped[:, unit] *= -1
        lean = 2 * fields[:, unit] / temperature * flipped[:, unit]
        left = -values / temperature + torch.nn.functional.logsigmoid(lean)
        right = -energy.energy(flipped) / temperature + torch.nn.functional.logsigmoid(-lean)
        assert torch.allclose(left, right, rtol=1e-9)


def test_descent_is_the_cold_limit_of_heat():
    energy = PatternEnergy(patterns(3, 52, 0), 1.0)  # odd couplings, odd many: no field is ever 0
    start = states(30, 52, 1)
    cold = run(Glauber(1e-9, "fixed"), energy, start, max_steps=20)
    assert torch.equal(cold.states, run(Asynchronous("fixed"), energy, start).states)


# Refusals


@pytest.mark.parametrize(
    "make",
    [
        lambda: Asynchronous("alphabetical"),
        lambda: Glauber(0.0),
        lambda: Glauber(-1.0),
        lambda: Glauber(float("nan")),
        lambda: Glauber(1.0, "steepest"),
        lambda: GradientFlow(rate=0.0),
        lambda: GradientFlow(rate=2.0),
    ],
)
def test_dynamics_refuse_parameters_out_of_range(make):
    with pytest.raises(InputError):
        make()


@pytest.mark.parametrize(
    "dynamics", [Asynchronous(), Asynchronous("steepest"), Glauber(1.0), Synchronous()], ids=repr
)
def test_discrete_dynamics_refuse_a_real_valued_energy(dynamics):
    energy = Separated(
        torch.randn(2, 5, generator=torch.Generator().manual_seed(0)), Exponential(1.0), norm=1.0
    )
    with pytest.raises(CapabilityError, match="FixedPoint"):
        run(dynamics, energy, torch.ones(1, 5))


@pytest.mark.parametrize("dynamics", [FixedPoint(), GradientFlow()], ids=repr)
def test_real_valued_dynamics_refuse_a_discrete_energy(dynamics):
    with pytest.raises(CapabilityError, match="real-valued"):
        run(dynamics, PatternEnergy(patterns(2, 5, 0), 1.0), torch.ones(1, 5))
