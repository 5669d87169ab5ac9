"""Where compiled kernels are kept when numba finds no folder that it can write."""

import os
import stat
import tempfile
import typing
import warnings
from pathlib import Path
from typing import Any

from memscape.core.errors import MemscapeWarning
from memscape.core.version import VERSION


def ensure_cache() -> None:
    """Let kernels be declared for a user who can write neither the package, nor a home, nor NUMBA_CACHE_DIR.

    numba refuses to declare a kernel whose code it cannot keep. Such code goes to a temporary folder of this
    user alone, or nowhere if there is none, and one warning says so. Only memscape's kernels are concerned: a
    caller's own functions are cached as before.
    """
    if _writable(Path(__file__).parent / "__pycache__"):
        return  # numba is not imported for the answer that nearly everybody gets
    from numba import njit

    try:
        njit(cache=True)(_probe)
    except RuntimeError:  # no locator available
        folder = _private_folder()
        _redirect(folder)
        kept = f"is kept in {folder} until that is cleared" if folder else "is made again by each process"
        warnings.warn(
            "no folder for compiled code can be written (NUMBA_CACHE_DIR, the package's, the user's): it "
            f"{kept}; to compile once only, set NUMBA_CACHE_DIR to a folder that can be written and stays",
            MemscapeWarning,
            stacklevel=2,
        )


def _redirect(folder: Path | None) -> None:
    """Keep the code of every kernel of memscape that is declared from now on in `folder`, or not at all."""
    from numba.core import config, dispatcher

    settings: Any = config
    compiled: Any = dispatcher.Dispatcher
    usual = compiled.enable_caching

    def enable_caching(kernel: Any) -> None:
        if not kernel.py_func.__module__.startswith("memscape."):
            usual(kernel)
        elif folder:
            before = settings.CACHE_DIR
            settings.CACHE_DIR = str(folder)
            try:
                usual(kernel)
            finally:
                settings.CACHE_DIR = before

    compiled.enable_caching = enable_caching


def _private_folder() -> Path | None:
    """Return a temporary folder that only this user can open, or None: code is loaded from it."""
    try:
        user = os.getuid() if hasattr(os, "getuid") else None
        folder = Path(tempfile.gettempdir()) / f"memscape-{VERSION}-numba-{user}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    ours = user is None or (found.st_uid == user and not found.st_mode & 0o077)
    return folder if stat.S_ISDIR(found.st_mode) and ours and _writable(folder) else None


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True


@typing.no_type_check
def _probe():
    """Stand for any kernel when numba is asked whether it would declare one."""
