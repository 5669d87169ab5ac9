"""Laws of recall: what comes back, in which form, and that it comes back the same again."""

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from memscape.core.memory import EnergyMemory, Memory
from memscape.core.random import derived
from memscape.core.recall import Kind, Recall, Status, Verdict
from memscape.mechanisms.descent import Asynchronous
from memscape.testing.laws import law
from memscape.testing.subject import Subject

DTYPES = {
    "energy": torch.float64,
    "steps": torch.int64,
    "flips": torch.int64,
    "status": torch.int8,
    "match": torch.int64,
    "exact": torch.bool,
    "kind": torch.int8,
    "verdict": torch.int8,
}
CODES = {"status": Status, "kind": Kind, "verdict": Verdict}


def stores(examined: Subject) -> bool:
    """Whether the memory stores patterns."""
    return isinstance(examined.memory, Memory)


def always(examined: Subject) -> bool:
    """Every memory recalls."""
    return True


def settles(examined: Subject) -> bool:
    """Whether a recall has an order of units that can be fixed."""
    return isinstance(examined.memory, EnergyMemory) and examined.signed


def fixed(examined: Subject) -> dict:
    """Return the options of a recall in which the order of the units is fixed."""
    return {"dynamics": Asynchronous("fixed")} if settles(examined) else {}


@law(
    "recalls from damage",
    "At low load every stored pattern comes back from a cue with a tenth of damage.",
    stores,
)
def _recalls(examined: Subject) -> Iterator[str]:
    result = examined.recall(examined.memory, examined.damaged(0.1))
    wanted = torch.arange(examined.count)
    if not torch.equal(result.match.cpu(), wanted):
        yield f"match is {result.match.tolist()} where {wanted.tolist()} was stored"
    wrong = (result.verdict != Verdict.RECALLED).nonzero()[:, 0].tolist()
    if wrong:
        verdicts = [Verdict(int(result.verdict[i])).name for i in wrong]
        yield f"the verdict on patterns {wrong} is {verdicts}, not RECALLED"


@law("shapes", "A cue (..., n) gives results of shape (...), states of shape (..., n).", always)
def _shapes(examined: Subject) -> Iterator[str]:
    cues = examined.random(6)
    for batch in ((), (1,), (6,), (2, 3)):
        count = int(np.prod(batch))
        result = examined.recall(examined.memory, cues[:count].reshape(*batch, -1))
        for name, value in _tensors(result):
            wanted = (*batch, examined.units) if name == "state" else batch
            if tuple(value.shape) != wanted:
                yield f"cues of shape {(*batch, examined.units)} give {name} of shape {tuple(value.shape)}"


@law("codes", "Results have the documented dtypes, and every code has a name.", always)
def _codes(examined: Subject) -> Iterator[str]:
    result = examined.recall(examined.memory, torch.cat([examined.random(6), examined.damaged()]))
    for name, dtype in DTYPES.items():
        if getattr(result, name).dtype != dtype:
            yield f"{name} is {getattr(result, name).dtype}, not {dtype}"
    for name, names in CODES.items():
        unknown = set(getattr(result, name).tolist()) - {int(code) for code in names}
        if unknown:
            yield f"{name} holds {sorted(unknown)}, which {names.__name__} does not name"
    if not bool(((result.match >= -1) & (result.match < examined.count)).all()):
        yield f"match lies outside -1 ... {examined.count - 1}: {result.match.tolist()}"
    if examined.space.discrete:
        examined.space.check(result.state, "the end state")


@law("cue forms", "A cue may be a tensor of any real dtype, a numpy array or nested lists.", always)
def _cue_forms(examined: Subject) -> Iterator[str]:
    cues = examined.random(4)
    wanted = examined.recall(examined.memory, cues)
    forms = {"numpy": cues.numpy(), "lists": cues.tolist(), "float64": cues.double()}
    if examined.space.discrete:
        forms |= {"int8": cues.to(torch.int8), "int64": cues.long()}
    for name, form in forms.items():
        result = examined.recall(examined.memory, form)
        if not examined.close(result.state.to(cues.dtype), wanted.state):
            yield f"cues as {name} end elsewhere than as {cues.dtype}"


@law("same seed", "The same cues and the same seed give the same answer.", always)
def _same_seed(examined: Subject) -> Iterator[str]:
    cues = torch.cat([examined.random(6), examined.damaged(0.2)])
    first, second = (examined.recall(examined.memory, cues) for _ in range(2))
    found = examined.difference(first, second)
    if found:
        yield f"{found} between two recalls with seed {examined.seed}"


@law(
    "batch splitting",
    "In a fixed order a cue ends in the same state, whatever else is in the batch.",
    lambda examined: not examined.space.discrete or settles(examined),
)
def _splitting(examined: Subject) -> Iterator[str]:
    cues = torch.cat([examined.random(6), examined.damaged(0.2)])
    options = fixed(examined)
    whole = examined.recall(examined.memory, cues, **options)
    for i, cue in enumerate(cues):
        alone = examined.recall(examined.memory, cue, **options)
        if not examined.close(alone.state, whole.state[i]):
            yield f"cue {i} of {len(cues)} ends elsewhere when it is recalled alone"


@law(
    "unknown units",
    "Zeros in a cue are unknown units: they take the sign of their field from the given ones.",
    lambda examined: stores(examined) and examined.signed,
)
def _unknown_units(examined: Subject) -> Iterator[str]:
    memory = examined.memory
    cues = examined.space.corrupt(examined.patterns, 0.3, damage="mask", generator=derived(examined.seed, 3))
    result = examined.recall(memory, cues)
    if bool((result.state == 0).any()):
        yield "an end state still holds zeros"
    if not torch.equal(result.match.cpu(), torch.arange(examined.count)):
        yield f"with 30 % of the units unknown match is {result.match.tolist()}"
    if settles(examined):
        guess = torch.where(memory.field(cues) < 0, -1.0, 1.0).to(cues.dtype)
        filled = torch.where(cues == 0, guess, cues)
        first, second = (examined.recall(memory, c, **fixed(examined)) for c in (cues, filled))
        if not torch.equal(first.state, second.state):
            yield "filling the zeros with the sign of their field first leads elsewhere"


@law("knows what it does not know", "Random cues that were never stored are UNKNOWN.", stores)
def _unknown(examined: Subject) -> Iterator[str]:
    verdict = examined.recall(examined.memory, examined.random(200)).verdict
    share = float((verdict == Verdict.UNKNOWN).double().mean())
    if share < 0.95:
        yield f"only {share:.0%} of 200 random cues are UNKNOWN"


def _tensors(result: Recall) -> list[tuple[str, Tensor]]:
    return [
        (f.name, getattr(result, f.name))
        for f in fields(result)
        if isinstance(getattr(result, f.name), Tensor)
    ]
