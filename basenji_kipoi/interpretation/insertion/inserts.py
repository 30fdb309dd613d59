"""What is put into sequences: a consensus, a motif's matrix, or any sequence."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.base.text_files import fasta_records, text_lines
from basenji_kipoi.interpretation.motif_matrices import iupac_matrix, motif_named, read_meme

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Insert", "read_insert", "read_inserts"]

#: Letters of a name that is given to a sequence without one.
_LONGEST_NAME = 24
_EQUAL = 1 / len(ALPHABET)


@dataclass(frozen=True)
class Insert:
    """A sequence, or a motif from which sequences are drawn.

    Attributes
    ----------
    name : str
        Its name.
    probabilities : ndarray, float64, shape (bases, 4)
        Probabilities of A, C, G, T. Where all four are equal, the background's base stays.
    """

    name: str
    probabilities: np.ndarray

    def __len__(self) -> int:
        return len(self.probabilities)

    def site(
        self, background: np.ndarray, random: np.random.Generator, *, sampled: bool = False
    ) -> np.ndarray:
        """Draw a site.

        Parameters
        ----------
        background : ndarray, uint8, shape (bases,)
            The bases where it will stand, read on its strand.
        random
            Source of randomness.
        sampled
            Whether each base is drawn from its probabilities; otherwise it is the most probable
            one, drawn only between equals.

        Returns
        -------
        ndarray, uint8, shape (bases,)
            Codes.
        """
        p = self.probabilities
        weights = p if sampled else (p >= p.max(axis=1, keepdims=True) - 1e-9) * 1.0
        steps = (weights / weights.sum(axis=1, keepdims=True)).cumsum(axis=1)[:, :-1]
        drawn = (random.random((len(self), 1)) >= steps).sum(axis=1).astype(np.uint8)
        stays = np.abs(p - _EQUAL).max(axis=1) < 1e-9
        return np.where(stays, background, drawn).astype(np.uint8)


def read_insert(text: str) -> Insert:
    """Read what is to be put in.

    Parameters
    ----------
    text
        ``LETTERS`` or ``NAME=LETTERS``, where letters are IUPAC's and N keeps the background's
        base; or ``FILE:NAME``, a motif of a MEME file or a sequence of a FASTA file.

    Raises
    ------
    InputError
        If it has other letters, or the file has no such motif or sequence.
    """
    file, colon, record = text.rpartition(":")
    if colon and ("=" not in text or Path(file).exists()):
        return _of_file(Path(file), record)
    name, equals, letters = text.rpartition("=")
    if equals and not name:
        raise InputError(f"--insert {text}: expected NAME=LETTERS, with a name before the =")
    try:
        table = iupac_matrix(letters.strip())
    except InputError as error:
        shown = text if len(text) <= 2 * _LONGEST_NAME else f"{text[:_LONGEST_NAME]}…"
        raise InputError(f"--insert {shown}: {error}; a motif of a file is FILE:NAME") from None
    return Insert((name or letters)[:_LONGEST_NAME], table)


def read_inserts(texts: Sequence[str]) -> list[Insert]:
    """Read all that is to be put in, each under a name of its own."""
    found = [read_insert(text) for text in texts]
    if not found:
        raise InputError("nothing to insert: pass --insert NAME=LETTERS, or FILE:NAME")
    names = [each.name for each in found]
    if double := [name for name in names if names.count(name) > 1]:
        raise InputError(f"--insert: {double[0]} stands twice: give each a name, NAME=LETTERS")
    return found


def _of_file(path: Path, name: str) -> Insert:
    with text_lines(path, "MEME or FASTA") as lines:
        first = next((line for _, line in lines if line.strip()), "")
    if not first.startswith(">"):
        motif = motif_named(read_meme(path), name, path)
        return Insert(name, motif.probabilities)
    with text_lines(path, "FASTA") as lines:
        for title, letters in fasta_records(lines):
            if re.split(r"\s", title, maxsplit=1)[0] != name:
                continue
            try:
                return Insert(name, iupac_matrix(letters))
            except InputError as error:
                raise InputError(f"{path}: the sequence {name}: {error}") from None
    raise InputError(f"{path} has no sequence {name!r}")
