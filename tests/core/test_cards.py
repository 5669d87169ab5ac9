"""Cards: a class is known by its name, names are unique, class paths are never imported."""

from dataclasses import FrozenInstanceError

import pytest

from memscape.core import cards
from memscape.core.cards import Card, builder, catalogue, register, register_builder, registered
from memscape.core.errors import CapabilityError, FileFormatError, InputError


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch):
    monkeypatch.setattr(cards, "_CLASSES", {})
    monkeypatch.setattr(cards, "_BUILDERS", {})


def system(name, qualname="System"):
    card = Card(name, "Hopfield 1982", "parts", "+-1", "0.138 n", "O(pn)", "none")
    return type(qualname, (), {"card": card, "__qualname__": qualname})


def test_a_class_is_known_by_its_card_s_name():
    cls = system("Mine")
    assert register(cls) is cls
    assert registered("Mine") is cls
    assert catalogue() == {"Mine": cls.card}


def test_the_catalogue_is_sorted():
    for name in "bca":
        register(system(name, name))
    assert list(catalogue()) == ["a", "b", "c"]


def test_a_name_belongs_to_one_class():
    register(system("Mine"))
    with pytest.raises(InputError, match="'Mine' is taken by"):
        register(system("Mine", "Other"))


def test_a_module_may_be_loaded_again():
    register(system("Mine"))
    again = register(system("Mine"))
    assert registered("Mine") is again


@pytest.mark.parametrize("name", ["Unknown", "os.system", "memscape.memories.Hebbian", ""])
def test_unknown_names_are_refused_with_the_known_ones(name):
    register(system("Mine"))
    with pytest.raises(FileFormatError, match="known: Mine"):
        registered(name)


def test_builders_are_found_by_name():
    register_builder("Mine", len)
    assert builder("Mine") is len
    with pytest.raises(CapabilityError, match="known: Mine"):
        builder("Yours")


def test_a_card_is_a_fact():
    card = system("Mine").card
    assert (card.form, card.span) == ("parametric", "long-term")
    with pytest.raises(FrozenInstanceError):
        card.name = "Yours"
