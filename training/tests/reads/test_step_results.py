"""Results of steps come back from their files as they were, or not at all."""

from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest

from basenji_kipoi.base.bigwig.blocks import Layer, Piece, encode
from basenji_kipoi.base.errors import InputError
from basenji_training.coverage.sharing import Sharing
from basenji_training.coverage.steps import GcCounts, Totals
from basenji_training.reads.plan import Reading
from basenji_training.reads.rows import SHARED
from basenji_training.reads.step_results import read_result, write_result

START = np.arange(0, 3000, 7)
RESULTS = [
    np.arange(5.0),
    Sharing(3, 0),
    Totals(0.1, float("inf"), 7, 2.5),
    GcCounts(np.arange(3.0), np.zeros(0), np.full(2, np.nan)),
    Reading(np.zeros(2, SHARED), Counter(), Counter(), np.zeros(3, np.int64)),
    Reading(
        np.zeros(0, SHARED),
        Counter({"paired": 3, "5' end clipped": 0}),
        Counter({10: 2, 2: 1 << 40}),
        np.zeros(3, np.int64),
    ),
    encode(1, 4000, START, START + 3, np.sqrt(START).astype(np.float32)),
]


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, tuple):
        assert len(one) == len(other)
        for parts in zip(one, other, strict=True):
            assert_same(*parts)
    elif isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    else:
        assert one == other
        if isinstance(one, Counter):
            assert list(one) == list(other)


@pytest.mark.parametrize("result", RESULTS, ids=lambda result: type(result).__name__)
def test_a_result_comes_back_as_it_was(tmp_path, result):
    write_result(tmp_path / "x.npz", result)
    assert_same(read_result(tmp_path / "x.npz", type(result)), result)


def test_a_part_without_coverage_comes_back(tmp_path):
    write_result(tmp_path / "x.npz", None)
    assert read_result(tmp_path / "x.npz", Piece) is None


def test_a_damaged_result_is_named_and_never_misread(tmp_path):
    path = tmp_path / "x.npz"
    result = GcCounts(np.arange(3.0), np.arange(2.0), np.arange(4.0))
    write_result(path, result)
    whole = path.read_bytes()
    damaged = [whole[:size] for size in range(len(whole))]
    for position in range(len(whole)):
        damaged.append(bytearray(whole))
        damaged[-1][position] ^= 0xFF
    refused = 0
    for content in damaged:
        path.write_bytes(content)
        try:
            found = read_result(path, GcCounts)
        except InputError:
            refused += 1
        else:
            # What zip says of times and systems may be anything.
            assert_same(found, result)
    assert refused > len(damaged) / 2


def test_other_content_is_refused(tmp_path):
    path = tmp_path / "x.npz"
    path.write_bytes(pickle.dumps(Sharing(1, 2)))
    with pytest.raises(InputError, match="is damaged"):
        read_result(path, Sharing)
    write_result(path, Layer(b"x", np.zeros(2), 1))
    with pytest.raises(InputError, match="is damaged"):
        read_result(path, Sharing)
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        write_result(path, np.array([{}], dtype=object))
