"""The commands, put together. Each one imports what it needs when it runs."""

from typing import Annotated

import typer

from memscape.cli.catalogue import info, list_
from memscape.cli.checking import check
from memscape.cli.demo import demo
from memscape.cli.engram import app as engram
from memscape.cli.explore import explore
from memscape.cli.frame import Commands
from memscape.cli.replicate import replicate
from memscape.cli.store import recall, store

# Rich help would cost half of the start-up time; an unexpected error keeps Python's own traceback.
app = typer.Typer(
    name="memscape",
    cls=Commands,
    help="Memory as a landscape that you can measure, shape and edit.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        from memscape import __version__

        print(f"memscape {__version__}")
        raise typer.Exit()
    return wanted


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Memory as a landscape that you can measure, shape and edit."""


app.command("demo")(demo)
app.command("explore")(explore)
app.command("check")(check)
app.command("store")(store)
app.command("recall")(recall)
app.add_typer(engram, name="engram")
app.command("replicate")(replicate)
app.command("list")(list_)
app.command("info")(info)


def main() -> None:
    """Run the command line."""
    app()
