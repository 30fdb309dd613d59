"""Runs of `basenji score` that come in shards, are interrupted, or find no room."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pyarrow.parquet
import pysam
import pytest
from example_inputs import REPOSITORY
from score_command import HEADER, arguments, files, line, score, snvs
from typer.testing import CliRunner

from basenji_kipoi.cli.app import app

__all__ = ["files"]

# ---- shards ----


@pytest.mark.parametrize("out", ["x.parquet", "x.tsv.gz", "x.vcf.gz"])
def test_shards_make_the_same_file(files, tmp_path, out):
    rows = [*snvs(5), line(6000, alt="N,<DEL>,*"), *snvs(6, 7000)]
    options = {"part_size": 2, "genes": files["gtf"], "tracks": "0"}
    names = [f"{number}.{out}" for number in (1, 2, 3)]
    for number, name in enumerate(names, start=1):
        score(files, tmp_path, rows, name, shard=f"{number}/3", **options)
    score(files, tmp_path, rows, out, **options)
    whole = read(tmp_path / out)
    genes = out.replace("vcf", "tsv").replace("x.", "x.genes.")
    whole_genes = read(tmp_path / genes)

    def merge(*given, overwrite=True):
        shards = [str(tmp_path / name) for name in given]
        command = ["merge-scores", *shards, "--out", str(tmp_path / out)]
        return CliRunner().invoke(app, [*command, *["--overwrite"] * overwrite])

    (tmp_path / genes).unlink()
    assert "exists already" in merge(*names, overwrite=False).stderr
    assert not (tmp_path / genes).exists()
    run = merge(*reversed(names))
    assert run.exit_code == 0, run.stderr
    assert read(tmp_path / out) == whole
    assert read(tmp_path / genes) == whole_genes
    if out == "x.parquet":
        assert all(0 < len(pd.read_parquet(tmp_path / name)) < 14 for name in names)
    if out == "x.vcf.gz":
        with pysam.VariantFile(str(tmp_path / out)) as file:
            assert len(list(file.fetch("chrI", 5999, 6000))) == 1

    assert "the shard 2/3 is missing" in merge(names[0], names[2]).stderr
    assert f"{names[0]} is given twice" in merge(names[0], *names).stderr
    (tmp_path / "other").mkdir()
    for name in (names[0], genes.replace("x.", "1.x.")):
        shutil.copy(tmp_path / name, tmp_path / "other")
    assert "the shard 1/3 is given twice" in merge(f"other/{names[0]}", *names).stderr
    score(files, tmp_path / "other", rows, names[1], shard="2/3", **{**options, "part_size": 3})
    assert (
        "are no shards of one run: their part_size differs"
        in merge(names[0], f"other/{names[1]}", names[2]).stderr
    )


@pytest.mark.parametrize("out", ["x.parquet", "x.vcf.gz"])
def test_folders_whose_names_are_not_utf8(files, tmp_path, out):
    odd = tmp_path / os.fsdecode(b"\xff")
    odd.mkdir()
    names = [f"{number}.{out}" for number in (1, 2)]
    for number, name in enumerate(names, start=1):
        words = arguments(files, odd, snvs(4), name, shard=f"{number}/2", part_size=2)
        run = CliRunner().invoke(app, words)
        assert run.exit_code == 0, run.stderr
    joined = ["merge-scores", *(str(odd / name) for name in names), "--out", str(odd / out)]
    run = CliRunner().invoke(app, joined)
    assert run.exit_code == 0, run.stderr
    shutil.copy(odd / out, tmp_path)
    score(files, tmp_path, snvs(4), f"whole.{out}", part_size=2)
    assert read(tmp_path / out) == read(tmp_path / f"whole.{out}")


def test_a_shard_without_alleles_says_so(files, tmp_path):
    said = score(files, tmp_path, snvs(3), "x.tsv", shard="1/2")
    assert (
        "--shard 1/2 has no allele: in.vcf has 1 part of up to 1,024 alleles, and shards are whole "
        "parts: ask for fewer shards, or a smaller --part-size in all of them\n"
    ) in said
    assert len(pd.read_csv(tmp_path / "x.tsv", sep="\t", comment="#")) == 0
    assert "has no allele" not in score(files, tmp_path, snvs(3), "y.tsv", shard="2/2")


@pytest.mark.parametrize("out", ["x.parquet", "x.tsv", "x.tsv.gz", "x.vcf"])
def test_a_shard_that_lost_or_changed_rows_is_refused(files, tmp_path, out):
    for number in (1, 2):
        score(files, tmp_path, snvs(12), f"{number}.{out}", shard=f"{number}/2", part_size=2)
    shard, whole = tmp_path / f"2.{out}", (tmp_path / f"2.{out}").read_bytes()

    def merge():
        words = ["merge-scores", str(tmp_path / f"1.{out}"), str(shard)]
        run = CliRunner().invoke(app, [*words, "--out", str(tmp_path / out)])
        assert not (tmp_path / out).exists() or run.exit_code == 0
        return run

    if out.endswith("parquet"):
        rows = pyarrow.parquet.read_table(shard)
        pyarrow.parquet.write_table(rows.slice(0, 4), shard)
        assert "2.x.parquet does not tell how many rows it has" in merge().stderr
    elif out.endswith("gz"):
        lines = gzip.decompress(whole).splitlines(keepends=True)
        shard.write_bytes(gzip.compress(b"".join(lines[:-2])))
        assert "has 4 rows of 6" in merge().stderr
    else:
        lines = whole.splitlines(keepends=True)
        shard.write_bytes(b"".join(lines[:-2]))
        assert "has 4 rows of 6" in merge().stderr
        shard.write_bytes(whole[:-3] + b"7" + whole[-2:])
        assert "has other rows than were written" in merge().stderr
    shard.write_bytes(whole[: len(whole) // 2])
    assert merge().exit_code == 2
    shard.write_bytes(whole)
    assert merge().exit_code == 0


@pytest.mark.parametrize(
    "damage", [b"[", b'{"shard": 5}', b"\xff", b'{"shard": "1/1"}', b"[" * 9999]
)
def test_damaged_metadata_are_one_line(files, tmp_path, damage):
    score(files, tmp_path, snvs(4), "x.tsv")
    lines = (tmp_path / "x.tsv").read_bytes().splitlines(keepends=True)
    (tmp_path / "x.tsv").write_bytes(b"##basenji_score=" + damage + b"\n" + b"".join(lines[1:]))
    words = ["merge-scores", str(tmp_path / "x.tsv"), "--out", str(tmp_path / "y.tsv")]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 2
    assert "x.tsv: its metadata " in run.stderr


@pytest.mark.parametrize(("lost", "named"), [(["genes"], "genes"), (["shard", "genes"], "shard")])
def test_metadata_that_lack_something_are_refused(files, tmp_path, lost, named):
    score(files, tmp_path, snvs(4), "x.tsv")
    first, *lines = (tmp_path / "x.tsv").read_text().splitlines(keepends=True)
    content = json.loads(first.partition("=")[2])
    for name in lost:
        del content[name]
    text = f"##basenji_score={json.dumps(content)}\n" + "".join(lines)
    (tmp_path / "x.tsv").write_text(text)
    words = ["merge-scores", str(tmp_path / "x.tsv"), "--out", str(tmp_path / "y.tsv")]
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 2
    assert f"x.tsv: its metadata have no {named}: score it again" in run.stderr


def test_contigs_that_are_read_under_another_name_are_said(files, tmp_path):
    one = [line(pos, chrom="I") for pos in (5000, 5001)]
    said = score(files, tmp_path, [line(5000), *one], "one.tsv")
    assert "the contig I of " in said
    assert "is read as chrI of the genome\n" in said
    two = score(files, tmp_path, [*one, line(100, chrom="2")], "two.tsv")
    assert "is read as chrI of the genome (and 1 more contigs likewise)" in two
    assert "is read as" not in score(files, tmp_path, snvs(2), "none.tsv")


def read(path):
    """Read all of a file but the commands that made it, which tell a shard from a whole run."""
    if path.suffix == ".parquet":
        table = pyarrow.parquet.read_table(path)
        metadata = json.loads(table.schema.metadata[b"basenji_score"])
        with pyarrow.parquet.ParquetFile(path) as file:
            groups = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        rows = [table.replace_schema_metadata(None).to_pydict(), groups]
    else:
        lines = pysam.BGZFile(str(path)).read(10_000_000).decode().splitlines()
        key = "##basenji_score="
        metadata = json.loads(next(x for x in lines if x.startswith(key)).removeprefix(key))
        rows = [x for x in lines if not x.startswith(key)]
    del metadata["commands"]
    return repr(rows), metadata


# ---- interruptions ----


def command(files, folder, **options):
    words = arguments(files, folder, str(folder / "in.vcf"), **options)
    # A name without folder, so that the recorded command is the same in every folder.
    words[words.index("--out") + 1] = "x.parquet"
    words[words.index("--vcf") + 1] = "in.vcf"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return {
        "args": [sys.executable, "-m", "basenji_kipoi", *words],
        "cwd": folder,
        "env": environment,
        "stderr": subprocess.PIPE,
        "text": True,
    }


def folder_with(tmp_path, name, rows):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "in.vcf").write_text(HEADER + "".join(f"{row}\n" for row in rows))
    return folder


@pytest.mark.slow
def test_killed_and_resumed_it_makes_the_same_file(files, tmp_path):
    rows = [*snvs(100, step=13), line(9000, alt="<DEL>"), *snvs(100, 12_000, 13)]
    options = {"part_size": 10, "genes": files["gtf"]}
    whole = folder_with(tmp_path, "whole", rows)
    subprocess.run(**command(files, whole, **options), check=True, timeout=300)
    killed = folder_with(tmp_path, "killed", rows)
    first = True
    for wanted in (1, 8, 15):
        more = {} if first else {"resume": True}
        with subprocess.Popen(**command(files, killed, **options, **more)) as process:
            wait_for(lambda n=wanted: parts(killed) >= n, process)
            process.send_signal(signal.SIGKILL)
        first = False
        assert not (killed / "x.parquet").exists()
    done = parts(killed)
    assert done < 21
    # What an interruption left is neither overwritten nor mixed with other settings.
    run = subprocess.run(**command(files, killed, **options), check=False, timeout=300)
    assert run.returncode == 2
    assert "holds the work of an interrupted run: pass --resume" in run.stderr
    other = {**options, "scores": "D1", "resume": True}
    run = subprocess.run(**command(files, killed, **other), check=False, timeout=300)
    assert run.returncode == 2
    assert 'was begun with another scores (["SAD"], now ["D1"])' in run.stderr
    assert parts(killed) == done
    final = command(files, killed, **options, resume=True)
    subprocess.run(**final, check=True, timeout=300)
    for name in ("x.parquet", "x.genes.parquet"):
        assert (killed / name).read_bytes() == (whole / name).read_bytes()
    names = ["in.vcf", "x.genes.parquet", "x.parquet"]
    assert sorted(path.name for path in killed.iterdir()) == names


def parts(folder):
    return len(list((folder / "x.parquet.unfinished" / "pieces").glob("part-*")))


def wait_for(condition, process, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.slow
def test_a_full_disk(files, tmp_path):
    folder = folder_with(tmp_path, "full", snvs(60))

    def limit():
        # Files cannot grow beyond this, as on a disk without space; a part has more.
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    run = subprocess.run(
        **command(files, folder, part_size=40), preexec_fn=limit, check=False, timeout=300
    )
    assert run.returncode == 2
    message = "x.parquet cannot be written: file too large: make space"
    assert run.stderr == f"error: {message}\n"
    # The first part could not be saved, so nothing is left that could be resumed.
    assert [path.name for path in folder.iterdir()] == ["in.vcf"]
    subprocess.run(**command(files, folder, part_size=40, resume=True), check=True, timeout=300)
    assert len(pd.read_parquet(folder / "x.parquet")) == 60
