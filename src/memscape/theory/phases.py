"""Temperatures and phases of Hebb's rule (Amit, Gutfreund and Sompolinsky 1985), replica-symmetric."""

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

import torch
from scipy.optimize import brentq, minimize_scalar
from torch import Tensor

from memscape.theory import replica
from memscape.theory.ranges import Numbers, number, values
from memscape.theory.replica import OrderParameters


class Phase(StrEnum):
    """What a Hebbian memory does at a load and a temperature."""

    PARAMAGNETIC = "paramagnetic"
    SPIN_GLASS = "spin glass"
    METASTABLE = "metastable retrieval"
    RETRIEVAL = "retrieval"

    @property
    def sentence(self) -> str:
        """What the phase means for recall."""
        return _SENTENCES[self]


_SENTENCES = {
    Phase.PARAMAGNETIC: "Noise wins: the state remembers nothing; lower the temperature.",
    Phase.SPIN_GLASS: "Every minimum is spurious; store fewer patterns, or lower the temperature.",
    Phase.METASTABLE: "A cue near a pattern is recalled, but spurious minima lie deeper.",
    Phase.RETRIEVAL: "Stored patterns are recalled and are the deepest minima.",
}


def _load(load: float) -> float:
    return number("load", load, 0.0, remedy="the load is patterns / units")


def _temperature(temperature: float) -> float:
    return number("temperature", temperature, 0.0, remedy="0 is the descent without noise")


def overlap_parameters(load: float, temperature: float) -> OrderParameters:
    r"""Return (m, q, r) of the retrieval state, or of the state without overlap where there is none.

    $$m = \int Dz\tanh\beta(\sqrt{\alpha r}z + m),\quad q = \int Dz\tanh^2\beta(\sqrt{\alpha r}z + m),\quad
    r = \frac{q}{(1 - \beta(1-q))^2}$$

    Args:
        load: patterns per unit, at least 0.
        temperature: in units of the couplings, at least 0.

    Raises:
        InputError: if the load or the temperature is negative or not finite.

    Cost: milliseconds, independent of p and n.

    Example:
        >>> [round(value, 4) for value in overlap_parameters(0.05, 0.3)]
        [0.9912, 0.983, 1.1049]

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530; replica-symmetric.
    """
    load, temperature = _load(load), _temperature(temperature)
    return replica.retrieval(load, temperature) or replica.spin_glass(load, temperature)


def retrieval_temperature(load: float) -> float:
    """Return T_M, the temperature above which no retrieval state exists; 0 where there never is one.

    For small loads it falls as 1 - 1.95 sqrt(load). The replica-symmetric line is slightly re-entrant:
    between the critical load at T = 0 and .13818 retrieval states exist at temperatures around .02 only.

    Args:
        load: patterns per unit, at least 0.

    Raises:
        InputError: if the load is negative or not finite.

    Cost: some 20 ms, independent of p and n.

    Example:
        >>> round(retrieval_temperature(0.05), 3)
        0.542

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530.
    """
    load = _load(load)
    if load == 0.0:
        return 1.0
    summit, most = _summit()
    if load > most:
        return 0.0
    return brentq(lambda t: replica.largest_load(t) - load, summit, 1.0, xtol=1e-10)


@cache
def _summit() -> tuple[float, float]:
    """Return the temperature at which the retrieval phase reaches its largest load, and that load."""
    found = minimize_scalar(lambda t: -replica.largest_load(t), bounds=(0.0, 0.1), method="bounded")
    return float(found.x), -float(found.fun)


def spin_glass_temperature(load: float) -> float:
    r"""Return $T_g = 1 + \sqrt\alpha$, below which the state without overlap freezes into a spin glass.

    Args:
        load: patterns per unit, at least 0.

    Raises:
        InputError: if the load is negative or not finite.

    Cost: O(1).

    Example:
        >>> spin_glass_temperature(0.25)
        1.5

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530.
    """
    return 1.0 + math.sqrt(_load(load))


def _depth(load: float, temperature: float) -> float:
    """Return the free energy of the retrieval state minus the spin glass's; infinite without retrieval."""
    retrieved = replica.retrieval(load, temperature)
    if retrieved is None:
        return math.inf
    glass = replica.spin_glass(load, temperature)
    return replica.free_energy(load, temperature, retrieved) - replica.free_energy(load, temperature, glass)


