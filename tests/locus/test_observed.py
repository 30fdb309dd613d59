"""Observed tracks: what readers of bigWigs do about damage is one line."""

from __future__ import annotations

import os

import numpy as np
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.locus.page.observed import read_observed as of_page
from basenji_kipoi.models.targets import Target
from basenji_kipoi.prediction.observed import read_observed as of_figure

pybigtools = pytest.importorskip("pybigtools")
TRACK = Target(index=0, identifier="t", strand_pair=0)
READERS = {
    "page": lambda path, chrom="chr1": of_page(path, chrom, 1000, 3000),
    "figure": lambda path, chrom="chr1": of_figure(path, TRACK, chrom, np.arange(1000, 3001, 100)),
}


@pytest.fixture
def bigwig(tmp_path):
    values = np.random.default_rng(0).integers(1, 9, 50).tolist()
    runs = [("chr1", 100 * i, 100 * i + 60, float(value)) for i, value in enumerate(values)]
    runs.append(("chr2", 0, 500, 3.0))
    pybigtools.open(str(tmp_path / "t.bw"), "w").write({"chr1": 5000, "chr2": 900}, iter(runs))
    return tmp_path / "t.bw"


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_any_damage_is_one_line(bigwig, read, capfd):
    whole = bigwig.read_bytes()
    assert np.nansum(read(bigwig)) > 0
    draw = np.random.default_rng(2)
    problems = []
    for _ in range(100):
        spoilt = bytearray(whole)
        for place in draw.integers(0, len(whole), draw.integers(1, 9)):
            spoilt[place] = draw.integers(256)
        bigwig.write_bytes(spoilt)
        try:
            read(bigwig)
        except InputError as error:
            problems.append(str(error))
    assert len(problems) > 30
    assert all("t.bw" in problem and "\n" not in problem for problem in problems)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_what_is_no_track_of_the_locus_is_said(bigwig, read, tmp_path):
    # A contig that ends before the locus has no coverage there.
    assert not np.nan_to_num(read(bigwig, "chr2")).any()
    with pytest.raises(InputError, match=r"t\.bw has no contig"):
        read(bigwig, "chr3")
    os.mkfifo(tmp_path / "pipe")
    for name, message in (("pipe", "is a pipe"), ("no", "expected a bigWig"), ("", "expected a")):
        with pytest.raises(InputError, match=message):
            read(tmp_path / name)
