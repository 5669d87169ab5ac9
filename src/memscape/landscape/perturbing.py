"""Perturb the weights of a quadratic memory, as hardware does, and measure what is left of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from memscape.core.arrays import require_fraction
from memscape.core.cards import registered
from memscape.core.errors import CapabilityError, InputError
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.landscape.radii import radius
from memscape.landscape.volumes import basins, require_wells
from memscape.mechanisms.energies import Couplings, PatternEnergy

KINDS = ("dilution", "noise", "bits")


def perturb(
    memory: Any,
    *,
    dilution: float = 0.0,
    noise: float = 0.0,
    bits: int | None = None,
    generator: Generator = None,
) -> Any:
    r"""Return a memory with the couplings of a quadratic one after damage; the given one is left as it is.

    In this order: every coupling gets normal noise of standard deviation `noise` times the root mean square
    of all couplings, is rounded to the nearest of $2^b$ levels that are spread evenly over $\pm\max|J|$ (one
    bit: the sign, 0 stays 0), and is cut with probability `dilution`. Both directions of a coupling change
    alike, so there still is an energy.

    Args:
        memory: a quadratic memory with patterns, or couplings of your own that know theirs.
        dilution: share of couplings that are cut, in [0, 1].
        noise: at least 0, in units of the root mean square coupling.
        bits: levels of a coupling as a power of two, from 1; None keeps them as they are.
        generator: a seed, a `torch.Generator`, or None.

    Raises:
        CapabilityError: for a memory that is not quadratic or knows no patterns.
        InputError: for a number outside its range.

    Cost: O(n^2) time and 8n^2 bytes.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(10, 200, generator=0)
    >>> cut = ms.landscape.perturb(ms.memories.Hebbian(X), dilution=0.5, generator=0)
    >>> bool((cut.recall(X, generator=0).match >= 0).all())
    True
    """
    require_fraction(dilution, "dilution")
    if not (math.isfinite(noise) and noise >= 0):
        raise InputError(
            f"noise is {noise}; it must be at least 0, in units of the root mean square coupling"
        )
    if bits is not None and not (isinstance(bits, int) and 1 <= bits <= 32):
        raise InputError(f"bits is {bits!r}; it must be a whole number from 1 to 32, or None")
    energy = _quadratic(memory)
    J = energy.couplings().cpu()
    seed = draw_seed(generator)
    upper = torch.triu_indices(*J.shape, offset=1)
    values = J[upper[0], upper[1]]
    if noise:
        spread = noise * float(values.square().mean().sqrt())
        values = values + spread * torch.randn(len(values), generator=derived(seed, 0), dtype=torch.float64)
    if bits is not None:
        values = _rounded(values, bits)
    if dilution:
        values = values * (torch.rand(len(values), generator=derived(seed, 1)) >= dilution)
    damaged = torch.zeros_like(J)
    damaged[upper[0], upper[1]] = values
    damaged += damaged.T.clone()
    return registered("Quadratic")(damaged, energy.theta, patterns=energy.patterns.float().cpu())


def _quadratic(memory: Any) -> PatternEnergy | Couplings:
    energy = require_wells(memory)
    if not isinstance(energy, PatternEnergy | Couplings):
        raise CapabilityError(
            f"{type(memory).__name__} has no couplings between pairs of units to perturb; quadratic "
            "memories have "
            "(Hebbian, Projection, MaxMargin, ...)"
        )
    return energy


def _rounded(values: Float[Tensor, " k"], bits: int) -> Float[Tensor, " k"]:
    """Return values on 2^bits levels, spread evenly from -max to +max."""
    top = float(values.abs().max())
    if top == 0.0:
        return values
    if bits == 1:
        # couplings that cancel are zero up to rounding: its sign would follow the order of the sum
        values = torch.where(values.abs() <= 1e-9 * top, 0.0, values)
        return values.sign() * float(values.abs().mean())
    step = 2 * top / (2**bits - 1)
    return ((values + top) / step).round() * step - top


@dataclass(frozen=True)
class Perturbation:
    """What is left of a memory as its weights are damaged.

    Attributes:
        kind: "dilution", "noise" or "bits".
        levels: (k,) how much of it.
        radius: (k,) median radius of the wells measured.
        share: (k,) share of random starts that end in a stored pattern or its negative.
        interval: (k, 2) 95 % interval of `share`.
        operations: (k,) synaptic operations per random start: couplings (not zero) read at each flip, plus
            all of them once for the first field.
        settings: n, p, wells, trials, starts, damage drawn from which seed.
        complete: False where Ctrl-C ended the measurement; the levels finished are there.
    """

    kind: str
    levels: Float[Tensor, " k"]
    radius: Float[Tensor, " k"]
    share: Float[Tensor, " k"]
    interval: Float[Tensor, "k 2"]
    operations: Float[Tensor, " k"]
    settings: dict[str, Any]
    complete: bool = True

    def rows(self) -> list[dict[str, float]]:
        """Return one dictionary per level."""
        columns = (self.levels, self.radius, self.share, *self.interval.T, self.operations)
        names = (self.kind, "radius", "share", "low", "high", "operations")
        return [dict(zip(names, row, strict=True)) for row in torch.stack(columns, 1).tolist()]

    def table(self) -> str:
        """Return one line of text per level."""
        lines = [f"{self.kind:<9} radius  share  interval        operations"]
        for row in self.rows():
            spread = f"{row['low']:.3f}-{row['high']:.3f}"
            lines.append(
                f"{row[self.kind]:<9.3g} {row['radius']:.3f}   {row['share']:.3f}  {spread:<14}  "
                f"{row['operations']:,.0f}"
            )
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        return {"kind": self.kind, "rows": self.rows(), "settings": self.settings, "complete": self.complete}

    def __repr__(self) -> str:
        s = self.settings
        return (
            f"Perturbation of {s['memory']} by {self.kind}: {s['patterns']} patterns on {s['units']} units, "
            f"{s['wells']} wells, {s['trials']} cues a step, {s['starts']} starts, seed "
            f"{s['seed']}\n{self.table()}"
        )


def perturbation(
    memory: Any,
    kind: str,
    levels: Sequence[float],
    *,
    wells: int = 10,
    trials: int = 20,
    starts: int = 500,
    success: str = "match",
    generator: Generator = None,
    progress: ProgressOption = None,
) -> Perturbation:
    """Return radius, share and work of a quadratic memory at each level of one kind of damage.

    The same starts, cues and damage are used at every level, so that levels can be compared.

    Args:
        memory: a quadratic memory with patterns.
        kind: "dilution", "noise" or "bits", as in `perturb`.
        levels: how much of it.
        wells: patterns whose radius is measured, at most.
        trials: damaged cues per well and step of the radius.
        starts: random starts of the share, which counts exact ends only.
        success: of the radius, as in `radius`; damage moves the minima by a few bits, so "match" is the
            default.
        generator: seed.
        progress: a bar, a callable, or None.

    Raises:
        CapabilityError, InputError: as `perturb`; also for another kind or no level.

    Costs a radius and a volume measurement per level.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(5, 100, generator=0)
    >>> found = ms.landscape.perturbation(ms.memories.Hebbian(X), "bits", [1, 8], starts=200, generator=0)
    >>> bool(found.radius[0] > 0.5)
    True
    """
    if kind not in KINDS:
        raise InputError(f"kind is {kind!r}; it must be one of {', '.join(map(repr, KINDS))}")
    if not len(levels):
        raise InputError("there is no level; give at least one")
    energy, seed = _quadratic(memory), draw_seed(generator)
    chosen = list(range(min(wells, len(energy.patterns))))
    found: list[tuple[float, ...]] = []
    with Progress(progress, len(levels), f"perturbing by {kind}") as bar:
        for level in levels:
            option = {kind: int(level) if kind == "bits" else float(level)}
            damaged = perturb(memory, **option, generator=derived(seed, 0))  # ty: ignore[invalid-argument-type]
            found.append((float(level), *_left(damaged, chosen, trials, starts, success, seed)))
            if not bar.update():
                break
    columns = torch.tensor(found, dtype=torch.float64).T
    settings = {"memory": type(memory).__name__, "units": energy.units, "patterns": len(energy.patterns)}
    settings |= {"wells": len(chosen), "trials": trials, "starts": starts, "success": success, "seed": seed}
    complete = len(found) == len(levels)
    ends = torch.stack([columns[3], columns[4]], 1)
    return Perturbation(kind, columns[0], columns[1], columns[2], ends, columns[5], settings, complete)


def _left(
    memory: Any, chosen: list[int], trials: int, starts: int, success: str, seed: int
) -> tuple[float, ...]:
    """Return the median radius, the share and its interval, and the operations per start."""
    g = derived(seed, 1)
    wide = radius(memory, patterns=chosen, trials=trials, success=success, generator=g, progress=False)
    seen = basins(memory, starts=starts, generator=derived(seed, 2), progress=False)
    low, high = seen.share_interval.tolist()
    n = len(memory.couplings)
    cues = memory.space.sample(min(starts, 200), n, generator=derived(seed, 3))
    flips = float(memory.recall(cues, generator=derived(seed, 4), progress=False).flips.double().mean())
    synapses = float((memory.couplings != 0).sum())
    return float(wide.radius.median()), seen.share, low, high, synapses * (1 + flips / n)
