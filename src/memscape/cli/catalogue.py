"""`memscape list` and `memscape info`: what there is, and what a file holds."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from memscape.cli.frame import Json, emit, table


class Form(StrEnum):
    """Where a memory lives."""

    parametric = "parametric"
    token = "token"
    latent = "latent"


def list_(
    papers: Annotated[
        bool, typer.Option("--papers", help="List the systems of the literature and how far each one is.")
    ] = False,
    form: Annotated[
        Form | None, typer.Option(help="Only memories that live in weights, kept patterns, or a state.")
    ] = None,
    json: Json = False,
) -> None:
    """List the memories of the library, or with --papers the systems of the literature."""
    if papers and form is not None:
        raise typer.BadParameter("--form chooses among memories and does not go with --papers")
    if papers:
        _list_papers(json)
    else:
        _list_cards(form, json)


def _list_papers(as_json: bool) -> None:
    from memscape.replications import systems

    rows = [asdict(row) for row in systems.systems()]
    emit(rows, f"{systems.table('text')}\n\n{systems.summary()}", as_json)


def _list_cards(form: Form | None, as_json: bool) -> None:
    import memscape as ms

    cards = [card for card in ms.catalogue().values() if form is None or card.form == form.value]
    rows = [[card.name, card.form, card.parts, card.capacity] for card in cards]
    text = table(["memory", "form", "parts", "holds"], rows) if rows else f"no memory is of the form {form}"
    emit([asdict(card) for card in cards], text, as_json)


def info(
    file: Annotated[Path, typer.Argument(help="A file written by memscape.", show_default=False)],
    json: Json = False,
) -> None:
    """Show what a file of memscape holds, without reading its tensors."""
    from memscape.core.files import read_header

    header = read_header(file)
    text = [
        f"{file}: {header['kind']} of {header['card']}, written by memscape {header['version']} "
        f"(format {header['format']}), {file.stat().st_size:,} bytes",
        "",
        table(
            ["tensor", "shape"],
            [[name, " x ".join(map(str, shape)) or "()"] for name, shape in header["shapes"].items()],
        ),
    ]
    settings = header["parts"].get("settings", header["parts"])
    if coding := header["parts"].get("pictures"):
        settings = settings | {f"pictures: {name}": value for name, value in coding.items()}
    if settings:
        text += ["", table(["setting", "value"], [[name, str(value)] for name, value in settings.items()])]
    emit(header | {"path": str(file)}, "\n".join(text), json)
