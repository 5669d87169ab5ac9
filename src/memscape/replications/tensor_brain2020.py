"""Tresp et al. (2020, arXiv 2001.11027): perception, episodic and semantic memory from one index layer.

A synthetic world: 20 entities with normal looks of 40 numbers, 5 predicates, a random one for every pair, 150
scenes, noise of standard deviation .5. The equations are ours (the paper was read as abstract).
"""

from functools import cache

import torch

from memscape.cognition import GraphBrain, KnowledgeGraph, Scenes, TensorBrain, scenes
from memscape.core.errors import InfeasibleError
from memscape.core.intervals import mean_interval
from memscape.core.random import derived
from memscape.replications.claim import Measured, claim

PAPER = "arXiv 2001.11027"
SEEDS, NOISE = 5, 0.5
LAW = "20 entities, 5 predicates, 150 random scenes"


@cache
def _trained(seed: int, number: int, steps: int, episodes: int = 150) -> tuple[TensorBrain, Scenes]:
    world = scenes(episodes=episodes, generator=derived(seed, number))
    brain = TensorBrain(20, 5, episodes, 64, senses=40, generator=1000 * seed + number)
    brain.fit(world.triples, world.looks, noise=NOISE, steps=steps, generator=number, progress=False)
    return brain, world


def _share(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found == wanted).all(-1).double().mean())


@claim(
    "perception",
    where=f"{PAPER}: perception",
    statement="Scenes are decoded to whole triples from noisy senses: share of right triples.",
    claimed=0.97,
    tier="minutes",
    relation="at least",
)
def perception(seed: int, *, seeds: int = SEEDS, steps: int = 1500) -> Measured:
    """Return the share of scenes whose subject, object and predicate are right."""
    found = []
    for number in range(seeds):
        brain, world = _trained(seed, number, steps)
        views = world.views(world.triples, NOISE, generator=derived(seed, number, 1))
        found.append(_share(brain.perceive(views).triples, world.triples))
    value, interval = mean_interval(found)
    return Measured(value, interval, 64, 150, LAW, seed, (), f"{seeds} worlds, noise .5, {steps} steps")


@claim(
    "episodic",
    where=f"{PAPER}: episodic memory",
    statement="Episodes are recalled from their time index alone: share of right triples.",
    claimed=0.97,
    tier="minutes",
    relation="at least",
)
def episodic(seed: int, *, seeds: int = SEEDS, steps: int = 1500) -> Measured:
    """Return the share of episodes recalled whole."""
    found = []
    for number in range(seeds):
        brain, world = _trained(seed, number, steps)
        found.append(_share(brain.recall_episode(torch.arange(150)).triples, world.triples))
    value, interval = mean_interval(found)
    return Measured(value, interval, 64, 150, LAW, seed, (), f"{seeds} worlds, {steps} steps")


@claim(
    "semantic",
    where=f"{PAPER}: semantic memory is a prior",
    statement="Without senses and time the brain draws triples as often as they happened: total "
    "variation from "
    "their frequencies.",
    claimed=0.1,
    tier="minutes",
    relation="at most",
    unit="total variation",
)
def semantic(seed: int, *, seeds: int = SEEDS, steps: int = 1500) -> Measured:
    """Return the total variation between the model's chance of every triple and its frequency."""
    every = torch.cartesian_prod(torch.arange(20), torch.arange(20), torch.arange(5))
    apart, known = [], []
    for number in range(seeds):
        brain, world = _trained(seed, number, steps)
        with torch.no_grad():
            chance = brain.likelihood(torch.zeros(3, len(every), 64), every).exp().double()
        code = (world.triples[:, 0] * 20 + world.triples[:, 1]) * 5 + world.triples[:, 2]
        often = torch.bincount(code, minlength=len(every)) / len(code)
        apart.append(float(0.5 * (chance - often).abs().sum()))
        scores = brain.logits(torch.zeros(3, len(world.triples), 64), world.triples)[2]
        known.append(float((scores.argmax(-1) == world.triples[:, 2]).double().mean()))
    value, interval = mean_interval(apart)
    note = f"{seeds} worlds; predicate of a known pair right in {mean_interval(known)[0]:.3f}"
    return Measured(value, interval, 64, 150, LAW, seed, (), note)


