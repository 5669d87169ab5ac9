"""Every registered memory keeps the laws, and the suite sees it when one of them is broken."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
from torch import Tensor

import memscape as ms
from memscape.core.cards import register, registered
from memscape.core.errors import CapabilityError, InputError
from memscape.mechanisms import Couplings, Entmax, Exponential, Power, RectifiedPower, Separated, Sparsemax
from memscape.memories import Continuous, Dense, Hebbian, Projection, Quadratic
from memscape.testing import ConformanceError, check_memory, checks

MAKERS: dict[str, Callable] = {
    "CA3": lambda X: ms.memories.CA3(X, cues=8),
    "Quadratic": lambda X: Quadratic(X.T @ X),
    "Sparsey": lambda X: ms.memories.Sparsey(X, generator=1),
    "SparseDistributed": lambda X: ms.memories.SparseDistributed(X, seed=1),
    "Willshaw": lambda X: ms.memories.Willshaw(X, active=10),
}
"""How a memory is made from patterns, where its class alone is not the way."""

RECALLING = [name for name in ms.catalogue() if hasattr(registered(name), "recall")]
"""Pattern memories; memories of pairs and of sequences read and replay, and have tests of their own."""


def test_most_of_the_catalogue_recalls():
    assert {"Hebbian", "Projection", "Dense", "Continuous", "MaxMargin", "Storkey"} <= set(RECALLING)


@cache
def laws_of(name: str) -> set[str]:
    """The laws that a memory of the catalogue was examined for, and keeps."""
    return {check.name for check in check_memory(MAKERS.get(name, registered(name)))}


@pytest.mark.parametrize("name", RECALLING)
def test_every_memory_of_the_catalogue_keeps_the_laws(name):
    assert len(laws_of(name)) > 10


SEPARATIONS = [
    Power(2),
    Power(4),
    RectifiedPower(3),
    Exponential(beta=0.3),
    pytest.param(Sparsemax(beta=0.1), marks=pytest.mark.slow),
    pytest.param(Entmax(alpha=1.5, beta=0.1), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("separation", SEPARATIONS, ids=repr)
def test_dense_memories_keep_the_laws_with_every_separation(separation):
    patterns = ms.patterns.independent(3, 31, generator=0)
    check_memory(lambda X: Dense(X, separation=separation), patterns)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_other_patterns_and_seeds(seed):
    check_memory(
        Projection, ms.patterns.tree((2, 2), overlap=(0.0, 0.5), size=100, generator=seed), generator=seed
    )
    check_memory(
        Continuous, torch.randn(7, 150, generator=torch.Generator().manual_seed(seed)), generator=seed
    )
    check_memory(Hebbian, ms.patterns.diluted(4, 200, dilution=0.2, generator=seed), generator=seed)


def test_learnable_and_double_memories_keep_the_laws():
    X = torch.randn(5, 120, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    check_memory(lambda X: Continuous(X, beta=2.0, learnable=True), X)


def test_which_laws_apply_follows_from_the_capabilities():
    whole = {check.name for check in checks()}
    discrete, real, couplings = laws_of("Hebbian"), laws_of("Continuous"), laws_of("Quadratic")
    assert discrete | real == whole
    assert whole - discrete == {"field is the slope"}
    assert "flip law" not in real
    assert {"flip law", "energy never rises", "save and load"} <= couplings
    assert not {"forgetting", "recalls from damage", "piece by piece"} & couplings


def test_make_that_takes_nothing_is_said_so():
    def picky(patterns):
        raise InputError("not these")

    with pytest.raises(InputError, match="not these"):
        check_memory(picky)


def test_what_is_no_memory_is_said_so():
    with pytest.raises(CapabilityError, match="recall"):
        check_memory(lambda X: ms.memories.Hetero(X, X))


# What follows breaks one thing each; the suite must name the law.


class Forgetful(Hebbian):
    """Keeps only what it was given last."""

    def _add(self, patterns):
        self.patterns = patterns.to(torch.int8)


class Elsewhere(Hebbian):
    """Stores into a copy."""

    def store(self, patterns):
        if not len(self.patterns):
            return super().store(patterns)
        return Elsewhere(
            torch.cat([self.patterns.float(), torch.as_tensor(patterns).reshape(-1, self.units)])
        )


class Gullible(Hebbian):
    """Finds everything familiar."""

    def __init__(self, patterns=None, **options):
        super().__init__(patterns, **options | {"unknown": -9.0})


class Tilted(Couplings):
    """The field of every unit is off by a little."""

    def field(self, states: Tensor) -> Tensor:
        return super().field(states) + 0.01


class Leaning(Hebbian):
    """Has a field that is not the one of its energy."""

    def _build_energy(self):
        return Tilted(super()._build_energy().couplings(), patterns=self.patterns)


class Named(Hebbian):
    """The first unit has a threshold of its own."""

    def _build_energy(self):
        return super()._build_energy().with_field(torch.eye(self.units)[0].double() * 3)


class Rising(Hebbian):
    """Descends the wrong way: its couplings and its energy have opposite signs."""

    def recall(self, cue, **options):
        uphill = Hebbian(self.patterns.float())
        uphill.landscape_energy.mixing = -1.0 / self.units
        return uphill.recall(cue, **options)


class Remembering(Hebbian):
    """Forgets from the patterns, but goes on with the old energy."""

    def _changed(self):
        held = self._energy
        super()._changed()
        self._energy = held if held is not None and len(held.patterns) > len(self.patterns) else None


class Shuffling(Hebbian):
    """Forgets without keeping the order of the rest."""

    def _keep(self, rows):
        super()._keep(rows.flip(0))


class Careless(Hebbian):
    """Takes any cue that it can round."""

    def recall(self, cue, **options):
        return super().recall(torch.as_tensor(cue).nan_to_num(1.0).sign(), **options)


class Moody(Hebbian):
    """Draws a seed of its own."""

    def recall(self, cue, *, generator=None, **options):
        return super().recall(
            cue, generator=None, dynamics=ms.mechanisms.Glauber(0.6), **options | {"max_steps": 2}
        )


class Sloppy(Hebbian):
    """Returns matches as a flat list, whatever the shape of the cue."""

    def recall(self, cue, **options):
        result = super().recall(cue, **options)
        return ms.Recall(**{**vars(result), "match": result.match.reshape(-1)})


class Lossy(Continuous):
    """Saves without its sharpness."""

    def _settings(self):
        return super()._settings()

    @classmethod
    def _from_settings(cls, settings, tensors):
        return super()._from_settings(settings, {**tensors, "beta": torch.tensor(0.01)})


class Aliased(Continuous):
    """Keeps the user's own tensor."""

    def _add(self, patterns):
        self._hold("patterns", patterns if not len(self.patterns) else torch.cat([self.patterns, patterns]))


