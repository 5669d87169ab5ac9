"""Zeng et al. (2023, arXiv 2310.09297): a working and a long-term memory behind a Transformer layer.

Symbolic questions in the style of Sort-of-CLEVR; the paper's own numbers are on pixels and are not repeated.
"""

from functools import cache

import torch

from memscape.cognition import PMI, Answered, RelationReader
from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.replications.claim import Measured, claim
from memscape.tasks import ObjectQuestions

WHERE = "arXiv 2310.09297, abstract; the bar is ours"
SEEDS, STEPS, WIDTH = 3, 2000, 64
LAW = "6 objects of different colours at random places, Sort-of-CLEVR-style"
WIDER = 750
"""Hidden units that give the layer without memory as many parameters as the one with it."""


@cache
def _answered(seed: int, number: int, kind: str, steps: int) -> tuple[Answered, Answered, int, int]:
    """What a trained reader answers, then without its long-term memory; its parameters; its writers."""
    drawn = 1000 * seed + number
    memory = PMI(WIDTH, generator=derived(seed, number, 1)) if kind == "PMI" else None
    hidden = WIDER if kind == "wider" else 128
    reader = RelationReader(memory, width=WIDTH, hidden=hidden, generator=drawn)
    task = ObjectQuestions()
    reader.fit(task, steps=steps, generator=drawn, progress=False)
    test = 10_000 + drawn
    with torch.no_grad():
        held = reader.read(task.sample(200, generator=test))[1]
    return (
        reader.answered(task, count=4000, generator=test),
        reader.answered(task, count=4000, alpha=1.0, generator=test),
        sum(weights.numel() for weights in reader.parameters()),
        0 if held is None else held.writers,
    )


@claim(
    "relations",
    where=WHERE,
    statement="With the two memories a Transformer layer answers more questions about relations: accuracy "
    "with them minus accuracy without.",
    claimed=0.02,
    relation="at least",
    tier="minutes",
)
def relations(seed: int, *, seeds: int = SEEDS, steps: int = STEPS) -> Measured:
    """Return the mean gain over a layer without memory; a layer of as many parameters stands beside it."""
    rows, gains, wider = [], [], []
    for kind in ("PMI", "plain", "wider"):
        found = [_answered(seed, number, kind, steps) for number in range(seeds)]
        relational = [one[0].relational for one in found]
        mean, (low, high) = mean_interval(relational)
        single = mean_interval([one[0].single for one in found])[0]
        names = {"PMI": "with PMI", "plain": "without", "wider": f"without, {WIDER} hidden units"}
        row = {"reader": names[kind], "parameters": found[0][2], "relations": mean, "low": low, "high": high}
        rows.append(row | {"single objects": single})
        gains.append(relational)
    difference = [a - b for a, b in zip(gains[0], gains[1], strict=True)]
    wider = [a - b for a, b in zip(gains[0], gains[2], strict=True)]
    value, ends = mean_interval(difference)
    other, others = mean_interval(wider)
    note = (
        f"{seeds} seeds, {steps} steps of 64 scenes, 4,000 questions each; over a layer of as many "
        f"parameters {other:+.3f} ({others[0]:+.3f} to {others[1]:+.3f})"
    )
    return Measured(value, ends, WIDTH, 6, LAW, seed, rows, note)


@claim(
    "long-term-memory",
    where=WHERE,
    statement="The long-term memory is used: what is lost of the answers about relations when it is left out "
    "of a trained reader.",
    claimed=0.02,
    relation="at least",
    tier="minutes",
)
def long_term_memory(seed: int, *, seeds: int = SEEDS, steps: int = STEPS) -> Measured:
    """Return the mean loss under the ablation, alpha = 1."""
    found = [_answered(seed, number, "PMI", steps) for number in range(seeds)]
    value, ends = mean_interval([full.relational - without.relational for full, without, _, _ in found])
    both = {"both memories": [one[0] for one in found], "working memory alone": [one[1] for one in found]}
    rows = [
        {"reader": name, "relations": sum(one.relational for one in answered) / seeds}
        | {"single objects": sum(one.single for one in answered) / seeds}
        for name, answered in both.items()
    ]
    note = f"{seeds} seeds; nothing is trained after the long-term memory was taken away"
    return Measured(value, ends, WIDTH, 6, LAW, seed, rows, note)


@claim(
    "writers",
    where=WHERE,
    statement="Exactly k = 4 writers reach each slot of the working memory of a trained reader.",
    claimed=4,
    unit="writers",
    tier="minutes",
)
def writers(seed: int, *, seeds: int = SEEDS, steps: int = STEPS) -> Measured:
    """Return the number of writers."""
    found = [_answered(seed, number, "PMI", steps)[3] for number in range(seeds)]
    return Measured(float(max(found)), None, WIDTH, 8, LAW, seed, (), f"{seeds} seeds, 200 scenes each")
