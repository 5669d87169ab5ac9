"""Strips of pictures: what was stored, what was shown, what came back."""

from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.colors import Normalize
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
    >>> [text.get_text() for text in figure.axes[0].get_yticklabels()]
    ['stored', 'cue', 'Hebbian', 'Projection']
    """
    rows = {"stored": as_tensor(stored, "stored").double().numpy(), "cue": np.asarray(cue, dtype=np.float64)}
    answers = recalled if isinstance(recalled, Mapping) else {"recalled": recalled}
    rows |= {name: as_tensor(x, name).double().numpy() for name, x in answers.items()}
    count = _checked(rows, shape, titles)
    aspect = shape[0] / shape[1]
    figure = new_figure(LABEL + CELL * count, CELL * aspect * len(rows) + (0.25 if titles else 0.05))
    axes = figure.subplots()
    bare(axes)
    low, high = float(rows["stored"].min()), float(rows["stored"].max())
    norm = Normalize(low, max(high, low + 1e-12))
    colours = matplotlib.colormaps[cmap].with_extremes(bad=UNKNOWN)
    # One image of all pictures: an axes for each would take seconds to lay out.
    tiles = colours(
        norm(np.ma.masked_invalid(np.stack(list(rows.values())).reshape(len(rows), count, *shape)))
    )
    axes.imshow(_mosaic(tiles), extent=(0, count, len(rows), 0), interpolation="nearest", aspect=aspect)
    axes.tick_params(length=0)
    axes.set_yticks(np.arange(len(rows)) + 0.5, list(rows))
    if titles:
        axes.xaxis.tick_top()
        axes.set_xticks(np.arange(count) + 0.5, titles)
    return figure


def _mosaic(tiles: np.ndarray) -> np.ndarray:
    """Return coloured tiles (rows, columns, h, w, 4) as one picture, with clear gaps between them.

    Pixels are repeated where tiles are small, so that a gap can be thinner than a pixel.
    """
    rows, columns, height, width, _ = tiles.shape
    scale = max(1, round(24 / max(height, width)))
    tiles = tiles.repeat(scale, axis=2).repeat(scale, axis=3)
    gap = max(1, round(0.04 * scale * max(height, width)))
    padded = np.pad(tiles, ((0, 0), (0, 0), (gap, gap), (gap, gap), (0, 0)))
    return padded.transpose(0, 2, 1, 3, 4).reshape(rows * padded.shape[2], columns * padded.shape[3], 4)


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
