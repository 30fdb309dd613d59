"""What all commands share at a terminal: errors in one line, clean ends, progress."""

from __future__ import annotations

import contextlib
import logging
import shlex
import signal
import sys
import traceback
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import typer
from typer.core import TyperGroup

from basenji_kipoi.base.errors import FullDiskError, InputError, how_to_go_on, is_kept
from basenji_kipoi.base.remote.addresses import (
    check_scheme,
    is_address,
    shown_address,
    whole_address,
)
from basenji_kipoi.base.remote.local import local_path
from basenji_kipoi.models.shipped.shipped import model_folder
from basenji_kipoi.models.tensorflow_notices import without_notices

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import Callable, NoReturn

    import click

__all__ = [
    "UNFORESEEN",
    "Commands",
    "command_line",
    "counted",
    "evaluated",
    "noting",
    "with_copies",
]


#: Options that take the address of a file elsewhere in the place of a path; those of models do too,
#: which are folders.
_REMOTE = frozenset(
    ("fasta", "vcf", "bed", "genes", "variants", "rsids", "linkage", "sequences", "elements")
)
_MODELS = frozenset(("model", "models", "bundle"))
#: Larger numbers count nothing that a command could make, and do not fit into arrays.
_LARGEST = 10**12


def evaluated(command: Callable[..., Any]) -> Callable[..., Any]:
    """Evaluate a command's annotations, which are text here, and what its options have in common.

    Numbers beyond any use are refused. In the place of a file that lies elsewhere its copy is used.

    From Python 3.10 on, typer does the first itself; on 3.9 it would take every option for an
    argument.
    """

    @wraps(command)
    def checked(**given: object) -> object:
        for name, value in given.items():
            if isinstance(value, int) and abs(value) > _LARGEST:
                raise InputError(
                    f"--{name.replace('_', '-')} {value}: expected a number up to {_LARGEST:,}"
                )
        return with_copies(command)(**given)

    # Of both: a signature is read of what is wrapped.
    checked.__annotations__ = command.__annotations__ = get_type_hints(command, include_extras=True)
    return checked


def with_copies(command: Callable[..., Any]) -> Callable[..., Any]:
    """Have a command use the copy of each file that lies elsewhere, in the place of its address."""

    @wraps(command)
    def fetching(**given: object) -> object:
        # What is refused is refused before anything is fetched.
        for name, value in given.items():
            _check_place(name, value)
        return command(**{name: _here(name, value) for name, value in given.items()})

    return fetching


def _check_place(option: str, value: object) -> None:
    """Refuse the address of a file elsewhere where one of this machine is wanted."""
    for each in value if isinstance(value, (list, tuple)) else [value]:
        if option in _REMOTE and isinstance(each, (str, Path)):
            check_scheme(each)
        # Text may have an address in it.
        if isinstance(each, Path) and is_address(each) and option not in _REMOTE | _MODELS:
            raise InputError(
                f"--{option.replace('_', '-')} {whole_address(each)}: expected a file of this "
                "machine"
            )


def _here(option: str, value: object) -> object:
    """Have what an option names on this machine."""
    if isinstance(value, (list, tuple)):
        return [_here(option, each) for each in value]
    if not isinstance(value, (str, Path)) or not is_address(value):
        return value
    if option in _MODELS:  # asked for once, however often a command reads it
        path = model_folder(value)
    elif option in _REMOTE:
        path = local_path(value)
    else:
        return value
    return path if isinstance(value, Path) else str(path)


#: Exit status of an error that nobody foresaw (EX_SOFTWARE of sysexits.h).
UNFORESEEN = 70
_DEBUG = "--debug"


