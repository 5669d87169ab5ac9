"""Check a memory of your own vectors.

What it confuses, what it stands, when to be silent, how many more it holds.
"""

import math
import warnings

import torch
from torch import Tensor

from memscape.core.arrays import require_count, require_fraction
from memscape.core.errors import InputError, MemscapeWarning
from memscape.core.progress import Progress, ProgressOption
from memscape.core.random import Generator, derived, draw_seed
from memscape.kernels.pairs import blocks
from memscape.landscape.abstention import best_threshold
from memscape.landscape.check_input import Input, read_input
from memscape.landscape.check_result import Check
from memscape.landscape.confusion import Confusable, cue_noise, find_confusable, identical
from memscape.landscape.cue_basins import cue_basins
from memscape.landscape.cue_cells import Cells, halves
from memscape.landscape.nearness import best_two, sharpness_of
from memscape.landscape.tolerance import Tolerance, tolerance

_TRIED = 500  # vectors whose tolerance is measured
_LEAST = 4  # distinct vectors
_RIVALS = 8  # nearest vectors of a cue, among which is one that is no duplicate of the first


def check(
    vectors: object,
    cues: object = None,
    labels: object = None,
    *,
    beta: float | None = None,
    duplicate: float = 0.999,
    chance: float = 0.01,
    allowed: float = 0.05,
    most: int = 1_000_000,
    level: float = 0.95,
    generator: Generator = None,
    progress: ProgressOption = None,
) -> Check:
    r"""Return what a memory of these vectors confuses, stands, should not answer, and how many more it holds.

    Vectors and cues are compared by their cosine, in float32; lengths play no part. The vector that answers a
    cue is the one of largest cosine: one step of a log-sum-exp memory at any beta has its largest weight
        there.

    With labels, recall, both errors of abstention and the error of the forecast are measured on the half of
    the cues that set nothing. Without, nobody knows which answers are right: the errors of abstention are two
    leave-one-out rates (each cue as it is; each cue with its best vector and that vector's duplicates
    removed), and the forecast is of winner stability, which is no accuracy. Forecasts assume that the vectors
    to come are like those that are there, and the cues too.

    Args:
        vectors: (p, n) what is stored, at least 4 distinct ones.
        cues: (b, n) what it is asked, at least 2; None makes cues from the vectors by random noise, which is
            kinder than life.
        labels: (b,) index of the right vector per cue, -1 = none is right. Without at least four of -1, cues
            whose right vector is taken away stand for them.
        beta: sharpness in units of cosine; None is where the median cue puts half of its attention on its
            best vector.
        duplicate: cosine from which on two vectors are the same, in (0, 1].
        chance: of a cue of one vector going to the other, from which on the two are a confusable pair.
        allowed: loss of recall or of answers up to which there is room for more vectors.
        most: confusable pairs kept at most.
        level: confidence of the intervals.
        generator: seed of the halves, the resamples and the damage.
        progress: a bar, a callable, or None.

    Raises:
        InputError: for fewer than 4 distinct vectors, fewer than 2 cues, other widths, NaN, cues of length 0,
            or labels that do not fit.

    Cost: p^2 n for the pairs, some 12 b p n for the rest. Memory: twice the vectors in float32, 128 p
    numbers, and at most 2 `most` pairs.

    >>> import memscape as ms
    >>> X = torch.randn(200, 64, generator=torch.Generator().manual_seed(0))
    >>> cues = X + torch.randn(200, 64, generator=torch.Generator().manual_seed(1))
    >>> report = ms.landscape.check(X / X.norm(dim=1, keepdim=True), cues, labels=range(200), generator=0)
    >>> report.recall > 0.9 and report.forecast.kind
    'recall'
    """
    require_fraction(chance, "chance", high=0.5)
    require_fraction(duplicate, "duplicate", high=1.0)
    require_fraction(allowed, "allowed")
    require_count(most, "most")
    require_fraction(level, "level", low=0.5, high=0.9999)
    if beta is not None and not 0 < beta < math.inf:
        raise InputError(f"beta is {beta}; it must be above 0 and finite, or None to be chosen")
    seed = draw_seed(generator)
    given = read_input(vectors, cues, labels, seed)
    first, same = identical(given.vectors)
    if len(first) < _LEAST:
        raise InputError(
            f"the {len(given.vectors)} vectors have {len(first)} distinct directions; at least {_LEAST} are"
            " needed"
        )
    with Progress(progress, blocks(len(first)) + _STAGES, "comparing all pairs") as bar:
        found = _pairs(given, first, same, duplicate, chance, most, bar)
        return _measured(given, found, beta, allowed, level, seed, bar)


