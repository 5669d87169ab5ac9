"""A check of one's own vectors as a page: each panel answers one question, in words made from the numbers."""

from collections.abc import Sequence

from torch import Tensor

from memscape.landscape.check_result import PROMISE, Check
from memscape.plot.checks import abstention_scores, load_forecast, tolerance_curve
from memscape.plot.confusion import confusion_graph
from memscape.plot.report import Panel, Picture, Report, Table

ROWS = 12
"""Rows of a table at most."""

_LONGEST = 40  # letters of a name


def check_report(check: Check, *, names: Sequence[str] | None = None, command: str = "") -> Report:
    """Return the report of a check, its panels in the order in which they are read.

    Args:
        check: of `landscape.check`.
        names: what the rows are called, such as the texts that were embedded; None calls them by number.
        command: what gives the page again.

    >>> import memscape as ms, torch
    >>> report = ms.landscape.check(torch.eye(8), torch.eye(8) + 0.2, labels=range(8), generator=0)
    >>> [panel.title for panel in check_report(report).panels][0]
    'What does it confuse?'
    """
    s, f = check.settings, check.forecast
    numbers = {
        "vectors (distinct)": f"{s['patterns']:,} ({s['distinct']:,})",
        "cues": f"{s['cues']:,}{'' if s['labels'] else ', no labels'}",
        "confusable pairs": f"{check.confusable.found:,}",
        "answer from cosine": f"{check.threshold:.3f}",
    }
    if check.labelled:
        numbers["recall, held-out cues"] = _with(check.recall, check.recall_interval)
    numbers[f"{f.kind} at twice the load"] = _share(_doubled(check)[0])
    lead = [
        PROMISE,
        f"{s['patterns']:,} vectors of {s['units']:,} units, {s['cues']:,} cues ({s['law']}), seed"
        f" {s['seed']}, intervals of {100 * s['level']:.0f} %. Vectors and cues are compared by their"
        f" cosine; duplicates (cosine {check.confusable.duplicate:g} or more) count once.",
    ]
    if not check.labelled:
        lead.append(
            "No labels were given, so nobody knows which answers are right: nothing on this page is an"
            " accuracy."
        )
    lead += [f"Note: {note}." for note in check.notes]
    if not check.complete:
        lead.append("The comparison of all pairs was ended early: pairs and duplicates are incomplete.")
    page = Report("What this memory knows, and what it confuses", lead=lead, numbers=numbers)
    called = _Names(names)
    page.add(_confusions(check, called)).add(_abstention(check)).add(_load(check))
    page.add(_basins(check, called)).add(_damage(check))
    return page.add(_method(check, command))


class _Names:
    """What a row is called."""

    def __init__(self, names: Sequence[str] | None):
        self._names = names

    def __call__(self, row: int) -> str:
        if self._names is None or row >= len(self._names):
            return f"row {row}"
        name = " ".join(str(self._names[row]).split())
        return f"{row}: {name if len(name) <= _LONGEST else name[: _LONGEST - 1] + '…'}"


