"""Panels along a genome: where genes stand, which colours there are, and the files."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from figures_drawn import panel, steps
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.figures.panels import (
    GAIN,
    GREY,
    INK,
    LOSS,
    PALETTE,
    GeneMark,
    Panel,
    draw_panels,
    gene_rows,
)
from basenji_kipoi.figures.saving import check_figure, save_figure

EDGES = np.arange(0, 160, 32)
#: What red-blind and green-blind eyes see of linear RGB (Machado et al. 2009, severity 1).
BLIND = {
    "protan": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deutan": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
}


def some_figure():
    panels = [Panel("a", PALETTE[0], np.array([1.0, 2, 3, 4]), np.array([0.0, 1, 0, 0]))]
    genes = [GeneMark("one", "+", 10, 90)]
    return draw_panels(panels, EDGES, chrom="chrA", title="a title", unit="counts", genes=genes)


def seen(colour, eyes):
    """A colour as dichromats see it, in sRGB."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    linear = np.clip(np.array(BLIND[eyes]) @ linear, 0, 1)
    return np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)


@given(
    st.lists(
        st.tuples(st.integers(0, 9900), st.integers(1, 3000), st.text("abcXYZ", max_size=9)),
        max_size=30,
    )
)
def test_every_gene_has_a_place_and_none_covers_another(drawn):
    genes = [GeneMark(name, "+", start, start + length) for start, length, name in drawn]
    rows = gene_rows(genes, 0, 10_000)
    assert sorted(g[2:] for row in rows for g in row) == sorted(g[2:] for g in genes)
    assert len(rows) <= 4
    for row in rows[:3]:
        for left, right in itertools.pairwise(row):
            assert left.end <= right.start


def test_genes_outside_are_left_out():
    genes = [GeneMark("a", "+", 0, 100), GeneMark("b", "+", 100, 200), GeneMark("c", "-", 200, 300)]
    assert gene_rows(genes, 100, 200) == [[genes[1]]]


@pytest.mark.parametrize("eyes", BLIND)
def test_colours_differ_for_the_colour_blind(eyes):
    pairs = [(GAIN, LOSS), (GREY, INK), *itertools.combinations(PALETTE[:6], 2)]
    for first, second in pairs:
        assert np.linalg.norm(seen(first, eyes) - seen(second, eyes)) > 0.3, (first, second)


def test_strands_stand_on_both_sides_of_the_line():
    above, below = steps(panel(some_figure(), "a"))
    np.testing.assert_array_equal(above, [1, 2, 3, 4])
    np.testing.assert_array_equal(below, [0, -1, 0, 0])


@pytest.mark.parametrize(
    ("name", "begins"), [("x.png", b"\x89PNG"), ("x.svg", b"<?xml"), ("x.PDF", b"%PDF")]
)
def test_the_ending_tells_the_format_and_equal_figures_are_equal_files(name, begins, tmp_path):
    save_figure(some_figure(), tmp_path / name)
    first = (tmp_path / name).read_bytes()
    assert first.startswith(begins)
    save_figure(some_figure(), tmp_path / name, overwrite=True)
    assert (tmp_path / name).read_bytes() == first
    if name == "x.svg":
        assert b"a title" in first  # letters that can be searched
    with pytest.raises(InputError, match="exists"):
        save_figure(some_figure(), tmp_path / name)


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"x\.jpg: expected a name that ends in \.png"):
        check_figure(tmp_path / "x.jpg", overwrite=False)
