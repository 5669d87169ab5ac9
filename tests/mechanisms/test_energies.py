"""The field of every energy is the cost of a flip, by brute force over the energy itself."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from memscape.core.errors import InputError
from memscape.mechanisms import (
    Couplings,
    Entmax,
    Exponential,
    PatternEnergy,
    Power,
    RectifiedPower,
    Separated,
    Sparsemax,
)

seeds = st.integers(0, 2**31)
sizes = st.integers(2, 24)
counts = st.integers(1, 9)
shares = st.sampled_from([0.0, 0.0, 0.3, 0.8])

# separation, tolerance relative to the largest |E| compared, whether it takes a bias
SEPARATIONS = [
    (Power(2), 1e-12, False),
    (Power(3), 1e-12, False),
    (Power(5), 1e-12, False),
    (RectifiedPower(2), 1e-12, False),
    (RectifiedPower(3), 1e-12, False),
    (Exponential(beta=0.05), 1e-12, True),
    (Exponential(beta=1.0), 1e-12, True),
    (Exponential(beta=7.0), 1e-12, True),
    (Sparsemax(beta=0.2), 1e-10, True),
    (Entmax(alpha=1.5, beta=0.2), 1e-10, True),
    (Entmax(alpha=2.5, beta=1.0), 1e-10, True),
]


def signs(rows: int, columns: int, seed: int, zeros: float = 0.0) -> Tensor:
    """Random +-1, a share of them 0."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(2, (rows, columns), generator=generator).float() * 2 - 1
    return x * (torch.rand(rows, columns, generator=generator) >= zeros)


def brute_force(energy, states: Tensor) -> tuple[Tensor, float]:
    """Half the energy difference of each unit being down and up, and the largest |E| on the way."""
    columns, largest = [], 0.0
    for unit in range(states.shape[1]):
        up, down = states.clone(), states.clone()
        up[:, unit], down[:, unit] = 1.0, -1.0
        high, low = energy.energy(down), energy.energy(up)
        columns.append((high - low) / 2)
        largest = max(largest, float(high.abs().max()), float(low.abs().max()))
    return torch.stack(columns, 1), largest


def check_field(energy, states: Tensor, tolerance: float) -> None:
    wanted, largest = brute_force(energy, states)
    assert energy.field(states).dtype == torch.float64
    assert float((energy.field(states) - wanted).abs().max()) <= tolerance * max(largest, 1e-300)


@pytest.mark.parametrize(("separation", "tolerance", "biased"), SEPARATIONS, ids=lambda x: repr(x))
@settings(max_examples=10)
@given(units=sizes, count=counts, seed=seeds, dilution=shares, unknown=shares)
def test_a_flip_costs_twice_the_field_in_every_separated_energy(
    separation, tolerance, biased, units, count, seed, dilution, unknown
):
    """Diluted patterns, biases, an external field and unknown units (zeros of the state) included."""
    generator = torch.Generator().manual_seed(seed + 2)
    X = signs(count, units, seed, dilution).to(torch.int8)
    states = signs(3, units, seed + 1, unknown)
    bias = 3 * torch.randn(count, generator=generator).double() if biased else None
    energy = Separated(X, separation, bias)
    check_field(energy, states, tolerance)
    check_field(energy.with_field(torch.randn(units, generator=generator).double()), states, tolerance)


@pytest.mark.parametrize(("separation", "tolerance", "biased"), SEPARATIONS, ids=lambda x: repr(x))
@settings(max_examples=8)
@given(units=st.integers(2, 12), count=counts, seed=seeds)
def test_the_field_of_one_unit_is_that_of_all(separation, tolerance, biased, units, count, seed):
    X, states = signs(count, units, seed, 0.2).to(torch.int8), signs(4, units, seed + 1)
    energy = Separated(X, separation)
    drive = torch.randn(units, generator=torch.Generator().manual_seed(seed)).double()
    scale = float(energy.energy(states).abs().max()) + 1
    for driven in (energy, energy.with_field(drive)):
        whole = driven.field(states)
        for unit in range(units):
            single = driven.unit_field(states.to(torch.int8), unit)
            assert torch.allclose(single, whole[:, unit], rtol=0, atol=10 * tolerance * scale)


@given(units=sizes, count=counts, seed=seeds, dilution=shares, unknown=shares)
def test_a_flip_costs_twice_the_field_in_quadratic_energies(units, count, seed, dilution, unknown):
    generator = torch.Generator().manual_seed(seed + 2)
    X, states = signs(count, units, seed, dilution).to(torch.int8), signs(3, units, seed + 1, unknown)
    L = torch.randn(count, count, generator=generator).double()
    theta = torch.randn(units, generator=generator).double()
    J = torch.randn(units, units, generator=generator).double()
    J = (J + J.T).fill_diagonal_(0)
    for energy in (PatternEnergy(X, 1 / units), PatternEnergy(X, L + L.T), Couplings(J)):
        check_field(energy, states, 1e-12)
        check_field(energy.with_field(theta), states, 1e-12)


