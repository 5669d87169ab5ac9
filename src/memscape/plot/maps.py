"""A landscape as a map of the plane: wells where their distances put them, recalls as paths on it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.interpolate import RBFInterpolator
from scipy.spatial import KDTree
from sklearn.manifold import smacof
from torch import Tensor

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.random import Generator, derived, draw_seed
from memscape.core.recall import Kind, Recall
from memscape.landscape.result import Landscape
from memscape.plot.kinds import KINDS, kind_line
from memscape.plot.style import INK, MAP, bare, new_figure, styled

RADII = (0.05, 0.1, 0.2, 0.3)
"""Shares of the units that are turned around each well, to see how it rises."""

_STEPS = 40  # states of a path that are placed
_GRID = 140
_FAR = 0.09  # of the map's size; farther from all states the ground is not known


@dataclass(frozen=True)
class _Charted:
    """States on the plane; the first are the wells, then what lies around them, then the paths one by one."""

    place: Float64[np.ndarray, "s 2"]
    energy: Float64[np.ndarray, " s"]
    paths: list[slice]
    stress: float


@styled
def landscape_map(
    landscape: Landscape,
    recall: Recall | None = None,
    *,
    wells: int = 16,
    around: int = 4,
    size: float = 5.6,
    generator: Generator = 0,
) -> Figure:
    """Return a map of a landscape: wells as hollows in contours of the energy, recalls as paths into them.

    States are placed so that distances on paper follow the share of units in which they differ, or the
    distance of real states (metric scaling; the title says which share of the squared distances is lost:
    landscapes of many units do not fit into a plane). The energy is known at wells, at states around them
    and on the paths, interpolated between, and left white far from all of them. Of two real units the plane
    is the landscape itself.

    Args:
        landscape: what `survey` or `exhaust` returned, not loaded from a file (it carries its energy).
        recall: made with `trace=True`, of the same memory; its paths are drawn.
        wells: the deepest ones that are drawn, and those of stored patterns before others.
        around: states placed around each well at each of the radii 5, 10, 20 and 30 %.
        size: width in inches.
        generator: seed of the states around.

    Raises:
        InputError: for a landscape without wells or without its energy, or a recall without a trace.

    Cost: s^2 a step of the scaling for s states, up to 300 steps (seconds for 500 states).

    >>> import memscape as ms
    >>> memory = ms.memories.Projection(ms.patterns.independent(2, 16, generator=0))
    >>> figure = landscape_map(ms.landscape.exhaust(memory), wells=4, around=2)
    >>> figure.axes[0].get_title(loc="left")[:7]
    '4 wells'
    """
    require_count(wells, "wells")
    require_count(around, "around", low=0)
    if not len(landscape):
        raise InputError("the landscape has no wells to draw; measure it with memscape.landscape.survey")
    if landscape.source is None:
        raise InputError("a landscape from a file does not hold its energy; draw it where it was measured")
    if recall is not None and recall.trace is None:
        raise InputError("the recall has no trace; make it with memory.recall(cue, trace=True)")
    shown = _shown(landscape, wells)
    charted = _chart(landscape, shown, recall, around, draw_seed(generator))
    figure = new_figure(size, 0.86 * size)
    axes = figure.subplots()
    _draw_ground(figure, axes, charted, landscape)
    for path in charted.paths:
        _draw_path(axes, charted.place[path])
    _draw_wells(figure, axes, landscape, shown, charted, bool(charted.paths))
    lost = f"; {100 * charted.stress:.0f} % of the squared distances are lost" if charted.stress else ""
    axes.set_title(f"{len(shown)} wells{lost}")
    bare(axes)
    return figure


def _shown(land: Landscape, most: int) -> Tensor:
    """Return the wells that are drawn: stored ones first, then the deepest."""
    rank = torch.where(land.kind == Kind.STORED, 0, 1)
    order = np.lexsort((np.arange(len(land)), rank.numpy()))[:most]
    return torch.from_numpy(np.sort(order))


def _chart(land: Landscape, shown: Tensor, recall: Recall | None, around: int, seed: int) -> _Charted:
    held = land.minima[shown].double()
    groups = [held, *_around(held, around, seed, land.minima.is_floating_point())]
    paths, begin = [], sum(len(group) for group in groups)
    for states in _paths(recall):
        groups.append(states.double())
        paths.append(slice(begin, begin + len(states)))
        begin += len(states)
    states = torch.cat(groups)
    energy = _energies(land.source, states) / land.units
    if states.shape[1] == 2:
        return _Charted(states.numpy(), energy, paths, 0.0)
    place, stress = _placed(_apart(states, land.minima.is_floating_point()))
    return _Charted(place, energy, paths, stress)


def _around(wells: Tensor, count: int, seed: int, real: bool) -> list[Tensor]:
    """Return states around the wells: units turned, or, in real spaces, noise of as many times the spread."""
    groups = []
    for index, radius in enumerate(RADII if count else ()):
        generator = derived(seed, index)
        many = wells.repeat(count, 1)
        if real:
            spread = 2 * float(wells.square().mean().sqrt())
            groups.append(many + radius * spread * torch.randn(many.shape, generator=generator).double())
            continue
        turned = torch.rand(many.shape, generator=generator).argsort(1) < max(
            1, round(radius * many.shape[1])
        )
        groups.append(torch.where(turned, -many, many))
    return groups


def _paths(recall: Recall | None) -> list[Tensor]:
    if recall is None or recall.trace is None:
        return []
    states = recall.trace.states
    rows = states.reshape(-1, *states.shape[-2:])
    last = recall.steps.reshape(-1).clamp(1, rows.shape[1] - 1).tolist()
    chosen = [torch.linspace(0, end, min(end + 1, _STEPS)).round().long().unique() for end in last]
    return [row[steps] for row, steps in zip(rows, chosen, strict=True)]


def _energies(energy: Any, states: Tensor) -> Float64[np.ndarray, " s"]:
    like = getattr(energy, "patterns", None)
    like = energy.weights if like is None else like
    dtype = like.dtype if like.dtype.is_floating_point else torch.float32
    return energy.energy(states.to(like.device, dtype)).double().cpu().numpy()


def _apart(states: Tensor, real: bool) -> Float64[np.ndarray, "s s"]:
    """Return distances: root mean square ones of real states, else the share of the units that differ."""
    mean = torch.cdist(states, states).square() / states.shape[1]
    apart = (mean.sqrt() if real else mean / 4).numpy()
    np.fill_diagonal(apart, 0.0)
    return (apart + apart.T) / 2


def _placed(apart: Float64[np.ndarray, "s s"]) -> tuple[Float64[np.ndarray, "s 2"], float]:
    """Return a place for each state and the share of the squared distances that is lost."""
    start = _classical(apart)
    place, _ = smacof(
        apart, n_components=2, init=start, n_init=1, max_iter=300, eps=1e-5, normalized_stress=False
    )
    kept = np.sqrt(((place[:, None] - place[None]) ** 2).sum(-1))
    return place, float(((apart - kept) ** 2).sum() / max((apart**2).sum(), 1e-300))


def _classical(apart: Float64[np.ndarray, "s s"]) -> Float64[np.ndarray, "s 2"]:
    """Return the places of classical scaling (Torgerson 1952), the start of the metric one."""
    square = apart**2
    inner = -0.5 * (square - square.mean(0) - square.mean(1)[:, None] + square.mean())
    values, vectors = np.linalg.eigh(inner)
    return vectors[:, -2:] * np.sqrt(np.maximum(values[-2:], 1e-12))


def _draw_ground(figure: Figure, axes: Axes, charted: _Charted, land: Landscape) -> None:
    place, energy = charted.place, charted.energy
    low, high = place.min(0), place.max(0)
    edge = 0.06 * (high - low).max()
    x = np.linspace(low[0] - edge, high[0] + edge, _GRID)
    y = np.linspace(low[1] - edge, high[1] + edge, _GRID)
    where = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    if land.units == 2:
        height = _energies(land.source, torch.from_numpy(where)) / land.units
    else:
        ground = RBFInterpolator(
            place, energy, kernel="linear", smoothing=1e-3, neighbors=min(60, len(place))
        )
        height = ground(where)
        far, _ = KDTree(place).query(where)
        height[far > _FAR * (high - low).max()] = np.nan
    height = np.clip(height, energy.min(), energy.max()).reshape(_GRID, _GRID)
    levels = np.linspace(energy.min(), energy.max() + 1e-12, 15)
    filled = axes.contourf(x, y, height, levels=levels, cmap=MAP, alpha=0.9)
    axes.contour(x, y, height, levels=levels, colors="white", linewidths=0.4, alpha=0.6)
    figure.colorbar(filled, ax=axes, label="energy per unit, E/n", fraction=0.045)
    axes.set_aspect("equal")


def _draw_path(axes: Axes, place: Float64[np.ndarray, "t 2"]) -> None:
    axes.plot(place[:, 0], place[:, 1], color="white", linewidth=2.6, zorder=3)
    axes.plot(place[:, 0], place[:, 1], color=INK, linewidth=1.1, zorder=4)
    axes.plot(*place[0], marker="s", color="white", markeredgecolor=INK, markersize=5, zorder=5)
    if len(place) > 1:
        half = len(place) // 2
        axes.annotate(
            "",
            place[half],
            place[half - 1],
            arrowprops={"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0},
            zorder=5,
        )


def _draw_wells(
    figure: Figure, axes: Axes, land: Landscape, shown: Tensor, charted: _Charted, paths: bool
) -> None:
    kinds = [Kind(int(land.kind[i])) for i in shown]
    for well, (kind, (x, y)) in enumerate(zip(kinds, charted.place, strict=False)):
        look = KINDS[kind]
        mark: dict[str, Any] = {
            "marker": look["marker"],
            "fillstyle": look["fillstyle"],
            "linestyle": "",
            "zorder": 6,
        }
        axes.plot(x, y, color="white", markersize=9, markeredgewidth=2.6, **mark)
        axes.plot(
            x, y, color=look["color"], markersize=7, markeredgewidth=1.4, markerfacecoloralt="white", **mark
        )
        match = int(land.match[shown[well]])
        if match >= 0 and kind == Kind.STORED:
            box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8}
            axes.annotate(
                str(match), (x, y), (5, 5), textcoords="offset points", fontsize=7.5, bbox=box, zorder=7
            )
    present = [kind for kind in Kind if kind in kinds]
    lines = [kind_line(kind, linestyle="") for kind in present]
    names = [kind.name.lower() for kind in present]
    if paths:
        lines.append(Line2D([], [], color=INK, marker="s", markerfacecolor="white", linewidth=1.1))
        names.append("recall, from its cue")
    figure.legend(lines, names, loc="outside upper center", ncols=len(names))
