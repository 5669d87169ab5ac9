"""Runs claims and writes what was measured to results/<id>.json, misses too."""

import json
import math
import os
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from memscape.core.errors import FileFormatError
from memscape.core.progress import Progress, ProgressOption
from memscape.core.version import VERSION
from memscape.replications.claim import Claim, Measured, Replication


@dataclass(frozen=True)
class Outcome:
    """A claim beside what was measured.

    Attributes:
        claim: what is claimed.
        measured: what was measured.
        mark: for applications, what is said if the claim is met.
        seconds: CPU time of the measurement, of all threads.
        version: of the library.
        cores: of the machine.
    """

    claim: Claim
    measured: Measured
    mark: str = ""
    seconds: float = 0.0
    version: str = VERSION
    cores: int = 1

    @property
    def met(self) -> bool:
        """Whether the measured value meets the claim."""
        return self.claim.met(self.measured.value)

    @property
    def word(self) -> str:
        """`met` or `MISSED`."""
        return "met" if self.met else "MISSED"

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        names = ("mark", "seconds", "version", "cores")
        rest = {name: getattr(self, name) for name in names}
        return {"claim": asdict(self.claim), "met": self.met, "measured": self.measured.to_dict()} | rest

    def table(self) -> str:
        """Return the rows behind the number as aligned text."""
        return aligned(self.measured.rows)

    def __repr__(self) -> str:
        m = self.measured
        head = (
            f"{self.claim.id}: {self.word}\n  claimed  {self.claim.statement} ({self.claim.bound} "
            f"{self.claim.unit})"
            f"\n  measured {number(m.value)}{_spread(m)} {self.claim.unit}"
            f"\n  {sizes(m)}{m.patterns}, seed {m.seed}, {self.seconds:.1f} CPU s"
        )
        return head + (f"\n  {m.note}" if m.note else "")


@dataclass(frozen=True)
class Outcomes:
    """What a run of claims found, in its order; `complete` is False where Ctrl-C ended it.

    `skipped` says by id which data or package a claim lacked.
    """

    found: tuple[Outcome, ...]
    complete: bool = True
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def missed(self) -> tuple[str, ...]:
        """The ids of the claims that were not met."""
        return tuple(one.claim.id for one in self.found if not one.met)

    def table(self) -> str:
        """Return one line per claim as aligned text."""
        return aligned([summary_row(one) for one in self.found])

    def to_dict(self) -> dict[str, Any]:
        """Return plain Python values, ready for JSON."""
        outcomes = [one.to_dict() for one in self.found]
        return {"outcomes": outcomes, "complete": self.complete, "skipped": dict(self.skipped)}

    def __repr__(self) -> str:
        ended = "" if self.complete else ", ended early"
        head = f"{len(self.found)} claims measured, {len(self.found) - len(self.missed)} met{ended}"
        missed = f"\nMISSED: {', '.join(self.missed)}" if self.missed else ""
        skipped = [f"\nskipped {name}: {reason}" for name, reason in self.skipped.items()]
        return f"{head}\n{self.table()}{missed}{''.join(skipped)}"


