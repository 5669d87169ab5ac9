"""How many threads a parallel loop is worth."""

from collections.abc import Generator
from contextlib import contextmanager

import numba

_WORTH = 1 << 22  # steps of a summing loop that one thread makes in about a millisecond


@contextmanager
def threads_for(work: int) -> Generator[None]:
    """Give the numba loops inside one thread for each 2^22 steps of `work`, at most those allowed before.

    To meet the other threads takes longer than a small loop, and much longer on a busy machine.

    >>> with threads_for(1000):
    ...     numba.get_num_threads()
    1
    """
    before = numba.get_num_threads()
    numba.set_num_threads(min(before, 1 + work // _WORTH))
    try:
        yield
    finally:
        numba.set_num_threads(before)
