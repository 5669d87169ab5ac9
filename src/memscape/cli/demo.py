"""`memscape demo`: the library's main job on real data, as one report."""

from pathlib import Path
from typing import Annotated

import typer

from memscape.cli.frame import Json, Seed, emit, say, writable


def demo(
    out: Annotated[Path, typer.Option(help="Where the report is written.")] = Path("out/report.html"),
    seed: Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer cues, loads and starts: seconds.")] = False,
    json: Json = False,
) -> None:
    """Store 1,797 handwritten digits in several memories, damage and recall them, and write a report."""
    writable(out)
    say("loading the library")
    from memscape import patterns
    from memscape.cli.erasing import erase_digit, erasure_panel
    from memscape.cli.findings import summary
    from memscape.cli.inputs import Pictures
    from memscape.cli.measure import study
    from memscape.cli.panels import report
    from memscape.cli.study import Plan

    images, labels = patterns.digits()
    code = patterns.Thermometer(16)
    pictures = Pictures(
        patterns=code.encode(images),
        names=tuple(str(int(label)) for label in labels),
        code=code,
        shape=(8, 8),
        noun="handwritten digits",
        source="ms.patterns.digits().images",
        command=f"memscape demo --seed {seed}{' --quick' if quick else ''} --out {out}",
        groups=labels,
        cmap="Greys",
    )
    plan = Plan.quick(seed) if quick else Plan(seed=seed)
    found = study(pictures, plan, say)
    say("erasing a digit from a network, and putting it back")
    erased = erase_digit(images, labels, seed=seed, epochs=15 if quick else 40, relearn=60 if quick else 150)
    say("drawing")
    written = report(found).add(erasure_panel(erased)).save(out)
    numbers = found.to_dict() | {"erased digit": erased.to_dict(), "report": str(written)}
    emit(numbers, f"{summary(found)}\n\n{erased!r}\n\nreport written to {written}", json)
