"""Pictures of small systems show what their results hold, and refuse what holds nothing."""

import numpy as np
import pytest
import torch

import memscape as ms
from memscape.core.errors import InputError


def test_a_raster_has_a_mark_for_each_spike():
    memory = ms.memories.SpikingCA3(3, 5).associate(1, [1, 0, 0, 1, 0])
    record = memory.read(1)
    axes = ms.plot.spike_raster(record).axes[0]
    marks = np.concatenate([points.get_offsets() for points in axes.collections])
    wanted = {(int(t), int(cell)) for t, cell in record.spikes.nonzero()}
    assert {(int(t), int(cell)) for t, cell in marks} == wanted
    assert "5 ticks" in axes.get_title(loc="left")


def test_similar_codes_have_a_line_for_each_memory():
    X = ms.patterns.sparse(8, 200, active=20, generator=0)
    memories = {f"{p}": ms.memories.Sparsey(X[:p], generator=0) for p in (2, 8)}
    axes = ms.plot.code_similarity(memories, cues=10).axes[0]
    lines = [line for line in axes.get_lines() if len(line.get_ydata()) == 6]
    assert len(lines) == 2
    assert all(line.get_ydata()[-1] > line.get_ydata()[0] for line in lines)
    with pytest.raises(InputError):
        ms.plot.code_similarity({"empty": ms.memories.Sparsey(units=20, generator=0)})


def test_replays_show_the_patterns_in_their_order():
    X = ms.patterns.independent(6, 200, generator=0)
    replay = ms.memories.PhaseGated(200).store(X).replay(X[0], 5)
    line = ms.plot.replays({"a sequence": replay}).axes[0].get_lines()[0]
    assert line.get_ydata().tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(InputError):
        ms.plot.replays({})


def test_gates_fill_each_step_to_the_top():
    workspace = ms.cognition.GlobalWorkspace(4, 2, steps=5, generator=0)
    chain = workspace.chain(torch.eye(4)[:2], torch.eye(2))
    axes = ms.plot.gate_course(chain, rows=(1,), labels=("second",)).axes[0]
    tops = [bar.get_y() + bar.get_height() for bar in axes.patches[-5:]]
    assert tops == pytest.approx([1] * 5, abs=1e-5)
    assert axes.get_title(loc="left") == "second"
    with pytest.raises(InputError):
        ms.plot.gate_course(chain, rows=())


def test_thoughts_and_evidence_are_drawn():
    thought = ms.cognition.Workspace(5, 2, generator=0).attend(torch.randn(7, 5))
    assert ms.plot.attended_units(thought).axes[0].images[0].get_array().shape == (5, 7)
    graph = ms.cognition.KnowledgeGraph([("Ada", "wrote", "Notes")])
    brain = ms.cognition.GraphBrain(graph, width=8, generator=0)
    known = brain.fit(steps=150, generator=0, progress=False)
    assert known.steps == 150
    axes = ms.plot.evidence_bars(brain.ask("Ada", "wrote", None)).axes[0]
    assert [text.get_text() for text in axes.texts] == ["Ada wrote Notes"]
    brain.erase(("Ada", "wrote", "Notes"))
    assert len(ms.plot.evidence_bars(brain.ask("Ada", "wrote", None)).axes[0].texts) == 0
