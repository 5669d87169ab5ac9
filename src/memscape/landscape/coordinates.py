"""Reaction coordinates: where a state stands between the patterns, and ways on which a field drives it."""

import math
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Bool, Float64
from torch import Tensor

from memscape.core.arrays import as_tensor, require_width
from memscape.core.errors import InputError
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, draw_seed
from memscape.landscape.result import plain_values
from memscape.landscape.volumes import require_wells
from memscape.mechanisms.descent import Asynchronous
from memscape.mechanisms.dynamics import Dynamics

_ROUNDING = 1e-10  # eigenvalues of C below this share of the largest one are those of dependent patterns


def projections(memory: Any, states: object) -> Float64[Tensor, "b p"]:
    r"""Return the projections $a = C^{-1} m$ of states: how much of each pattern a state is made of.

    $m_\mu = \xi^\mu \cdot s / n$ are the overlaps and $C_{\mu\nu} = \xi^\mu \cdot \xi^\nu / n$. Overlaps of
    correlated patterns rise together; projections do not: that of pattern mu on itself is 1, on the others 0.
    Of linearly dependent patterns the shortest $a$ is taken.

    Args:
        memory: anything with patterns.
        states: (b, n), or (n,) for one.

    Raises:
        CapabilityError: for a memory without an energy or without patterns.
        InputError: for states of another width.

    Cost: O(p^3 + p^2 n + b p n).

    >>> import memscape as ms
    >>> X = ms.patterns.independent(3, 50, generator=0)
    >>> projections(ms.memories.Projection(X), X).round(decimals=6).abs()
    tensor([[1., 0., 0.],
            [0., 1., 0.],
            [0., 0., 1.]], dtype=torch.float64)

    Kanter and Sompolinsky 1987 (the order parameters of the projection rule).
    """
    X = require_wells(memory).patterns.detach().double().cpu()
    s = as_tensor(states, "states").double().cpu()
    require_width(s, X.shape[1], "states")
    gram = torch.linalg.pinv(X @ X.T, rtol=_ROUNDING, hermitian=True)
    return s.reshape(-1, X.shape[1]) @ X.T @ gram


def variance_share(values: object, direction: object = None) -> float:
    """Return the share of the variance of points that lies on one coordinate; NaN where nothing varies.

    Args:
        values: (t, p) points, such as the projections of the states of a path.
        direction: (p,) of the coordinate; None is the direction of largest variance.

    Raises:
        InputError: for fewer than two points, or a direction of another width or of length 0.

    Cost: O(t p^2).

    >>> path = torch.tensor([[0.0, 0.0], [1.0, 0.1], [2.0, 0.0]])
    >>> round(variance_share(path, [1.0, 0.0]), 3)
    0.997
    """
    points = as_tensor(values, "values").double()
    if points.ndim != 2 or len(points) < 2:
        raise InputError(f"values have shape {tuple(points.shape)}; give at least two points, (t, p)")
    spread = points - points.mean(0)
    total = float(spread.square().sum())
    if total == 0.0:
        return math.nan
    if direction is None:
        return float(torch.linalg.svdvals(spread)[0].square()) / total
    axis = as_tensor(direction, "direction").double().reshape(-1)
    require_width(axis, points.shape[1], "direction")
    if not float(axis.norm()) > 0:
        raise InputError("the direction has length 0; give a coordinate along which something changes")
    return float((spread @ (axis / axis.norm())).square().sum()) / total


