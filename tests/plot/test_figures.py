"""Figures show what the results hold, leave matplotlib as it was, and stay apart without colour."""

from dataclasses import replace
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib.colors import rgb_to_hsv, to_rgb
from matplotlib.figure import Figure

import memscape as ms
from memscape import plot
from memscape.core.errors import InputError
from memscape.core.recall import Trace
from memscape.plot.style import LINES, UNKNOWN, styled

X = ms.patterns.independent(6, 100, generator=0)


@pytest.fixture(scope="module")
def recall():
    cue = ms.patterns.flip(X, 0.2, generator=1)
    steepest = ms.mechanisms.Asynchronous(order="steepest")
    return ms.memories.Hebbian(X).recall(cue, dynamics=steepest, trace=True)


def curve(memory="Hebbian", patterns=10, share=(1.0, 0.5)):
    return plot.SuccessCurve(memory, patterns, (0.0, 0.4), share, (0.9, 0.4), (1.0, 0.6))


def test_every_line_differs_in_marker_and_dash_not_only_in_hue():
    assert len({line["marker"] for line in LINES}) == len(LINES)
    assert len({line["color"] for line in LINES}) == len(LINES)
    dashes = [str(line["linestyle"]) for line in LINES]
    assert all(a != b for a, b in pairwise(dashes))


def test_colours_are_restrained_and_readable_on_white():
    for line in LINES:
        r, g, b = to_rgb(line["color"])
        assert 0.2126 * r + 0.7152 * g + 0.0722 * b < 0.65
        assert rgb_to_hsv((r, g, b))[2] <= 0.9


def test_drawing_leaves_the_users_settings_and_pyplot_alone():
    import matplotlib.pyplot as plt

    before, known = dict(matplotlib.rcParams), plt.get_fignums()
    plot.success_curves([curve()])
    plot.overlap_matrix(X)
    assert dict(matplotlib.rcParams) == before
    assert plt.get_fignums() == known


def test_settings_come_back_after_an_error():
    @styled
    def broken():
        raise ZeroDivisionError

    before = dict(matplotlib.rcParams)
    with pytest.raises(ZeroDivisionError):
        broken()
    assert dict(matplotlib.rcParams) == before


def test_curves_have_a_panel_per_load_and_a_line_per_memory():
    curves = [curve(memory, p) for p in (50, 10) for memory in ("Hebbian", "Projection")]
    figure = plot.success_curves(curves)
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title(loc="left") for axes in panels] == ["10 stored", "50 stored"]
    assert all(
        [line.get_label() for line in axes.get_lines()] == ["Hebbian", "Projection"] for axes in panels
    )
    assert panels[0].get_lines()[0].get_ydata().tolist() == [1.0, 0.5]
    assert panels[0].get_lines()[0].get_xdata().tolist() == [0.0, 40.0]


def test_a_memory_looks_the_same_in_every_panel():
    """Even where another one is missing."""
    figure = plot.success_curves([curve("Hebbian", 10), curve("Dense", 10), curve("Dense", 50)])
    first, second = (next(x for x in a.get_lines() if x.get_label() == "Dense") for a in figure.axes[:2])
    assert (first.get_color(), first.get_marker()) == (second.get_color(), second.get_marker())


@pytest.mark.parametrize("columns", [1, 2, 3])
def test_empty_places_in_the_grid_are_hidden(columns):
    figure = plot.success_curves([curve(patterns=p) for p in (1, 2, 3, 4, 5)], columns=columns)
    assert sum(axes.get_visible() for axes in figure.axes) == 5


def test_energy_lines_start_at_the_cue_and_end_where_the_recall_ended(recall):
    figure = plot.energy_trace({"Hebbian": recall})
    lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) > 1]
    assert len(lines) == len(X)
    for row, line in enumerate(lines):
        assert len(line.get_ydata()) == int(recall.steps[row]) + 1
        assert line.get_ydata()[0] == pytest.approx(float(recall.trace.energy[row, 0]) / 100)
        assert line.get_ydata()[-1] == pytest.approx(float(recall.energy[row]) / 100)
        assert (np.diff(line.get_ydata()) <= 1e-12).all()


def test_a_thinned_trace_keeps_its_places_and_its_ends(recall):
    """Every third state, and the last: the points lie on the full lines."""
    longest = int(recall.steps.max())
    chosen = [*range(0, longest, 3), longest]
    thin = replace(recall, trace=Trace(recall.trace.states[:, chosen], recall.trace.energy[:, chosen]))
    full, sparse = plot.energy_trace(recall), plot.energy_trace(thin, stride=3)
    for row, steps in enumerate(recall.steps.tolist()):
        line = sparse.axes[0].get_lines()[2 * row]
        x, y = line.get_xdata(), line.get_ydata()
        assert (x[0], x[-1]) == (0, steps)
        assert np.allclose(y, full.axes[0].get_lines()[2 * row].get_ydata()[x])


