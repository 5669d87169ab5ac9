"""An edit is exact, and so is its end: bit for bit, after exceptions, in any nesting and any precision."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from memscape import engrams
from memscape.core.errors import InputError, MemscapeWarning


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(model, before):
    return all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_block_erases_and_puts_back(stats, mlp, data):
    before = weights(mlp)
    x, y = data[0]
    usual = mlp(x)
    with stats.engram(0).erased(mlp) as edit:
        assert not same(mlp, before)
        assert mlp(x)[y == 0].norm() < 0.5 * usual[y == 0].norm()
        assert edit.active
    assert same(mlp, before)
    assert not edit.active


@given(
    dtype=st.sampled_from([torch.bfloat16, torch.float16, torch.float32, torch.float64]),
    seed=st.integers(0, 50),
)
@settings(max_examples=10)
def test_the_weights_come_back_bit_for_bit_in_any_precision(lab, dtype, seed):
    model = lab.network(6, 8, 3, seed=seed).to(dtype)
    data = [(x.to(dtype), y) for x, y in lab.batches(40, 6, 2, seed=seed)]
    stats = engrams.collect(model, data, concept=lab.label)
    before = weights(model)
    with stats.engram(0).erased(model, alpha=1.3), stats.engram(1).erased(model, alpha=0.7):
        assert not same(model, before)
    assert same(model, before)


def test_the_weights_come_back_after_an_exception(stats, mlp):
    before = weights(mlp)
    with pytest.raises(ZeroDivisionError), stats.engram(0).erased(mlp):
        raise ZeroDivisionError
    assert same(mlp, before)


def test_the_weights_come_back_where_the_edit_itself_fails(stats, mlp, monkeypatch):
    before, engram = weights(mlp), stats.engram(0)
    usual = engram.delta

    def failing(name):
        if name == "2":
            raise RuntimeError("out of memory")
        return usual(name)

    monkeypatch.setattr(engram, "delta", failing)
    with pytest.raises(RuntimeError, match="out of memory"), engram.erased(mlp):
        pass
    assert same(mlp, before)
    with stats.engram(0).erased(mlp):  # and nothing is left in force
        pass


def test_nested_edits_are_those_of_the_sum(stats, mlp):
    """Each engram sees the weights of before the outermost edit."""
    a, b = stats.engram(0), stats.engram(1)
    with (a + b).erased(mlp):
        together = weights(mlp)
    with a.erased(mlp), b.erased(mlp):
        for name, value in mlp.state_dict().items():
            assert torch.allclose(value, together[name], atol=1e-12)


def test_the_strength_scales_the_edit(stats, mlp):
    before = weights(mlp)
    with stats.engram(0).erased(mlp, alpha=0.5):
        half = weights(mlp)
    with stats.engram(0).erased(mlp):
        for name, value in mlp.state_dict().items():
            assert torch.allclose(half[name] - before[name], 0.5 * (value - before[name]), atol=1e-12)


def test_a_strength_for_each_layer(stats, mlp):
    before = weights(mlp)
    with stats.engram(0).erased(mlp, alpha={"0": 1.0}):
        assert not torch.equal(mlp[0].weight, before["0.weight"])
        assert torch.equal(mlp[2].weight, before["2.weight"])
    with (
        pytest.raises(InputError, match="alpha names head"),
        stats.engram(0).erased(mlp, alpha={"head": 1.0}),
    ):
        pass


@pytest.mark.parametrize("alpha", [float("nan"), float("inf"), True, "1"])
def test_a_strength_is_a_finite_number(stats, mlp, alpha):
    before = weights(mlp)
    with pytest.raises(InputError, match="finite number"), stats.engram(0).erased(mlp, alpha=alpha):
        pass
    assert same(mlp, before)


@pytest.mark.parametrize("alpha", [-1.0, 5.0])
def test_a_strength_out_of_the_sane_range_warns(stats, mlp, alpha):
    with pytest.warns(MemscapeWarning, match="damages the rest"), stats.engram(0).erased(mlp, alpha=alpha):
        pass


def test_a_handle_reverts(stats, mlp):
    before = weights(mlp)
    edit = stats.engram(0).erase_(mlp)
    assert not same(mlp, before)
    edit.revert()
    assert same(mlp, before)
    with pytest.raises(engrams.EditError, match="not in force"):
        edit.revert()


def test_a_handle_does_not_revert_what_has_changed_since(stats, mlp):
    before, edit = weights(mlp), stats.engram(0).erase_(mlp)
    with torch.no_grad():
        mlp[0].weight += 1
    with pytest.raises(engrams.EditError, match="has changed since"):
        edit.revert()
    edit.revert(force=True)
    assert same(mlp, before)


def test_the_later_edit_is_reverted_first(stats, mlp):
    before = weights(mlp)
    first, second = stats.engram(0).erase_(mlp), stats.engram(1).erase_(mlp)
    with pytest.raises(engrams.EditError, match="later edit"):
        first.revert()
    second.revert()
    first.revert()
    assert same(mlp, before)


def test_an_edit_left_in_force_inside_a_block_ends_with_it(stats, mlp):
    before = weights(mlp)
    with stats.engram(0).erased(mlp):
        inner = stats.engram(1).erase_(mlp)
    assert same(mlp, before)
    assert not inner.active


def test_a_committed_edit_stays_and_its_engrams_no_longer_fit(stats, mlp):
    edit = stats.engram(0).erase_(mlp)
    edit.commit()
    with pytest.raises(engrams.EditError, match="not in force"):
        edit.revert()
    with pytest.raises(InputError, match="not what it was"):
        stats.engram(1).erase_(mlp)


def test_composing_all_concepts_gives_the_model_on_its_data(stats, mlp, data):
    x = torch.cat([x for x, _ in data])
    usual = mlp(x)
    whole = stats.engram([0, 1], ridge=1e-12) + stats.engram([2, 3], ridge=1e-12)
    with engrams.composed(mlp, whole):
        assert torch.allclose(mlp(x), usual, atol=1e-6)


def test_an_empty_null_state_holds_the_composed_concepts_only(stats, mlp, data):
    x, y = data[0]
    before = weights(mlp)
    with engrams.composed(mlp, stats.engram(0)):
        outside = mlp(x)[y != 0].norm() / mlp(x)[y == 0].norm()
    assert same(mlp, before)
    assert outside < mlp(x)[y != 0].norm() / mlp(x)[y == 0].norm()


@pytest.mark.parametrize("null", ["mean", "state"])
def test_the_null_state_is_what_is_added_to(stats, mlp, null):
    other = copy.deepcopy(mlp)
    with torch.no_grad():
        for p in other.parameters():
            p.fill_(0.25)
    e = stats.engram(0)
    change = e.delta("2").dense()[0, :, :-1]
    base = torch.full_like(mlp[2].weight, 0.25 if null == "state" else float(mlp[2].weight.detach().mean()))
    with engrams.composed(mlp, e, null=other.state_dict() if null == "state" else null):
        assert torch.allclose(mlp[2].weight, base + change)


@pytest.mark.parametrize("null", ["one", {}])
def test_a_null_state_is_known_and_whole(stats, mlp, null):
    before = weights(mlp)
    with pytest.raises(InputError, match="null"), engrams.composed(mlp, stats.engram(0), null=null):
        pass
    assert same(mlp, before)


def test_a_model_that_has_changed_is_refused(stats, mlp):
    with torch.no_grad():
        mlp[0].weight[0, 0] += 1e-3
    before = weights(mlp)
    with pytest.raises(InputError, match="not what it was when the statistics were collected"):
        stats.engram(0).erase_(mlp)
    assert same(mlp, before)


def test_another_model_is_refused(stats, lab):
    for other in (lab.network(12, 16, 8, 5, seed=5), lab.network(12, 10, 8, 5), nn.Linear(3, 3)):
        before = weights(other)
        with pytest.raises(InputError):
            stats.engram(0).erase_(other)
        assert same(other, before)


def test_weights_in_another_layout_of_memory_are_written(lab):
    """channels_last weights cannot be viewed as a matrix; they are written all the same."""
    model = nn.Conv2d(4, 6, 3, dtype=torch.float64)
    model.weight.data = model.weight.data.contiguous(memory_format=torch.channels_last)
    x, y = lab.rows(20, 4 * 25).reshape(20, 4, 5, 5), torch.arange(20) % 2
    engram = engrams.collect(model, [(x, y)], concept=lab.label).engram(0)
    before = weights(model)
    with engram.erased(model):
        change = before["weight"] - model.weight
    found = engram.delta("model").dense()[0, :, :-1]
    assert torch.allclose(change.reshape(6, 36), found, atol=1e-12)


def tied_model():
    table = nn.Embedding(20, 6)
    head = nn.Linear(6, 20, bias=False)
    head.weight = table.weight
    return nn.Sequential(table, nn.Linear(6, 6), head)


def tied_stats(model):
    tokens = torch.randint(0, 20, (30, 4), generator=torch.Generator().manual_seed(0))
    labels = torch.arange(30) % 3
    return engrams.collect(model, [(tokens, labels)], concept=lambda batch: batch[1])


def test_tied_matrices_are_left_alone_and_named_once():
    model = tied_model()
    before, engram = weights(model), tied_stats(model).engram(0)
    with pytest.warns(MemscapeWarning, match=r"2 tied matrices are left.*0\.weight = 2\.weight") as seen:
        edit = engram.erase_(model)
    assert len(seen) == 1
    assert edit.report["tied_left"] == ["0", "2"]
    assert torch.equal(model[0].weight, before["0.weight"])
    assert not torch.equal(model[1].weight, before["1.weight"])


def test_a_tied_matrix_is_edited_once_on_purpose():
    model = tied_model()
    before, engram = weights(model), tied_stats(model).engram(0)
    with engram.erased(model, tied="edit"):
        wanted = before["2.weight"] - engram.delta("2").dense()[0].float()
        assert torch.allclose(model[0].weight, wanted, atol=1e-6)
    assert same(model, before)
    with pytest.raises(InputError, match="tied is 'both'"):
        engram.erase_(model, tied="both")


@pytest.mark.parametrize(("dtype", "alpha"), [(torch.float16, 1e8), (torch.float32, 1e60)])
def test_a_strength_that_overflows_the_weights_is_refused(dtype, alpha):
    model = nn.Linear(4, 2).to(dtype)
    rows = torch.eye(4, dtype=dtype)
    statistics = engrams.collect(model, [(rows, torch.arange(4) % 2)], concept=lambda batch: batch[1])
    before = weights(model)
    with (
        pytest.warns(MemscapeWarning, match="alpha is"),
        pytest.raises(InputError, match="smaller strength"),
    ):
        statistics.engram(0).erase_(model, alpha)
    assert same(model, before)


def test_a_parameter_that_is_gone_does_not_keep_the_others_edited(stats, mlp):
    before, names = weights(mlp), list(stats.sites)
    with pytest.raises(engrams.EditError, match=r"weight could not be put back"), stats.engram(0).erased(mlp):
        del mlp.get_submodule(names[0]).weight
    assert same(mlp, before)
