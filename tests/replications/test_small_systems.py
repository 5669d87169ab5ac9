"""The measurements behind the claims about small systems, at small size: those that are met are met."""

import pytest

from memscape.replications import (
    ca3_2024,
    consciousness_prior2017,
    global_workspace2025,
    phase_gating2021,
    sparsey2017,
    tensor_brain2020,
)
from memscape.replications.claim import claims

SMALL = [
    (ca3_2024.any_fragment, {"seeds": 2}),
    (ca3_2024.overwrite, {"seeds": 2}),
    (ca3_2024.half_fragment, {"seeds": 3}),
    (ca3_2024.spikes_recall, {"seeds": 1}),
    (ca3_2024.spikes_latency, {"seeds": 1}),
    (ca3_2024.spikes_forget, {"seeds": 1}),
    (sparsey2017.similar_codes, {"seeds": 3}),
    (sparsey2017.stored_again, {"seeds": 2}),
    (sparsey2017.recall_within, {"seeds": 2}),
    (sparsey2017.fails_beyond, {"seeds": 2}),
    (sparsey2017.novelty, {"seeds": 2}),
    (sparsey2017.rivals, {"seeds": 2}),
    (phase_gating2021.replay, {"seeds": 2}),
    (phase_gating2021.less_interference, {"seeds": 2, "units": 300, "count": 12}),
    (tensor_brain2020.no_violation, {"answers": 100}),
]
SLOW = [
    (ca3_2024.calibration, {"seeds": 1}),
    (sparsey2017.sequences, {"seeds": 1, "count": 3}),
    (tensor_brain2020.graph_answers, {"seeds": 1}),
    (tensor_brain2020.perception, {"seeds": 2, "steps": 800}),
    (tensor_brain2020.episodic, {"seeds": 2, "steps": 800}),
    (tensor_brain2020.erasure, {"seeds": 2, "steps": 800}),
    (consciousness_prior2017.right_pair, {"seeds": 2}),
    (global_workspace2025.held_out, {"seeds": 1}),
    (global_workspace2025.rival, {"seeds": 1}),
    (global_workspace2025.rival_transformer, {"seeds": 1}),
    (global_workspace2025.digits, {"seeds": 1}),
]
CASES = [*SMALL, *(pytest.param(*case, marks=pytest.mark.slow) for case in SLOW)]


@pytest.mark.parametrize(("measure", "sizes"), CASES)
def test_a_small_measurement_meets_its_claim(measure, sizes):
    claim = next(one.claim for one in claims() if one.measure is measure)
    found = measure(0, **sizes)
    assert claim.met(found.value), f"{found.value} against {claim.bound}"
    assert len({tuple(row) for row in found.rows}) <= 1
