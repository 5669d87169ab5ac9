"""Zhan et al. (2025, arXiv 2507.00449): recall by context and key together."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from memscape.core.intervals import share_interval
from memscape.core.random import derived
from memscape.replications.claim import Measured, claim
from memscape.sequence import chunk
from memscape.sequence.parts import SoftmaxRead
from memscape.sequence.window import attend
from memscape.tasks import JointRecall


def codes(count: int, width: int, source: torch.Generator) -> Tensor:
    """Return `count` random vectors of -1 and +1."""
    return torch.randint(2, (count, width), generator=source).double() * 2 - 1


def read_by(memory: str, keys: Tensor, values: Tensor) -> Tensor:
    """Return what each key (p, K) reads after all pairs were written one after another."""
    if memory == "softmax":
        return attend(SoftmaxRead(beta=40.0), keys, keys, values, torch.ones(len(keys), len(keys)).bool())
    erase = "key" if memory == "delta" else None
    k, v = keys[None, :, None], values[None, :, None]
    return keys @ chunk(k, k, v, erase=erase)[1][0, 0]


@claim(
    "bound-keys",
    where="section 3: joint recall; binding is ours",
    statement="A table of 5 contexts and 5 keys is recalled by a linear memory once keys are bound to their "
    "contexts (products of random codes), without training: accuracy of the delta rule.",
    claimed=0.95,
    unit="accuracy",
    relation="at least",
)
def bound_keys(seed: int, *, width: int = 64, tables: int = 100) -> Measured:
    """Return the accuracy with bound keys; keys alone stand beside their ceiling."""
    task = JointRecall(contexts=5, keys=5, values=16)
    right = {(form, memory): 0 for form in ("alone", "bound") for memory in ("hebb", "delta", "softmax")}
    count = task.contexts * task.keys
    for which in range(tables):
        source = derived(seed, which)
        names, bodies, answers = (codes(n, width, source) for n in (task.contexts, task.keys, task.values))
        bound = (names[:, None] * bodies).flatten(0, 1)
        table = torch.randint(task.values, (count,), generator=source)
        order = torch.randperm(count, generator=source)
        for form, memory in right:
            keys = bodies.repeat(task.contexts, 1) if form == "alone" else bound
            read = read_by(memory, normalize(keys, dim=-1)[order], answers[table[order]])
            right[form, memory] += int(((read @ answers.T).argmax(-1) == table[order]).sum())
    asked = tables * count
    rows: list[dict[str, Any]] = [
        {"keys": form, "memory": memory, "accuracy": hits / asked}
        | dict(zip(("low", "high"), share_interval([hits], asked)[0].tolist(), strict=True))
        for (form, memory), hits in right.items()
    ]
    best = right["bound", "delta"]
    low, high = share_interval([best], asked)[0].tolist()
    note = f"{tables} tables; the best that knows keys alone {task.ceilings['keys alone']:.3f}, chance .062"
    law = "random codes of -1 and +1, new ones for each table"
    return Measured(best / asked, (low, high), width, count, law, seed, rows, note)
