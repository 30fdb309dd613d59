"""Motifs that are known: MEME files, and JASPAR as the package pyjaspar carries it."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.faces import library
from basenji_kipoi.interpretation.motif_matrices import Motif, read_meme
from basenji_kipoi.interpretation.motifs.similarity import similarity

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Known", "names_of", "read_database"]

#: What is added to each count of a base.
_PSEUDOCOUNT = 0.1
#: Motifs that a comparison names at most, and the likeness from which on it does.
_NAMED, _LEAST = 3, 0.6
#: With fewer motifs in a database, chances of a match mean little.
FEWEST_FOR_CHANCES = 25


@dataclass(frozen=True)
class Known:
    """A motif of a database that a found one is like.

    Attributes
    ----------
    name : str
        Its name, and its identifier behind it if it has both.
    similarity : float
        As `basenji_kipoi.interpretation.motifs.similarity.similarity` computes it.
    chance : float
        TOMTOM's p-value times the number of motifs in the database, at most 1 (E-value, Gupta et
        al. 2007); NaN of databases that are too small for it.
    """

    name: str
    similarity: float
    chance: float


def read_database(text: str) -> list[Motif]:
    """Read a database.

    Parameters
    ----------
    text
        A MEME file, ``jaspar`` (all of the core collection), or ``jaspar:GROUP`` for the taxonomic
        group of that name, such as fungi, plants or vertebrates.

    Raises
    ------
    InputError
        If it has no motifs.
    MissingLibraryError
        If JASPAR is asked for without pyjaspar.
    """
    match = re.fullmatch(r"jaspar(?::(\w+))?", text)
    if not match or Path(text).exists():
        return read_meme(Path(text))
    release = library("pyjaspar", "--database jaspar").jaspardb()
    group = {"tax_group": [match[1]]} if match[1] else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of no motifs, which is said below
        found = release.fetch_motifs(collection=["CORE"], **group)
    if not found:
        raise InputError(
            f"--database {text}: {release.release} has no motifs of it: expected a group such as "
            "fungi, plants, insects or vertebrates"
        )
    return [Motif(each.name, _shares(each.counts), each.matrix_id) for each in found]


def _shares(counts: dict[str, Sequence[float]]) -> np.ndarray:
    table = np.array([counts[base] for base in ALPHABET], dtype=np.float64).T + _PSEUDOCOUNT
    return table / table.sum(axis=1, keepdims=True)


def names_of(matrices: Sequence[np.ndarray], database: Sequence[Motif]) -> list[list[Known]]:
    """Find the motifs of a database that found ones are most like.

    Parameters
    ----------
    matrices : sequence of ndarray, float64, shape (positions, 4)
        Letter probabilities of the found ones.
    database
        The known ones.

    Returns
    -------
    list of list of Known
        Of each at most three, the most alike first.
    """
    chances = np.full((len(matrices), len(database)), np.nan)
    if matrices and len(database) >= FEWEST_FOR_CHANCES:
        tomtom = library("memelite", "basenji motifs").tomtom
        found, *_ = tomtom(
            [each.T for each in matrices], [each.probabilities.T for each in database], n_jobs=1
        )
        chances = np.minimum(found * len(database), 1)
    named = []
    for row, matrix in enumerate(matrices):
        values = np.array([similarity(matrix, each.probabilities).value for each in database])
        order = np.argsort(-values)[:_NAMED]
        named.append(
            [
                Known(
                    f"{database[n].name} {database[n].other_name}".strip(),
                    float(values[n]),
                    float(chances[row, n]),
                )
                for n in order
                if values[n] >= _LEAST
            ]
        )
    return named
