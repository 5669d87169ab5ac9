"""`memscape demo`: the library's main job on real data, as one report."""

from pathlib import Path
from typing import Annotated

import typer

from memscape.cli.frame import Json, Seed, emit, say


def demo(
    out: Annotated[Path, typer.Option(help="Where the report is written.")] = Path("out/report.html"),
    seed: Seed = 0,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer cues, loads and starts: seconds.")] = False,
    json: Json = False,
) -> None:
    """Store 1,797 handwritten digits in several memories, damage and recall them, and write a report."""
    say("loading the library")
    from memscape import patterns
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
    say("drawing")
    written = report(found).save(out)
    emit(found.to_dict() | {"report": str(written)}, f"{summary(found)}\n\nreport written to {written}", json)
