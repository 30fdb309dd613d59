"""A wrong path or option is said before Keras is imported, by every command."""

from __future__ import annotations

import sys
from pathlib import Path

from typer.testing import CliRunner

from basenji_training import __version__
from basenji_training.cli.app import app

REPOSITORY = Path(__file__).resolve().parents[3]
sys.path.append(str(REPOSITORY / "tests"))

from early_errors import check  # noqa: E402 - it lies with the other package's tests

NO_STORE = "nope.zarr is not a store"
NO_FOLDER = "the folder of the output"


def test_training_commands_say_at_once_what_is_wrong(letters, tmp_path):
    fasta = REPOSITORY / "examples" / "data" / "genome.fa"
    bundle = REPOSITORY / "model_files"
    measured = [bundle, "--store", letters.path, "--out", "x.json"]
    exported = ["nope", "--out", "x", "--name", "a", "--assembly", "b"]
    (tmp_path / "x.bam").touch()
    cases = {
        "simulate": [(["--out", "nope/x"], NO_FOLDER)],
        "population": [(["nope", "--out", "x"], "simulation.json does not exist")],
        "coverage": [
            (["nope.bam", "--assay", "atac", "--out", "x.bw"], "nope.bam"),
            (["x.bam", "--assay", "atac", "--out", "x.bw", "--fasta", "nope.fa"], "nope.fa"),
            (["x.bam", "--assay", "atac", "--out", "x.bw", "--genes", "nope.gtf"], "nope.gtf"),
        ],
        "data": [(["nope.tsv", "--fasta", fasta, "--out", "x.zarr"], "nope.tsv does not exist")],
        "import-tfrecords": [(["nope", "--out", "x.zarr"], "nope/statistics.json is missing")],
        "thresholds": [(["nope.zarr", "--out", "x.tsv"], NO_STORE)],
        "unmappable": [(["nope.fa", "--out", "x.bed"], "nope.fa does not exist")],
        "check": [(["nope.zarr"], NO_STORE)],
        "fit": [
            (["nope.zarr", "--out", "x"], NO_STORE),
            (["nope.zarr", "--out", "nope/x"], NO_FOLDER),
            (["nope.zarr", "--out", "x", "--recipe", "nope"], "no recipe 'nope'"),
            (["nope.zarr", "--out", "x", "--network", "nope.json"], "nope.json"),
        ],
        "evaluate": [
            ([bundle, "--store", "nope.zarr", "--out", "x.json"], NO_STORE),
            ([bundle, "--store", "nope.zarr", "--out", "nope/x.json"], NO_FOLDER),
            ([bundle, "--store", "nope.zarr", "--out", ""], "name another output"),
            (["nope", "--store", letters.path, "--out", "x.json"], "neither a run"),
            ([*measured, "--genes", "nope.gtf"], "nope.gtf does not exist"),
            ([*measured, "--replicates", "nope.tsv"], "nope.tsv does not exist"),
            ([*measured, "--peaks", "atac=nope.bed"], "nope.bed does not exist"),
        ],
        "reporters": [(["nope.tsv", "--out", "x"], "nope.tsv does not exist")],
        "evaluate-reporter": [
            ([bundle, "--store", "nope", "--out", "x.json"], "nope is not a store of reporters"),
            ([bundle, "--store", "nope", "--out", "nope/x.json"], NO_FOLDER),
            ([bundle, "--store", "nope", "--out", ""], "name another output"),
            ([bundle, "--store", "nope", "--out", "x.json", "--split", "all"], "--split all"),
        ],
        "add-reporter": [
            ([bundle, "nope", "--evaluation", "nope.json", "--out", "x"], "nope.json does not"),
            ([bundle, "nope", "--evaluation", "x.bam", "--out", "x"], "x.bam is no evaluation"),
        ],
        "export": [([*exported, "--evaluation", "nope.json"], "nope.json")],
    }
    check("basenji_training.cli.app", cases, tmp_path)


def test_the_version_is_told():
    assert CliRunner().invoke(app, ["--version"]).output == f"{__version__}\n"
