"""The command ``gendistill``: use a distilled set without writing code. Try ``gendistill --help``.

Only what computes imports torch, and that inside its function: help, completion and `info` answer at once.
"""

import errno
import sys
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

import gendistill
from gendistill.cli import cards, images, repeat, students
from gendistill.runtime.errors import Stopped, UserError

app = typer.Typer(
    name="gendistill",
    help="Use a distilled set: one .safetensors file that holds a generator, or images, and says how to use them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def told(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with what a user can mend as one message and exit status 2."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except UserError as error:
            print(error, file=sys.stderr)
            raise typer.Exit(2) from None
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            print(f"{str(error.filename)[:80]}...: the name is too long; give a shorter one", file=sys.stderr)
            raise typer.Exit(2) from None
        except Stopped as error:  # stages go on from a checkpoint, these commands keep none
            print(f"{str(error).partition(';')[0]}; nothing is kept, the same command starts anew", file=sys.stderr)
            raise typer.Exit(error.status) from None

    return run


for command in (
    cards.info, images.sample, students.train, repeat.verify, cards.compare, cards.table, cards.export,
):  # fmt: skip
    app.command()(told(command))


def show_version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        print(gendistill.__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """What stands before a command."""


def main() -> None:
    """Run the command line."""
    app(prog_name="gendistill")
