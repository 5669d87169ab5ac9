"""Matrices: how much stored patterns have in common."""

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from memscape.core.arrays import as_tensor
from memscape.core.errors import InputError
from memscape.plot.style import MAP, new_figure, styled


@styled
def overlap_matrix(X: object, *, groups: object = None, most: int = 400, size: float = 4.2) -> Figure:
    """Return a figure of the overlaps $x_\\mu \\cdot x_\\nu / (|x_\\mu| |x_\\nu|)$ of all pairs of patterns.

    For independent patterns everything beside the diagonal is near 0; blocks are patterns that resemble
    each other.

    Args:
        X: (p, n) patterns.
        groups: (p,) labels, such as the classes; patterns are sorted by them and their blocks named.
        most: with more patterns, this many evenly spaced ones are drawn (after the sorting).
        size: width in inches.

    Raises:
        InputError: if X is no table, or the labels do not fit.

    Cost: O(most^2 n).

    >>> import memscape as ms
    >>> figure = overlap_matrix(ms.patterns.independent(20, 100, generator=0), groups=[0] * 10 + [1] * 10)
    >>> [text.get_text() for text in figure.axes[0].get_xticklabels()]
    ['0', '1']
    """
    table = as_tensor(X, "X")
    if table.ndim != 2:
        raise InputError(f"X has shape {tuple(table.shape)}; give patterns (p, n), one row per pattern")
    labels = None if groups is None else np.asarray(groups)
    if labels is not None and labels.shape != (len(table),):
        raise InputError(f"{labels.shape} labels for {len(table)} patterns; give one for each")
    order = np.arange(len(table)) if labels is None else np.argsort(labels, kind="stable")
    if len(order) > most:
        order = order[np.linspace(0, len(order) - 1, most).round().astype(int)]
    overlaps = _cosines(table[torch.from_numpy(order).to(table.device)]).cpu().numpy()
    figure = new_figure(size, 0.82 * size)
    axes = figure.subplots()
    image = axes.imshow(
        overlaps, cmap=MAP, vmin=min(0.0, float(overlaps.min())), vmax=1.0, interpolation="nearest"
    )
    axes.grid(False)
    figure.colorbar(image, ax=axes, label="overlap", fraction=0.05)
    if labels is None:
        axes.set_xlabel("stored pattern")
        axes.set_ylabel("stored pattern")
    else:
        names, first, counts = np.unique(labels[order], return_index=True, return_counts=True)
        middle = first + (counts - 1) / 2
        axes.set_xticks(middle, [str(name) for name in names])
        axes.set_yticks(middle, [str(name) for name in names])
        axes.tick_params(length=0)
    return figure


def _cosines(x: Tensor) -> Float[Tensor, "k k"]:
    x = x.double()
    x = x / x.norm(dim=1, keepdim=True).clamp_min(1e-30)
    return x @ x.T
