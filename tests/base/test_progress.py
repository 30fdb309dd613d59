"""What long work says meanwhile."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import subprocess
import sys
import termios

import pytest

from basenji_kipoi.base import progress


@pytest.fixture
def said(monkeypatch, capsys):
    """Make progress with lines as often as it may; return them."""
    monkeypatch.setattr(progress, "_LOG_PERIOD", 0)

    def run(label, total, steps, **options):
        with progress.progress_bar(label, total=total, unit="alleles", **options) as advance:
            for step in steps:
                advance(*step)
        return capsys.readouterr().err.splitlines()

    return run


def test_a_log_has_lines_with_rate_and_time_left(said):
    lines = said("scoring", 3000, [(1000,), (1000, "still scoring")], done=500)
    numbers = r"[\d,.e+]+"
    assert len(lines) == 2
    assert re.fullmatch(
        rf"scoring: 1,500 of 3,000 alleles, {numbers}/s, \d:\d\d:\d\d left", lines[0]
    )
    assert lines[1].startswith("still scoring: 2,500 of 3,000 alleles, ")


def test_a_log_of_unknown_length_has_no_time_left(said):
    (line,) = said("reading", None, [(7,)])
    assert re.fullmatch(r"reading: 7 alleles, [\d,.e+]+/s", line)


def test_a_line_before_anything_is_done(said):
    (line,) = said("reading", 10, [(0,)], done=3)
    assert line == "reading: 3 of 10 alleles, 0/s"


def test_without_a_label_nothing_is_said(said):
    assert said("", 10, [(1,), (2,)]) == []


def test_quick_work_leaves_no_line_in_a_log(capsys):
    with progress.progress_bar("scoring", total=2, unit="alleles") as advance:
        advance(1)
        advance(1)
    assert capsys.readouterr().err == ""


SHOW = """
import time

from basenji_kipoi.base.progress import progress_bar

with progress_bar("training", total=123_456, unit="steps", done=98_000) as advance:
    for epoch in range(3):
        time.sleep(0.1)
        advance(1, f"epoch {epoch + 28}: validation r 0.812")
"""


@pytest.mark.parametrize("columns", [80, 200])
def test_a_bar_is_one_line_of_a_terminal(columns):
    """What a terminal of so many columns is sent, line by line."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, columns))
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    environment |= {"TERM": "xterm", "COLUMNS": str(columns)}
    shown = b""
    with subprocess.Popen(
        [sys.executable, "-c", SHOW], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        # At its end, the other side of a terminal is an error to read.
        with contextlib.suppress(OSError):
            while part := os.read(ours, 1 << 16):
                shown += part
        assert process.wait() == 0
    os.close(ours)
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", shown.decode())
    lines = [line for line in re.split(r"[\r\n]+", text) if line]
    assert lines
    assert all(len(line) <= columns for line in lines)
    # Nothing but the bar is shorter than it is.
    for line in lines:
        assert re.search(r"^(training|epoch \d\d: validation r 0\.812) ", line), line
        assert re.search(r" \s*\d+/123456 .*\d:\d\d:\d\d left [\d:-]+\s*$", line), line
    assert "━" in text
