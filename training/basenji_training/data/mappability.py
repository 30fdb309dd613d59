"""Where reads of a length cannot be placed: bases that only repeated k-mers cover.

A k-mer is unique if it occurs once on the two strands of the genome together. A base is mappable
if at least one unique k-mer covers it, so some read over it has a single place (the single-read
mappability of Karimzadeh et al. 2018). Exact: k-mers are compared whole, two bits a base.

K-mers are sorted in passes over the genome, each of which takes those with one remainder of a
mixed first word. A pass holds about 34 million, which takes 2 GB for k up to 64, beside a byte for
each base of the genome.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sequence import UNKNOWN, reverse_complement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from basenji_kipoi.genome.fasta import Genome

__all__ = ["canonical_words", "unmappable_intervals"]

_PASS_KMERS = 2**25
_PIECE_BP = 2**22
#: Bases in a word of 64 bits.
_WORD = 32
# Odd and irregular, so that low-complexity k-mers spread over all passes (2^64 / golden ratio).
_MIX = np.uint64(0x9E3779B97F4A7C15)


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
    packed = _packed(codes, min(length, _WORD))
    starts = [*range(0, length - _WORD, _WORD), max(length - _WORD, 0)]
    return np.stack([packed[start : start + number] for start in starts])


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
    unknown = np.append(0, np.cumsum(codes == UNKNOWN))
    known = unknown[length:] == unknown[:-length]
    return np.where(is_smaller, forward, backward), known


def _pieces(genome: Genome, length: int) -> Iterator[tuple[str, int, np.ndarray]]:
    """Yield chromosomes in pieces that share all but one base of a k-mer with the next one."""
    for name, size in genome.lengths.items():
        for start in range(0, size - length + 1, _PIECE_BP):
            end = min(start + _PIECE_BP + length - 1, size)
            yield name, start, genome.codes(name, start, end)


def _repeated(words: np.ndarray) -> np.ndarray:
    """Tell which columns occur more than once: bool, (columns,)."""
    order = np.lexsort(words[::-1])
    same = np.ones(max(words.shape[1] - 1, 0), dtype=bool)
    for row in words:
        ordered = row[order]
        same &= ordered[1:] == ordered[:-1]
    repeated = np.zeros(words.shape[1], dtype=bool)
    repeated[order[1:]] |= same
    repeated[order[:-1]] |= same
    return repeated


def unmappable_intervals(
    genome: Genome, read_length: int, *, label: str = ""
) -> dict[str, np.ndarray]:
    """Find the bases that no unique k-mer covers.

    Parameters
    ----------
    genome
        The genome; its contigs count, whether they are trained on or not.
    read_length
        Length of the k-mers (bp), at least 8.
    label
        Text before a progress bar; no bar if empty.

    Returns
    -------
    dict of str to ndarray, int64, shape (intervals, 2)
        Chromosome -> 0-based half-open intervals in bp, in order.

    Raises
    ------
    InputError
        If k-mers are so short that no genome has unique ones.
    """
    if read_length < 8:
        raise InputError(f"--read-length is {read_length}: it must be at least 8 bp")
    unique = {name: np.zeros(size, dtype=bool) for name, size in genome.lengths.items()}
    total = sum(genome.lengths.values())
    passes = -(-total // _PASS_KMERS)
    with progress_bar(label, total=passes * total // 1000, unit="kb") as advance:
        for number in range(passes):
            for name, where, is_unique in _pass(genome, read_length, number, passes, advance):
                unique[name][where] = is_unique
    return {name: _uncovered(starts, read_length) for name, starts in unique.items()}


def _pass(
    genome: Genome, length: int, number: int, passes: int, advance: Callable[[float], None]
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Compare the k-mers of a pass; yield where they start, and which of them are unique."""
    found = []
    for name, start, codes in _pieces(genome, length):
        words, known = canonical_words(codes, length)
        chosen = known & ((words[0] * _MIX >> np.uint64(40)) % np.uint64(passes) == number)
        found.append((name, start + np.flatnonzero(chosen), words[:, chosen]))
        advance(words.shape[1] / 1000)
    if not found:
        return
    repeated = _repeated(np.concatenate([words for _, _, words in found], axis=1))
    cuts = np.cumsum([where.size for _, where, _ in found])[:-1]
    for (name, where, _), part in zip(found, np.split(repeated, cuts), strict=True):
        yield name, where, ~part


def _uncovered(starts: np.ndarray, length: int) -> np.ndarray:
    """Find the bases that no k-mer of those that start here covers."""
    steps = np.zeros(starts.size + 1, dtype=np.int32)
    at = np.flatnonzero(starts)
    steps[at] += 1
    steps[at + length] -= 1
    edges = np.diff(np.cumsum(steps[:-1]) == 0, prepend=False, append=False)
    return np.flatnonzero(edges).reshape(-1, 2)
