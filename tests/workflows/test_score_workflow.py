"""The workflow of scores, its jobs and its Snakemake killed: nothing is lost or done twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time

import pyarrow.parquet
import pysam
import pytest
from score_command import files, score, snvs
from snakemake_command import jobs, needs_snakemake, snakemake

__all__ = ["files"]

SHARDS, PART = 3, 20

pytestmark = [pytest.mark.slow, needs_snakemake]


class Watch(threading.Thread):
    """Notes which files pieces consist of: one that is made again is another file."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.folder, self.made, self.ended = folder, {}, threading.Event()

    def run(self):
        while not self.ended.wait(0.02):
            with contextlib.suppress(FileNotFoundError):  # a shard has ended meanwhile
                for path in self.folder.glob("shards/*/*.unfinished/pieces/part-*/*"):
                    status = path.stat()
                    self.made.setdefault(path, set()).add((status.st_ino, status.st_mtime_ns))


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "in vain waited for"
        time.sleep(0.05)


def test_killed_jobs_and_a_killed_snakemake(files, tmp_path):
    rows = snvs(480, step=50)
    unbroken = score(files, tmp_path, rows, window="grid", part_size=PART)
    (tmp_path / "score.yaml").write_text(
        f"model: {files['model']}\nfasta: {files['fasta']}\nvariants: [in.vcf]\n"
        f"shards: {SHARDS}\nvcf: true\noptions: {{window: grid, part_size: {PART}}}\n"
    )
    watch = Watch(tmp_path)
    watch.start()
    log = (tmp_path / "snakemake.log").open("w")
    first = subprocess.Popen(snakemake("score"), cwd=tmp_path, stdout=log, stderr=log)
    wait_for(lambda: len(watch.made) > 1)
    killed = jobs(tmp_path)[0]
    os.kill(killed, signal.SIGKILL)
    # It is tried again, and then Snakemake itself goes, whose jobs live on.
    before = len(watch.made)
    wait_for(lambda: len(watch.made) > before + 2)
    first.kill()
    first.wait()
    subprocess.run(snakemake("score", "--unlock"), cwd=tmp_path, check=True, stdout=log, stderr=log)
    again = subprocess.run(snakemake("score"), cwd=tmp_path, stdout=log, stderr=log, check=False)
    watch.ended.set()
    watch.join()
    log.close()
    text = (tmp_path / "snakemake.log").read_text()
    assert again.returncode == 0, text
    # A part that was made just before its shard's end may have been missed.
    assert len(watch.made) > 480 / PART / 2
    assert [path for path, made in watch.made.items() if len(made) > 1] == []
    merged = pyarrow.parquet.read_table(tmp_path / "scores" / "in.parquet")
    assert merged.to_pandas().equals(unbroken)
    with pysam.VariantFile(str(tmp_path / "scores" / "in.vcf.gz")) as records:
        assert sum(1 for _ in records) == len(unbroken)
    done = subprocess.run(
        snakemake("score"), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "Nothing to be done" in done.stdout + done.stderr
