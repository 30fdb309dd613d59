"""Runs commands with a wrong path or option in one process, and says what each imported.

Run as ``python early_errors.py MODULE``: the module has the commands as ``app``; standard input
holds the arguments of each as JSON, a list of lists. Prints, as JSON, a list of
``[status, message, heavy]``: the packages that were imported by then and take seconds.
"""

from __future__ import annotations

import importlib
import io
import json
import resource
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from typer.main import get_command

if TYPE_CHECKING:
    import typer

__all__ = ["check", "said"]

#: Packages that a wrong path must not wait for.
HEAVY = ("tensorflow", "keras", "jax", "matplotlib", "bokeh", "sklearn", "zarr")
#: Bound of the CPU time that all cases of a package take together (s). TensorFlow alone takes more.
MOST = 6.0


def check(module: str, cases: dict[str, list[tuple[list[object], str]]], folder: object) -> None:
    """Check that every command says what is wrong before it imports what takes long.

    Parameters
    ----------
    module
        Has the commands as ``app``.
    cases
        Command -> arguments, and a part of the message that each of them must end in.
    folder
        Where the commands run.
    """
    importlib.import_module(module)
    app = sys.modules[module].app
    named = set(_names(app))
    for group in app.registered_groups:
        named |= {f"{group.name} {name}" for name in _names(group.typer_instance)}
    assert set(cases) == named
    flat = [
        ([*name.split(), *map(str, arguments)], part)
        for name, each in cases.items()
        for arguments, part in each
    ]
    results, seconds = said(module, [arguments for arguments, _ in flat], folder)
    for (arguments, part), (status, message, heavy) in zip(flat, results):
        assert (status, heavy) == (2, []), (arguments, message)
        # Stores of the tests are written without checksums, which a line before says.
        *notes, line = message.splitlines()
        assert all("kept no checksums" in note for note in notes), (arguments, message)
        assert line.startswith("error: "), (arguments, message)
        assert part in line, (arguments, message)
    assert len(results) == len(flat)
    assert seconds < MOST


def _names(app: typer.Typer) -> list[str]:
    """Names of the commands of an application or group."""
    return [
        command.name or command.callback.__name__.replace("_", "-")
        for command in app.registered_commands
    ]


def said(module: str, cases: list[list[str]], folder: object) -> tuple[list, float]:
    """Return what each case gave, and the CPU time of all (s)."""
    ran = subprocess.run(
        [sys.executable, __file__, module],
        input=json.dumps(cases),
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        cwd=folder,
    )
    content = json.loads(ran.stdout)
    return content["results"], content["seconds"]


def _main(module: str) -> None:
    # Typer's own runner would make all commands anew for each case.
    command, results = get_command(importlib.import_module(module).app), []
    for arguments in json.load(sys.stdin):
        output, status = io.StringIO(), 0
        with redirect_stdout(output), redirect_stderr(output):
            try:
                command(arguments)
            except SystemExit as end:
                status = end.code
        heavy = [name for name in HEAVY if name in sys.modules]
        results.append([status, output.getvalue(), heavy])
    used = resource.getrusage(resource.RUSAGE_SELF)
    sys.stdout.write(json.dumps({"results": results, "seconds": used.ru_utime + used.ru_stime}))


if __name__ == "__main__":
    _main(sys.argv[1])
