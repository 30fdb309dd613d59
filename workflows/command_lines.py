"""The command lines of the rules."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from configuration import PredictConfig, ScoreConfig, TrainConfig
    from pydantic import BaseModel

__all__ = ["THREADS", "alone", "option", "options", "program", "together"]

_REPOSITORY = Path(__file__).resolve().parents[1]
#: Where `make install` puts each command.
_ENVIRONMENTS = {"basenji": ".venv", "basenji-train": ".venv-training"}
#: What keeps TensorFlow to the cores that a job was given.
THREADS = "TF_NUM_INTRAOP_THREADS={threads} TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS={threads}"


def program(
    name: str, settings: PredictConfig | ScoreConfig | TrainConfig, *, shared: bool = True
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
    return shlex.join([f"--{name.replace('_', '-')}", str(value)])


def options(section: BaseModel, *, leaving_out: Collection[str] = ()) -> str:
    """Write the options of a section as words of a command line."""
    words = (option(name, value) for name, value in section if name not in leaving_out)
    return " ".join(word for word in words if word)


def together(hosts: int) -> str:
    """Write what begins a command that several hosts run together; nothing for one."""
    script = Path(__file__).parent / "slurm" / "together.sh"
    return f" {shlex.quote(str(script))} {hosts}" if hosts > 1 else ""


def alone(name: str) -> str:
    """Write what begins a command of which one at a time may run, and the others wait.

    A job whose Snakemake was killed lives on, and the one that takes its place would meet it. The
    lock of flock ends with the process that holds it, however that ends.

    Parameters
    ----------
    name
        Of the job, with Snakemake's wildcards.
    """
    # Not its log, which Snakemake replaces.
    lock = f"locks/{name}"
    return f"mkdir -p $(dirname {lock}) && {THREADS} flock {lock}"
