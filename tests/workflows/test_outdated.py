"""A job that failed leaves no output of an earlier configuration that is taken for the new one."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet
import pytest
from score_command import HEADER, files, snvs
from snakemake_command import needs_snakemake, snakemake

__all__ = ["files"]


def test_what_an_unfinished_job_writes_becomes_older_than_its_inputs(
    modules, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    main = SimpleNamespace(is_main_process=True)
    command = modules.command_lines.alone("shard/{name}", "{program} >> log")
    outputs = ["one.parquet", "a folder"]
    (tmp_path / "a folder").mkdir()
    for path in ("one.parquet", "a folder/.snakemake_timestamp"):
        (tmp_path / path).touch()
    command = command.replace("{output:q}", "one.parquet 'a folder'").replace("{threads}", "1")
    for program, ends_well in (("false", False), ("true", True), ("kill -9 $$", False)):
        now = (tmp_path / "one.parquet").stat().st_mtime
        whole = command.replace("{name}", "in").replace("{program}", f"bash -c '{program}'")
        run = subprocess.run(["bash", "-c", whole], check=False)
        assert (run.returncode == 0) == ends_well
        # Not by a job, and not while it runs.
        modules.command_lines.outdate(SimpleNamespace(is_main_process=False))
        with (tmp_path / "locks/shard/in").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            modules.command_lines.outdate(main)
            assert (tmp_path / "one.parquet").stat().st_mtime == now
        modules.command_lines.outdate(main)
        for path in (*outputs, "a folder/.snakemake_timestamp"):
            assert ((tmp_path / path).stat().st_mtime == 1) is not ends_well
            os.utime(path, (now, now))
        # What was told once is not told again.
        modules.command_lines.outdate(main)
        assert (tmp_path / "one.parquet").stat().st_mtime == now


@pytest.mark.slow
@needs_snakemake
def test_scores_of_an_earlier_configuration_are_made_again_after_jobs_that_failed(files, tmp_path):
    (tmp_path / "in.vcf").write_text(HEADER + "".join(f"{row}\n" for row in snvs(40, step=50)))
    program = tmp_path / "program"
    program.write_text(
        '#!/bin/sh\nif [ "$1" = score ] && [ -e fails ]; then exit 9; fi\n'
        f'exec "{Path(sys.executable).parent / "basenji"}" "$@"\n'
    )
    program.chmod(0o755)

    def run(window):
        (tmp_path / "score.yaml").write_text(
            f"model: {files['model']}\nfasta: {files['fasta']}\nvariants: [in.vcf]\n"
            f"shards: 2\noptions: {{window: {window}}}\nprograms: {{basenji: {program}}}\n"
        )
        done = subprocess.run(
            snakemake("score", "--retries", "0"), cwd=tmp_path, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def scores():
        return pyarrow.parquet.read_table(tmp_path / "scores" / "in.parquet").to_pandas()

    status, text = run("grid")
    assert status == 0, text
    before = scores()
    (tmp_path / "fails").touch()
    assert run("centred")[0] != 0
    (tmp_path / "fails").unlink()
    # The same command again: the old scores, which Snakemake put back, are not taken for these.
    status, text = run("centred")
    assert status == 0, text
    assert not scores().equals(before)
    assert "Nothing to be done" in run("centred")[1]
