"""Pictures of wells and of how many there are: names, kinds, intervals, and bounds that show as such."""

import pytest
import torch

import memscape as ms
from memscape import plot
from memscape.core.errors import InputError

pytestmark = pytest.mark.filterwarnings("ignore::memscape.core.errors.MemscapeWarning")


@pytest.fixture(scope="module")
def land():
    X = ms.patterns.independent(5, 60, generator=0)
    return ms.landscape.survey(ms.memories.Hebbian(X), starts=400, generator=0, barriers=False)


def test_each_of_the_widest_wells_has_a_bar_with_its_name(land):
    figure = plot.basin_bars(land, most=8)
    axes = figure.axes[0]
    assert len(axes.patches) == 8
    widths = [patch.get_width() for patch in axes.patches]
    assert widths == pytest.approx((100 * land.basin.sort(descending=True).values[:8]).tolist())
    names = {text.get_text() for text in axes.get_yticklabels()}
    stored = {f"pattern {i}" for i in range(5)} | {f"\N{MINUS SIGN}pattern {i}" for i in range(5)}
    assert names & stored
    assert names <= stored | {"mixture", "spurious"}
    assert axes.get_title(loc="left") == f"{100 * land.share:.0f} % found a stored one"


def test_kinds_stay_apart_in_grey(land):
    figure = plot.basin_bars(land, most=len(land))
    hatches = {patch.get_hatch() for patch in figure.axes[0].patches}
    assert len(hatches) >= 2


def test_landscapes_and_basins_can_stand_beside_each_other(land):
    X = ms.patterns.independent(5, 60, generator=0)
    other = ms.landscape.basins(ms.memories.Projection(X), starts=50, generator=0)
    figure = plot.basin_bars({"Hebbian": land, "Projection": other})
    assert len(figure.axes) == 2


def test_basins_that_were_not_measured_are_not_drawn():
    census = ms.landscape.census(ms.memories.Hebbian(ms.patterns.independent(2, 12, generator=0)))
    with pytest.raises(InputError, match="not measured"):
        plot.basin_bars(census)


def test_bounds_of_the_entropy_are_hollow_and_point_upwards(land):
    J = torch.randn(60, 60, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    glass = ms.landscape.survey(ms.memories.Quadratic(J + J.T), starts=100, generator=0, barriers=False)
    curve = ms.landscape.configurational_entropy(glass, bins=8)
    axes = plot.entropy_curve(curve).axes[0]
    assert len(axes.texts) == int((curve.bound & (curve.observed > 0)).sum())
    hollow = [line for line in axes.get_lines() if line.get_markerfacecolor() == "white"]
    assert sum(len(line.get_xdata()) for line in hollow) == len(axes.texts)
    both = plot.entropy_curve({"glass": curve, "Hebbian": ms.landscape.configurational_entropy(land, bins=8)})
    assert len(both.legends[0].get_texts()) == 2
    with pytest.raises(InputError, match="no curve"):
        plot.entropy_curve({})
