"""Configurational entropy: how many minima there are at each energy."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memscape.core.errors import InputError
from memscape.landscape.entropy import EntropyCurve
from memscape.plot.style import line_style, new_figure, styled


@styled
def entropy_curve(curve: EntropyCurve | Mapping[str, EntropyCurve], *, width: float = 5.4) -> Figure:
    """Return a figure of the configurational entropy s = ln(minima) / n against the energy per unit.

    Filled marks are counts or estimates, hollow ones with an arrow upwards lower bounds. The thin line below
    is what was met: the difference is what was added for minima of narrow basins.

    Args:
        curve: from `landscape.configurational_entropy`, or a mapping from names of memories to curves.
        width: in inches.

    Raises:
        InputError: if there is nothing to draw.

    >>> import memscape as ms
    >>> memory = ms.memories.Projection(ms.patterns.independent(4, 14, generator=0))
    >>> curve = ms.landscape.configurational_entropy(ms.landscape.exhaust(memory), bins=5)
    >>> entropy_curve(curve).axes[0].get_xlabel()
    'energy per unit, E/n'
    """
    curves = curve if isinstance(curve, Mapping) else {"": curve}
    if not curves:
        raise InputError("there is no curve to draw; give at least one of landscape.configurational_entropy")
    figure = new_figure(width, 3.0)
    axes = figure.subplots()
    for index, (name, one) in enumerate(curves.items()):
        _draw(axes, one, name, line_style(index + (0 if name else 1)))
    axes.set_xlabel("energy per unit, E/n")
    axes.set_ylabel("entropy of minima, s = ln(count) / n")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    if list(curves) != [""]:
        figure.legend(loc="outside upper center", ncols=3)
    return figure


def _draw(axes: Axes, one: EntropyCurve, name: str, style: dict[str, Any]) -> None:
    filled = (one.observed > 0).numpy()
    middle = ((one.edges[:-1] + one.edges[1:]) / 2).numpy()[filled]
    value, bound = one.entropy.numpy()[filled], one.bound.numpy()[filled]
    met = np.log(one.observed.numpy()[filled]) / one.settings["units"]
    colour, mark = style["color"], style["marker"]
    axes.plot(middle, value, label=name or None, color=colour, linestyle=style["linestyle"])
    axes.plot(middle, met, color=colour, linewidth=0.7, alpha=0.6)
    axes.plot(middle[~bound], value[~bound], color=colour, marker=mark, linestyle="")
    axes.plot(middle[bound], value[bound], color=colour, marker=mark, markerfacecolor="white", linestyle="")
    for x, y in zip(middle[bound], value[bound], strict=True):
        axes.annotate(
            "",
            (x, y),
            (0, 13),
            textcoords="offset points",
            arrowprops={"arrowstyle": "<-", "color": colour, "shrinkB": 4},
        )
