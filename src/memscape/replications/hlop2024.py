"""Xiao et al. (ICLR 2024, arXiv 2402.11984): lateral Hebbian weights keep new tasks out of old subspaces.

The paper learns permuted MNIST with spiking networks. Here: permuted Fashion-MNIST, 5 tasks of 4,000 images,
where a plain network forgets much; a rate network 784-200-200-10 without biases, one of leaky
integrate-and-fire units with 5 time steps, and one whose errors come back through fixed random weights.
"""

import math
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from memscape.continual import Basis, Course, Lateral, Singular, SubspaceGuard, Task, learn, permuted
from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.patterns.installed import fashion_mnist
from memscape.replications.claim import Measured, claim
from memscape.replications.networks import seeded

SIZES = (784, 200, 200, 10)
RANKS = (70, 30, 30)
SEEDS = 3
TIMES = 5
LEAK, THRESHOLD = 0.8, 1.0
TRAINING = {
    "rate": (0.05, 3),
    "spiking": (0.01, 3),
    "alignment": (0.01, 8),
}
"""Learning rate and passes: for each network ones with which it learns a task and, alone, forgets."""

LAW = "Fashion-MNIST, 5 orders of its pixels, 4,000 images each"


class Spike(torch.autograd.Function):
    """1 where the voltage is above the threshold; backwards the slope of a triangle around it."""

    @staticmethod
    def forward(ctx: Any, voltage: Tensor) -> Tensor:
        """Return spikes."""
        ctx.save_for_backward(voltage)
        return (voltage >= THRESHOLD).to(voltage)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        """Return the surrogate gradient."""
        (voltage,) = ctx.saved_tensors
        return grads[0] * (1 - (voltage - THRESHOLD).abs()).clamp_min(0)


class LeakyFire(nn.Module):
    """Leaky integrate-and-fire units over the times of a (b, t, n) current.

    A spike subtracts the threshold.
    """

    def forward(self, current: Tensor) -> Tensor:
        """Return spikes (b, t, n)."""
        voltage, spikes = torch.zeros_like(current[:, 0]), []
        for drive in current.unbind(1):
            voltage = LEAK * voltage + drive
            spikes.append(Spike.apply(voltage))
            voltage = voltage - THRESHOLD * spikes[-1].detach()
        return torch.stack(spikes, 1)


class Held(nn.Module):
    """Rows (b, n) held as a current for all times, (b, t, n)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the current."""
        return x[:, None].expand(-1, TIMES, -1)


class Mean(nn.Module):
    """The mean over times, (b, n)."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the readout."""
        return x.mean(1)


class Alignment(nn.Linear):
    """A linear layer whose error comes back through fixed random weights (Lillicrap et al. 2016)."""

    def __init__(self, width: int, out: int, generator: torch.Generator):
        super().__init__(width, out, bias=False)
        self.register_buffer("back", torch.randn(out, width, generator=generator) / math.sqrt(width))

    def forward(self, input: Tensor) -> Tensor:
        """Return x W'; its gradient for x is that of x B'."""
        # the value and the gradient for W come from the first term, the gradient for x from the others
        detour = F.linear(input, self.get_buffer("back"))
        return F.linear(input.detach(), self.weight) + detour - detour.detach()


def rate_network(seed: int) -> nn.Module:
    """Return a network of rectified units, without biases."""
    return seeded(nn.Sequential(*_between([nn.Linear(a, b, bias=False) for a, b in _pairs()], nn.ReLU)), seed)


def spiking_network(seed: int) -> nn.Module:
    """Return a network of leaky integrate-and-fire units that reads a constant current for 5 times."""
    layers = _between([nn.Linear(a, b, bias=False) for a, b in _pairs()], LeakyFire)
    return seeded(nn.Sequential(Held(), *layers, Mean()), seed)


def alignment_network(seed: int) -> nn.Module:
    """Return the rate network with feedback alignment in its layers."""
    layers = [Alignment(a, b, derived(seed, 1, i)) for i, (a, b) in enumerate(_pairs())]
    return seeded(nn.Sequential(*_between(layers, nn.ReLU)), seed)


def traces(rows: Tensor) -> Tensor:
    """Return what a leaky trace of (b, t, n) spikes holds in the end, over what it could hold at most."""
    if rows.ndim < 3:
        return rows
    weights = LEAK ** torch.arange(rows.shape[1] - 1, -1, -1, dtype=rows.dtype)
    return torch.einsum("btn,t->bn", rows, weights / weights.sum())


def course(
    build: Callable[[int], nn.Module],
    basis: Callable[[int], Basis] | None,
    seed: int,
    *,
    rate: float,
    epochs: int,
) -> Course:
    """Return the course of one network over the five tasks, with a guard of the given basis or none."""
    model, guard = build(seed), None
    if basis is not None:
        names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
        bases = {name: basis(rank) for name, rank in zip(names, RANKS, strict=True)}
        guard = SubspaceGuard(model, bases, reading=traces, generator=seed)
    tasks = permuted(_fashion(), 5, size=4000, test_size=1000, generator=seed)
    return learn(
        model,
        tasks,
        lambda parameters: torch.optim.SGD(parameters, lr=rate, momentum=0.9),
        epochs=epochs,
        guard=guard,
        generator=seed,
        progress=False,
    )


