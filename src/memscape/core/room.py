"""Memory of the machine: a size is checked before anything large is taken."""

import os
from pathlib import Path

from memscape.core.errors import SizeError


def require_room(size: int, what: str, remedy: str) -> None:
    """Raise `SizeError` where `size` bytes for `what` are more than is left; `remedy` says what to do.

    >>> require_room(8 * 100 * 1000, "the patterns", "draw fewer")
    """
    left = available()
    if left is not None and size > left:
        raise SizeError(
            f"{what} would take {_readable(size)}, {_readable(left)} of memory are left; {remedy}"
        )


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

    File cache gives way, so it is not counted.
    """
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return limit - used + int(stat.get("file", 0))
    except (OSError, ValueError):  # no such file, or "max": no limit
        return None


def _readable(size: int) -> str:
    return f"{size / 2**30:.1f} GiB" if size >= 2**28 else f"{size / 2**20:.1f} MiB"
