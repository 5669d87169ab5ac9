"""Small systems at work: spikes, codes, replays, gates, thoughts, and the triples behind an answer."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure

from memscape.cognition import Answer, Chain, Thought
from memscape.cognition.global_workspace import MODULES
from memscape.core.errors import InputError
from memscape.core.random import Generator, derived, draw_seed
from memscape.memories.following import Replay
from memscape.memories.sparsey import Sparsey
from memscape.memories.spiking_ca3 import SpikeRecord
from memscape.plot.style import FAINT, INK, MAP, line_style, new_figure, styled

SHARES = (0.0, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Shared parts of inputs at which codes are compared."""


@styled
def spike_raster(record: SpikeRecord) -> Figure:
    """Return a figure of who fired when: a row for each cell, populations apart.

    >>> import memscape as ms
    >>> memory = ms.memories.SpikingCA3(cues=2, units=4).associate(0, [1, 0, 1, 0])
    >>> len(spike_raster(memory.read(0)).axes[0].collections) > 0
    True
    """
    figure = new_figure(4.6, 0.085 * record.spikes.shape[1] + 1.0)
    axes = figure.subplots()
    for number, (name, cells) in enumerate(record.populations.items()):
        times, rows = record.spikes[:, cells].nonzero().T
        axes.scatter(times, rows + cells.start, marker="|", s=28, color=line_style(number)["color"])
        axes.axhline(cells.start - 0.5, color=FAINT, linewidth=0.4)
        axes.text(len(record.spikes) - 0.4, (cells.start + cells.stop - 1) / 2, name, fontsize=7, va="center")
    axes.set_xlim(-0.5, len(record.spikes) - 0.5)
    axes.set_ylim(record.spikes.shape[1] - 0.5, -0.5)
    axes.set_yticks([])
    axes.set_xlabel("tick")
    axes.set_title("answer " + (f"after {record.latency} ticks" if record.latency >= 0 else "never came"))
    return figure