@claim(
    "erasure",
    where="our demonstration",
    statement="Erasing the row of an episode takes the episode and changes perception in no bit: "
    "share of erased "
    "episodes still recalled.",
    claimed=0.1,
    tier="minutes",
    relation="at most",
)
def erasure(seed: int, *, seeds: int = SEEDS, steps: int = 1500) -> Measured:
    """Return the share of erased episodes that are decoded right, which is chance.

    NaN if perception moved.
    """
    found, moved = [], False
    for number in range(seeds):
        brain, world = _trained(seed, number, steps)
        other = TensorBrain(20, 5, 150, 64, senses=40, generator=0)
        other.load_state_dict(brain.state_dict())
        gone = torch.arange(0, 150, 3)
        for t in gone.tolist():
            other.erase(t)
        views = world.views(world.triples, NOISE, generator=derived(seed, number, 1))
        moved |= not torch.equal(brain.perceive(views).probability, other.perceive(views).probability)
        found.append(_share(other.recall_episode(gone).triples, world.triples[gone]))
    value, interval = mean_interval(found)
    note = f"{seeds} worlds, 50 of 150 erased; perception bit for bit as before: {'no' if moved else 'yes'}"
    return Measured(float("nan") if moved else value, interval, 64, 150, LAW, seed, (), note)


def _graph(seed: int, people: int = 12, towns: int = 6, lands: int = 3) -> KnowledgeGraph:
    """A random graph of people, towns and lands with constraints on every predicate."""
    drawn = derived(seed, 9)
    P, T, L = (
        [f"{kind} {i}" for i in range(n)]
        for kind, n in (("person", people), ("town", towns), ("land", lands))
    )

    def one(names: list[str]) -> str:
        return names[int(torch.randint(len(names), (), generator=drawn))]

    triples = [(p, "lives in", one(T)) for p in P] + [(t, "in", one(L)) for t in T]
    triples += [(P[i], "child of", P[i // 2]) for i in range(1, people)]
    sides = {"lives in": (P, T), "in": (T, L), "child of": (P, P)}
    forbidden = [(p, "child of", p) for p in P]
    return KnowledgeGraph(
        triples,
        subjects={name: a for name, (a, _) in sides.items()},
        objects={name: b for name, (_, b) in sides.items()},
        forbidden=forbidden,
    )


@claim(
    "graph-answers",
    where="Sheth, Roy and Gaur 2023 (perspective): explainable, constrained",
    statement="Questions about stated triples of a user's graph are answered right, each with the "
    "triples used: share.",
    claimed=0.99,
    relation="at least",
)
def graph_answers(seed: int, *, seeds: int = SEEDS, steps: int = 600) -> Measured:
    """Return the share of questions whose answer is stated and whose first triple used is the answer."""
    right, count, unknown = [], 0, []
    for number in range(seeds):
        graph = _graph(100 * seed + number)
        brain = GraphBrain(graph, generator=number)
        brain.fit(steps=steps, generator=number, progress=False)
        found = []
        for s, p, o in graph.triples:
            for question in ((None, p, o), (s, None, o), (s, p, None)):
                answer = brain.ask(*question)
                found.append(answer.triple in graph.triples and answer.used[0][0] == answer.triple)
        right.append(sum(found) / len(found))
        count += len(found)
        silent = [brain.ask("person 0", "child of", None)]  # the root of the tree has no parent
        unknown += [answer.name is None for answer in silent]
    value, interval = mean_interval(right)
    note = (
        f"{count} questions, {seeds} graphs; the one question without an answer: not known in "
        f"{sum(unknown)} of {len(unknown)}"
    )
    return Measured(value, interval, 64, 29, "people, towns and lands, 29 triples", seed, (), note)


@claim(
    "no-violation",
    where="Sheth, Roy and Gaur 2023 (perspective): constrained",
    statement="No answer breaks a hard constraint: violations in 10,000 answers of brains of random weights.",
    claimed=0.0,
    unit="violations",
    tier="minutes",
)
def no_violation(seed: int, *, answers: int = 10_000) -> Measured:
    """Return the number of answers that break a constraint."""
    graph, broken, given, refused = _graph(seed), 0, 0, 0
    drawn = derived(seed, 10)
    brain = GraphBrain(graph, width=16, known=0.0, generator=seed)
    while given < answers:
        if (given + refused) % 500 == 0:  # new nonsense from time to time
            with torch.no_grad():
                brain.brain.rows.copy_(8 * torch.randn(brain.brain.rows.shape, generator=drawn))
        names = [graph.entities, graph.predicates, graph.entities]
        question: list[str | None] = [
            part[int(torch.randint(len(part), (), generator=drawn))] for part in names
        ]
        question[int(torch.randint(3, (), generator=drawn))] = None
        try:
            answer = brain.ask(*question)
        except InfeasibleError:
            refused += 1
            continue
        given += 1
        broken += answer.triple is not None and graph.broken(answer.triple) is not None
    note = f"{given:,} answers; {refused:,} questions refused because no filler keeps the constraints"
    return Measured(float(broken), None, 16, 29, "people, towns and lands, 29 triples", seed, (), note)
