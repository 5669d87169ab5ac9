"""Which stored vectors are confused with which: a graph per cluster."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memscape.core.errors import InputError
from memscape.landscape.confusion import Confusable
from memscape.plot.style import FAINT, INK, bare, line_style, new_figure, styled

_NODES = 16  # of a cluster that are drawn
_STEPS = 150


@styled
def confusion_graph(confusable: Confusable, *, most: int = 6, columns: int = 3) -> Figure:
    """Return a figure of the largest clusters of confusable vectors, a panel each.

    A dot is a vector, its number the row; a line joins a confusable pair, the thicker the more alike. Of a
    large cluster the vectors with most rivals are drawn; the title says how many there are.

    Args:
        confusable: what `landscape.check` found, `report.confusable`.
        most: clusters drawn.
        columns: panels beside each other.

    Raises:
        InputError: if `most` or `columns` is below 1.

    >>> import memscape as ms, torch
    >>> X = torch.tensor([[1.0, 0.0], [0.98, 0.2], [0.0, 1.0], [-1.0, 0.1], [0.1, -1.0]])
    >>> found = ms.landscape.check(X, X + 0.3 * X.roll(1, 0), generator=0).confusable
    >>> confusion_graph(found).axes[0].get_title(loc="left")
    '2 vectors, 1 pair'
    """
    if most < 1 or columns < 1:
        raise InputError(f"most is {most} and columns {columns}; both must be at least 1")
    clusters = confusable.clusters[:most]
    if not clusters:
        figure = new_figure(4.2, 1.2)
        axes = figure.subplots()
        bare(axes)
        words = f"no two vectors have a cosine above {confusable.threshold:.2f}"
        axes.text(0.5, 0.5, words, ha="center", va="center", color=FAINT)
        return figure
    columns = min(columns, len(clusters))
    rows = math.ceil(len(clusters) / columns)
    figure = new_figure(max(3.6, 2.7 * columns), 2.6 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    pairs, cosine = confusable.pairs.numpy(), confusable.cosine.double().numpy()
    for axes, cluster in zip(grid, clusters, strict=False):
        inside = np.isin(pairs[:, 0], cluster)
        _draw(axes, cluster, pairs[inside], cosine[inside], confusable.threshold)
    for axes in grid[len(clusters) :]:
        axes.set_visible(False)
    return figure


def _draw(
    axes: Axes, cluster: Sequence[int], pairs: np.ndarray, cosine: np.ndarray, threshold: float
) -> None:
    rows, degree = np.unique(pairs, return_counts=True)
    chosen = np.sort(rows[np.argsort(-degree, kind="stable")[:_NODES]])
    shown = np.isin(pairs, chosen).all(1)
    links = np.searchsorted(chosen, pairs[shown])
    places = _places(len(chosen), links)
    strength = (cosine[shown] - threshold) / max(1 - threshold, 1e-9)
    for (i, j), weight in zip(links, strength, strict=True):
        ends = places[[i, j]]
        axes.plot(ends[:, 0], ends[:, 1], color=FAINT, linewidth=0.5 + 2 * weight, zorder=1)
    colour = line_style(1)["color"]
    axes.scatter(places[:, 0], places[:, 1], s=26, color=colour, zorder=2, edgecolors="white", linewidths=0.6)
    for row, (x, y) in zip(chosen, places, strict=True):
        axes.annotate(
            str(row), (x, y), textcoords="offset points", xytext=(4, 4), fontsize=7, color=INK, zorder=3
        )
    some = f"{len(chosen)} of {len(cluster):,}" if len(chosen) < len(cluster) else f"{len(cluster):,}"
    axes.set_title(f"{some} vectors, {len(pairs):,} pair{'s' if len(pairs) > 1 else ''}")
    bare(axes)
    axes.margins(0.18)


def _places(count: int, links: np.ndarray) -> np.ndarray:
    """Return places in the plane: linked ones attract, all repel (Fruchterman and Reingold 1991)."""
    angle = 2 * np.pi * np.arange(count) / count
    place = np.stack([np.cos(angle), np.sin(angle)], 1)
    wanted = 1.6 / np.sqrt(count)
    for step in range(_STEPS):
        apart = place[:, None] - place[None]
        distance = np.maximum(np.linalg.norm(apart, axis=2), 0.01)
        force = (apart * (wanted / distance)[..., None] ** 2).sum(1)
        pull = (place[links[:, 0]] - place[links[:, 1]]) * (
            np.linalg.norm(place[links[:, 0]] - place[links[:, 1]], axis=1) / wanted
        )[:, None]
        np.add.at(force, links[:, 0], -pull)
        np.add.at(force, links[:, 1], pull)
        length = np.maximum(np.linalg.norm(force, axis=1, keepdims=True), 1e-9)
        place = place + force / length * np.minimum(length, 0.2 * (1 - step / _STEPS))
    return place - place.mean(0)
