"""A reader can rebuild every small system from its card: parts, paper, equation, limits."""

import pytest

import memscape as ms

SYSTEMS = (
    "Sparsey",
    "SparseySequence",
    "CA3",
    "SpikingCA3",
    "PhaseGated",
    "TensorBrain",
    "GraphBrain",
    "GlobalWorkspace",
    "LearntModules",
    "Workspace",
)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_card_says_all_that_it_takes(name):
    card = ms.catalogue()[name]
    assert " x " in card.parts
    assert any(digit in card.paper for digit in ("19", "20"))
    assert card.equation.count("{") == card.equation.count("}")
    assert len(card.equation) > 20
    assert len(card.limits) > 20
    assert card.capacity
    assert card.cost
