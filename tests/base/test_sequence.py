"""Coding agrees with its plain definition, letter by letter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from basenji_kipoi.base.sequence import (
    UNKNOWN,
    codes_of,
    complement,
    encode,
    one_hot,
    reverse_complement,
)

# Every letter of the IUPAC code in both cases, gaps, and letters beyond ASCII of 1 to 4 bytes.
LETTERS = st.text("ACGTacgtNnRYSWKMBDHVrywkmbdhv-*. \n\0é€🧬")
CODES = st.lists(st.integers(0, UNKNOWN)).map(lambda codes: np.array(codes, np.uint8))


@given(LETTERS)
def test_codes_are_places_in_the_alphabet(sequence):
    codes = encode(sequence)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [
        "ACGT".index(letter) if letter in "ACGT" else UNKNOWN
        for letter in (raw.upper() if raw in "acgt" else raw for raw in sequence)
    ]


@given(st.binary())
def test_every_byte_has_a_code(sequence):
    assert encode(sequence).tolist() == [
        b"ACGT".find(sequence[i : i + 1].upper()) % (UNKNOWN + 1) for i in range(len(sequence))
    ]


@given(CODES, st.sampled_from([np.float32, np.float16, np.float64]))
def test_channels_of_bases_and_of_the_unknown(codes, dtype):
    channels = one_hot(codes, dtype)
    assert channels.dtype == dtype
    assert channels.shape == (len(codes), 4)
    for code, row in zip(codes, channels):
        expected = [0.25] * 4 if code == UNKNOWN else [float(code == i) for i in range(4)]
        assert row.tolist() == expected


def test_channels_keep_leading_axes():
    codes = np.arange(30).reshape(2, 3, 5).astype(np.uint8) % 5
    channels = one_hot(codes)
    assert channels.shape == (2, 3, 5, 4)
    np.testing.assert_array_equal(channels[1, 2], one_hot(codes[1, 2]))


@pytest.mark.parametrize(
    ("sequence", "expected"),
    [("ACGT", "ACGT"), ("AACCn", "NGGTT"), ("gattaca", "TGTAATC"), ("", "")],
)
def test_reverse_complement_of_known_sequences(sequence, expected):
    np.testing.assert_array_equal(reverse_complement(encode(sequence)), encode(expected))


@given(CODES)
def test_reverse_complement_undoes_itself(codes):
    np.testing.assert_array_equal(reverse_complement(reverse_complement(codes)), codes)
    np.testing.assert_array_equal(complement(complement(codes)), codes)


@given(CODES)
def test_reverse_complement_flips_both_axes_of_the_channels(codes):
    # Channels A, C, G, T: turning the matrix by half a turn is the reverse complement.
    np.testing.assert_array_equal(one_hot(reverse_complement(codes)), one_hot(codes)[::-1, ::-1])


def test_reverse_complement_treats_each_sequence_of_a_batch_alone():
    batch = np.stack([encode("ACCN"), encode("TTGA")])
    expected = np.stack([encode("NGGT"), encode("TCAA")])
    np.testing.assert_array_equal(reverse_complement(batch), expected)


@given(CODES)
def test_channels_give_their_codes_back(codes):
    found, exact = codes_of(one_hot(codes[None]))
    np.testing.assert_array_equal(found, codes[None])
    assert exact.tolist() == [True]


@pytest.mark.parametrize(
    "other", [[0, 0, 0, 0], [0.5, 0, 0, 0.5], [1, 1e-9, 0, 0], [1, 1, 0, 0], [np.nan] * 4]
)
def test_channels_that_are_no_sequence_are_told(other):
    windows = one_hot(np.zeros((3, 5), dtype=np.uint8))
    windows[1, 2] = other
    assert codes_of(windows)[1].tolist() == [True, False, True]