def _confusions(check: Check, called: _Names) -> Panel:
    c = check.confusable
    clusters, copies = c.clusters, c.duplicates
    points = [
        f"{c.found:,} pairs have a cosine above {c.threshold:.3f}. From there on a cue of one goes to the"
        f" other with a chance of more than {100 * c.chance:g} %, counting this one rival alone: this"
        f" follows from the noise of the cues, which towards neighbours is {c.noise:.3f} of their cosine."
        if c.found
        else f"No two different vectors have a cosine above {c.threshold:.3f}, from where on a cue of one"
        f" would go to the other with a chance of more than {100 * c.chance:g} %, counting this one rival"
        " alone.",
    ]
    if clusters:
        points.append(
            f"They hang together in {_several(len(clusters), 'cluster')}; the largest holds"
            f" {len(clusters[0]):,} vectors."
        )
    if copies:
        rows = sum(len(rows) - 1 for rows in copies)
        points.append(
            f"{_several(rows, 'row')} can be left out, as copies of another: {_several(len(copies), 'set')}."
        )
    pictures = []
    if clusters:
        pictures.append(
            Picture(
                confusion_graph(c),
                alt=f"Graph of the largest of {len(clusters)} clusters of confusable vectors. {points[0]}",
                caption="A dot is a vector (its row), a line a confusable pair: the thicker, the more alike.",
                narrow=confusion_graph(c, columns=1, most=3),
            )
        )
    tables = [_pairs(check, called)] if len(c.pairs) else []
    if check.mistakes:
        head = ["right vector", "vector that won", "cues"]
        rows = [[called(a), called(b), str(count)] for a, b, count in check.mistakes[:ROWS]]
        total = sum(count for _, _, count in check.mistakes)
        tables.append(
            Table(head, rows, f"Mistakes on the labelled cues, {total:,} in all, the most frequent first.")
        )
    if copies:
        rows = [
            [called(rows[0]), ", ".join(map(str, rows[1:8])) + (" …" if len(rows) > 8 else "")]
            for rows in copies[:ROWS]
        ]
        tables.append(Table(["vector", "rows that repeat it"], rows, "Duplicates, the largest sets first."))
    return Panel("What does it confuse?", points=points, pictures=pictures, tables=tables)


def _pairs(check: Check, called: _Names) -> Table:
    c = check.confusable
    rows = [
        [called(i), called(j), f"{cosine:.3f}", _share(c.chance_of(cosine))]
        for (i, j), cosine in zip(c.pairs[:ROWS].tolist(), c.cosine[:ROWS].tolist(), strict=True)
    ]
    caption = "The most alike pairs. The last column takes the noise of the cues as Gaussian."
    return Table(["vector", "is like", "cosine", "chance of confusion"], rows, caption)


def _abstention(check: Check) -> Panel:
    e = check.abstention_error
    points = [
        f'Answer where the best cosine is at least {e.threshold:.3f}, say "I don\'t know" below it.',
        f"It is then silent on {_with(e.silent, e.silent_interval)} of {e.known:,} held-out cues"
        f" {'that have an answer' if check.labelled else 'as they are'}, and answers"
        f" {_with(e.answered, e.answered_interval)} of {e.strangers:,} that should get none ({e.law}).",
    ]
    if check.labelled:
        points.append(
            f"Of the answers that it gives, {_with(e.wrong, e.wrong_interval)} name a wrong vector: this"
            " threshold tells known from unknown, it does not tell alike vectors apart."
        )
    else:
        points.append(
            "These are leave-one-out rates, no accuracy: a cue whose right vector was never stored counts"
            " as one that has an answer."
        )
    if e.error > 0.2:
        points.append(
            f"The two kinds of cues overlap: the mean error of {_share(e.error)} is closer to a coin's 50 %"
            " than it should be. No threshold on the cosine tells them apart well here."
        )
    picture = Picture(
        abstention_scores(e),
        alt=f"Histogram of the best cosines of held-out cues. {points[0]}",
        caption="Held-out cues. The threshold was set on the other half of the cues.",
        narrow=abstention_scores(e, width=3.8),
    )
    return Panel('When should it say "I don\'t know"?', points=points, pictures=[picture])


