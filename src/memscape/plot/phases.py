"""The phase diagram of Hebb's rule: what a memory does at each load and temperature."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure

from memscape.core.errors import InputError
from memscape.plot.style import INK, LINES, new_figure, styled
from memscape.theory.phases import PhaseDiagram
from memscape.theory.phases import phase_diagram as computed

_HATCHES = {"retrieval": ("#cfe3f2", ""), "metastable": ("#e9f1f7", "////"), "glass": ("#f4f4f4", "....")}


@styled
def phase_diagram(
    diagram: PhaseDiagram | None = None,
    *,
    points: Mapping[str, tuple[float, float]] | None = None,
    width: float = 5.4,
) -> Figure:
    """Return a figure of the phases of Hebb's rule over load and temperature, with points of your own on it.

    Below T_c the patterns are the deepest states; between T_c and T_M a cue near a pattern is recalled,
    but spurious minima lie deeper; below T_g nothing but spurious minima; above it noise wins.

    Args:
        diagram: from `theory.phases.phase_diagram`; None computes 40 loads up to .145 (2 s).
        points: names and their (load, temperature), such as the memories that are measured.
        width: in inches.

    Raises:
        InputError: for a diagram of fewer than two loads.

    >>> import memscape as ms
    >>> figure = phase_diagram(
    ...     ms.theory.phases.phase_diagram([0.01, 0.05, 0.1]), points={"mine": (0.05, 0.2)}
    ... )
    >>> figure.axes[0].get_xlabel()
    'load, p/n'

    Amit, Gutfreund and Sompolinsky 1985, figure 1.
    """
    diagram = computed(_loads()) if diagram is None else diagram
    if len(diagram.load) < 2:
        raise InputError("the diagram has one load; a line needs at least two")
    load, glass, melting, deep = _closed(diagram)
    figure = new_figure(width, 0.72 * width)
    axes = figure.subplots()
    for low, high, name in (
        (0 * load, deep, "retrieval"),
        (deep, melting, "metastable"),
        (melting, glass, "glass"),
    ):
        colour, hatch = _HATCHES[name]
        axes.fill_between(load, low, high, facecolor=colour, hatch=hatch, edgecolor="#c4ccd2", linewidth=0)
    for index, (values, name) in enumerate(((deep, "$T_c$"), (melting, "$T_M$"), (glass, "$T_g$"))):
        look = LINES[(1, 0, 3)[index]]
        shown = np.where(np.append(values[:1] > 0, values[:-1] > 0), values, np.nan)  # down to the axis only
        axes.plot(load, shown, color=look["color"], linestyle=look["linestyle"], label=name)
    _name_regions(axes, load, melting, glass)
    for name, (x, y) in (points or {}).items():
        axes.plot(x, y, marker="D", color=INK, linestyle="", markersize=5, zorder=4)
        axes.annotate(name, (x, y), (6, 4), textcoords="offset points", fontsize=8, fontweight="bold")
    axes.set_xlim(0, float(load[-1]))
    axes.set_ylim(0, 1.12 * float(glass[-1]))
    axes.set_xlabel("load, p/n")
    axes.set_ylabel("temperature, T")
    axes.grid(visible=False)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _closed(diagram: PhaseDiagram) -> np.ndarray:
    """Return the loads and the three lines (4, k), a line that ends falling straight to the axis there."""
    order = diagram.load.argsort()
    lines = [diagram.load, diagram.spin_glass, diagram.retrieval, diagram.transition]
    table = np.stack([line[order].numpy() for line in lines])
    for row in (2, 3):
        last = int((table[row] > 0).sum())
        if 0 < last < table.shape[1]:
            end = table[:, last - 1].copy()
            end[row] = 0.0
            table = np.insert(table, last, end, axis=1)
    return table


def _name_regions(axes, load: np.ndarray, melting: np.ndarray, glass: np.ndarray) -> None:
    top, end = float(glass[-1]), float(load[-1])
    box = {"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.85}
    near = int(np.abs(load - 0.02).argmin())
    axes.text(
        0.016 * end / 0.145, 0.28 * melting[near], "recall: patterns\nare deepest", fontsize=8, bbox=box
    )
    axes.text(0.40 * end, 0.16, "recall: spurious\nlie deeper", fontsize=8, bbox=box)
    axes.text(0.56 * end, 0.60 * top, "spin glass: no recall", fontsize=8, bbox=box)
    axes.text(0.30 * end, 1.04 * top, "paramagnetic: noise wins", fontsize=8, bbox=box)


def _loads() -> np.ndarray:
    """Dense where the lines are steep: near 0, and where patterns cease to be deepest and to be recalled."""
    near, middle = 0.02 * np.linspace(0, 1, 10) ** 2, np.linspace(0.02, 0.145, 24)
    return np.unique(np.concatenate([near, middle, [0.0505, 0.0515, 0.0519, 0.0525, 0.1365, 0.1377, 0.1381]]))
