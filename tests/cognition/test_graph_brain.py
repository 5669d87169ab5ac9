"""Answers to a user's graph: constraints are never broken, and each answer lists the triples it used."""

from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import memscape as ms
from memscape.cognition import GraphBrain, KnowledgeGraph
from memscape.core.errors import InfeasibleError, InputError

PEOPLE, TOWNS, LANDS = ("Anna", "Bert", "Clara", "Dora"), ("Paris", "Rome"), ("France", "Italy")
TRIPLES = (
    ("Anna", "parent of", "Bert"),
    ("Bert", "parent of", "Clara"),
    ("Anna", "lives in", "Rome"),
    ("Bert", "lives in", "Paris"),
    ("Clara", "lives in", "Paris"),
    ("Paris", "in", "France"),
    ("Rome", "in", "Italy"),
)


def graph() -> KnowledgeGraph:
    return KnowledgeGraph(
        TRIPLES,
        subjects={"parent of": PEOPLE, "lives in": PEOPLE, "in": TOWNS},
        objects={"parent of": PEOPLE, "lives in": TOWNS, "in": LANDS},
        forbidden=[("Dora", "lives in", "Rome")],
    )


@cache
def trained() -> dict:
    brain = GraphBrain(graph(), width=32, generator=0)
    brain.fit(steps=300, generator=0)
    return brain.state_dict()


def brain() -> GraphBrain:
    made = GraphBrain(graph(), width=32, generator=0)
    made.load_state_dict(trained())
    return made


@pytest.mark.parametrize("triple", TRIPLES, ids=" ".join)
@pytest.mark.parametrize("gap", range(3))
def test_every_stated_triple_is_answered_from_what_is_stated(triple, gap):
    question = [None if k == gap else part for k, part in enumerate(triple)]
    answer = brain().ask(*question)
    assert answer.triple in TRIPLES
    assert answer.used[0][0] == answer.triple
    assert all(used in TRIPLES for used, _ in answer.used)
    assert "from" in repr(answer)


def test_what_is_not_stated_is_not_known():
    answer = brain().ask("Clara", "parent of", None)
    assert answer.name is None
    assert answer.triple is None
    assert answer.used == ()
    assert "not known" in repr(answer)


def test_an_erased_triple_is_not_known_and_all_others_are_answered_as_before():
    whole, without = brain(), brain().erase(("Bert", "lives in", "Paris"))
    assert without.ask("Bert", "lives in", None).name is None
    for s, p, _ in TRIPLES:
        if (s, p) != ("Bert", "lives in"):
            after, before = without.ask(s, p, None), whole.ask(s, p, None)
            assert (after.name, after.used[0][0]) == (before.name, before.used[0][0])


def test_it_is_kept_in_a_file_with_its_graph_and_what_was_erased(tmp_path):
    kept = brain().erase(("Rome", "in", "Italy"))
    kept.save(tmp_path / "graph.safetensors")
    loaded = ms.load(tmp_path / "graph.safetensors")
    assert loaded.graph == kept.graph
    for s, p, _ in TRIPLES:
        assert loaded.ask(s, p, None) == kept.ask(s, p, None)
    assert len(ms.as_memory(loaded)) == len(kept.graph.entities)


def test_chains_are_followed_as_far_as_they_are_known():
    answers = brain().follow("Anna", "parent of", "lives in", "in")
    assert [answer.name for answer in answers] == ["Bert", "Paris", "France"]
    assert [answer.name for answer in brain().follow("Clara", "parent of", "lives in")] == [None]


@given(seed=st.integers(0, 2**31), data=st.data())
@settings(max_examples=60, deadline=None)
def test_no_constraint_is_ever_broken_trained_or_not(seed, data):
    made, known = GraphBrain(graph(), width=8, known=0.0, generator=seed), graph()
    with torch.no_grad():
        made.brain.rows.mul_(10)  # sure of nonsense
    question: list[str | None] = [
        data.draw(st.sampled_from(known.entities)),
        data.draw(st.sampled_from(known.predicates)),
        data.draw(st.sampled_from(known.entities)),
    ]
    question[data.draw(st.integers(0, 2))] = None
    try:
        answer = made.ask(*question)
    except InfeasibleError:
        return
    if answer.triple is not None:
        assert known.broken(answer.triple) is None
    assert all(known.broken(tuple(part or name for part in question)) is None for name in answer.fillers)


def test_constraints_that_leave_nothing_are_named():
    with pytest.raises(InfeasibleError, match="subjects of 'lives in' are Anna"):
        brain().ask("Paris", "lives in", None)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: KnowledgeGraph([]), "no triples"),
        (lambda: KnowledgeGraph([("a", "b")]), "no triple"),
        (lambda: KnowledgeGraph(["abc"]), "no triple"),
        (lambda: KnowledgeGraph([("a", "p", "b")], subjects={"p": ["b"]}), "subjects of 'p': b"),
        (lambda: KnowledgeGraph([("a", "p", "b")], forbidden=[("a", "p", "b")]), "forbidden"),
        (lambda: KnowledgeGraph([("a", "p", "b")], objects={"p": []}), "nothing at all"),
        (lambda: KnowledgeGraph([("a", "p", "b")], objects={"q": ["b"]}), "no predicate 'q'"),
        (lambda: brain().ask("Ana", "lives in", None), "close to it: Anna"),
        (lambda: brain().ask("Anna", "lives in", "Rome"), "exactly one gap"),
        (lambda: brain().erase(("Anna", "lives in", "Paris")), "not stated"),
        (lambda: GraphBrain(graph(), known=2.0), "known"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, says):
    with pytest.raises(InputError, match=says):
        make()
