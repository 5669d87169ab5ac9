"""Laws of change: storing adds, forgetting takes away without a trace."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from memscape.core.errors import InputError
from memscape.core.memory import EnergyMemory, ForgettingMemory, Memory
from memscape.testing.laws import law
from memscape.testing.recalls import stores
from memscape.testing.subject import Subject


def forgets(examined: Subject) -> bool:
    """Whether the memory can forget."""
    return isinstance(examined.memory, Memory) and isinstance(examined.memory, ForgettingMemory)


@law("store is in place", "store adds to the memory itself and returns it.", stores)
def _in_place(examined: Subject) -> Iterator[str]:
    memory = _used(examined, examined.fresh(slice(0, 2)))
    if memory.store(examined.patterns[2:]) is not memory:
        yield "store returns another object"
    yield from unlike(examined, memory, examined.memory, "two patterns, then the rest, against all at once")


@law("piece by piece", "Class(X) equals storing the patterns of X one after the other.", stores)
def _piecewise(examined: Subject) -> Iterator[str]:
    memory = examined.fresh(slice(0, 1))
    for pattern in examined.patterns[1:]:
        memory.store(pattern)
    yield from unlike(examined, memory, examined.memory, "one by one against all at once")


@law("patterns are copied", "Changing the tensor that was stored does not change the memory.", stores)
def _copied(examined: Subject) -> Iterator[str]:
    given = examined.patterns.clone()
    memory = examined.make(given)
    given.copy_(given.roll(1, dims=1))
    yield from unlike(examined, memory, examined.memory, "after the given tensor was overwritten")


@law("forgetting", "Forgetting equals a fresh memory of the rest, in the old order.", forgets)
def _forgetting(examined: Subject) -> Iterator[str]:
    for gone in _choices(examined.count):
        rest = [i for i in range(examined.count) if i not in {g % examined.count for g in gone}]
        memory = _used(examined, examined.fresh())
        if memory.forget(gone[0] if len(gone) == 1 else gone) is not memory:
            yield "forget returns another object"
        yield from unlike(examined, memory, examined.fresh(rest), f"without {gone} of {examined.count}")


@law("forgetting and storing", "What was forgotten can be stored again, as the last.", forgets)
def _stored_again(examined: Subject) -> Iterator[str]:
    memory = examined.fresh().forget(0).store(examined.patterns[0])
    order = [*range(1, examined.count), 0]
    yield from unlike(examined, memory, examined.fresh(order), "forgotten and stored again")


@law("forgetting what is not there", "An index that is not stored is refused, and nothing changes.", forgets)
def _not_there(examined: Subject) -> Iterator[str]:
    memory = examined.fresh()
    for index in (examined.count, -examined.count - 1, 0.5, []):
        try:
            memory.forget(index)
        except InputError:
            pass
        else:
            yield f"forget({index!r}) of {examined.count} patterns is not refused with an InputError"
    yield from unlike(examined, memory, examined.memory, "after refused calls")


def _used(examined: Subject, memory: Any) -> Any:
    """Return the memory after a recall, so that whatever it keeps for the next one is there to go stale."""
    examined.recall(memory, examined.random(2))
    return memory


def _choices(count: int) -> list[list[int]]:
    chosen = [[0], [-2], [0, count - 1]]
    return [c for c in chosen if count - len(c) >= 1]


def unlike(examined: Subject, a: Any, b: Any, what: str) -> Iterator[str]:
    """Yield in what two memories differ: recalls from damage and from random states, energies."""
    cues = torch.cat([examined.damaged(0.2), examined.random(8)])
    found = examined.difference(examined.recall(a, cues), examined.recall(b, cues))
    if found:
        yield f"{found} ({what})"
    if isinstance(a, EnergyMemory) and isinstance(b, EnergyMemory):
        states = examined.random(8)
        reading: dict[str, Callable[[Any], Any]] = {"energy": lambda m: m.energy(states)}
        reading["field"] = lambda m: m.field(states)
        for name, read in reading.items():
            if not examined.close(read(a), read(b)):
                yield f"the {name} of random states differs ({what})"