def test_a_recall_without_a_trace_is_refused():
    with pytest.raises(InputError, match="trace=True"):
        plot.energy_trace(ms.memories.Hebbian(X).recall(X))


def test_large_energies_get_a_power_of_ten_in_the_title():
    memory = ms.memories.Dense(X, separation=ms.mechanisms.Power(5))
    answer = memory.recall(ms.patterns.flip(X, 0.2, generator=1), trace=True)
    axes = plot.energy_trace({"Dense": answer}).axes[0]
    assert "10^{" in axes.get_title(loc="left")
    assert all(abs(line.get_ydata()).max() < 10 for line in axes.get_lines())


def test_rows_are_named_and_unknown_pixels_have_a_colour_of_their_own():
    pictures = torch.tensor([[0.0, 1.0, 0.5, 0.5]] * 3)
    cue = pictures.clone()
    cue[:, 2:] = float("nan")
    figure = plot.recall_strip(pictures, cue, {"a": pictures, "b": pictures}, (2, 2), titles=["x", "y", "z"])
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["stored", "cue", "a", "b"]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["x", "y", "z"]
    shown = axes.get_images()[0].get_array()
    stored, cued = np.split(np.asarray(shown), 4)[:2]
    blue, grey = np.array(to_rgb(UNKNOWN)), lambda x: (x[..., :3].max(-1) - x[..., :3].min(-1) < 1e-9).all()
    assert grey(stored)
    assert not grey(cued)
    assert np.isclose(cued[..., :3], blue).all(-1).any()


@pytest.mark.parametrize(
    ("shape", "titles", "word"),
    [((2, 3), None, "height"), ((2, 2), ["one"], "titles")],
)
def test_pictures_that_do_not_fit_are_refused(shape, titles, word):
    with pytest.raises(InputError, match=word):
        plot.recall_strip(torch.zeros(2, 4), torch.zeros(2, 4), torch.zeros(2, 4), shape, titles=titles)
    with pytest.raises(InputError, match="shapes"):
        plot.recall_strip(torch.zeros(2, 4), torch.zeros(3, 4), torch.zeros(2, 4), (2, 2))


def test_overlaps_are_sorted_into_their_groups():
    blocks = torch.cat([X[:2].repeat(3, 1)])
    figure = plot.overlap_matrix(blocks, groups=[0, 1] * 3)
    drawn = figure.axes[0].get_images()[0].get_array()
    assert np.allclose(drawn[:3, :3], 1)
    assert np.allclose(drawn[:3, 3:], float(X[0] @ X[1]) / 100)


def test_many_patterns_are_thinned_out():
    figure = plot.overlap_matrix(ms.patterns.independent(50, 20, generator=0), most=10)
    assert figure.axes[0].get_images()[0].get_array().shape == (10, 10)


def test_bars_are_the_widest_basins():
    measured = ms.landscape.basins(ms.memories.Projection(X), starts=200, generator=0)
    axes = plot.basin_bars(measured, most=4).axes[0]
    both = (measured.fraction + measured.inverted).sort(descending=True).values[:4]
    widths = [bar.get_width() for bar in axes.patches]
    assert np.allclose(np.add(widths[:4], widths[4:]), 100 * both.numpy())
    assert len(axes.get_yticklabels()) == 4


def test_a_memory_whose_wells_are_never_found_says_so():
    tied = ms.patterns.tree((1, 6), overlap=(0.0, 0.9), size=200, generator=0)
    measured = ms.landscape.basins(ms.memories.Hebbian(tied), starts=20, generator=0)
    assert measured.share == 0
    assert [text.get_text() for text in plot.basin_bars(measured).axes[0].texts] == ["none"]


def test_radii_fall_from_left_to_right():
    radii = ms.landscape.radius(ms.memories.Projection(X), trials=4, generator=0)
    line = plot.well_radii({"Projection": radii}).axes[0].get_lines()[0]
    assert (np.diff(line.get_ydata()) <= 0).all()
    assert line.get_ydata()[0] == pytest.approx(100 * float(radii.damage.max()))


@pytest.mark.parametrize("draw", [plot.success_curves, plot.energy_trace, plot.basin_bars, plot.well_radii])
def test_nothing_to_draw_is_said(draw):
    with pytest.raises(InputError):
        draw([] if draw is plot.success_curves else {})


def test_every_function_returns_a_plain_figure(recall):
    for figure in (plot.energy_trace(recall), plot.overlap_matrix(X), plot.success_curves([curve()])):
        assert type(figure) is Figure
