"""A disk that is full: one line that names the output, and says whether something is kept."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

# A command that writes an output, or pieces and then an output, as real ones do.
PROGRAM = """
import sys
from pathlib import Path

import typer
from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.cli.console import Commands

app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

@app.callback()
def options(): ...

@app.command()
def whole(size: int):
    with atomic_path(Path("out")) as path:
        path.write_bytes(bytes(size))

@app.command()
def pieces(piece: int, size: int):
    with UnfinishedRun([Path("out")], "work", {}, command="", resume=False, overwrite=False) as run:
        for number in range(2):
            with run.piece(str(number)) as path:
                path.write_bytes(bytes(piece * number))
        run.output(Path("out")).write_bytes(bytes(size))
        run.place()

@app.command()
def figure(size: int, name: str):
    from basenji_kipoi.figures.saving import save_figure
    from matplotlib.figure import Figure

    drawn = Figure()
    drawn.subplots().plot(range(size), [number % 7 for number in range(size)])
    save_figure(drawn, Path(name))

app()
"""
FULL = "error: out cannot be written: file too large: make space"


def limited():
    # Files cannot grow beyond this, as on a disk without space.
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))


@pytest.mark.parametrize("name", ["x.png", "x.svg", "x.pdf"])
def test_so_it_is_of_figures(tmp_path, name):
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM, "figure", "9000", name],
        cwd=tmp_path, preexec_fn=limited, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == FULL.replace("out", name)
    assert done.returncode == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message", "kept"),
    [
        (("whole", "9000"), f"{FULL}\n", False),
        (("whole", "10"), "", False),
        (("pieces", "9000", "10"), f"{FULL} and go on with --resume\n", True),
        (("pieces", "10", "9000"), f"{FULL} and go on with --resume\n", True),
        (("pieces", "10", "10"), "", False),
    ],
)
def test_a_full_disk_is_one_line(tmp_path, arguments, message, kept):
    done = subprocess.run(
        [sys.executable, "-B", "-c", PROGRAM, *arguments],
        cwd=tmp_path, preexec_fn=limited, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == message
    assert done.returncode == (2 if message else 0)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == ({"out.unfinished"} if kept else set() if message else {"out"})
