"""Brian2 as the oracle of spiking cells, plasticity, and the whole of the spiking CA3, spike for spike.

Runs where Brian2 does: `pip install brian2 "numpy<2.4"` (its version 2.9 does not load beside numpy 2.4).
"""

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pytest
import torch

from memscape.mechanisms.circuits import Circuit
from memscape.mechanisms.leaking import Spiking
from memscape.mechanisms.plasticity import SpikeTimes, SpikeTiming
from memscape.memories import SpikingCA3
from memscape.memories.spiking_ca3 import LEARN, PAUSE, RULE, STRONG, WAIT


def brian2() -> Any:
    """Brian2, or None where it is not installed or does not load."""
    try:
        found = import_module("brian2")
    except Exception:
        return None
    found.prefs.codegen.target = "numpy"
    return found


b2 = brian2()
pytestmark = pytest.mark.skipif(b2 is None, reason="Brian2 does not load here")

EQUATIONS = """
dv/dt = (R * I - v) / tau_m : 1 (unless refractory)
I : 1
arriving : 1
R : 1
tau_m : second
"""


def cells(spiking: Spiking, given: torch.Tensor):
    """Our cells in Brian2's words: its exact integrator, the current constant within a tick of 1 ms."""
    fade = np.exp(-1 / spiking.synapse)
    names = {
        "given": b2.TimedArray(given.double().numpy(), dt=b2.ms),
        "fade": fade,
        "ini": spiking.synapse * (1 - fade),
        "low": max(spiking.floor, -1e9),
        "threshold_v": spiking.threshold,
    }
    group = b2.NeuronGroup(
        len(spiking.tau),
        EQUATIONS,
        threshold="v >= threshold_v",
        reset="v = 0",
        refractory=(spiking.refractory + 1) * b2.ms,  # Brian2 counts the tick of the spike
        method="exact",
        namespace=names,
        dt=b2.ms,
    )
    group.R = (spiking.tau / spiking.capacity).double().numpy()
    group.tau_m = spiking.tau.double().numpy() * b2.ms
    current = "I = I * fade + ini * (given(t, i) + arriving)\narriving = 0"
    group.run_regularly(current, when="start", dt=b2.ms)
    group.run_regularly("v = clip(v, low, 1e9)", when="before_thresholds", dt=b2.ms)
    return group


def wired(group, wires: dict[int, torch.Tensor]) -> list:
    """Fixed wires: what a spike of tick t sends with delay d is there when tick t + d begins."""
    made = []
    for delay, weights in wires.items():
        sources, targets = weights.nonzero().T.numpy()
        if len(sources):
            synapses = b2.Synapses(
                group, group, "w : 1", on_pre="arriving_post += w", delay=(delay - 1) * b2.ms
            )
            synapses.connect(i=sources, j=targets)
            synapses.w = weights[sources, targets].double().numpy()
            made.append(synapses)
    return made


def plastic(before, after, rule: SpikeTiming, *, sends: bool):
    """Pairs of nearest spikes; first what comes in weakens, then what goes out strengthens, then it sends."""
    on_pre = {"pre": "w = clip(w - weaker, 0, high)\nstronger = A_plus"}
    if sends:
        on_pre["sending"] = "arriving_post += w"
    synapses = b2.Synapses(
        before,
        after,
        """w : 1
        dstronger/dt = -stronger / tau_s : 1 (event-driven)
        dweaker/dt = -weaker / tau_s : 1 (event-driven)""",
        on_pre=on_pre,
        on_post="w = clip(w + stronger, 0, high)\nweaker = A_minus",
        delay={"post": (rule.delay if sends else 0) * b2.ms},
        namespace={
            "A_plus": rule.potentiation,
            "A_minus": rule.depression,
            "high": rule.high,
            "tau_s": rule.tau * b2.ms,
        },
    )
    synapses.connect()
    synapses.pre.order, synapses.post.order = -2, -1
    return synapses


def spikes_of(monitor, ticks: int, count: int) -> torch.Tensor:
    found = torch.zeros(ticks, count, dtype=torch.bool)
    found[np.round(monitor.t / b2.ms).astype(int), np.asarray(monitor.i)] = True
    return found


