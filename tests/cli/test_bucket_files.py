"""Commands and the Python API on files of buckets, beside the same files here."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pysam
import pytest
from bucket_server import bucket, own_environment, wait_for
from score_command import HEADER, arguments, files, score, snvs
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.cli.app import app

__all__ = ["bucket", "files"]

BED = "chrI\t6000\t7000\nchrII\t20\t70\n"


@pytest.fixture
def filled(bucket, files, tmp_path):
    """Put a genome, variants, both compressed too, genes, intervals and a model into the bucket."""
    pysam.tabix_compress(str(files["fasta"]), str(tmp_path / "genome.fa.gz"))
    (tmp_path / "x.vcf").write_text(HEADER + "".join(f"{row}\n" for row in snvs(8)))
    pysam.tabix_compress(str(tmp_path / "x.vcf"), str(tmp_path / "x.vcf.gz"))
    here = [files["fasta"], files["gtf"]]
    here += [tmp_path / name for name in ("genome.fa.gz", "x.vcf", "x.vcf.gz")]
    for path in here:
        bucket.put(path.name, path.read_bytes())
    for path in Path(files["model"]).iterdir():
        bucket.put(f"models/small/{path.name}", path.read_bytes())
    bucket.put("x.bed", BED.encode())
    return bucket


def test_scores_of_a_bucket_are_those_of_local_files(files, filled, tmp_path):
    here = score(files, tmp_path, snvs(8), genes=files["gtf"])
    there = f"{filled.scheme}://data"
    for fasta, vcf in [("genome.fa", "x.vcf"), ("genome.fa.gz", "x.vcf.gz")]:
        remote = {"model": f"{there}/models/small", "fasta": f"{there}/{fasta}"}
        words = arguments(
            remote, tmp_path, f"{there}/{vcf}", f"{fasta}.parquet", genes=f"{there}/genes.gtf"
        )
        run = CliRunner().invoke(app, words)
        assert run.exit_code == 0, run.stderr
        assert pd.read_parquet(tmp_path / f"{fasta}.parquet").equals(here)
    # The second run asks whether they are current, and fetches nothing.
    sent = filled.sent
    words[words.index("--out") + 1] = str(tmp_path / "again.parquet")
    assert CliRunner().invoke(app, words).exit_code == 0
    assert filled.sent - sent < 10


def test_python_reads_buckets(files, filled):
    there = f"{filled.scheme}://data"
    model, genome = bk.load(f"{there}/models/small/"), bk.Genome(f"{there}/genome.fa.gz")
    remote = bk.predict(model, genome, f"{there}/x.bed", progress=False)
    local = files["fasta"].parent / "x.bed"
    local.write_text(BED)
    here = bk.predict(bk.load(files["model"]), bk.Genome(files["fasta"]), local, progress=False)
    assert remote.to_dataframe().equals(here.to_dataframe())


@pytest.mark.parametrize(
    ("option", "name"), [("fasta", "nothing.fa"), ("vcf", "nothing.vcf"), ("model", "models")]
)
def test_what_a_bucket_lacks_is_one_line(files, filled, tmp_path, option, name):
    words = arguments(files, tmp_path, snvs(2))
    words[words.index(f"--{option}") + 1] = f"{filled.scheme}://data/{name}"
    run = subprocess.run(
        [Path(sys.executable).with_name("basenji"), *words],
        env=own_environment(filled),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    missing = f"{filled.scheme}://data/{name}{'/metadata.json' if option == 'model' else ''}"
    assert run.stderr == f"error: {missing} cannot be read: no such file or bucket\n"
    assert not (tmp_path / "x.parquet").exists()


def test_a_model_without_what_is_optional_is_loaded_from_a_closed_list(filled, monkeypatch):
    # Who may not list a bucket is told that what it lacks is closed.
    import basenji_kipoi.models.shipped.elsewhere as elsewhere

    fetch = elsewhere.local_copy

    def closed(address, folder, **options):
        if address.endswith(".parquet"):
            filled.codes = [401 if filled.scheme == "gs" else 403] * 2
        try:
            return fetch(address, folder, **options)
        finally:
            filled.codes = []

    monkeypatch.setattr(elsewhere, "local_copy", closed)
    path = bk.load(f"{filled.scheme}://data/models/small").bundles[0].path
    assert not (path / "background.parquet").exists()


def test_an_interrupted_transfer_says_how_to_go_on(bucket, tmp_path):
    rows = "".join(f"chrI\t{pos}\t.\tA\tC\t.\t.\t.\n" for pos in range(1, 120_000))
    bucket.put("x.vcf", (HEADER + rows).encode())
    bucket.ends_at, bucket.stalls = 1_200_000, True
    command = Path(sys.executable).with_name("basenji")
    words = [command, "index-vcf", f"{bucket.scheme}://data/x.vcf", "--out", tmp_path / "x.vcf.gz"]
    environment = own_environment(bucket)
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, env=environment) as process:
        wait_for(lambda: any(each.stat().st_size for each in tmp_path.rglob("*.part")))
        process.send_signal(signal.SIGINT)
        message = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert message == "interrupted; the same command goes on with what is fetched\n"
    bucket.ends_at, sent = None, bucket.sent
    assert subprocess.run(words, env=environment, check=False).returncode == 0
    assert bucket.sent - sent < len(HEADER + rows) - 1_000_000
