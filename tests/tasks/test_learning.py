"""Learning a task: the same seed gives the same run, Ctrl-C keeps it, and the file says everything."""

import json
import os
import signal

import pytest
import torch
from torch import nn

from memscape import tasks
from memscape.core.errors import InputError

TASK = tasks.AssociativeRecall(pairs=2, symbols=8)


class Last(nn.Module):
    """Answers from the tokens seen so far, each counted: it can learn which values stand there, not whose."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embedding, self.out = nn.Embedding(8, 16), nn.Linear(16, 8)

    def forward(self, tokens):
        return self.out(self.embedding(tokens).cumsum(1))


def learnt(*, steps=30, count=100, every=10, progress=False, **settings):
    return tasks.learn(Last(), TASK, steps=steps, count=count, every=every, progress=progress, **settings)


def test_the_same_seed_learns_the_same():
    first, second = learnt(generator=3), learnt(generator=3)
    assert torch.equal(first.history.losses, second.history.losses)
    assert first.evaluation == second.evaluation
    assert not torch.equal(first.history.losses, learnt(generator=4).history.losses)


def test_a_reader_without_keys_stays_at_its_ceiling():
    found = learnt(steps=200, count=1000, generator=0, rate=3e-2)
    ceiling = TASK.ceilings["values without keys"]
    assert found.evaluation.accuracy > 2 * TASK.chance
    assert found.evaluation.accuracy < ceiling + 0.04
    assert found.crossed(0.3) is not None
    assert found.crossed(0.9) is None


def test_the_table_holds_ceilings_baselines_and_chance_beside_what_was_learnt(tmp_path):
    found = learnt(generator=0)
    names = [name for name, _ in found.rows()]
    assert names == [
        "trained", "ceiling", "ceiling: values without keys", "baseline: latest", "baseline: first", "chance",
    ]  # fmt: skip
    assert all(name in repr(found) for name in names)
    found.save(tmp_path / "found.json")
    kept = json.loads((tmp_path / "found.json").read_text())
    assert kept == json.loads(json.dumps(found.to_dict()))
    assert kept["evaluation"]["accuracy"] == found.evaluation.accuracy
    assert kept["task"]["task"] == "AssociativeRecall"
    assert len(kept["history"]["losses"]) == 30


def test_ctrl_c_keeps_what_was_learnt():
    def stop(done, total, text):
        if done == 7:
            os.kill(os.getpid(), signal.SIGINT)

    found = learnt(generator=0, progress=stop)
    assert not found.complete
    assert 7 <= found.history.steps < 30
    assert "ended early" in repr(found)


def test_an_evaluation_leaves_every_layer_in_its_mode():
    module = Last()
    module.embedding.eval()
    tasks.evaluate(module, TASK, count=4, generator=0)
    assert (module.training, module.embedding.training, module.out.training) == (True, False, True)
    module.out = nn.Linear(16, 3)
    with pytest.raises(InputError, match="it must give logits"):
        tasks.evaluate(module, TASK, count=4, generator=0)
    assert module.training


def test_settings_that_cannot_be_are_refused():
    with pytest.raises(InputError, match="rate"):
        learnt(rate=0.0)
    with pytest.raises(InputError, match="every"):
        learnt(every=0)
