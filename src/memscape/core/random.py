"""Random numbers.

Every draw of the library comes from an explicit generator, global seeds are never touched.
"""

import secrets

import numpy as np
import torch

from memscape.core.errors import InputError

Generator = torch.Generator | int | None


def resolve(generator: Generator = None) -> torch.Generator:
    """Return a CPU generator: the given one, one seeded with the given integer, or one with a fresh seed.

    The seed of a fresh one is not lost: `generator.initial_seed()` returns it.

    Raises:
        InputError: if `generator` is neither a CPU generator, an integer in [0, 2**63) nor None.
    """
    if isinstance(generator, torch.Generator):
        if generator.device.type != "cpu":
            raise InputError(
                f"the generator lives on {generator.device}; give one on the CPU, torch.Generator(), so that "
                "a seed means the same on every device"
            )
        return generator
    if generator is None:
        generator = secrets.randbits(48)
    if isinstance(generator, bool) or not isinstance(generator, (int, np.integer)):
        raise InputError(
            f"generator is {type(generator).__name__}; give a torch.Generator, a non-negative integer seed, "
            "or None (a fresh seed is drawn and recorded)"
        )
    if not 0 <= generator < 2**63:
        raise InputError(f"the seed is {generator}; it must lie in [0, 2**63)")
    return torch.Generator().manual_seed(int(generator))


def draw_seed(generator: Generator = None) -> int:
    """Return an integer seed, below 2**48 where it is drawn.

    An integer is its own seed, so that a result can be repeated from the recorded number; a generator is
    advanced by one draw; None draws a fresh seed.
    """
    if isinstance(generator, torch.Generator):
        return int(torch.randint(2**48, (), generator=generator))
    return resolve(generator).initial_seed()


def derived(seed: int, *key: int) -> torch.Generator:
    """Return the generator of one part of a longer piece of work, such as (seed, block, sweep).

    Parts are independent of each other and of the order in which they are drawn, so the same seed gives the
    same answer whatever the number of threads.
    """
    # As a spawn key, not behind the seed: SeedSequence reads [seed, row] and [seed, row, 0] alike.
    words = np.random.SeedSequence(seed, spawn_key=key).generate_state(2, np.uint32)
    return torch.Generator().manual_seed((int(words[0]) << 31) ^ int(words[1]))
