"""Every error and warning of the library, in one tree.

An error says what was given, what is allowed and what to do. Each one is also the built-in exception that a
caller would expect, so `except ValueError` keeps working.
"""


class MemscapeError(Exception):
    """The root of every error that memscape raises on purpose."""


class InputError(MemscapeError, ValueError):
    """A value that the call cannot take: wrong width, wrong range, NaN, nothing at all."""


class SpaceError(InputError):
    """Values that lie outside the space of a memory, such as 0.5 in a memory of +-1 units."""


class DtypeError(InputError, TypeError):
    """Complex, object or text data where numbers are asked."""


class DeviceError(MemscapeError, RuntimeError):
    """A cue on another device than the memory."""


class CapabilityError(MemscapeError, TypeError):
    """An object that lacks the capability which a call needs, such as an energy."""


class SizeError(MemscapeError, MemoryError):
    """Something that would not fit, found out before any memory is taken."""


class DivergedError(InputError):
    """A loss that is no finite number while something is trained; the weights are those before that step."""


class InfeasibleError(InputError):
    """A target that cannot be had; `nearest` holds the nearest one that can, where it is known."""

    def __init__(self, message: str, nearest: object = None):
        super().__init__(message)
        self.nearest = nearest


class FileFormatError(MemscapeError, ValueError):
    """A file that is truncated, foreign, or written by a newer version of the library."""


class MemscapeWarning(UserWarning):
    """The root of the library's warnings: a hazard of the science, with number, limit and remedy."""


class CapacityWarning(MemscapeWarning):
    """More patterns than the memory can hold."""


class DependenceWarning(MemscapeWarning):
    """Stored patterns that are equal to, or linear combinations of, each other."""
