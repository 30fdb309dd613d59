"""Workflows as their tests run them."""

from __future__ import annotations

from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
SNAKEMAKE = REPOSITORY / ".venv-workflows" / "bin" / "snakemake"

needs_snakemake = pytest.mark.skipif(
    not SNAKEMAKE.exists(), reason="no .venv-workflows: make workflows"
)


def snakemake(name, *more):
    """Return the command line of a workflow whose configuration has its name."""
    workflows = REPOSITORY / "workflows"
    return [
        SNAKEMAKE, "--snakefile", workflows / f"{name}.smk", "--configfile", f"{name}.yaml",
        "--profile", workflows / "profiles" / "local", "--cores", "2", *more,
    ]  # fmt: skip


def jobs(folder):
    """List the processes that do shards in a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if process.joinpath("cwd").resolve() == folder and b"--shard" in words[2:]:
                found.append((int(process.name), words[0]))
        except OSError:  # it has ended
            continue
    # The shell and flock have the words too.
    return [pid for pid, program in found if b"python" in program]
