"""The one place that writes HTML: a report of panels in one self-contained file that opens offline."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path

from jinja2 import Environment, StrictUndefined, Template
from matplotlib.figure import Figure

from memscape.core.errors import InputError
from memscape.core.files import write_whole
from memscape.plot.style import styled

TYPES = {"svg": "image/svg+xml", "png": "image/png"}
"""Formats of embedded figures: svg for lines, png for pictures and matrices."""


@dataclass(frozen=True)
class Picture:
    """A figure in a report.

    Attributes:
        figure: what is drawn.
        alt: what it shows, in one sentence, for those who cannot see it.
        caption: what to look at.
        narrow: another drawing of the same for screens below 600 pixels.
        format: "svg" or "png".

    Raises:
        InputError: without an alt text, or for another format.
    """

    figure: Figure
    alt: str
    caption: str = ""
    narrow: Figure | None = None
    format: str = "svg"

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise InputError("a picture needs an alt text; say in one sentence what it shows")
        if self.format not in TYPES:
            raise InputError(
                f"the format is {self.format!r}; it must be one of {', '.join(map(repr, TYPES))}"
            )

    @property
    def wide_uri(self) -> str:
        """The figure as a data URI."""
        return data_uri(self.figure, self.format)

    @property
    def narrow_uri(self) -> str:
        """The narrow drawing as a data URI, empty where there is none."""
        return data_uri(self.narrow, self.format) if self.narrow is not None else ""

    @property
    def width(self) -> int:
        """The width in CSS pixels at which letters have their nominal size."""
        return round(96 * self.figure.get_figwidth())


@dataclass(frozen=True)
class Table:
    """A grid of texts: `head` over `rows`; the first column names the rows."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""

    def __post_init__(self) -> None:
        if wrong := [row for row in self.rows if len(row) != len(self.head)]:
            raise InputError(
                f"a row has {len(wrong[0])} cells under {len(self.head)} headings: {list(wrong[0])}"
            )


@dataclass(frozen=True)
class Panel:
    """One part of a report: a finding as its title, text, pictures, numbers, and the command that repeats it.

    Attributes:
        title: short; it is also the entry in the list of contents.
        text: paragraphs.
        points: findings, one sentence each, as a list below the text.
        pictures: figures, in order.
        numbers: readable names and values.
        tables: grids of numbers.
        command: what a user types to get the same.
    """

    title: str
    text: Sequence[str] = ()
    points: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    numbers: Mapping[str, str] = field(default_factory=dict)
    tables: Sequence[Table] = ()
    command: str = ""


class Report:
    """A self-contained HTML page made of panels.

    Args:
        title: of the page.
        lead: paragraphs under the title.
        numbers: the few numbers that stand at the top.

    >>> import tempfile
    >>> report = Report("Digits").add(Panel("Recall", text=["Works."], numbers={"recalled": "49 of 50"}))
    >>> path = report.save(tempfile.mkdtemp() + "/out/report.html")
    >>> "49 of 50" in path.read_text(encoding="utf-8")
    True
    """

    def __init__(self, title: str, *, lead: Sequence[str] = (), numbers: Mapping[str, str] | None = None):
        self.title, self.lead, self.numbers = title, tuple(lead), dict(numbers or {})
        self.panels: list[Panel] = []

    def add(self, panel: Panel) -> "Report":
        """Append a panel and return the report."""
        self.panels.append(panel)
        return self

    def html(self) -> str:
        """Return the page as text. Everything that is not a figure is escaped."""
        return _template().render(report=self)

    def save(self, path: str | Path) -> Path:
        """Write the page and return its path; the folder is made.

        An old page is replaced when the new one is whole.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, self.html().encode("utf-8"))
        return path


@styled
def data_uri(figure: Figure, format: str = "svg") -> str:
    """Return a figure as a data URI; figures drawn alike give the same text.

    Raises:
        InputError: for a format other than "svg" and "png".

    >>> data_uri(Figure(figsize=(1, 1)), "png")[:22]
    'data:image/png;base64,'
    """
    if format not in TYPES:
        raise InputError(f"the format is {format!r}; it must be one of {', '.join(map(repr, TYPES))}")
    buffer = io.BytesIO()
    stamp = {"Date": None} if format == "svg" else {}
    figure.savefig(buffer, format=format, dpi=192, metadata=stamp)
    return f"data:{TYPES[format]};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


@cache
def _template() -> Template:
    text = (files("memscape.plot") / "report.html.j2").read_text(encoding="utf-8")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(text)
