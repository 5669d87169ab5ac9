"""What a user names on the command line: tables, folders of pictures, memories and their options."""

import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from torch import Tensor

    from memscape.patterns import Thermometer, Threshold

MAGIC = {".npy": b"\x93NUMPY", ".npz": b"PK"}
"""The first bytes of the files that numpy writes."""

LEVELS = 8
"""Units per pixel where the user asks for nothing else."""

SIZE = 32
"""Pixels of a side where the user asks for nothing else."""

Levels = Annotated[
    int | None,
    typer.Option(
        min=1, help=f"Units per pixel of a thermometer code.  [default: {LEVELS}]", show_default=False
    ),
]
ThresholdLevel = Annotated[
    float | None,
    typer.Option(
        min=0.0, max=1.0, help="One unit per pixel instead: on from this grey value.", show_default=False
    ),
]
Size = Annotated[int, typer.Option(min=1, help="Pictures are scaled to size x size pixels.")]


_CODES = {"Thermometer": {"levels": "levels"}, "Threshold": {"threshold": "level"}}


@dataclass(frozen=True)
class Pictures:
    """Images as patterns, with what a report needs to speak of them.

    Attributes:
        patterns: (p, n) units +-1.
        names: one for each pattern, such as its class or its file.
        code: the code that made them.
        shape: (height, width).
        noun: what they are, in the plural.
        source: the Python expression that gives the images again.
        command: the command line that gives the whole report again.
        groups: (p,) classes by which they can be sorted, or None.
        cmap: how grey values are drawn.
    """

    patterns: "Tensor"
    names: tuple[str, ...]
    code: "Thermometer | Threshold"
    shape: tuple[int, int]
    noun: str = "pictures"
    source: str = ""
    command: str = ""
    groups: "Tensor | None" = None
    cmap: str = "gray"

    @property
    def coding(self) -> dict[str, Any]:
        """What `memscape store` writes beside a memory of pictures: its options, by their names."""
        chosen = {name: getattr(self.code, at) for name, at in _CODES[type(self.code).__name__].items()}
        return chosen | {"size": self.shape[0]}

    def decode(self, states: "Tensor") -> "Tensor":
        """Return the pixels (b, h w) of states (b, n); pixels whose units are all unknown become NaN."""
        pixels = self.code.decode(states, self.shape).flatten(-2).clone()
        unknown = (states == 0).reshape(*states.shape[:-1], pixels.shape[-1], -1).all(-1)
        pixels[unknown] = float("nan")
        return pixels


def picture_code(levels: int | None, threshold: float | None) -> "Thermometer | Threshold":
    """Return the code that --levels or --threshold ask for; both at once are a mistake."""
    from memscape.patterns import Thermometer, Threshold

    if levels is not None and threshold is not None:
        raise typer.BadParameter("give either --levels or --threshold, not both")
    return Threshold(threshold) if threshold is not None else Thermometer(levels or LEVELS)


def read_pictures(folder: Path, levels: int | None, threshold: float | None, size: int) -> Pictures:
    """Return the pictures of a folder as patterns."""
    from memscape.patterns import load_images

    code = picture_code(levels, threshold)
    images, names = load_images(folder, size=size)
    source = f"ms.patterns.load_images({str(folder)!r}, size={size}).images"
    return Pictures(code.encode(images), names, code, (size, size), source=source)


def sound(path: Path) -> None:
    """Refuse a folder or nothing where a file is needed, and a file of numpy that is none."""
    from memscape.core.errors import FileFormatError

    if path.is_dir():
        raise FileFormatError(f"{str(path)!r} is a folder; a file is needed")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {str(path)!r}")
    start = MAGIC.get(path.suffix, b"")
    if start and path.stat().st_size:
        with path.open("rb") as file:
            if file.read(len(start)) != start:
                raise FileFormatError(
                    f"{str(path)!r} is no {path.suffix} file, whatever its name says; numpy writes them, and "
                    "text is read from .csv or .tsv"
                )