@cache
def courses(network: str, guard: str, first: int, count: int) -> tuple[Course, ...]:
    """Return the courses of `count` seeds from `first` on; measured once, used by several claims."""
    build = {"rate": rate_network, "spiking": spiking_network, "alignment": alignment_network}[network]
    basis = {"none": None, "svd": Singular, "oja": Lateral}[guard]
    rate, epochs = TRAINING[network]
    return tuple(course(build, basis, first + i, rate=rate, epochs=epochs) for i in range(count))


def _measured(network: str, guard: str, count: int, seed: int, number: str, note: str = "") -> Measured:
    found = courses(network, guard, seed, count)
    mean, interval = mean_interval([getattr(one, number) for one in found])
    rows = [
        {"seed": one.seed, "ACC": round(one.acc, 4), "BWT": round(one.bwt, 4), "FWT": round(one.fwt, 4)}
        | {"newest task": round(one.last, 4)}
        for one in found
    ]
    return Measured(mean, interval if count > 1 else None, SIZES[0], 4000, LAW, seed, rows, note)


@claim(
    "plain",
    where="our setting; without forgetting a guard would prove nothing",
    statement="A plain network loses at least .25 of what it knew of older tasks.",
    claimed=-0.25,
    unit="BWT",
    relation="at most",
    tier="minutes",
)
def plain(seed: int) -> Measured:
    """Return the backward transfer without a guard."""
    return _measured("rate", "none", SEEDS, seed, "bwt")


@claim(
    "oja",
    where="abstract: nearly zero forgetting",
    statement="With subspaces learned by Oja's rule almost nothing is forgotten.",
    claimed=-0.04,
    unit="BWT",
    relation="at least",
    tier="minutes",
)
def oja(seed: int) -> Measured:
    """Return the backward transfer with Hebbian subspaces."""
    return _measured("rate", "oja", SEEDS, seed, "bwt")


@claim(
    "svd",
    where="the same projection with singular vectors (Saha et al. 2021)",
    statement="With subspaces of singular vectors almost nothing is forgotten.",
    claimed=-0.02,
    unit="BWT",
    relation="at least",
    tier="minutes",
)
def svd(seed: int) -> Measured:
    """Return the backward transfer with singular vectors."""
    return _measured("rate", "svd", SEEDS, seed, "bwt")


@claim(
    "accuracy",
    where="section 5, in our setting",
    statement="Guarded by Oja's rule the network is better by at least .2 on average over all tasks.",
    claimed=0.2,
    unit="accuracy",
    relation="at least",
    tier="minutes",
)
def accuracy(seed: int) -> Measured:
    """Return the gain in mean final accuracy."""
    pairs = zip(courses("rate", "oja", seed, SEEDS), courses("rate", "none", seed, SEEDS), strict=True)
    gains = [guarded.acc - bare.acc for guarded, bare in pairs]
    mean, interval = mean_interval(gains)
    rows = [{"seed": seed + i, "gain": round(gain, 4)} for i, gain in enumerate(gains)]
    return Measured(mean, interval, SIZES[0], 4000, LAW, seed, rows)


@claim(
    "spiking",
    where="section 5: spiking networks",
    statement="Projected on traces of spikes, a network of spiking units forgets almost nothing.",
    claimed=-0.06,
    unit="BWT",
    relation="at least",
    tier="minutes",
)
def spiking(seed: int) -> Measured:
    """Return the backward transfer of leaky integrate-and-fire units, 5 time steps."""
    bare = courses("spiking", "none", seed, 1)[0]
    note = f"one seed; the same network without a guard: BWT {bare.bwt:.3f}, ACC {bare.acc:.3f}"
    return _measured("spiking", "oja", 1, seed, "bwt", note)


@claim(
    "alignment",
    where="section 5: other ways to propagate errors",
    statement="With feedback alignment in place of backpropagation the guard works as well.",
    claimed=-0.06,
    unit="BWT",
    relation="at least",
    tier="minutes",
)
def alignment(seed: int) -> Measured:
    """Return the backward transfer with feedback alignment."""
    bare = courses("alignment", "none", seed, 1)[0]
    note = f"one seed; the same network without a guard: BWT {bare.bwt:.3f}, ACC {bare.acc:.3f}"
    return _measured("alignment", "oja", 1, seed, "bwt", note)


@cache
def _fashion() -> Task:
    data = fashion_mnist()
    return Task(data.train.images, data.train.labels, data.test.images, data.test.labels, "Fashion-MNIST")


def _pairs() -> list[tuple[int, int]]:
    return list(pairwise(SIZES))


def _between(layers: Iterable[nn.Module], unit: type[nn.Module]) -> list[nn.Module]:
    """Return layers with units between them."""
    return [part for layer in layers for part in (layer, unit())][:-1]
