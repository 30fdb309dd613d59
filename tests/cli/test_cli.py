"""The command as a person runs it: values, messages, and what is left when it fails."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from example_inputs import REPOSITORY
from interval_command import arguments_of
from typer.testing import CliRunner

from basenji_kipoi.base.array_files import save_piece
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.cli.app import app
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.prediction.tiles import predict_intervals

BED = "chrI\t3\t9003\tlong\nchrII\t20\t70\tshort\n"


def basenji(*arguments, folder=None, **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "basenji_kipoi", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        timeout=300,
        check=False,
        **options,
    )


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, small_bundle):
    """A folder with a genome and intervals, and the arguments that name them and the model."""
    folder = tmp_path_factory.mktemp("inputs")
    letters = np.random.default_rng(3).choice(list("ACGT"), 400_000)
    (folder / "genome.fa").write_text(
        ">chrI\n" + "".join(letters) + "\n>chrII\n" + "".join(letters[:3000]) + "\n"
    )
    Genome(folder / "genome.fa").close()  # makes its index
    (folder / "x.bed").write_text(BED)
    return {
        "--model": small_bundle.path,
        "--fasta": folder / "genome.fa",
        "--bed": folder / "x.bed",
    }


@pytest.fixture(scope="module")
def expected(inputs, small_bundle):
    """Predictions of the two intervals through the Python interface."""
    intervals = [Interval("chrI", 3, 9003), Interval("chrII", 20, 70)]
    with Genome(inputs["--fasta"]) as genome:
        stream = predict_intervals(
            small_bundle.network(), small_bundle.architecture, genome, intervals
        )
        return np.concatenate([predicted.values for predicted in stream])


def test_help_imports_no_network():
    result = basenji("--help")
    assert result.returncode == 0
    assert "predict" in result.stdout
    assert "inspect" in result.stdout
    heavy = "{'keras', 'tensorflow', 'h5py', 'pyarrow', 'pyfaidx', 'pysam', 'zarr'}"
    code = f"import sys, basenji_kipoi.cli.app; assert not {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True)
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", basenji("--version").stdout)


def test_predict_hdf5(tmp_path, inputs, expected, small_bundle):
    out = tmp_path / "x.h5"
    result = basenji(*arguments_of(inputs, out=out, **{"batch-size": 3}))
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    # TensorFlow's own notices do not show: what is left is ours.
    assert re.fullmatch(
        rf"wrote {re.escape(str(out))}: 284 bins of 32 bp, 3 tracks, 2 intervals, in \d+\.\d s\n",
        result.stderr,
    )
    with h5py.File(out) as file:
        np.testing.assert_allclose(file["predictions"][:], expected, rtol=1e-5, atol=1e-6)
        assert file["intervals/offset"][:].tolist() == [0, 282, 284]
        assert file["intervals/name"].asstr()[:].tolist() == ["long", "short"]
        assert file.attrs["model_sha256"] == small_bundle.metadata.sha256["model.weights.h5"]
        assert file.attrs["command"].startswith("basenji predict --model ")
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]


def test_predict_zarr_and_selected_tracks(tmp_path, inputs, expected):
    zarr = pytest.importorskip("zarr", "3")
    out = tmp_path / "x.zarr"
    result = CliRunner().invoke(app, arguments_of(inputs, out=out, tracks="start_minus,0"))
    assert result.exit_code == 0, result.stderr
    group = zarr.open_group(str(out), mode="r")
    np.testing.assert_allclose(group["predictions"][:], expected[:, [2, 0]], rtol=1e-5, atol=1e-6)
    assert group["tracks/identifier"][:].tolist() == ["start_minus", "access"]


def test_predict_both_strands(tmp_path, inputs, expected, small_bundle):
    out = tmp_path / "both.h5"
    result = CliRunner().invoke(app, [*arguments_of(inputs, out=out), "--both-strands"])
    assert result.exit_code == 0, result.stderr
    with h5py.File(out) as file:
        assert file.attrs["both_strands"]
        values = file["predictions"][:]
    with Genome(inputs["--fasta"]) as genome:
        (short,) = predict_intervals(
            small_bundle.network(both_strands=True),
            small_bundle.architecture,
            genome,
            [Interval("chrII", 20, 70)],
        )
    np.testing.assert_allclose(values[-2:], short.values, rtol=1e-5, atol=1e-6)
    assert np.abs(values - expected).max() > 1e-3


def test_predict_bigwig(tmp_path, inputs, expected):
    pybigtools = pytest.importorskip("pybigtools")
    out = tmp_path / "tracks"
    result = CliRunner().invoke(app, arguments_of(inputs, out=out))
    assert result.exit_code == 0, result.stderr
    with pybigtools.open(str(out / "start_plus.bw")) as file:
        records = list(file.records("chrI"))
        assert records[0][:2] == (3, 35)
        assert records[-1][:2] == (3 + 281 * 32, 9003)  # cut where the interval ends
        np.testing.assert_allclose(
            [value for _, _, value in records], expected[:282, 1], rtol=1e-5, atol=1e-6
        )


def test_bfloat16_is_close(tmp_path, inputs, expected):
    out = tmp_path / "x.h5"
    result = CliRunner().invoke(app, arguments_of(inputs, out=out, dtype="bfloat16"))
    assert result.exit_code == 0, result.stderr
    with h5py.File(out) as file:
        found = file["predictions"][:]
    assert found.dtype == np.float32
    assert 0 < np.abs(found - expected).max() < 0.05 * expected.max()


@pytest.mark.parametrize("name", ["x.h5", "x.zarr", "tracks"])
def test_an_empty_bed_gives_an_empty_output(tmp_path, inputs, name):
    (tmp_path / "empty.bed").write_text("# nothing\n")
    arguments = arguments_of(inputs, bed=tmp_path / "empty.bed", out=tmp_path / name)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    assert "0 bins of 32 bp" in result.stderr
    assert (tmp_path / name).exists()


def broken(tmp_path, inputs, kind) -> dict[str, Path | str]:
    """The options that one kind of bad input changes."""
    fasta, bed = tmp_path / "genome.fa", tmp_path / "x.bed"
    if kind == "stale index":
        fasta.write_text(">chrI\nACGT\n")
        Genome(fasta).close()
        os.utime(f"{fasta}.fai", (0, 0))
        return {"fasta": fasta}
    if kind == "truncated FASTA":
        fasta.write_bytes(inputs["--fasta"].read_bytes()[:200_000])
        Path(f"{fasta}.fai").write_bytes(Path(f"{inputs['--fasta']}.fai").read_bytes())
        return {"fasta": fasta}
    if kind == "changed weights":
        bundle = tmp_path / "bundle"
        bundle.mkdir()
        for file in inputs["--model"].iterdir():
            (bundle / file.name).write_bytes(file.read_bytes())
        with (bundle / "model.weights.h5").open("ab") as file:
            file.write(b"x")
        return {"model": bundle}
    lines = {
        "empty interval": "chrI\t10\t10\n",
        "beyond the chromosome": "chrI\t0\t400001\n",
        "unknown contig": "chrl\t0\t100\n",
        "two columns": "chrI\t0\n",
        "overlap": "chrI\t0\t100\nchrI\t50\t150\n",
    }
    if kind in lines:
        bed.write_text(lines[kind])
        return {"bed": bed, **({"out": tmp_path / "out"} if kind == "overlap" else {})}
    return {
        "missing FASTA": {"fasta": tmp_path / "none.fa"},
        "missing BED": {"bed": tmp_path / "none.bed"},
        "missing model": {"model": tmp_path / "none"},
        "missing folder": {"out": tmp_path / "none" / "x.h5"},
        "unknown format": {"out": tmp_path / "x.tsv"},
        "unknown track": {"tracks": "access,dnase"},
        "track given twice": {"tracks": "access,0"},
    }[kind]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("missing FASTA", "the FASTA file .*none.fa does not exist"),
        ("truncated FASTA", "genome.fa: chrI is not where it says: .* or get the file again"),
        ("stale index", "genome.fa.fai is older than .*genome.fa: delete it"),
        ("missing BED", "the BED file .*none.bed does not exist"),
        ("empty interval", "x.bed:1: chrI:10-10 is empty"),
        ("beyond the chromosome", "x.bed:1: chrI:0-400001 reaches beyond the end of chrI"),
        ("unknown contig", "x.bed:1: the genome has no contig .chrl."),
        ("two columns", "x.bed:1: expected at least three columns"),
        ("overlap", "chrI:0-100 and chrI:50-150 overlap"),
        ("missing model", "no model at .*none"),
        ("changed weights", "model.weights.h5 is not the file"),
        ("missing folder", "the folder of the output .* does not exist"),
        ("unknown format", "x.tsv names no known format"),
        ("unknown track", "no track 'dnase': expected an identifier, a pattern .* from 0 to 2"),
        ("track given twice", "access,0 names a track twice"),
    ],
)
def test_bad_input_gets_one_line(tmp_path, inputs, kind, message):
    changes = {"out": tmp_path / "x.h5", **broken(tmp_path, inputs, kind)}
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(app, arguments_of(inputs, **changes))
    assert result.exit_code == 2
    assert result.stdout == ""
    assert re.fullmatch(rf"error: [^\n]*{message}[^\n]*\n", result.stderr), result.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_the_process_ends_with_the_same_line_and_status(tmp_path, inputs):
    result = basenji(*arguments_of(inputs, fasta="none.fa", out=tmp_path / "x.h5"))
    assert result.returncode == 2
    assert result.stderr == "error: the FASTA file none.fa does not exist\n"


def test_an_existing_output_is_kept_or_replaced_whole(tmp_path, inputs):
    out = tmp_path / "x.h5"
    out.write_text("mine")
    result = CliRunner().invoke(app, arguments_of(inputs, out=out))
    assert result.exit_code == 2
    assert "x.h5 exists already: name another output or pass --overwrite" in result.stderr
    assert out.read_text() == "mine"
    result = CliRunner().invoke(app, [*arguments_of(inputs, out=out), "--overwrite", "--quiet"])
    assert result.exit_code == 0
    assert result.stderr == ""
    assert h5py.is_hdf5(out)


def full(*_arguments):
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, inputs, monkeypatch):
    monkeypatch.setattr("basenji_kipoi.prediction.pieces.save_piece", full)
    out = tmp_path / "x.h5"
    result = CliRunner().invoke(app, arguments_of(inputs, out=out))
    assert result.exit_code == 2
    reason = "cannot be written: no space left on device: make space"
    assert result.stderr == f"error: {out} {reason}\n"
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_at_last_keeps_what_is_predicted(tmp_path, inputs, monkeypatch):
    out = tmp_path / "x.h5"
    with monkeypatch.context() as patch:
        patch.setattr("basenji_kipoi.prediction.writers.Hdf5Writer._write", full)
        result = CliRunner().invoke(app, arguments_of(inputs, out=out))
    assert result.exit_code == 2
    reason = "cannot be written: no space left on device: make space and go on with --resume"
    assert result.stderr == f"error: {out} {reason}\n"
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5.unfinished"]
    monkeypatch.setattr("basenji_kipoi.prediction.pieces.predict_intervals", None)
    result = CliRunner().invoke(app, [*arguments_of(inputs, out=out), "--resume"])
    assert result.exit_code == 0, result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["x.h5"]


@pytest.mark.parametrize("name", ["x.h5", "tracks"])
@pytest.mark.parametrize("batch", [1, 3])
def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path, inputs, monkeypatch, name, batch):
    monkeypatch.setattr("basenji_kipoi.prediction.pieces._PIECE_BASES", 2048)
    (tmp_path / "in.bed").write_text("chrI\t5000\t19000\nchrI\t100\t900\nchrII\t0\t2900\n")
    changes = {"bed": tmp_path / "in.bed", "batch_size": batch}
    changes = {key.replace("_", "-"): value for key, value in changes.items()}
    whole, out = tmp_path / f"whole-{name}", tmp_path / name
    assert CliRunner().invoke(app, arguments_of(inputs, **changes, out=whole)).exit_code == 0
    saved = []

    def save(path, arrays):
        if len(saved) == 2:
            raise KeyboardInterrupt
        saved.append(path.name)
        save_piece(path, arrays)

    with monkeypatch.context() as patch:
        patch.setattr("basenji_kipoi.prediction.pieces.save_piece", save)
        assert CliRunner().invoke(app, arguments_of(inputs, **changes, out=out)).exit_code != 0
    pieces = tmp_path / f"{name}.unfinished" / "pieces"
    assert [path.name for path in sorted(pieces.iterdir())] == saved
    result = CliRunner().invoke(app, arguments_of(inputs, **changes, out=out))
    assert "holds the work of an interrupted run: pass --resume to go on" in result.stderr
    resumed = [*arguments_of(inputs, **changes, out=out), "--resume"]
    other = CliRunner().invoke(app, [*resumed, "--one-strand", "--tracks", "0"])
    assert "was begun with another tracks" in other.stderr
    content = (pieces / saved[0]).read_bytes()
    (pieces / saved[0]).write_bytes(content[:-30] + content[-29:])
    damaged = CliRunner().invoke(app, resumed)
    assert re.search(rf"^error: .*{saved[0]} is damaged .*: remove it .*$", damaged.stderr, re.M)
    (pieces / saved[0]).unlink()  # one is missing in the middle of the others
    result = CliRunner().invoke(app, resumed)
    assert result.exit_code == 0, result.stderr
    assert not pieces.exists()
    if name == "x.h5":
        with h5py.File(out) as found, h5py.File(whole) as expected:
            np.testing.assert_array_equal(found["predictions"][:], expected["predictions"][:])
    else:
        for path in whole.glob("*.bw"):
            assert (out / path.name).read_bytes() == path.read_bytes()
        assert len(list(out.glob("*.bw"))) == 3


def test_two_equal_commands_do_not_meet(tmp_path, inputs):
    out = tmp_path / "x.h5"
    options = {"command": "", "resume": False, "overwrite": False}
    with UnfinishedRun([out], "basenji predict", {}, **options):
        result = CliRunner().invoke(app, arguments_of(inputs, out=out))
    assert result.exit_code == 2
    assert result.stderr == f"error: another run is writing {out}: wait until it ends\n"


@pytest.mark.parametrize(
    "how",
    [
        signal.SIGTERM,
        pytest.param(signal.SIGINT, marks=pytest.mark.slow),
        pytest.param(signal.SIGKILL, marks=pytest.mark.slow),
    ],
)
def test_a_killed_run_leaves_no_output(tmp_path, inputs, how):
    (tmp_path / "long.bed").write_text("chrI\t0\t400000\n" * 100)
    out = tmp_path / "out"
    out.mkdir()
    arguments = arguments_of(inputs, bed=tmp_path / "long.bed", out=out / "x.h5")
    process = subprocess.Popen(
        [sys.executable, "-m", "basenji_kipoi", *arguments],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stderr=subprocess.PIPE,
        text=True,
        # A job in a script's background ignores SIGINT, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + 600
        while not list((out / "x.h5.unfinished" / "pieces").glob("windows-*.npz")):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(how)
        message = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode != 0
    assert not (out / "x.h5").exists()
    assert "Traceback" not in message
    assert [path.name for path in out.iterdir()] == ["x.h5.unfinished"]


def test_inspect_verifies_the_checksums(tmp_path, inputs):
    changed = broken(tmp_path, inputs, "changed weights")["model"]
    result = CliRunner().invoke(app, ["inspect", "--model", str(changed)])
    assert result.exit_code == 2
    assert "model.weights.h5 is not the file that metadata.json describes" in result.stderr


def test_a_reader_that_has_seen_enough_is_no_error():
    command = f"{sys.executable} -m basenji_kipoi inspect --json --model model_files | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("{\n", "")