class Commands(TyperGroup):
    """Commands whose user's mistakes end in one line on standard error and exit status 2.

    What nobody foresaw ends in one line too, with status `UNFORESEEN`; with ``--debug``, anywhere
    in the command, in the traceback. An interrupt (Ctrl-C) and a request to end (SIGTERM) unwind
    like an error, so that temporary files are removed, and end in one line that says how to go on.
    TensorFlow's notices, which would bury a command's own output, are not shown, and a warning is
    shown once, however often a command reads the file that it is of.
    """

    _shows_tracebacks = False

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take ``--debug`` out of the arguments, wherever it stands."""
        self._shows_tracebacks = _DEBUG in args
        return super().parse_args(ctx, [word for word in args if word != _DEBUG])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command that the context names."""
        try:
            with _interruptible(), without_notices(), _saying_once():
                return super().invoke(ctx)
        except (KeyboardInterrupt, _Ended) as stop:
            typer.echo(f"interrupted; {how_to_go_on(stop) or 'nothing is kept'}", err=True)
            number = stop.number if isinstance(stop, _Ended) else signal.SIGINT
            raise typer.Exit(128 + number) from stop
        except (InputError, OSError) as error:
            # An OSError comes from the machine, for instance a full disk. A reader that has seen
            # enough, such as head, is no error: typer ends quietly then.
            if self._shows_tracebacks or isinstance(error, BrokenPipeError):
                raise
            # What is finished is kept.
            then = " and go on with --resume" if _is_kept_from_full_disk(error) else ""
            typer.echo(f"error: {_one_line(error)}{then}", err=True)
            raise typer.Exit(2) from error
        except Exception as error:
            # Typer's own exceptions are how it ends a command.
            if type(error).__module__.startswith(("typer", "click")):
                raise
            self._fail(error)

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


def _is_kept_from_full_disk(error: BaseException) -> bool:
    return isinstance(error, FullDiskError) and is_kept(error)


def _one_line(error: BaseException) -> str:
    """Say an error in one line that a terminal can show."""
    text = shown_address(" ".join(str(error).split()))
    return text.encode("utf-8", "backslashreplace").decode()


class _Ended(BaseException):
    """A request to end the process."""

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.number = number


#: Seconds after which an interrupt that was lost is raised again.
_AGAIN = 1.0


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let SIGINT and SIGTERM raise exceptions that nobody swallows.

    What is raised while Python clears an object away is lost: then it is raised once more, until it
    unwinds the body. A signal that is ignored, as in a script's background, stays so.
    """
    stop: BaseException | None = None

    def ask(number: int, _frame: FrameType | None) -> None:
        nonlocal stop
        stop = KeyboardInterrupt() if number == signal.SIGINT else _Ended(number)
        signal.setitimer(signal.ITIMER_REAL, _AGAIN, _AGAIN)
        raise stop

    def insist(_number: int, _frame: FrameType | None) -> None:
        # An exception that is being handled here is on its way already.
        if stop is not None and sys.exc_info()[0] is None:
            raise stop

    handlers = {signal.SIGTERM: ask, signal.SIGALRM: insist}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        handlers[signal.SIGINT] = ask
    previous = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Once:
    """A logging filter that lets each message pass the first time."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        message, before = record.getMessage(), len(self._said)
        self._said.add(message)
        return len(self._said) > before


@contextlib.contextmanager
def _saying_once() -> Iterator[None]:
    """Show each logged message the first time."""
    # The last resort shows warnings where nobody has set up logging.
    filters = {each: _Once() for each in (logging.lastResort, *logging.root.handlers) if each}
    for handler, once in filters.items():
        handler.addFilter(once)
    try:
        yield
    finally:
        for handler, once in filters.items():
            handler.removeFilter(once)


def noting(*, quiet: bool) -> Callable[[str], object]:
    """Return what takes lines that the user should know, and shows them unless asked not to."""
    return (lambda _: None) if quiet else partial(typer.echo, err=True)


def counted(number: int, one: str, several: str = "") -> str:
    """Write a number with the word for what it counts; by default, several have an s."""
    return f"1 {one}" if number == 1 else f"{number:,} {several or one + 's'}"


def command_line(program: str) -> str:
    """Return the command as it was typed, to be kept with what it makes.

    What it makes is given on to others: signatures and passwords of addresses are left out.

    Parameters
    ----------
    program
        The command's name, which stands for whatever path it was started by.
    """
    # Bytes of file names that are no UTF-8 cannot stand in JSON.
    command = shlex.join([program, *map(shown_address, sys.argv[1:])])
    return command.encode("utf-8", "backslashreplace").decode()
