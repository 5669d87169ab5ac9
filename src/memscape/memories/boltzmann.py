"""Restricted Boltzmann machines: a landscape that is learnt, and the Hopfield network that it is dual to."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from memscape.core.arrays import as_tensor, require_count, require_width
from memscape.core.cards import Card, register
from memscape.core.errors import CapabilityError, InputError
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed, resolve
from memscape.core.spaces import Bipolar
from memscape.mechanisms.descent import Asynchronous
from memscape.mechanisms.energies import Couplings, PatternEnergy
from memscape.mechanisms.marginal import Gaussian, HiddenUnits, Marginal, Signs, hidden_from_name
from memscape.memories.pattern_keeper import checked_patterns, checked_reading
from memscape.memories.pattern_memory import EnergyModel
from memscape.memories.quadratic import Quadratic
from memscape.training import History, Minibatches, train


@register
class RestrictedBoltzmann(EnergyModel):
    """Learns the law of patterns of $\\pm 1$ with hidden units that see all visible ones and not each other.

    $P(s) \\propto e^{-E(s)}$, $E = -\\theta \\cdot s - \\sum_\\mu F(w_\\mu \\cdot s + c_\\mu)$, where F is
    $\\log\\cosh$ for hidden `Signs` and $u^2/2$ for `Gaussian` ones. With Gaussian hidden units it *is* a
    Hopfield network with the couplings $\\sum_\\mu w_\\mu w_\\mu^T$: `from_memory` and `to_quadratic` go both
    ways, exactly. It knows no patterns, so a recall has match -1 and verdict UNKNOWN.

    Args:
        weights: w (m, n), one row per hidden unit.
        hidden: the law of the hidden units, `Signs()` or `Gaussian()`.
        field: (n,) visible biases; None is 0.
        bias: (m,) hidden biases; None is 0.

    All at unit temperature. A block-Gibbs sweep costs O(b m n), all units of a layer at once.

    >>> import memscape as ms
    >>> machine = RestrictedBoltzmann.drawn(units=6, hidden_units=3, generator=0)
    >>> machine.sample(4, sweeps=10, generator=1).shape
    torch.Size([4, 6])

    Smolensky 1986; Hinton 2002; duality: Barra, Bernacchia, Santucci and Contucci 2012 (arXiv 1105.2790).
    """

    card = Card(
        name="RestrictedBoltzmann",
        paper="Smolensky 1986; Hinton 2002; Barra, Bernacchia, Santucci and Contucci 2012",
        parts="Bipolar x learnt hidden units x free energy x block-Gibbs or asynchronous descent",
        space="-1, +1",
        capacity="as a Gaussian machine, that of the Hopfield network it is dual to",
        cost="a sweep O(bmn); a step of contrastive divergence O(bmn) per sweep; memory 4mn bytes",
        limits="learnt from a stream: no exact forgetting; knows no patterns, so it can only say UNKNOWN",
    )

    def __init__(
        self,
        weights: object,
        *,
        hidden: HiddenUnits = Signs(),  # noqa: B008  frozen
        field: object = None,
        bias: object = None,
    ):
        super().__init__()
        self.space, self.default_dynamics, self.hidden = Bipolar(), Asynchronous(), hidden
        self.reading = checked_reading({})
        w = as_tensor(weights, "weights")
        if w.ndim != 2:
            raise InputError(f"weights have shape {tuple(w.shape)}; give (m, n), one row per hidden unit")
        w = w.to(torch.promote_types(w.dtype, torch.float32))
        self.weights = nn.Parameter(w.clone())
        self.theta = nn.Parameter(_biases(field, w.shape[1], "field", w))
        self.bias = nn.Parameter(_biases(bias, w.shape[0], "bias", w))

    @classmethod
    def drawn(
        cls,
        units: int,
        hidden_units: int,
        *,
        hidden: HiddenUnits = Signs(),  # noqa: B008  frozen
        scale: float = 0.01,
        generator: Generator = None,
    ) -> "RestrictedBoltzmann":
        """Return an untrained machine: normal weights of standard deviation `scale`, no biases."""
        shape = (require_count(hidden_units, "hidden_units"), require_count(units, "units"))
        return cls(scale * torch.randn(*shape, generator=resolve(generator)), hidden=hidden)

    @classmethod
    def from_memory(cls, memory: Any, *, temperature: float = 1.0) -> "RestrictedBoltzmann":
        """Return the machine with Gaussian hidden units whose law is $e^{-E/T}$ of a quadratic memory.

        One hidden unit per pattern for $J = X^T L X$: with Hebb's rule $w_\\mu = \\xi^\\mu / \\sqrt{nT}$. For
        couplings that are given, one per eigenvalue above the lowest (a diagonal adds a constant only).

        Raises:
            CapabilityError: for a memory whose energy is not quadratic.
            InputError: for a temperature that is not above 0.
        """
        if not 0 < temperature < float("inf"):
            raise InputError(f"the temperature is {temperature}; it must be finite and above 0")
        energy = memory.landscape_energy
        if isinstance(energy, PatternEnergy):
            rows = _root(energy.mixing, len(energy.basis)) @ energy.basis.double().cpu()
        elif isinstance(energy, Couplings):
            values, vectors = torch.linalg.eigh(energy.weights.double().cpu())
            rows = ((values - values[0]).clamp_min(0).sqrt() * vectors).T[1:]
        else:
            raise CapabilityError(
                f"{type(memory).__name__} is not quadratic, so it has no Gaussian hidden units; use "
                "Hebbian, Projection, Quadratic and their like"
            )
        theta = None if energy.theta is None else energy.theta.double() / temperature
        return cls(rows / temperature**0.5, hidden=Gaussian(), field=theta)

    def to_quadratic(self, *, temperature: float = 1.0) -> Quadratic:
        """Return the Hopfield network whose law at this temperature is this machine's.

        Raises:
            CapabilityError: for hidden units that are not Gaussian, whose energy is not quadratic.
        """
        if not isinstance(self.hidden, Gaussian):
            raise CapabilityError("only Gaussian hidden units give a quadratic energy; use landscape_energy")
        w, c = self.weights.detach().double(), self.bias.detach().double()
        return Quadratic(temperature * (w.T @ w), temperature * (self.theta.detach().double() + c @ w))

    @property
    def units(self) -> int:
        """The number of visible units, n."""
        return self.weights.shape[1]

    def free_energy(self, states: Float[Tensor, "b n"]) -> Float[Tensor, " b"]:
        """Return E of states, differentiably in the parameters. O(b m n)."""
        drives = states @ self.weights.T + self.bias
        return -(states @ self.theta) - self.hidden.log_moment(drives).sum(-1)

    def sample(
        self,
        count: int,
        *,
        sweeps: int = 1000,
        start: Float[Tensor, "count n"] | None = None,
        generator: Generator = None,
        progress: ProgressOption = None,
    ) -> Float[Tensor, "count n"]:
        """Return states (count, n) after block-Gibbs sweeps from `start` (None: random). O(sweeps b m n)."""
        random = resolve(generator)
        states = self.space.sample(count, self.units, generator=random) if start is None else start
        states = states.to(self.weights.dtype).to(self.weights.device)
        with torch.no_grad(), Progress(progress, require_count(sweeps, "sweeps"), "sampling") as bar:
            for _ in range(sweeps):
                states = self._sweep(states, random)
                if not bar.update():
                    break
        return states

    def _sweep(self, states: Tensor, generator: torch.Generator) -> Tensor:
        z = self.hidden.draw(states @ self.weights.T + self.bias, generator)
        return Signs().draw(z @ self.weights + self.theta, generator)

    def reconstruct(self, states: Float[Tensor, "b n"]) -> Float[Tensor, "b n"]:
        """Return the mean of each visible unit after one pass up and down without noise, in [-1, 1]."""
        drives = (states.to(self.weights.dtype) @ self.weights.T + self.bias).requires_grad_(True)
        with torch.enable_grad():  # the mean of z is the slope of its log moment
            (z,) = torch.autograd.grad(self.hidden.log_moment(drives).sum(), drives)
        return torch.tanh(z.detach() @ self.weights.detach() + self.theta.detach())

    def fit(
        self,
        patterns: object,
        *,
        steps: int,
        rate: float = 0.05,
        batch: int = 64,
        sweeps: int = 1,
        chains: int = 0,
        generator: Generator = None,
        checkpoint: str | Path | None = None,
        resume: str | Path | None = None,
        progress: ProgressOption = None,
    ) -> History:
        """Return the history of training by contrastive divergence, in place.

        Each step lowers $\\langle E \\rangle_{data} - \\langle E \\rangle_{model}$; the model's states come
        from `sweeps` block-Gibbs sweeps that start at the batch (contrastive divergence, Hinton 2002), or,
        with `chains`, from as many chains that live on from step to step (persistent, Tieleman 2008).

        Args:
            patterns: (p, n) entries +-1.
            steps: gradient steps, one batch each.
            rate: learning rate of plain gradient descent, falling linearly to 0.
            batch: patterns per step.
            sweeps: block-Gibbs sweeps per step.
            chains: persistent chains; 0 starts at the batch.
            generator, checkpoint, resume, progress: see `training.train`.

        Cost: O(steps (batch + chains) sweeps m n).
        """
        data = checked_patterns(self.space.check(patterns, "patterns"), self.space, self.units)
        seed = draw_seed(generator)
        start = torch.zeros(0, self.units)
        if require_count(chains, "chains", low=0):
            start = self.space.sample(chains, self.units, generator=derived(seed, 1))
        learner = _Learner(self, start.to(self.weights), require_count(sweeps, "sweeps"))
        optimizer = torch.optim.SGD(learner.parameters(), lr=rate)
        history = train(
            learner,
            _divergence,
            Minibatches(data.to(self.weights), batch, seed),
            optimizer=optimizer,
            steps=steps,
            generator=seed,
            schedule=lambda step: 1 - step / steps,
            checkpoint=checkpoint,
            resume=resume,
            progress=progress,
        )
        self._changed()
        return history

    def forward(self, cue: object) -> Tensor:
        """Return the states to which cues (..., n) descend."""
        return self.recall(cue).state

    def _build_energy(self) -> Marginal:
        return Marginal(self.weights.detach(), self.hidden, self.theta.detach(), self.bias.detach())

    @property
    def landscape_energy(self) -> Marginal:
        """The free energy as data; built anew where an optimiser has moved the parameters."""
        version = tuple((id(t), t._version) for t in (self.weights, self.theta, self.bias))
        if self.__dict__.get("_seen") != version:
            self._changed()
            self.__dict__["_seen"] = version
        return super().landscape_energy  # ty: ignore[invalid-explicit-return]

    def _settings(self) -> dict[str, Any]:
        return {"hidden": type(self.hidden).__name__}

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], tensors: dict[str, Tensor]) -> "RestrictedBoltzmann":
        hidden = hidden_from_name(settings["hidden"])
        return cls(tensors["weights"], hidden=hidden, field=tensors["theta"], bias=tensors["bias"])

    def extra_repr(self) -> str:
        return f"{self.units} visible and {len(self.weights)} hidden units, {self.hidden}"


class _Learner(nn.Module):
    """A machine with its chains, which are part of a checkpoint."""

    def __init__(self, machine: RestrictedBoltzmann, chains: Tensor, sweeps: int):
        super().__init__()
        self.machine, self.sweeps = machine, sweeps
        self.register_buffer("chains", chains)


def _divergence(learner: nn.Module, batch: Tensor, generator: torch.Generator) -> Tensor:
    """Return <E>_data - <E>_model, whose gradient is that of contrastive divergence."""
    machine: Any = learner.machine
    chains: Any = learner.chains
    with torch.no_grad():
        states = chains if len(chains) else batch
        for _ in range(learner.sweeps):  # ty: ignore[invalid-argument-type]
            states = machine._sweep(states, generator)
        if len(chains):
            learner.chains = states
    return machine.free_energy(batch).mean() - machine.free_energy(states).mean()


def _biases(given: object, size: int, what: str, like: Tensor) -> Tensor:
    if given is None:
        return torch.zeros(size, dtype=like.dtype, device=like.device)
    values = as_tensor(given, what).reshape(-1)
    require_width(values, size, what)
    return values.to(like).clone()


def _root(mixing: float | Tensor, size: int) -> Tensor:
    """Return R (q, q) with R' R = L."""
    if not isinstance(mixing, Tensor):
        return torch.eye(size, dtype=torch.float64) * mixing**0.5
    values, vectors = torch.linalg.eigh(mixing.double().cpu())
    if float(values[0]) < -1e-9 * float(values[-1].abs()):
        raise CapabilityError(
            "the couplings mix patterns with negative weights; go through Quadratic(weights)"
        )
    return (values.clamp_min(0).sqrt() * vectors).T
