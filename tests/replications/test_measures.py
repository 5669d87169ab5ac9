"""The measurements behind the claims, at small size: they meet their claims, and a seed fixes the number."""

import math

import pytest

from memscape.core.intervals import mean_interval
from memscape.replications import (
    ags1985,
    applications_codes,
    applications_use,
    demircigil2017,
    dense_hebbian2022,
    hopfield1982,
    kanter_sompolinsky1987,
    krotov_hopfield2016,
    multitasking2023,
    pmi2023,
    principle_generators,
    principle_perturbation,
    principle_reshaping,
    principle_scaling,
    principle_signs,
    pusuluri2016,
    ramsauer2021,
    sdr_dendrites2016,
    timescales2023,
    worm2023,
)
from memscape.replications.claim import claims

SMALL = [
    (hopfield1982.energy_falls, {"units": 60, "count": 6, "starts": 40}),
    (hopfield1982.content_addressable, {"units": 300, "cues": 4}),
    (ags1985.critical_load, {}),
    (ags1985.critical_overlap, {}),
    (ags1985.global_minimum, {}),
    (ags1985.noise, {"sweeps": 30}),
    (ags1985.mixtures, {"units": 1500, "instances": 4}),
    (kanter_sompolinsky1987.no_errors, {"units": 80}),
    (kanter_sompolinsky1987.correlated, {"units": 300}),
    (kanter_sompolinsky1987.global_minima, {"units": 80, "count": 20}),
    (kanter_sompolinsky1987.spin_glass_load, {}),
    (krotov_hopfield2016.beyond_hebb, {"instances": 2}),
    (demircigil2017.far_above, {"cues": 50}),
    (ramsauer2021.energy_falls, {"starts": 40}),
    (ramsauer2021.retrieval_error, {}),
    (ramsauer2021.three_kinds, {}),
    (ramsauer2021.attention, {}),
    (multitasking2023.parallel, {"units": 800, "networks": 6}),
    (multitasking2023.loss_is_energy, {"units": 10, "networks": 4}),
    (dense_hebbian2022.dense_holds_more, {"units": 60, "networks": 2}),
    (sdr_dendrites2016.tails, {}),
    (sdr_dendrites2016.few_synapses, {}),
    (sdr_dendrites2016.thresholds, {}),
    (pusuluri2016.hierarchy_widens, {"instances": 2, "starts": 100}),
    (pusuluri2016.hebb_fails, {"instances": 2, "starts": 100}),
    (principle_signs.even_energies, {"starts": 100}),
    (principle_signs.sign_is_real, {"instances": 4, "starts": 500}),
    (principle_generators.same_matrix, {"instances": 8, "starts": 200}),
    (principle_reshaping.decorrelated, {"units": 100}),
    (principle_reshaping.ancestors_cost, {"instances": 3, "starts": 150}),
    (principle_perturbation.noise, {"units": 60, "count": 6, "instances": 2, "starts": 20}),
    (principle_scaling.fixed_load, {"sizes": (100, 200, 400), "instances": 2, "starts": 300}),
    (applications_codes.error_correction, {"units": 100, "count": 20, "cues": 5}),
    (applications_use.continual, {"instances": 2}),
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
    if found.interval is not None:
        low, high = found.interval
        assert low <= found.value + 1e-12
        assert found.value <= high + 1e-12
    assert len({tuple(row) for row in found.rows}) <= 1


def test_the_same_seed_gives_the_same_number():
    once, again = (multitasking2023.parallel(3, units=400, networks=3) for _ in range(2))
    assert once == again
    assert once.value != multitasking2023.parallel(4, units=400, networks=3).value


def test_a_mean_of_one_value_has_no_interval():
    value, ends = mean_interval([2.0])
    assert value == 2.0
    assert all(math.isnan(end) for end in ends)


@pytest.mark.slow
def test_curricula_differ_in_what_they_keep():
    assert timescales2023.gap(0, seeds=2).value >= 0.2
    assert timescales2023.multi_keeps(0, seeds=2).value >= 0.97


@pytest.mark.slow
def test_relations_are_held_against_two_rivals():
    found = pmi2023.relations(0, seeds=2, steps=40)
    assert [row["reader"] for row in found.rows] == ["with PMI", "without", "without, 750 hidden units"]
    memory, rival = found.rows[0]["parameters"], found.rows[2]["parameters"]
    assert abs(memory - rival) < 0.02 * memory
    assert pmi2023.long_term_memory(0, seeds=2, steps=40).rows
