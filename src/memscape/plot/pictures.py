"""Strips of pictures: what was stored, what was shown, what came back."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from memscape.core.arrays import as_tensor
from memscape.core.errors import InputError
from memscape.plot.style import UNKNOWN, bare, new_figure, styled

LABEL, CELL = 1.15, 0.56
"""Inches for the names of the rows, and for one picture."""


@styled
def recall_strip(
    stored: object,
    cue: object,
    recalled: object,
    shape: tuple[int, int],
    *,
    titles: list[str] | None = None,
    cmap: str = "gray",
) -> Figure:
    """Return a figure with one column per picture: as stored, as cued, as recalled by one or more memories.

    All rows share one grey scale, set by the stored pictures. Pixels of a cue that are NaN are unknown and
    drawn in blue.

    Args:
        stored: (k, n) pixel values with n = height * width.
        cue: (k, n), may hold NaN.
        recalled: (k, n), or a mapping from names of memories to (k, n): one row each.
        shape: (height, width) of a picture.
        titles: k short texts above the columns, such as the class of each picture.
        cmap: "gray" draws high values light, as in a photograph; "Greys" dark, as ink on paper.

    Raises:
        InputError: if sizes do not fit together, or there is nothing to draw.

    Cost: O(k n) per row.

    >>> X = [[0, 1, 1, 0], [1, 0, 0, 1]]
    >>> figure = recall_strip(X, X, {"Hebbian": X, "Projection": X}, (2, 2))
    >>> [axes.get_ylabel() for axes in figure.axes[::2]]
    ['stored', 'cue', 'Hebbian', 'Projection']
    """
    rows = {"stored": as_tensor(stored, "stored").double().numpy(), "cue": np.asarray(cue, dtype=np.float64)}
    answers = recalled if isinstance(recalled, Mapping) else {"recalled": recalled}
    rows |= {name: as_tensor(x, name).double().numpy() for name, x in answers.items()}
    count = _checked(rows, shape, titles)
    low, high = float(rows["stored"].min()), float(rows["stored"].max())
    figure = new_figure(
        LABEL + CELL * count, CELL * len(rows) * shape[0] / shape[1] + (0.25 if titles else 0.05)
    )
    grid = figure.subplots(len(rows), count, squeeze=False)
    colours = matplotlib.colormaps[cmap].with_extremes(bad=UNKNOWN)
    for line, (name, values) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(line, values, strict=True):
            bare(axes)
            axes.imshow(picture.reshape(shape), cmap=colours, vmin=low, vmax=max(high, low + 1e-12))
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    for axes, title in zip(grid[0], titles or [], strict=False):
        axes.set_title(title, loc="center", fontsize=8)
    figure.set_layout_engine("constrained", w_pad=0.015, h_pad=0.02, wspace=0.02, hspace=0.02)
    return figure


def _checked(rows: dict[str, np.ndarray], shape: tuple[int, int], titles: list[str] | None) -> int:
    """Return the number of pictures in every row, or raise `InputError`."""
    sizes = {name: x.shape for name, x in rows.items()}
    if len(set(sizes.values())) > 1 or len(sizes["stored"]) != 2:
        raise InputError(f"the rows have shapes {sizes}; all must be (k, n), one row per picture")
    count, units = sizes["stored"]
    if shape[0] * shape[1] != units:
        raise InputError(
            f"pictures of {units} pixels do not have the shape {shape}; height * width must be {units}"
        )
    if titles is not None and len(titles) != count:
        raise InputError(f"{len(titles)} titles for {count} pictures; give one for each")
    return count
