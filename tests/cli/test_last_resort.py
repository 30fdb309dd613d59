"""What nobody foresaw ends in one line, and in a traceback where that is asked for."""

from __future__ import annotations

import inspect
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.cli.app import app as basenji
from basenji_kipoi.cli.console import UNFORESEEN, Commands, evaluated

app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)
ERRORS = {
    "input": InputError("x.bed:3: expected three columns\nand\u2028more"),
    "disk": OSError(28, "No space left on device", "o.h5"),
    "key": KeyError("chr8/coverage"),
    "lines": ValueError("1 validation error\n  chrom\n    Field required"),
    "surrogate": RuntimeError("\udcff"),
}


@app.command()
def fail(kind: str) -> None:
    """Fail in a way."""
    raise ERRORS[kind]


@app.command()
def leave(status: int) -> None:
    """Leave with a status."""
    raise typer.Exit(status)


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_is_one_line(kind):
    done = CliRunner().invoke(app, ["fail", kind])
    assert done.exit_code == (2 if kind in ("input", "disk") else UNFORESEEN)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    if done.exit_code == UNFORESEEN:
        assert f"unexpected {type(ERRORS[kind]).__name__} in " in line
        assert line.endswith("(--debug shows the traceback)")


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("kind", ["input", "key"])
def test_debug_shows_the_traceback_wherever_it_stands(kind, place):
    words = ["fail", kind]
    done = CliRunner().invoke(app, [*words[:place], "--debug", *words[place:]])
    assert done.exception is ERRORS[kind]


@app.command()
@evaluated
def count(bin_size: int, seed: Annotated[int, typer.Option()] = 0) -> None:
    """Count."""
    typer.echo(bin_size + seed)


def test_numbers_that_no_array_holds_are_refused():
    assert CliRunner().invoke(app, ["count", "32", "--seed", "7"]).output == "39\n"
    for words in (["count", "9" * 26], ["count", "32", "--seed", "9" * 26]):
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 2
        option = "--bin-size" if len(words) == 2 else "--seed"
        assert done.stderr == f"error: {option} {'9' * 26}: expected a number up to {10**12:,}\n"


@pytest.mark.parametrize("status", [0, 3])
def test_a_status_of_a_command_stays(status):
    done = CliRunner().invoke(app, ["leave", str(status)])
    assert (done.exit_code, done.stderr) == (status, "")


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("elements", "--draws"),
        ("locus", "--draws"),
        ("compare", "--draws"),
        ("attribute", "--backgrounds"),
        ("attribute", "--points"),
        ("activity", "--batch-size"),
    ],
)
def test_more_than_memory_holds_is_refused_before_anything_is_read(command, option):
    done = CliRunner().invoke(basenji, [command, option, "1000000000000"])
    assert done.exit_code == 2
    assert option in done.stderr
    assert "less than or equal to" in " ".join(done.stderr.replace("│", "").split())


def test_annotations_are_evaluated_wherever_they_are_read():
    # Python 3.9 reads them of the signature, which is that of the command itself.
    for name, parameter in inspect.signature(count).parameters.items():
        assert not isinstance(parameter.annotation, str), name
