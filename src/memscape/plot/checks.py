"""A check in pictures: the threshold between known and unknown cues, the load, the damage."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memscape.landscape.abstention import Abstention
from memscape.landscape.forecasting import Forecast
from memscape.landscape.tolerance import Tolerance
from memscape.plot.style import FAINT, INK, line_style, new_figure, styled


@styled
def abstention_scores(abstention: Abstention, *, width: float = 6.0) -> Figure:
    """Return a figure of the best cosines of cues with and without an answer, and the threshold between them.

    Args:
        abstention: `report.abstention_error` of `landscape.check`.
        width: in inches.

    >>> import memscape as ms, torch
    >>> report = ms.landscape.check(torch.eye(8), torch.eye(8) + 0.2, generator=0)
    >>> abstention_scores(report.abstention_error).axes[0].get_ylabel()
    'cues (%)'
    """
    figure = new_figure(width, 2.7)
    axes = figure.subplots()
    kinds = {"have an answer": abstention.known_scores, "have none": abstention.stranger_scores}
    values = {name: scores.double().numpy() for name, scores in kinds.items()}
    everything = np.concatenate([*values.values(), [abstention.threshold]])
    bins = np.linspace(everything.min() - 1e-6, everything.max() + 1e-6, 41).tolist()
    for index, (name, scores) in enumerate(values.items()):
        style = line_style(1 - index)
        weights = np.full(len(scores), 100 / len(scores))
        axes.hist(scores, bins=bins, weights=weights, color=style["color"], alpha=0.25)
        axes.hist(
            scores,
            bins=bins,
            weights=weights,
            histtype="step",
            color=style["color"],
            linestyle=style["linestyle"],
            linewidth=1.6,
            label=f"cues that {name}",
        )
    axes.set_ylim(top=1.2 * axes.get_ylim()[1])  # room for the words beside the line
    axes.axvline(abstention.threshold, color=INK, linewidth=1.2)
    _note(axes, f"answer from {abstention.threshold:.2f} on", (abstention.threshold, 1.0), (4, -10))
    axes.set_xlabel("cosine with the best vector")
    axes.set_ylabel("cues (%)")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@styled
def load_forecast(forecast: Forecast, *, width: float = 6.0) -> Figure:
    """Return a figure of recall or winner stability against the number of vectors, the forecast dashed.

    Args:
        forecast: `report.forecast` of `landscape.check`.
        width: in inches.

    >>> import memscape as ms, torch
    >>> report = ms.landscape.check(torch.eye(8), torch.eye(8) + 0.2, generator=0)
    >>> load_forecast(report.forecast).axes[0].get_ylabel()
    'winner stability (%)'
    """
    figure = new_figure(width, 2.9)
    axes = figure.subplots()
    load, share = np.asarray(forecast.load), 100 * np.asarray(forecast.share)
    ends = 100 * forecast.interval.numpy()
    today = sum(forecast.known) - 1
    style = line_style(1)
    axes.fill_between(load, ends[:, 0], ends[:, 1], color=style["color"], alpha=0.13, linewidth=0)
    axes.plot(load[: today + 1], share[: today + 1], label="today's vectors, random subsets", **style)
    dashed: dict[str, Any] = style | {"linestyle": (0, (3, 2)), "markerfacecolor": "white"}
    axes.plot(load[today:], share[today:], label="forecast", zorder=1, **dashed)
    axes.axvline(load[today], color=FAINT, linewidth=0.8)
    _note(axes, "today", (float(load[today]), 0.0), (4, 4), color=FAINT)
    axes.set_xscale("log")
    axes.set_xticks(load, [f"{value:,}" for value in load])
    axes.set_xticks([], minor=True)
    axes.set_ylim(min(90.0, float(ends.min()) - 2), 100.5)
    axes.set_xlabel("vectors stored")
    axes.set_ylabel(f"{forecast.kind} (%)")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@styled
def tolerance_curve(tolerance: Tolerance, *, width: float = 6.0) -> Figure:
    """Return a figure of the share of cues that find their vector, against their cosine with it.

    Args:
        tolerance: `report.tolerance` of `landscape.check`.
        width: in inches.

    >>> import memscape as ms, torch
    >>> report = ms.landscape.check(torch.eye(8), torch.eye(8) + 0.2, generator=0)
    >>> tolerance_curve(report.tolerance).axes[0].get_xlabel()
    'cosine between the damaged cue and its vector'
    """
    figure = new_figure(width, 2.6)
    axes = figure.subplots()
    steps = np.sort(tolerance.cosine.numpy())
    found = 100 * np.arange(1, len(steps) + 1) / len(steps)
    style = line_style(1)
    axes.step(
        np.concatenate([[0], steps, [1]]),
        np.concatenate([[0], found, [100]]),
        where="post",
        color=style["color"],
    )
    low, high = tolerance.interval.tolist()
    axes.axvspan(low, high, color=FAINT, alpha=0.3, linewidth=0)
    axes.axvline(tolerance.median, color=FAINT, linewidth=0.8)
    _note(axes, f"half at {tolerance.median:.2f}", (tolerance.median, 0.5), (6, -3))
    axes.set_xlim(0, 1)
    axes.set_ylim(-2, 102)
    axes.set_xlabel("cosine between the damaged cue and its vector")
    axes.set_ylabel("cues that find it (%)")
    return figure


def _note(axes: Axes, words: str, place: tuple[float, float], offset: tuple[int, int], **style: Any) -> None:
    """Write words at an x of the data and a share of the height, moved by an offset in points."""
    axes.annotate(
        words,
        place,
        xycoords=("data", "axes fraction"),
        xytext=offset,
        textcoords="offset points",
        fontsize=8,
        **style,
    )
