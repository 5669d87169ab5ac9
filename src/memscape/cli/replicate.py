"""`memscape replicate`: measure the claims of the literature again, and write what was found."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from memscape.cli.frame import Json, Seed, emit, say, writable


class Tier(StrEnum):
    """How long a claim may take on one core."""

    seconds = "seconds"
    minutes = "minutes"
    hours = "hours"
    gpu = "gpu"


def replicate(
    name: Annotated[
        list[str] | None, typer.Argument(help="Claims or papers, as --list shows them.", show_default=False)
    ] = None,
    tier: Annotated[
        Tier | None, typer.Option(help="Only claims that take at most this long on one core.")
    ] = None,
    list_claims: Annotated[bool, typer.Option("--list", help="List the claims and run none.")] = False,
    out: Annotated[Path, typer.Option(help="The folder of the results, one JSON file per claim.")] = Path(
        "results"
    ),
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Measure claims of papers again; a claim that is missed is written and shown like any other."""
    if not (name or tier or list_claims):
        raise typer.BadParameter("name a claim or a paper, or give --tier or --list")
    from memscape.replications import claims

    chosen = claims(*(name or ()), tier=tier.value if tier else None)
    if list_claims:
        _list(chosen, json)
        return
    _measure(chosen, out, seed, json)


def _list(chosen: tuple, as_json: bool) -> None:
    from dataclasses import asdict

    from memscape.replications.runner import aligned

    entries = [asdict(one.claim) for one in chosen]
    rows = [
        {"claim": one.claim.id, "tier": one.claim.tier, "claimed": f"{one.claim.bound} {one.claim.unit}"}
        | {"statement": one.claim.statement}
        for one in chosen
    ]
    emit(entries, aligned(rows), as_json)


def _measure(chosen: tuple, out: Path, seed: int, as_json: bool) -> None:
    from memscape.replications import run

    writable(out, folder=True)
    say(f"measuring {len(chosen)} claims; results go to {out}{'/' if out.name else ''}")
    found = run(chosen, out=out, seed=seed)
    emit(found.to_dict(), "\n\n".join([*map(repr, found.found), repr(found)]), as_json)
