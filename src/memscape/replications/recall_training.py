"""Small language models trained on recall, always in the same way, so that memories can be compared.

Two blocks, width 32, one head, no feed-forward network; AdamW at 1e-2 with weight decay .1 and a cosine to 0;
400 steps of 64 sequences. At so few steps accuracy tells *when* a model finds the solution, not how much its
memory holds: the interference laws say that.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from memscape.core.random import derived
from memscape.replications.claim import M, Measured, claim
from memscape.sequence.language import LanguageModel, Spec
from memscape.tasks import Learned, MultiQueryRecall, TokenTask, learn

TASK = MultiQueryRecall(pairs=8, symbols=64, length=64)


def trained(
    task: TokenTask,
    spec: Spec | Sequence[Spec],
    seed: int,
    *,
    hidden: int = 32,
    device: str = "cpu",
    **settings: Any,
) -> Learned:
    """Return what a model of memories of this spec learns of a task from a seed; settings are `learn`'s."""
    model = LanguageModel(task.vocabulary, hidden, spec=spec, generator=derived(seed, 0)).to(device)
    return learn(model, task, generator=seed, progress=False, **settings)


def best_of(
    spec: Spec | Sequence[Spec], seed: int, *, seeds: int = 3, task: TokenTask = TASK, **settings: Any
) -> Measured:
    """Return the best accuracy of `seeds` runs, with a row for each of them."""
    rows: list[dict[str, Any]] = []
    runs: list[Learned] = []
    for each in range(seed, seed + seeds):
        started = time.process_time()
        run = trained(task, spec, each, **settings)
        runs.append(run)
        last = float(run.history.losses[-20:].mean())
        row = {"seed": each, "accuracy": run.evaluation.accuracy, "loss": last, "steps": run.history.steps}
        crossed = {f"{share} by step": run.crossed(share) or "never" for share in (0.5, 0.9)}
        rows.append({**row, **crossed, "CPU s": round(time.process_time() - started, 1)})
    best = max(runs, key=lambda run: run.evaluation.accuracy).evaluation
    ceilings = "".join(f"; {name} {value:.3f}" for name, value in task.ceilings.items())
    shown = ", ".join(f"{run.evaluation.accuracy:.3f}" for run in runs)
    note = f"{seeds} seeds: {shown}; {best.count:,} answers each; chance {best.chance:.3f}"
    sizes = ", ".join(f"{name} {value}" for name, value in list(task.to_dict().items())[1:])
    law = f"{type(task).__name__}: {sizes}"
    return Measured(best.accuracy, best.interval, 0, 0, law, seed, rows, note + ceilings)


def recall_claim(who: str, claimed: float, *, where: str) -> Callable[[M], M]:
    """Return the decorator that enters a measurement as a paper's claim on recall, at our small size."""
    text = f"Two layers trained for 400 steps recall 8 pairs from their context (best of 3 seeds): {who}."
    return claim(
        "recall",
        where=where,
        statement=text,
        claimed=claimed,
        unit="accuracy",
        tier="minutes",
        relation="at least",
    )
