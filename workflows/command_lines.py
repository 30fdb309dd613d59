"""The command lines of the rules."""

from __future__ import annotations

import fcntl
import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from costs import is_dry_run

if TYPE_CHECKING:
    from collections.abc import Collection

    from configuration import PredictConfig, ScoreConfig, TrainConfig
    from loci_configuration import LociConfig
    from pydantic import BaseModel

__all__ = ["THREADS", "alone", "option", "options", "outdate", "program", "together"]

_REPOSITORY = Path(__file__).resolve().parents[1]
#: Where `make install` puts each command.
_ENVIRONMENTS = {"basenji": ".venv", "basenji-train": ".venv-training"}
#: What keeps TensorFlow to the cores that a job was given.
THREADS = "TF_NUM_INTRAOP_THREADS={threads} TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS={threads}"
#: Behind the name of a lock: the file that lists what a job writes, until it has ended well.
_BEGUN = ".begun"


def program(
    name: str,
    settings: LociConfig | PredictConfig | ScoreConfig | TrainConfig,
    *,
    shared: bool = True,
) -> str:
    """Find a command: as configured, in the environment of this repository, or on the ``PATH``.

    In an image it is on the ``PATH``, which cannot be seen from here.

    Parameters
    ----------
    name
        Of the command.
    settings
        The configuration.
    shared
        Whether jobs see the files of this machine.

    Raises
    ------
    SystemExit
        If it is nowhere.
    """
    if settings.container is not None or not shared:
        return settings.programs.get(name, name)
    beside = _REPOSITORY / _ENVIRONMENTS[name] / "bin" / name
    wanted = settings.programs.get(name) or (str(beside) if beside.exists() else name)
    if shutil.which(wanted) is None:
        raise SystemExit(
            f"error: there is no command {wanted}: run make install, or name it in the "
            f"configuration (programs: {{{name}: PATH}})"
        )
    return shlex.quote(wanted)


def option(name: str, value: object) -> str:
    """Write an option as words of a command line; nothing where it is not given (None)."""
    if value is None:
        return ""
    if isinstance(value, bool):  # both_strands alone can be denied, by another name
        return f"--{name.replace('_', '-')}" if value else "--one-strand"
    given = [f"{key}={each}" for key, each in value.items()] if isinstance(value, dict) else [value]
    return shlex.join(word for each in given for word in (f"--{name.replace('_', '-')}", str(each)))


def options(section: BaseModel, *, leaving_out: Collection[str] = ()) -> str:
    """Write the options of a section as words of a command line."""
    words = (option(name, value) for name, value in section if name not in leaving_out)
    return " ".join(word for word in words if word)


def together(hosts: int) -> str:
    """Write what begins a command that several hosts run together; nothing for one."""
    script = Path(__file__).parent / "slurm" / "together.sh"
    return f"{shlex.quote(str(script))} {hosts} " if hosts > 1 else ""


def alone(name: str, command: str) -> str:
    """Write a command of which one at a time may run, and the others wait.

    A job whose Snakemake was killed lives on, and the one that takes its place would meet it. The
    lock of flock ends with the process that holds it, however that ends. Beside the lock stands,
    until the command has ended well, what it writes: `outdate` reads that.

    Parameters
    ----------
    name
        Of the job, with Snakemake's wildcards.
    command
        What runs, with Snakemake's wildcards.
    """
    # Not its log, which Snakemake replaces.
    lock = f"locks/{name}"
    begun = f"{lock}{_BEGUN}"
    return (
        f"mkdir -p $(dirname {lock}) && printf '%s\\n' {{output:q}} > {begun} &&"
        f" {THREADS} flock {lock} {command} && rm -f {begun}"
    )


def outdate(workflow: Any) -> None:  # noqa: ANN401 - Snakemake's
    """Make outputs older than their inputs whose jobs began, have not ended well, and do not run.

    Where a job fails that was to make an output anew, Snakemake puts the old one back and notes
    that it was made as it is asked for now: it would be taken for that ever after.

    Parameters
    ----------
    workflow
        Of Snakemake. Those of its jobs read the same file, and leave it to the one that began them.
    """
    if not workflow.is_main_process or is_dry_run():
        return
    for begun in Path("locks").rglob(f"*{_BEGUN}"):
        with begun.with_suffix("").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:  # its Snakemake was killed, and it lives on
                continue
            for line in begun.read_text(encoding="utf-8").splitlines():
                # Of a folder, Snakemake looks at the mark that it leaves there.
                for path in (Path(line), Path(line) / ".snakemake_timestamp"):
                    if path.exists():
                        os.utime(path, (1, 1))
            begun.unlink()
