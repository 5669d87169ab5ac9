"""One pass: every row counts once, where it belongs; passes add up, stop and go on."""

import os
import signal

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from memscape import engrams
from memscape.core import room
from memscape.core.errors import InputError, SizeError


def second(batch):
    return batch[1]


def totals(stats):
    return {name: moments.total(True) for name, moments in stats.inputs.items()}


def equal(a, b):
    return a.counts == b.counts and all(torch.allclose(x, totals(b)[n]) for n, x in totals(a).items())


@given(
    count=st.integers(2, 60), concepts=st.integers(1, 5), width=st.integers(1, 12), seed=st.integers(0, 99)
)
@settings(max_examples=15)
def test_the_moments_are_sums_over_rows(lab, count, concepts, width, seed):
    model = nn.Linear(width, 3, dtype=torch.float64)
    x, y = lab.rows(count, width, seed), torch.arange(count) % concepts
    stats = engrams.collect(model, list(zip(x.split(7), y.split(7), strict=True)), concept=second)
    padded = torch.cat([x, torch.ones(count, 1, dtype=x.dtype)], 1)
    assert torch.allclose(totals(stats)["model"][0], padded.T @ padded)
    for c in stats.concepts:
        own = padded[y == c]
        assert torch.allclose(stats.inputs["model"].concepts[c].full(True)[0], own.T @ own)
        assert stats.counts[c] == len(own)


@given(cut=st.integers(1, 7), seed=st.integers(0, 20))
@settings(max_examples=8)
def test_two_passes_merge_to_one(lab, cut, seed):
    model, data = lab.network(8, 6, 3), lab.batches(100, 8, 3, seed=seed, size=13)
    first, rest = (engrams.collect(model, part, concept=second) for part in (data[:cut], data[cut:]))
    whole = engrams.collect(model, data, concept=second)
    merged = first.merge(rest)
    assert equal(merged, whole)
    assert equal(rest.merge(first), whole)
    assert merged.batches == whole.batches


def test_statistics_of_other_models_are_not_merged(lab, data):
    a, b = (engrams.collect(lab.network(12, 5, seed=s), data, concept=second) for s in (0, 1))
    with pytest.raises(InputError, match="different models"):
        a.merge(b)


def interrupted_after(data, count):
    for i, batch in enumerate(data):
        if i == count:
            os.kill(os.getpid(), signal.SIGINT)
        yield batch


def test_control_c_keeps_what_is_finished_and_a_second_pass_goes_on(mlp, data, stats, tmp_path):
    path = tmp_path / "half.safetensors"
    half = engrams.collect(mlp, interrupted_after(data, 3), concept=second, checkpoint=path, progress=False)
    assert not half.complete
    assert 0 < half.batches < len(data)
    for kept in (half, engrams.Statistics.load(path)):
        whole = engrams.collect(mlp, data, concept=second, resume=kept)
        assert whole.complete
        assert equal(whole, stats)


def failing_after(data, count):
    yield from data[:count]
    raise OSError("disk gone")


def test_a_loader_that_fails_leaves_its_statistics(mlp, data, stats):
    with pytest.raises(engrams.LoaderError, match="after 3 batches") as caught:
        engrams.collect(mlp, failing_after(data, 3), concept=second)
    assert not caught.value.statistics.complete
    assert equal(engrams.collect(mlp, data, concept=second, resume=caught.value.statistics), stats)


def test_a_pass_is_not_resumed_with_another_model(lab, data, stats):
    with pytest.raises(InputError, match="has changed since the pass"):
        engrams.collect(lab.network(12, 16, 8, 5, seed=3), data, concept=second, resume=stats)


def test_the_model_is_left_as_it_was(mlp, data):
    mlp[1].train()
    mlp[0].eval()
    modes = [m.training for m in mlp.modules()]
    before = {n: v.clone() for n, v in mlp.state_dict().items()}
    engrams.collect(mlp, data, concept=second)
    assert [m.training for m in mlp.modules()] == modes
    assert all(torch.equal(v, before[n]) for n, v in mlp.state_dict().items())
    assert not any(m._forward_pre_hooks for m in mlp.modules())


def test_hooks_are_gone_after_an_error(mlp, data):
    with pytest.raises(InputError):
        engrams.collect(mlp, [data[0], (data[1][0] * float("nan"), data[1][1])], concept=second)
    assert not any(m._forward_pre_hooks for m in mlp.modules())


def test_nan_is_found_with_its_layer_and_batch(mlp, data):
    broken = [*data[:2], (data[2][0] * float("inf"), data[2][1])]
    with pytest.raises(InputError, match="layer '0' saw 192 NaN or infinite values of 192 in batch 3"):
        engrams.collect(mlp, broken, concept=second)


