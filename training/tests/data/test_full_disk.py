"""On a full disk, commands name what they were writing, leave nothing and go on when asked."""

import os
import subprocess
import sys

import numpy as np
import pybigtools
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_training.data.build import build_store
from basenji_training.data.settings import StoreSettings
from basenji_training.store.store import Store
from basenji_training.store.verification import verify_store

LENGTHS = {"chr1": 900_000, "chr2": 90_000, "chr3": 90_000}


@pytest.fixture
def small(tmp_path):
    """Mount a file system of two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def inputs(tmp_path):
    """Write a genome of random bases and a track of random values: neither becomes small."""
    draw = np.random.default_rng(0)
    with (tmp_path / "g.fa").open("w") as fasta:
        for name, length in LENGTHS.items():
            fasta.write(f">{name}\n{''.join(draw.choice(list('ACGT'), length))}\n")
    runs = (
        (name, start, start + 2, float(draw.random()))
        for name, length in LENGTHS.items()
        for start in range(0, length, 2)
    )
    pybigtools.open(str(tmp_path / "t.bw"), "w").write(LENGTHS, runs)
    (tmp_path / "t.tsv").write_text("index\tidentifier\tfile\n0\tt\tt.bw\n")
    return {"targets": tmp_path / "t.tsv", "fasta": tmp_path / "g.fa"}


def test_data_names_the_store_and_goes_on(small, inputs):
    out = small / "s.zarr"
    settings = StoreSettings(bin=1, test=["chr3"], validation=["chr2"])
    for resume in (False, True):
        with pytest.raises(InputError, match=r"s\.zarr cannot be written: no space left"):
            build_store(settings=settings, **inputs, out=out, resume=resume)
        assert [path.name for path in small.iterdir()] == ["s.zarr.unfinished"] * resume
    subprocess.run(["mount", "-o", "remount,size=40m", str(small)], check=True)
    build_store(settings=settings, **inputs, out=out, resume=True)
    verify_store(Store.open(out))


def test_coverage_names_the_track(small, tmp_path):
    draw = np.random.default_rng(0)
    starts = np.sort(draw.integers(0, 9_000_000, 300_000)).tolist()
    (tmp_path / "f.bed").write_text("".join(f"chr1\t{s}\t{s + 100}\tx\t1\n" for s in starts))
    (tmp_path / "g.fa").write_text(f">chr1\n{'ACGT' * 2_500_000}\n")
    command = ["coverage", "f.bed", "--assay", "chip", "--no-gc", "--fasta", "g.fa"]
    done = subprocess.run(
        [sys.executable, "-m", "basenji_training", *command, "--out", str(small / "o.bw")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.endswith("o.bw cannot be written: no space left on device: make space\n")
    assert list(small.iterdir()) == []
