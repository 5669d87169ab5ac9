"""Wells: how the random starts are shared out, and how much damage each well stands."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memscape.core.errors import InputError
from memscape.core.recall import Kind
from memscape.landscape.radii import Radius
from memscape.landscape.result import Landscape
from memscape.landscape.volumes import Basins
from memscape.plot.kinds import KINDS
from memscape.plot.style import FAINT, INK, line_style, new_figure, styled

_HATCHES = {Kind.STORED: "", Kind.INVERTED: "", Kind.MIXTURE: "////", Kind.SPURIOUS: "...."}


@styled
def basin_bars(
    basins: Basins | Landscape | Mapping[str, Basins | Landscape], *, most: int = 10, columns: int = 2
) -> Figure:
    """Return a figure of the share of random starts that end in each of the widest wells, with intervals.

    Of `Basins`, dark bars are starts that end in a stored pattern, light ones in its negative. Of a
    `Landscape` every minimum has a bar of its own, hatched by its kind. The title of a panel says which share
    of all starts found a stored pattern or a negative.

    Args:
        basins: one measurement, or a mapping from names of memories to measurements: a panel each.
        most: wells that get a bar of their own.
        columns: panels beside each other.

    Raises:
        InputError: if there is nothing to draw.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(3, 100, generator=0)
    >>> figure = basin_bars(ms.landscape.basins(ms.memories.Projection(X), starts=50, generator=0))
    >>> sorted(text.get_text() for text in figure.axes[0].get_yticklabels())
    ['pattern 0', 'pattern 1', 'pattern 2']
    """
    measured = basins if isinstance(basins, Mapping) else {"": basins}
    if not measured:
        raise InputError("there are no basins to draw; give at least one measurement of landscape.basins")
    columns = min(columns, len(measured))
    rows = math.ceil(len(measured) / columns)
    bars = min(most, max(_wells(one) for one in measured.values()))
    figure = new_figure(max(3.6, 3.9 * columns), rows * (0.75 + 0.17 * bars))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for index, (axes, (name, one)) in enumerate(zip(grid, measured.items(), strict=False)):
        if isinstance(one, Landscape):
            _draw_minima(axes, one, most)
        else:
            _draw_bars(axes, one, most, line_style(index)["color"] if name else line_style(1)["color"])
        axes.set_title(f"{name}: {100 * one.share:.0f} % found a stored one".removeprefix(": "))
    for axes in grid[len(measured) :]:
        axes.set_visible(False)
    figure.supxlabel("share of random starts (%)", fontsize=9)
    return figure


def _wells(one: Basins | Landscape) -> int:
    return len(one) if isinstance(one, Landscape) else len(one.fraction)


def _draw_minima(axes: Axes, land: Landscape, most: int) -> None:
    """One bar for each of the widest minima; deepest first where they are equally wide."""
    if bool(land.basin.isnan().any()):
        raise InputError("the basins of this landscape were not measured; use landscape.survey or exhaust")
    width = 100 * land.basin.numpy()
    order = np.argsort(-width, kind="stable")[:most]
    places, ends = np.arange(len(order)), 100 * land.basin_interval[order].numpy()
    labels = []
    for place, well in zip(places, order.tolist(), strict=True):
        kind, match = Kind(int(land.kind[well])), int(land.match[well])
        colour = KINDS[kind]["color"]
        face = "white" if _HATCHES[kind] else colour
        axes.barh(place, width[well], color=face, edgecolor=colour, hatch=_HATCHES[kind], height=0.72)
        sign = "\N{MINUS SIGN}" if kind == Kind.INVERTED else ""
        labels.append(f"{sign}pattern {match}" if match >= 0 else kind.name.lower())
    error = np.abs([width[order] - ends[:, 0], ends[:, 1] - width[order]])
    if error.any():
        axes.errorbar(width[order], places, xerr=error, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    axes.set_yticks(places, labels)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlim(left=0)


def _draw_bars(axes: Axes, basins: Basins, most: int, colour: str) -> None:
    plus, minus = 100 * basins.fraction.cpu().numpy(), 100 * basins.inverted.cpu().numpy()
    order = np.argsort(-(plus + minus), kind="stable")[:most]
    stored, inverted, places = plus[order], minus[order], np.arange(len(order))
    axes.barh(places, stored, color=colour, height=0.72)
    axes.barh(places, inverted, left=stored, color=colour, alpha=0.35, height=0.72)
    if (stored + inverted).any():
        low, high = 100 * basins.interval[order].cpu().numpy().T
        error = np.abs([stored - low, high - stored])
        axes.errorbar(stored, places, xerr=error, fmt="none", ecolor=INK, elinewidth=1, capsize=2)
    else:
        axes.text(0.5, 0.5, "none", transform=axes.transAxes, ha="center", color=FAINT)
        axes.set_xlim(0, 1)
    axes.set_yticks(places, [f"pattern {i}" for i in order])
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlim(left=0)


@styled
def well_radii(radii: Radius | Mapping[str, Radius], *, width: float = 6.0) -> Figure:
    """Return a figure of the damage that each measured well stands, widest first, a line per memory.

    The damage is the share of flipped units at which half of the recalls still succeed, R / 2; bands are
    intervals.

    Args:
        radii: one measurement, or a mapping from names of memories to measurements.
        width: in inches.

    Raises:
        InputError: if there is nothing to draw.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(3, 100, generator=0)
    >>> figure = well_radii(ms.landscape.radius(ms.memories.Projection(X), generator=0))
    >>> figure.axes[0].get_xlabel()
    'well, widest first'
    """
    measured = radii if isinstance(radii, Mapping) else {"": radii}
    if not measured:
        raise InputError("there are no radii to draw; give at least one measurement of landscape.radius")
    figure = new_figure(width, 2.9)
    axes = figure.subplots()
    for index, (name, one) in enumerate(measured.items()):
        order = one.radius.argsort(descending=True, stable=True)
        places = np.arange(1, len(order) + 1)
        damage, ends = 50 * one.radius[order].cpu().numpy(), 50 * one.interval[order].cpu().numpy()
        style = line_style(index)
        axes.fill_between(places, ends[:, 0], ends[:, 1], color=style["color"], alpha=0.13, linewidth=0)
        axes.plot(places, damage, label=name, markevery=max(1, len(places) // 12), **style)
    axes.set_xlabel("well, widest first")
    axes.set_ylabel("damage it stands (% of units)")
    axes.set_ylim(bottom=-1)
    if list(measured) != [""]:
        figure.legend(loc="outside upper center", ncols=2 if width < 5 else 4)
    return figure
