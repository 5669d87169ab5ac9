"""What learners do: how sure a thought is at each tick, and the shape of a separation that was learnt."""

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure

from memscape.cognition.pondering import Pondering
from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.mechanisms.separation import Additive, Separation
from memscape.plot.style import FAINT, line_style, new_figure, styled


@styled
def certainty_course(pondering: Pondering, *, enough: float | None = None, most: int = 40) -> Figure:
    """Return a figure of certainty against ticks: a line for each of the first inputs, and their mean.

    Args:
        pondering: thoughts that spent every tick, or ended early.
        enough: a certainty to mark.
        most: lines.

    Raises:
        InputError: for no inputs.

    >>> import memscape as ms, torch
    >>> machine = ms.cognition.ContinuousThought(tokens=3, inputs=2, classes=4, generator=0)
    >>> certainty_course(machine.think(torch.ones(2, 3, 2))).axes[0].get_xlabel()
    'tick'
    """
    if not len(pondering.certainty):
        raise InputError("there are no thoughts to draw; give at least one")
    figure = new_figure(4.6, 3.0)
    axes, ticks = figure.subplots(), range(1, pondering.certainty.shape[1] + 1)
    for course in pondering.certainty[:most].cpu():
        axes.plot(ticks, course, color=FAINT, linewidth=0.6)
    axes.plot(
        ticks, pondering.certainty.nanmean(0).cpu(), label="mean of those still thinking", **line_style(0)
    )
    if enough is not None:
        axes.axhline(enough, label=f"enough: {enough:.2f}", linewidth=1.0, linestyle=":", color="black")
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("tick")
    axes.set_ylabel("certainty")
    axes.set_title(f"{float(pondering.ticks.double().mean()):.1f} ticks on average")
    axes.legend(loc="lower right")
    return figure


@styled
def separation_shapes(separations: Mapping[str, Separation], units: int) -> Figure:
    """Return a figure of separation functions between chance and a whole pattern, scaled to rise from 0 to 1.

    Functions of one overlap are drawn as they are, $(F(o) - F(0)) / (F(n) - F(0))$; a log-sum-exp as its
    exponential, which has the same wells.

    Args:
        separations: names to separations.
        units: n.

    Raises:
        InputError: for no separation, or one that is neither.

    >>> import memscape as ms
    >>> shapes = {"cubic": ms.mechanisms.Power(3), "exponential": ms.mechanisms.Softmax(0.1)}
    >>> len(separation_shapes(shapes, 50).axes[0].lines)
    2
    """
    if not separations:
        raise InputError("there is nothing to draw; give at least one separation")
    overlaps = torch.arange(require_count(units, "units") + 1, dtype=torch.float64)
    figure = new_figure(4.6, 3.0)
    axes = figure.subplots()
    for number, (name, separation) in enumerate(separations.items()):
        values = _values(separation, overlaps)
        values = (values - values[0]) / (values[-1] - values[0])
        axes.plot(overlaps / units, values, label=name, markevery=units // 8 or 1, **line_style(number))
    axes.set_xlabel("overlap with a pattern, o / n")
    axes.set_ylabel("how far its well has sunk")
    axes.legend(loc="upper left")
    return figure


def _values(separation: Separation, overlaps: torch.Tensor) -> torch.Tensor:
    if isinstance(separation, Additive):
        return separation.value(overlaps)
    beta = getattr(separation, "beta", None)
    if beta is None or type(separation).__name__ != "Softmax":
        raise InputError(f"{separation} is no function of one overlap; give powers, Softmax or learnt ones")
    return torch.exp(float(beta) * (overlaps - overlaps[-1]))
