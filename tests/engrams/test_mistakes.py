"""What a user gets wrong at first: each is told what was given, what is wanted, and what to do."""

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import TensorDataset

from memscape import engrams
from memscape.core.errors import FileFormatError, InputError
from memscape.engrams import inspection
from memscape.engrams.applying import erase_

X = torch.randn(32, 6, generator=torch.Generator().manual_seed(0))
Y = torch.arange(32) % 4
DATA = [(X, Y)]


def second(batch):
    return batch[1]


def plain(function):
    """A function as users run it: tests check annotations before it can say anything itself."""
    return getattr(function, "__wrapped__", function)


@pytest.fixture(scope="module")
def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))


@pytest.fixture(scope="module")
def made(model):
    return engrams.collect(model, DATA, concept=second)


PASSES = {
    "a dataset": (TensorDataset(X, Y), {}, "a DataLoader, or [(x, y)] for all rows at once"),
    "a pair": ((X, Y), {}, "a DataLoader, or [(x, y)] for all rows at once"),
    "a number": (3, {}, "the loader is a int; give batches"),
    "a function": (lambda: iter(DATA), {}, "what a generator function returns when it is called"),
    "labels themselves": (DATA, {"concept": Y}, "concept is a Tensor; give a function"),
    "a place": (DATA, {"concept": 1}, "concept is a int; give a function"),
    "a name for pairs": (DATA, {"concept": "label"}, "a batch (a tuple) has no names"),
    "a wrong name": ([{"x": X, "label": Y}], {"concept": "lable"}, "a batch (a dict) has x, label"),
    "one-hot numbers": ([(X, nn.functional.one_hot(Y, 4))], {}, "of one-hot ones: .argmax(1)"),
    "too few labels": ([(X, Y[:30])], {}, "give as many labels as rows"),
    "half of the labels": ([(X, Y[:16])], {}, "a batch has 16 labels for 32 rows, (32, 6); give as many"),
    "half of the labels later": ([(X, Y), (X, Y[:16])], {}, "a batch has 16 labels for 32 rows"),
    "an argument that the model has not": (
        [{"x": X, "label": Y}],
        {"concept": "label"},
        "called with x = a float32 tensor of shape (32, 6) and said: Sequential.forward() got an unexpected",
    ),
    "another precision": (
        [(X.double(), Y)],
        {},
        "the model (weights: float32) cannot take the first batch. It was called with a float64 tensor",
    ),
    "pictures": ([(X.reshape(32, 2, 3), Y)], {}, "such as lambda batch: batch[0].flatten(1)"),
    "a path to resume": (DATA, {"resume": "half.safetensors"}, "resume is a str; give statistics"),
}


@pytest.mark.parametrize(("loader", "options", "said"), PASSES.values(), ids=PASSES)
def test_a_pass_that_cannot_be_made_is_told_why(model, loader, options, said):
    with pytest.raises(InputError) as caught:
        plain(engrams.collect)(model, loader, **{"concept": second} | options)
    assert said in str(caught.value)


def test_layers_are_not_chosen_by_number(model):
    with pytest.raises(InputError, match="modules holds 0; give names"):
        plain(inspection._chooser)(model, [0])


def test_a_checkpoint_that_cannot_be_written_is_told_before_the_pass(model, tmp_path):
    def never():
        raise AssertionError("a batch was read")
        yield

    for place, said in ((tmp_path / "no" / "file", "there is no folder"), (tmp_path, "is the folder")):
        with pytest.raises(InputError, match=said):
            engrams.collect(model, never(), concept=second, checkpoint=place)
    assert not list(tmp_path.iterdir())


