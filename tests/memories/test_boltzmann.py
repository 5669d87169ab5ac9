"""Restricted Boltzmann machines: dual to Hopfield networks, sampled by blocks, learnt by divergence."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import memscape as ms
from memscape.core.errors import CapabilityError, InputError, SpaceError
from memscape.mechanisms import Gaussian, Marginal, Signs

seeds = st.integers(0, 2**31)
Machine = ms.memories.RestrictedBoltzmann


def all_states(n: int) -> torch.Tensor:
    return torch.cartesian_prod(*[torch.tensor([-1.0, 1.0], dtype=torch.float64)] * n)


def spread(x: torch.Tensor) -> float:
    return float((x - x[0]).abs().max())


def normal(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_integrating_the_gaussian_units_gives_the_hopfield_weight():
    """A26: N = 10, p = 3; the integral over each hidden unit by 60-point Gauss-Hermite quadrature."""
    X, beta, n = ms.patterns.independent(3, 10, generator=0).double(), 1.3, 10
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    z, w = torch.tensor(points), torch.tensor(weights) / (2 * np.pi) ** 0.5
    S = all_states(n)
    drives = (beta / n) ** 0.5 * S @ X.T
    integral = (w * torch.exp(drives[..., None] * z)).sum(-1).log().sum(-1)
    hopfield = beta / (2 * n) * (S @ X.T).square().sum(-1)
    assert float((integral - hopfield).abs().max()) < 1e-10
    with pytest.warns(UserWarning, match="load"):
        machine = Machine.from_memory(ms.memories.Hebbian(X), temperature=1 / beta)
    assert float((-machine.energy(S) - hopfield).abs().max()) < 1e-10


@given(seed=seeds, temperature=st.floats(0.2, 3))
@pytest.mark.filterwarnings("ignore::memscape.core.errors.MemscapeWarning")
def test_quadratic_memories_and_gaussian_machines_are_the_same_law_both_ways(seed, temperature):
    S = all_states(8)
    X = ms.patterns.independent(3, 8, generator=seed)
    J = normal(seed, 8, 8)
    memories = [
        ms.memories.Hebbian(X),
        ms.memories.Projection(X),
        ms.memories.Quadratic(J + J.T, field=normal(seed + 1, 8)),
    ]
    for memory in memories:
        machine = Machine.from_memory(memory, temperature=temperature)
        assert spread(machine.energy(S) * temperature - memory.energy(S)) < 1e-10 * (1 + float(J.abs().max()))
        back = machine.to_quadratic(temperature=temperature)
        assert torch.allclose(back.weights, memory.weights, atol=1e-10)


@pytest.mark.parametrize("hidden", [Gaussian(), Signs()], ids=repr)
@given(seed=seeds)
def test_a_flip_costs_twice_the_field(hidden, seed):
    energy = Marginal(0.4 * normal(seed, 3, 7), hidden, normal(seed + 1, 7), normal(seed + 2, 3))
    s = ms.core.spaces.Bipolar().sample(4, 7, generator=seed).double()
    for i in range(7):
        flipped = s.clone()
        flipped[:, i] *= -1
        cost = energy.energy(flipped) - energy.energy(s)
        assert torch.allclose(cost, 2 * s[:, i] * energy.field(s)[:, i], atol=1e-11)


@pytest.mark.parametrize("hidden", [Gaussian(), Signs()], ids=repr)
def test_block_gibbs_samples_the_law_of_the_energy(hidden):
    machine = Machine(0.3 * normal(0, 2, 5), hidden=hidden, field=0.2 * normal(1, 5), bias=0.3 * normal(2, 2))
    S, draws = all_states(5), 20_000
    law = torch.softmax(-machine.energy(S), 0)
    states = machine.sample(draws, sweeps=50, generator=0)
    index = ((states > 0).long() * 2 ** torch.arange(4, -1, -1)).sum(-1)
    share = torch.bincount(index, minlength=32).double() / draws
    chi = float(((share - law).square() / law).sum() * draws)
    assert chi < 31 + 5 * (2 * 31) ** 0.5


@pytest.mark.parametrize(
    "make",
    [
        lambda X: Machine.from_memory(ms.memories.Projection(X)),
        lambda X: Machine(0.6 * X, hidden=Signs()),
    ],
    ids=["Gaussian", "Signs"],
)
def test_it_keeps_the_laws(make):
    made = ms.testing.check_memory(make, ms.patterns.independent(4, 24, generator=0))
    assert {"flip law", "energy never rises", "save and load", "relabelling"} <= {
        check.name for check in made
    }


def test_training_raises_the_likelihood_of_the_data_exactly_measured():
    """Two patterns of 8 units, one of them flipped: the mean log likelihood nears its bound, minus log 16."""
    X = ms.patterns.independent(2, 8, generator=3)
    data = ms.patterns.flip(X.repeat(500, 1), fraction=0.125, generator=4)
    machine = Machine.drawn(8, 4, generator=0)

    def likelihood() -> float:
        return float((-machine.energy(data)).mean() - torch.logsumexp(-machine.energy(all_states(8)), 0))

    before = likelihood()
    machine.fit(data, steps=1500, rate=0.1, batch=50, chains=100, generator=1, progress=False)
    entropy = np.log(16)  # 2 patterns, each with one of 8 units flipped, all different
    assert before == pytest.approx(-8 * np.log(2), abs=0.05)
    assert likelihood() > -1.35 * entropy


def test_a_broken_fit_goes_on_bit_for_bit(tmp_path):
    X = ms.patterns.independent(30, 20, generator=0)
    whole, other = (Machine.drawn(20, 5, generator=0) for _ in range(2))
    options = {"rate": 0.05, "batch": 10, "chains": 10, "generator": 2, "progress": False}
    whole.fit(X, steps=20, **options)
    path = tmp_path / "run.safetensors"
    other.fit(X, steps=20, checkpoint=path, **options)
    resumed = Machine.drawn(20, 5, generator=9)
    history = resumed.fit(X, steps=20, resume=path, **options)
    assert torch.equal(resumed.weights, whole.weights)
    assert history.steps == 20


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="one row per hidden unit"):
        Machine(torch.zeros(3))
    with pytest.raises(InputError, match="temperature"):
        Machine.from_memory(ms.memories.Quadratic(torch.zeros(3, 3)), temperature=0)
    with pytest.raises(CapabilityError, match="not quadratic"):
        Machine.from_memory(ms.memories.Dense(ms.patterns.independent(2, 20, generator=0)))
    with pytest.raises(CapabilityError, match="Gaussian"):
        Machine.drawn(4, 2, generator=0).to_quadratic()
    with pytest.raises(SpaceError):
        Machine.drawn(4, 2, generator=0).fit(torch.full((3, 4), 0.5), steps=1)
