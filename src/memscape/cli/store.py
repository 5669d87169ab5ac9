"""`memscape store` and `memscape recall`: a memory in a file, and what comes back from cues."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memscape.cli.frame import Json, Seed, emit, say, writable
from memscape.cli.inputs import SIZE, Levels, Size, ThresholdLevel, as_stored, build_memory, read_patterns

if TYPE_CHECKING:
    from memscape.core.recall import Recall

OUTPUTS = (".safetensors", ".npy", ".csv")


def store(
    input: Annotated[
        Path,
        typer.Argument(
            help="A table of numbers, one pattern per row, or a folder of pictures.", show_default=False
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where the memory is written.")] = Path("memory.safetensors"),
    memory: Annotated[str, typer.Option(help="Its class; memscape list shows them.")] = "Projection",
    separation: Annotated[
        str | None, typer.Option(help="For Dense: Power:3, Softmax:0.1, ...", show_default=False)
    ] = None,
    beta: Annotated[
        float | None, typer.Option(help="For Continuous: its sharpness.", show_default=False)
    ] = None,
    levels: Levels = None,
    threshold: ThresholdLevel = None,
    size: Size = SIZE,
    json: Json = False,
) -> None:
    """Store patterns in a memory and write it to a file."""
    from memscape.core.files import add_parts

    writable(out)
    patterns, names, coding = read_patterns(input, levels, threshold, size)
    built = build_memory(memory, patterns, separation, beta)
    out.parent.mkdir(parents=True, exist_ok=True)
    built.save(out)
    if coding is not None:
        add_parts(out, {"pictures": coding})
    data = {
        "path": str(out),
        "memory": memory,
        "patterns": len(built),
        "units": built.units,
        "load": built.load,
        "pictures": coding,
    }
    emit(data | {"names": list(names)}, f"{built!r}\nwritten to {out}", json)


def recall(
    memory: Annotated[Path, typer.Argument(help="A memory written by memscape store.", show_default=False)],
    cues: Annotated[
        Path,
        typer.Argument(
            help="A table of numbers, one cue per row, or a folder of pictures.", show_default=False
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Also write the states: .npy, .csv, or .safetensors with all numbers.", show_default=False
        ),
    ] = None,
    levels: Annotated[
        int | None,
        typer.Option(
            min=1, help="Units per pixel of pictures.  [default: as they were stored]", show_default=False
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            help="On from this grey value.  [default: as they were stored]",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(min=1, help="Pixels of a side.  [default: as they were stored]", show_default=False),
    ] = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Recall cues from a stored memory: which pattern, how sure, and whether anything like it is stored."""
    import memscape as ms
    from memscape.core.files import read_header
    from memscape.core.recall import Verdict

    if out is not None and out.suffix not in OUTPUTS:
        raise typer.BadParameter(f"--out {out} ends in {out.suffix!r}; it must end in {', '.join(OUTPUTS)}")
    if out is not None:
        writable(out)
    held = ms.load(memory)
    if not hasattr(held, "recall"):
        raise typer.BadParameter(f"{memory} holds a {type(held).__name__}, which recalls no cues")
    coding = read_header(memory)["parts"].get("pictures")
    given, names, used = read_patterns(cues, *as_stored(coding, levels, threshold, size))
    if used is not None and coding is None:
        options = " ".join(f"--{flag} {value:g}" for flag, value in used.items())
        say(f"warning: {memory} does not say how pictures were coded; {options} is taken")
    answer = held.recall(given, generator=seed)
    if out is not None:
        _write(answer, out)
        say(f"states written to {out}")
    sentences = {v.name: v.sentence for v in Verdict if bool((answer.verdict == int(v)).any())}
    lines = [answer.table(most=len(names)), "", *(f"{name}: {text}" for name, text in sentences.items())]
    emit({"memory": str(memory), "names": list(names)} | answer.to_dict(), "\n".join(lines), json)


def _write(answer: "Recall", out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix == ".safetensors":
        answer.save(str(out))
        return
    import numpy as np

    states = answer.state.cpu().numpy()
    if out.suffix == ".npy":
        np.save(out, states)
    else:
        np.savetxt(out, states, delimiter=",", fmt="%.6g")
