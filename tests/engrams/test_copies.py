"""Statistics and engrams go through pickle and copy: the same sums, the same model, the same refusals."""

import copy
import gc
import io
import multiprocessing
import operator
import pickle
import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from memscape import engrams
from memscape.core.errors import InputError


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


def saved(thing):
    file = io.BytesIO()
    torch.save(thing, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


WAYS = {"pickle": pickled, "deepcopy": copy.deepcopy, "torch.save": saved}


def same(one, other):
    return all(torch.equal(one.delta(name).dense(), other.delta(name).dense()) for name in one.sites)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_copy_holds_the_same_sums_and_gives_the_same_engrams(way, stats, mlp):
    made = way(stats)
    assert repr(made) == repr(stats)
    assert made.to_dict() == stats.to_dict()
    assert (made.fingerprint(), made.model_hash) == (stats.fingerprint(), stats.model_hash)
    assert same(made.engram(1), stats.engram(1))
    with made.engram(1).erased(mlp):
        there = copy.deepcopy(mlp)
    with stats.engram(1).erased(mlp):
        assert all(torch.equal(a, b) for a, b in zip(there.parameters(), mlp.parameters(), strict=True))


@given(sketch=st.sampled_from([None, 2]), seed=st.integers(0, 20))
@settings(max_examples=6)
def test_a_copy_of_half_a_pass_goes_on_as_the_pass_does(lab, sketch, seed):
    model, data = lab.network(6, 8, 3, seed=seed), lab.batches(60, 6, 3, seed=seed)
    half = engrams.collect(model, data[:2], concept=lab.label, sketch=sketch)
    whole = engrams.collect(model, data, concept=lab.label, sketch=sketch, resume=pickled(half))
    straight = engrams.collect(model, data, concept=lab.label, sketch=sketch, resume=half)
    assert whole.counts == straight.counts
    assert same(whole.engram(0), straight.engram(0))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_copied_engram_is_the_engram_computed_or_not(way, stats, mlp):
    for engram in (stats.engram(0), stats.engram([0, 1]) - 2 * stats.engram(2), stats.engram(3).held()):
        assert same(way(engram), engram)
        assert way(engram).concepts == engram.concepts
        assert way(engram).report().table() == engram.report().table()
    assert same(way(stats.engram(0)) + stats.engram(1), stats.engram(0).held() + stats.engram(1).held())


def test_a_pickle_takes_the_model_along_and_nothing_else_needs_to_hold_it(lab):
    model, data = lab.network(6, 8, 3), lab.batches(60, 6, 3)
    written = pickle.dumps(engrams.collect(model, data, concept=lab.label))
    before = [p.detach().clone() for p in model.parameters()]
    del model
    gc.collect()
    made = pickle.loads(written)
    gc.collect()
    assert all(torch.equal(a, b) for a, b in zip(before, made.model.parameters(), strict=True))
    with made.engram(0).erased(made.model):
        assert not torch.equal(before[0], made.model[0].weight)
    again = pickled(made)
    del made
    assert all(torch.equal(a, b) for a, b in zip(before, again.model.parameters(), strict=True))


def test_an_edit_that_is_never_taken_back_does_not_keep_the_model(lab):
    model, data = lab.network(6, 8, 3), lab.batches(60, 6, 3)
    engrams.collect(model, data, concept=lab.label).engram(0).erase_(model)
    held = weakref.ref(model)
    with pytest.raises(InputError, match=r"an edit is in force.*commit"):
        engrams.collect(model, data, concept=lab.label)
    del model
    gc.collect()
    assert held() is None


def test_a_merge_is_of_the_model_that_is_still_there(lab, mlp, data, stats):
    gone = engrams.collect(copy.deepcopy(mlp), data, concept=lab.label)
    gc.collect()
    assert gone.merge(stats).model is stats.merge(gone).model is mlp


def test_a_copy_of_both_keeps_them_together(stats, mlp):
    model, made = copy.deepcopy((mlp, stats))
    assert made.model is model
    assert copy.deepcopy(stats).model is mlp
    own = pickled(stats)
    assert copy.deepcopy(own).model is own.model is not mlp


def test_statistics_without_a_model_stay_without(stats, mlp, tmp_path):
    stats.save(tmp_path / "sums.safetensors")
    loaded = engrams.Statistics.load(tmp_path / "sums.safetensors")
    for way in WAYS.values():
        with pytest.raises(InputError, match="these statistics have no model"):
            way(loaded).model  # noqa: B018
        assert way(loaded).attach(mlp).model is mlp


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_copy_refuses_a_model_that_has_changed(way, stats, mlp):
    made = way(stats)
    with torch.no_grad():
        mlp[0].weight += 1
        made.model[0].weight.fill_(0.5)
    with pytest.raises(InputError, match="is not what it was when the statistics were collected"):
        made.engram(0).erase_(mlp)
    with pytest.raises(InputError, match="is not what it was when the statistics were collected"):
        made.engram(0).delta("0")


def test_a_pickle_inside_an_edit_holds_the_edited_model_and_refuses_it(stats, mlp):
    with stats.engram(0).erased(mlp):
        made = pickled(stats)
    with pytest.raises(InputError, match="is not what it was"):
        made.engram(0).delta("0")
    assert same(made.attach(mlp).engram(0), stats.engram(0))


def test_a_copied_handle_has_no_hold_on_a_model(stats, mlp):
    edit = stats.engram(0).erase_(mlp)
    for way in WAYS.values():
        assert not way(edit).active
        with pytest.raises(engrams.EditError, match="a copy of an edit never is"):
            way(edit).revert()
    edit.revert()


def test_a_failed_loader_tells_another_process_what_was_collected(lab):
    def failing():
        yield from lab.batches(16, 6, 2)
        raise OSError("disk gone")

    with pytest.raises(engrams.LoaderError) as caught:
        engrams.collect(lab.network(6, 4, 2), failing(), concept=lab.label)
    made = pickled(caught.value)
    assert (str(made), made.statistics.counts) == (str(caught.value), {0: 8, 1: 8})


def test_another_process_shares_no_weights_and_changes_no_sums(stats, mlp):
    """What multiprocessing pickles it puts into memory that both processes can write to."""
    from multiprocessing.reduction import ForkingPickler

    made = pickle.loads(ForkingPickler.dumps(stats))
    before, engram = [p.detach().clone() for p in mlp.parameters()], stats.engram(0).held()
    made.engram(0).erase_(made.model)
    assert all(torch.equal(a, b) for a, b in zip(before, mlp.parameters(), strict=True))
    made.engram(1).table()
    assert same(stats.engram(0), engram)
    assert same(made.engram(2), stats.engram(2))


@pytest.mark.slow
def test_a_worker_process_computes_the_engram(stats):
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        made = pool.map(operator.methodcaller("table"), [stats.engram(c) for c in (0, 1)])
    assert made == [stats.engram(c).table() for c in (0, 1)]


def test_what_pickle_says_of_a_network_it_cannot_take_names_its_class(lab):
    class Local(nn.Sequential):
        """Known inside this function only."""

    model = Local(nn.Linear(6, 3, dtype=torch.float64))
    stats = engrams.collect(model, lab.batches(32, 6, 2), concept=lab.label)
    with pytest.raises((AttributeError, pickle.PicklingError), match="Local"):
        pickle.dumps(stats)
    assert same(copy.deepcopy(stats).engram(0), stats.engram(0))  # needs no pickle
    assert repr(pickled(stats.engram(0).held())) == repr(stats.engram(0).held())
