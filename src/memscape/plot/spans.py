"""Working memory drawn: set size, serial position, learning, time constants, and who writes to which slot."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from memscape.cognition.inference import Held
from memscape.cognition.timescales import Growth
from memscape.core.errors import InputError
from memscape.plot.style import FAINT, MAP, line_style, new_figure, styled
from memscape.tasks.working_memory import Positions, Span
from memscape.training import History

LETTERS = 54
"""Letters that fit in a line above a figure 4.2 inches wide; a line's mark takes six."""


@styled
def memory_spans(spans: Mapping[str, Span]) -> Figure:
    """Return a figure of accuracy against set size (or another knob), a line for each name.

    Bands are 95 % intervals, dotted lines chance.

    Raises:
        InputError: for no spans, or spans over different knobs.

    >>> from memscape.tasks import working_memory as wm
    >>> found = wm.span(wm.HebbStore(8), "serial-recall-style", (2, 6), count=20, generator=0)
    >>> memory_spans({"width 8": found}).axes[0].get_xlabel()
    'size'
    """
    _require(spans, "spans")
    if len({one.knob for one in spans.values()}) > 1:
        raise InputError("the spans are over different knobs; draw them apart")
    axes = _accuracy_axes()
    for number, (name, one) in enumerate(spans.items()):
        style = line_style(number)
        axes.plot(one.sizes, one.accuracy.numpy(), label=name, **style)
        low, high = one.interval.numpy().T
        axes.fill_between(one.sizes, low, high, color=style["color"], alpha=0.18, linewidth=0)
        axes.plot(one.sizes, one.chance.numpy(), color=FAINT, linestyle=":", linewidth=0.9)
    axes.set_xlabel(next(iter(spans.values())).knob)
    return _legended(axes, spans)


@styled
def serial_positions(found: Mapping[str, Positions]) -> Figure:
    """Return a figure of accuracy against the turn of asking, a line for each name, with 95 % intervals.

    Raises:
        InputError: for nothing to draw.

    >>> from memscape.tasks import working_memory as wm
    >>> on = wm.task("serial-recall-style", size=5)
    >>> figure = serial_positions({"table": wm.by_position(wm.Table(), on, count=10, generator=0)})
    >>> figure.axes[0].get_xlabel()
    'place in the list'
    """
    _require(found, "positions")
    axes = _accuracy_axes()
    for number, (name, one) in enumerate(found.items()):
        style, turns = line_style(number), range(1, len(one.accuracy) + 1)
        axes.plot(turns, one.accuracy.numpy(), label=name, **style)
        low, high = one.interval.numpy().T
        axes.fill_between(turns, low, high, color=style["color"], alpha=0.18, linewidth=0)
    axes.set_xlabel("place in the list")
    return _legended(axes, found)


@styled
def learning_curves(found: Mapping[str, History]) -> Figure:
    """Return a figure of the watched accuracy against the steps of training, a line for each name.

    Raises:
        InputError: for nothing to draw, or a history without a watched accuracy.

    >>> import torch
    >>> watched = [(1, {"accuracy": 0.2}), (2, {"accuracy": 0.5})]
    >>> learning_curves({"net": History(torch.zeros(2), 0, True, watched)}).axes[0].get_xlabel()
    'step'
    """
    _require(found, "histories")
    axes = _accuracy_axes()
    for number, (name, history) in enumerate(found.items()):
        points = [(step, seen["accuracy"]) for step, seen in history.watched if "accuracy" in seen]
        if not points:
            raise InputError(f"the history of {name!r} has no watched accuracy; train it by learning_curve")
        axes.plot(*zip(*points, strict=True), label=name, **line_style(number))
    axes.set_xlabel("step")
    return _legended(axes, found)


@styled
def time_constants(found: Mapping[str, Growth]) -> Figure:
    """Return a figure of the mean time constant, and of the steps made, when each N was mastered.

    Raises:
        InputError: for nothing to draw.

    >>> import memscape as ms
    >>> network = ms.cognition.LeakyNetwork(8, heads=1, generator=0)
    >>> growth = network.fit(ms.tasks.NDMS, steps=2, every=1, generator=0, progress=False)
    >>> len(time_constants({"one head": growth}).axes)
    2
    """
    _require(found, "growths")
    figure = new_figure(5.6, 2.6)
    left, right = figure.subplots(1, 2)
    for number, (name, growth) in enumerate(found.items()):
        rows, style = [row for row in growth.looks if row["passed"]], line_style(number)
        orders = [row["N"] for row in rows]
        left.plot(orders, [row["tau"] for row in rows], label=name, **style)
        right.plot(orders, [row["step"] for row in rows], **style)
    left.set_ylabel("mean time constant (steps)")
    right.set_ylabel("steps of training")
    for axes in (left, right):
        axes.set_xlabel("N mastered")
    figure.legend(*left.get_legend_handles_labels(), loc="outside upper center", ncols=min(3, len(found)))
    return figure


@styled
def slot_writers(held: Held, *, scene: int = 0) -> Figure:
    """Return a figure of how much each slot took from each writer at the last writing.

    Raises:
        InputError: before the first writing.

    >>> import torch, memscape as ms
    >>> held = ms.cognition.PMI(8, 4, k=2, generator=0)(torch.randn(1, 5, 8))[1]
    >>> slot_writers(held).axes[0].get_ylabel()
    'slot'
    """
    if held.shares is None:
        raise InputError("nothing was written yet; perceive something first")
    shares = held.shares[scene].detach().cpu().numpy()
    slots, many = shares.shape
    figure = new_figure(0.22 * many + 1.6, 0.22 * slots + 1.0)
    axes = figure.subplots()
    image = axes.imshow(shares, cmap=MAP, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    axes.grid(False)
    axes.axvline(slots - 0.5, color="white", linewidth=1.2)
    axes.set_xlabel("writer: old slots, then perceptions")
    axes.set_ylabel("slot")
    figure.colorbar(image, ax=axes, label="share")
    return figure


def _require(found: Mapping[str, object], what: str) -> None:
    if not found:
        raise InputError(f"there are no {what} to draw; give at least one")


def _accuracy_axes() -> Axes:
    axes = new_figure(4.2, 3.0).subplots()
    axes.set_ylim(0, 1.03)
    axes.set_ylabel("accuracy")
    return axes


def _legended(axes: Axes, names: Mapping[str, object]) -> Figure:
    """Return the figure with a legend above it, in as many columns as its width has room for."""
    figure = axes.get_figure()
    if not isinstance(figure, Figure):
        raise InputError("these axes belong to no figure")
    columns = LETTERS // (6 + max(map(len, names)))
    figure.legend(loc="outside upper center", ncols=max(1, min(columns, len(names))))
    return figure
