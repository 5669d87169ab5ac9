"""Several threads and one model: one edits at a time, the others are told, and no weight is left changed."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from memscape import engrams
from memscape.core.errors import InputError


def weights(model):
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(model, before):
    return all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def elsewhere(work):
    """Do something in a thread of its own and return what came out, or raise it."""
    with ThreadPoolExecutor(1, thread_name_prefix="other") as pool:
        return pool.submit(work).result()


def test_an_edit_of_another_thread_is_refused_while_one_is_in_force(stats, mlp):
    engram, before = stats.engram(0), weights(mlp)
    with stats.engram(1).erased(mlp):
        inside = weights(mlp)
        for attempt in (
            lambda: engram.erase_(mlp),
            lambda: engram.erased(mlp).__enter__(),
            lambda: engrams.composed(mlp, engram).__enter__(),
        ):
            with pytest.raises(engrams.EditError, match=r"'MainThread' has an edit of.*copy\.deepcopy"):
                elsewhere(attempt)
        assert same(mlp, inside)
        with engram.erased(mlp):  # blocks of one thread may be nested
            assert not same(mlp, inside)
        assert same(mlp, inside)
    assert same(mlp, before)
    elsewhere(lambda: engram.erase_(mlp)).revert()  # and a handle may be given to another thread
    assert same(mlp, before)


def test_an_edit_whose_thread_is_gone_is_no_hindrance(stats, mlp):
    before = weights(mlp)
    left = elsewhere(lambda: stats.engram(0).erase_(mlp))
    with stats.engram(1).erased(mlp):
        pass
    left.revert()
    assert same(mlp, before)


def test_a_model_is_not_edited_while_it_is_collected_from(mlp, data, lab, stats):
    def loader():
        for batch in data:
            with pytest.raises(engrams.EditError, match="has a pass that reads this model in force"):
                elsewhere(lambda: stats.engram(0).erase_(mlp))
            with pytest.raises(engrams.EditError, match="has a pass that reads this model in force"):
                elsewhere(lambda: engrams.collect(mlp, data, concept=lab.label))
            yield batch

    assert engrams.collect(mlp, loader(), concept=lab.label).fingerprint() == stats.fingerprint()
    stats.engram(0).erase_(mlp).revert()  # nothing is left in force
    with stats.engram(0).erased(mlp):
        with pytest.raises(InputError, match="an edit is in force on this model"):
            engrams.collect(mlp, data, concept=lab.label)
        with pytest.raises(engrams.EditError, match="has an edit of"):
            elsewhere(lambda: engrams.collect(mlp, data, concept=lab.label))


@pytest.mark.parametrize("nested", [False, True], ids=["one", "nested"])
def test_the_weights_are_what_they_were_after_many_threads(stats, mlp, nested):
    """Each thread sees its own edit alone for the length of its block, or is refused."""
    before, expected = weights(mlp), {}
    for concept in range(4):
        with stats.engram(concept).erased(mlp):
            expected[concept] = weights(mlp)
    done, refused, together = [], [], threading.Barrier(4)

    def work(concept):
        together.wait()
        for _ in range(25):
            try:
                with stats.engram(concept).erased(mlp):
                    assert same(mlp, expected[concept])
                    if nested:
                        with stats.engram((concept + 1) % 4).erased(mlp):
                            assert not same(mlp, expected[concept])
                    assert same(mlp, expected[concept])
                done.append(concept)
            except engrams.EditError:
                refused.append(concept)

    with ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(work, concept) for concept in range(4)]:
            job.result()
    assert len(done) + len(refused) == 100
    assert done
    assert same(mlp, before)
    stats.engram(0).erase_(mlp).revert()
    assert same(mlp, before)


def test_threads_with_models_of_their_own_share_statistics(mlp, data, lab):
    expected = {}
    for concept in range(4):
        with engrams.collect(mlp, data, concept=lab.label).engram(concept).erased(mlp):
            expected[concept] = weights(mlp)
    stats, together = engrams.collect(mlp, data, concept=lab.label), threading.Barrier(4)

    def work(concept):
        own = copy.deepcopy(mlp)
        together.wait()
        for _ in range(5):
            with stats.engram(concept).erased(own):
                assert same(own, expected[concept])
        assert same(own, weights(mlp))

    with ThreadPoolExecutor(4) as pool:
        for job in [pool.submit(work, concept) for concept in range(4)]:
            job.result()
