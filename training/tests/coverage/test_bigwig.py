"""bigWig files that are written here are what other programs read in them."""

from __future__ import annotations

import itertools

import numpy as np
import pybigtools
import pyBigWig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from basenji_kipoi.base.bigwig.blocks import ALIGNMENT, encode
from basenji_kipoi.base.bigwig.file import write_bigwig
from basenji_training.coverage.events import runs


def write(path, tracks):
    """Write arrays, one value a base, zeros left out, in parts of one and of two bins."""
    pieces = []
    for contig, name in enumerate(sorted(tracks)):
        edges = [*range(0, len(tracks[name]), 2 * ALIGNMENT), len(tracks[name])]
        for left, right in itertools.pairwise(edges):
            start, end, value = runs(tracks[name][left:right])
            if len(start):
                pieces.append(encode(contig, len(tracks[name]), start + left, end + left, value))
    write_bigwig(path, {name: len(values) for name, values in tracks.items()}, pieces)


def dense(generator, size):
    return generator.normal(3, 1, size).astype(np.float32)


def sparse(generator, size):
    return np.where(generator.random(size) < 0.01, dense(generator, size), 0).astype(np.float32)


def check(path, tracks):
    ours = pybigtools.open(str(path))
    assert ours.chroms() == {name: len(values) for name, values in tracks.items()}
    with pyBigWig.open(str(path)) as other:
        assert other.isBigWig()
        assert other.chroms() == ours.chroms()
        for name, values in tracks.items():
            theirs = other.values(name, 0, len(values), numpy=True)
            np.testing.assert_array_equal(np.isnan(theirs), values == 0)
            np.testing.assert_array_equal(np.nan_to_num(theirs), values)
            got = ours.values(name, 0, len(values), fillna=0.0)
            np.testing.assert_array_equal(got.astype(np.float32), values)
        every = np.concatenate(list(tracks.values())).astype(np.float64)
        covered = every[every != 0]
        head = other.header()
        assert head["nBasesCovered"] == len(covered)
        # Of these pyBigWig tells whole numbers only.
        assert abs(head["sumData"] - covered.sum()) <= 1 + 1e-6 * abs(covered.sum())
        assert abs(head["maxVal"] - covered.max()) <= 1
        assert abs(head["minVal"] - covered.min()) <= 1
        return head


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(1, 9000), min_size=1, max_size=4),
    kinds=st.lists(st.sampled_from(["dense", "sparse", "steps", "ends"]), min_size=4, max_size=4),
)
def test_other_programs_read_what_was_written(tmp_path_factory, seed, sizes, kinds):
    generator = np.random.default_rng(seed)
    tracks = {}
    for number, (size, kind) in enumerate(zip(sizes, kinds, strict=False)):
        values = np.zeros(size, np.float32)
        if kind in ("dense", "sparse"):
            values = {"dense": dense, "sparse": sparse}[kind](generator, size)
        elif kind == "steps":
            values = generator.integers(0, 3, size // 7 + 1).repeat(7)[:size].astype(np.float32)
        values[-1] = 2
        tracks[f"chr{number}"] = values
    path = tmp_path_factory.mktemp("bigwig") / "x.bw"
    write(path, tracks)
    check(path, tracks)


@pytest.mark.parametrize("kind", [dense, sparse])
def test_summaries_are_those_of_their_bins(tmp_path, kind):
    size = 5 * ALIGNMENT + 12_345
    generator = np.random.default_rng(0)
    tracks = {"chr1": kind(generator, size), "chr2": kind(generator, 300_001)}
    tracks["chr1"][ALIGNMENT : 4 * ALIGNMENT] = 0
    write(tmp_path / "x.bw", tracks)
    assert check(tmp_path / "x.bw", tracks)["nLevels"] >= 5
    with pyBigWig.open(str(tmp_path / "x.bw")) as file:
        for name, values in tracks.items():
            values = values.astype(np.float64)
            for width in (4096, 65536):
                bins = len(values) // width
                cut = values[: bins * width].reshape(bins, width)
                covered = np.where(cut == 0, np.nan, cut)
                some = ~np.isnan(covered).all(axis=1)
                for kind_of, function in (
                    ("max", np.nanmax),
                    ("min", np.nanmin),
                    ("mean", np.nanmean),
                ):
                    found = file.stats(name, 0, bins * width, type=kind_of, nBins=bins)
                    found = np.array([np.nan if each is None else each for each in found])
                    assert (np.isnan(found) == ~some).all()
                    wanted = function(covered[some], axis=1)
                    np.testing.assert_allclose(found[some], wanted, rtol=1e-4)
                found = file.stats(name, 0, bins * width, type="coverage", nBins=bins)
                shares = [each or 0.0 for each in found]
                np.testing.assert_allclose(shares, (cut != 0).mean(axis=1), rtol=1e-4)


def test_many_contigs_and_many_blocks_have_trees_of_several_levels(tmp_path):
    tracks = {f"contig{number}": np.full(3, number + 1, np.float32) for number in range(700)}
    write(tmp_path / "names.bw", tracks)
    with pyBigWig.open(str(tmp_path / "names.bw")) as file:
        assert len(file.chroms()) == len(tracks)
        for name in ("contig0", "contig255", "contig256", "contig699"):
            assert file.values(name, 0, 3) == [float(name[6:]) + 1] * 3
    reader = pybigtools.open(str(tmp_path / "names.bw"))
    for name in ("contig0", "contig601", "contig99"):
        assert reader.values(name, 0, 3, fillna=0.0).tolist() == [float(name[6:]) + 1] * 3
