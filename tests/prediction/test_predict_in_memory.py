"""Predictions in memory: the numbers of the file, under the right names."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest

import basenji_kipoi as bk
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.prediction import predict_file

PLACES = [("chrI", 3, 9003), ("chrII", 20, 70)]


@pytest.fixture(scope="module")
def files(tmp_path_factory, small_bundle):
    """A genome, a BED file of two intervals, and the file of their predictions."""
    folder = tmp_path_factory.mktemp("files")
    letters = "".join(np.random.default_rng(3).choice(list("ACGT"), 20_000))
    (folder / "genome.fa").write_text(f">chrI\n{letters}\n>chrII\n{letters[:3000]}\n")
    lines = [f"{chrom}\t{start}\t{end}\n" for chrom, start, end in PLACES]
    (folder / "x.bed").write_text("".join(lines))
    predict_file(small_bundle.path, folder / "genome.fa", folder / "x.bed", folder / "x.h5")
    return folder


@pytest.fixture(scope="module")
def model(small_bundle):
    return bk.load(small_bundle.path)


@pytest.fixture(scope="module")
def predictions(files, model):
    with bk.Genome(files / "genome.fa") as genome:
        return bk.predict(model, genome, files / "x.bed")


def test_numbers_are_those_of_the_file(files, predictions):
    with h5py.File(files / "x.h5") as file:
        assert (file["predictions"][:] == predictions.values).all()
        assert (file["intervals/offset"][:] == predictions.offsets).all()
        assert file["tracks/identifier"].asstr()[:].tolist() == predictions.labels
        for name in ("model", "model_sha256", "window", "dtype", "both_strands"):
            assert file.attrs[name] == predictions.attributes[name]
    assert predictions.values.dtype == np.float32


@pytest.mark.parametrize(
    "intervals",
    [
        PLACES,
        [bk.Interval(*place) for place in PLACES],
        ["chrI:4-9003", "chrII:21-70"],
        ["chrI:4-9,003", ("chrII", 20, 70)],
        [list(place) for place in PLACES],
    ],
)
def test_intervals_come_in_any_form(files, model, predictions, intervals):
    found = bk.predict(model, files / "genome.fa", intervals)
    assert (found.values == predictions.values).all()
    assert [str(each) for each in found.intervals] == ["chrI:3-9003", "chrII:20-70"]


def test_a_single_base_is_an_interval(files, model):
    found = bk.predict(model, files / "genome.fa", "chrI:5")
    assert (found.starts.tolist(), found.values.shape) == ([4], (1, 3))


def test_bins_have_places(predictions):
    assert predictions.starts[:2].tolist() == [3, 35]
    assert predictions.starts[-2:].tolist() == [20, 52]
    assert (predictions.ends - predictions.starts == 32).all()
    assert predictions.chroms.tolist() == ["chrI"] * 282 + ["chrII"] * 2


def test_parts_by_interval_and_track(predictions):
    assert len(predictions) == 2
    assert [len(each.values) for each in predictions] == [282, 2]
    second = predictions[1]
    assert (second.values == predictions.values[282:]).all()
    for key in (bk.Interval("chrII", 20, 70, name="x"), ("chrII", 20, 70), -1, slice(1, None)):
        assert (predictions[key].values == second.values).all()
    starts = predictions["start_*"]
    assert starts.labels == ["start_plus", "start_minus"]
    assert (starts.values == predictions.values[:, 1:]).all()
    assert (predictions[1, "start_minus"].values == second.values[:, [2]]).all()
    assert (predictions[0, ["access", 2]].values == predictions.values[:282, [0, 2]]).all()
    assert (starts[1, 0].values == second.values[:, [1]]).all()
    assert predictions[2:].values.shape == (0, 3)
    with pytest.raises(InputError, match="tracks: no track 'dnase'"):
        predictions["dnase"]
    with pytest.raises(IndexError):
        predictions[2]
    with pytest.raises(KeyError, match="no interval"):
        predictions["chrII", 20, 71]


def test_some_tracks_and_no_intervals(files, model, predictions):
    found = bk.predict(model, files / "genome.fa", PLACES, tracks="start_minus,access")
    assert found.labels == ["start_minus", "access"]
    assert (found.values == predictions.values[:, [2, 0]]).all()
    assert bk.predict(model, files / "genome.fa", []).values.shape == (0, 3)


def test_a_data_frame_names_every_bin(predictions):
    frame = predictions.to_dataframe()
    assert list(frame) == ["chrom", "start", "end", "interval", *predictions.labels]
    row = frame[(frame.chrom == "chrII") & (frame.start == 52)]
    assert row.end.item() == 84
    assert row.interval.item() == 1
    assert row.access.item() == predictions.values[-1, 0]
    assert isinstance(frame, pd.DataFrame)


def test_an_xarray_names_every_bin(predictions):
    pytest.importorskip("xarray")
    array = predictions.to_xarray()
    assert array.dims == ("bin", "track")
    found = array.sel(track="start_plus")
    assert (found.values == predictions.values[:, 1]).all()
    assert found.start.values[-1] == 52
    assert array.attrs["model"] == "small"


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        ("chrIII:1-5", "the genome has no contig 'chrIII'"),
        ([("chrII", 0, 3001)], "chrII:0-3001 reaches beyond the end of chrII at 3000"),
        ([("chrII", -1, 30)], "starts before its contig does"),
        ([("chrII", 30, 30)], "chrII:30-30 is empty"),
        ("chrI:9-5", "no interval 'chrI:9-5': expected contig:first-last, counted from 1"),
        ("chrI:0-5", "no interval 'chrI:0-5': expected contig:first-last, counted from 1"),
        ("none.bed", "'none.bed' is neither a BED file that exists nor an interval"),
        ([7], "no interval 7: expected an Interval"),
        ([("chrI", 0.5, 9)], "no interval"),
    ],
)
def test_intervals_that_are_none(files, model, intervals, message):
    with pytest.raises(InputError, match=message):
        bk.predict(model, files / "genome.fa", intervals)


def test_progress_is_shown_where_it_is_wanted(files, model, capfd, monkeypatch):
    monkeypatch.setattr("basenji_kipoi.base.progress._LOG_PERIOD", 0)
    bk.predict(model, files / "genome.fa", PLACES, progress=False)
    bk.predict(model, files / "genome.fa", PLACES)  # nobody watches
    assert "predicting" not in capfd.readouterr().err
    bk.predict(model, files / "genome.fa", PLACES, progress=True)
    assert "predicting: 1 of 7 windows" in capfd.readouterr().err


def test_predictions_show_themselves(predictions):
    assert repr(predictions) == ("<Predictions of small: 2 intervals, 284 bins of 32 bp, 3 tracks>")
    shown = predictions._repr_html_()
    assert "chrI [3, 9,003), chrII [20, 70)" in shown
    assert "access, start_plus, start_minus" in shown
