"""A damaged bigWig ends in one line, whatever its reader does about it."""

import numpy as np
import pybigtools
import pytest

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.tracks.bigwig_tracks import locate_tracks, read_bins

LENGTHS = {"chr1": 5000, "chr2": 3000}
TARGETS = Targets([Target(index=0, identifier="t", file="t.bw", strand_pair=0)])


@pytest.fixture
def bigwig(tmp_path):
    """Write a bigWig."""
    values = np.random.default_rng(0).integers(1, 9, 50)
    runs = [
        (name, 100 * i, 100 * i + 60, float(value))
        for name, length in LENGTHS.items()
        for i, value in enumerate(values[: length // 100])
    ]
    path = tmp_path / "t.bw"
    pybigtools.open(str(path), "w").write(LENGTHS, iter(runs))
    return path


def read(folder):
    """Read all bins."""
    (track,) = locate_tracks(TARGETS, folder, LENGTHS)
    return np.concatenate([read_bins(track, name, 0, n, 50) for name, n in LENGTHS.items()])


def test_any_damage_is_one_line(bigwig, capfd):
    whole = bigwig.read_bytes()
    read(bigwig.parent)
    draw = np.random.default_rng(2)
    problems = []
    for _ in range(150):
        spoilt = bytearray(whole)
        for place in draw.integers(0, len(whole), draw.integers(1, 9)):
            spoilt[place] = draw.integers(256)
        bigwig.write_bytes(spoilt)
        try:
            read(bigwig.parent)
        except InputError as error:
            problems.append(str(error))
    assert len(problems) > 50
    assert all("t.bw" in problem and "\n" not in problem for problem in problems)
    # Of Rust's own words nothing is seen.
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("left", [0, 3, 100, 0.5, -1, -300])
def test_a_bigwig_without_its_end_is_refused(bigwig, left):
    whole = bigwig.read_bytes()
    bigwig.write_bytes(whole[: int(len(whole) * left) if isinstance(left, float) else left])
    with pytest.raises(InputError, match=r"t\.bw"):
        read(bigwig.parent)
