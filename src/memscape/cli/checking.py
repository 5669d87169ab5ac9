"""`memscape check`: what a memory of your own vectors confuses and still holds, and when to be silent."""

from pathlib import Path
from typing import Annotated

import typer

from memscape.cli.frame import Json, Seed, emit, say, writable
from memscape.cli.inputs import sound


def check(
    vectors: Annotated[
        Path,
        typer.Argument(
            help="A table, one stored vector per row: .npy, .npz, .safetensors, .csv, .tsv, .parquet.",
            show_default=False,
        ),
    ],
    cues: Annotated[
        Path | None, typer.Option(help="A table of what it is asked, one cue per row.", show_default=False)
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            help="The row of the right vector for each cue, counted from 0; -1 where none is right.",
            show_default=False,
        ),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(help="A text file that names the vectors, one per line.", show_default=False),
    ] = None,
    beta: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            help="Sharpness, in units of cosine.  [default: half of the median cue on its best vector]",
            show_default=False,
        ),
    ] = None,
    duplicate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Cosine from which on two vectors are the same.")
    ] = 0.999,
    out: Annotated[Path, typer.Option(help="Where the report is written.")] = Path("out/check.html"),
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Check your own vectors: what is confused, when to say "I don't know", how many more fit."""
    writable(out)
    for given_file in (vectors, cues, labels):
        if given_file is not None:
            sound(given_file)
    say("loading the library")
    from memscape import landscape, plot
    from memscape.core.tables import read_column, read_table

    rows = read_table(vectors)
    asked = None if cues is None else read_table(cues)
    right = None if labels is None else read_column(labels)
    called = None if names is None else _lines(names, len(rows))
    say(f"checking {len(rows):,} vectors")
    found = landscape.check(rows, asked, right, beta=beta, duplicate=duplicate, generator=seed)
    say("drawing")
    given = {"--cues": cues, "--labels": labels, "--names": names, "--beta": beta}
    options = "".join(f" {flag} {value}" for flag, value in given.items() if value is not None)
    command = f"memscape check {vectors}{options} --duplicate {duplicate:g} --seed {seed} --out {out}"
    written = plot.check_report(found, names=called, command=command).save(out)
    emit(
        found.to_dict() | {"report": str(written)},
        f"{found}\n\nreport written to {written}",
        json,
    )


def _lines(path: Path, count: int) -> list[str]:
    """Return the lines of a text file, one for each vector."""
    from memscape.core.errors import FileFormatError

    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise FileFormatError(f"{str(path)!r} is no text in UTF-8: {error}") from None
    if len(lines) != count:
        raise FileFormatError(
            f"{str(path)!r} has {len(lines)} lines and there are {count} vectors; give one each"
        )
    return lines
