"""Figures of scores along a locus."""

from __future__ import annotations

import io
import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from figures_drawn import panel

import basenji_kipoi as bk
from basenji_kipoi.genome.genes import Gene

POSITIONS = [100, 200, 300, 400, 500]
SAD = [0.5, -2.0, 1.0, None, 0.1]
METADATA = {"basenji_score": json.dumps({"definitions": {"SAD": {"units": "u", "signed": True}}})}


def gene(contig):
    return Gene("G1", "one", "+", contig, (150,), 150, 400)


def table(chrom="chrA", **more):
    columns = {
        "chrom": [chrom] * 5,
        "pos": POSITIONS,
        "id": [None, "two", "three", None, None],
        "ref": ["A"] * 5,
        "alt": ["G"] * 5,
        "status": ["ok", "ok", "ok", "ref_mismatch", "ok"],
        "SAD/a": pa.array(SAD, pa.float32()),
        "SAD/b": pa.array([0.1, 0.1, 0.3, None, 0.2], pa.float32()),
        "logFC/a": pa.array([1.0, 2, 3, None, 4], pa.float32()),
        **more,
    }
    return pa.table(columns).replace_schema_metadata(METADATA)


def points(axes):
    (drawn,) = [c for c in axes.collections if type(c).__name__ == "PathCollection"]
    return np.asarray(drawn.get_offsets())


def test_alleles_stand_where_they_lie():
    figure = bk.plot_scores(table())
    expected = [[0.1, 0.5], [0.2, -2], [0.3, 1], [0.5, 0.1]]  # the one without scores is left out
    np.testing.assert_allclose(points(panel(figure, "a")), expected, rtol=1e-6)
    # The largest first: names for alleles that have one, letters for others.
    assert [text.get_text() for text in panel(figure, "a").texts] == ["two", "three", "A>G"]
    assert [axes.get_ylabel() for axes in figure.axes] == ["a", "b"]
    assert figure.axes[0].get_title().startswith("SAD of 4 alleles")
    assert figure._supylabel.get_text() == "u"


def test_a_score_a_track_and_a_region_are_chosen():
    figure = bk.plot_scores(table(), score="logFC", tracks="a", region="chrA:150-300")
    np.testing.assert_allclose(points(panel(figure, "a"))[:, 1], [2, 3])


def test_region_and_genes_may_spell_the_contig_otherwise():
    for spelling in ("chrA", "A"):
        figure = bk.plot_scores(table(), region="A:1-400", genes=[gene(spelling), gene("chrB")])
        assert len(points(panel(figure, "a"))) == 3
        assert "one" in " ".join(text.get_text() for text in panel(figure, "genes").texts)


@pytest.mark.parametrize(
    ("region", "drawn", "title"),
    [
        ("chrA:200-300", [-2, 1], "SAD of 2 alleles "),
        ("chrA:201-300", [1], "SAD of 1 allele "),
        ("chrA:200-299", [-2], "SAD of 1 allele "),
    ],
)
def test_a_region_has_both_its_ends(region, drawn, title):
    figure = bk.plot_scores(table(), tracks="a", region=region)
    np.testing.assert_allclose(points(panel(figure, "a"))[:, 1], drawn)
    assert figure.axes[0].get_title().startswith(title)


@pytest.mark.parametrize(("factor", "margin"), [(1, 50), (100, 800)])
def test_all_alleles_are_drawn_with_a_margin(factor, margin):
    # A fiftieth of what they span, and 50 bp at least.
    figure = bk.plot_scores(table(pos=[p * factor for p in POSITIONS]))
    first, last = 100 * factor - 1, 500 * factor
    expected = [max(first - margin, 0) / 1000, (last + margin) / 1000]
    np.testing.assert_allclose(figure.axes[-1].get_xlim(), expected)


def test_names_have_the_same_room_above_and_below():
    axes = panel(bk.plot_scores(table()), "a")
    low, high = axes.get_ylim()
    assert -2 - low == pytest.approx(high - 1)
    assert high - 1 > 0.1 * (1 + 2)


def test_names_are_whole_at_both_ends():
    names = [f"chrV:46244{n}_CCACCGCTTC/A" for n in range(5)]
    figure = bk.plot_scores(table(id=names), tracks="a", region="chrA:100-300")
    figure.savefig(io.BytesIO())
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert len(boxes) == 3
    for box in boxes:
        assert axes.bbox.x0 <= box.x0 < box.x1 <= axes.bbox.x1


