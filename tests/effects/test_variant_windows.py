"""Where windows lie, and which clusters are allowed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_network import small_architecture

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import Allele
from basenji_kipoi.cli.options import read_window
from basenji_kipoi.effects.passes import Pass, changed_bins
from basenji_kipoi.effects.windows import WindowPlacement, WindowRule
from basenji_kipoi.genome.alleles import AlleleWindow

ARCHITECTURE = small_architecture()
PASSES = [Pass(0, 0, False), Pass(0, 0, True)]
POSITIONS = st.integers(0, 250_000_000)


def placement(text, passes=PASSES):
    return WindowPlacement.of(read_window(text), ARCHITECTURE, passes)


@given(position=POSITIONS)
def test_centred_windows_have_the_variant_left_of_the_middle(position):
    assert position - placement("centred").start(position) == ARCHITECTURE.window // 2 - 1


@given(position=POSITIONS)
def test_grid_windows_are_the_nearest_on_the_grid(position):
    start = placement("grid").start(position)
    assert start % ARCHITECTURE.bin == 0
    assert abs(start - placement("centred").start(position)) <= ARCHITECTURE.bin // 2


@given(position=POSITIONS, tile=st.integers(1, 500))
def test_variants_of_a_tile_share_a_window(position, tile):
    cluster = placement(f"cluster:{tile}")
    start = cluster.start(position)
    assert start % ARCHITECTURE.bin == 0
    first = position // tile * tile
    assert {cluster.start(p) for p in (first, first + tile // 2, first + tile - 1)} == {start}
    middle = position - start - (ARCHITECTURE.window // 2 - 1)
    assert abs(middle) <= (tile + 1) // 2 + ARCHITECTURE.bin // 2


def test_a_tile_may_be_as_long_as_all_its_bases_change_predicted_bins_only():
    with pytest.raises(InputError, match=r"use at most cluster:\d+$") as refused:
        placement("cluster:2000")
    longest = int(str(refused.value).rsplit(":", 1)[1])
    with pytest.raises(InputError, match=f"use at most cluster:{longest}"):
        placement(f"cluster:{longest + 1}")
    cluster = placement(f"cluster:{longest}")
    # Every base of many tiles: the grid cuts them in every way.
    for position in range(40 * longest):
        start = cluster.start(position)
        allele = Allele(position - start, 1, np.zeros(1, np.uint8))
        first, last = changed_bins(ARCHITECTURE, PASSES, AlleleWindow("", start, allele))
        assert 0 <= first < last <= ARCHITECTURE.bins
    # Field of view 434 bp, predicted 1,792 bp: a tile has about what is left.
    assert 1792 - 434 - 3 * 32 <= longest <= 1792 - 434


def test_shifts_make_clusters_smaller():
    with pytest.raises(InputError) as refused:
        placement("cluster:2000", [Pass(0, shift, False) for shift in (-100, 0, 100)])
    with pytest.raises(InputError) as longer:
        placement("cluster:2000")
    least, most = (int(str(error.value).rsplit(":", 1)[1]) for error in (refused, longer))
    assert most - 240 <= least <= most - 160


def test_a_field_of_view_beyond_the_predicted_bins_allows_no_cluster():
    narrow = small_architecture(window=512)  # 8 predicted bins, 256 bp
    with pytest.raises(InputError, match="use grid"):
        WindowPlacement.of(WindowRule("cluster", 1), narrow, PASSES)


@pytest.mark.parametrize("text", ["center", "cluster", "cluster:", "cluster:0", "cluster:-5", ""])
def test_rules_that_are_none(text):
    with pytest.raises(InputError, match="--window: expected centred, grid or cluster:BP"):
        placement(text)
