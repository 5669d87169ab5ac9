"""Long recalls show how far they are; the first Ctrl-C ends them with what is finished."""

import os
import signal

import pytest
import torch

import memscape as ms
from memscape.mechanisms import Asynchronous, FixedPoint, GradientFlow, Synchronous
from memscape.memories import Continuous, Dense, Hebbian, Projection

X = ms.patterns.independent(20, 120, generator=0)
STARTS = ms.patterns.independent(1000, 120, generator=1)


class Impatient:
    """A progress callable that presses Ctrl-C at its first report, once or more."""

    def __init__(self, times: int = 1):
        self.reports, self.times = [], times

    def __call__(self, done, total, text):
        self.reports.append((done, total, text))
        if len(self.reports) == 1:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def _default_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.mark.filterwarnings("ignore::memscape.core.errors.CapacityWarning")
@pytest.mark.parametrize("cls", [Hebbian, Projection, Dense])
def test_what_is_finished_is_returned_after_ctrl_c(cls):
    memory, progress = cls(X), Impatient()
    result = memory.recall(STARTS, generator=0, progress=progress)
    assert not result.complete
    assert (result.status == ms.Status.INTERRUPTED).any()
    assert "Ctrl-C" in repr(result)
    assert result.state.shape == STARTS.shape
    assert len(progress.reports) < 5
    whole = memory.recall(STARTS, generator=0)
    assert whole.complete
    done = (result.status == ms.Status.CONVERGED) | (result.status == ms.Status.TIED)
    assert torch.equal(result.state[done], whole.state[done])
    assert ((result.state == 1) | (result.state == -1)).all()


@pytest.mark.parametrize("dynamics", [FixedPoint(tolerance=0.0), GradientFlow(0.01)], ids=repr)
def test_real_valued_recalls_end_too(dynamics):
    memory = Continuous(X, beta=0.01)
    result = memory.recall(STARTS, dynamics=dynamics, progress=Impatient())
    assert not result.complete
    assert (result.steps == 1).all()


@pytest.mark.filterwarnings("ignore::memscape.core.errors.CapacityWarning")
def test_parallel_recalls_end_too():
    result = Hebbian(X).recall(STARTS, dynamics=Synchronous(), progress=Impatient())
    assert not result.complete
    assert (result.steps == 1).all()


@pytest.mark.filterwarnings("ignore::memscape.core.errors.CapacityWarning")
def test_the_second_ctrl_c_aborts():
    with pytest.raises(KeyboardInterrupt):
        Hebbian(X).recall(STARTS, generator=0, progress=Impatient(times=2))


@pytest.mark.filterwarnings("ignore::memscape.core.errors.CapacityWarning")
@pytest.mark.parametrize(
    "dynamics", [Asynchronous(), Asynchronous("fixed"), Asynchronous("steepest"), Synchronous()]
)
def test_progress_counts_every_cue_once(dynamics):
    reports = []
    Hebbian(X).recall(STARTS, dynamics=dynamics, generator=0, progress=lambda *said: reports.append(said))
    done = [said[0] for said in reports]
    assert done == sorted(done)
    assert done[-1] == 1000
    assert {said[1] for said in reports} == {1000}


@pytest.mark.filterwarnings("ignore::memscape.core.errors.CapacityWarning")
def test_basins_and_radii_say_that_they_are_incomplete():
    memory = Hebbian(X)
    found = ms.landscape.basins(memory, starts=1000, generator=0, progress=Impatient())
    assert not found.complete
    radii = ms.landscape.radius(
        memory, patterns=[0], trials=4, success="match", generator=0, progress=Impatient()
    )
    assert not radii.complete