_STAGES = 4


def _pairs(
    given: Input, first: Tensor, same: Tensor, duplicate: float, chance: float, most: int, bar: Progress
) -> Confusable:
    cues, own = _owners(given, duplicate)
    noise = cue_noise(given.vectors, cues, own, duplicate)
    bar.update()
    return find_confusable(
        given.vectors,
        first,
        same,
        noise,
        duplicate=duplicate,
        chance=chance,
        most=most,
        update=bar.update,
    )


def _owners(given: Input, duplicate: float) -> tuple[Tensor, Tensor]:
    """Return some of the cues and what they are about: as labelled, or the winner where it is near enough."""
    cues = given.cues[:_TRIED]
    if given.labels is not None:
        right = given.labels[:_TRIED]
        return cues[right >= 0], right[right >= 0]
    best, second, own = [], [], []
    for part in cues.split(64):
        score, near = (part @ given.vectors.T).topk(min(_RIVALS, len(given.vectors)), dim=1)
        x = given.vectors[near]
        other = torch.einsum("bkn,bn->bk", x, x[:, 0]) < duplicate
        best.append(score[:, 0])
        second.append(torch.where(other.any(1), score.gather(1, other.int().argmax(1)[:, None])[:, 0], -1.0))
        own.append(near[:, 0])
    scores, others = torch.cat(best), torch.cat(second)
    answered = scores >= best_threshold(scores, others)
    return cues[answered], torch.cat(own)[answered]


def _measured(
    given: Input,
    found: Confusable,
    beta: float | None,
    allowed: float,
    level: float,
    seed: int,
    bar: Progress,
) -> Check:
    rows = (found.group == torch.arange(len(found.group))).nonzero()[:, 0]
    if len(rows) < _LEAST:
        raise InputError(
            f"with duplicates from cosine {found.duplicate} on counted once, {len(rows)} vectors are left; at"
            f" least {_LEAST} are needed: raise duplicate"
        )
    # in random order, so that each fold is a contiguous random part
    rows = rows[torch.randperm(len(rows), generator=derived(seed, 1))]
    place = torch.full((len(found.group),), -1)
    place[rows] = torch.arange(len(rows))
    x = given.vectors[rows]
    best, second, winner = best_two(given.cues, x)
    bar.update()
    beta, attention = sharpness_of(given.cues, x, beta)
    damage = tolerance(x, torch.arange(len(x))[:_TRIED], derived(seed, 2), level=level)
    damage = Tolerance(rows[damage.row], damage.cosine, damage.median, damage.interval)
    bar.update()
    right = None if given.labels is None else place[found.group[given.labels.clamp(min=0)]]
    cells = Cells(given, x, best, second, winner, right, halves(given, seed))
    abstention, forecast = cells.abstention(level), cells.forecast(level, allowed, seed)
    bar.update()
    recall, interval = cells.recall(level)
    settings = {
        "patterns": len(given.vectors),
        "units": given.vectors.shape[1],
        "distinct": len(rows),
        "cues": len(given.cues),
        "held_out": int((cells.known & ~cells.fitting).sum()),
        "law": given.law,
        "labels": given.labels is not None,
        "seed": seed,
        "level": level,
    }
    return Check(
        confusable=found,
        basin=cue_basins(rows[winner], found.group, level=level),
        tolerance=damage,
        abstention_error=abstention,
        forecast=forecast,
        beta=beta,
        attention=attention,
        recall=recall,
        recall_interval=interval,
        mistakes=cells.mistakes(rows),
        notes=_notes(given, best, found),
        settings=settings,
        complete=found.complete,
    )


def _notes(given: Input, best: Tensor, found: Confusable) -> tuple[str, ...]:
    notes = list(given.notes)
    if given.law == "given cues" and float((best >= found.duplicate).double().mean()) > 0.5:
        notes.append(
            "more than half of the cues are stored vectors themselves, which find themselves; give cues as"
            " they will be asked"
        )
    if found.threshold > 0 and found.found > len(found.pairs):
        notes.append(
            f"{found.found:,} pairs are confusable; the {len(found.pairs):,} most alike are kept, above"
            f" cosine {found.threshold:.3f}"
        )
    for note in notes:
        warnings.warn(note, MemscapeWarning, stacklevel=4)
    return tuple(notes)
