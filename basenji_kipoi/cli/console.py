"""What all commands share at a terminal: errors in one line, clean ends, progress."""

from __future__ import annotations

import shlex
import signal
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import typer
from typer.core import TyperGroup

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.tensorflow_notices import without_notices

if TYPE_CHECKING:
    from types import FrameType
    from typing import Callable, NoReturn

    import click

__all__ = ["UNFORESEEN", "Commands", "command_line", "evaluated"]


def evaluated(command: Callable[..., Any]) -> Callable[..., Any]:
    """Evaluate a command's annotations, which are text here.

    From Python 3.10 on, typer does so itself; on 3.9 it would take every option for an argument.
    """
    command.__annotations__ = get_type_hints(command, include_extras=True)
    return command


#: Exit status of an error that nobody foresaw (EX_SOFTWARE of sysexits.h).
UNFORESEEN = 70
_DEBUG = "--debug"


class Commands(TyperGroup):
    """Commands whose user's mistakes end in one line on standard error and exit status 2.

    What nobody foresaw ends in one line too, with status `UNFORESEEN`; with ``--debug``, anywhere
    in the command, in the traceback. A request to end (SIGTERM) unwinds like an error, so that
    temporary files are removed. TensorFlow's notices, which would bury a command's own output, are
    not shown.
    """

    _shows_tracebacks = False

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take ``--debug`` out of the arguments, wherever it stands."""
        self._shows_tracebacks = _DEBUG in args
        return super().parse_args(ctx, [word for word in args if word != _DEBUG])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that the context names."""
        previous = signal.signal(signal.SIGTERM, _end)
        try:
            with without_notices():
                return super().invoke(ctx)
        except (InputError, OSError) as error:
            # An OSError comes from the machine, for instance a full disk. A reader that has seen
            # enough, such as head, is no error: typer ends quietly then.
            if self._shows_tracebacks or isinstance(error, BrokenPipeError):
                raise
            typer.echo(f"error: {_one_line(error)}", err=True)
            raise typer.Exit(2) from error
        except Exception as error:
            # Typer's own exceptions are how it ends a command.
            if type(error).__module__.startswith(("typer", "click")):
                raise
            self._fail(error)
        finally:
            signal.signal(signal.SIGTERM, previous)

    def _fail(self, error: Exception) -> NoReturn:
        """End with a line that says what nobody foresaw, and where."""
        if self._shows_tracebacks:
            raise error
        frames = traceback.extract_tb(error.__traceback__)
        own = [frame for frame in frames if "basenji_" in frame.filename] or frames
        place = "/".join(Path(own[-1].filename).parts[-3:])
        typer.echo(
            f"error: unexpected {type(error).__name__} in {place}:{own[-1].lineno}: "
            f"{_one_line(error)}: an input is damaged in a way that is not checked yet, or this is "
            f"a fault of the program ({_DEBUG} shows the traceback)",
            err=True,
        )
        raise typer.Exit(UNFORESEEN) from error


def _one_line(error: BaseException) -> str:
    """Say an error in one line that a terminal can show."""
    text = " ".join(str(error).split())
    return text.encode("utf-8", "backslashreplace").decode()


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
