"""Trees, maps and phase diagrams: what stands on the paper is what was measured."""

import matplotlib
import numpy as np
import pytest
import torch

import memscape as ms
from memscape.core.errors import InputError
from memscape.core.recall import Kind
from memscape.landscape.result import Landscape
from memscape.plot.kinds import KINDS
from memscape.plot.maps import landscape_map
from memscape.plot.phases import phase_diagram
from memscape.plot.trees import tree


def points(line) -> np.ndarray:
    """The points (t, 2) of a line."""
    return np.asarray(line.get_xydata(), dtype=float)


@pytest.fixture(scope="module")
def memory():
    return ms.memories.Projection(ms.patterns.independent(3, 14, generator=0))


@pytest.fixture(scope="module")
def land(memory):
    return ms.landscape.exhaust(memory)


def test_every_well_hangs_at_its_energy_and_every_merge_at_its_pass(land):
    axes = tree(land, lowest=len(land)).axes[0]
    lines = [points(line) for line in axes.get_lines()]
    marked = sorted(line[0, 1] for line in lines if len(line) == 1)
    assert np.allclose(marked, np.sort(land.energy.numpy() / 14))
    flat = sorted(line[0, 1] for line in lines if len(line) == 2 and line[0, 1] == line[1, 1])
    assert np.allclose(flat, np.sort(land.tree().height.numpy() / 14))


def test_branches_of_different_merges_do_not_cross(land):
    """A merge's bar spans the wells under it and no other."""
    axes = tree(land).axes[0]
    bars = [line for line in map(points, axes.get_lines()) if len(line) == 2]
    flat = [(*sorted(line[:, 0]), line[0, 1]) for line in bars if line[0, 1] == line[1, 1]]
    upright = [(line[0, 0], line[0, 1], line[1, 1]) for line in bars if line[0, 0] == line[1, 0]]
    crossings = [
        (bar, branch)
        for bar in flat
        for branch in upright
        if bar[0] + 1e-9 < branch[0] < bar[1] - 1e-9 and branch[1] + 1e-9 < bar[2] < branch[2] - 1e-9
    ]
    assert crossings == []


def test_kinds_are_told_apart_without_colour():
    looks = [(look["marker"], look["fillstyle"], str(look["linestyle"])) for look in KINDS.values()]
    assert set(KINDS) == set(Kind)
    assert len(set(looks)) == len(looks)


def test_the_wells_left_out_and_bounds_are_named(land):
    assert "left out" in tree(land, lowest=3).axes[0].get_title(loc="left")
    bounds = Landscape(
        **{f: getattr(land, f) for f in land.__dataclass_fields__ if f != "exact"}, exact=False
    )
    assert "upper bounds" in tree(bounds).axes[0].get_title(loc="left")
    assert "exact" not in tree(land).axes[0].get_title(loc="left")


def test_a_bare_tree_and_a_forest_are_drawn():
    forest = ms.landscape.merge_tree(
        torch.tensor([0.0, 1.0, 2.0]), torch.tensor([[0, 1]]), torch.tensor([3.0])
    )
    assert tree(forest).axes[0].get_title(loc="left") == "3 wells"


def test_a_map_places_wells_apart_and_paths_end_in_their_well(memory, land):
    cue = ms.patterns.flip(memory.patterns[:2].float(), 0.15, generator=1)
    recall = memory.recall(cue, trace=True, generator=0)
    axes = landscape_map(land, recall, wells=6, around=2).axes[0]
    ends = [points(line)[-1] for line in axes.get_lines() if len(points(line)) > 1]
    wells = np.array([points(line)[0] for line in axes.get_lines() if line.get_markersize() == 7])
    assert len(wells) == 6
    assert len(ends) == 4  # each path is drawn twice: a light line under a dark one
    for end in ends:
        assert np.abs(wells - end).sum(1).min() < 0.05


def test_the_plane_of_two_real_units_is_drawn_as_it_is():
    memory = ms.memories.Continuous(torch.tensor([[2.0, 0.0], [0.0, 2.0]]), beta=2.0)
    land = ms.landscape.survey(memory, starts=30, generator=0)
    axes = landscape_map(land, around=2).axes[0]
    wells = np.array([points(line)[0] for line in axes.get_lines() if line.get_markersize() == 7])
    assert np.allclose(wells, land.minima.numpy(), atol=1e-6)
    assert "lost" not in axes.get_title(loc="left")


def test_what_cannot_be_drawn_is_named(memory, land, tmp_path):
    with pytest.raises(InputError, match="trace"):
        landscape_map(land, memory.recall(memory.patterns.float()))
    land.save(tmp_path / "land.safetensors")
    with pytest.raises(InputError, match="energy"):
        landscape_map(Landscape.load(tmp_path / "land.safetensors"))
    with pytest.raises(InputError, match="two"):
        phase_diagram(ms.theory.phases.phase_diagram([0.05]))


def test_the_phase_diagram_s_lines_are_those_of_the_theory():
    given = ms.theory.phases.phase_diagram([0.01, 0.03, 0.06, 0.1])
    axes = phase_diagram(given, points={"mine": (0.05, 0.3)}).axes[0]
    lines = {line.get_label(): line for line in axes.get_lines()}
    melting = dict(points(lines["$T_M$"]).tolist())
    assert melting == dict(zip(given.load.tolist(), given.retrieval.tolist(), strict=True))
    deep = points(lines["$T_c$"])
    assert np.nanmin(deep[:, 1]) == 0.0  # it ends on the axis, not in the air
    assert [text.get_text() for text in axes.texts].count("mine") == 1


def test_settings_of_matplotlib_stay_as_they_were(land):
    before = dict(matplotlib.rcParams)
    tree(land)
    assert dict(matplotlib.rcParams) == before
