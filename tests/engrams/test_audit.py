"""The audit: it measures copies, tells suppression from deletion, and its parts are what they are called."""

import math
import os
import signal
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from memscape import engrams
from memscape.core.errors import InputError
from memscape.core.random import derived
from memscape.engrams import audit
from memscape.engrams.baselines import BASELINES, chosen
from memscape.engrams.evidence import auc, probe, relearning, rounded
from memscape.engrams.examples import Examples, examples
from memscape.patterns import digits

CLASS = 3


def network(seed):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


def trained(x, y, seed=0, epochs=15):
    model = network(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for epoch in range(epochs):
        for rows in torch.randperm(len(x), generator=derived(seed, epoch)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    return model


@cache
def case():
    """A trained network, one that never saw the class, and the rows."""
    images, labels = digits()
    x = images.flatten(1)
    train, test = (x[:1200], labels[:1200]), (x[1200:], labels[1200:])
    own = train[1] == CLASS
    model = trained(*train)
    oracle = trained(train[0][~own], train[1][~own])
    statistics = engrams.collect(model, [train], concept=lambda batch: batch[1], progress=False)
    sets = {
        "forget": (train[0][own], train[1][own]),
        "retain": (train[0][~own], train[1][~own]),
        "test": test,
    }
    return model, oracle, statistics, sets


@cache
def found():
    model, oracle, statistics, sets = case()
    return audit(model, statistics.engram(CLASS), **sets, oracle=oracle, generator=0, progress=False)


def test_the_engram_suppresses_its_class_and_only_its_class():
    erased, before, control = (found()[n] for n in ("engram erased", "as trained", "random rows erased"))
    assert before.forget > 0.95
    assert erased.forget < 0.1
    assert erased.retain > 0.94
    assert control.forget > 0.9 * before.forget
    assert erased.tug_of_war > 0.85 > control.tug_of_war


def test_what_is_suppressed_is_relearnt_sooner_than_what_was_never_known():
    assert found()["engram erased"].relearned < found()["oracle"].relearned
    assert found()["as trained"].relearned == 0
    assert found()["engram erased"].probe > 0.9


def test_the_sentence_says_suppressed_never_that_it_is_gone():
    assert "suppressed at the read-out, never deleted" in found().sentence
    assert "Relearning takes" in repr(found())
    assert "tug" not in found().sentence


def test_the_oracle_is_its_own_scale():
    oracle = found()["oracle"]
    assert oracle.tug_of_war == 1
    assert abs(oracle.divergence_forget) < 1e-9
    assert oracle.forget == 0


def test_the_audited_model_is_untouched_and_the_same_seed_finds_the_same():
    model, oracle, statistics, sets = case()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    options = {"oracle": oracle, "generator": 5, "progress": False, "baselines": ["fine-tuning", "SSD"]}
    first = audit(model, statistics.engram(CLASS), **sets, **options, relearn=5)
    second = audit(model, statistics.engram(CLASS), **sets, **options, relearn=5)
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())

    def plain(one):
        rows = one.to_dict()["findings"].values()
        return [str({k: v for k, v in row.items() if k != "seconds"}) for row in rows]

    assert plain(first) == plain(second)
    assert list(first.findings) == [
        "as trained",
        "oracle",
        "engram erased",
        "random rows erased",
        "fine-tuning",
        "SSD",
    ]


def test_ctrl_c_returns_the_networks_that_are_finished():
    model, _, statistics, sets = case()

    def stop(done, total, text):
        os.kill(os.getpid(), signal.SIGINT)

    cut = audit(model, statistics.engram(CLASS), **sets, relearn=0, generator=0, progress=stop)
    assert not cut.complete
    assert list(cut.findings) == ["as trained"]
    assert "ended early" in repr(cut)


def test_without_an_oracle_nothing_is_said_that_needs_one():
    model, _, statistics, sets = case()
    one = audit(
        model, statistics.engram(CLASS), **sets, relearn=0, control=False, generator=0, progress=False
    )
    assert math.isnan(one["engram erased"].tug_of_war)
    assert "ToW" not in one.table()
    assert "never saw it" not in one.sentence


def test_a_baseline_that_is_not_installed_is_left_out_with_a_note():
    def absent(model, forget, retain, generator):
        raise ModuleNotFoundError("no such peer: pip install it")

    model, _, statistics, sets = case()
    one = audit(
        model,
        statistics.engram(CLASS),
        **sets,
        baselines={"peer": absent},
        relearn=0,
        generator=0,
        progress=False,
    )
    assert one.notes == ("peer was left out: no such peer: pip install it",)


@pytest.mark.parametrize("name", ["NegGrad+", "gradient ascent", "task arithmetic", "SSD", "fine-tuning"])
def test_a_baseline_returns_another_network_and_leaves_the_given_one(name):
    model, _, _, sets = case()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    forget, retain = (examples(sets[part], part) for part in ("forget", "retain"))
    made = BASELINES[name](model, forget, retain, torch.Generator().manual_seed(0))
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert any(not torch.equal(before[key], value) for key, value in made.state_dict().items())


def test_the_published_package_is_a_baseline_where_it_is_installed():
    pytest.importorskip("engram", reason="ai-engram is not installed: pip install '.[bench]'")
    model, _, _, sets = case()
    forget, retain = (examples(sets[part], part) for part in ("forget", "retain"))
    made = BASELINES["ai-engram"](model, forget, retain, torch.Generator())
    assert forget.answers(made).accuracy < 0.7 < retain.answers(made).accuracy


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 99))
def test_auc_is_the_chance_that_one_exceeds_the_other(a, b, seed):
    generator = torch.Generator().manual_seed(seed)
    high, low = (torch.randint(6, (n,), generator=generator).float() for n in (a, b))
    brute = ((high[:, None] > low).float() + 0.5 * (high[:, None] == low).float()).mean()
    assert auc(high, low) == pytest.approx(float(brute), abs=1e-6)
    assert auc(high, low) + auc(low, high) == pytest.approx(1, abs=1e-6)


