"""The report of an audit: where the concept lives, what is confused without it, what can be said of it."""

from typing import TYPE_CHECKING

import torch

from memscape import plot

if TYPE_CHECKING:
    from torch import Tensor, nn

    from memscape.cli.networks import LabelledRows
    from memscape.engrams import Audit, Engram

MOST = 30
"""Classes up to which a table of confusions is drawn."""


def engram_report(
    network: "nn.Module", engram: "Engram", audit: "Audit", rows: "LabelledRows", wanted: set[int | str]
) -> plot.Report:
    """Return the report of an audit, its panels in the order in which they are read."""
    named = ", ".join(map(str, engram.concepts))
    after = audit["engram erased"]
    numbers = {"accuracy on it": f"{after.forget:.3f}", "on the rest": f"{after.retain:.3f}"}
    page = plot.Report(f"Without {named}", lead=[audit.sentence], numbers=numbers)
    page.add(_findings(audit)).add(_layers(engram))
    if rows.examples.labels.ndim == 1 and int(rows.examples.labels.max()) < MOST:
        page.add(_confusions(network, engram, audit, rows))
    if any(len(one.curve) > 1 for one in audit.findings.values()):
        page.add(_relearning(audit))
    return page


def _findings(audit: "Audit") -> plot.Panel:
    lines = [line.split("  ") for line in audit.table().splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    return plot.Panel(
        "What was measured",
        text=["The only fair scale is a network of the same seed that never saw the concept (oracle)."],
        points=audit.notes,
        tables=[plot.Table(cells[0], cells[1:])],
        command="memscape engram audit --help",
    )


def _layers(engram: "Engram") -> plot.Panel:
    report = engram.report()
    strongest = max(report.layers, key=lambda row: row.relative_norm)
    said = f"Its share of the weights is largest in {strongest.layer}: {strongest.relative_norm:.2f}."
    picture = plot.Picture(
        plot.engram_layers(report), alt=f"Table of criteria by layer. {said}", format="png"
    )
    return plot.Panel("Where it lives", text=[said], pictures=[picture])


def _confusions(network: "nn.Module", engram: "Engram", audit: "Audit", rows: "LabelledRows") -> plot.Panel:
    matrices = {"as trained": _counts(network, rows)}
    with engram.erased(network, audit.settings["alpha"]):
        matrices["erased"] = _counts(network, rows)
    matrices["put back"] = _counts(network, rows)
    erased = [i for i in range(len(matrices["erased"])) if str(i) in map(str, engram.concepts)]
    names = [str(i) for i in range(len(matrices["erased"]))]
    taken = {i: int(matrices["erased"][i].argmax()) for i in erased}
    said = [f"{i} is now taken for {j}." for i, j in taken.items() if i != j]
    same = torch.equal(matrices["as trained"], matrices["put back"])
    said.append("Put back, every answer is what it was." if same else "Put back, some answers differ.")
    picture = plot.Picture(
        plot.confusion_change(matrices, names, erased=erased),
        alt=f"Truth against answer as trained, with the concept erased, and put back. {' '.join(said)}",
        narrow=plot.confusion_change(matrices, names, erased=erased, columns=1),
        format="png",
    )
    return plot.Panel("What is taken for what", points=said, pictures=[picture])


def _counts(network: "nn.Module", rows: "LabelledRows") -> "Tensor":
    answers = rows.examples.answers(network)
    classes = answers.logits.shape[1]
    places = answers.labels * classes + answers.logits.argmax(1)
    return torch.bincount(places, minlength=classes * classes).reshape(classes, classes)


def _relearning(audit: "Audit") -> plot.Panel:
    picture = plot.Picture(
        plot.relearning_curves(audit),
        alt="Accuracy on the erased concept against steps of relearning, a line per network",
        caption="Adam, 8 rows of the concept and 56 others in each step.",
    )
    return plot.Panel(
        "How soon it comes back",
        text=["What was only suppressed at the read-out is relearned in few steps."],
        pictures=[picture],
    )
