"""The sequences that motifs are put into: shuffled ones, or such as they are."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import encode
from basenji_kipoi.base.text_files import fasta_records, text_lines
from basenji_kipoi.genome.intervals import centred_window
from basenji_kipoi.interpretation.shuffling import shuffled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.genome.intervals import Interval

__all__ = ["Background", "around_intervals", "of_sequences", "read_backgrounds", "shuffles_of"]

_NOT_A_BASE = re.compile("[^ACGTNacgtn]")


class Background(NamedTuple):
    """A sequence that motifs are put into.

    Attributes
    ----------
    name : str
        Its name.
    codes : ndarray, uint8, shape (length,)
        Its bases.
    """

    name: str
    codes: np.ndarray


def around_intervals(
    genome: Genome, intervals: Iterable[Interval], length: int
) -> list[Background]:
    """Read the sequence of a length (bp) around the middle of each interval."""
    found = []
    for each in intervals:
        start, end = centred_window(each.start, each.end, length)
        name = str(each) if each.name == "." else each.name
        found.append(Background(name, genome.codes(each.chrom, start, end)))
    return found


def read_backgrounds(path: Path, longest: int) -> list[tuple[str, str]]:
    """Read the names and letters of a FASTA file.

    Raises
    ------
    InputError
        If it is none, has no sequence, or one of more than ``longest`` bases.
    """
    with text_lines(path, "FASTA") as lines:
        found = [(name.split()[0] if name else "", text) for name, text in fasta_records(lines)]
    if not found:
        raise InputError(f"{path} has no sequences: expected FASTA of backgrounds")
    for name, text in found:
        if len(text) > longest:
            raise InputError(
                f"{path}: the background {name} has {len(text):,} bases: expected {longest:,} at "
                "most"
            )
    return found


def of_sequences(
    named: Iterable[tuple[str, str]], length: int, *, shorter: bool = False, source: str = ""
) -> list[Background]:
    """Take sequences as backgrounds.

    Parameters
    ----------
    named
        Name and letters of each.
    length
        Bases that each must have.
    shorter
        Whether they may have fewer, all the same number.
    source
        Where they are from, for messages.

    Raises
    ------
    InputError
        If one has another length, or letters that are no bases; names it.
    """
    found = []
    where = f"{source}: " if source else ""
    for name, letters in named:
        wanted = len(found[0].codes) if found and shorter else length
        fits = len(letters) == wanted or (shorter and not found and 0 < len(letters) <= length)
        if not fits:
            what = "as the first one" if found and shorter else "the model's window"
            raise InputError(
                f"{where}the background {name} has {len(letters):,} bases: expected {wanted:,}, "
                f"{what}"
            )
        if bad := _NOT_A_BASE.search(letters):
            raise InputError(f"{where}the background {name}: {bad[0]!r} is no base")
        found.append(Background(name, encode(letters)))
    return found


def shuffles_of(given: Sequence[Background], number: int, seed: int) -> list[Background]:
    """Shuffle backgrounds, keeping the counts of their dinucleotides.

    Parameters
    ----------
    given
        The backgrounds.
    number
        Shuffled ones of each; with 0 they stay as they are.
    seed
        A shuffle depends on it, on the place of the background and on its own number alone.
    """
    if not number:
        return list(given)
    return [
        Background(
            f"{each.name}#{copy + 1}",
            shuffled(each.codes, np.random.default_rng([seed, place, copy])),
        )
        for place, each in enumerate(given)
        for copy in range(number)
    ]
