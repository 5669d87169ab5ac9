"""The arithmetic: naive oracles and fast kernels over plain arrays. Nothing here knows what a memory is."""

from memscape.kernels.cache import ensure_cache

ensure_cache()
