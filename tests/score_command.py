"""Variants on a small genome, and `basenji score` run on them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from basenji_kipoi.cli.app import app
from basenji_kipoi.genome.fasta import Genome

LETTERS = "".join(np.random.default_rng(11).choice(list("ACGT"), 30_000))
OTHER = str.maketrans("ACGT", "GTCA")
HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def line(pos, ref=None, alt=None, chrom="chrI", name="."):
    ref = LETTERS[pos - 1] if ref is None else ref
    return f"{chrom}\t{pos}\t{name}\t{ref}\t{alt or ref.translate(OTHER)}\t.\t.\tDP=3"


def snvs(number, start=5000, step=37):
    return [line(pos) for pos in range(start, start + number * step, step)]


@pytest.fixture(scope="module")
def files(tmp_path_factory, small_bundle):
    folder = tmp_path_factory.mktemp("score")
    (folder / "genome.fa").write_text(f">chrI\n{LETTERS}\n>chrII\n{LETTERS[:3000]}\n")
    Genome(folder / "genome.fa").close()
    (folder / "genes.gtf").write_text(
        'chrI\tx\ttranscript\t5001\t5100\t.\t+\t.\tgene_id "G1"; gene_name "one";\n'
        'chrI\tx\ttranscript\t5120\t5170\t.\t-\t.\tgene_id "G1"; gene_name "one";\n'
        'chrI\tx\ttranscript\t20001\t20100\t.\t-\t.\tgene_id "G2";\n'
    )
    return {"model": small_bundle.path, "fasta": folder / "genome.fa", "gtf": folder / "genes.gtf"}


def arguments(files, folder, rows, out="x.parquet", **options):
    vcf = folder / "in.vcf"
    if not isinstance(rows, str):
        vcf.write_text(HEADER + "".join(f"{row}\n" for row in rows))
        rows = str(vcf)
    words = ["score", "--model", str(files["model"]), "--fasta", str(files["fasta"])]
    words += ["--vcf", rows, "--out", str(folder / out)]
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}"] + ([] if value is True else [str(value)])
    return words


def score(files, folder, rows, out="x.parquet", *, status=0, standard_input=None, **options):
    """Run the command; return the table, or the message if it is expected to fail."""
    run = CliRunner().invoke(
        app, arguments(files, folder, rows, out, **options), input=standard_input
    )
    assert run.exit_code == status, run.stderr
    if status:
        assert not (folder / out).exists()
        assert run.stderr.startswith("error: ")
        assert run.stderr.count("\n") == 1
        return run.stderr
    return pd.read_parquet(folder / out) if out.endswith("parquet") else run.stderr


def plan(files, folder, rows, out="x.plan.json", *, status=0, **options):
    """Run `basenji plan-scores`; return what it says."""
    words = ["plan-scores", *arguments(files, folder, rows, out, **options)[1:]]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == status, run.stderr
    if status:
        assert run.stderr.startswith("error: ")
        assert run.stderr.count("\n") == 1
    return run.stderr
