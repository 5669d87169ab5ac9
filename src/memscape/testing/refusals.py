"""Laws of the door: bad input raises the library's errors and leaves the memory as it was."""

from collections.abc import Callable, Iterator
from typing import Any

import torch

from memscape.core.errors import InputError
from memscape.testing.laws import law
from memscape.testing.recalls import always, stores
from memscape.testing.subject import Subject


def _bad(examined: Subject) -> dict[str, Any]:
    """Return input that no memory takes, by what is wrong with it."""
    good = examined.patterns[:2].clone()
    holes = good.clone()
    holes[0, 0] = float("nan")
    endless = good.clone()
    endless[-1, -1] = float("inf")
    bad: dict[str, Any] = {
        "one unit too many": torch.cat([good, good[:, :1]], 1),
        "one unit too few": good[:, 1:],
        "NaN": holes,
        "infinity": endless,
        "complex numbers": good.to(torch.complex64),
        "text": ["a well", "another"],
        "rows of different length": [[1.0, -1.0], [1.0]],
        "nothing": good[:0],
        "no units": good[:, :0],
        "None": None,
    }
    if examined.space.discrete:
        bad["a value outside the space"] = torch.full_like(good, 0.5)
        bad["a value far outside the space"] = good * 7
    return bad


def _refused(
    examined: Subject, call: Callable[[Any, Any], Any], memory: Any, bad: dict[str, Any]
) -> Iterator[str]:
    """Yield what is not refused by an `InputError`, and whether the memory has changed."""
    before = examined.recall(memory, examined.damaged(0.2))
    for name, value in bad.items():
        try:
            call(memory, value)
        except InputError as error:
            if len(str(error)) < 10:
                yield f"{name}: the error says only {str(error)!r}"
        except Exception as error:
            yield f"{name}: {type(error).__name__} instead of an InputError ({str(error)[:80]})"
        else:
            yield f"{name} is taken"
    found = examined.difference(examined.recall(memory, examined.damaged(0.2)), before)
    if found:
        yield f"{found} after refused calls"


@law(
    "bad patterns",
    "Patterns that cannot be stored are refused with an InputError, and nothing changes.",
    stores,
)
def _patterns(examined: Subject) -> Iterator[str]:
    yield from _refused(examined, lambda memory, x: memory.store(x), examined.fresh(), _bad(examined))


@law("bad cues", "Cues that cannot be recalled are refused with an InputError, and nothing changes.", always)
def _cues(examined: Subject) -> Iterator[str]:
    call = lambda memory, x: memory.recall(x, generator=examined.seed)  # noqa: E731
    yield from _refused(examined, call, examined.fresh(), _bad(examined))


@law("bad steps", "A recall of less than one step is refused with an InputError.", always)
def _steps(examined: Subject) -> Iterator[str]:
    cue = examined.random(1)
    bad = {"max_steps=0": 0, "max_steps=-1": -1}
    call = lambda memory, steps: memory.recall(cue, max_steps=steps)  # noqa: E731
    yield from _refused(examined, call, examined.memory, bad)
