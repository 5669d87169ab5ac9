"""Rates between states or wells: mean first-passage times, committors, relaxation, the law of Arrhenius."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int
from scipy import sparse
from scipy.sparse import linalg
from torch import Tensor

from memscape.core.errors import InputError, SizeError
from memscape.landscape.kinetics import measured, require_temperature
from memscape.landscape.mapper import DiscreteMapper
from memscape.landscape.plateau_search import states_of
from memscape.landscape.result import Landscape
from memscape.landscape.subject import discrete_subject

LARGEST = 12
"""Units up to which the rates between all states are solved."""

_SPARSE = 1024  # nodes from which on sparse factors are taken
_RESIDUE = 1e-6  # of a solution, relative; above it the rates span more orders of magnitude than float64 has


@dataclass(frozen=True)
class RateNetwork:
    """Nodes, and the rates at which one goes over into another, in detailed balance.

    Attributes:
        energy: (v,) of the nodes.
        weight: (v,) log of their equilibrium weights, up to a constant: -E/T, and log of the number of
            states.
        edges: (e, 2) from and to.
        rate: (e,) per sweep.
        well: (v,) the minimum that a node is a state of, else -1.
        temperature: T in units of energy.
        kind: "states" (all 2^n of them, exact) or "wells" (the landscape's, up to an unknown common factor).
    """

    energy: Float64[Tensor, " v"]
    weight: Float64[Tensor, " v"]
    edges: Int[Tensor, "e 2"]
    rate: Float64[Tensor, " e"]
    well: Int[Tensor, " v"]
    temperature: float
    kind: str

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def equilibrium(self) -> Float64[Tensor, " v"]:
        """The share of time that is spent in each node in the long run."""
        return torch.softmax(self.weight, 0)

    def first_passage(self, targets: object) -> Float64[Tensor, " v"]:
        r"""Return the mean time from each node to the wells `targets`, in sweeps: $Q\tau = -1$ outside them.

        Infinite where no target can be reached.

        Raises:
            InputError: for wells that do not exist, or where the rates span too many orders of magnitude.

        Cost: the factors of a sparse matrix, v^3 at worst (2 s at v = 4096).
        """
        ends = self._nodes(targets, "targets")
        return self._solved(ends, torch.zeros(len(self)), torch.ones(len(self)))

    def committor(self, start: object, end: object) -> Float64[Tensor, " v"]:
        r"""Return the chance of each node to reach the wells `end` before `start`: $Qq = 0$ outside both.

        Raises:
            InputError: as `first_passage`, and for wells that are on both sides.

        Cost: as `first_passage`.
        """
        first, last = self._nodes(start, "start"), self._nodes(end, "end")
        if bool((first & last).any()):
            raise InputError("a well is both start and end; give different ones")
        chance = self._solved(first | last, last.double(), torch.zeros(len(self)))
        return chance.clamp(0.0, 1.0)

    def leaving(self, well: int) -> float:
        """Return the mean time from a well to any other one, in sweeps."""
        others = [other for other in self.well.unique().tolist() if other not in (-1, well)]
        if not others:
            return math.inf
        own = (self.well == well).nonzero()[:, 0]
        if not len(own):
            raise InputError(f"there is no well {well}; see .well for those there are")
        return float(self.first_passage(others)[own[0]])

    def relaxation(self) -> Float64[Tensor, " v"]:
        """Return the rates at which the network forgets where it began, slowest first; the first is 0.

        Cost: v^3; up to 4,096 nodes.
        """
        if len(self) > 1 << LARGEST:
            raise SizeError(f"the network has {len(self)} nodes; all rates of up to {1 << LARGEST} are found")
        half = self.weight / 2
        balanced = self.rate * torch.exp(half[self.edges[:, 0]] - half[self.edges[:, 1]])
        Q = torch.zeros(len(self), len(self), dtype=torch.float64)
        Q.index_put_((self.edges[:, 0], self.edges[:, 1]), balanced, accumulate=True)
        Q = (Q + Q.T) / 2
        out = torch.zeros(len(self), dtype=torch.float64).index_add_(0, self.edges[:, 0], self.rate)
        return torch.linalg.eigvalsh(torch.diag(out) - Q).clamp_min(0.0)

    def _nodes(self, wells: object, what: str) -> Bool[Tensor, " v"]:
        chosen = torch.as_tensor(wells, dtype=torch.int64).reshape(-1)
        found = torch.isin(self.well, chosen) & (self.well >= 0)
        missing = sorted(set(chosen.tolist()) - set(self.well[found].tolist()))
        if missing or not len(chosen):
            raise InputError(f"{what}: there are no wells {missing}; see .well for those there are")
        return found

    def _solved(self, fixed: Tensor, value: Tensor, source: Tensor) -> Float64[Tensor, " v"]:
        """Return x with Q x = -source outside `fixed` and x = value on it."""
        result = value.double().clone()
        within = self._reaching(fixed) & ~fixed
        result[~within & ~fixed] = math.inf if bool(source.any()) else 0.0
        inside = within.nonzero()[:, 0].numpy()
        if not len(inside):
            return result
        count = len(self)
        a, b = self.edges.numpy().T
        Q = sparse.csr_matrix((self.rate.numpy(), (a, b)), shape=(count, count))
        out = np.asarray(Q.sum(axis=1)).ravel()
        block = Q[inside]
        known = np.where(fixed.numpy(), value.double().numpy(), 0.0)
        right = source.double().numpy()[inside] + block @ known
        matrix = sparse.diags(out[inside]) - block[:, inside]
        result[torch.from_numpy(inside)] = torch.from_numpy(_solve(matrix.tocsc(), right))
        return result

    def _reaching(self, goal: Tensor) -> Bool[Tensor, " v"]:
        a, b = self.edges.numpy().T
        there = self.rate.numpy() > 0
        links = sparse.csr_matrix((np.ones(there.sum()), (a[there], b[there])), shape=(len(self),) * 2)
        _, part = sparse.csgraph.connected_components(links, directed=False)
        return torch.from_numpy(np.isin(part, part[goal.numpy()]))

    def table(self, most: int = 20) -> str:
        """Return the wells as lines of text: their share of the time, and how long each is stayed in."""
        lines = ["well  energy      share     mean time"]
        wells = [well for well in self.well.unique().tolist() if well >= 0]
        share = self.equilibrium
        for well in wells[:most]:
            own = self.well == well
            level, part = float(self.energy[own][0]), float(share[own].sum())
            lines.append(f"{well:<5} {level:<11.6g} {part:<9.4f} {self.leaving(well):.4g}")
        if len(wells) > most:
            lines.append(f"... {len(wells) - most} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        names = ("energy", "weight", "edges", "rate", "well")
        plain = {name: getattr(self, name).tolist() for name in names}
        return plain | {"temperature": self.temperature, "kind": self.kind}

    def __repr__(self) -> str:
        wells = len([well for well in self.well.unique().tolist() if well >= 0])
        units = "sweeps" if self.kind == "states" else "units of an unknown time"
        head = f"RateNetwork of {len(self)} {self.kind}, {wells} wells, at T = {self.temperature:g}"
        return f"{head}; times in {units}"


def rate_network(subject: Any, *, temperature: float, memory: Any = None) -> RateNetwork:
    r"""Return the rates between all states of a small memory, or between the wells of a landscape.

    A memory of at most 12 units: all 2^n states, Glauber's rate $1/(1 + e^{\Delta E/T})$ for each flip; every
    time and chance is then exact. A landscape: its wells, with $k_{ij} = e^{-(E_{ij} - E_i)/T} / g_i$ over
    the pass $E_{ij}$ between them, $g_i$ the number of states of well i. That is the law of Arrhenius with
    one
    unknown factor in common: chances and ratios mean something, times do not.

    Args:
        subject: a memory of at most 12 units, or a landscape.
        temperature: T in units of energy, above 0.

    Raises:
        InputError: for a temperature of 0 or below.
        SizeError: for a memory of more units.
        CapabilityError: for a memory without an energy over +-1 units.

    Cost: n 2^n numbers, or two per pass.

    >>> import memscape as ms
    >>> memory = ms.memories.Projection(ms.patterns.independent(2, 8, generator=0))
    >>> network = rate_network(memory, temperature=0.5)
    >>> chance = network.committor(0, 1)
    >>> bool(((chance >= 0) & (chance <= 1)).all()), float(network.equilibrium.sum())
    (True, 1.0)

    Glauber 1963 (the rates); Wales 2003, chapter 7 (networks of minima).
    """
    require_temperature(temperature)
    if isinstance(subject, Landscape):
        return _between_wells(subject, float(temperature))
    held = discrete_subject(subject)
    if held.energy.units > LARGEST:
        raise SizeError(
            f"the memory has {held.energy.units} units; the rates between all states are taken up to "
            f"{LARGEST} units: give a landscape for the rates between its wells, or escape_times"
        )
    return _between_states(subject, float(temperature))


def _between_states(memory: Any, temperature: float) -> RateNetwork:
    land, energy = measured(memory)
    units = land.units
    keys = torch.arange(1 << units)
    states = ((keys[:, None] >> torch.arange(units) & 1) * 2 - 1).float()
    level = discrete_subject(memory).energies(states.to(torch.int8))
    other = keys[:, None] ^ (1 << torch.arange(units))
    rate = torch.sigmoid(-(level[other] - level[:, None]) / temperature)
    edges = torch.stack([keys[:, None].expand_as(other), other], -1).reshape(-1, 2)
    well, mapper = torch.full((len(keys),), -1), DiscreteMapper(energy)
    for index, minimum in enumerate(land.minima):
        held = states_of(mapper.plateau_of(minimum).states, units) > 0
        well[(held.long() << torch.arange(units)).sum(1)] = index
    return RateNetwork(level, -level / temperature, edges, rate.reshape(-1), well, temperature, "states")


def _between_wells(land: Landscape, temperature: float) -> RateNetwork:
    if not len(land.passes):
        raise InputError(
            "the landscape has no passes between its wells; see memscape.landscape.passes_between"
        )
    energy = land.energy.double()
    size = land.plateau.double().clamp_min(1.0).log()
    edges = torch.cat([land.edges, land.edges.flip(1)])
    height = land.passes.double().repeat(2)
    climb = height - energy[edges[:, 0]]
    rate = torch.exp(-climb / temperature - size[edges[:, 0]])
    weight = size - energy / temperature
    return RateNetwork(energy, weight, edges, rate, torch.arange(len(land)), temperature, "wells")


def _solve(matrix: Any, right: np.ndarray) -> np.ndarray:
    if matrix.shape[0] < _SPARSE:
        found = np.linalg.solve(matrix.toarray(), right)
    else:
        options = {"SymmetricMode": True}
        found = linalg.splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options=options).solve(
            right
        )
    scale = np.abs(matrix) @ np.abs(found) + np.abs(right)
    worst = float((np.abs(matrix @ found - right) / np.maximum(scale, 1e-300)).max())
    if not (
        worst < _RESIDUE and np.isfinite(found).all() and (found >= -_RESIDUE * np.abs(found).max()).all()
    ):
        raise InputError(
            "the rates span more orders of magnitude than float64 holds; raise the temperature, or use the "
            "landscape's barriers"
        )
    return found
