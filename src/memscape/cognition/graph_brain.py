"""Questions to a user's graph.

A tensor brain answers, constraints bind it, and the triples used are listed.
"""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from memscape.cognition.keeping import System
from memscape.cognition.knowledge import KnowledgeGraph, Triple
from memscape.cognition.tensor_brain import TensorBrain
from memscape.core.arrays import require_fraction
from memscape.core.cards import Card, register
from memscape.core.errors import InfeasibleError, InputError
from memscape.core.progress import ProgressOption
from memscape.core.random import Generator
from memscape.memories.continuous import Continuous
from memscape.training import History

USED = 0.05
"""Share of the answer below which a triple is not listed as used."""


@dataclass(frozen=True)
class Answer:
    """What was answered, and from which triples.

    Attributes:
        question: the triple asked for, None where the gap was.
        name: the filler of the gap; None where the memory does not know.
        evidence: chance of the recalled triples to be what was asked for, in [0, 1]; low is unknown.
        used: the stated triples from which the answer came, each with its share.
        fillers: names that the constraints allow in the gap, each with its share of the answer.
    """

    question: tuple[str | None, str | None, str | None]
    name: str | None
    evidence: float
    used: tuple[tuple[Triple, float], ...]
    fillers: dict[str, float]

    @property
    def triple(self) -> Triple | None:
        """The question with its gap filled; None where the memory does not know."""
        if self.name is None:
            return None
        subject, predicate, object_ = (part if part is not None else self.name for part in self.question)
        return (subject, predicate, object_)

    def table(self) -> str:
        """Return the triples used as lines of text."""
        return "\n".join(f"{share:5.2f}  {' '.join(triple)}" for triple, share in self.used)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain Python values, ready for JSON."""
        used = [[*triple, share] for triple, share in self.used]
        ends = {"evidence": self.evidence, "used": used, "fillers": dict(self.fillers)}
        return {"question": list(self.question), "name": self.name} | ends

    def __repr__(self) -> str:
        asked = " ".join(part or "?" for part in self.question)
        if self.name is None:
            return f"{asked}: not known (evidence {self.evidence:.2f})"
        return f"{asked}: {self.name} (evidence {self.evidence:.2f}), from\n{self.table()}"


@register
class GraphBrain(System):
    """Answers questions about a user's graph from the index layer of a tensor brain, and says from what.

    Every stated triple is an episode with an index of its own. A question with one gap is answered by all
    episodes together: episode t with filler x weighs

    $$w_{t,x} \\propto a_x\\, P(s \\mid t)\\, P(o \\mid t, s)\\, P(p \\mid t, s, o)$$

    where the gap is filled with x and $a_x$ is 1 for fillers that keep every constraint, else 0. The answer
    is the filler of largest weight, the triples used are the episodes that carry it, and where even the best
    pair has a small chance the answer is "not known". The mask is applied to the index layer itself, so no
    answer can break a constraint, trained or not.

    Args:
        graph: the triples and the constraints.
        width: d, units of the representation layer.
        known: evidence from which the memory knows, in [0, 1].
        generator: seed of the initial weights.

    A question costs O(t x d (d + entities)), x candidates for the gap.

    >>> graph = KnowledgeGraph([("Ada", "wrote", "Notes"), ("Babbage", "built", "Engine")])
    >>> brain = GraphBrain(graph, width=16, generator=0)
    >>> history = brain.fit(steps=150, generator=0)
    >>> brain.ask("Ada", "wrote", None).used[0][0]
    ('Ada', 'wrote', 'Notes')
    >>> brain.ask("Ada", "built", None).name is None
    True

    After the perspective of Sheth, Roy and Gaur 2023 (perception, symbols, knowledge, constraints); the index
    layer: Tresp et al. 2020.
    """

    card = Card(
        name="GraphBrain",
        paper="Sheth, Roy and Gaur 2023 (perspective); Tresp et al. 2020, arXiv 2001.11027",
        parts="tensor brain over the triples of a graph x masked softmax x mixture over episodes",
        space="names of entities and predicates",
        capacity="the triples of the graph; 12 of 11 entities in 32 units, every gap answered (measured)",
        cost="a question O(t x d (d + entities)) for x candidates",
        limits="one gap per question; a triple that is not stated is not inferred, it is not known",
        equation=r"w_{t,x} \propto a_x\, P(s | t)\, P(o | t, s)\, P(p | t, s, o)",
    )

    def __init__(
        self, graph: KnowledgeGraph, width: int = 64, *, known: float = 0.3, generator: Generator = None
    ):
        super().__init__()
        self.graph, self.known = graph, require_fraction(known, "known")
        sizes = len(graph.entities), len(graph.predicates), len(graph.triples)
        self.brain = TensorBrain(*sizes, width=width, generator=generator)
        self.erased: set[int] = set()

    def fit(
        self, *, steps: int = 600, generator: Generator = None, progress: ProgressOption = None
    ) -> History:
        """Learn the graph's triples, in place, and return the course of the loss."""
        self.erased = set()
        return self.brain.fit(self.graph.numbers, steps=steps, generator=generator, progress=progress)

    def erase(self, triple: tuple[str, ...]) -> "GraphBrain":
        """Forget one stated triple, in place; the rows of all others stay as they were bit for bit.

        Raises:
            InputError: for a triple that is not stated.
        """
        if tuple(triple) not in self.graph.triples:
            raise InputError(f"{triple!r} is not stated in the graph; see graph.triples")
        number = self.graph.triples.index(tuple(triple))
        self.brain.erase(number)
        self.erased.add(number)
        return self

    def ask(self, subject: str | None, predicate: str | None, object_: str | None) -> Answer:
        """Return the answer to a question with exactly one gap, None.

        Raises:
            InputError: for an unknown name, or no gap or more than one.
            InfeasibleError: where the constraints allow no filler; it names them.
        """
        question = (subject, predicate, object_)
        if sum(part is None for part in question) != 1:
            raise InputError(f"the question {question} needs exactly one gap, None")
        candidates, names = self._candidates(question)
        allowed = self.graph.allowed[candidates.unbind(-1)]
        if not bool(allowed.any()):
            raise InfeasibleError(self._contradiction(question))
        weights = self._weights(candidates, allowed)
        shares = weights.sum(0) / weights.sum().clamp_min(1e-300)
        best = int(shares.argmax())
        evidence = float(weights.max())
        fillers = {
            names[i]: float(shares[i]) for i in shares.argsort(descending=True)[:5].tolist() if allowed[i]
        }
        if evidence < self.known:
            return Answer(question, None, evidence, (), fillers)
        carried = weights[:, best] / weights[:, best].sum()
        order = [t for t in carried.argsort(descending=True).tolist() if float(carried[t]) >= USED]
        used = tuple((self.graph.triples[t], float(carried[t])) for t in order)
        return Answer(question, names[best], evidence, used, fillers)

    def follow(self, subject: str, *predicates: str) -> tuple[Answer, ...]:
        """Return the answers of a chain of questions, each about the answer before; it ends where one fails.

        >>> graph = KnowledgeGraph([("Ada", "child of", "Byron"), ("Byron", "wrote", "Manfred")])
        >>> brain = GraphBrain(graph, width=16, generator=0)
        >>> history = brain.fit(steps=150, generator=0)
        >>> [answer.name for answer in brain.follow("Ada", "child of", "wrote")]
        ['Byron', 'Manfred']
        """
        answers: list[Answer] = []
        at: str | None = subject
        for predicate in predicates:
            answers.append(self.ask(at, predicate, None))
            at = answers[-1].name
            if at is None:
                break
        return tuple(answers)

    def as_memory(self) -> Continuous:
        """Return the index layer of the graph's entities as the log-sum-exp memory that it is."""
        return self.brain.as_memory()

    def _settings(self) -> dict[str, Any]:
        graph = self.graph
        return {
            "triples": [list(triple) for triple in graph.triples],
            "subjects": {name: sorted(names) for name, names in graph.subjects.items()},
            "objects": {name: sorted(names) for name, names in graph.objects.items()},
            "forbidden": [list(triple) for triple in sorted(graph.forbidden)],
            "width": self.brain.width,
            "known": self.known,
            "erased": sorted(self.erased),
            "generator": self.brain.seed,
        }

    @classmethod
    def _from_settings(cls, settings: dict[str, Any], **given: Any) -> "GraphBrain":
        rules = {side: settings[side] for side in ("subjects", "objects", "forbidden")}
        graph = KnowledgeGraph(settings["triples"], **rules)
        options = {name: settings[name] for name in ("width", "known", "generator")}
        brain = cls(graph, **options, **given)
        brain.erased = set(settings["erased"])
        return brain

    def _candidates(self, question: tuple[str | None, ...]) -> tuple[Int[Tensor, "x 3"], tuple[str, ...]]:
        subject, predicate, object_ = question
        names = self.graph.predicates if predicate is None else self.graph.entities
        free = torch.arange(len(names))
        columns = [
            free if name is None else torch.full_like(free, number(name))
            for name, number in (
                (subject, self.graph.entity),
                (object_, self.graph.entity),
                (predicate, self.graph.predicate),
            )
        ]
        return torch.stack(columns, -1), names

    def _weights(self, candidates: Int[Tensor, "x 3"], allowed: Bool[Tensor, " x"]) -> Float[Tensor, "t x"]:
        left = [t for t in range(len(self.graph.triples)) if t not in self.erased]
        weights = torch.zeros(len(self.graph.triples), len(candidates), dtype=torch.float64)
        if left:
            drive = self.brain.remembered(left)[:, :, None].expand(-1, -1, len(candidates), -1)
            with torch.no_grad():
                logs = self.brain.likelihood(drive, candidates.expand(len(left), -1, -1))
            weights[left] = logs.double().exp()
        return weights * allowed

    def _contradiction(self, question: tuple[str | None, ...]) -> str:
        predicate = question[1]
        bound = [p for p in self.graph.predicates if predicate in (None, p)]
        rules = [
            f"{side} of {p!r} are {', '.join(sorted(names[p]))}"
            for side, names in (("subjects", self.graph.subjects), ("objects", self.graph.objects))
            for p in bound
            if p in names
        ] + [f"{t} is forbidden" for t in sorted(self.graph.forbidden) if _fits(t, question)]
        asked = " ".join(part or "?" for part in question)
        return f"no filler of '{asked}' keeps the constraints: {'; '.join(rules)}"

    def extra_repr(self) -> str:
        return repr(self.graph)


def _fits(triple: Triple, question: tuple[str | None, ...]) -> bool:
    return all(asked in (None, part) for part, asked in zip(triple, question, strict=True))
