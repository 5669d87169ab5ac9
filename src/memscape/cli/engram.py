"""`memscape engram`: find, erase, compose and audit what a trained network holds."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memscape.cli.frame import Json, Seed, emit, one_line, say, writable
from memscape.cli.networks import check_fit, estimate, read_model, read_rows

if TYPE_CHECKING:
    from torch import nn

    from memscape.cli.networks import LabelledRows
    from memscape.engrams import Engram

app = typer.Typer(
    help="Find, erase, compose and audit what a trained network holds of a concept.", no_args_is_help=True
)

Model = Annotated[
    str,
    typer.Option(help="A folder that transformers saved, or module:function.", show_default=False),
]
Weights = Annotated[
    Path | None, typer.Option(help="A .safetensors file of weights for module:function.", show_default=False)
]
Data = Annotated[
    Path, typer.Option(help="Learned rows: .npz (x, y) or .jsonl (text, label, answer).", show_default=False)
]
Concepts = Annotated[
    list[str], typer.Option("--concept", help="A label of the data; may be given again.", show_default=False)
]
Ridge = Annotated[
    float | None,
    typer.Option(min=0.0, help="In units of the mean diagonal; more for few rows.", show_default=False),
]
Alpha = Annotated[float, typer.Option(help="Strength of the erasure.")]
Tied = Annotated[str, typer.Option(help="What becomes of tied matrices: leave or edit.")]


@app.command("locate")
def locate(
    model: Model,
    data: Data,
    concept: Concepts,
    weights: Weights = None,
    ridge: Ridge = None,
    out: Annotated[Path | None, typer.Option(help="Also write the engram here.", show_default=False)] = None,
    json: Json = False,
) -> None:
    """Say where a concept lives.

    The four criteria, the share of the weights, the directions of each layer.
    """
    if out is not None:
        writable(out)
    network, rows = _read(model, weights, data)
    engram = _engram(network, rows, concept, ridge)
    report = engram.report()
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        engram.save(out)
        say(f"written to {out}")
    emit(report.to_dict(), repr(report), json)


@app.command("erase")
def erase(
    model: Model,
    data: Data,
    concept: Concepts,
    out: Annotated[Path, typer.Option(help="Where the edited network is written.", show_default=False)],
    weights: Weights = None,
    alpha: Alpha = 1.0,
    ridge: Ridge = None,
    tied: Tied = "leave",
    json: Json = False,
) -> None:
    """Write the network without a concept: suppressed at the read-out, never deleted."""
    writable(out, folder=not out.suffix)
    _spare(out, model, weights)
    network, rows = _read(model, weights, data)
    _check_out(network, out)
    engram = _engram(network, rows, concept, ridge)
    wanted = set(_labels(rows, concept))
    before = _accuracies(network, rows, wanted)
    with engram.erased(network, alpha, tied=tied):
        after = _accuracies(network, rows, wanted)
        _write(network, out)
    emit(*_change("erased", concept, before, after, out), json)


@app.command("compose")
def compose(
    model: Model,
    data: Data,
    concept: Concepts,
    out: Annotated[Path, typer.Option(help="Where the composed network is written.", show_default=False)],
    weights: Weights = None,
    ridge: Ridge = None,
    null: Annotated[str, typer.Option(help="What the network is before: zero or mean.")] = "zero",
    tied: Tied = "leave",
    json: Json = False,
) -> None:
    """Write a network that holds these concepts and nothing else."""
    from memscape.engrams import composed

    writable(out, folder=not out.suffix)
    _spare(out, model, weights)
    network, rows = _read(model, weights, data)
    _check_out(network, out)
    engram = _engram(network, rows, concept, ridge)
    wanted = set(_labels(rows, concept))
    before = _accuracies(network, rows, wanted)
    with composed(network, engram, null=null, tied=tied):
        after = _accuracies(network, rows, wanted)
        _write(network, out)
    emit(*_change("composed", concept, before, after, out), json)


@app.command("audit")
def audit(
    model: Model,
    data: Data,
    concept: Concepts,
    test: Annotated[
        Path | None,
        typer.Option(help="Rows never learned; without it the learned ones.", show_default=False),
    ] = None,
    oracle: Annotated[
        str | None, typer.Option(help="A network that never saw the concept.", show_default=False)
    ] = None,
    oracle_weights: Annotated[
        Path | None, typer.Option(help="A .safetensors file of weights for it.", show_default=False)
    ] = None,
    weights: Weights = None,
    alpha: Alpha = 1.0,
    ridge: Ridge = None,
    tied: Tied = "leave",
    baseline: Annotated[
        list[str] | None, typer.Option(help="Another method to compare with, or all.", show_default=False)
    ] = None,
    relearn: Annotated[int, typer.Option(min=0, help="Most steps of relearning; 0 leaves it out.")] = 150,
    report: Annotated[
        Path | None, typer.Option(help="Also write an HTML report.", show_default=False)
    ] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Say what erasing a concept does, beside controls.

    Accuracies, membership, probe, rounding, relearning.
    """
    from memscape import engrams

    if report is not None:
        writable(report)
    network, rows = _read(model, weights, data)
    never = rows if test is None else read_rows(test, model)
    if test is None:
        say("warning: no --test: the column test is of learned rows, and membership cannot be told")
    else:
        _check_rows(network, never, test)
    reference = None if oracle is None else read_model(oracle, oracle_weights)
    if reference is not None:
        _warn_unread("--oracle-weights", "oracle", str(oracle), oracle_weights)
        _check_rows(reference, rows, data)
    engram = _engram(network, rows, concept, ridge)
    wanted = set(_labels(rows, concept))
    found = engrams.audit(
        network,
        engram,
        forget=rows.part(wanted, True),
        retain=rows.part(wanted, False),
        test=never.examples,
        oracle=reference,
        alpha=alpha,
        baselines="all" if baseline == ["all"] else baseline or (),
        relearn=relearn,
        tied=tied,
        generator=seed,
    )
    if report is not None:
        from memscape.cli.engram_panels import engram_report

        say(f"report: {engram_report(network, engram, found, rows, wanted).save(report)}")
    emit(found.to_dict(), repr(found), json)


