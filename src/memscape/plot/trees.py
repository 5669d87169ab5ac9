"""The disconnectivity tree: wells hang as deep as they are, branches meet where the wells do."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.recall import Kind
from memscape.landscape.result import Landscape
from memscape.landscape.tree import Tree
from memscape.plot.kinds import KINDS, kind_line
from memscape.plot.style import FAINT, INK, new_figure, styled

_NAMED = 40  # wells up to which each carries the number of its pattern


@dataclass(frozen=True)
class _Placed:
    """A tree on paper: where each node stands, and what it hangs from."""

    x: list[float]
    y: list[float]
    roots: list[int]


@styled
def tree(
    landscape: Landscape | Tree,
    *,
    lowest: int = 64,
    also: object = (),
    width: float = 7.0,
    height: float = 3.8,
) -> Figure:
    """Return a figure of the disconnectivity tree: each well is a branch that ends at its energy.

    Follow a branch up to where it meets another: that is the lowest known pass between the two, and what
    must be climbed. Line and marker say what kind a well is; numbers are the stored patterns, with a minus
    for their negatives. Where passes are upper bounds, the axis says so.

    Args:
        landscape: what `survey` or `exhaust` returned; or a bare tree, whose wells have no kind.
        lowest: only this many of the deepest wells are drawn ...
        also: ... and the ones of these indices.
        width, height: in inches.

    Raises:
        InputError: for a landscape without wells.

    Cost: O(k) lines for k wells.

    >>> import memscape as ms
    >>> land = ms.landscape.exhaust(ms.memories.Projection(ms.patterns.independent(2, 10, generator=0)))
    >>> figure = tree(land)
    >>> figure.axes[0].get_ylabel()
    'energy per unit, E/n'

    Becker and Karplus 1997.
    """
    require_count(lowest, "lowest")
    land = landscape if isinstance(landscape, Landscape) else None
    whole = landscape.tree() if isinstance(landscape, Landscape) else landscape
    if not len(whole.energy):
        raise InputError("the landscape has no wells to draw; measure it with memscape.landscape.survey")
    part, kept = whole.lowest(lowest, also)
    scale = land.units if land is not None else 1
    placed = _placed(part, scale)
    figure = new_figure(width, height)
    axes = figure.subplots()
    kinds = [Kind.STORED] * len(kept) if land is None else [Kind(int(land.kind[i])) for i in kept]
    _draw(axes, part, placed, kinds)
    if land is not None:
        _mark(axes, placed, kinds, [int(land.match[i]) for i in kept])
        _legend(figure, kinds)
    bounds = land is not None and not land.exact
    axes.set_ylabel("energy" if land is None else "energy per unit, E/n")
    more = (
        f", {len(whole.energy) - len(kept)} shallower ones left out" if len(kept) < len(whole.energy) else ""
    )
    axes.set_title(f"{len(kept)} wells{more}{'; passes are upper bounds' if bounds else ''}")
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.grid(axis="x", visible=False)
    axes.margins(x=0.03, y=0.09)
    return figure


def _placed(part: Tree, scale: int) -> _Placed:
    """Return where nodes stand.

    Wells side by side in the tree's order, merges half-way over what they join.
    """
    count = len(part.energy)
    x = [0.0] * (count + len(part.height))
    for place, well in enumerate(part.order().tolist()):
        x[well] = float(place)
    for merge, (first, second) in enumerate(part.children.tolist()):
        x[count + merge] = (x[first] + x[second]) / 2
    y = [value / scale for value in (*part.energy.tolist(), *part.height.tolist())]
    return _Placed(x, y, part.roots)


def _draw(axes: Axes, part: Tree, placed: _Placed, kinds: list[Kind]) -> None:
    x, y, count = placed.x, placed.y, len(part.energy)
    for merge, pair in enumerate(part.children.tolist()):
        top = y[count + merge]
        axes.plot([x[child] for child in pair], [top, top], color=INK, linewidth=1.0)
        for child in pair:
            _branch(axes, x[child], y[child], top, kinds[child] if child < count else None)
    rise = 0.04 * ((max(y) - min(y)) or 1.0)
    for root in placed.roots:
        _branch(axes, x[root], y[root], y[root] + rise, kinds[root] if root < count else None)


def _branch(axes: Axes, x: float, low: float, top: float, kind: Kind | None) -> None:
    look = {"color": INK, "linestyle": "-"} if kind is None else KINDS[kind]
    wide = 1.0 if kind is None else 1.4
    axes.plot([x, x], [low, top], color=look["color"], linestyle=look["linestyle"], linewidth=wide)


def _mark(axes: Axes, placed: _Placed, kinds: list[Kind], match: list[int]) -> None:
    for well, kind in enumerate(kinds):
        look = KINDS[kind]
        axes.plot(
            placed.x[well],
            placed.y[well],
            color=look["color"],
            marker=look["marker"],
            fillstyle=look["fillstyle"],
            markerfacecoloralt="white",
            linestyle="",
        )
        if match[well] >= 0 and len(kinds) <= _NAMED:
            name = f"{'−' if kind == Kind.INVERTED else ''}{match[well]}"
            offset = (0, -6)
            axes.annotate(
                name,
                (placed.x[well], placed.y[well]),
                offset,
                textcoords="offset points",
                ha="center",
                va="top",
                fontsize=7,
                color=FAINT if kind == Kind.INVERTED else INK,
            )


def _legend(figure: Figure, kinds: list[Kind]) -> None:
    present = [kind for kind in Kind if kind in kinds]
    lines = [kind_line(kind) for kind in present]
    names = [f"{kind.name.lower()} ({kinds.count(kind)})" for kind in present]
    figure.legend(lines, names, loc="outside upper center", ncols=len(present))
