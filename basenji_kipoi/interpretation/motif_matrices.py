"""Motifs as matrices of letter probabilities: IUPAC consensus, and files in MEME's format."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.base.text_files import text_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

__all__ = [
    "Motif",
    "consensus_of",
    "iupac_matrix",
    "motif_named",
    "read_meme",
    "write_meme",
]

#: Letters of nucleotides and the bases that each stands for (IUPAC-IUB 1984).
IUPAC = {
    "A": "A", "C": "C", "G": "G", "T": "T", "U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT",
    "K": "GT", "M": "AC", "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
_LETTER_OF = {bases: letter for letter, bases in IUPAC.items() if letter != "U"}
#: Share of the most probable base from which on another one is named beside it.
_BESIDE = 0.5
#: What the probabilities of a position may miss 1 by: files have few digits.
_ROUNDING = 0.05


@dataclass(frozen=True)
class Motif:
    """A motif.

    Attributes
    ----------
    name : str
        Its name.
    probabilities : ndarray, float64, shape (positions, 4)
        Probabilities of A, C, G, T.
    other_name : str
        A second name, which MEME files may have; empty if there is none.
    """

    name: str
    probabilities: np.ndarray
    other_name: str = ""

    def __len__(self) -> int:
        return len(self.probabilities)

    @property
    def information(self) -> np.ndarray:
        """Information of each position against equal bases: bits, float64 (positions,)."""
        p = np.clip(self.probabilities, 1e-12, 1)
        return 2 + (p * np.log2(p)).sum(axis=1)


def iupac_matrix(letters: str) -> np.ndarray:
    """Turn a consensus into letter probabilities: float64, shape (positions, 4).

    Parameters
    ----------
    letters
        IUPAC letters of either case; bases that one stands for are equally probable.

    Raises
    ------
    InputError
        If it is empty or has another letter; names that.
    """
    for letter in letters.upper():
        if letter not in IUPAC:
            raise InputError(
                f"{letter!r} is no letter of DNA: expected A, C, G, T, or IUPAC codes such as R, "
                "Y and N"
            )
    if not letters:
        raise InputError("no letters: expected a consensus such as TGACTCA")
    table = np.zeros((len(letters), len(ALPHABET)))
    for row, letter in enumerate(letters.upper()):
        bases = IUPAC[letter]
        table[row, [ALPHABET.index(base) for base in bases]] = 1 / len(bases)
    return table


def consensus_of(probabilities: np.ndarray) -> str:
    """Name a matrix by IUPAC letters: of the bases at least half as probable as the best."""
    rows = probabilities >= _BESIDE * probabilities.max(axis=1, keepdims=True)
    return "".join(_LETTER_OF["".join(b for b, has in zip(ALPHABET, row) if has)] for row in rows)


def read_meme(path: Path) -> list[Motif]:
    """Read the motifs of a file in MEME's minimal format (version 4 or newer).

    Parameters
    ----------
    path
        The file, plain or gzip.

    Raises
    ------
    InputError
        If it cannot be read, has no motif, or a matrix is not one of probabilities of four bases.
    """
    motifs: list[Motif] = []
    with text_lines(path, "MEME") as numbered:
        lines = (line.strip() for _, line in numbered)
        names: list[str] | None = None
        for line in lines:
            words = line.split()
            if words[:1] == ["ALPHABET="] and words[1:] != [ALPHABET]:
                raise ValueError(f"the alphabet {' '.join(words[1:])}: expected {ALPHABET}")
            if words[:1] == ["MOTIF"]:
                if len(words) < 2:
                    raise ValueError("a motif without a name")
                names = words[1:3]
            elif line.startswith("letter-probability matrix"):
                if names is None:
                    raise ValueError("a matrix without a line MOTIF before it")
                motifs.append(Motif(names[0], _matrix(line, lines), " ".join(names[1:])))
                names = None
    if not motifs:
        raise InputError(f"{path} has no motifs: expected MEME's format, with lines MOTIF NAME")
    return motifs


def _matrix(header: str, lines: Iterator[str]) -> np.ndarray:
    width = re.search(r"\bw=\s*(\d+)", header)
    rows: list[list[float]] = []
    for line in lines:
        if not line:
            if rows or width is None:
                break
            continue
        values = [float(word) for word in line.split()]
        if len(values) != len(ALPHABET) or not abs(sum(values) - 1) < _ROUNDING or min(values) < 0:
            raise ValueError(f"expected the probabilities of {ALPHABET}, not {line!r}")
        rows.append(values)
        if width is not None and len(rows) == int(width[1]):
            break
    if not rows or (width is not None and len(rows) != int(width[1])):
        raise ValueError(f"a matrix of {len(rows)} rows: its header has {header!r}")
    table = np.array(rows)
    return table / table.sum(axis=1, keepdims=True)


def write_meme(path: Path, motifs: Iterable[Motif]) -> None:
    """Write motifs in MEME's minimal format."""
    parts = ["MEME version 4", "", f"ALPHABET= {ALPHABET}", "", "strands: + -", ""]
    for motif in motifs:
        parts += [
            f"MOTIF {motif.name}{' ' * bool(motif.other_name)}{motif.other_name}",
            f"letter-probability matrix: alength= 4 w= {len(motif)}",
            *(" ".join(f"{p:.6f}" for p in row) for row in motif.probabilities),
            "",
        ]
    path.write_text("\n".join(parts), encoding="utf-8")


def motif_named(motifs: Sequence[Motif], name: str, path: Path) -> Motif:
    """Find a motif of a file by either of its names.

    Raises
    ------
    InputError
        If there is none; suggests near names.
    """
    for motif in motifs:
        if name in (motif.name, motif.other_name):
            return motif
    known = [each for motif in motifs for each in (motif.name, motif.other_name) if each]
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f": did you mean {', '.join(near)}?" if near else f": it has {', '.join(known[:5])}"
    raise InputError(f"{path} has no motif {name!r}{hint}")