def test_an_empty_loader_is_told(mlp, data):
    with pytest.raises(InputError, match="no batch"):
        engrams.collect(mlp, [], concept=second)
    used = iter(data)
    list(used)
    with pytest.raises(InputError, match="used up before"):
        engrams.collect(mlp, used, concept=second)


@pytest.mark.parametrize("label", [9, "3", -1, torch.tensor(0)])
def test_a_label_that_was_never_seen_is_told_with_those_that_were(stats, label):
    with pytest.raises(InputError, match=r"was not seen in 8 batches; seen were 0, 1, 2, 3|plain number"):
        stats.engram(label)


def test_an_empty_concept_is_told(stats):
    with pytest.raises(InputError, match="at least one label"):
        stats.engram([])


def test_a_target_that_equals_the_reference_is_told(mlp, data, stats):
    with pytest.raises(InputError, match="target equals reference"):
        stats.engram([0, 1, 2, 3])
    alone = engrams.collect(mlp, data, concept=lambda batch: ["all"] * len(batch[1]))
    with pytest.raises(InputError, match="target equals reference"):
        alone.engram("all")


def test_names_and_no_concept(mlp, data):
    def named(batch):
        return ["cat" if c == 1 else "dog" if c == 2 else None for c in batch[1].tolist()]

    stats = engrams.collect(mlp, data, concept=named)
    assert stats.counts == {"cat": 30, "dog": 30}
    assert stats.inputs["0"].rest.count == 60
    assert stats.inputs["0"].count == 120


@pytest.mark.parametrize(
    "labels", [torch.zeros(16), "abc", [[1, 2], [3]], [1.5] * 16, torch.zeros(5, dtype=torch.int64)]
)
def test_labels_of_another_kind_are_told(mlp, data, labels):
    with pytest.raises(InputError):
        engrams.collect(mlp, data[:1], concept=lambda batch: labels)


class Tokens(nn.Module):
    """Sees (b, t) tokens, answers once per token and once per sample."""

    def __init__(self):
        super().__init__()
        self.embed, self.mix, self.head = nn.Embedding(11, 4), nn.Linear(4, 4), nn.Linear(4, 3)

    def forward(self, ids, attention_mask=None):
        x = self.mix(self.embed(ids))
        return self.head(x.mean(1))


def tokens(count=12, length=5):
    return torch.randint(0, 11, (count, length), generator=torch.Generator().manual_seed(0))


def test_target_and_reference_tokens_have_masks_of_their_own():
    """The concept is its answer tokens; every other token that is no padding stays in the reference."""
    model, ids = Tokens().double(), tokens()
    y, answer = torch.arange(12) % 2, torch.zeros(12, 5, dtype=torch.bool)
    answer[:, 3], attention = True, torch.ones(12, 5, dtype=torch.int64)
    attention[:, 4] = 0
    batch = {"ids": ids, "attention_mask": attention, "labels": y}
    stats = engrams.collect(model, [batch], concept="labels", mask=lambda batch: answer)
    x = model.embed(ids).detach()
    own, all_ = x[y == 0][:, 3], x[:, :4].reshape(-1, 4)
    assert torch.allclose(stats.inputs["mix"].concepts[0].full(False)[0], own.T @ own)
    assert torch.allclose(stats.inputs["mix"].total(False)[0], all_.T @ all_)
    assert stats.inputs["embed"].count == 48
    # one mask on both sides: nothing else is protected
    same = engrams.collect(
        model, [batch], concept="labels", mask=lambda batch: answer, reference_mask=lambda batch: answer
    )
    assert same.inputs["mix"].count == 12


def test_padding_enters_neither_side():
    model, ids = Tokens().double(), tokens()
    attention = torch.ones(12, 5, dtype=torch.int64)
    attention[:, 2:] = 0
    batch = {"ids": ids, "attention_mask": attention, "labels": torch.arange(12) % 2}
    stats = engrams.collect(model, [batch], concept="labels")
    assert stats.inputs["mix"].count == 24
    x = model.embed(ids[:, :2]).detach().reshape(-1, 4)
    assert torch.allclose(stats.inputs["mix"].total(False)[0], x.T @ x)


def test_labels_may_be_given_per_token():
    model, ids = Tokens().double(), tokens()
    stats = engrams.collect(
        model, [ids], concept=lambda batch: torch.where(batch % 2 == 0, 0, -1), modules=["embed", "mix"]
    )
    x = model.embed(ids).detach()
    own = x[ids % 2 == 0]
    assert torch.allclose(stats.inputs["mix"].concepts[0].full(False)[0], own.T @ own)
    assert stats.inputs["mix"].count == 60


