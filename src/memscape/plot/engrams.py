"""Engrams: what they are in each layer, what erasing them confuses, how soon they are relearned."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memscape.core.errors import InputError
from memscape.engrams.reporting import EngramReport
from memscape.engrams.verdicts import Audit
from memscape.plot.style import FAINT, INK, MAP, line_style, new_figure, styled

CRITERIA = {
    "specificity": "specificity\n0 is ideal",
    "reactivation": "reactivation\n1 is ideal",
    "sufficiency": "sufficiency\n0 is ideal",
    "necessity": "necessity\n0 is ideal",
    "relative_norm": "relative\nnorm",
    "effective_rank": "effective\nrank",
}
"""Columns of the map of layers: the four criteria, the share of the weights, the number of directions."""


@styled
def engram_layers(report: EngramReport, *, most: int = 40, width: float = 6.4) -> Figure:
    """Return a map of an engram: a row per layer, a column per criterion, the number in each cell.

    Columns have their own colours: the four criteria and the norm from 0 to 1, the rank from 0 to its
        largest.

    Args:
        report: of `engram.report()`.
        most: with more layers, those of the largest relative norm are drawn.
        width: in inches.

    Raises:
        InputError: for a report without layers.

    >>> from memscape.engrams.reporting import EngramReport, LayerReport
    >>> row = LayerReport("0", 0.2, 0.1, 0.9, 0.1, 0.1, 3.0, 10)
    >>> figure = engram_layers(EngramReport({"3": 1.0}, (row,)))
    >>> [text.get_text() for text in figure.axes[0].texts][:3]
    ['0.10', '0.90', '0.10']
    """
    if not report.layers:
        raise InputError("the report has no layers; take that of an engram with at least one matrix")
    rows = list(report.layers)
    if len(rows) > most:
        chosen = sorted(rows, key=lambda row: -row.relative_norm)[:most]
        rows = [row for row in rows if row in chosen]
    values = np.array([[getattr(row, name) for name in CRITERIA] for row in rows], dtype=float)
    shades = values.clip(0, 1)
    top = np.nanmax(values[:, -1]) if np.isfinite(values[:, -1]).any() else 1.0
    shades[:, -1] = values[:, -1] / max(top, 1e-12)
    figure = new_figure(width, 0.9 + 0.26 * len(rows))
    axes = figure.subplots()
    axes.imshow(shades, cmap=MAP, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    _numbers(axes, values, shades)
    axes.set_xticks(range(len(CRITERIA)), list(CRITERIA.values()), fontsize=7.5)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(rows)), [row.layer for row in rows], fontsize=7.5)
    axes.tick_params(length=0)
    axes.grid(False)
    return figure


def _numbers(axes: Axes, values: np.ndarray, shades: np.ndarray) -> None:
    for (i, j), value in np.ndenumerate(values):
        dark = not (shades[i, j] > 0.5)
        text = "-" if math.isnan(value) else f"{value:.2f}"
        axes.text(j, i, text, ha="center", va="center", fontsize=7.5, color="white" if dark else INK)


@styled
def confusion_change(
    matrices: Mapping[str, object], names: Sequence[str], *, erased: Sequence[int] = (), columns: int = 3
) -> Figure:
    """Return pictures of what is taken for what, such as before erasing, without, and put back.

    Args:
        matrices: titles to counts (c, c), rows the truth and columns the answer; each row is shown as shares.
        names: of the classes.
        erased: classes whose names are marked.
        columns: pictures beside each other.

    Raises:
        InputError: for a matrix of another size than the names.

    >>> figure = confusion_change({"before": [[5, 0], [1, 4]], "without": [[0, 5], [1, 4]]}, ["a", "b"])
    >>> [axes.get_title(loc="left") for axes in figure.axes]
    ['before', 'without']
    """
    tables = {title: np.asarray(matrix, dtype=float) for title, matrix in matrices.items()}
    for title, table in tables.items():
        if table.shape != (len(names), len(names)):
            raise InputError(
                f"the matrix {title!r} is {table.shape}; {len(names)} names need a square of that size"
            )
    columns = min(columns, len(tables))
    rows = math.ceil(len(tables) / columns)
    figure = new_figure(2.3 * columns, 2.35 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    labels = [f"{name} x" if i in erased else str(name) for i, name in enumerate(names)]
    for axes, (title, table) in zip(grid, tables.items(), strict=False):
        shares = table / table.sum(1, keepdims=True).clip(1e-12)
        axes.imshow(shares, cmap=MAP, vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(title)
        axes.set_xticks(range(len(names)), labels, fontsize=7)
        axes.set_yticks(range(len(names)), labels, fontsize=7)
        axes.tick_params(length=0)
        axes.grid(False)
    for axes in grid[len(tables) :]:
        axes.set_visible(False)
    figure.supxlabel("answer", fontsize=9)
    figure.supylabel("truth", fontsize=9)
    return figure


@styled
def relearning_curves(audit: Audit, *, goal: float = 0.9, width: float = 5.2) -> Figure:
    """Return a figure of the accuracy on the erased concept while it is taught again, a line per network.

    A network that never saw the concept is slow; one in which it was only suppressed is quick.

    Raises:
        InputError: for an audit without relearning.

    >>> from memscape.engrams import Audit, Finding
    >>> found = Finding("engram erased", 0.0, 1.0, 1.0, curve=(0.0, 0.5, 1.0), relearned=2.0)
    >>> relearning_curves(Audit({"engram erased": found}, {"3": 1.0})).axes[0].get_xlabel()
    'steps of relearning'
    """
    curves = {name: one.curve for name, one in audit.findings.items() if len(one.curve) > 1}
    if not curves:
        raise InputError("the audit relearned nothing; run it with relearn=150, on an engram that was erased")
    figure = new_figure(width, 2.9)
    axes = figure.subplots()
    for i, (name, curve) in enumerate(curves.items()):
        every = max(1, len(curve) // 8)
        axes.plot(range(len(curve)), curve, label=name, markevery=every, **line_style(i))
    axes.axhline(goal, color=FAINT, linewidth=0.8)
    axes.set_xlabel("steps of relearning")
    axes.set_ylabel("accuracy on the erased concept")
    axes.set_ylim(-0.03, 1.03)
    axes.legend(fontsize=7.5, loc="lower right")
    return figure
