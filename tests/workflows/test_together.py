"""Processes that train together: each knows its number, and where one ends badly all end."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "workflows" / "slurm" / "together.sh"
#: Says how it was called, and lasts or fails as its first arguments say.
PROGRAM = """#!/usr/bin/env bash
echo "$KERAS_BACKEND $*" >> "$1"
[[ ${@: -1} == "$2" ]] && exit 3
exec sleep "$3"
"""


def together(folder, fails, seconds):
    program = folder / "program"
    program.write_text(PROGRAM)
    program.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if "SLURM" not in name}
    return subprocess.run(
        [SCRIPT, "3", program, folder / "log", fails, str(seconds)], env=environment, check=False
    ).returncode


def test_processes_of_one_machine(tmp_path):
    assert together(tmp_path, "none", 0.1) == 0
    lines = sorted((tmp_path / "log").read_text().splitlines())
    assert [line.split()[-1] for line in lines] == ["0", "1", "2"]
    meeting = {line.split("--coordinator ")[1].split(" --process ")[0] for line in lines}
    assert len(meeting) == 1
    assert meeting.pop().startswith("127.0.0.1:")
    assert all(line.startswith("jax ") and "--processes 3" in line for line in lines)


def test_all_end_where_one_fails(tmp_path):
    began = time.monotonic()
    assert together(tmp_path, "1", 60) == 3
    assert time.monotonic() - began < 30
