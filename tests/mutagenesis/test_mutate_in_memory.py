"""Maps of mutations in memory: the numbers of the file, under the right names."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

import basenji_kipoi as bk
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.mutagenesis import mutate_file

PLACES = [("chrI", 4000, 4600), ("chrII", 2950, 3000)]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    letters = np.random.default_rng(3).choice(list("ACGT"), 20_000)
    letters[4010:4012] = "N"
    letters = "".join(letters)
    (folder / "genome.fa").write_text(f">chrI\n{letters}\n>chrII\n{letters[:3000]}\n")
    lines = [f"{chrom}\t{start}\t{end}\n" for chrom, start, end in PLACES]
    (folder / "x.bed").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def model(small_bundle):
    return bk.load(small_bundle.path)


@pytest.fixture(scope="module")
def found(files, model):
    return bk.mutate(model, files / "genome.fa", PLACES)


@pytest.mark.parametrize("options", [{}, {"deleted": 2, "scores": ["SAD", "D1"]}])
def test_numbers_are_those_of_the_file(files, model, options, tmp_path):
    names = files / "genome.fa", files / "x.bed"
    table, statuses = mutate_file(model, *names, tmp_path / "x.h5", tracks="start_*", **options)
    found = bk.mutate(model, *names, tracks="start_*", **options)
    with h5py.File(tmp_path / "x.h5") as file:
        assert list(file["scores"]) == sorted(found.scores)
        for name, values in found.scores.items():
            np.testing.assert_array_equal(file[f"scores/{name}"][:], values)
        assert (file["positions"][:] == found.positions).all()
        assert (file["status"][:] == found.status).all()
        assert (file["codes"][:] == found.codes).all()
    assert table.positions == len(found.positions) == 650
    assert np.bincount(found.status, minlength=3).tolist() == statuses.tolist()


def test_parts_by_interval_and_track(found):
    sad = found.scores["SAD"]
    assert sad.shape == (650, 4, 3)
    assert [len(each.positions) for each in found] == [600, 50]
    second = found["chrII", 2950, 3000]
    assert second.positions.tolist() == list(range(2950, 3000))
    assert (second.scores["SAD"] == sad[600:]).all()
    assert (second["start_*"].scores["SAD"] == sad[600:, :, 1:]).all()
    np.testing.assert_array_equal(found[0, "access"].scores["SAD"], sad[:600, :, :1])
    assert found[0].reference[10:12] == "NN"
    assert set(found[1].chroms) == {"chrII"}


def test_a_data_frame_has_a_row_a_mutation(found):
    frame = found.to_dataframe()
    assert len(frame) == 648 * 3 + 2 * 4
    assert (frame.ref != frame.alt).all()
    row = frame[(frame.chrom == "chrII") & (frame.position == 2999) & (frame.alt == "C")]
    if len(row):
        assert row["SAD/access"].item() == found.scores["SAD"][-1, 1, 0]
    unknown = frame[frame.ref == "N"]
    assert unknown["SAD/access"].isna().all()
    assert unknown.status.str.contains("unknown").all()


def test_a_data_frame_of_deletions(files, model):
    found = bk.mutate(model, files / "genome.fa", ("chrII", 2990, 3000), deleted=3)
    frame = found.to_dataframe()
    assert list(frame)[:5] == ["chrom", "position", "ref", "deleted", "status"]
    assert frame.deleted.tolist() == [3] * 10
    assert frame["SAD/access"].isna().sum() == 2  # these would pass the contig's end
    np.testing.assert_array_equal(frame["SAD/access"], found.scores["SAD"][:, 0])


def test_an_xarray_names_every_mutation(found):
    pytest.importorskip("xarray")
    array = found.to_xarray()
    assert array["SAD"].dims == ("position", "base", "track")
    value = array["SAD"].sel(base="C", track="start_plus").values[-1]
    assert value == found.scores["SAD"][-1, 1, 1]


def test_no_intervals_no_mutations(files, model):
    assert bk.mutate(model, files / "genome.fa", []).scores["SAD"].shape == (0, 4, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"deleted": 0}, "no deletions of 0 bases"),
        ({"scores": ["REF"]}, "REF is no effect of a mutation"),
        ({"tracks": "dnase"}, "tracks: no track 'dnase'"),
    ],
)
def test_options_that_do_not_fit(files, model, options, message):
    with pytest.raises(InputError, match=message):
        bk.mutate(model, files / "genome.fa", PLACES, **options)


def test_a_map_shows_itself(found):
    assert repr(found) == (
        "<MutationMap of small: snv, 2 intervals, 650 positions, SAD of 3 tracks>"
    )
    assert "chrI [4,000, 4,600), chrII [2,950, 3,000)" in found._repr_html_()