def test_a_layer_that_sees_a_sample_once_takes_the_concept_of_its_tokens():
    model, ids = Tokens().double(), tokens()
    labels = torch.full((12, 5), -1)
    labels[:6, 2] = 0
    stats = engrams.collect(model, [ids], concept=lambda batch: labels)
    assert stats.inputs["head"].concepts[0].count == 6
    labels[0, 3] = 1
    with pytest.raises(InputError, match="'head': sample 0 holds tokens of several concepts"):
        engrams.collect(model, [ids], concept=lambda batch: labels)


def test_rows_that_cannot_be_matched_are_told(mlp):
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x):
            return self.layer(x[:-1])

    with pytest.raises(InputError, match=r"layer 'layer': rows of shape \(4,\)"):
        engrams.collect(Odd(), [(torch.ones(5, 4), torch.arange(5) % 2)], concept=second)


def test_a_model_whose_time_comes_first():
    model = nn.Linear(4, 2).double()
    x, y = torch.arange(3.0 * 6 * 4, dtype=torch.float64).reshape(3, 6, 4), torch.arange(6) % 2
    stats = engrams.collect(model, [(x, y)], concept=second, batch_axis=1)
    own = x[:, y == 0].reshape(-1, 4)
    assert torch.allclose(stats.inputs["model"].concepts[0].full(False)[0], own.T @ own)


def test_half_precision_is_summed_in_more():
    model = nn.Linear(8, 4).bfloat16()
    x = torch.randn(4000, 8, generator=torch.Generator().manual_seed(0)).bfloat16()
    stats = engrams.collect(model, [(x, torch.arange(4000) % 2)], concept=second)
    wide = x.double()
    assert torch.allclose(stats.inputs["model"].total(False)[0], wide.T @ wide, rtol=1e-5, atol=1e-3)
    before = model.weight.detach().clone()
    with stats.engram(0).erased(model):
        assert model.weight.dtype == torch.bfloat16
    assert torch.equal(model.weight, before)


def test_what_would_not_fit_is_said_before_the_pass(monkeypatch):
    calls = []

    class Wide(nn.Linear):
        def forward(self, x):
            calls.append(1)
            return super().forward(x)

    monkeypatch.setattr(room, "_free", lambda: 100_000)
    monkeypatch.setattr(room, "_granted", lambda: None)
    model = nn.Sequential(Wide(300, 4))
    x, y = torch.ones(4, 300), torch.arange(4)
    with pytest.raises(SizeError, match=r"moments of 4 concepts in 1 inputs.*modules=.*'0', 300.*sketch=64"):
        engrams.collect(model, [(x, y)] * 5, concept=second)
    assert len(calls) == 1


class Compiled(nn.Module):
    """What torch.compile returns, by name."""


Compiled.__name__ = "OptimizedModule"


def parametrised():
    layer = nn.Linear(4, 2)
    return torch.nn.utils.parametrizations.weight_norm(layer)


def old_weight_norm():
    with pytest.warns(FutureWarning):
        return torch.nn.utils.weight_norm(nn.Linear(4, 2))


def quantised():
    model = nn.Sequential(nn.Linear(4, 2))
    model.register_parameter("packed", nn.Parameter(torch.zeros(4, dtype=torch.int8), requires_grad=False))
    return model


REFUSED = [
    (lambda: nn.Linear(4, 2, device="meta"), "meta device"),
    (Compiled, "is compiled"),
    (parametrised, "remove_parametrizations"),
    (quantised, r"quantised \(torch.int8\)"),
    (lambda: torch.jit.trace(nn.Linear(4, 2), torch.ones(1, 4)), "is a script"),
    (lambda: nn.Linear(4, 2, dtype=torch.complex64), "complex"),
]


@pytest.mark.parametrize(("make", "reason"), REFUSED, ids=lambda x: x if isinstance(x, str) else "")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_modules_that_cannot_be_edited_are_refused_with_the_reason(make, reason):
    with pytest.raises(engrams.UnsupportedError, match=reason):
        engrams.collect(make(), [(torch.ones(2, 4), torch.arange(2))], concept=second)


def test_compiled_models_are_refused_and_their_original_is_not():
    model = nn.Linear(4, 2)
    data = [(torch.eye(4), torch.arange(4) % 2)]
    compiled = torch.compile(model)
    with pytest.raises(engrams.UnsupportedError, match="_orig_mod"):
        engrams.collect(compiled, data, concept=second)
    assert engrams.collect(compiled._orig_mod, data, concept=second).counts == {0: 2, 1: 2}


def test_collecting_while_an_edit_is_in_force_is_refused(mlp, data, stats):
    with stats.engram(0).erased(mlp), pytest.raises(InputError, match="an edit is in force"):
        engrams.collect(mlp, data, concept=second)


