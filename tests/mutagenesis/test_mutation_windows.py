"""Pieces of intervals and their windows, for any geometry."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.operations import affected_by
from basenji_kipoi.mutagenesis.windows import blocks_of, complete_span, piece_length, pieces_of


@st.composite
def architectures(draw):
    """Trunks of convolutions, odd and even, pools and dilated layers, with any crop and length."""
    trunk, bin_ = [], 1
    for _ in range(draw(st.integers(1, 3))):
        size = draw(st.sampled_from([2, 3, 4, 8]))
        kernel = draw(st.integers(1, 9))
        trunk += [{"op": "convolution", "filters": 1, "kernel": kernel}]
        trunk += [{"op": "pooling", "size": size}]
        bin_ *= size
    for _ in range(draw(st.integers(0, 3))):
        dilation = draw(st.integers(1, 8))
        layer = {"op": "convolution", "filters": 1, "kernel": 3, "dilation": dilation}
        trunk.append({"op": "residual", "branch": [layer]})
    crop = draw(st.integers(0, 6))
    trunk.append({"op": "crop", "bins": crop})
    window = bin_ * (2 * crop + draw(st.integers(1, 60)))
    heads = {"x": {"tracks": 1}}
    return Architecture.model_validate({"window": window, "trunk": trunk, "heads": heads})


def is_complete(architecture, base):
    """Whether all that a base changes is predicted, on the given strand and on the other."""
    spans = [
        affected_by(architecture.trunk, place, place + 1)
        for place in (base, architecture.window - 1 - base)
    ]
    return all(first >= 0 and last <= architecture.bins for first, last in spans)


@given(architectures())
def test_the_complete_span_is_what_the_geometry_says_of_each_base(architecture):
    start, end = complete_span(architecture)
    assert start + end == architecture.window
    complete = np.flatnonzero([is_complete(architecture, b) for b in range(architecture.window)])
    assert complete.tolist() == list(range(start, end))


@given(architectures(), st.integers(0, 10**6), st.integers(1, 5000))
def test_pieces_cover_an_interval_once_in_the_middle_of_their_windows(architecture, start, length):
    pieces = list(pieces_of([Interval("a", start, start + length)], architecture))
    assert (pieces[0].start, pieces[-1].end) == (start, start + length)
    assert all(left.end == right.start for left, right in zip(pieces, pieces[1:]))
    sizes = [len(piece) for piece in pieces]
    assert max(sizes) - min(sizes) <= 1
    longest = piece_length(architecture)
    assert max(sizes) <= longest
    assert len(pieces) == 1 or length > longest * (len(pieces) - 1)
    first, last = complete_span(architecture)
    for piece in pieces:
        assert piece.window % architecture.bin == 0 or architecture.window == architecture.bin
        before = piece.start - piece.window
        behind = piece.window + architecture.window - piece.end
        assert abs(before - behind) <= architecture.bin + 1
        assert before >= 0
        assert behind >= 0
        if last - first >= 2 * architecture.bin:
            assert first <= before
            assert first <= behind


@given(architectures(), st.lists(st.integers(1, 9000), max_size=3), st.integers(1, 1 << 26))
def test_blocks_are_bounded_and_keep_the_windows_of_their_pieces(architecture, lengths, values):
    intervals = [Interval("a", 7, 7 + length) for length in lengths]
    pieces = list(pieces_of(intervals, architecture))
    blocks = list(blocks_of(pieces, values))
    places = [
        [(piece.interval, place, piece.window) for place in range(piece.start, piece.end)]
        for piece in pieces
    ]
    found = [
        (block.interval, place, block.window)
        for block in blocks
        for place in range(block.start, block.end)
    ]
    assert found == list(itertools.chain(*places))
    assert all(len(block) == 1 or len(block) * values <= 1 << 25 for block in blocks)


def test_the_published_networks_take_an_interval_of_50_kb_in_one_piece():
    from basenji_kipoi.models.networks.presets.presets import read_preset

    for name in ("basenji2018", "basenji2"):
        pieces = list(pieces_of([Interval("a", 10**6, 10**6 + 50_000)], read_preset(name)))
        assert len(pieces) == 1