class Slanted(Separated):
    """The gradient lacks the confining term's factor."""

    def gradient(self, states):
        return super().gradient(states) * 1.01


class Steep(Continuous):
    """Has a field that is not the slope."""

    def _build_energy(self):
        return Slanted(self.patterns.detach(), self.separation, norm=1.0)


BROKEN = {
    Forgetful: "piece by piece",
    Elsewhere: "store is in place",
    Gullible: "knows what it does not know",
    Leaning: "flip law",
    Named: "relabelling",
    Rising: "energy never rises",
    Remembering: "forgetting",
    Shuffling: "forgetting",
    Careless: "bad cues",
    Moody: "same seed",
    Sloppy: "shapes",
    Lossy: "save and load",
    Aliased: "patterns are copied",
    Steep: "field is the slope",
}


@pytest.mark.parametrize(("broken", "law"), BROKEN.items(), ids=lambda x: getattr(x, "__name__", x))
def test_a_broken_memory_is_found_out(broken, law, monkeypatch):
    if broken is Lossy:
        monkeypatch.setitem(__import__("memscape.core.cards", fromlist=["_"])._CLASSES, "Continuous", Lossy)
    with pytest.raises(ConformanceError) as caught:
        check_memory(broken)
    assert law in {name for name, _ in caught.value.broken}
    assert isinstance(caught.value, AssertionError)
    assert broken.__name__ in str(caught.value)
    assert "100 units" in str(caught.value)


def test_a_law_that_raises_is_a_law_broken():
    class Fragile(Hebbian):
        def energy(self, state):
            raise RuntimeError("out of order")

    with pytest.raises(ConformanceError, match="RuntimeError: out of order"):
        check_memory(Fragile)


def test_an_unregistered_class_is_told_that_its_files_cannot_be_read():
    class Unlisted(Hebbian):
        card = ms.core.cards.Card(**{**vars(Hebbian.card), "name": "Unlisted"})

    with pytest.raises(ConformanceError, match="register"):
        check_memory(Unlisted)


def test_a_class_of_ones_own_passes_once_registered(monkeypatch):
    cards = ms.core.cards
    monkeypatch.setattr(cards, "_CLASSES", dict(cards._CLASSES))

    @register
    class Mine(Hebbian):
        card = cards.Card(**{**vars(Hebbian.card), "name": "Mine"})

    assert len(check_memory(Mine)) > 15
