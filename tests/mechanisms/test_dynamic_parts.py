"""Leak, spikes, plasticity, gates, broadcast and schedules: the laws of each part."""

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from memscape.core.errors import InputError
from memscape.mechanisms import Curriculum, Rhythm, SpikeTiming, Spiking
from memscape.mechanisms.broadcasting import broadcast, joined, top_down
from memscape.mechanisms.gating import attended, gate, k_writers
from memscape.mechanisms.leaking import leak, shift
from memscape.mechanisms.plasticity import SpikeTimes, trace
from memscape.mechanisms.scheduling import lag_weights


@example(tau=1.03125, steps=2)
@given(tau=st.floats(1.0, 50.0), steps=st.integers(1, 30))
def test_a_leaky_state_forgets_at_its_time_constant(tau, steps):
    state = torch.ones(1, dtype=torch.float64)
    for _ in range(steps):
        state = leak(state, torch.zeros_like(state), tau)
    assert float(state) == pytest.approx((1 - 1 / tau) ** steps)


@pytest.mark.parametrize("tau", [0.0, -1.0, 0.5, float("nan"), float("inf")])
def test_impossible_time_constants_are_refused(tau):
    with pytest.raises(InputError, match="time constant"):
        leak(torch.zeros(1), torch.zeros(1), tau)


def test_a_history_holds_the_last_values():
    history = torch.zeros(2, 3)
    for t in range(5):
        history = shift(history, torch.tensor([float(t), -float(t)]))
    assert history.tolist() == [[2, 3, 4], [-2, -3, -4]]


def cell(tau: float, capacity: float) -> Spiking:
    return Spiking(torch.tensor([tau]), torch.tensor([capacity]))


@pytest.mark.parametrize(
    ("tau", "capacity", "one", "least"), [(3.0, 0.27, 5.47, 3.3), (0.5, 0.14, 5.36, 3.4)]
)
def test_one_spike_moves_the_two_cells_by_the_known_amount(tau, capacity, one, least):
    """6 nA give 5.47 mV in the slow and 5.36 mV in the fast cell; about 3.3 and 3.4 nA make them fire."""
    silent = Spiking(torch.tensor([tau]), torch.tensor([capacity]), threshold=1e9)
    _, after = silent.step(silent.rest(), torch.tensor([6.0]))
    assert float(after.voltage) == pytest.approx(one, abs=0.01)
    cells = cell(tau, capacity)
    fires = [bool(cells.step(cells.rest(), torch.tensor([w]))[0]) for w in (least - 0.1, least + 0.1)]
    assert fires == [False, True]


def test_a_cell_is_silent_while_it_is_refractory():
    cells, spikes = cell(3.0, 0.27), []
    state = cells.rest()
    for _ in range(6):
        fired, state = cells.step(state, torch.tensor([60.0]))
        spikes.append(bool(fired))
    assert spikes == [True, False, True, False, True, False]


def after(events: list[tuple[bool, bool]], rule: SpikeTiming, start: float = 3.0) -> float:
    weights, times = torch.full((1, 1), start), SpikeTimes.never(1, 1)
    for first, second in events:
        weights, times = rule.step(weights, times, torch.tensor([first]), torch.tensor([second]))
    return float(weights)


def test_order_decides_the_sign():
    rule = SpikeTiming(potentiation=1.0, depression=1.0)
    assert after([(True, False), (False, True)], rule) == pytest.approx(3 + math.exp(-1 / 3))
    assert after([(False, True), (True, False)], rule) == pytest.approx(3 - math.exp(-1 / 3))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_weights_stay_within_their_bounds(events):
    assert 0 <= after(events, SpikeTiming()) <= 6


def test_rivals_lose_only_while_something_is_written():
    rule = SpikeTiming(potentiation=0.0, depression=0.0, rival=6.0)
    weights = torch.full((2, 3), 6.0)
    silent = torch.zeros(3, dtype=torch.bool)
    first = torch.tensor([True, False])
    kept, _ = rule.step(weights, SpikeTimes.never(2, 3), first, silent, taught=first)
    assert torch.equal(kept, weights)
    new = torch.tensor([True, False, False])
    written, _ = rule.step(weights, SpikeTimes.never(2, 3), first, new, taught=first)
    assert written.tolist() == [[6, 0, 0], [6, 6, 6]]


