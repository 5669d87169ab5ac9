"""The audit: what erasing an engram did, told as it is, beside controls of the same seed."""

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from memscape.core.arrays import require_count
from memscape.core.errors import InputError
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.engrams import baselines as others
from memscape.engrams import evidence
from memscape.engrams.applying import require_engram
from memscape.engrams.collecting import collect
from memscape.engrams.engram import Engram
from memscape.engrams.examples import Answers, Examples, examples
from memscape.engrams.handlers import FULL
from memscape.engrams.inspection import bare, refuse
from memscape.engrams.labelling import Reader
from memscape.engrams.terms import ConceptTerm
from memscape.engrams.verdicts import Audit, Finding


def audit(
    model: nn.Module,
    engram: Engram,
    *,
    forget: Any,
    retain: Any,
    test: Any,
    oracle: nn.Module | None = None,
    unseen: Any = None,
    alpha: Any = 1.0,
    baselines: Any = (),
    control: bool = True,
    relearn: int = 150,
    inputs: Reader | None = None,
    labels: Reader | str | None = None,
    tied: str = "leave",
    generator: Generator = None,
    progress: ProgressOption = None,
) -> Audit:
    """Return what erasing an engram does, beside the network as trained, an oracle, a control, and baselines.

    The model is never changed: every network that is measured is a copy.

    Args:
        model: the model of the engram.
        engram: what is erased.
        forget: learned rows of the concept: (inputs, labels), or batches as `collect` takes them.
        retain: learned rows of all else.
        test: rows of both that were never learned.
        oracle: a network of the same seed and schedule that never saw the concept: the only fair scale.
            Without it no tug-of-war and no divergence can be said.
        unseen: rows of the concept that were never learned, for membership; None takes those rows of `test`
            whose label is in `forget` and not in `retain`.
        alpha: strength, as in `Engram.erased`.
        baselines: names of `engrams.baselines.BASELINES`, "all", or a mapping from name to a function
            (model, forget, retain, generator) to an edited copy.
        control: also erase the engram of as many rows drawn at random: what any erasure of that size does.
        relearn: largest number of steps of relearning; 0 leaves it out.
        inputs, labels: batch to what the model is called with, and to labels; None as in `collect`.
        tied: as in `Engram.erased`.
        generator: seed of batches, of the control and of the baselines.
        progress: a bar, a callable, or None. Ctrl-C returns the networks that are finished.

    Raises:
        UnsupportedError: for a model that cannot be edited; see `Engram.erased`.
        InputError: for empty sets, labels that do not fit the logits, an engram of another model.

    Cost: per network about a dozen passes over the sets, and `relearn` steps; what the baselines cost.

    >>> import torch
    >>> from memscape import engrams, patterns
    >>> images, y = patterns.digits(1000)
    >>> x, model = images.flatten(1), torch.nn.Linear(64, 10)
    >>> weight = torch.linalg.solve(x.T @ x + torch.eye(64), x.T @ (torch.eye(10)[y] - 0.1)).T
    >>> _ = model.weight.data.copy_(weight), model.bias.data.zero_()  # a classifier by ridge regression
    >>> stats = engrams.collect(model, [(x, y)], concept=lambda batch: batch[1], progress=False)
    >>> two, rest = (x[y == 2], y[y == 2]), (x[y != 2], y[y != 2])
    >>> found = engrams.audit(
    ...     model, stats.engram(2), forget=two, retain=rest, test=(x, y), relearn=0, generator=0
    ... )
    >>> found["engram erased"].forget < found["random rows erased"].forget
    True
    """
    refuse(model)
    require_engram(engram)
    if oracle is not None and not isinstance(oracle, nn.Module):
        raise InputError(f"the oracle is a {type(oracle).__name__}; give a torch.nn.Module, or None")
    model = bare(model)
    rows = _Rows.of(forget, retain, test, unseen, inputs, labels)
    seed = draw_seed(generator)
    relearn = require_count(relearn, "relearn", low=0)
    compared = others.chosen(baselines)
    makers = _makers(model, engram, rows, oracle, alpha, tied, control, compared, seed)
    last = _last_layer(engram)
    reference = None if oracle is None else {n: s.answers(oracle) for n, s in rows.named().items()}
    findings, notes, complete = {}, [], True
    with Progress(progress, len(makers), "auditing") as bar:
        for place, (name, make) in enumerate(makers.items()):
            try:
                _prepare(compared.get(name))
                started = time.process_time()
                made = make()
            except ModuleNotFoundError as error:
                notes.append(f"{name} was left out: {error}")
                continue
            seconds = time.process_time() - started
            findings[name] = _finding(
                name, made, rows, reference, last, relearn, derived(seed, place), seconds
            )
            if not bar.update() and place + 1 < len(makers):
                complete = False
                break
    sizes = {name: len(part) for name, part in rows.named().items()}
    settings = {"alpha": alpha, "seed": seed, "rows": sizes, "relearn": relearn, "probed layer": last}
    return Audit(findings, engram.concepts, settings, complete, tuple(notes))


