"""The sequence papers' measurements at small size: they meet their claims, and misses are what is known."""

import pytest
import torch

from memscape.replications import (
    energy_transformer2023,
    foundations2024,
    gam2025,
    gated_deltanet2024,
    joint_recall2025,
    katharopoulos2020,
    lla2025,
    miras2025,
    pavlov2025,
    recall_training,
    titans2025,
    yang2024,
)
from memscape.replications.claim import claims
from memscape.replications.heads import drawn, outputs
from memscape.replications.peak_bytes import Peak
from memscape.sequence import PRESETS, MemoryLayer
from memscape.tasks import AssociativeRecall

SMALL = [
    (katharopoulos2020.recurrent, {"tokens": 40}),
    (katharopoulos2020.state, {"long": 512}),
    (yang2024.chunks, {"tokens": 70, "width": 8}),
    (yang2024.overwrites, {"streams": 40}),
    (gated_deltanet2024.chunks, {"tokens": 70, "width": 8}),
    (gated_deltanet2024.clears, {"streams": 40}),
    (titans2025.chunks, {"tokens": 20, "width": 4}),
    (titans2025.gated_deltanet, {"tokens": 20}),
    (miras2025.chunks, {"tokens": 20, "width": 4, "lag": 8}),
    (miras2025.memora_sum, {"tokens": 200, "width": 4}),
    (miras2025.moneta_two, {"tokens": 20}),
    (foundations2024.one_form, {"tokens": 20}),
    (foundations2024.conditions, {"tokens": 20}),
    (foundations2024.low_rank, {"tokens": 20}),
    (foundations2024.taylor, {"tokens": 24}),
    (pavlov2025.interference, {"streams": 40}),
    (pavlov2025.depth_and_heads, {"streams": 80, "width": 32, "deepest": 2}),
    (pavlov2025.blocking, {}),
    (energy_transformer2023.gradient, {}),
    (energy_transformer2023.energy_falls, {"tokens": 12, "steps": 6}),
    (energy_transformer2023.causal, {}),
    (lla2025.limits, {}),
    (joint_recall2025.bound_keys, {"tables": 20}),
    (gam2025.receptive_field, {}),
]


def name(case):
    return f"{case[0].__module__.rpartition('.')[2]}.{case[0].__name__}"


@pytest.mark.parametrize(("measure", "sizes"), SMALL, ids=map(name, SMALL))
def test_a_small_measurement_meets_its_claim(measure, sizes):
    claim = next(one.claim for one in claims() if one.measure is measure)
    found = measure(0, **sizes)
    assert claim.met(found.value), f"{found.value} against {claim.bound}"


def test_the_same_seed_gives_the_same_number():
    first, second = (pavlov2025.interference(3, width=16, streams=3) for _ in range(2))
    assert first == second
    assert first.value != pavlov2025.interference(4, width=16, streams=3).value


def test_huber_is_chosen_on_other_streams_and_beats_least_squares_with_outliers(monkeypatch):
    monkeypatch.setattr(miras2025, "RATES", (0.02, 0.1))
    found = miras2025.yaad_outliers(0, streams=4, tokens=256)
    assert found.value < 0.1
    assert [row["objective"] for row in found.rows] == ["L2", "Huber"]


def test_momentum_is_tried_with_and_without_noise(monkeypatch):
    monkeypatch.setattr(titans2025, "RATES", (0.1, 0.5))
    monkeypatch.setattr(titans2025, "KEPT", (0.3,))
    found = titans2025.momentum(0, streams=4, tokens=48, width=4)
    assert [row["noise"] for row in found.rows] == [0.0, 0.0, 1.0, 1.0]
    assert found.interval is not None
    assert found.interval[0] <= found.value <= found.interval[1]


def test_local_linear_attention_follows_a_kink_that_its_rivals_miss(monkeypatch):
    monkeypatch.setattr(lla2025, "BETAS", (4.0, 8.0))
    monkeypatch.setattr(lla2025, "RIDGES", (0.1,))
    found = lla2025.piecewise(0, streams=12, length=160)
    assert found.value < 1
    assert found.interval is not None
    assert found.interval[1] < 1


def test_readers_look_at_no_more_pairs_than_their_window():
    x, y = torch.randn(2, 1, 20, 3, generator=torch.Generator().manual_seed(0)).unbind(0)
    changed = y.clone()
    changed[:, 4] += 1
    read = lla2025.reader(lla2025.LocalLinearRead(0.1), 6)
    moved = (read(x, y) - read(x, changed)).abs().amax((0, 2)) > 1e-6
    assert moved.nonzero()[:, 0].tolist() == [5, 6, 7, 8, 9]


def test_local_linear_attention_needs_memory_of_the_order_of_its_tokens():
    peaks = []
    for tokens in (256, 512):
        layer = MemoryLayer(8, 1, "lla", generator=0)
        x = torch.randn(1, tokens, 8, generator=torch.Generator().manual_seed(0))
        with torch.no_grad(), Peak() as peak:
            layer(x, chunk_size=16)
        peaks.append(peak.bytes)
    assert peaks[1] < 2.1 * peaks[0]


def test_time_is_taken_in_turns():
    found = gam2025.linear_time(0, tokens=64, width=8, rounds=3)
    assert [row["tokens"] for row in found.rows] == [64, 256]
    assert found.value > 0


def test_a_peak_is_what_is_held_at_once():
    with Peak() as peak:
        for _ in range(5):
            x = torch.zeros(250)
            y = x.view(5, 50)  # no bytes of its own
            del x, y
    assert peak.bytes == 1000


def test_a_head_begins_with_the_same_weights_on_every_path():
    given = drawn(0, 9, 4, 4)
    gates = {"g": given.g, "rate": given.rate, "momentum": given.momentum}
    for spec in ("titans", "memora", "softmax", "gated_deltanet"):
        first, second = (
            outputs(PRESETS[spec], given.q, given.k, given.v, gates, path=path)[0]
            for path in ("chunk", "scan")
        )
        assert (first - second).abs().max() < 1e-10


def test_training_shows_every_seed_beside_the_best():
    task = AssociativeRecall(pairs=1, symbols=4)
    found = recall_training.best_of("linear", 3, seeds=2, task=task, steps=3, count=20, batch=4)
    assert [row["seed"] for row in found.rows] == [3, 4]
    assert found.value == max(row["accuracy"] for row in found.rows)
    assert "values without keys" in found.note


def test_layers_are_compared_after_the_same_training():
    found = yang2024.loaded(0, pairs=2, width=2, steps=3, seeds=2)
    assert {"seed", "deltanet", "linear", "softmax"} == set(found.rows[0])
    assert found.value > 0
