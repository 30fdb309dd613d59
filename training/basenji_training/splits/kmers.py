"""K-mers as numbers, two bits a base, so that they are compared whole and sorted fast."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.sequence import UNKNOWN, reverse_complement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from basenji_kipoi.genome.fasta import Genome

__all__ = ["LONGEST_KMER", "canonical_words", "kmers_of_rows", "pieces"]

#: Bases in a word of 64 bits.
LONGEST_KMER = 32
#: Bases of a genome whose k-mers are packed at a time.
_PIECE_BP = 2**22


def _packed(codes: np.ndarray, length: int) -> np.ndarray:
    """Pack every run of `length` bases, at most 32, into a word: uint64, (bases - length + 1,)."""
    if length == 1:
        return codes.astype(np.uint64)
    half = length // 2
    words = _packed(codes, half)
    rest = words if length == 2 * half else _packed(codes, length - half)
    number = codes.size - length + 1
    left, right = words[:number], rest[half : half + number]
    return (left << np.uint64(2 * (length - half))) | right


def _words(codes: np.ndarray, length: int) -> np.ndarray:
    """Pack every k-mer into words; the last one may repeat bases of the one before."""
    number = codes.size - length + 1
    packed = _packed(codes, min(length, LONGEST_KMER))
    starts = [*range(0, length - LONGEST_KMER, LONGEST_KMER), max(length - LONGEST_KMER, 0)]
    return np.stack([packed[start : start + number] for start in starts])


def _known(codes: np.ndarray, length: int) -> np.ndarray:
    unknown = np.append(0, np.cumsum(codes == UNKNOWN))
    return unknown[length:] == unknown[:-length]


def canonical_words(codes: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Pack k-mers so that those of the two strands are equal.

    Parameters
    ----------
    codes : ndarray, uint8, shape (bases,)
        Codes as `basenji_kipoi.base.sequence.encode` makes them.
    length
        Bases of a k-mer.

    Returns
    -------
    words : ndarray, uint64, shape (words, bases - length + 1)
        The smaller one of each k-mer and its reverse complement.
    known : ndarray, bool, shape (bases - length + 1,)
        Whether it has no unknown base; the words of others mean nothing.
    """
    forward = _words(codes & 3, length)
    backward = _words(reverse_complement(codes) & 3, length)[:, ::-1]
    is_smaller = np.zeros(forward.shape[1], dtype=bool)
    is_equal = ~is_smaller
    for one, two in zip(forward, backward, strict=True):
        is_smaller |= is_equal & (one < two)
        is_equal &= one == two
    return np.where(is_smaller, forward, backward), _known(codes, length)


def kmers_of_rows(
    codes: np.ndarray, length: int, *, either_strand: bool
) -> tuple[np.ndarray, np.ndarray]:
    """List the k-mers of many sequences.

    Parameters
    ----------
    codes : ndarray, uint8, shape (sequences, longest)
        Codes; what is unknown, such as padding, is in no k-mer.
    length
        Bases of a k-mer, at most `LONGEST_KMER`.
    either_strand
        Whether a k-mer equals its reverse complement.

    Returns
    -------
    words : ndarray, uint64, shape (k-mers,)
        The k-mers.
    rows : ndarray, int64, shape (k-mers,)
        The sequence that each is of.
    """
    # An unknown base behind each sequence keeps it apart from the next.
    joined = np.pad(codes, ((0, 0), (0, 1)), constant_values=UNKNOWN)
    width, joined = joined.shape[1], joined.ravel()
    if joined.size < length:
        return np.empty(0, np.uint64), np.empty(0, np.int64)
    if either_strand:
        words, known = canonical_words(joined, length)
    else:
        words, known = _words(joined & 3, length), _known(joined, length)
    at = np.flatnonzero(known)
    return words[0, at], at // width


def pieces(
    genome: Genome, contigs: Iterable[str], length: int
) -> Iterator[tuple[str, int, np.ndarray]]:
    """Read contigs in pieces that share all but one base of a k-mer with the next one.

    Parameters
    ----------
    genome
        The genome.
    contigs
        Names of contigs; those shorter than a k-mer have no piece.
    length
        Bases of a k-mer.

    Yields
    ------
    str, int, ndarray of uint8
        Contig, first base (0-based) and codes of a piece.
    """
    for name in contigs:
        size = genome.lengths[name]
        for start in range(0, size - length + 1, _PIECE_BP):
            end = min(start + _PIECE_BP + length - 1, size)
            yield name, start, genome.codes(name, start, end)
