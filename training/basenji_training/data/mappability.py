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
from basenji_training.splits.kmers import canonical_words, pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from basenji_kipoi.genome.fasta import Genome

__all__ = ["unmappable_intervals"]

_PASS_KMERS = 2**25
# Odd and irregular, so that low-complexity k-mers spread over all passes (2^64 / golden ratio).
_MIX = np.uint64(0x9E3779B97F4A7C15)


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
    for name, start, codes in pieces(genome, genome.lengths, length):
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
