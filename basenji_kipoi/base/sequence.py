"""Coding of DNA: letters to codes, codes to one-hot channels.

Channels are A, C, G, T in this order. Lower case (soft-masked) letters equal upper case; every
other letter, and padding beyond a chromosome, is unknown and spreads 0.25 over the four channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

__all__ = [
    "ALPHABET",
    "UNKNOWN",
    "Allele",
    "codes_of",
    "complement",
    "encode",
    "encode_rows",
    "is_substitution",
    "letters",
    "one_hot",
    "reverse_complement",
    "shifted",
    "short_allele",
]


def is_substitution(allele: Allele) -> bool:
    """Tell whether an allele replaces bases by as many others."""
    return allele.removed == len(allele.inserted) > 0


def short_allele(letters: str) -> str:
    """Write an allele as it can be read: of one of more than 20 letters the first, and how many."""
    return letters if len(letters) <= 20 else f"{letters[:12]}… ({len(letters):,} bp)"


def shifted(allele: Allele, bases: int) -> Allele:
    """Move an allele within its window."""
    return Allele(allele.position + bases, allele.removed, allele.inserted)


class Allele(NamedTuple):
    """An alternative allele: bases [position, position + removed) of the window become others.

    Attributes
    ----------
    position : int
        First replaced base in the window (0-based); for an insertion the base before which it is.
    removed : int
        Number of replaced bases.
    inserted : ndarray, uint8, shape (bases,)
        Codes of the bases in their stead.
    """

    position: int
    removed: int
    inserted: np.ndarray


ALPHABET = "ACGT"


#: Code of every letter that is not one of the four bases, and of padding.
UNKNOWN = 4


_CODE_OF_BYTE = np.full(256, UNKNOWN, dtype=np.uint8)


for _code, _letter in enumerate(ALPHABET):
    _CODE_OF_BYTE[[ord(_letter), ord(_letter.lower())]] = _code


_CHANNELS_OF_CODE = np.concatenate([np.eye(4), np.full((1, 4), 0.25)])


_LETTERS = np.array([*ALPHABET, "N"])


_COMPLEMENT = np.array([3, 2, 1, 0, UNKNOWN], dtype=np.uint8)


def encode(sequence: str | bytes) -> np.ndarray:
    """Code a sequence.

    Parameters
    ----------
    sequence
        DNA letters of either case.

    Returns
    -------
    ndarray, uint8, shape (length,)
        0, 1, 2, 3 for A, C, G, T and 4 for anything else.
    """
    if isinstance(sequence, str):
        # One byte a letter even for letters outside ASCII, which count as unknown.
        sequence = sequence.encode("ascii", errors="replace")
    return _CODE_OF_BYTE[np.frombuffer(sequence, dtype=np.uint8)]


def letters(codes: np.ndarray) -> np.ndarray:
    """Return the letters of codes: str, of the same shape; ``N`` for what is unknown."""
    return _LETTERS[codes]


def encode_rows(sequences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Code sequences of any lengths.

    Parameters
    ----------
    sequences
        Their letters.

    Returns
    -------
    codes : ndarray, uint8, shape (sequences, longest)
        Codes, unknown behind a sequence's end.
    lengths : ndarray, int32, shape (sequences,)
        Their lengths (bp).
    """
    lengths = np.array([len(each) for each in sequences], dtype=np.int32)
    codes = np.full((len(lengths), lengths.max(initial=0)), UNKNOWN, dtype=np.uint8)
    codes[np.arange(codes.shape[1]) < lengths[:, None]] = encode("".join(sequences))
    return codes, lengths


def one_hot(codes: np.ndarray, dtype: npt.DTypeLike = np.float32) -> np.ndarray:
    """Turn codes into the channels that a network reads.

    Parameters
    ----------
    codes : ndarray, uint8, shape (..., length)
        Codes as `encode` makes them.
    dtype
        Floating type of the result.

    Returns
    -------
    ndarray, shape (..., length, 4)
        Channels A, C, G, T; 0.25 in each for an unknown base.
    """
    return _CHANNELS_OF_CODE.astype(dtype).take(codes, axis=0)


def codes_of(channels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Turn channels back into codes.

    Parameters
    ----------
    channels : ndarray, shape (batch, length, 4)
        Any numbers.

    Returns
    -------
    codes : ndarray, uint8, shape (batch, length)
        The code of the channel that is 1; 4 where none is.
    exact : ndarray, bool, shape (batch,)
        Whether `one_hot` of the codes gives the channels back.
    """
    codes = np.full(channels.shape[:-1], UNKNOWN, dtype=np.uint8)
    for code in range(len(ALPHABET)):
        codes -= (channels[..., code] == 1) * np.uint8(UNKNOWN - code)
    # Several channels of 1 are no sequence, whatever their code.
    np.minimum(codes, UNKNOWN, out=codes)
    return codes, (one_hot(codes, channels.dtype) == channels).all(axis=(1, 2))


def complement(codes: np.ndarray) -> np.ndarray:
    """Complement codes without reversing them.

    Parameters
    ----------
    codes : ndarray, uint8, shape (..., length)
        Codes as `encode` makes them.

    Returns
    -------
    ndarray, uint8, shape (..., length)
        The complementary bases; unknown stays unknown.
    """
    return _COMPLEMENT.take(codes)


def reverse_complement(codes: np.ndarray) -> np.ndarray:
    """Read codes on the other strand.

    Parameters
    ----------
    codes : ndarray, uint8, shape (..., length)
        Codes as `encode` makes them.

    Returns
    -------
    ndarray, uint8, shape (..., length)
        The reverse complement.
    """
    return complement(codes)[..., ::-1]
