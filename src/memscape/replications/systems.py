"""The map: which systems of the literature the library covers, and how far each one is.

`systems.toml` is the only place where a row is written; the tables of README.md and docs/map.md are made from
it, those of claims from results/, by `python -m memscape.replications.systems --write`, and a test asserts
that they are fresh.
"""

import argparse
import tomllib
from dataclasses import MISSING, dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path

from memscape.core.errors import InputError
from memscape.replications.pages import CLAIMS, claims_body, fresh_pages
from memscape.replications.runner import read_all

STATES = {
    "working": "the bar is met",
    "partial": "some of the bar is met",
    "missed": "measured, and the bar is not met",
    "planned": "not measured yet",
}
"""The states of a row, best first, and what each one means."""

DOORS = (
    "memories",
    "landscape",
    "engrams",
    "sequence",
    "agents",
    "cognition",
    "continual",
    "tasks",
    "theory",
    "mechanisms",
    "catalogue",
)
"""The rooms that a row may name, in the order of the tables."""

START, END = "<!-- map: written from systems.toml -->", "<!-- map: end -->"
"""The markers in a page, between which a table is written."""


@dataclass(frozen=True)
class System:
    """One system of the literature: the paper's claim, the bar it has to meet here, what we measured.

    A state other than "planned" needs `measurement` and `command`, "partial" and "missed" need `misses` too.

    Raises:
        InputError: if a required text is empty, the state or the door is unknown, or a measured row lacks its
            proof.
    """

    id: str
    name: str
    paper: str
    door: str
    part: str
    state: str
    claim: str
    bar: str
    arxiv: str = ""
    measurement: str = ""
    command: str = ""
    misses: str = ""

    def __post_init__(self):
        where = f"system {self.id!r}"
        needed = [field.name for field in fields(self) if field.default is MISSING]
        if self.state != "planned":
            needed += ["measurement", "command"]
        if self.state in ("partial", "missed"):
            needed += ["misses"]
        if empty := [name for name in needed if not getattr(self, name).strip()]:
            raise InputError(f"{where} is {self.state} and lacks {', '.join(empty)}; fill it in")
        if self.state not in STATES:
            raise InputError(f"{where} has the state {self.state!r}; allowed are {', '.join(STATES)}")
        if self.door not in DOORS:
            raise InputError(f"{where} has the door {self.door!r}; allowed are {', '.join(DOORS)}")
        if self.state == "planned" and self.measurement:
            raise InputError(f"{where} is planned but has a measurement; give it the state that it earned")

    @property
    def source(self) -> str:
        """The paper as a Markdown link where it is on arXiv, else its title."""
        return f"[{self.paper}](https://arxiv.org/abs/{self.arxiv})" if self.arxiv else self.paper


@cache
def systems() -> tuple[System, ...]:
    """Return every row of the map, by room in the order of `DOORS`, within a room in the order of the file.

    >>> next(row.name for row in systems() if row.arxiv == "1611.06127")
    'Correlations control landscapes'
    """
    return parse((files("memscape.replications") / "systems.toml").read_text(encoding="utf-8"))


def parse(text: str) -> tuple[System, ...]:
    """Return the checked rows of a map written in TOML.

    Raises:
        InputError: if a row is malformed, lacks a field, has one that does not exist, or repeats an id.

    >>> parse("[[system]]\\nid = 'x'")
    Traceback (most recent call last):
    memscape.core.errors.InputError: system 'x' lacks name, paper, door, part, state, claim, bar; fill it in
    """
    rows = [_row(entry) for entry in tomllib.loads(text).get("system", [])]
    ids = [row.id for row in rows]
    if repeated := sorted({name for name in ids if ids.count(name) > 1}):
        raise InputError(
            f"the id {', '.join(repeated)} stands in more than one row; give every system its own"
        )
    return tuple(sorted(rows, key=lambda row: DOORS.index(row.door)))


def _row(entry: dict[str, str]) -> System:
    where = f"system {entry.get('id', 'without id')!r}"
    known = [field.name for field in fields(System)]
    required = [field.name for field in fields(System) if field.default is MISSING]
    if missing := [name for name in required if name not in entry]:
        raise InputError(f"{where} lacks {', '.join(missing)}; fill it in")
    if unknown := sorted(set(entry) - set(known)):
        raise InputError(
            f"{where} has the unknown field {', '.join(unknown)}; allowed are {', '.join(known)}"
        )
    return System(**entry)


