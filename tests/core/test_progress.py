"""Progress: callbacks count, the first Ctrl-C ends the loop, the second raises, handlers come back."""

import signal
import threading

import pytest

from memscape.core import progress as module
from memscape.core.progress import Progress


def test_a_callback_hears_of_every_step():
    heard = []
    with Progress(lambda *said: heard.append(said), 5, "steps") as bar:
        for count in (1, 3, 1):
            assert bar.update(count)
    assert heard == [(1, 5, "steps"), (4, 5, "steps"), (5, 5, "steps")]


@pytest.mark.parametrize("option", [False, None, True])
def test_short_work_shows_nothing(option, capsys):
    with Progress(option, 3, "steps") as bar:
        assert [bar.update() for _ in range(3)] == [True] * 3
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_long_work_shows_a_bar_on_the_error_stream(capsys, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich draws on terminals only
    with Progress(True, 3, "counting sheep") as bar:
        bar.update()
    said = capsys.readouterr()
    assert said.out == ""
    assert "counting sheep" in said.err


def test_the_first_ctrl_c_ends_the_loop_and_the_second_raises(capsys):
    before = signal.getsignal(signal.SIGINT)
    with Progress(False, 10, "steps") as bar:
        assert bar.update()
        signal.raise_signal(signal.SIGINT)
        assert not bar.update()
        assert bar.interrupted
        assert bar.done == 2
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before
    assert "Ctrl-C again" in capsys.readouterr().err


def test_the_handler_comes_back_after_an_error():
    before = signal.getsignal(signal.SIGINT)
    try:
        with Progress(False, 1, "steps"):
            inside = signal.getsignal(signal.SIGINT)
            raise RuntimeError("inside")
    except RuntimeError:
        assert inside is not before
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_handler_of_the_program_s_own_is_respected():
    calls = []
    before = signal.signal(signal.SIGINT, lambda *_: calls.append("own"))
    try:
        with Progress(False, 1, "steps") as bar:
            signal.raise_signal(signal.SIGINT)
            assert bar.update()
        assert calls == ["own"]
    finally:
        signal.signal(signal.SIGINT, before)


def test_work_in_a_thread_leaves_signals_alone():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def work():
        with Progress(False, 1, "steps") as bar:
            seen.append((bar.update(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(True, before)]


def test_loops_within_loops_end_from_the_inside():
    """The inner loop takes Ctrl-C: the outer one goes on unless it asks."""
    before = signal.getsignal(signal.SIGINT)
    with Progress(False, 2, "outer") as outer:
        with Progress(False, 2, "inner") as inner:
            signal.raise_signal(signal.SIGINT)
            assert inner.interrupted or outer.interrupted
        signal.raise_signal(signal.SIGINT) if not outer.interrupted else None
        assert not outer.update()
    assert signal.getsignal(signal.SIGINT) is before
