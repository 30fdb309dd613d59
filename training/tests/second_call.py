"""What happens to a command whose outputs another process is writing."""

from __future__ import annotations

import subprocess
import sys


def assert_kept_out(*arguments):
    """Run `basenji-train` with arguments, with and without --resume; it must end with one line."""
    for options in ((), ("--resume",), ("--overwrite",)):
        done = subprocess.run(
            [sys.executable, "-m", "basenji_training", *map(str, arguments), *options],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        assert line.startswith("error: another run is writing ")
        assert line.endswith(": wait until it ends")
