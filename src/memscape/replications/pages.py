"""The pages that are written from results/: the table of claims, and every block that names a result.

In any page of the documentation a block between `<!-- result: ID -->` and `<!-- result: end -->` holds the
number and the table of that result. `python -m memscape.replications.systems --write` renews all of them.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from memscape.core.errors import InputError
from memscape.replications.runner import Outcome, number, read_all, shown, sizes, summary_row

CLAIMS = "docs/claims.md"
PAGES = (
    "docs/principle.md",
    "docs/applications.md",
    "docs/concepts/audit.md",
    "docs/concepts/continual.md",
    "docs/concepts/sequence-tasks.md",
)
"""Pages with blocks of results."""

_BLOCK = re.compile(r"<!-- result: (?P<id>[a-z0-9_-]+) -->\n.*?<!-- result: end -->", re.S)


def claims_body(results: dict[str, Outcome]) -> str:
    """Return the page of claims as Markdown: one sentence, and one table per paper.

    >>> claims_body({})
    'No claim has been measured yet.'
    """
    if not results:
        return "No claim has been measured yet."
    met = sum(one.met for one in results.values())
    parts = [f"{len(results)} claims are measured, {met} are met, {len(results) - met} are **missed**."]
    for paper in sorted({one.claim.paper for one in results.values()}):
        own = [one for one in results.values() if one.claim.paper == paper]
        parts += [f"## {paper}", f"Again: `memscape replicate {paper}`", _claims_table(own)]
    return "\n\n".join(parts)


def _claims_table(outcomes: Iterable[Outcome]) -> str:
    rows = []
    for one in outcomes:
        m, line = one.measured, summary_row(one)
        rows.append(
            {
                "claim": f"{one.claim.statement} ({one.claim.where})",
                "claimed": f"{line['claimed']} {one.claim.unit}",
                "measured": line["measured"],
                "": "met" if one.met else "**missed**",
                "n, p": f"{m.n:,}, {m.p:,}" if m.n else "",
                "patterns, seed": f"{m.patterns}, {m.seed}",
                "CPU s": f"{one.seconds:.1f}",
                "note": m.note,
            }
        )
    return markdown(rows)


def markdown(rows: list[dict[str, str]]) -> str:
    """Return rows of equal keys as a Markdown table.

    >>> print(markdown([{"n": "1"}]))
    | n |
    |---|
    | 1 |
    """
    lines = [list(rows[0]), ["---"] * len(rows[0]), *([_cell(text) for text in row.values()] for row in rows)]
    return "\n".join(
        f"|{'|'.join(line)}|" if line[0] == "---" else f"| {' | '.join(line)} |" for line in lines
    )


def _cell(text: str) -> str:
    return str(text).replace("|", "\\|").replace("\n", " ")


def filled(text: str, results: dict[str, Outcome], page: str = "the page") -> str:
    """Return a page with every block of a result rewritten.

    Raises:
        InputError: if a block names a result that does not exist.

    >>> filled("no blocks", {})
    'no blocks'
    """

    def block(hit: re.Match[str]) -> str:
        if hit["id"] not in results:
            raise InputError(
                f"{page} names the result {hit['id']!r}, which does not exist; run `memscape "
                f"replicate {hit['id']}`"
            )
        return f"<!-- result: {hit['id']} -->\n\n{result_body(results[hit['id']])}\n\n<!-- result: end -->"

    return _BLOCK.sub(block, text)


def result_body(outcome: Outcome) -> str:
    """Return one result as Markdown: its sentence, number, table and how to repeat it."""
    m, claim = outcome.measured, outcome.claim
    parts = [f"**{_verdict(outcome)}.** {claim.statement} {_measured(outcome)}"]
    if m.rows:
        parts.append(markdown([{key: shown(value) for key, value in row.items()} for row in m.rows]))
    note = f" {m.note}." if m.note else ""
    parts.append(f"{sizes(m)}{m.patterns}, seed {m.seed}.{note} Again: `memscape replicate {claim.id}`")
    return "\n\n".join(parts)


def _verdict(outcome: Outcome) -> str:
    if not outcome.mark:
        return "Met" if outcome.met else "Missed"
    return outcome.mark.capitalize() if outcome.met else "Tried, missed"


def _measured(outcome: Outcome) -> str:
    m = outcome.measured
    interval = f" (95 % {number(m.interval[0])} to {number(m.interval[1])})" if m.interval else ""
    return f"Claimed {outcome.claim.bound} {outcome.claim.unit}; measured {number(m.value)}{interval}."


def fresh_pages(root: Path | str = ".") -> dict[Path, str]:
    """Return the text that the pages written from results/ should have, those that exist under `root`."""
    results = read_all(Path(root) / "results")
    pages = {Path(root) / name: name for name in PAGES if (Path(root) / name).is_file()}
    return {path: filled(path.read_text(encoding="utf-8"), results, name) for path, name in pages.items()}
