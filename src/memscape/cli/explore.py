"""`memscape explore`: the demo's study on the user's own pictures."""

from pathlib import Path
from typing import Annotated

import typer

from memscape.cli.frame import Json, Seed, emit, say, writable
from memscape.cli.inputs import LEVELS, SIZE, Levels, Size, ThresholdLevel, read_pictures


def explore(
    folder: Annotated[
        Path, typer.Argument(help="A folder of pictures that Pillow can read.", show_default=False)
    ],
    levels: Levels = None,
    threshold: ThresholdLevel = None,
    size: Size = SIZE,
    out: Annotated[Path, typer.Option(help="Where the report is written.")] = Path("out/explore.html"),
    seed: Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer cues, loads and starts.")] = False,
    json: Json = False,
) -> None:
    """Store your own pictures in several memories, damage and recall them, and write a report."""
    writable(out)
    say("loading the library")
    from dataclasses import replace

    from memscape.cli.findings import summary
    from memscape.cli.measure import study
    from memscape.cli.panels import report
    from memscape.cli.study import Plan

    pictures = read_pictures(folder, levels, threshold, size)
    code = f"--threshold {threshold:g}" if threshold is not None else f"--levels {levels or LEVELS}"
    again = f"{code} --size {size} --seed {seed}{' --quick' if quick else ''} --out {out}"
    pictures = replace(pictures, command=f"memscape explore {folder} {again}")
    plan = Plan.quick(seed) if quick else Plan(seed=seed)
    found = study(pictures, plan, say)
    say("drawing")
    written = report(found).save(out)
    emit(found.to_dict() | {"report": str(written)}, f"{summary(found)}\n\nreport written to {written}", json)