def test_files_show_what_tables_show(small_bundle, tmp_path):
    from basenji_kipoi.scoring.options import ScoreOptions
    from basenji_kipoi.scoring.run import score_file

    letters = "".join(np.random.default_rng(3).choice(list("ACGT"), 3000))
    (tmp_path / "g.fa").write_text(f">chrA\n{letters}\n")
    rows = [f"chrA\t{p}\t.\t{letters[p - 1]}\tA,C" for p in (900, 1000)]
    header = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    (tmp_path / "v.vcf").write_text(header + "".join(f"{row}\t.\t.\t.\n" for row in rows))
    drawn = []
    for name in ("s.parquet", "s.tsv", "s.tsv.gz"):
        options = ScoreOptions(
            (small_bundle.path,), tmp_path / "g.fa", str(tmp_path / "v.vcf"), tmp_path / name
        )
        score_file(options, command="", quiet=True, note=lambda _: None)
        figure = bk.plot_scores(tmp_path / name, tracks="access")
        drawn.append(points(panel(figure, "access")))
    np.testing.assert_allclose(drawn[0], drawn[1], rtol=1e-4)
    np.testing.assert_allclose(drawn[0], drawn[2], rtol=1e-4)
    assert len(drawn[0]) == 4


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"score": "D1"}, "no score 'D1': it has SAD, logFC"),
        ({"tracks": "c"}, "no track 'c'"),
        ({"region": "chrB:1-900"}, "chrB:1-900, a contig that the table lacks: it has chrA"),
        ({"region": "chrA:501-900"}, "no allele with scores lies in chrA:501-900$"),
        ({"region": "chrB"}, "no interval 'chrB'"),
    ],
)
def test_what_is_not_there_is_said(given, said):
    with pytest.raises(bk.InputError, match=said):
        bk.plot_scores(table(), **given)


@pytest.mark.parametrize(
    ("column", "cells", "said"),
    [
        ("pos", list("abcde"), "x.parquet: the column 'pos' is string: expected numbers"),
        ("pos", [1, 2, None, 4, 5], "the column 'pos' has a cell that is no position"),
        ("pos", [1, 2, 10**18, 4, 5], "the column 'pos' has a cell that is no position"),
        ("pos", [1, 2, 0, 4, 5], "the column 'pos' has a cell that is no position"),
        ("SAD/a", [1.0, 2.0, math.inf, 4.0, 5.0], "a score SAD is too large to be drawn"),
        ("SAD/b", [1.0, 2.0, -1e300, 4.0, 5.0], "a score SAD is too large to be drawn"),
        ("status", [1, 2, 3, 4, 5], "the column 'status' is int64: expected text"),
        ("SAD/b", list("abcde"), "the column 'SAD/b' is string: expected numbers"),
    ],
)
def test_tables_of_other_types_are_refused(tmp_path, column, cells, said):
    pyarrow.parquet.write_table(table(**{column: cells}), tmp_path / "x.parquet")
    with pytest.raises(bk.InputError, match=said):
        bk.plot_scores(tmp_path / "x.parquet")


def test_a_table_without_a_column_or_with_quotes_in_one(tmp_path):
    with pytest.raises(bk.InputError, match="the table has no column 'status': expected a table"):
        bk.plot_scores(table().drop_columns(["status"]))
    # Contigs whose names are numbers are text, and a quote is one, as in every table.
    rows = [f'7\t{pos}\t"x\tA\tG\tok\t{value or 0}\n' for pos, value in zip(POSITIONS, SAD)]
    path = tmp_path / "x.tsv"
    head = f"##basenji_score={METADATA['basenji_score']}\n"
    path.write_text(head + "chrom\tpos\tid\tref\talt\tstatus\tSAD/a\n" + "".join(rows))
    axes = panel(bk.plot_scores(path, region="7:150-450"), "a")
    np.testing.assert_allclose(points(axes)[:, 0], [0.2, 0.3, 0.4])
    assert axes.texts[0].get_text() == '"x'


def test_several_contigs_and_other_files_are_refused(tmp_path):
    both = pa.concat_tables([table(), table("chrB")])
    with pytest.raises(bk.InputError, match="lie on 2 contigs"):
        bk.plot_scores(both)
    with pytest.raises(bk.InputError, match="score without --long"):
        bk.plot_scores(table().select(["chrom", "pos"]))
    with pytest.raises(bk.InputError, match="does not exist"):
        bk.plot_scores(tmp_path / "x.tsv")
    pyarrow.parquet.write_table(table().replace_schema_metadata(None), tmp_path / "x.parquet")
    with pytest.raises(bk.InputError, match="was not written by basenji score"):
        bk.plot_scores(tmp_path / "x.parquet")