def test_a_trace_counts_spikes_and_fades():
    x = torch.zeros(1)
    for spike in (1.0, 0.0, 1.0):
        x = trace(x, torch.tensor([spike]), tau=2.0)
    assert float(x) == pytest.approx(math.exp(-1) + 1)


def test_gates_hold_and_replace():
    slots, new = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0)).unbind()
    assert torch.equal(gate(slots, new, 1.0, 0.0), slots)
    assert torch.equal(gate(slots, new, 0.0, 1.0), new.tanh())
    with pytest.raises(InputError, match="leaves"):
        gate(slots, new, 1.5, 0.0)


@given(slots=st.integers(1, 4), writers=st.integers(1, 8), seed=st.integers(0, 2**31), data=st.data())
def test_exactly_k_write_into_each_slot(slots, writers, seed, data):
    k = data.draw(st.integers(1, writers))
    scores = torch.randn(slots, writers, generator=torch.Generator().manual_seed(seed))
    shares = k_writers(scores, k)
    assert ((shares > 0).sum(-1) == k).all()
    torch.testing.assert_close(shares.sum(-1), torch.ones(slots))
    content = torch.eye(writers)
    torch.testing.assert_close(attended(shares, content), shares)


def test_an_open_gate_lets_one_module_speak():
    rows = joined([torch.arange(3.0), torch.ones(3)])
    assert torch.equal(broadcast(rows, torch.tensor([1.0, 0.0])), torch.arange(3.0))
    with pytest.raises(InputError, match="add up to 1"):
        broadcast(rows, torch.tensor([1.0, 1.0]))
    assert torch.equal(top_down(torch.ones(3), rows, torch.tensor(0)), torch.tensor([1.0, 2.0, 3.0]))


@given(lags=st.lists(st.integers(1, 50), min_size=1, max_size=10), rate=st.floats(0.0, 3.0))
def test_rehearsal_is_a_chance_that_falls_with_the_lag(lags, rate):
    lag = torch.tensor(sorted(lags), dtype=torch.float64)
    for kind in ("power", "exponential", "uniform", "recent"):
        weights = lag_weights(lag, kind, rate)
        assert float(weights.sum()) == pytest.approx(1)
        assert (weights.diff() <= 1e-12).all()
    power = lag_weights(lag, "power", rate)
    torch.testing.assert_close(power[0] / power[-1], (lag[-1] / lag[0]) ** rate)


def test_a_full_rhythm_never_reads_while_it_writes():
    apart, open_always = Rhythm(1.0), Rhythm(0.0)
    assert apart.encoding.recalling == 0
    assert apart.retrieval.sensing == 0
    assert (apart.encoding.writing, apart.retrieval.writing) == (1, -1)
    assert open_always.encoding == open_always.retrieval
    for phase in torch.linspace(0, 6.28, 20).tolist():
        gates = Rhythm(0.7).at(phase)
        assert gates.sensing + gates.recalling == pytest.approx(1)
        assert -1 <= gates.writing <= 1


def test_a_curriculum_grows_when_the_task_is_mastered():
    single, multi = Curriculum(heads="single"), Curriculum(heads="multi")
    assert (single.after(3, 0.97), single.after(3, 0.99)) == (3, 4)
    assert (single.trained(4), multi.trained(4)) == ((4,), (2, 3, 4))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Rhythm(1.2),
        lambda: Rhythm(slots=0),
        lambda: Curriculum(heads="some"),
        lambda: SpikeTiming(tau=0.0),
        lambda: SpikeTiming(rival=-1.0),
        lambda: Spiking(torch.tensor([0.0]), torch.tensor([1.0])),
        lambda: lag_weights(torch.tensor([0.0])),
        lambda: lag_weights(torch.tensor([1.0]), "never"),
    ],
)
def test_impossible_settings_are_refused(make):
    with pytest.raises(InputError):
        make()
