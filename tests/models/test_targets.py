"""The targets table comes back as written, and each fault is named with its line."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.targets import Target, Targets


def stranded():
    return Targets(
        [
            Target(index=0, identifier="atac", strand_pair=0, clip=50.5, assay="ATAC", sample="wt"),
            Target(index=1, identifier="plus", strand_pair=2, scale=0.1, sum_stat="mean"),
            Target(index=2, identifier="minus", strand_pair=1, clip_soft=8, description="TSS, wt"),
        ]
    )


def table(tmp_path, *lines):
    path = tmp_path / "targets.tsv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_comes_back(tmp_path):
    stranded().write(tmp_path / "targets.tsv")
    again = Targets.read(tmp_path / "targets.tsv")
    assert again == stranded()
    assert again.labels == ["atac", "plus", "minus"]
    assert len(again) == 3
    assert again[1].scale == 0.1


def test_tables_are_equal_if_their_rows_are(tmp_path):
    rows = list(stranded())
    assert Targets(rows) == stranded()
    assert stranded() != Targets([rows[0].model_copy(update={"clip": 1.5}), *rows[1:]])
    assert stranded() != Targets([rows[0]])
    for other in (rows, None, "targets.tsv", 3):
        assert stranded() != other


def test_strand_pairs_are_exchanged():
    permutation = stranded().strand_permutation
    assert permutation.tolist() == [0, 2, 1]
    np.testing.assert_array_equal(permutation[permutation], np.arange(3))


def test_the_original_programs_table_is_read(tmp_path):
    # Its first heading is empty, and it knows neither strand pairs nor assay and sample.
    path = table(
        tmp_path,
        "\tidentifier\tfile\tclip\tscale\tsum_stat\tdescription",
        "0\tENCFF1\ta.bw\t32\t2\tmean\tDNASE:liver",
        "1\tCNhs1\tb.bw\t384\t1\tsum\tCAGE:liver",
    )
    first, second = Targets.read(path)
    assert (first.clip, first.scale, first.sum_stat, first.clip_soft) == (32, 2, "mean", None)
    assert (second.strand_pair, second.assay) == (1, "")


HEADER = "index\tidentifier\tclip\tstrand_pair"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0\ta\t\t0", "0\tb\t\t0"], r"target b: index 0 on row 2; expected 1"),
        (["0\ta\t\t0", "1\ta\t\t1"], r"target a: the identifier stands twice"),
        (["0\ta\t\t1", "1\tb\t\t1"], r"target a: strand_pair 1 is not mutual"),
        (["0\ta\t\t5"], r"target a: strand_pair 5 is not mutual"),
        (["0\ta\t\t0", "1\tb\tmany\t1"], r"targets.tsv:3: column clip"),
        (["0\ta\t-1\t0"], r"targets.tsv:2: column clip"),
        (["0\ta\tinf\t0"], r"targets.tsv:2: column clip"),
        (["0\ttwo words\t\t0"], r"targets.tsv:2: column identifier"),
        (["0\ta"], r"targets.tsv:2: expected 4 tab-separated columns"),
        (["0\ta\t\t0\tmore"], r"targets.tsv:2: expected 4 tab-separated columns"),
        ([], r"no rows below its header"),
    ],
)
def test_faults_are_named(tmp_path, lines, message):
    with pytest.raises(InputError, match=message) as caught:
        Targets.read(table(tmp_path, HEADER, *lines))
    assert "targets.tsv" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("cell", ['"wild type', 'b"', '"', "a\u2028b", "é", '2" "x"'])
def test_a_row_is_a_line_whatever_its_cells_hold(tmp_path, cell):
    path = table(tmp_path, "index\tidentifier\tdescription", f"0\ta\t{cell}", "1\tb\tx")
    assert [each.description for each in Targets.read(path)] == [cell, "x"]


def test_cells_that_spreadsheets_quote(tmp_path):
    path = table(tmp_path, "index\tidentifier\tdescription", '0\ta\t"the ""wild"" type"')
    assert Targets.read(path)[0].description == 'the "wild" type'


def test_a_byte_order_mark_and_line_ends_of_other_systems(tmp_path):
    path = tmp_path / "targets.tsv"
    path.write_bytes("\ufeffindex\tidentifier\r\n0\ta\r\n".encode())
    assert Targets.read(path).labels == ["a"]
    path.write_bytes("identifier\tindex\tdescription\na\t0\tgène\n".encode("latin-1"))
    assert Targets.read(path)[0].description == "gène"


@given(st.text().filter(lambda text: not set(text) & set("\t\n\r\0")))
def test_any_description_survives_its_file(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("table") / "t.tsv"
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    targets = Targets([Target(index=0, identifier="a", strand_pair=0, description=text)])
    targets.write(path)
    assert Targets.read(path) == targets


def test_a_cell_that_no_table_can_hold(tmp_path):
    targets = Targets([Target(index=0, identifier="a", strand_pair=0, description="a\tb")])
    with pytest.raises(InputError, match="cell cannot hold"):
        targets.write(tmp_path / "t.tsv")


def test_an_unknown_column_is_named(tmp_path):
    with pytest.raises(InputError, match=r"targets.tsv:2: column colour"):
        Targets.read(table(tmp_path, "index\tidentifier\tcolour", "0\ta\tred"))


def test_an_empty_or_missing_table(tmp_path):
    (tmp_path / "empty").write_text("")
    with pytest.raises(InputError, match="no rows"):
        Targets.read(tmp_path / "empty")
    with pytest.raises(InputError, match="does not exist"):
        Targets.read(tmp_path / "nothing")


@given(
    st.lists(st.floats(0, 1e6), min_size=1),
    st.floats(0.01, 100),
    st.none() | st.floats(1, 1e4),
    st.sampled_from(["sum", "sum_sqrt"]),
)
def test_counts_undo_scale_soft_clipping_and_power(sums, scale, soft, sum_stat):
    targets = Targets(
        [
            Target(
                index=0,
                identifier="t",
                strand_pair=0,
                scale=scale,
                clip_soft=soft,
                sum_stat=sum_stat,
            )
        ]
    )
    # The definition in the docstring of `Target`, number by number.
    statistics = [s**0.75 if sum_stat == "sum_sqrt" else s for s in sums]
    values = [
        scale * (s if soft is None or s <= soft else soft + (s - soft) ** 0.5) for s in statistics
    ]
    counts = targets.counts(np.array(values)[:, None])
    np.testing.assert_allclose(counts[:, 0], sums, rtol=1e-9, atol=1e-9)


def test_counts_of_several_tracks_keep_what_is_missing():
    targets = Targets(
        [
            Target(index=0, identifier="a", strand_pair=0, scale=2),
            Target(index=1, identifier="b", strand_pair=1, scale=0.5, clip_soft=4),
        ]
    )
    values = np.array([[[2, 2], [np.nan, 2.5], [6, np.nan]]], dtype=np.float32)
    counts = targets.counts(values)
    assert counts.dtype == np.float64
    np.testing.assert_array_equal(counts, [[[1, 4], [np.nan, 5], [3, np.nan]]])


def test_tracks_are_found_by_identifier_pattern_and_index():
    names = ("atac", "start_plus", "start_minus", "1")
    targets = Targets(
        Target(index=i, identifier=name, file="x", strand_pair=i) for i, name in enumerate(names)
    )
    assert targets.columns_of("start_*,atac") == [1, 2, 0]
    assert targets.columns_of("2") == [2]
    assert targets.columns_of(["start_*", 0]) == [1, 2, 0]
    assert targets.columns_of(None) == [0, 1, 2, 3]
    with pytest.raises(InputError, match=r"no track 'end_\*'"):
        targets.columns_of("end_*")
    with pytest.raises(InputError, match="names a track twice"):
        targets.columns_of("start_*,start_plus")