def transition_temperature(load: float) -> float:
    """Return T_c, the temperature below which stored patterns are the deepest states; 0 where they never are.

    Args:
        load: patterns per unit, at least 0.

    Raises:
        InputError: if the load is negative or not finite.

    Cost: some 50 ms, independent of p and n.

    Example:
        >>> round(transition_temperature(0.03), 3)
        0.479

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530.
    """
    load = _load(load)
    if load == 0.0:
        return 1.0
    melting = retrieval_temperature(load)
    if melting == 0.0:
        return 0.0
    below = 0.0
    if _depth(load, below) > 0.0:  # the line is slightly re-entrant: look for the deepest point above T = 0
        found = minimize_scalar(lambda t: _depth(load, t), bounds=(0.0, 0.99 * melting), method="bounded")
        if found.fun > 0.0:
            return 0.0
        below = float(found.x)
    top = melting * (1.0 - 1e-6)  # the retrieval state is still there, within rounding of T_M it may not be
    return brentq(lambda t: _depth(load, t), below, top, xtol=1e-9) if _depth(load, top) > 0.0 else melting


def phase(load: float, temperature: float) -> Phase:
    """Return the phase at a load and a temperature: a string that equals its plain name.

    Args:
        load: patterns per unit, at least 0.
        temperature: in units of the couplings, at least 0.

    Raises:
        InputError: if the load or the temperature is negative or not finite.

    Cost: milliseconds, independent of p and n.

    Example:
        >>> phase(0.1, 0.1).value, phase(0.03, 0.1).value, phase(0.2, 0.1).value, phase(0.1, 1.4).value
        ('metastable retrieval', 'retrieval', 'spin glass', 'paramagnetic')

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530.
    """
    load, temperature = _load(load), _temperature(temperature)
    if temperature >= 1.0 + math.sqrt(load):
        return Phase.PARAMAGNETIC
    if load == 0.0:
        return Phase.RETRIEVAL
    if replica.retrieval(load, temperature) is None:
        return Phase.SPIN_GLASS
    return Phase.RETRIEVAL if _depth(load, temperature) <= 0.0 else Phase.METASTABLE


@dataclass(frozen=True)
class PhaseDiagram:
    """The three lines of the phase diagram: one float64 tensor each, over `load`."""

    load: Tensor
    spin_glass: Tensor  # T_g: paramagnetic above
    retrieval: Tensor  # T_M: no retrieval states above
    transition: Tensor  # T_c: patterns are the deepest states below

    def to_dict(self) -> dict[str, list[float]]:
        """Return the lines as plain lists."""
        names = ("load", "spin_glass", "retrieval", "transition")
        return {name: getattr(self, name).tolist() for name in names}

    def table(self) -> str:
        """Return the lines as text, one load per row."""
        rows = zip(*self.to_dict().values(), strict=True)
        body = [f"{load:8.4f} {glass:8.4f} {melt:8.4f} {deep:8.4f}" for load, glass, melt, deep in rows]
        return "\n".join([f"{'load':>8} {'T_g':>8} {'T_M':>8} {'T_c':>8}", *body])


def phase_diagram(loads: Numbers) -> PhaseDiagram:
    """Return the temperatures T_g, T_M and T_c at each of the given loads.

    Args:
        loads: patterns per unit, each at least 0.

    Raises:
        InputError: if there is no load, or one is negative or not finite.

    Cost: some 50 ms per load.

    Example:
        >>> print(phase_diagram([0.01, 0.10]).table())
            load      T_g      T_M      T_c
          0.0100   1.1000   0.8010   0.7216
          0.1000   1.3162   0.3154   0.0000

    Source: Amit, Gutfreund and Sompolinsky 1985, Phys. Rev. Lett. 55, 1530.
    """
    given = values("loads", loads, 0.0, remedy="loads are patterns / units")
    load = given.flatten()

    def line(temperature_at) -> Tensor:
        return torch.tensor([temperature_at(value) for value in load.tolist()], dtype=torch.float64)

    return PhaseDiagram(
        load, line(spin_glass_temperature), line(retrieval_temperature), line(transition_temperature)
    )
