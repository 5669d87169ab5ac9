"""Lines: success against damage, and energy falling during recall."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memscape.core.errors import InputError
from memscape.core.recall import Recall
from memscape.plot.style import FAINT, INK, line_style, new_figure, styled


@dataclass(frozen=True)
class SuccessCurve:
    """How often a memory answers correctly, against damage, at one load.

    Attributes:
        memory: the name in the legend.
        patterns: p, how many patterns were stored.
        damage: shares of the units that were damaged, in [0, 1].
        share: recalls that succeeded, in [0, 1], one for each damage.
        low, high: the ends of each share's interval.
    """

    memory: str
    patterns: int
    damage: tuple[float, ...]
    share: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]

    def __post_init__(self) -> None:
        sizes = {len(x) for x in (self.damage, self.share, self.low, self.high)}
        if len(sizes) != 1 or not self.damage:
            raise InputError(
                f"{self.memory}: damage, share, low and high need one and the same length, not {sizes}"
            )


@styled
def success_curves(
    curves: Sequence[SuccessCurve], *, columns: int = 3, success: str = "recalled exactly"
) -> Figure:
    """Return a figure with a panel per load and a line per memory: the share of successes against the damage.

    Bands are the curves' intervals. A memory has the same colour, marker and dash in every panel.

    Args:
        curves: one for each memory and load; panels are ordered by the number of patterns.
        columns: panels beside each other; 1 suits a narrow screen.
        success: what counts as a success, in words, for the axis.

    Raises:
        InputError: if there are no curves.

    >>> curve = SuccessCurve("Projection", 50, (0.0, 0.4), (1.0, 0.2), (0.9, 0.1), (1.0, 0.4))
    >>> success_curves([curve]).axes[0].get_title(loc="left")
    '50 stored'
    """
    if not curves:
        raise InputError("there are no curves to draw; give at least one SuccessCurve")
    loads = sorted({curve.patterns for curve in curves})
    names = list(dict.fromkeys(curve.memory for curve in curves))
    columns = min(columns, len(loads))
    rows = math.ceil(len(loads) / columns)
    figure = new_figure(max(3.6, 2.6 * columns), 2.15 * rows + 0.5)
    grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes, patterns in zip(grid, loads, strict=False):
        for curve in (c for c in curves if c.patterns == patterns):
            _draw_curve(axes, curve, names.index(curve.memory))
        axes.set_title(f"{patterns:,} stored")
        axes.set_ylim(-0.04, 1.04)
        axes.tick_params(labelbottom=True)
    for axes in grid[len(loads) :]:
        axes.set_visible(False)
    figure.supxlabel("units flipped in the cue (%)", fontsize=9)
    figure.supylabel(f"share {success}", fontsize=9)
    lines = {line.get_label(): line for axes in grid[: len(loads)] for line in axes.get_lines()}
    figure.legend(
        [lines[name] for name in names], names, loc="outside upper center", ncols=min(len(names), 2 * columns)
    )
    return figure


def _draw_curve(axes: Axes, curve: SuccessCurve, index: int) -> None:
    damage = 100 * np.asarray(curve.damage)
    style = line_style(index)
    axes.fill_between(damage, curve.low, curve.high, color=style["color"], alpha=0.13, linewidth=0)
    axes.plot(damage, curve.share, label=curve.memory, **style)


@styled
def energy_trace(
    recall: Recall | Mapping[str, Recall], *, columns: int = 2, step: str = "step", stride: int = 1
) -> Figure:
    """Return a figure of the energy per unit, E/n, falling from the cue to the end of each recall.

    A line ends where its recall ended: filled dots are stored patterns, crosses are not. Energies of
    different memories have different units, so each memory has a panel with its own axis.

    Args:
        recall: made with `trace=True`; or a mapping from names of memories to such recalls.
        columns: panels beside each other.
        step: what one step of the recall's dynamics is, in words, for the axis ("flip", "sweep").
        stride: steps between two states of the trace, where it does not hold all of them.

    Raises:
        InputError: for a recall without a trace.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(3, 60, generator=0)
    >>> cue = ms.patterns.flip(X, 0.2, generator=1)
    >>> figure = energy_trace(ms.memories.Hebbian(X).recall(cue, generator=2, trace=True))
    >>> len(figure.axes[0].get_lines()) >= 3
    True
    """
    recalls = recall if isinstance(recall, Mapping) else {"": recall}
    bare_ones = [name for name, one in recalls.items() if one.trace is None]
    if bare_ones or not recalls:
        raise InputError("the recall has no trace; make it with memory.recall(cue, trace=True)")
    columns = min(columns, len(recalls))
    rows = math.ceil(len(recalls) / columns)
    figure = new_figure(max(3.6, 3.9 * columns), 2.3 * rows + 0.25)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, one) in zip(grid, recalls.items(), strict=False):
        unit = _draw_falls(axes, one, stride)
        axes.set_title(", ".join(filter(None, [name, unit])))
    for axes in grid[len(recalls) :]:
        axes.set_visible(False)
    figure.supxlabel(step, fontsize=9)
    figure.supylabel("energy per unit, E/n", fontsize=9)
    return figure


def _draw_falls(axes: Axes, recall: Recall, stride: int) -> str:
    """Draw one line per cue and return the unit of the axis, empty for 1."""
    trace = recall.trace
    if trace is None:
        return ""
    energy = trace.energy.reshape(-1, trace.energy.shape[-1]).cpu().numpy() / trace.states.shape[-1]
    power = int(np.floor(np.log10(max(np.abs(energy).max(), 1e-300))))
    power = power if power >= 4 or power <= -3 else 0
    energy = energy / 10.0**power
    steps, stored = recall.steps.reshape(-1).tolist(), (recall.match.reshape(-1) >= 0).tolist()
    for row, (values, end, good) in enumerate(zip(energy, steps, stored, strict=True)):
        last = min(-(-end // stride), len(values) - 1)
        places = [*range(0, last * stride, stride), end] if last else [0]
        colour = line_style(row)["color"]
        axes.plot(places, values[: last + 1], color=colour, linewidth=1.3)
        mark: dict[str, Any] = {"color": colour, "marker": "o"} if good else {"color": INK, "marker": "x"}
        axes.plot(places[-1:], values[last : last + 1], markersize=5, **mark)
    if energy.min() < 0 < energy.max():
        axes.axhline(0, color=FAINT, linewidth=0.8)
    return f"in units of $10^{{{power}}}$" if power else ""
