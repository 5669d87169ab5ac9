"""The measurements behind working memory, its time scales and inference, at small size."""

import pytest

from memscape.replications import pmi2023, timescales2023, worm2023
from memscape.replications.claim import claims

SMALL = [
    (worm2023.set_size, {"seeds": 2, "count": 200}),
    (worm2023.recency, {"seeds": 2, "count": 300}),
    (worm2023.no_decay, {"seeds": 2, "count": 2000}),
    (worm2023.untrained, {"networks": 30, "count": 100}),
    (pmi2023.writers, {"seeds": 1, "steps": 2}),
]


def name(case):
    return f"{case[0].__module__.rpartition('.')[2]}.{case[0].__name__}"


@pytest.mark.parametrize(("measure", "sizes"), SMALL, ids=map(name, SMALL))
def test_a_small_measurement_meets_its_claim(measure, sizes):
    claim = next(one.claim for one in claims() if one.measure is measure)
    found = measure(0, **sizes)
    assert claim.met(found.value), f"{found.value} against {claim.bound}"
    assert len({tuple(row) for row in found.rows}) <= 1


@pytest.mark.slow
def test_curricula_differ_in_what_they_keep():
    assert timescales2023.gap(0, seeds=2).value >= 0.2
    assert timescales2023.multi_keeps(0, seeds=2).value >= 0.97


@pytest.mark.slow
def test_relations_are_held_against_two_rivals():
    found = pmi2023.relations(0, seeds=2, steps=40)
    assert [row["reader"] for row in found.rows] == ["with PMI", "without", "without, 750 hidden units"]
    plain, rival = found.rows[0]["parameters"], found.rows[2]["parameters"]
    assert abs(plain - rival) < 0.02 * plain
    assert pmi2023.long_term_memory(0, seeds=2, steps=40).rows
