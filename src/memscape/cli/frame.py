"""What every command shares: mistakes end in one clear line, JSON or tables go to stdout, all else to stderr.

Nothing here imports the library or torch while the command line is built: `memscape --help` is instant.
"""

import json
import math
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from typer.core import TyperGroup

MISTAKE = 2
"""The exit code of a user's mistake; a wrong option has it too."""

Misuse: type[Any] = typer.BadParameter.__mro__[1]
"""The root of what is said of wrong words on the command line; typer gives it no name of its own."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout instead of tables.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything that is drawn.")]


class Commands(TyperGroup):
    """The commands in their order; a user's mistake is one line, never a traceback."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands, in their order."""
        return list(self.commands)

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Read the words of the program itself; a wrong one is a mistake like any other."""
        try:
            return super().make_context(*args, **options)
        except Misuse as error:
            raise _misuse(error, str(args[0] if args else options["info_name"])) from None

    def invoke(self, ctx: Any) -> Any:
        """Run the command; show warnings as single lines, turn mistakes into exit code 2."""
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # ty: ignore[invalid-assignment]
            try:
                return super().invoke(ctx)
            except Misuse as error:
                raise _misuse(error, f"{ctx.command_path} {ctx.invoked_subcommand or ''}".rstrip()) from None
            except BrokenPipeError:
                raise  # whoever reads, such as head, has seen enough; typer ends without a word
            except OSError as error:
                raise _mistake(_file_trouble(error)) from None
            except Exception as error:
                if not _ours(error):
                    raise
                raise _mistake(str(error)) from None


def emit(data: dict[str, Any] | list[Any], text: str, as_json: bool) -> None:
    """Print `data` as strict JSON (NaN and infinities become null) or `text` on stdout."""
    print(json.dumps(_strict(data), indent=2, allow_nan=False) if as_json else text)


def say(text: str) -> None:
    """Print a line about the progress of the work on stderr."""
    print(text, file=sys.stderr, flush=True)


def writable(out: Path, *, folder: bool = False) -> None:
    """Refuse a place where nothing can be written, before any work; nothing is left there.

    Folders that are missing will be made.

    Args:
        out: the file, or with `folder` the folder, as the user typed it.
        folder: whether `out` is a folder.

    Raises:
        OSError: if it cannot be made or written.
    """
    if out.is_dir() and not folder:
        raise OSError(f"nothing can be written to {str(out)!r}: it is a folder; give the name of a file")
    place = out if folder else out.parent
    try:
        while not place.exists():
            place = place.parent
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise OSError(f"nothing can be written to {str(out)!r}: {error.strerror}") from None


def one_line(error: Exception) -> str:
    """Return what an error of other people's code says, as one line of at most 300 characters.

    >>> one_line(ValueError("two\\n lines"))
    'ValueError: two lines'
    """
    said = " ".join(str(error).split())
    said = said if len(said) <= 300 else f"{said[:297]}..."
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return rows as aligned lines of text; the last column is left as wide as it is.

    >>> print(table(["name", "n"], [["Hebbian", "10"]]))
    name     n
    Hebbian  10
    """
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head) - 1)]
    cells = (
        [cell.ljust(width) for cell, width in zip(line, widths, strict=False)] + line[-1:] for line in lines
    )
    return "\n".join("  ".join(line).rstrip() for line in cells)


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _strict(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _mistake(text: str) -> typer.Exit:
    say(f"error: {text}")
    return typer.Exit(MISTAKE)


def _misuse(error: Any, command: str) -> Exception:
    """Return what ends the program after a wrong word, said in one line with where the options are listed."""
    if type(error).show is not Misuse.show:
        return error  # the help, shown where no command was named
    if getattr(error, "param", None) is None and isinstance(error, typer.BadParameter):
        said = error.message  # one of ours, which needs no "Invalid value" before it
    else:
        said = error.format_message().replace("Value error, ", "")
        said = said[:1].lower() + said[1:]
    where = error.ctx.command_path if error.ctx else command
    return _mistake(f"{' '.join(said.split()).rstrip('.')}; see {where} --help")


def _file_trouble(error: OSError) -> str:
    """Return what the system said about which file, or the message where one of ours was raised."""
    return f"{error.strerror}: {error.filename!r}" if error.strerror and error.filename else str(error)


def _ours(error: Exception) -> bool:
    # whoever raised one of our errors has loaded their module; --help must not
    errors = sys.modules.get("memscape.core.errors")
    return errors is not None and isinstance(error, errors.MemscapeError)


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(f"warning: {message}")