def read_patterns(
    path: Path, levels: int | None, threshold: float | None, size: int
) -> tuple["Tensor", tuple[str, ...], dict[str, Any] | None]:
    """Return the patterns (p, n) of a table file or a folder of pictures, their names, and their coding."""
    if path.is_dir():
        pictures = read_pictures(path, levels, threshold, size)
        return pictures.patterns, pictures.names, pictures.coding
    from memscape.core.tables import read_table

    sound(path)
    patterns = read_table(path)
    return patterns, tuple(f"row {i}" for i in range(len(patterns))), None


def as_stored(
    coding: dict[str, Any] | None, levels: int | None, threshold: float | None, size: int | None
) -> tuple[int | None, float | None, int]:
    """Return the coding of cues: as the memory's pictures were coded, whose options need not be repeated.

    Args:
        coding: what `memscape store` wrote; None where the file does not say.
        levels, threshold, size: what the user asks for, None for nothing.

    Raises:
        typer.BadParameter: where the user asks for another coding than that of the memory.

    >>> as_stored({"levels": 4, "size": 8}, None, None, None)
    (4, None, 8)
    """
    if coding is None:
        return levels, threshold, SIZE if size is None else size
    for name, value in (("levels", levels), ("threshold", threshold), ("size", size)):
        if value is not None and coding.get(name) != value:
            stored = " ".join(f"--{flag} {number:g}" for flag, number in coding.items())
            raise typer.BadParameter(
                f"the pictures of this memory were stored with {stored}, and cues are coded alike; "
                f"leave out --{name} {value:g}"
            )
    return coding.get("levels"), coding.get("threshold"), coding["size"]


def build_memory(name: str, patterns: "Tensor", separation: str | None, beta: float | None) -> Any:
    """Return a memory of these patterns, of the class that the catalogue knows under `name`."""
    import memscape as ms
    from memscape.core import cards

    catalogue = ms.catalogue()
    made = [each for each in catalogue if _takes_patterns(cards.registered(each))]
    if name not in made:
        what = "is not made from patterns alone" if name in catalogue else "is not there"
        raise typer.BadParameter(f"the memory {name!r} {what}; these are: {', '.join(made)}")
    options: dict[str, Any] = {}
    if separation is not None:
        if name != "Dense":
            raise typer.BadParameter(f"--separation goes with --memory Dense; {name} has none to choose")
        options["separation"] = parse_separation(separation)
    if beta is not None:
        if name != "Continuous":
            raise typer.BadParameter(f"--beta goes with --memory Continuous, not {name}")
        options["beta"] = beta
    elif name == "Continuous":
        return cards.builder("Continuous")(patterns)
    return cards.registered(name)(patterns, **options)


def _takes_patterns(cls: type) -> bool:
    """Whether a class makes a memory that recalls from a table of patterns and nothing else."""
    first, *others = inspect.signature(cls).parameters.values()
    needed = [p for p in others if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    return first.name == "patterns" and not needed and hasattr(cls, "recall")


def parse_separation(text: str) -> Any:
    """Return the separation that a text such as "Power:3" or "Softmax:0.1" names.

    >>> parse_separation("Power:3")
    Power(degree=3)
    """
    from memscape import mechanisms

    name, _, value = text.partition(":")
    kind = getattr(mechanisms, name, None)
    if (
        not (isinstance(kind, type) and issubclass(kind, mechanisms.Separation))
        or kind is mechanisms.Separation
    ):
        raise typer.BadParameter(f"there is no separation {name!r}; give one such as Power:3 or Softmax:0.1")
    if not value:
        raise typer.BadParameter(f"{name} needs a value: Power:3 is the degree, Softmax:0.1 is beta")
    try:
        number = float(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} in {text!r} is no number") from None
    return kind(int(number) if number.is_integer() and "Power" in name else number)