@styled
def code_similarity(memories: Mapping[str, Sparsey], *, cues: int = 60, generator: Generator = 0) -> Figure:
    """Return a figure of how much codes share against how much inputs do, a line for each memory.

    Args:
        memories: names to memories that hold something.
        cues: inputs drawn at each point.
        generator: seed of the inputs.

    Raises:
        InputError: for no memory, or an empty one.

    >>> import memscape as ms
    >>> X = ms.patterns.sparse(5, 200, active=20, generator=0)
    >>> figure = code_similarity({"5 stored": ms.memories.Sparsey(X, generator=0)}, cues=10)
    >>> figure.axes[0].get_xlabel()
    'share of the active bits in common'
    """
    if not memories or not all(len(memory) for memory in memories.values()):
        raise InputError("there is nothing to draw; give memories that hold at least one input")
    figure, seed = new_figure(4.2, 3.0), draw_seed(generator)
    axes = figure.subplots()
    for number, (name, memory) in enumerate(memories.items()):
        shared = [_shared(memory, share, cues, derived(seed, number, k)) for k, share in enumerate(SHARES)]
        axes.plot(SHARES, shared, label=name, **line_style(number))
        axes.axhline(1 / memory.code.size, color=FAINT, linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("share of the active bits in common")
    axes.set_ylabel("share of the winners in common")
    axes.legend(loc="upper left")
    return figure


def _shared(memory: Sparsey, share: float, cues: int, drawn: torch.Generator) -> float:
    rows = torch.randint(len(memory), (cues,), generator=drawn)
    inputs = memory.space.corrupt(memory.patterns[rows], 1 - share, generator=drawn)
    return float(memory.code.overlap(memory.draw(inputs, drawn), memory.codes[rows]).mean())


@styled
def replays(found: Mapping[str, Replay]) -> Figure:
    """Return a figure of which pattern each replay is at, step by step; open marks match no pattern.

    Args:
        found: names to replays of one cue each (of several, the first is drawn).

    Raises:
        InputError: for no replay.

    >>> import memscape as ms
    >>> X = ms.patterns.independent(5, 200, generator=0)
    >>> figure = replays({"phases apart": ms.memories.PhaseGated(200).store(X).replay(X[0], 4)})
    >>> figure.axes[0].get_ylabel()
    'pattern'
    """
    if not found:
        raise InputError("there are no replays to draw; give at least one")
    figure = new_figure(4.6, 2.8)
    axes = figure.subplots()
    for number, (name, one) in enumerate(found.items()):
        match = one.match.reshape(-1, one.match.shape[-1])[0].cpu().numpy()
        style = line_style(number)
        axes.plot(np.where(match >= 0, match, np.nan), label=name, **style)
        lost = np.flatnonzero(match < 0)
        axes.plot(lost, np.full(len(lost), -1 - 0.6 * number), "o", mfc="none", color=style["color"])
    axes.set_xlabel("step")
    axes.set_ylabel("pattern")
    figure.legend(loc="outside upper center", ncols=min(3, len(found)))
    return figure


@styled
def gate_course(chain: Chain, *, rows: Sequence[int] = (0,), labels: Sequence[str] = ()) -> Figure:
    """Return a figure of the gates of a workspace over the steps, a panel for each chosen chain.

    Raises:
        InputError: for no rows.

    >>> import torch, memscape as ms
    >>> workspace = ms.cognition.GlobalWorkspace(width=5, instructions=3, steps=4, generator=0)
    >>> len(gate_course(workspace.chain(torch.eye(5)[:2], torch.eye(3)[:2]), rows=(0, 1)).axes)
    2
    """
    if not rows:
        raise InputError("there are no chains to draw; give at least one row")
    figure = new_figure(max(3.2, 2.1 * len(rows)), 2.3)
    grid = figure.subplots(1, len(rows), sharey=True, squeeze=False).ravel()
    gates = chain.gates.detach().cpu().numpy()
    for number, (axes, row) in enumerate(zip(grid, rows, strict=True)):
        bottom = np.zeros(gates.shape[1])
        for module, name in enumerate(MODULES):
            colour = line_style(module)["color"]
            axes.bar(
                range(gates.shape[1]),
                gates[row, :, module],
                bottom=bottom,
                color=colour,
                label=name,
                width=0.9,
            )
            bottom += gates[row, :, module]
        axes.set_title(labels[number] if number < len(labels) else f"chain {row}")
        axes.set_xlabel("step")
    grid[0].set_ylim(0, 1)
    grid[0].set_ylabel("gate")
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside upper center", ncols=len(MODULES))
    return figure


@styled
def attended_units(thought: Thought, *, most: int = 60) -> Figure:
    """Return a figure of what was attended: a column for each state, a row for each unit, values as colour.

    >>> import torch, memscape as ms
    >>> thought = ms.cognition.Workspace(6, 2, generator=0).attend(torch.randn(9, 6))
    >>> len(attended_units(thought).axes[0].images)
    1
    """
    values = thought.values[:most].detach().cpu().numpy().T
    bound = float(np.abs(values).max()) or 1.0
    figure = new_figure(max(3.4, 0.09 * values.shape[1] + 1.2), 0.16 * len(values) + 1.0)
    axes = figure.subplots()
    image = axes.imshow(values, cmap=MAP, vmin=-bound, vmax=bound, aspect="auto", interpolation="nearest")
    axes.grid(False)
    axes.set_xlabel("state")
    axes.set_ylabel("unit")
    figure.colorbar(image, ax=axes, label="value in the thought")
    return figure


@styled
def evidence_bars(answer: Answer) -> Figure:
    """Return a figure of an answer: the triples it used and their shares; empty where nothing is known.

    >>> import memscape as ms
    >>> graph = ms.cognition.KnowledgeGraph([("Ada", "wrote", "Notes")])
    >>> brain = ms.cognition.GraphBrain(graph, width=8, known=0.0, generator=0)
    >>> evidence_bars(brain.ask("Ada", "wrote", None)).axes[0].get_xlabel()
    'share of the answer'
    """
    figure = new_figure(5.0, 0.32 * max(1, len(answer.used)) + 1.1)
    axes = figure.subplots()
    style: dict[str, Any] = {"color": line_style(1)["color"], "height": 0.6}
    for row, (triple, share) in enumerate(answer.used):
        axes.barh(row, share, **style)
        axes.text(0.02, row, " ".join(triple), va="center", fontsize=8, color="white" if share > 0.5 else INK)
    axes.set_ylim(max(1, len(answer.used)) - 0.4, -0.6)
    axes.set_yticks([])
    axes.set_xlim(0, 1)
    axes.set_xlabel("share of the answer")
    asked = " ".join(part or "?" for part in answer.question)
    said = "not known" if answer.name is None else answer.name
    axes.set_title("\n".join(textwrap.wrap(f"{asked}: {said} (evidence {answer.evidence:.2f})", 60)))
    return figure
