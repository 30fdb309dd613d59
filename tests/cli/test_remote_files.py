"""Commands and the Python API on files of a server, beside the same files here."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from file_server import serving
from score_command import HEADER, arguments, files, score, snvs
from typer.testing import CliRunner

import basenji_kipoi as bk
from basenji_kipoi.cli.app import app
from basenji_kipoi.scoring.metadata import read_metadata

__all__ = ["files"]

BED = "chrI\t6000\t7000\nchrII\t20\t70\n"


@pytest.fixture
def server(files, tmp_path, monkeypatch):
    """Serve a genome, its genes, variants, intervals and a model; copies are the test's own."""
    monkeypatch.setenv("BASENJI_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("basenji_kipoi.base.remote.copies._WAIT", 0.0)
    content = {
        "/genome.fa": files["fasta"].read_bytes(),
        "/genes.gtf": files["gtf"].read_bytes(),
        "/x.vcf": (HEADER + "".join(f"{row}\n" for row in snvs(8))).encode(),
        "/x.bed": BED.encode(),
    }
    for path in Path(files["model"]).iterdir():
        content[f"/models/small/{path.name}"] = path.read_bytes()
    with serving(content) as server:
        yield server


def remote(server, **names):
    return {name: f"{server.address}/{path}" for name, path in names.items()}


def test_scores_of_remote_files_are_those_of_local_ones(files, server, tmp_path):
    here = score(files, tmp_path, snvs(8), genes=files["gtf"])
    there = remote(server, model="models/small", fasta="genome.fa", gtf="genes.gtf")
    words = arguments(
        there, tmp_path, f"{server.address}/x.vcf", "remote.parquet", genes=there["gtf"]
    )
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 0, run.stderr
    assert pd.read_parquet(tmp_path / "remote.parquet").equals(here)
    genes = [pd.read_parquet(tmp_path / f"{name}.genes.parquet") for name in ("x", "remote")]
    assert genes[0].equals(genes[1])
    # The second run asks whether they are current, and fetches nothing.
    sent = server.sent
    words[words.index("--out") + 1] = str(tmp_path / "again.parquet")
    assert CliRunner().invoke(app, words).exit_code == 0
    assert server.sent - sent < 10  # a byte each time


def test_python_reads_addresses(files, server):
    model = bk.load(f"{server.address}/models/small/")
    genome = bk.Genome(f"{server.address}/genome.fa")
    there = bk.predict(model, genome, f"{server.address}/x.bed", progress=False)
    (files["fasta"].parent / "x.bed").write_text(BED)
    here = bk.predict(
        bk.load(files["model"]),
        bk.Genome(files["fasta"]),
        files["fasta"].parent / "x.bed",
        progress=False,
    )
    assert there.to_dataframe().equals(here.to_dataframe())
    genes = bk.read_genes(f"{server.address}/genes.gtf", genome)
    assert len(genes) == len(bk.read_genes(files["gtf"], genome))


def test_a_model_of_which_a_file_was_exchanged_is_refused(files, server):
    server.files["/models/small/targets.tsv"] += b"\n"
    with pytest.raises(bk.InputError, match=r"targets.tsv has the sha256 \w{64}, not"):
        bk.load(f"{server.address}/models/small")


def test_a_model_that_is_exchanged_is_not_mixed_with_the_old_one(files, server):
    address = f"{server.address}/models/small"
    server.files["/models/small/background.parquet"] = b"scores of random variants"
    first = bk.load(address).bundles[0].path
    assert (first / "background.parquet").read_bytes() == b"scores of random variants"
    # The new one has other metadata, and nothing that is optional.
    metadata = json.loads(server.files["/models/small/metadata.json"])
    card = server.files["/models/small/MODEL_CARD.md"] = b"# Another"
    metadata["sha256"]["MODEL_CARD.md"] = hashlib.sha256(card).hexdigest()
    del server.files["/models/small/background.parquet"]
    server.files["/models/small/metadata.json"] = json.dumps(metadata).encode()
    server.tag = '"second"'
    second = bk.load(address).bundles[0].path
    assert (second / "MODEL_CARD.md").read_bytes() == card
    assert not (second / "background.parquet").exists()
    # Who reads the old one reads on.
    assert bk.load(first).name == bk.load(second).name
    assert (first / "background.parquet").exists()


def test_a_model_of_which_a_file_is_missing_is_one_line(files, server):
    del server.files["/models/small/targets.txt"]
    with pytest.raises(bk.InputError, match=r"targets.txt cannot be read: 404 Not Found"):
        bk.load(f"{server.address}/models/small")
    # It is not taken for whole afterwards.
    server.files["/models/small/targets.txt"] = (Path(files["model"]) / "targets.txt").read_bytes()
    assert bk.load(f"{server.address}/models/small").bundles[0].path.is_dir()


def test_a_model_is_asked_for_once_a_command(files, server, tmp_path):
    there = files | remote(server, model="models/small")
    for name in ("a", "b"):
        server.asked.clear()
        assert (
            CliRunner().invoke(app, arguments(there, tmp_path, snvs(2), f"{name}.tsv")).exit_code
            == 0
        )
    assert server.asked == [("/models/small/metadata.json", "bytes=0-0")]


def test_signatures_are_not_kept_with_what_a_command_makes(files, server, tmp_path, monkeypatch):
    there = files | {"fasta": f"{server.address}/genome.fa?v=1&X-Amz-Signature=secret"}
    words = arguments(there, tmp_path, snvs(2), "x.parquet")
    monkeypatch.setattr("sys.argv", ["basenji", *words])
    assert CliRunner().invoke(app, words).exit_code == 0
    command = read_metadata(tmp_path / "x.parquet")["commands"][0]
    assert "genome.fa?v=1&X-Amz-Signature=…" in command
    assert b"secret" not in (tmp_path / "x.parquet").read_bytes()


def test_an_output_elsewhere_is_refused_before_anything_is_fetched(files, server, tmp_path):
    words = arguments(files | remote(server, fasta="genome.fa"), tmp_path, snvs(2))
    words[words.index("--out") + 1] = f"{server.address}/x.parquet"
    assert CliRunner().invoke(app, words).exit_code == 2
    assert server.asked == []


def test_observed_tracks_are_fetched(files, server, tmp_path):
    words = ["plot", "tracks", "--model", files["model"], "--fasta", files["fasta"]]
    words += ["--region", "chrI:6001-7000", "--out", tmp_path / "x.png", "--observed"]
    track = bk.load(files["model"]).targets[0].identifier
    for address, message in [
        (f"{server.address}/nothing.bw", "nothing.bw cannot be read: 404 Not Found"),
        ("ftp://host/x.bw", "ftp addresses are not read"),
    ]:
        run = CliRunner().invoke(app, [*map(str, words), f"{track}={address}"])
        assert run.exit_code == 2
        assert message in run.stderr


def test_an_interrupted_transfer_says_how_to_go_on(server, tmp_path):
    server.stops, server.stalls = [20], True
    command = Path(sys.executable).with_name("basenji")
    words = [command, "index-vcf", f"{server.address}/x.vcf", "--out", tmp_path / "x.vcf.gz"]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        while not (parts := list(tmp_path.rglob("*.part"))) or not parts[0].stat().st_size:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        message = process.communicate(timeout=10)[1]
    assert process.returncode == 130
    assert message == "interrupted; the same command goes on with what is fetched\n"
    assert parts[0].stat().st_size == 20
    assert subprocess.run(words, check=False).returncode == 0


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..", "a/b"])
def test_a_model_writes_beside_its_metadata_alone(server, name):
    server.files["/models/small/metadata.json"] = b'{"sha256": {"%s": "00"}}' % name.encode()
    with pytest.raises(bk.InputError, match="expected names of files beside the metadata"):
        bk.load(f"{server.address}/models/small")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fasta": "nothing.fa"}, "nothing.fa cannot be read: 404 Not Found"),
        ({"vcf": "nothing.vcf"}, "nothing.vcf cannot be read: 404 Not Found"),
        ({"model": "models"}, "models/metadata.json cannot be read: 404 Not Found"),
        ({"model": "models/small?x=1"}, "expected the address of a folder"),
        ({"out": "o.parquet"}, "--out http://127.0.0.1:{port}/o.parquet: expected a file of this"),
        ({"plan": "x.plan.json"}, "expected a file of this machine"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(files, server, tmp_path, changes, message):
    words = arguments(files, tmp_path, snvs(2))
    for name, path in changes.items():
        if f"--{name}" not in words:
            words += [f"--{name}", ""]
        words[words.index(f"--{name}") + 1] = f"{server.address}/{path}"
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 2
    assert run.stderr.startswith("error: ")
    assert run.stderr.count("\n") == 1
    assert message.format(port=server.server_port) in run.stderr
    assert not (tmp_path / "x.parquet").exists()


@pytest.mark.parametrize("option", ["fasta", "vcf", "model", "genes"])
def test_an_address_of_another_kind_is_no_missing_file(files, tmp_path, option):
    words = arguments(files, tmp_path, snvs(2), genes=files["gtf"])
    words[words.index(f"--{option}") + 1] = "ftp://host/x"
    run = CliRunner().invoke(app, words)
    assert run.exit_code == 2
    assert "ftp addresses are not read: http, https, s3 and gs are" in run.stderr
