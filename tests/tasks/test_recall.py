import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from memscape import tasks
from memscape.core.errors import InputError

TASKS = [
    tasks.AssociativeRecall(pairs=6),
    tasks.MultiQueryRecall(pairs=5, length=48),
    tasks.ForgettingRecall(pairs=6, rewritten=3),
    tasks.CompositionalRecall(pairs=6, parts=3),
    tasks.JointRecall(contexts=3, keys=4),
    tasks.SelectiveCopy(tokens=5, length=20),
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: type(task).__name__)
class TestEveryTask:
    def test_tokens_are_of_the_vocabulary_and_answers_too(self, task):
        batch = task.sample(50, generator=0)
        assert batch.inputs.min() >= 0
        assert batch.inputs.max() < task.vocabulary
        right = batch.targets[batch.asked]
        assert right.min() >= 0
        assert right.max() < task.vocabulary
        assert batch.asked.any(1).all()

    def test_the_same_seed_gives_the_same_batch(self, task):
        assert torch.equal(task.batches(4, 7)(3).inputs, task.batches(4, 7)(3).inputs)
        assert not torch.equal(task.batches(4, 7)(3).inputs, task.batches(4, 7)(4).inputs)

    def test_a_guess_among_the_right_kind_of_tokens_scores_chance(self, task):
        answers = task.sample(400, generator=1)
        kinds = answers.targets[answers.asked].unique()
        source = torch.Generator().manual_seed(0)

        def guess(inputs):
            return kinds[torch.randint(len(kinds), inputs.shape, generator=source)]

        found = tasks.evaluate(guess, task, count=600, generator=2)
        assert found.interval[0] - 0.02 <= task.chance <= found.interval[1] + 0.02

    def test_one_who_knows_the_answers_scores_the_ceiling(self, task):
        batch = task.sample(64, generator=3)
        knowing = torch.nn.functional.one_hot(batch.targets.clamp_min(0), task.vocabulary).float()
        assert tasks.evaluate(lambda _: knowing, task, count=64, generator=3).accuracy == task.ceiling

    def test_its_sizes_make_it_again(self, task):
        settings = task.to_dict()
        assert type(task)(**{k: v for k, v in settings.items() if k != "task"}) == task


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 15), st.integers(0, 10**6))
def test_each_key_is_asked_once_and_its_value_is_that_of_its_pair(pairs, seed):
    batch = tasks.MultiQueryRecall(pairs=pairs, length=4 * pairs + 6).sample(3, generator=seed)
    for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
        table = dict(zip(inputs[: 2 * pairs : 2].tolist(), inputs[1 : 2 * pairs : 2].tolist(), strict=True))
        at = (targets != -100).nonzero()[:, 0]
        assert (at >= 2 * pairs).all()
        assert sorted(inputs[at].tolist()) == sorted(table)
        assert [table[key] for key in inputs[at].tolist()] == targets[at].tolist()


def test_most_keys_come_back_soon_at_a_small_power_and_evenly_at_power_one():
    def first_places(power):
        task = tasks.MultiQueryRecall(pairs=4, length=64, power=power)
        return task.sample(400, generator=0).asked.nonzero()[:, 1].double().mean()

    assert first_places(0.01) < 26
    assert abs(first_places(1.0) - (8 + 2 * 13.5)) < 1.5


def test_a_perfect_induction_head_solves_recall_that_no_noise_disturbs():
    task = tasks.AssociativeRecall(pairs=8)
    assert tasks.evaluate(task.latest, task, generator=0).accuracy == 1.0


def test_re_written_keys_tell_an_overwriting_memory_from_one_that_keeps_the_first():
    task = tasks.ForgettingRecall(pairs=8, rewritten=4)
    assert tasks.evaluate(task.latest, task, generator=0).accuracy == 1.0
    earliest = tasks.evaluate(task.earliest, task, generator=0).accuracy
    assert abs(earliest - (0.5 + 0.5 / 32)) < 0.03  # the half that was not re-written, and chance on the rest


def test_the_last_part_of_a_composed_key_does_not_tell_the_value():
    task = tasks.CompositionalRecall(pairs=9, parts=3)  # each second part stands in three keys
    found = tasks.evaluate(lambda x: tasks.recall.followed(x, latest=True), task, generator=0)
    assert found.accuracy < 0.5


def test_the_same_key_has_another_value_in_each_context():
    task = tasks.JointRecall(contexts=4, keys=3)
    keys_alone = tasks.evaluate(
        lambda x: tasks.recall.followed(x, latest=False), task, count=400, generator=0
    )
    assert abs(keys_alone.accuracy - (0.25 + 0.75 / 16)) < 0.03


def test_selective_copies_come_in_the_order_in_which_they_were_shown():
    batch = tasks.SelectiveCopy(tokens=4, length=12).sample(8, generator=0)
    for inputs, targets in zip(batch.inputs, batch.targets, strict=True):
        shown = inputs[:12]
        assert targets[targets != -100].tolist() == shown[shown != 0].tolist()


def test_logits_and_answers_are_scored_alike_and_anything_else_is_refused():
    task = tasks.AssociativeRecall(pairs=4)
    as_logits = tasks.evaluate(
        lambda x: torch.nn.functional.one_hot(task.latest(x), task.vocabulary).float(), task, generator=0
    )
    assert as_logits.accuracy == 1.0
    assert as_logits.loss > 0
    with pytest.raises(InputError, match=r"logits \(b, t, 64\)"):
        tasks.evaluate(lambda x: torch.zeros(*x.shape, 3), task, generator=0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: tasks.AssociativeRecall(pairs=32), "66"),
        (lambda: tasks.MultiQueryRecall(pairs=8, length=31), "32 tokens"),
        (lambda: tasks.ForgettingRecall(pairs=2, rewritten=3), "there are 2 pairs"),
        (lambda: tasks.CompositionalRecall(pairs=5, parts=2), "make 4"),
        (lambda: tasks.SelectiveCopy(tokens=5, length=4), "as many places"),
        (lambda: tasks.AssociativeRecall(symbols=7), "even"),
        (lambda: tasks.AssociativeRecall(pairs=0), "pairs is 0"),
    ],
)
def test_sizes_that_cannot_be_say_what_would_do(make, words):
    with pytest.raises(InputError, match=words):
        make()
