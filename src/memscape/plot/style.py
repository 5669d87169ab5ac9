"""The house style: colours that the colour-blind tell apart, lines that stay apart in grey, little ink."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, FAINT, UNKNOWN = "#222222", "#8a8a8a", "#9ecae1"
"""Text and axes; reference lines; pixels that a cue does not know."""

LINES = (
    {"color": "#d55e00", "marker": "o", "linestyle": "--"},
    {"color": "#0072b2", "marker": "s", "linestyle": "-"},
    {"color": "#009e73", "marker": "^", "linestyle": "-."},
    {"color": "#222222", "marker": "D", "linestyle": "-"},
    {"color": "#cc79a7", "marker": "v", "linestyle": ":"},
    {"color": "#b58900", "marker": "P", "linestyle": (0, (5, 1, 1, 1, 1, 1))},
)
"""One per series, in their order: hue, marker and dash all differ (colours after Okabe and Ito 2008)."""

MAP = "cividis"
"""For matrices: lightness rises with the value, and red-green blindness does not change it."""

SETTINGS: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # paths and ids that do not change from run to run: the same numbers give the same file
    "svg.hashsalt": "memscape",
}

P = ParamSpec("P")
R = TypeVar("R")


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Decorate a function that draws: it runs in the house style, matplotlib's settings stay as they were."""

    @wraps(draw)
    def inside(*args: P.args, **options: P.kwargs) -> R:
        with matplotlib.rc_context(SETTINGS):
            return draw(*args, **options)

    return inside


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of this size in inches, drawn without a screen and unknown to pyplot."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def line_style(index: int) -> dict:
    """Return colour, marker and dash of the series number `index`; after the last one they start again.

    >>> line_style(0)["marker"], line_style(len(LINES))["marker"]
    ('o', 'o')
    """
    return dict(LINES[index % len(LINES)])


def bare(axes: Axes) -> None:
    """Take ticks, grid and frame from axes that hold a picture."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