class _Rows:
    """The sets of an audit."""

    def __init__(self, forget: Examples, retain: Examples, test: Examples, unseen: Examples | None):
        self.forget, self.retain, self.test, self.unseen = forget, retain, test, unseen

    @classmethod
    def of(
        cls,
        forget: Any,
        retain: Any,
        test: Any,
        unseen: Any,
        inputs: Reader | None,
        labels: Reader | str | None,
    ) -> "_Rows":
        given = {"forget": forget, "retain": retain, "test": test}
        read = {name: examples(value, name, inputs, labels) for name, value in given.items()}
        if unseen is not None:
            return cls(**read, unseen=examples(unseen, "unseen", inputs, labels))
        if read["test"].labels.ndim > 1:
            return cls(**read, unseen=None)
        own = set(read["forget"].labels.tolist()) - set(read["retain"].labels.tolist())
        chosen = torch.isin(read["test"].labels, torch.tensor(sorted(own), dtype=torch.long))
        found = read["test"].rows(chosen.nonzero().flatten()) if bool(chosen.any()) else None
        return cls(**read, unseen=found)

    def named(self) -> dict[str, Examples]:
        return {"forget": self.forget, "retain": self.retain, "test": self.test}


def _makers(
    model: nn.Module,
    engram: Engram,
    rows: _Rows,
    oracle: nn.Module | None,
    alpha: Any,
    tied: str,
    control: bool,
    chosen: dict[str, others.Baseline],
    seed: int,
) -> dict[str, Callable[[], nn.Module]]:
    """Return, by name, what makes each network that is measured."""
    made: dict[str, Callable[[], nn.Module]] = {"as trained": lambda: model}
    if oracle is not None:
        made["oracle"] = lambda: oracle
    made["engram erased"] = lambda: _without(model, engram, alpha, tied)
    if control:
        made["random rows erased"] = lambda: _without(
            model, _random_engram(model, engram, rows, derived(seed, 10**6)), alpha, tied
        )
    for i, (name, baseline) in enumerate(chosen.items()):
        if name in made:
            raise InputError(
                f"a baseline is called {name!r}, like one of the audit's own networks; rename it"
            )
        made[name] = lambda baseline=baseline, i=i: baseline(
            model, rows.forget, rows.retain, derived(seed, 10**6 + 1, i)
        )
    return made


def _prepare(baseline: others.Baseline | None) -> None:
    """Import what a baseline needs, so that its time is its own."""
    prepare = getattr(baseline, "prepare", None)
    if prepare is not None:
        prepare()


def _without(model: nn.Module, engram: Engram, alpha: Any, tied: str) -> nn.Module:
    """Return a copy of the model without the concept."""
    with engram.erased(model, alpha, tied=tied):
        return copy.deepcopy(model)


def _random_engram(model: nn.Module, engram: Engram, rows: _Rows, generator: torch.Generator) -> Engram:
    """Return the engram of as many learned rows as the concept has, drawn at random, in the same layers."""
    everything = rows.forget.joined(rows.retain)
    order = torch.randperm(len(everything), generator=generator)
    chosen = torch.zeros(len(everything), dtype=torch.long)
    chosen[order[: len(rows.forget)]] = 1
    places = torch.arange(len(everything)).split(128)
    batches = [{"rows": everything.rows(place), "drawn": chosen[place]} for place in places]
    wanted = {site.module for site in engram.sites.values()}
    statistics = collect(
        model,
        batches,
        concept=lambda batch: batch["drawn"],
        inputs=lambda batch: batch["rows"].inputs,
        modules=lambda name, module: name in wanted,
        unsupported="skip",
        progress=False,
    )
    solutions = [term.solution for term in engram.terms if isinstance(term, ConceptTerm)]
    return statistics.engram(1, **(solutions[0].to_dict() if solutions else {}))


def _last_layer(engram: Engram) -> str:
    """Return the module of the last linear layer that the engram touches: the probe looks at what it sees."""
    full = [site.module for site in engram.sites.values() if site.part.kind == FULL]
    return full[-1] if full else ""


def _finding(
    name: str,
    model: nn.Module,
    rows: _Rows,
    reference: dict[str, Answers] | None,
    last: str,
    relearn: int,
    generator: torch.Generator,
    seconds: float,
) -> Finding:
    answers = {n: s.answers(model) for n, s in rows.named().items()}
    accuracies = {n: a.accuracy for n, a in answers.items()}
    beside = {} if reference is None else _compared(answers, reference)
    curve = []
    if relearn:
        curve = evidence.relearning(model, rows.forget, rows.retain, steps=relearn, generator=generator)
    return Finding(
        name,
        **accuracies,
        **beside,
        membership=evidence.membership(model, rows.forget, rows.unseen),
        probe=evidence.probe(model, rows.forget, rows.retain, last) if last else math.nan,
        rounded=rows.forget.answers(evidence.rounded(model)).accuracy,
        relearned=_steps_to(curve),
        curve=tuple(curve),
        seconds=seconds,
    )


def _compared(answers: dict[str, Answers], reference: dict[str, Answers]) -> dict[str, float]:
    """Return what depends on the oracle."""
    gaps = [1 - abs(answers[n].accuracy - reference[n].accuracy) for n in answers]
    made = {"tug_of_war": math.prod(gaps)}
    for n in ("forget", "retain"):
        theirs, own = (a[n].logits.double().log_softmax(-1) for a in (reference, answers))
        made[f"divergence_{n}"] = float((theirs.exp() * (theirs - own)).sum(-1).mean())
    return made


def _steps_to(curve: list[float], goal: float = 0.9) -> float:
    if not curve:
        return math.nan
    return float(next((step for step, value in enumerate(curve) if value >= goal), math.inf))
