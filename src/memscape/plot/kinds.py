"""How kinds of wells look in every figure."""

from typing import Any

from matplotlib.lines import Line2D

from memscape.core.recall import Kind

KINDS: dict[Kind, dict[str, Any]] = {
    Kind.STORED: {"color": "#0072b2", "marker": "o", "linestyle": "-", "fillstyle": "full"},
    Kind.INVERTED: {"color": "#56a4d8", "marker": "o", "linestyle": (0, (5, 1.5)), "fillstyle": "none"},
    Kind.MIXTURE: {"color": "#009e73", "marker": "^", "linestyle": "-.", "fillstyle": "left"},
    Kind.SPURIOUS: {"color": "#d55e00", "marker": "x", "linestyle": (0, (1, 1.3)), "fillstyle": "full"},
}
"""How a kind of well looks everywhere: hue, marker, filling and dash all differ, so grey is enough."""


def kind_line(kind: Kind, **changes: Any) -> Line2D:
    """Return the line and marker of a kind for a legend, with some of its looks changed.

    >>> kind_line(Kind.STORED, linestyle="").get_marker()
    'o'
    """
    look: dict[str, Any] = {"markerfacecoloralt": "white", **KINDS[kind], **changes}
    return Line2D([], [], **look)