@given(seed=st.integers(0, 50), rows=st.integers(4, 12))
@settings(max_examples=8)
def test_a_sketch_stays_below_the_moments_by_a_bounded_amount(lab, seed, rows):
    """0 <= Sigma - B'B <= |X|^2 / r, and the total stays exact."""
    model, data = nn.Linear(20, 3, dtype=torch.float64), lab.batches(200, 20, 2, seed=seed)
    sketched = engrams.collect(model, data, concept=second, sketch=rows).inputs["model"]
    exact = engrams.collect(model, data, concept=second).inputs["model"]
    assert torch.allclose(sketched.total(True), exact.total(True))
    for c in (0, 1):
        assert sketched.concepts[c].rows.shape[1] <= 2 * rows
        gap = torch.linalg.eigvalsh(exact.concepts[c].full(True)[0] - sketched.concepts[c].full(True)[0])
        bound = (exact.concepts[c].trace + exact.concepts[c].count) / rows
        assert gap[0] >= -1e-6 * bound
        assert gap[-1] <= bound


def test_a_sketch_of_enough_rows_gives_the_same_engram(lab):
    model, data = lab.network(10, 8, 3), lab.batches(120, 10, 3)
    a = engrams.collect(model, data, concept=second).engram(0)
    b = engrams.collect(model, data, concept=second, sketch=30).engram(0)
    for name in a.sites:
        assert torch.allclose(a.delta(name).dense(), b.delta(name).dense(), atol=1e-8)


def test_moments_of_wide_inputs_are_packed(lab):
    """Blocks on and below the diagonal, whatever the width."""
    model = nn.Linear(700, 2, bias=False, dtype=torch.float64)
    x, y = lab.rows(900, 700), torch.zeros(900, dtype=torch.int64)
    y[:2] = 1
    stats = engrams.collect(model, [(x, y)], concept=second)
    gram = stats.inputs["model"].concepts[0]
    assert gram.nbytes < 0.75 * 700 * 700 * 8
    own = x[y == 0]
    assert torch.allclose(gram.full(False)[0], own.T @ own)
    w = lab.rows(3, 701).reshape(1, 3, 701)
    assert torch.allclose(gram.times(w, True), w @ gram.full(True))


def test_statistics_explain_themselves(stats):
    assert repr(stats).startswith("Statistics(4 concepts, 120 rows in 8 batches, 3 matrices with 3 inputs")
    assert stats.table().splitlines()[1].split()[:4] == ["0", "full", "12", "120"]
    assert stats.to_dict()["concepts"] == [[0, 30], [1, 30], [2, 30], [3, 30]]
    assert stats.to_dict()["settings"]["units"] == "sum"


def test_a_pass_may_be_resumed_twice(lab, data):
    """What is resumed stays as it was; the rows of the rest are not added to it."""
    model = lab.network(12, 16, 5)
    half = engrams.collect(model, data[:3], concept=second)
    before = half.fingerprint()
    first = engrams.collect(model, data, concept=second, resume=half)
    after = first.fingerprint()
    again = engrams.collect(model, data, concept=second, resume=half)
    assert (half.fingerprint(), first.fingerprint()) == (before, after)
    assert equal(first, again)
    assert equal(first, engrams.collect(model, data, concept=second))


@pytest.mark.parametrize("made_inside", [False, True], ids=["batches from outside", "batches of the block"])
def test_a_pass_in_inference_mode_is_the_pass_outside(lab, data, made_inside):
    model, plain = lab.network(12, 16, 5), engrams.collect(lab.network(12, 16, 5), data, concept=second)
    with torch.inference_mode():
        batches = [(x.clone(), y.clone()) for x, y in data] if made_inside else data
        half = engrams.collect(model, batches[:3], concept=second)
        with half.engram(0).erased(model):
            pass
    whole = engrams.collect(model, batches, concept=second, resume=half)  # sums go on outside of the block
    assert equal(whole, plain.attach(model))
    x = data[0][0]
    with whole.engram(0).erased(model):
        inside = model(x)
    with plain.engram(0).erased(model):
        assert torch.allclose(model(x), inside)


def test_a_pass_in_inference_mode_shares_inputs_as_outside():
    torch_layer = nn.MultiheadAttention(8, 2, batch_first=True)
    source = torch.Generator().manual_seed(0)
    with torch.inference_mode():
        x = torch.randn(6, 3, 8, generator=source)
        inside = engrams.collect(
            torch_layer, [(x, torch.arange(6) % 2)], concept=second, inputs=lambda b: (b[0],) * 3
        )
    data = [(x.clone(), torch.arange(6) % 2)]
    outside = engrams.collect(torch_layer, data, concept=second, inputs=lambda b: (b[0],) * 3)
    assert {n: s.source for n, s in inside.sites.items()} == {n: s.source for n, s in outside.sites.items()}
    assert inside.fingerprint() == outside.fingerprint()