@dataclass(frozen=True)
class Drive:
    """What a field of growing strength does to a memory that stands in one pattern.

    Attributes:
        start, end: the pattern where it stands, and the one to which the field points.
        strength: (k,) of the field, ascending, in its units.
        overlap_start, overlap_end: (k,) signed overlaps of where it ends up, under the field, with the two.
        arrived: (k,) it ended in the end pattern, by `Recall.match`.
        critical: the least of these strengths from which on it always arrives; infinite where it never does.
        path: (t, p) projections of the states on the way, at the critical strength (at the largest one
            where it never arrives).
        share: of the variance of the path along the coordinate from start to end.
        principal: of the variance along the direction of largest variance, at least `share`.
        settings: dynamics and seed.
        complete: False where Ctrl-C ended it.
    """

    start: int
    end: int
    strength: Float64[Tensor, " k"]
    overlap_start: Float64[Tensor, " k"]
    overlap_end: Float64[Tensor, " k"]
    arrived: Bool[Tensor, " k"]
    critical: float
    path: Float64[Tensor, "t p"]
    share: float
    principal: float
    settings: dict[str, Any]
    complete: bool = True

    def table(self, most: int = 20) -> str:
        """Return what each strength does as lines of text."""
        lines = ["strength  overlap with start  with end  arrived"]
        for i in range(min(most, len(self.strength))):
            held, won = float(self.overlap_start[i]), float(self.overlap_end[i])
            arrived = "yes" if bool(self.arrived[i]) else "no"
            lines.append(f"{float(self.strength[i]):<9.4g} {held:<19.3f} {won:<9.3f} {arrived}")
        if len(self.strength) > most:
            lines.append(f"... {len(self.strength) - most} more")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON; what is not finite is None."""
        return {field.name: plain_values(getattr(self, field.name)) for field in fields(self)}

    def __repr__(self) -> str:
        came = (
            f"arrives from strength {self.critical:.4g} on"
            if math.isfinite(self.critical)
            else "never arrives"
        )
        head = f"Drive from pattern {self.start} to {self.end}: {came}, seed {self.settings['seed']}"
        way = (
            f"{len(self.path)} states on the way, {100 * self.share:.0f} % of their variance on the "
            f"coordinate between the two, {100 * self.principal:.0f} % on the best one"
        )
        return "\n".join([head, way, *([] if self.complete else ["ended by Ctrl-C"]), self.table(8)])


def drive(
    memory: Any,
    start: int = 0,
    end: int = 1,
    *,
    strengths: object = None,
    dynamics: Dynamics | None = None,
    max_steps: int = 1000,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> Drive:
    r"""Return how a field $\theta = g\,\xi^{\text{end}}$ drives a memory out of one pattern into another.

    The memory stands in `start` and recalls under the field, once for each strength g. The states on the way
    are read by their projections: `share` says how well the one coordinate from start to end tells them all.

    Args:
        memory: anything with an energy and patterns.
        start, end: indices of two patterns.
        strengths: g, each at least 0; None is 17 from 0 to twice the mean size of the fields at the start.
        dynamics: how it moves; None is the steepest descent of +-1 units, a state for each flip, and the
            default of real-valued memories.
        max_steps: steps at most.
        generator: seed of the dynamics.
        progress: a bar, a callable, or None. After Ctrl-C the strengths that are finished are returned.

    Raises:
        CapabilityError: for a memory without an energy or without patterns.
        InputError: for patterns that do not exist or are the same one, or a negative strength.

    Cost: one recall per strength.

    >>> import memscape as ms
    >>> memory = ms.memories.Projection(ms.patterns.independent(3, 60, generator=0))
    >>> way = drive(memory, 0, 1, generator=0)
    >>> bool(way.arrived[0]), bool(way.arrived[-1]), way.share > 0.8
    (False, True, True)
    """
    energy = require_wells(memory)
    X = energy.patterns.detach()
    for name, index in (("start", start), ("end", end)):
        if not 0 <= index < len(X):
            raise InputError(f"{name} is {index}; the memory has {len(X)} patterns, 0 to {len(X) - 1}")
    if start == end:
        raise InputError(f"start and end are both {start}; give two patterns")
    here, there = X[start], X[end]
    g = _strengths(memory, here, strengths)
    if dynamics is None and memory.space.discrete:
        dynamics = Asynchronous(order="steepest")
    seed = draw_seed(generator)
    rows, paths = [], []
    with Progress(progress, len(g), "driving") as bar:
        for strength in g.tolist():
            cue = here.to(torch.float32) if memory.space.discrete else here
            result = memory.recall(
                cue,
                dynamics=dynamics,
                field=strength * there.double(),
                max_steps=max_steps,
                generator=seed,
                trace=True,
            )
            final = result.state.reshape(1, -1)
            overlaps = [float(memory.space.overlap(final, one[None].to(final))) for one in (here, there)]
            rows.append((*overlaps, int(result.match) == end))
            paths.append(projections(memory, result.trace.states.reshape(-1, X.shape[1])))
            if not bar.update():
                break
    held, won, arrived = (torch.tensor(column) for column in zip(*rows, strict=True))
    failed = (~arrived).nonzero()[:, 0]
    first = int(failed[-1]) + 1 if len(failed) else 0
    path = paths[min(first, len(paths) - 1)]
    axis = torch.zeros(len(X), dtype=torch.float64)
    axis[end], axis[start] = 1.0, -1.0
    return Drive(
        start=start,
        end=end,
        strength=g[: len(rows)],
        overlap_start=held.double(),
        overlap_end=won.double(),
        arrived=arrived,
        critical=float(g[first]) if first < len(rows) else math.inf,
        path=path,
        share=variance_share(path, axis) if len(path) > 1 else math.nan,
        principal=variance_share(path) if len(path) > 1 else math.nan,
        settings={"seed": seed, "dynamics": repr(dynamics), "max_steps": max_steps},
        complete=len(rows) == len(g),
    )


def _strengths(memory: Any, here: Tensor, given: object) -> Float64[Tensor, " k"]:
    if given is None:
        size = float(memory.field(here[None].float()).double().abs().mean()) if memory.space.discrete else 1.0
        return torch.linspace(0.0, 2.0 * max(size, 1e-12), 17, dtype=torch.float64)
    g = as_tensor(given, "strengths").double().reshape(-1)
    if bool((g < 0).any()):
        raise InputError(f"a strength is {float(g.min())}; each must be at least 0")
    return g.sort().values
