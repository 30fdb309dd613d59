"""Pages of loci in shards: joined, they are the folder that one run writes."""

from __future__ import annotations

import re
import shutil
from functools import partial

import pytest
from locus_files import snvs, write, write_genome
from typer.testing import CliRunner

from basenji_kipoi.base.sharing.shards import whole_command
from basenji_kipoi.cli.app import app

pytestmark = pytest.mark.usefixtures("eager")


@pytest.fixture
def run(small_bundle, tmp_path, monkeypatch):
    """Make pages of three loci in the folder that holds genome, gene and table."""
    write_genome(tmp_path)
    (tmp_path / "genes.gtf").write_text(
        'chrA\tx\ttranscript\t1801\t2600\t.\t+\t.\tgene_id "G1"; gene_name "one";\n'
    )
    rows = [(*each, f"locus {n // 2}", "G1") for n, each in enumerate(snvs(4, first=1700))]
    rows.append(("chrA", 1700, "N", "A", "locus 2", "G1"))
    write(tmp_path / "three.tsv", "chrom pos ref alt locus gene", rows)
    write(tmp_path / "one.tsv", "chrom pos ref alt locus gene", rows[:2])
    monkeypatch.chdir(tmp_path)

    def call(*more, out="pages", table="three.tsv", fasta="genome.fa", explain=1, status=0):
        words = ["locus", "--model", small_bundle.path, "--fasta", fasta, "--variants", table]
        words += ["--genes", "genes.gtf", "--draws", 1, "--explain", explain, "--out", out, *more]
        words = list(map(str, words))
        monkeypatch.setattr("sys.argv", ["basenji", *words])
        ended = CliRunner().invoke(app, words)
        assert ended.exit_code == status, ended.stderr
        return ended.stderr

    return call


def content(folder):
    """Read a folder of pages, without the identifiers that Bokeh draws anew each time."""
    drawn = re.compile(r"\bp\d{4,}\b|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
    texts = {path.name: drawn.sub("", path.read_text()) for path in folder.iterdir()}
    return {name: text.replace("elsewhere/", "") for name, text in texts.items()}


def test_joined_shards_are_what_one_run_writes(run, tmp_path):
    run()
    one = tmp_path / "one"
    shutil.move("pages", one)
    assert "the shard 2/2 of pages: 2 loci, 3 variants, 1 explained" in run("--shard", "2/2")
    (tmp_path / "elsewhere").mkdir()
    for name in ("genome.fa", "three.tsv"):
        shutil.copyfile(name, tmp_path / "elsewhere" / name)
    said = run("--shard", "1/2", table="elsewhere/three.tsv", fasta="elsewhere/genome.fa")
    assert "the shard 1/2 of pages: 1 locus, 2 variants, 1 explained" in said
    made = {path: path.stat().st_mtime_ns for path in tmp_path.glob("pages.shards/*/*.html")}
    assert len(made) == 3
    said = run("--shard", "2/2", "--resume")  # is complete
    assert "2 loci, 3 variants, 1 explained" in said
    assert "  1 without predictions: " in said
    assert not (tmp_path / "pages").exists()
    assert "wrote pages: 3 loci, 5 variants, 2 explained" in run("--join-shards")
    assert content(tmp_path / "pages") == content(one)
    assert made == {path: path.stat().st_mtime_ns for path in made}
    assert "exists already" in run("--join-shards", status=2)


def test_what_cannot_be_shared_or_joined_is_said(run, tmp_path):
    for more in (["--shard", "1/2"], ["--join-shards"]):
        assert "--out x.html is one page: name a folder" in run(*more, out="x.html", status=2)
    assert "pass one of the two" in run("--shard", "1/2", "--join-shards", status=2)
    assert "--shard: expected i/n" in run("--shard", "3/2", status=2)
    assert "there are no shards in pages.shards" in run("--join-shards", status=2)
    run = partial(run, explain=0)
    said = [run("--shard", f"{number}/2", table="one.tsv") for number in (1, 2)]
    assert "has nothing to do: shards are whole pieces, and there are 1" in said[0]
    assert "wrote the shard 1/2 of pages: 0 loci" in said[0]
    more = ("--join-shards", "--seed", "3")
    assert "was made with another seed (" in run(*more, table="one.tsv", status=2)
    assert "was made with another files" in run("--join-shards", status=2)
    notes = tmp_path / "pages.shards" / "2-of-2" / "notes.jsonl"
    kept = notes.read_text()
    notes.write_text(kept[:40])
    assert "2-of-2 lacks locus_0.html: make the shard again" in run(
        "--join-shards", table="one.tsv", status=2
    )
    run("--shard", "2/2", "--resume", table="one.tsv")  # says nothing of what it lost
    notes.write_text(kept)
    run("--join-shards", table="one.tsv")
    assert set(content(tmp_path / "pages")) == {"index.html", "locus_0.html"}


def test_commands_without_the_options_of_shards():
    command = "basenji locus --shard 1/2 --out 'a b' --shard=2/2 --join-shards --quiet"
    assert whole_command(command) == "basenji locus --out 'a b' --quiet"
    assert whole_command("") == ""