@pytest.mark.parametrize("seed", range(3))
def test_a_random_circuit_fires_as_in_brian2(seed):
    drawn, n, ticks = torch.Generator().manual_seed(seed), 12, 120
    given = 9 * torch.rand(ticks, n, generator=drawn) * (torch.rand(ticks, n, generator=drawn) < 0.2)
    wires = {d: 6 * torch.randn(n, n, generator=drawn) for d in (1, 2, 3)}
    slow = torch.rand(n, generator=drawn) < 0.5
    spiking = Spiking(torch.where(slow, 3.0, 0.5), torch.where(slow, 0.27, 0.14), floor=-3.0)
    circuit, spikes = Circuit(spiking, wires), []
    activity = circuit.rest()
    for now in given:
        fired, activity = circuit.step(activity, now)
        spikes.append(fired)
    group = cells(spiking, given)
    monitor = b2.SpikeMonitor(group)
    b2.Network(group, monitor, *wired(group, wires)).run(ticks * b2.ms)
    ours = torch.stack(spikes)
    assert int(ours.sum()) > 50
    assert torch.equal(spikes_of(monitor, ticks, n), ours)


@pytest.mark.parametrize("depression", [3.0, 6.0])
def test_weights_move_as_in_brian2(depression):
    drawn, ticks = torch.Generator().manual_seed(0), 60
    rule = SpikeTiming(depression=depression)
    before, after = (torch.rand(ticks, n, generator=drawn) < 0.15 for n in (6, 5))
    weights, times = torch.zeros(6, 5), SpikeTimes.never(6, 5)
    for pre, post in zip(before, after, strict=True):
        weights, times = rule.step(weights, times, pre, post)
    sources = []
    for train in (before, after):
        t, i = train.nonzero().T.numpy()
        sources.append(b2.SpikeGeneratorGroup(train.shape[1], i, t * b2.ms, dt=b2.ms))
    synapses = plastic(*sources, rule, sends=False)
    b2.Network(*sources, synapses).run(ticks * b2.ms)
    theirs = torch.tensor(np.asarray(synapses.w)).reshape(6, 5)
    assert float(weights.max()) > 1
    torch.testing.assert_close(weights.double(), theirs, atol=1e-4, rtol=1e-4)


def test_the_whole_memory_learns_and_recalls_as_in_brian2():
    """Four overlapping contents, each cue and each bit asked: every spike of all 56 cells, by pairs alone."""
    X = torch.zeros(4, 10).scatter_(1, (2 * torch.arange(4)[:, None] + torch.arange(3)) % 8, 1.0)
    memory = SpikingCA3(5, 10, rule=replace(RULE, rival=0.0))
    p, episodes = memory.places, []

    def asked(cue: int | None, content: torch.Tensor | None, ticks: int, wait: int) -> torch.Tensor:
        given = torch.zeros(ticks + wait, memory.cells)
        if cue is not None:
            given[1 : ticks + 1, p["cue"].start + cue] = STRONG
        if content is not None:
            given[1 : ticks + 1, p["content"]] = STRONG * content
        return given

    episodes += [asked(k, x, LEARN, PAUSE) for k, x in enumerate(X)]
    episodes += [asked(k, None, 1, WAIT) for k in range(4)]
    episodes += [asked(None, bit, 1, WAIT) for bit in torch.eye(10)]
    ours = torch.cat([memory.run(given, len(given)).spikes for given in episodes])
    given = torch.cat(episodes)

    circuit = memory._circuit
    group = cells(circuit.cells, given)
    monitor = b2.SpikeMonitor(group)
    ways = [
        plastic(group[p[a].start : p[a].stop], group[p[b].start : p[b].stop], memory.rule, sends=True)
        for a, b in (("cue", "content"), ("recall_content", "recall_cue"))
    ]
    b2.Network(group, monitor, *ways, *wired(group, dict(circuit.wires))).run(len(given) * b2.ms)
    theirs = spikes_of(monitor, len(given), memory.cells)
    assert int(ours.sum()) > 200
    assert torch.equal(theirs, ours)
    for way, weights in zip(ways, (memory.to_contents, memory.to_cues), strict=True):
        theirs = torch.tensor(np.asarray(way.w)).reshape(weights.shape)
        torch.testing.assert_close(weights.double(), theirs, atol=1e-3, rtol=1e-3)
