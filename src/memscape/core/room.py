"""How much memory the machine has left."""

import os
from pathlib import Path


def available() -> int | None:
    """Return the bytes of main memory that can still be taken, None where the system does not say."""
    limits = [left for left in (_free(), _granted()) if left is not None]
    return min(limits, default=None)


def _free() -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _granted() -> int | None:
    """Return what a container may still take, None outside one.

    File cache gives way, so it is not counted as used; shared memory is filed with it and stays.
    """
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return limit - used + int(stat.get("file", 0)) - int(stat.get("shmem", 0))
    except (OSError, ValueError):  # no such file, or "max": no limit
        return None
