"""Figures of predicted tracks: they show the predictions, in counts, and what was measured."""

from __future__ import annotations

import numpy as np
import pytest
from figures_drawn import panel, steps

import basenji_kipoi as bk
from basenji_kipoi.genome.genes import Gene
from basenji_kipoi.models.targets import COUNTS, Target
from basenji_kipoi.prediction.result import Predictions
from basenji_kipoi.prediction.writers import FORMATS, PredictionTable

PLACE = bk.Interval("chrA", 64, 192)
TRACKS = [
    Target(index=0, identifier="a", strand_pair=0, assay="ATAC", scale=0.5, clip_soft=4.0),
    Target(index=1, identifier="s_plus", strand_pair=2, assay="CAGE"),
    Target(index=2, identifier="s_minus", strand_pair=1, assay="CAGE"),
]
#: Of track a: 8 are 4 + (16 - 4)**2 counts, as the scale halved 16.
VALUES = np.array([[1, 2, 3], [8, 0, 1], [0.5, 1, 0], [2, 0, 0]], dtype=np.float32)


def predictions(tracks=TRACKS, values=VALUES, intervals=(PLACE,), **attributes):
    table = PredictionTable(
        intervals, tracks, 32, {"chrA": 1000}, {"model": "m", "unit": "x", **attributes}
    )
    return Predictions(table, values)


def test_counts_are_drawn_whatever_the_unit_is():
    assert steps(panel(bk.plot_tracks(predictions()), "a"))[0].tolist() == [2, 148, 1, 4]
    drawn = steps(panel(bk.plot_tracks(predictions(unit=COUNTS)), "a"))[0]
    assert drawn.tolist() == [1, 8, 0.5, 2]


def test_a_strand_pair_shares_a_panel():
    figure = bk.plot_tracks(predictions())
    above, below = steps(panel(figure, "s"))
    assert (above.tolist(), below.tolist()) == ([2, 0, 1, 0], [-3, -1, 0, 0])
    alone = bk.plot_tracks(predictions()[0, "s_minus"])
    assert [axes.get_ylabel() for axes in alone.axes] == ["s_minus"]


def test_genes_are_drawn_where_they_lie():
    genes = [
        Gene("G1", "one", "+", "chrA", (70,), 70, 100),
        Gene("G2", "", "-", "chrA", (150,), 120, 151),
        Gene("far", "", "+", "chrA", (900,), 900, 990),
        Gene("other", "", "+", "chrB", (70,), 70, 100),
    ]
    shown = panel(bk.plot_tracks(predictions(), genes=genes), "genes")
    assert [text.get_text() for text in shown.texts] == ["one ›", "‹ G2"]  # noqa: RUF001 - arrows


def test_what_was_measured_is_summed_over_bins(tmp_path):
    pytest.importorskip("pybigtools")
    measured = np.array([[3.0], [0], [5], [1]], dtype=np.float32)
    table = PredictionTable([PLACE], TRACKS[:1], 32, {"chrA": 1000})
    with FORMATS["bigwig"](tmp_path / "bw", table) as writer:
        writer.append(measured)
    figure = bk.plot_tracks(predictions(), observed={"a": tmp_path / "bw" / "a.bw"})
    observed, predicted = steps(panel(figure, "a"))
    np.testing.assert_allclose(observed, 32 * measured[:, 0])
    assert predicted.tolist() == [2, 148, 1, 4]
    with pytest.raises(bk.InputError, match="no track 'b'"):
        bk.plot_tracks(predictions(), observed={"b": tmp_path / "bw" / "a.bw"})
    (tmp_path / "no.bw").write_bytes(b"nothing")
    with pytest.raises(bk.InputError, match=r"no\.bw: not a readable bigWig file"):
        bk.plot_tracks(predictions(), observed={"a": tmp_path / "no.bw"})


def test_what_no_figure_shows_is_said():
    two = predictions(intervals=[PLACE, PLACE], values=np.tile(VALUES, (2, 1)))
    with pytest.raises(bk.InputError, match="one interval, not 2"):
        bk.plot_tracks(two)
    many = [Target(index=i, identifier=f"t{i}", strand_pair=i) for i in range(41)]
    with pytest.raises(bk.InputError, match="41 panels are too many"):
        bk.plot_tracks(predictions(many, np.ones((4, 41), np.float32)))
