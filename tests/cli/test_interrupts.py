"""Ctrl-C and requests to end: one line that says how to go on, and never lost."""

import signal
import subprocess
import sys
import time

import pytest

# A command that works where it says, interrupts itself, and may lose the interrupt.
PROGRAM = """
import os, signal, sys, time
from pathlib import Path

import typer
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.cli.console import Commands

app = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

@app.callback()
def options(): ...

class Cleared:
    def __del__(self):
        os.kill(os.getpid(), int(sys.argv[2]))
        time.sleep(0.1)

@app.command()
def work(number: int, keep: bool = False, is_lost: bool = False):
    with UnfinishedRun([Path("out")], "work", {}, command="", resume=False, overwrite=False) as run:
        if keep:
            run.note("piece", 1)
        if is_lost:
            cleared = Cleared()
            del cleared
        else:
            os.kill(os.getpid(), number)
        for _ in range(100):
            time.sleep(0.1)

app()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("options", "line"),
    [
        ((), "interrupted; nothing is kept\n"),
        (("--keep",), "interrupted; pass --resume to go on\n"),
        (("--keep", "--is-lost"), "interrupted; pass --resume to go on\n"),
    ],
)
def test_an_interrupt_ends_in_a_line(tmp_path, number, options, line):
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "work", str(int(number)), *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        # A job in a script's background ignores SIGINT, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert done.returncode == 128 + number
    assert done.stderr.endswith(line)
    assert "--is-lost" in options or done.stderr == line
    assert (tmp_path / "out.unfinished").exists() == ("--keep" in options)
    assert time.monotonic() - began < 9
