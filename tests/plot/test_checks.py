"""A check in pictures and as a page: what is drawn and said is what was found."""

import math

import numpy as np
import pytest
import torch

import memscape as ms
from memscape import plot
from memscape.core.errors import InputError


@pytest.fixture(scope="module", params=[True, False], ids=["labels", "no labels"])
def report(request):
    g = torch.Generator().manual_seed(0)
    x = torch.randn(150, 12, generator=g)
    x[100:] = x[:50] + 0.5 * torch.randn(50, 12, generator=g)
    x = torch.cat([x, x[:3]])
    own = torch.arange(150)
    q = x[own] + 0.6 * torch.randn(150, 12, generator=g)
    q[:40] = torch.randn(40, 12, generator=g)
    own[:40] = -1
    x = x / x.norm(dim=1, keepdim=True)
    return ms.landscape.check(x, q, own if request.param else None, generator=0)


def test_each_cluster_has_a_panel_that_counts_it(report):
    clusters = report.confusable.clusters
    figure = plot.confusion_graph(report.confusable, most=3)
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert len(titles) == min(3, len(clusters))
    for title, cluster in zip(titles, clusters, strict=False):
        assert f"{len(cluster)} vectors" in title


def test_a_small_cluster_is_drawn_whole(report):
    clusters = report.confusable.clusters
    figure = plot.confusion_graph(report.confusable, most=len(clusters))
    index = next(i for i, cluster in enumerate(clusters) if len(cluster) <= 10)
    rows = sorted(int(text.get_text()) for text in figure.axes[index].texts)
    assert rows == clusters[index]
    pairs = [pair for pair in report.confusable.pairs.tolist() if pair[0] in rows]
    assert len(figure.axes[index].get_lines()) == len(pairs)


def test_nothing_confusable_is_said_in_words():
    found = ms.landscape.check(torch.eye(6), torch.eye(6) + 0.1, generator=0).confusable
    assert "no two vectors" in plot.confusion_graph(found).axes[0].texts[0].get_text()


def test_a_graph_of_nothing_is_refused(report):
    with pytest.raises(InputError, match="at least 1"):
        plot.confusion_graph(report.confusable, most=0)


def test_the_threshold_stands_where_it_is(report):
    axes = plot.abstention_scores(report.abstention_error).axes[0]
    assert np.asarray(axes.get_lines()[0].get_xdata())[0] == pytest.approx(report.threshold)


def test_counted_and_forecast_loads_are_told_apart(report):
    axes = plot.load_forecast(report.forecast).axes[0]
    counted, forecast, *_ = axes.get_lines()
    known = sum(report.forecast.known)
    assert np.asarray(counted.get_xdata()).tolist() == list(report.forecast.load[:known])
    assert np.asarray(forecast.get_xdata()).tolist() == list(report.forecast.load[known - 1 :])


def test_the_tolerance_curve_rises_from_none_to_all(report):
    line = plot.tolerance_curve(report.tolerance).axes[0].get_lines()[0]
    heights = np.asarray(line.get_ydata()).tolist()
    assert heights == sorted(heights)
    assert (heights[0], heights[-1]) == (0, 100)


def test_the_page_answers_the_questions_in_the_numbers_found(report):
    names = [f"<text {i}> " + "long " * 20 for i in range(153)]
    html = plot.check_report(report, names=names, command="memscape check x.npy").html()
    for words in ("What does it confuse?", "I don&#39;t know", "How many more can it hold?", "finds no more"):
        assert words in html
    assert f"{report.threshold:.3f}" in html
    assert f"{100 * report.forecast.error:.1f} points" in html
    assert "memscape check x.npy" in html
    assert ("no accuracy" in html) == math.isnan(report.recall)
    assert "nan %" not in html
    # rows are called by their names, which are no HTML
    assert "&lt;text 0&gt;" in html
    assert "<text" not in html