def _load(check: Check) -> Panel:
    f = check.forecast
    doubled, low, high, load = _doubled(check)
    today = f.load[sum(f.known) - 1]
    whose = "all labelled cues" if check.labelled else "all cues that are answered"
    points = [
        f"At twice today's load, {load:,} vectors, {f.kind} is forecast to be {_share(doubled)}"
        f" ({_between(low, high)}); today it is {_share(f.at(today))} ({whose}).",
        "The same forecast, made from random halves of the vectors and checked on cues that it had not"
        f" seen, was off by {100 * f.error:.1f} points (root mean square of {f.halves}; at worst"
        f" {100 * f.worst:.1f}).",
        f"Until {f.kind} has fallen by {100 * f.allowed:g} points there is room for"
        f" {'at least ' if f.open else 'about '}{_rounded(f.room):,} more vectors like those that are there.",
    ]
    text = ["The vectors to come, and their cues, are taken to be like today's. New topics need a new check."]
    if not check.labelled:
        text.append(
            "Winner stability: each cue that it answers is asked again, as near to its winner as before but"
            " with the noise of another cue. The share that finds the same vector is no accuracy: it says"
            " how crowded the memory is, not whether it is right."
        )
    rows = [
        [f"{load:,}", _share(share), _between(*ends), "counted" if known else "forecast"]
        for load, share, ends, known in zip(f.load, f.share, f.interval.tolist(), f.known, strict=True)
    ]
    picture = Picture(
        load_forecast(f),
        alt=f"{f.kind} against the number of vectors. {points[0]}",
        caption="Loads up to today's are counted over all random subsets; the band is an interval over cues.",
        narrow=load_forecast(f, width=3.8),
    )
    return Panel(
        "How many more can it hold?",
        text=text,
        points=points,
        pictures=[picture],
        tables=[Table(["vectors", f.kind, "interval (%)", ""], rows)],
    )


def _basins(check: Check, called: _Names) -> Panel:
    b = check.basin
    points = [
        f"The {b.cues:,} cues reached {b.reached:,} of {b.distinct:,} distinct vectors; the ten widest"
        f" basins took {_share(b.top())} of them.",
        f"The next cue goes to a vector that won none so far with an estimated chance of {_share(b.unseen)}"
        " (Good and Turing): the more, the less these cues say about single vectors.",
    ]
    rows = [
        [called(i), _share(float(b.fraction[i])), _between(*b.interval[i].tolist())]
        for i in b.widest(ROWS).tolist()
    ]
    caption = "The widest basins. A vector that wins many unlike cues is a hub: look at it."
    return Panel(
        "Where do your cues go?",
        points=points,
        tables=[Table(["vector", "cues", "interval (%)"], rows, caption)],
    )


def _damage(check: Check) -> Panel:
    t = check.tolerance
    low, high = t.interval.tolist()
    points = [
        f"Half of the cues still find their vector at a cosine of {t.median:.3f} with it"
        f" ({low:.3f}-{high:.3f}), measured on {len(t.row):,} vectors, each damaged in one random direction.",
        "Random directions are kind: real cues err towards similar vectors. Read this as an upper bound.",
    ]
    picture = Picture(
        tolerance_curve(t),
        alt=f"Share of damaged cues that find their vector against their cosine with it. {points[0]}",
        narrow=tolerance_curve(t, width=3.8),
    )
    return Panel("How much damage does it take?", points=points, pictures=[picture])


def _method(check: Check, command: str) -> Panel:
    low, middle, high = check.attention.tolist()
    text = [
        f"beta = {check.beta:.4g} (in units of cosine). At it a cue puts {_share(middle)} of its attention"
        f" on its best vector (median; 10 % of the cues below {_share(low)}, 10 % above {_share(high)})."
        " Unless given, beta is where the median is one half. It does not change who wins.",
        "Thresholds are set on one random half of the cues and measured on the other. Intervals of shares"
        " are Wilson's, or Clopper and Pearson's near 0 and 1; those of the forecast cover resampled cues"
        " too.",
    ]
    return Panel("How this was measured", text=text, command=command)


def _doubled(check: Check) -> tuple[float, float, float, int]:
    """Return the forecast at twice today's load, the ends of its interval, and that load."""
    f = check.forecast
    place = min(sum(f.known), len(f.load) - 1)
    low, high = f.interval[place].tolist()
    return f.share[place], low, high, f.load[place]


def _rounded(count: int) -> int:
    """Return a number to two digits: more would promise too much.

    >>> _rounded(14389), _rounded(7)
    (14000, 7)
    """
    return int(float(f"{count:.1e}")) if count >= 100 else count


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _share(share: float) -> str:
    return f"{100 * share:.1f} %"


def _between(low: float, high: float) -> str:
    return f"{100 * low:.1f}-{100 * high:.1f}"


def _with(share: float, interval: Tensor) -> str:
    return f"{_share(share)} ({_between(*interval.tolist())})"
