"""Long work shows how far it is, and the first Ctrl-C ends it with what is finished."""

import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType, TracebackType

PATIENCE = 1.0
"""Seconds before a bar appears: short work shows none."""

ProgressOption = bool | Callable[[int, int, str], None] | None


class Progress:
    """A context in which a loop reports its progress and can be ended by Ctrl-C.

    `update(count)` returns False once Ctrl-C was pressed: leave the loop and return what is finished, marked
    incomplete. A second Ctrl-C raises `KeyboardInterrupt`.

    Args:
        progress: True or False, a callable `(done, total, text)`, or None: a bar in a terminal or notebook.
        total: the units of work that make up the whole.
        text: what is being done, in a few words.

    >>> with Progress(False, 2, "two steps") as bar:
    ...     [bar.update(1), bar.update(1), bar.done]
    [True, True, 2]
    """

    def __init__(self, progress: ProgressOption, total: int, text: str):
        self.total, self.text, self.done, self.interrupted = total, text, 0, False
        self._callback = progress if callable(progress) else None
        shown = _interactive() if progress is None else progress
        self._shown = bool(shown) and self._callback is None
        self._bar = self._task = None
        self._started = 0.0
        self._previous = None

    def __enter__(self) -> "Progress":
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
            if self._previous is signal.default_int_handler:
                signal.signal(signal.SIGINT, self._interrupt)
            else:
                self._previous = None
        self._started = time.monotonic()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)

    def update(self, count: int = 1) -> bool:
        """Report `count` finished units of work; return False where the loop should end."""
        self.done += count
        if self._callback is not None:
            self._callback(self.done, self.total, self.text)
        if self._shown and self._bar is None and time.monotonic() - self._started > PATIENCE:
            self._show()
        if self._bar is not None:
            self._bar.update(self._task, completed=self.done)  # ty: ignore[invalid-argument-type]
        return not self.interrupted

    def _show(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
        self._bar.start()
        self._task = self._bar.add_task(self.text, total=self.total)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        print("stopping with what is finished (Ctrl-C again to abort)", file=sys.stderr)


def _interactive() -> bool:
    return sys.stderr.isatty() or "ipykernel" in sys.modules
