"""Which chromosomes are trained on, which choose the model, which measure it."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING

from basenji_kipoi.errors import InputError
from basenji_kipoi.genome import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["SPLITS", "assign_folds", "known_chromosomes"]

SPLITS = ("train", "validation", "test")


def known_chromosomes(names: Sequence[str], lengths: Mapping[str, int], option: str) -> list[str]:
    """Check chromosome names given by a user.

    Parameters
    ----------
    names
        The names; each may stand once.
    lengths
        The genome's chromosomes.
    option
        What the names were given for, for the message.

    Returns
    -------
    list of str
        The names.

    Raises
    ------
    InputError
        If one is not a chromosome of the genome or stands twice.
    """
    for name in names:
        if name not in lengths:
            near = did_you_mean(name, lengths)
            raise InputError(f"{option}: the FASTA has no chromosome {name!r}{near}")
        if list(names).count(name) > 1:
            raise InputError(f"{option}: chromosome {name} is named twice")
    return list(names)


def _matching(patterns: Sequence[str], lengths: Mapping[str, int]) -> list[str]:
    """Chromosomes that fit any pattern; a pattern that fits none is an error like a wrong name."""
    names: dict[str, None] = {}
    for pattern in patterns:
        found = fnmatch.filter(lengths, pattern)
        names.update(dict.fromkeys(found or known_chromosomes([pattern], lengths, "--exclude")))
    return list(names)


def assign_folds(
    lengths: Mapping[str, int],
    *,
    test: Sequence[str],
    validation: Sequence[str],
    exclude: Sequence[str] = (),
) -> dict[str, list[str]]:
    """Divide whole chromosomes among training, validation and test.

    Chromosomes are named, not drawn: a random draw can leave a split empty, and homologous
    regions can be kept together only by who knows them.

    Parameters
    ----------
    lengths
        The genome's chromosomes.
    test, validation
        Chromosomes of these splits.
    exclude
        Chromosomes that belong to no split; shell patterns such as ``*_random`` are allowed.

    Returns
    -------
    dict
        `SPLITS` -> chromosomes, in the genome's order; train has what is left.

    Raises
    ------
    InputError
        If a name is unknown, stands in two places, or a split is empty.
    """
    named = {
        "--exclude": _matching(exclude, lengths),
        "--validation": known_chromosomes(validation, lengths, "--validation"),
        "--test": known_chromosomes(test, lengths, "--test"),
    }
    owner: dict[str, str] = {}
    for option, names in named.items():
        for name in names:
            if name in owner:
                raise InputError(f"chromosome {name} is named by both {owner[name]} and {option}")
            owner[name] = option
    folds = {
        "train": [name for name in lengths if name not in owner],
        "validation": [name for name in lengths if owner.get(name) == "--validation"],
        "test": [name for name in lengths if owner.get(name) == "--test"],
    }
    for split, names in folds.items():
        if not names:
            remedy = (
                "leave at least one chromosome to it"
                if split == "train"
                else f"name chromosomes with --{split}"
            )
            raise InputError(f"the {split} split has no chromosome: {remedy}")
    return folds
