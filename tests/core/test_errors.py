"""One tree of errors; each is also the built-in one that a caller would catch."""

import inspect

import pytest

from memscape.core import errors

EVERY = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if kind.__module__ == errors.__name__
]
ERRORS = [kind for kind in EVERY if not issubclass(kind, Warning)]


@pytest.mark.parametrize("kind", EVERY)
def test_every_error_has_a_root_and_says_what_it_is_for(kind):
    root = errors.MemscapeWarning if issubclass(kind, Warning) else errors.MemscapeError
    assert issubclass(kind, root)
    assert kind.__doc__


@pytest.mark.parametrize("kind", [kind for kind in ERRORS if kind is not errors.MemscapeError])
def test_every_error_is_a_built_in_one_too(kind):
    assert issubclass(kind, (ValueError, RuntimeError, TypeError, MemoryError))


def test_the_built_in_of_each():
    assert issubclass(errors.InputError, ValueError)
    assert issubclass(errors.SpaceError, errors.InputError)
    assert issubclass(errors.DtypeError, TypeError)
    assert issubclass(errors.SizeError, MemoryError)
    assert issubclass(errors.FileFormatError, ValueError)
    assert issubclass(errors.MemscapeWarning, UserWarning)


def test_an_infeasible_target_carries_the_nearest():
    assert errors.InfeasibleError("no", nearest=3).nearest == 3
    assert errors.InfeasibleError("no").nearest is None
    assert str(errors.InfeasibleError("no", nearest=3)) == "no"