def test_an_error_of_the_users_own_function_stays_what_it_is(model):
    with pytest.raises(ZeroDivisionError):
        engrams.collect(model, DATA, concept=lambda batch: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        engrams.collect(model, DATA, concept=second, inputs=lambda batch: 1 / 0)


def test_numpy_batches_are_the_tensors_they_hold(model, made):
    there = engrams.collect(model, [(X.numpy(), Y.numpy())], concept=second)
    assert there.fingerprint() == made.fingerprint()


ENGRAMS = {
    "nested": (lambda s: s.engram([[0]]), "concept [0] was not seen"),
    "mapping": (lambda s: s.engram({"a": 1}), "concept {'a': 1} was not seen"),
    "option": (lambda s: s.engram(0, lam=2.0), "an engram has no option 'lam'; there are solver, ridge"),
    "adapter": (lambda s: s.engram(0).to_peft("nowhere", alpha=float("nan")), "alpha is nan; it must be a"),
    "no module": (
        lambda s: plain(engrams.Statistics.attach)(s, "model.pt"),
        "the model is a str; give the torch.nn.Module",
    ),
}


@pytest.mark.parametrize(("work", "said"), ENGRAMS.values(), ids=ENGRAMS)
def test_an_engram_that_cannot_be_had_is_told_why(made, work, said):
    with pytest.raises(InputError) as caught:
        work(made)
    assert said in str(caught.value)


def test_a_file_of_an_engram_holds_no_statistics(made, tmp_path):
    made.engram(0).save(tmp_path / "zero.safetensors")
    with pytest.raises(FileFormatError, match="is a file of Engram, no statistics"):
        engrams.Statistics.load(tmp_path / "zero.safetensors")


def test_what_is_no_engram_is_told_before_a_weight_changes(model, made):
    engram, before = made.engram(0), copy.deepcopy(model.state_dict())
    for wrong, kind in ((made, "Statistics"), ([engram, engram], "list"), (0, "int"), (model, "Sequential")):
        for edit in (engrams.erased, engrams.composed, erase_):
            with pytest.raises(InputError, match=f"the engram is a {kind}; give the model first"):
                plain(edit)(model, wrong)
        with pytest.raises(InputError, match=f"the engram is a {kind}"):
            plain(engrams.audit)(model, wrong, forget=DATA, retain=DATA, test=DATA)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_block_is_no_model_and_says_so(model, made):
    block = made.engram(0).erased(model)
    with pytest.raises(
        InputError, match=r"no model, and it was called with a Tensor; write `with engram\.erased"
    ):
        block(X)
    assert "inside of `with`" in repr(block)
    usual = model(X)
    with block as outer, block as inner:  # one block may be entered again, and nested
        assert outer.active
        assert inner.active
        assert not torch.equal(model(X), usual)
    assert torch.equal(model(X), usual)

    @made.engram(0).erased(model)
    def answer():
        return model(X)

    assert not torch.equal(answer(), usual)
    assert torch.equal(model(X), usual)


@pytest.mark.parametrize("strength", [np.float32(1), np.int64(1), 1, 1.0], ids=lambda x: type(x).__name__)
def test_a_strength_is_any_real_number(model, made, strength):
    with made.engram(0).erased(model):
        expected = model(X)
    with made.engram(0).erased(model, strength):
        assert torch.equal(model(X), expected)


def rows(of):
    return X[of], Y[of]


AUDITS = {
    "a dataset": ({"forget": TensorDataset(X, Y)}, "give batches: DataLoader(dataset, 64)"),
    "a number": ({"forget": 3}, "forget is a int; give (inputs, labels)"),
    "names": ({"forget": [(X, ["a"] * 32)]}, "labels are list"),
    "shares": ({"forget": (X, Y + 0.5)}, "labels hold 0.5; give whole numbers"),
    "no label": ({"forget": (X, Y * 0 - 1)}, "forget has no rows with a label of at least 0"),
    "labels beyond": ({"test": (X, Y + 7)}, "a label is 10 and the model tells 4 classes apart"),
    "another width": ({"retain": (X[:, :4], Y)}, "a float32 tensor of shape (32, 4)"),
    "a path": ({"oracle": "oracle.pt"}, "the oracle is a str"),
}


@pytest.mark.parametrize(("given", "said"), AUDITS.values(), ids=AUDITS)
def test_an_audit_that_cannot_be_made_is_told_why(model, made, given, said):
    sets = {"forget": rows(Y == 0), "retain": rows(Y != 0), "test": (X, Y)}
    with pytest.raises(InputError) as caught:
        plain(engrams.audit)(model, made.engram(0), **sets | given, relearn=0, generator=0, progress=False)
    assert said in str(caught.value)


def test_an_audit_reads_numpy_and_says_nothing_of_a_class_that_was_never_known(model, made):
    wrong = (X[Y == 0], 3 - model(X[Y == 0]).argmax(1))  # labels that the model does not give
    usual = (X[Y != 0], model(X[Y != 0]).argmax(1))
    found = engrams.audit(
        model,
        made.engram(0),
        forget=tuple(part.numpy() for part in wrong),
        retain=tuple(part.numpy() for part in usual),
        test=usual,
        unseen=wrong,
        relearn=0,
        control=False,
        generator=0,
        progress=False,
    )
    assert found["as trained"].forget <= 0.5 * found["as trained"].retain
    assert "was hardly read out before it was erased" in found.sentence
    assert "suppressed" not in found.sentence
