"""The workflow of loci: its configuration, and rankings and pages that are those of one run."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from score_command import LETTERS, OTHER, files
from snakemake_command import needs_snakemake, snakemake
from typer.main import get_command

from basenji_kipoi.cli.app import app

__all__ = ["files"]

GOOD = {"model": "model", "fasta": "genome.fa", "tables": ["a.tsv.gz", "b.SUSIE.snp.bgz"]}


@pytest.fixture
def check(modules, tmp_path, monkeypatch):
    """Check a changed configuration whose files are there."""
    monkeypatch.chdir(tmp_path)
    for name in ("model", "genome.fa", "a.tsv.gz", "b.SUSIE.snp.bgz", "a.parquet", "x.bed"):
        (tmp_path / name).touch()

    def checked(shared=True, **change):
        return modules.configuration.checked(
            modules.loci_configuration.LociConfig, GOOD | change, shared=shared
        )

    return checked


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"table": "a"}, "table is no key: expected model, fasta, tables, genes, linkage"),
        ({"rank": {"wieght": 1}}, "rank.wieght is no key: expected score, tracks, group_by"),
        ({"locus": {"genes": "x"}}, "locus.genes is no key: expected tracks, size, observed"),
        ({"tables": ["a.tsv.gz", "a.parquet"]}, "tables: the name a is there twice (a table's"),
        ({"tables": ["a.shards.tsv"]}, "tables: a.shards.tsv: what ends in .shards is the folder"),
        ({"tables": ["none.tsv"]}, "there is no file none.tsv (paths begin in /"),
        ({"genes": "none.gtf"}, "there is no file none.gtf"),
        ({"motifs": "none.meme"}, "there is no file none.meme"),
        ({"locus": {"observed": {"atac": "none.bw"}}}, "there is no file none.bw"),
        ({"background": "s3://x/b.parquet"}, "s3://x/b.parquet: this file is named by no address"),
        ({"elements": "x.bed"}, "elements: they are knocked out for genes: give genes, too"),
        ({"rank": {"by": "gene"}}, "rank: by: gene needs genes: give them, too"),
        ({"rank": {"by": "genes"}}, "rank.by: Input should be 'tracks' or 'gene'"),
        ({"locus": {"explain": -1}}, "locus.explain: Input should be greater than or equal to 0"),
        ({"shards": 0}, "shards: Input should be greater than or equal to 1"),
        ({"shared": False}, "model: jobs see no files of this machine: give an address"),
    ],
)
def test_what_a_configuration_of_loci_has_wrong(check, change, expected):
    assert [name for name, _ in check().files] == ["a", "b.SUSIE"]
    with pytest.raises(SystemExit) as found:
        check(**change)
    assert str(found.value).startswith("error: the configuration: ")
    assert expected in str(found.value)
    assert "\n" not in str(found.value)


def test_motifs_that_come_with_the_package_are_no_file(check):
    assert check(motifs="jaspar:fungi").motif_file is None
    assert check(motifs="x.bed").motif_file == "x.bed"


def test_options_of_loci_are_those_of_the_commands(modules):
    configuration = modules.loci_configuration
    commands = get_command(app).commands
    for command, ours in (
        ("rank", configuration.RankOptions), ("locus", configuration.LocusOptions)
    ):  # fmt: skip
        known = {name for parameter in commands[command].params for name in parameter.opts}
        words = {
            f"--{name.replace('_', '-')}" for name in (*configuration.BOTH, *ours.model_fields)
        }
        assert words <= known
    assert {"--motifs", "--elements", "--ranking", "--shard", "--join-shards"} <= known


def test_options_with_names_are_repeated(modules):
    option = modules.command_lines.option
    assert option("column", {"pip": "PP", "pos": "a b"}) == "--column pip=PP --column 'pos=a b'"


def pages(folder):
    """Read a folder of pages, but for the command and for what Bokeh names anew each time."""
    drawn = r"\bp\d{4,}\b|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|<code>basenji .*?</code>"
    return {path.name: re.sub(drawn, "", path.read_text()) for path in folder.glob("*.html")}


@pytest.mark.slow
@needs_snakemake
def test_rankings_and_pages_are_those_of_one_run(files, tmp_path):
    rows = ["chrom\tpos\tref\talt\tPP\tlocus\n"]
    for place in range(6):
        base = LETTERS[5049 + 30 * place]
        variant = f"chrI\t{5050 + 30 * place}\t{base}\t{base.translate(OTHER)}"
        rows.append(f"{variant}\t0.4\tlocus {place // 2}\n")
    (tmp_path / "three.tsv").write_text("".join(rows))
    (tmp_path / "one.csv").write_text("".join(rows[:3]).replace("\t", ","))
    (tmp_path / "loci.yaml").write_text(
        f"model: {files['model']}\nfasta: {files['fasta']}\ngenes: {files['gtf']}\n"
        "tables: [three.tsv, one.csv]\nshards: 2\n"
        "column: {pip: PP}\nrank: {weight: 0.5, random: 20}\nlocus: {explain: 0}\n"
    )

    def run():
        done = subprocess.run(
            snakemake("loci"), cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    run()
    assert "Nothing to be done" in run()
    # Pages that are there, with Snakemake's mark among them, are made again for what is asked now.
    configuration = (tmp_path / "loci.yaml").read_text()
    (tmp_path / "loci.yaml").write_text(configuration.replace("explain: 0", "explain: 0, seed: 1"))
    assert "rule rank:" not in run()
    both = ["--model", files["model"], "--fasta", files["fasta"], "--genes", files["gtf"]]
    both += ["--variants", "three.tsv", "--column", "pip=PP", "--quiet"]
    for words in (
        ["rank", *both, "--weight", 0.5, "--random", 20, "--out", "ranking"],
        ["locus", *both, "--explain", 0, "--seed", 1, "--ranking", "ranking", "--out", "alone"],
    ):
        command = [sys.executable, "-m", "basenji_kipoi", *map(str, words)]
        subprocess.run(command, cwd=tmp_path, check=True)
    for name in ("variants.tsv", "sets.tsv"):
        expected = (tmp_path / "ranking" / name).read_text()
        assert (tmp_path / "ranked" / "three" / name).read_text() == expected
    assert len(pages(tmp_path / "alone")) == 4
    assert pages(tmp_path / "pages" / "three") == pages(tmp_path / "alone")
    assert set(pages(tmp_path / "pages" / "one")) == {"index.html", "locus_0.html"}
