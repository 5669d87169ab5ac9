"""A language model of memory layers: causal, the same in any split, trainable on tasks over tokens."""

import pytest
import torch

from memscape.core.errors import InputError
from memscape.sequence import PRESETS
from memscape.sequence.language import LanguageModel
from memscape.tasks import AssociativeRecall, cross_entropy, evaluate
from memscape.training import train

TOKENS = torch.randint(12, (2, 11), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("spec", sorted(PRESETS))
def test_a_prediction_does_not_see_what_comes_after_it(spec):
    model = LanguageModel(12, 8, spec=spec, num_layers=2, generator=0).double()
    changed = TOKENS.clone()
    changed[:, 7:] = 11 - changed[:, 7:]
    with torch.no_grad():
        apart = (model(TOKENS)[0] - model(changed)[0]).abs().amax((0, 2))
    assert apart[:7].max() < 1e-12
    assert apart[7] > 1e-9


def test_a_hybrid_gives_the_same_logits_in_any_split_and_on_every_path():
    model = LanguageModel(12, 8, 2, spec=["gated_deltanet", "softmax", "titans"], mlp_ratio=2, generator=0)
    model = model.double()
    whole, states = model(TOKENS)
    assert len(states) == 3
    first, half = model(TOKENS[:, :4], path="step")
    second, _ = model(TOKENS[:, 4:], half, path="scan")
    assert (torch.cat([first, second], 1) - whole).abs().max() < 1e-12


def test_padding_in_front_changes_nothing():
    model = LanguageModel(12, 8, generator=0).double()
    padded = torch.cat([torch.zeros(2, 3, dtype=torch.int64), TOKENS], 1)
    mask = torch.ones_like(padded, dtype=torch.bool)
    mask[:, :3] = False
    assert (model(padded, mask=mask)[0][:, 3:] - model(TOKENS)[0]).abs().max() < 1e-12


def test_generation_is_what_reading_its_own_words_predicts():
    model = LanguageModel(12, 8, spec="softmax", num_layers=1, generator=3)
    added = model.generate(TOKENS, 5)
    logits, _ = model(torch.cat([TOKENS, added], 1))
    assert torch.equal(logits[:, 10:15].argmax(-1), added)
    drawn = [model.generate(TOKENS, 4, temperature=2.0, generator=1) for _ in range(2)]
    assert torch.equal(*drawn)


def test_it_learns_to_recall_a_pair_from_its_context():
    task = AssociativeRecall(pairs=2, symbols=8)
    model = LanguageModel(task.vocabulary, 16, num_layers=2, spec="linear", generator=0)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    train(
        model, cross_entropy, task.batches(64, 0), optimizer=optimizer, steps=40, generator=0, progress=False
    )
    assert evaluate(model, task, count=200, generator=1).accuracy > 2 * task.chance


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LanguageModel(12, 8, spec=["linear"], num_layers=2), "num_layers=2"),
        (lambda: LanguageModel(12, 8, spec=[]), "one per block"),
        (lambda: LanguageModel(0, 8), "vocabulary"),
        (lambda: LanguageModel(12, 8)(TOKENS.float()), "whole numbers"),
        (lambda: LanguageModel(11, 8, generator=0)(TOKENS), "0 to 10"),
        (lambda: LanguageModel(12, 8)(TOKENS, states=()), "0 states for 2 blocks"),
        (lambda: LanguageModel(12, 8).generate(TOKENS, 0), "count"),
        (lambda: LanguageModel(12, 8).generate(TOKENS, 1, temperature=-1.0), "temperature"),
    ],
)
def test_what_cannot_be_says_what_would_do(make, words):
    with pytest.raises(InputError, match=words):
        make()
