"""Splits of measured sequences: those that share k-mers, or come from one contig, stay together."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from basenji_kipoi.base.sequence import ALPHABET
from basenji_training.splits.folds import SPLITS
from basenji_training.splits.kmers import canonical_words, kmers_of_rows, pieces

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.genome.fasta import Genome

__all__ = ["group_sequences", "leaks", "occur_in_contigs", "split_groups"]

_LETTERS = np.frombuffer(ALPHABET.encode(), np.uint8)


def group_sequences(
    codes: np.ndarray, length: int, given: Sequence[str | None]
) -> tuple[np.ndarray, list[str]]:
    """Group sequences: those that share a k-mer, on either strand, are in one group.

    Groups that are given stay as they are, but for those that a sequence without one connects.

    Parameters
    ----------
    codes : ndarray, uint8, shape (sequences, longest)
        Codes, unknown where nothing is to be compared.
    length
        Bases of a k-mer.
    given
        Group of each sequence, or None.

    Returns
    -------
    numbers : ndarray, int32, shape (sequences,)
        Group of each sequence.
    names : list of str
        Name of each group: the given one that comes first, otherwise the sequence that comes first
        in the alphabet.
    """
    rows = len(codes)
    labels = {name: number for number, name in enumerate(dict.fromkeys(filter(None, given)))}
    label = np.array([-1 if each is None else labels[each] for each in given], dtype=np.int64)
    words, owners = kmers_of_rows(codes, length, either_strand=True)
    kmers, words = np.unique(words, return_inverse=True)
    # What joins given groups alone joins nothing: only k-mers of other sequences count.
    counts = np.zeros(len(kmers), dtype=bool)
    counts[words[label[owners] < 0]] = True
    words, owners = words[counts[words]], owners[counts[words]]
    named = np.flatnonzero(label >= 0)
    ends = np.concatenate([rows + label[named], rows + len(labels) + words])
    size = rows + len(labels) + len(kmers)
    starts = np.concatenate([named, owners])
    edges = coo_array((np.ones(len(starts), dtype=bool), (starts, ends)), shape=(size, size))
    component = connected_components(edges, directed=False)[1][:rows]
    numbers = np.unique(component, return_inverse=True)[1].astype(np.int32)
    # Codes from 1 on are bytes that sort as letters do, and none of which ends a text.
    texts = np.ascontiguousarray(codes + 1).view(f"S{codes.shape[1]}").ravel()
    names: dict[int, str] = {}
    for row in named:
        names.setdefault(int(numbers[row]), given[row])
    for row in np.argsort(texts, kind="stable"):
        names.setdefault(int(numbers[row]), _LETTERS[codes[row][codes[row] < 4]].tobytes().decode())
    return numbers, [names[number] for number in range(len(names))]


def occur_in_contigs(
    codes: np.ndarray, length: int, genome: Genome, contigs: Mapping[str, Sequence[str]]
) -> dict[str, np.ndarray]:
    """Find the sequences that share a k-mer with contigs, on either strand.

    Parameters
    ----------
    codes : ndarray, uint8, shape (sequences, longest)
        Codes, unknown where nothing is to be compared.
    length
        Bases of a k-mer.
    genome
        The genome.
    contigs
        Names of its contigs, by what they are for.

    Returns
    -------
    dict of str to ndarray, bool, shape (sequences,)
        Whether a sequence does, by the same.
    """
    words, owners = kmers_of_rows(codes, length, either_strand=True)
    kmers, words = np.unique(words, return_inverse=True)
    share = {}
    for purpose, names in contigs.items():
        found = np.zeros(len(kmers), dtype=bool)
        for _, _, piece in pieces(genome, names, length):
            theirs, known = canonical_words(piece, length)
            theirs = np.sort(theirs[0, known])
            at = np.searchsorted(theirs, kmers)
            inside = at < len(theirs)
            found[inside] |= theirs[at[inside]] == kmers[inside]
        share[purpose] = np.zeros(len(codes), dtype=bool)
        share[purpose][owners[found[words]]] = True
    return share


def split_groups(
    numbers: np.ndarray,
    names: Sequence[str],
    origin: Mapping[str, np.ndarray],
    shares: Mapping[str, float],
) -> np.ndarray:
    """Divide groups among training, validation and test.

    A group with a sequence of a test contig is tested on, else one with a sequence of a validation
    contig validates; of the others, the CRC-32 of their names modulo 100 decides. Where groups of
    several names became one, it goes where the most cautious of them does.

    Parameters
    ----------
    numbers : ndarray, int32, shape (sequences,)
        Group of each sequence.
    names
        Name of the group of each sequence.
    origin
        ``test`` and ``validation`` -> which sequences come from such a contig: bool, (sequences,).
    shares
        The same -> percent of the other groups.

    Returns
    -------
    ndarray, uint8, shape (sequences,)
        Number of each sequence's split in `SPLITS`.
    """
    drawn = np.array([zlib.crc32(name.encode()) % 100 for name in names])
    train, validation, test = range(len(SPLITS))  # the more cautious, the higher
    mine = np.full(len(names), train, dtype=np.uint8)
    mine[drawn < shares["test"] + shares["validation"]] = validation
    mine[drawn < shares["test"]] = test
    split = np.zeros(numbers.max(initial=-1) + 1, dtype=np.uint8)
    np.maximum.at(split, numbers, mine)
    split[numbers[origin["validation"]]] = validation
    split[numbers[origin["test"]]] = test
    return split[numbers]


def leaks(codes: np.ndarray, length: int, split: np.ndarray, *, either_strand: bool) -> np.ndarray:
    """Find sequences of different splits that share a k-mer.

    Parameters
    ----------
    codes : ndarray, uint8, shape (sequences, longest)
        Codes, unknown where nothing is to be compared.
    length
        Bases of a k-mer.
    split : ndarray, uint8, shape (sequences,)
        Split of each sequence.
    either_strand
        Whether a k-mer equals its reverse complement.

    Returns
    -------
    ndarray, int64, shape (leaks, 2)
        For each k-mer that several splits have, two sequences that have it.
    """
    words, owners = kmers_of_rows(codes, length, either_strand=either_strand)
    order = np.lexsort((split[owners], words))
    words, owners = words[order], owners[order]
    at = np.flatnonzero((words[1:] == words[:-1]) & (split[owners[1:]] != split[owners[:-1]]))
    return np.stack([owners[at], owners[at + 1]], axis=1)
