"""What all commands share at a terminal: errors in one line, clean ends, progress."""

from __future__ import annotations

import shlex
import signal
import sys
from typing import TYPE_CHECKING, Any, get_type_hints

import typer
from typer.core import TyperGroup

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.tensorflow_notices import without_notices

if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable

    import click

__all__ = ["Commands", "command_line", "evaluated"]


def evaluated(command: Callable[..., Any]) -> Callable[..., Any]:
    """Evaluate a command's annotations, which are text here.

    From Python 3.10 on, typer does so itself; on 3.9 it would take every option for an argument.
    """
    command.__annotations__ = get_type_hints(command, include_extras=True)
    return command


class Commands(TyperGroup):
    """Commands whose user's mistakes end in one line on standard error and exit status 2.

    A request to end (SIGTERM) unwinds like an error, so that temporary files are removed.
    TensorFlow's notices, which would bury a command's own output, are not shown.
    """

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that the context names."""
        previous = signal.signal(signal.SIGTERM, _end)
        try:
            with without_notices():
                return super().invoke(ctx)
        except (InputError, OSError) as error:
            # An OSError comes from the machine, for instance a full disk.
            typer.echo(f"error: {error}", err=True)
            raise typer.Exit(2) from error
        finally:
            signal.signal(signal.SIGTERM, previous)


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def command_line(program: str) -> str:
    """Return the command as it was typed, to be kept with what it makes.

    Parameters
    ----------
    program
        The command's name, which stands for whatever path it was started by.
    """
    return shlex.join([program, *sys.argv[1:]])
