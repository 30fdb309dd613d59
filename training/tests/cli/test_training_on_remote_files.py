"""Commands of training on files of a server."""

from __future__ import annotations

import sys
from pathlib import Path

from typer.testing import CliRunner

from basenji_training.cli.app import app

sys.path.append(str(Path(__file__).resolve().parents[3] / "tests"))

from file_server import serving


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_a_genome_may_lie_elsewhere_and_an_output_may_not(tmp_path, monkeypatch):
    monkeypatch.setenv("BASENJI_CACHE", str(tmp_path / "cache"))
    letters = "ACGTTGCAAC" * 20
    (tmp_path / "genome.fa").write_text(f">chrI\n{letters}\n")
    with serving({"/genome.fa": (tmp_path / "genome.fa").read_bytes()}) as server:
        address = f"{server.address}/genome.fa"
        refused = run("unmappable", address, "--out", f"{server.address}/x.bed")
        assert refused.exit_code == 2
        assert "--out http://127.0.0.1" in refused.stderr
        assert server.asked == []
        for genome, name in ((address, "there"), (tmp_path / "genome.fa", "here")):
            done = run("unmappable", genome, "--out", tmp_path / f"{name}.bed")
            assert done.exit_code == 0, done.stderr
    assert (tmp_path / "there.bed").read_bytes() == (tmp_path / "here.bed").read_bytes()