def test_a_probe_finds_what_is_linearly_there_and_nothing_in_noise():
    model = nn.Sequential(nn.Identity(), nn.Linear(20, 2))
    noise = torch.randn(800, 20, generator=torch.Generator().manual_seed(0))
    labels = torch.zeros(400, dtype=torch.long)
    same = [Examples(noise[:400], labels), Examples(noise[400:], labels)]
    assert abs(probe(model, *same, "1") - 0.5) < 0.1
    moved = Examples(noise[:400] + 2 * torch.eye(20)[0], labels)
    assert probe(model, moved, same[1], "1") > 0.85


def test_rounding_keeps_at_most_255_levels_for_each_row():
    model = nn.Linear(2000, 3)
    was, made = model.weight.detach(), rounded(model).get_parameter("weight").detach()
    assert all(len(row.unique()) <= 255 for row in made)
    assert float((made - was).abs().max()) <= float(was.abs().max()) / 127 / 2 * 1.01


def test_relearning_ends_at_its_goal_or_after_its_steps():
    model, _, _, sets = case()
    forget, retain = (examples(sets[part], part) for part in ("forget", "retain"))
    curve = relearning(network(9), forget, retain, steps=3, generator=torch.Generator().manual_seed(0))
    assert len(curve) == 4
    assert len(relearning(model, forget, retain, steps=3, generator=torch.Generator().manual_seed(0))) == 1


def test_a_frozen_network_relearns_as_a_free_one_does():
    _, _, _, sets = case()
    forget, retain = (examples(sets[part], part) for part in ("forget", "retain"))
    free, frozen = network(9), network(9).requires_grad_(False)
    given = {"steps": 3, "rate": 0.1}
    usual = relearning(free, forget, retain, **given, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        made = relearning(frozen, forget, retain, **given, generator=torch.Generator().manual_seed(0))
    assert made == usual
    assert not any(p.requires_grad for p in frozen.parameters())


def test_what_has_run_away_is_measured_as_it_was_before():
    class Once(nn.Linear):
        """Finite numbers where it is only asked, NaN where it learns."""

        def forward(self, x):
            return super().forward(x) * (torch.nan if torch.is_grad_enabled() else 1.0)

    _, _, _, sets = case()
    forget, retain = (examples(sets[part], part) for part in ("forget", "retain"))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = Once(64, 10)
    generator = torch.Generator().manual_seed(0)
    assert len(relearning(model, forget, retain, steps=3, generator=generator)) == 1
    tuned = BASELINES["fine-tuning"](model, forget, retain, generator)
    assert torch.equal(tuned.weight, model.weight)


def test_examples_are_read_from_pairs_loaders_and_mappings():
    x, y = torch.randn(10, 4, generator=torch.Generator().manual_seed(0)), torch.arange(10)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=3)
    for given_as in ((x, y), loader, [{"input": x, "labels": y}]):
        made = examples(given_as, "test")
        assert len(made) == 10
        held = made.inputs["input"] if isinstance(made.inputs, dict) else made.inputs
        assert torch.equal(held, x)
    assert len(made.joined(made)) == 20


def test_mistakes_are_named():
    model, _, statistics, sets = case()
    with pytest.raises(InputError, match="forget has no rows"):
        audit(model, statistics.engram(CLASS), **(sets | {"forget": []}), generator=0)
    with pytest.raises(InputError, match="no baseline 'magic'"):
        chosen(["magic"])
    with pytest.raises(InputError, match="do not go with labels"):
        Examples(torch.ones(2, 64), torch.ones(2, 5, dtype=torch.long)).answers(model)
    with pytest.raises(InputError, match="pad them to one length"):
        examples([(torch.ones(1, 2), torch.ones(1)), (torch.ones(1, 3), torch.ones(1))], "retain")
