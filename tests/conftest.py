"""What every test starts from: hypothesis without deadlines, one thread, memory never clean by luck."""

import os
import signal

# Before torch and numba are imported: two xdist workers share the machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hypothesis
import pytest
import torch

# What a shell runs in the background ignores Ctrl-C from the start; the tests of it send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# memscape itself is not imported here: the jaxtyping hook has to come first.

# The first call of a compiled kernel takes seconds, so time says nothing about an example. The same code
# gets the same verdict: examples follow from the test's own source; `make test-random` draws new ones.
hypothesis.settings.register_profile("memscape", deadline=None, max_examples=25, derandomize=True)
hypothesis.settings.register_profile("random", deadline=None, max_examples=25, print_blob=True)
hypothesis.settings.register_profile(
    "thorough", parent=hypothesis.settings.get_profile("random"), max_examples=500
)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "memscape"))


@pytest.fixture(autouse=True)
def _poisoned_memory():
    """torch.empty gives NaN and huge integers, so that a value that nobody wrote is seen."""
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    torch.use_deterministic_algorithms(True, warn_only=True)
    yield
    torch.use_deterministic_algorithms(before[0], warn_only=before[1])