def summary() -> str:
    """Return one sentence: how many systems there are and how many stand in each state.

    >>> summary().split(":")[0]
    '50 systems'
    """
    rows = systems()
    counts = {state: sum(row.state == state for row in rows) for state in STATES}
    parts = [f"{count} {state} ({STATES[state]})" for state, count in counts.items() if count]
    return f"{len(rows)} systems: {', '.join(parts)}."


def table(format: str = "markdown") -> str:
    """Return the map as one table: system, room, state, measurement.

    Args:
        format: "markdown" for a page, "text" for a terminal (columns aligned, no links).

    Raises:
        InputError: if `format` is neither.

    >>> print(table("text").splitlines()[0])
    system                                   room         state    measured
    """
    if format == "markdown":
        lines = [(_linked(row), row.door, row.state, _cell(row.measurement)) for row in systems()]
        head = "| system | room | state | measured |\n|---|---|---|---|\n"
        return head + "\n".join(f"| {' | '.join(line)} |" for line in lines)
    if format == "text":
        lines = [("system", "room", "state", "measured")]
        lines += [(row.name, row.door, row.state, row.measurement or "-") for row in systems()]
        name, door, state, _ = (max(map(len, column)) for column in zip(*lines, strict=True))
        return "\n".join(f"{a:{name}}  {b:{door}}  {c:{state}}  {d}" for a, b, c, d in lines)
    raise InputError(f'format is {format!r}; it must be "markdown" or "text"')


def page() -> str:
    """Return the map as a Markdown page body: one section per room, each system with claim and bar."""
    rows = systems()
    sections = [summary()]
    for door in DOORS:
        inside = [row for row in rows if row.door == door]
        if inside:
            sections += [f"## {door}", *(_entry(row) for row in inside)]
    return "\n\n".join(sections)


def _entry(row: System) -> str:
    lines = [
        f"### {row.name}",
        "",
        f"- paper: {row.source}",
        f"- part: {row.part}",
        f"- state: **{row.state}**",
        f"- the paper claims: {row.claim}",
        f"- counts as working: {row.bar}",
    ]
    lines += [f"- measured: {row.measurement}"] if row.measurement else []
    lines += [f"- again: `{row.command}`"] if row.command else []
    lines += [f"- missing: {row.misses}"] if row.misses else []
    return "\n".join(lines)


def _linked(row: System) -> str:
    return f"[{row.name}](https://arxiv.org/abs/{row.arxiv})" if row.arxiv else row.name


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def fresh(root: Path | str = ".") -> dict[Path, str]:
    """Return the text that every generated page under `root` should have.

    The tables of README.md and docs/map.md come from systems.toml, those of docs/claims.md and of the pages
    with blocks of results from the files in results/.

    Raises:
        InputError: if a file or its two markers are missing, or a block names a result that does not exist.
    """
    measured = claims_body(read_all(Path(root) / "results"))
    bodies = {"README.md": f"{summary()}\n\n{table()}", "docs/map.md": page(), CLAIMS: measured}
    written = {Path(root) / name: _between(Path(root) / name, body) for name, body in bodies.items()}
    return written | fresh_pages(root)


def _between(path: Path, body: str) -> str:
    if not path.is_file():
        raise InputError(f"{path} does not exist; run this in the root of a checkout, or name it with --root")
    text = path.read_text(encoding="utf-8")
    if START not in text or END not in text:
        raise InputError(f"{path} lacks the markers {START!r} and {END!r}; put them where the table belongs")
    before, rest = text.split(START, 1)
    return f"{before}{START}\n\n{body}\n\n{END}{rest.split(END, 1)[1]}"


def main(arguments: list[str] | None = None) -> None:
    """Print the map as a table, or with --write renew every generated table of README.md and docs/."""
    parser = argparse.ArgumentParser(prog="python -m memscape.replications.systems", description=main.__doc__)
    parser.add_argument("--write", action="store_true", help="renew the generated tables")
    parser.add_argument("--root", default=".", help="the root of the checkout (default: here)")
    chosen = parser.parse_args(arguments)
    if not chosen.write:
        print(f"{table('text')}\n\n{summary()}")
        return
    for path, text in fresh(chosen.root).items():
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")


if __name__ == "__main__":
    main()
