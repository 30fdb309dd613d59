"""The command `basenji-train data`: what it says, and what is left when it is stopped."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pybigtools
import pytest
from store_inputs import left_over, write_bigwig

from basenji_training.store.store import Store


def command(inputs, *options):
    return [
        sys.executable, "-m", "basenji_training", "data", str(inputs.table),
        "--fasta", str(inputs.fasta), "--out", str(inputs.folder / "s.zarr"), *options,
    ]  # fmt: skip


SPLITS = ("--test", "chr3", "--validation", "chr2", "--exclude", "chrM")


def test_command_writes_a_store_and_sums_it_up(inputs):
    done = subprocess.run(command(inputs, *SPLITS), capture_output=True, text=True, check=True)
    assert "missing" in done.stdout
    made_by = Store.open(inputs.folder / "s.zarr").attrs["command"]
    assert made_by.startswith("basenji-train data ")
    assert made_by.endswith("--test chr3 --validation chr2 --exclude chrM")


def test_command_says_in_one_line_what_is_wrong(inputs):
    values = {name: -track for name, track in inputs.values["a"].items()}
    write_bigwig(inputs.folder / "a.bw", values)
    done = subprocess.run(command(inputs, *SPLITS), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: track a: negative coverage")
    assert "Traceback" not in done.stderr
    assert left_over(inputs) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_command_stopped_half_way_leaves_nothing(inputs, number):
    length = 2_000_000
    inputs.fasta.write_text(f">chr1\n{'ACGT' * (length // 4)}\n>chr2\nACGT\n>chr3\nACGT\n")
    lengths = {"chr1": length, "chr2": 4, "chr3": 4}
    records = [("chr1", start, start + 32, 1.0) for start in range(0, length, 64)]
    pybigtools.open(str(inputs.folder / "a.bw"), "w").write(lengths, records)
    shutil.copy(inputs.folder / "a.bw", inputs.folder / "b.bw")
    with subprocess.Popen(
        command(inputs, "--test", "chr3", "--validation", "chr2", "--bin", "1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # A job in a script's background ignores SIGINT, and so would what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        # As soon as something has been written under the temporary name.
        deadline = time.monotonic() + 60
        while not list(inputs.folder.glob("s.zarr.unfinished/outputs/s.zarr/chr1")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(number)
        errors = process.communicate(timeout=60)[1]
    assert process.returncode != 0
    assert left_over(inputs) == [], errors


def test_a_killed_command_goes_on_where_it_stopped(inputs):
    length = 3_000_000
    inputs.fasta.write_text(f">chr1\n{'ACGT' * (length // 4)}\n>chr2\nACGT\n>chr3\nACGT\n")
    lengths = {"chr1": length, "chr2": 4, "chr3": 4}
    records = [("chr1", start, start + 32, 1.0) for start in range(0, length, 64)]
    pybigtools.open(str(inputs.folder / "a.bw"), "w").write(lengths, records)
    shutil.copy(inputs.folder / "a.bw", inputs.folder / "b.bw")
    options = ("--test", "chr3", "--validation", "chr2", "--bin", "1", "--resume")
    left = inputs.folder / "s.zarr.unfinished"
    with subprocess.Popen(command(inputs, *options)) as process:
        deadline = time.monotonic() + 600
        # It exists before its first line is in it.
        lines = left / "notes.jsonl"
        while not (lines.exists() and lines.read_text().endswith("]\n")):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
    first = next(path for path in (left / "outputs/s.zarr/chr1/coverage").rglob("c/0/0"))
    before = first.stat().st_mtime_ns
    # A line that was cut in the middle.
    with (left / "notes.jsonl").open("a") as lines:
        lines.write('[["chr1", 10')
    other = subprocess.run(
        command(inputs, *options, "--name", "x"), capture_output=True, text=True, check=False
    )
    assert 'was begun with another name ("s", now "x")' in other.stderr
    subprocess.run(command(inputs, *options), capture_output=True, check=True)
    assert left_over(inputs) == ["s.zarr"]
    kept = inputs.folder / "s.zarr" / "chr1" / "coverage" / "c" / "0" / "0"
    assert kept.stat().st_mtime_ns == before
    resumed = Store.open(inputs.folder / "s.zarr")
    expected = np.tile(np.repeat([1, 0], 32), length // 64 + 1)[:length]
    np.testing.assert_array_equal(resumed.coverage("chr1", 0, length)[:, 1], expected)
    # pybigtools lists no contig without a record: chr2 and chr3 are missing.
    assert resumed.attrs["statistics"][0]["bins"] == length
    assert resumed.attrs["statistics"][0]["mean"] == pytest.approx(expected.mean())