def _read(model: str, weights: Path | None, data: Path) -> tuple["nn.Module", "LabelledRows"]:
    network = read_model(model, weights)
    _warn_unread("--weights", "network", model, weights)
    rows = read_rows(data, model)
    _check_rows(network, rows, data)
    return network, rows


def _warn_unread(option: str, what: str, model: str, weights: Path | None) -> None:
    if weights is None and not Path(model).is_dir():
        say(f"warning: no {option}: the {what} is measured as {model} builds it, perhaps never trained")


def _spare(out: Path, model: str, weights: Path | None) -> None:
    """Refuse to write over what was read: the network as it was trained would be gone."""
    for option, read in (("--weights", weights), ("--model", Path(model))):
        if read is not None and read.exists() and out.exists() and out.samefile(read):
            raise typer.BadParameter(f"--out {out} is what {option} reads; give another name, to keep both")


def _check_rows(network: "nn.Module", rows: "LabelledRows", path: Path) -> None:
    """Refuse rows that a network cannot be called with."""
    import torch

    first = torch.arange(min(2, len(rows.examples)))
    check_fit(network, rows.examples.rows(first).inputs, path)


def _labels(rows: "LabelledRows", given: list[str]) -> list[int | str]:
    """Return labels as the data has them: numbers where they are numbers."""
    known = {str(concept): concept for concept in rows.concepts}
    if unknown := [name for name in given if name not in known]:
        shown = ", ".join(map(str, sorted(known.values(), key=_in_order)[:20]))
        raise typer.BadParameter(f"there is no row of {unknown[0]!r}; the data has {shown}")
    return [known[name] for name in given]


def _in_order(label: int | str) -> tuple[bool, float, str]:
    """Numbers by their size, then names by the alphabet."""
    number = isinstance(label, int | float)
    return not number, float(label) if number else 0.0, str(label)


def _engram(network: "nn.Module", rows: "LabelledRows", given: list[str], ridge: float | None) -> "Engram":
    wanted = _labels(rows, given)
    estimate(network, rows)
    options: dict[str, Any] = {} if ridge is None else {"ridge": ridge}
    return rows.statistics(network).engram(wanted, **options)


def _accuracies(network: "nn.Module", rows: "LabelledRows", wanted: set[int | str]) -> dict[str, float]:
    return {
        "on them": rows.part(wanted, True).answers(network).accuracy,
        "on the rest": rows.part(wanted, False).answers(network).accuracy,
    }


def _change(
    what: str, concepts: list[str], before: dict[str, float], after: dict[str, float], out: Path
) -> tuple[dict[str, Any], str]:
    data = {what: concepts, "before": before, "after": after, "path": str(out)}
    said = ", ".join(f"accuracy {name} {before[name]:.3f} -> {after[name]:.3f}" for name in before)
    return data, f"{', '.join(concepts)} {what}: {said}\nwritten to {out}"


def _write(network: "nn.Module", out: Path) -> None:
    """Write a network as transformers does where it is one of theirs, else its weights as safetensors."""
    from safetensors import SafetensorError
    from safetensors.torch import save_model

    out.parent.mkdir(parents=True, exist_ok=True)
    save: Any = getattr(network, "save_pretrained", None)
    try:
        if out.suffix:
            save_model(network, str(out))
        else:
            save(out)
    except SafetensorError as error:
        reason = one_line(error).partition(" at path ")[0]  # which is that of a hidden file beside `out`
        raise OSError(f"nothing can be written to {str(out)!r}: {reason}") from error


def _check_out(network: "nn.Module", out: Path) -> None:
    """Refuse a name that the network cannot be written to, before any work."""
    saves = callable(getattr(network, "save_pretrained", None))
    if out.suffix != ".safetensors" and (out.suffix or not saves):
        raise typer.BadParameter(f"{str(out)!r} must end in .safetensors")