@given(units=sizes, count=counts, seed=seeds)
def test_pattern_form_and_weight_form_are_one_energy(units, count, seed):
    """E = -1/2 s'Js, J built or never built: half the sum of squared overlaps, up to a constant."""
    X, states = signs(count, units, seed).to(torch.int8), signs(5, units, seed + 1)
    pattern = PatternEnergy(X, 1.0)
    weights = Couplings(pattern.couplings())
    assert torch.equal(pattern.energy(states), weights.energy(states))
    assert torch.equal(pattern.field(states), weights.field(states))
    squares = -0.5 * (states @ X.float().T).double().square().sum(-1) + 0.5 * count * units
    assert torch.equal(pattern.energy(states), squares)


@given(units=sizes, count=st.integers(1, 6), seed=seeds)
def test_hebb_is_the_separation_of_degree_two(units, count, seed):
    """-sum o^2 / 2n differs from Hebb's energy by the constant p / 2 only."""
    X, states = signs(count, units, seed).to(torch.int8), signs(5, units, seed + 1)
    hebb, square = PatternEnergy(X, 1 / units), Separated(X, Power(2))
    assert torch.allclose(hebb.energy(states), square.energy(states) / (2 * units) + count / 2, atol=1e-10)
    assert torch.allclose(hebb.field(states), square.field(states) / (2 * units), atol=1e-10)


@given(units=sizes, count=counts, seed=seeds)
def test_wells_are_the_terms_reduced(units, count, seed):
    X, states = signs(count, units, seed).to(torch.int8), signs(5, units, seed + 1)
    for energy in (PatternEnergy(X, 1 / units), Separated(X, Power(3)), Separated(X, Exponential(0.2))):
        terms, wells = energy.terms(states), energy.wells(states)
        assert torch.equal(wells.best, terms.amax(-1))
        assert torch.equal(terms.gather(1, wells.index[:, None])[:, 0], wells.best)
        if count == 1:
            assert torch.isinf(wells.gap).all()
        elif isinstance(energy, Separated) and isinstance(energy.separation, Exponential):
            share = torch.softmax(0.2 * terms, -1).amax(-1)
            assert torch.allclose(wells.gap, (share / (1 - share)).log() / 0.2, rtol=1e-9, atol=1e-9)
        else:
            assert torch.equal(wells.gap, terms.topk(2).values.diff(dim=-1).neg()[:, 0])


@pytest.mark.parametrize("separation", [Exponential(0.7), Sparsemax(0.7), Entmax(1.5, 0.7)], ids=repr)
@given(units=sizes, count=counts, seed=seeds)
def test_the_gradient_of_real_states_is_that_of_autograd(separation, units, count, seed):
    generator = torch.Generator().manual_seed(seed)
    X = torch.randn(count, units, generator=generator).double()
    bias, drive = (
        torch.randn(count, generator=generator).double(),
        torch.randn(units, generator=generator).double(),
    )
    energy = Separated(X, separation, bias, norm=1.0).with_field(drive)
    states = torch.randn(3, units, generator=generator).double().requires_grad_()
    (wanted,) = torch.autograd.grad(energy.energy(states).sum(), states)
    assert torch.allclose(energy.gradient(states.detach()), wanted, atol=1e-9)


def test_the_log_sum_exp_energy_is_exact_where_the_raw_sum_can_be_had():
    X, states = signs(6, 20, 0).to(torch.int8), signs(4, 20, 1)
    bias = torch.linspace(-2, 2, 6).double()
    raw = (0.5 * (states.double() @ X.double().T + bias)).exp().sum(-1).log() / 0.5
    assert torch.allclose(Separated(X, Exponential(0.5), bias).energy(states), -raw, rtol=1e-13)


def test_the_exponential_memory_is_finite_at_ten_thousand_units():
    """exp(10,000) overflows every float; energy, field and wells are kept in log form."""
    X = signs(4, 10_000, 0).to(torch.int8)
    energy = Separated(X, Exponential(beta=1.0))
    states = torch.cat([X.float(), signs(2, 10_000, 1)])
    for value in (
        energy.energy(states),
        energy.field(states),
        energy.terms(states),
        energy.wells(states).gap,
    ):
        assert torch.isfinite(value).all()
    assert torch.allclose(energy.energy(states[:4]), torch.full((4,), -10_000.0).double())
    # a well alone in sight: every unit of a stored pattern is held by its own sign
    assert torch.allclose(energy.field(X.float()), X.double(), atol=1e-9)


def test_a_bias_needs_a_separation_that_takes_one():
    with pytest.raises(InputError, match="bias"):
        Separated(signs(2, 5, 0).to(torch.int8), Power(3), torch.zeros(2))


def test_an_energy_without_patterns_has_no_terms():
    energy = Couplings(torch.zeros(3, 3))
    assert energy.terms(torch.ones(2, 3)).shape == (2, 0)
    assert math.isclose(float(energy.energy(torch.ones(1, 3))), 0.0)
