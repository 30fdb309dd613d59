"""Shards of predictions and mutations: joined, they are the output of one run."""

from __future__ import annotations

import json
import shutil

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from score_command import files
from typer.testing import CliRunner

from basenji_kipoi.base.sharing.shards import shard_of
from basenji_kipoi.cli.app import app

__all__ = ["files"]

VALUES = {"predict": "predictions", "mutate": "scores/SAD"}


@given(parts=st.integers(0, 50), shards=st.integers(1, 60))
def test_shards_have_each_part_once(parts, shards):
    found = [shard_of([1] * parts, (number, shards)) for number in range(1, shards + 1)]
    assert [part for shard in found for part in shard] == list(range(parts))
    assert max(map(len, found)) - min(map(len, found)) <= 1


@pytest.fixture
def run(files, tmp_path, monkeypatch):
    """Run a command on three intervals, of which each piece has a few windows."""
    monkeypatch.setattr("basenji_kipoi.prediction.pieces._PIECE_BASES", 4096)
    (tmp_path / "in.bed").write_text("chrI\t4000\t14000\r\nchrI\t20000\t20100\nchrII\t0\t2900\n")

    def call(command, *more, out="x.h5", status=0):
        words = [command, "--model", files["model"], "--fasta", files["fasta"]]
        words += ["--bed", tmp_path / "in.bed", "--out", tmp_path / out]
        if command == "predict":
            words += ["--batch-size", 2]
        ended = CliRunner().invoke(app, [str(word) for word in (*words, *more)])
        assert ended.exit_code == status, ended.stderr
        return ended.stderr

    return call


def read(path, name):
    with h5py.File(path) as content:
        return content[name][:]


@pytest.mark.parametrize("command", VALUES)
def test_joined_shards_are_what_one_run_writes(command, run, tmp_path):
    run(command, out="one.h5")
    for number in (3, 1, 2):
        said = run(command, "--shard", f"{number}/3")
        assert f"wrote the shard {number}/3 of" in said
        assert not (tmp_path / "x.h5").exists()
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "x.h5.shards").glob("*/*.npz")}
    assert len(made) > 3
    run(command, "--shard", "2/3", "--resume")  # is complete
    run(command, "--join-shards")
    expected = read(tmp_path / "one.h5", VALUES[command])
    np.testing.assert_array_equal(read(tmp_path / "x.h5", VALUES[command]), expected)
    assert made == {path: path.stat().st_mtime_ns for path in made}
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"in.bed", "in.vcf", "one.h5", "x.h5", "x.h5.shards"} - {"in.vcf"}


@pytest.mark.parametrize("command", VALUES)
def test_each_machine_may_have_a_genome_of_its_own(command, run, files, tmp_path):
    copy = tmp_path / "elsewhere" / "genome.fa"
    copy.parent.mkdir()
    copy.write_bytes(files["fasta"].read_bytes())
    run(command, "--shard", "1/2")
    run(command, "--shard", "2/2", "--fasta", copy)
    run(command, "--join-shards", "--fasta", copy)
    copy.write_text(copy.read_text().replace("A", "C", 1))
    copy.with_name("genome.fa.fai").unlink()
    for more in (["--shard", "2/2", "--resume"], ["--join-shards", "--overwrite"]):
        assert "was made with another fasta" in run(command, *more, "--fasta", copy, status=2)


def test_shards_of_bigwigs(run, tmp_path):
    (tmp_path / "in.bed").write_text("chrII\t0\t2900\nchrI\t4000\t14000\n")
    for number in (1, 2):
        run("predict", "--shard", f"{number}/2", out="tracks")
    run("predict", "--join-shards", out="tracks")
    run("predict", out="alone")
    for path in (tmp_path / "alone").glob("*.bw"):
        assert path.read_bytes() == (tmp_path / "tracks" / path.name).read_bytes()


def test_more_shards_than_pieces(run, tmp_path):
    (tmp_path / "in.bed").write_text("chrI\t4000\t4100\n")
    said = [run("predict", "--shard", f"{number}/2") for number in (1, 2)]
    assert (
        sum("has nothing to do: shards are whole pieces, and there are 1" in each for each in said)
        == 1
    )
    run("predict", "--join-shards")
    assert len(read(tmp_path / "x.h5", "predictions")) == 4


def test_what_cannot_be_joined_is_said(run, tmp_path):
    shards = tmp_path / "x.h5.shards"
    assert "there are no shards in" in run("predict", "--join-shards", status=2)
    run("predict", "--shard", "2/2")
    assert f"{shards} lacks the shard 1-of-2" in run("predict", "--join-shards", status=2)
    run("predict", "--shard", "1/2", "--tracks", "access")
    message = run("predict", "--join-shards", status=2)
    assert "1-of-2 was made with another tracks ([0], now [0, 1, 2])" in message
    assert "1-of-2 was made with another tracks" in run(
        "predict", "--shard", "1/2", "--resume", status=2
    )
    assert "1-of-2 exists already" in run("predict", "--shard", "1/2", status=2)
    run("predict", "--shard", "1/2", "--resume", "--overwrite")
    assert "made with another command" in run("mutate", "--join-shards", status=2)
    lost = next(shards.glob("2-of-2/*.npz"))
    content = lost.read_bytes()
    lost.unlink()
    assert f"2-of-2 lacks {lost.name}" in run("predict", "--join-shards", status=2)
    lost.write_bytes(content)
    shutil.copytree(shards / "2-of-2", shards / "2-of-3")
    assert "holds shards of 2 and of 3" in run("predict", "--join-shards", status=2)
    assert not (tmp_path / "x.h5").exists()


def test_a_damaged_record_is_refused_and_names_its_entry(run, tmp_path):
    shard = tmp_path / "x.h5.shards" / "1-of-1"
    run("predict", "--shard", "1/1")
    record = shard / "shard.json"
    whole = json.loads(record.read_text())
    harm = {
        "{": "the file: Invalid JSON",
        "": "the file: Invalid JSON",
        "\xff": "the file: Invalid JSON",
        "[]": "the file: Input should be an object",
        json.dumps(whole | {"format": "basenji-run"}): "format: Input should be 'basenji-shard'",
        json.dumps(whole | {"format_version": 9}): "format_version: Input should be 1",
        json.dumps(whole | {"settings": []}): "settings: Input should be an object",
        json.dumps(whole | {"kind": 3}): "kind: Input should be a valid string",
        **{
            json.dumps({name: value for name, value in whole.items() if name != lost}): (
                f"{lost}: Field required"
            )
            for lost in whole
        },
    }
    for text, expected in harm.items():
        record.write_text(text, encoding="latin-1")
        said = run("predict", "--join-shards", status=2)
        assert f"{shard} is no shard of this version ({record}: {expected}" in said
        assert said.count("\n") == 1
    assert said == run("predict", "--shard", "1/1", "--resume", status=2)
    record.unlink()
    assert "shard.json is missing" in run("predict", "--join-shards", status=2)
    record.mkdir()
    assert "shard.json is a directory" in run("predict", "--join-shards", status=2)
    run("predict", "--shard", "1/1", "--resume", "--overwrite")
    run("predict", "--join-shards")


def test_options_that_do_not_go_together(run):
    assert "pass one of the two" in run("predict", "--shard", "1/2", "--join-shards", status=2)
    assert "--plots needs all of the output" in run(
        "mutate", "--shard", "1/2", "--plots", "maps", status=2
    )
    assert "--shard: expected i/n" in run("mutate", "--shard", "3/2", status=2)
