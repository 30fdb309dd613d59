"""No command replaces what it reads, or a folder that is no output of its own."""

from __future__ import annotations

import shutil

import pytest
from typer.testing import CliRunner

from basenji_kipoi.cli.app import app


@pytest.fixture
def folder(small_bundle, tmp_path, monkeypatch):
    """Have a model, a genome and what is asked for in the working directory."""
    shutil.copytree(small_bundle.path, tmp_path / "m")
    (tmp_path / "g.fa").write_text(">chrI\n" + "ACGT" * 2000 + "\n")
    (tmp_path / "r.bed").write_text("chrI\t3000\t3010\n")
    (tmp_path / "v.vcf").write_text(
        "##fileformat=VCFv4.2\n##contig=<ID=chrI>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    )
    (tmp_path / "genes.gtf").write_text('chrI\tx\texon\t4001\t4100\t.\t+\t.\tgene_id "G";\n')
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    monkeypatch.chdir(tmp_path)
    return tmp_path


PREDICT = "predict --model m --fasta g.fa --bed r.bed --out"
MUTATE = "mutate --model m --fasta g.fa --bed r.bed --out"
ATTRIBUTE = "attribute --model m --fasta g.fa --bed r.bed --out"
ELEMENTS = "elements --model m --fasta g.fa --genes genes.gtf --size 512 --out"
SCORE = "score --model m --fasta g.fa --vcf v.vcf --out"


@pytest.mark.parametrize(
    "line",
    [
        f"{PREDICT} m",
        f"{PREDICT} mine",
        f"{PREDICT} g.fa --format hdf5",
        f"{PREDICT} r.bed --format bigwig",
        f"{PREDICT} ./m/model.weights.h5",
        f"{PREDICT} m/../g.fa --format zarr",
        f"{MUTATE} m/model.weights.h5",
        f"{MUTATE} x.h5 --plots m",
        f"{MUTATE} x.h5 --plots mine",
        f"{ATTRIBUTE} mine",
        f"{ATTRIBUTE} x.h5 --plots mine",
        f"{ELEMENTS} genes.gtf",
        f"{ELEMENTS} x.tsv --browser mine",
        f"{SCORE} v.vcf",
        "plan-scores --model m --fasta g.fa --vcf v.vcf --out g.fa",
        "plan-scores --model m --fasta g.fa --vcf v.vcf --out g.fa.fai",
        "import --h5 m/model.weights.h5 --params r.bed --out mine",
        "import --h5 m/model.weights.h5 --params r.bed --out m",
        "import --h5 m/model.weights.h5 --params r.bed --out r.bed",
        "merge-scores v.vcf --out v.vcf",
    ],
)
def test_inputs_and_strange_folders_are_kept(folder, line):
    (folder / "g.fa.fai").write_text("chrI\t8000\t6\t8000\t8001\n")
    before = {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}
    run = CliRunner().invoke(app, [*line.split(), "--overwrite"])
    assert run.exit_code == 2, run.output
    assert {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")} == before