@contextmanager
def _one_thread() -> Generator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run(
    replications: Sequence[Replication],
    *,
    out: Path | str | None = "results",
    seed: int = 0,
    progress: ProgressOption = None,
) -> Outcomes:
    """Return what the measurements of claims found, and write each to a file as soon as it is known.

    A claim that is missed is written like any other. One whose data or package is not installed is skipped;
    the result says why. Ctrl-C ends the run with what is finished. Torch works on one thread: sums are
    rounded in an order that depends on how many there are, and trained networks tell.

    Args:
        replications: from `claims(...)`.
        out: the folder of the results, one JSON file per claim; None writes nothing.
        seed: of everything that is drawn.
        progress: a bar, a callable, or None.

    Costs what the claims cost: their tier says how long.

    >>> from memscape.replications.claim import claims
    >>> found = run(claims("ags1985-critical-load"), out=None)
    >>> round(found.found[0].measured.value, 4), found.missed
    (0.1379, ())
    """
    found: list[Outcome] = []
    skipped: dict[str, str] = {}
    with Progress(progress, len(replications), "replicating") as bar, _one_thread():
        for one in replications:
            started = time.process_time()
            try:
                measured = one.measure(seed)
            except (FileNotFoundError, ModuleNotFoundError) as error:
                skipped[one.claim.id] = str(error)
                continue
            seconds = round(time.process_time() - started, 2)
            outcome = Outcome(one.claim, measured, one.mark, seconds, VERSION, os.cpu_count() or 1)
            found.append(outcome)
            if out is not None:
                write(outcome, out)
            if not bar.update():
                break
    return Outcomes(tuple(found), len(found) + len(skipped) == len(replications), skipped)


def write(outcome: Outcome, folder: Path | str) -> Path:
    """Write an outcome to `folder`/<id>.json, moved into place when whole, and return the path."""
    path = Path(folder) / f"{outcome.claim.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_strict(outcome.to_dict()), indent=1, ensure_ascii=False, allow_nan=False)
    part = path.with_suffix(".part")
    part.write_text(text + "\n", encoding="utf-8")
    part.replace(path)
    return path


def read(path: Path | str) -> Outcome:
    """Return the outcome that a result file holds.

    Raises:
        FileNotFoundError: if there is no such file.
        FileFormatError: if it is not a result.
    """
    try:
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        values = dict(data["measured"])
        values["value"] = math.nan if values["value"] is None else values["value"]
        values["interval"] = None if values["interval"] is None else tuple(values["interval"])
        rest = {name: data[name] for name in ("mark", "seconds", "version", "cores")}
        return Outcome(Claim(**data["claim"]), Measured(**values), **rest)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise FileFormatError(
            f"{str(path)!r} is no result of a replication ({error!r}); `memscape replicate` writes it again"
        ) from None


def read_all(folder: Path | str) -> dict[str, Outcome]:
    """Return the outcomes of all result files of a folder by id; none where there is no such folder."""
    return {path.stem: read(path) for path in sorted(Path(folder).glob("*.json"))}


def summary_row(outcome: Outcome) -> dict[str, str]:
    """Return one line about an outcome: id, what is claimed, what was measured, whether it is met."""
    m = outcome.measured
    return {
        "claim": outcome.claim.id,
        "claimed": outcome.claim.bound,
        "measured": f"{number(m.value)}{_spread(m)}",
        "unit": outcome.claim.unit,
        "n": f"{m.n}",
        "p": f"{m.p}",
        "": outcome.word,
    }


def number(value: float) -> str:
    """Return a number with four digits.

    >>> number(0.123456), number(12345.6), number(3.0)
    ('0.1235', '12,346', '3')
    """
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


def sizes(measured: Measured) -> str:
    """Return units and patterns in words, nothing where a claim has none."""
    return f"n = {measured.n:,}, p = {measured.p:,}, " if measured.n else ""


def _spread(measured: Measured) -> str:
    if measured.interval is None:
        return ""
    low, high = measured.interval
    return f" ({number(low)} to {number(high)})"


def aligned(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows of equal keys as aligned lines of text, the keys first.

    >>> print(aligned([{"n": 1, "share": 0.5}]))
    n  share
    1  0.5
    """
    if not rows:
        return ""
    lines = [list(rows[0]), *([shown(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(f"{c:{w}}" for c, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def shown(value: Any) -> str:
    """Return a cell of a table: numbers with four digits, all else as it is."""
    return number(value) if isinstance(value, float) and math.isfinite(value) else str(value)


def _strict(value: Any) -> Any:
    """Return the value with NaN and infinities as null, which JSON does not know."""
    if isinstance(value, dict):
        return {str(key): _strict(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
