"""What a law is: a sentence, when it applies, and a function that yields every way in which it is broken."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from memscape.core.errors import MemscapeError
from memscape.testing.subject import Subject


class Law(NamedTuple):
    """A law of the suite: its name and what it says."""

    name: str
    sentence: str


class ConformanceError(MemscapeError, AssertionError):
    """Laws that a memory breaks; `broken` holds (name, what was found) of each.

    It is an `AssertionError` too, so test runners show it as a failure.
    """

    def __init__(self, subject: str, broken: list[tuple[str, str]], made: int):
        self.broken = broken
        lines = "\n".join(f"- {name}: {found}" for name, found in broken)
        names = {name for name, _ in broken}
        super().__init__(f"{subject} breaks {len(names)} of {made} laws\n{lines}")


@dataclass(frozen=True)
class Rule:
    """A law with what it needs and what finds it broken."""

    law: Law
    applies: Callable[[Subject], bool]
    broken: Callable[[Subject], Iterator[str]]


REGISTERED: dict[str, Rule] = {}


def law(name: str, sentence: str, applies: Callable[[Subject], bool]) -> Callable[[Any], Any]:
    """Decorator: register a function that yields what it found broken, in words with numbers."""

    def add(broken: Callable[[Subject], Iterator[str]]) -> Callable[[Subject], Iterator[str]]:
        REGISTERED[name] = Rule(Law(name, sentence), applies, broken)
        return broken

    return add
