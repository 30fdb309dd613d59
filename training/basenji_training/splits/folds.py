"""Which parts of a genome are trained on, which choose the model, which measure it."""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, NamedTuple

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.contig_names import did_you_mean
from basenji_training.splits.random_contigs import (
    cut_contigs,
    draw_folds,
    find_gaps,
    homologous_groups,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_training.splits.regions import Region

__all__ = [
    "CONTIG_LENGTH",
    "SPLITS",
    "Division",
    "assign_folds",
    "divide",
    "divide_genome",
    "excluded",
    "known_chromosomes",
]

#: Longest contig of a fold (bp), unless told otherwise.
CONTIG_LENGTH = 2**20
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


def excluded(patterns: Sequence[str], lengths: Mapping[str, int]) -> set[str]:
    """Find the chromosomes that fit any pattern.

    Parameters
    ----------
    patterns
        Names or shell patterns.
    lengths
        The genome's chromosomes.

    Returns
    -------
    set of str
        The chromosomes.

    Raises
    ------
    InputError
        If a pattern fits none.
    """
    names: set[str] = set()
    for pattern in patterns:
        found = fnmatch.filter(lengths, pattern)
        names.update(found or known_chromosomes([pattern], lengths, "--exclude"))
    return names


def assign_folds(
    lengths: Mapping[str, int],
    *,
    test: Sequence[str],
    validation: Sequence[str],
    exclude: Sequence[str] = (),
) -> dict[str, list[str]]:
    """Divide whole chromosomes among training, validation and test.

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
    left_out = excluded(exclude, lengths)
    for option, names in (("--validation", validation), ("--test", test)):
        known_chromosomes(names, lengths, option)
        for name in names:
            if name in left_out:
                raise InputError(f"chromosome {name} is named by both --exclude and {option}")
    kept = [name for name in lengths if name not in left_out]
    return divide(kept, test=test, validation=validation, what="chromosome")


def divide(
    labels: Sequence[str],
    *,
    test: Sequence[str],
    validation: Sequence[str],
    what: str = "label",
) -> dict[str, list[str]]:
    """Divide labels of regions among training, validation and test.

    Parameters
    ----------
    labels
        All of them: folds or chromosomes.
    test, validation
        Labels of these splits.
    what
        What a label is, for messages.

    Returns
    -------
    dict
        `SPLITS` -> labels, in the order of `labels`; train has what is left.

    Raises
    ------
    InputError
        If a label is unknown, stands in two places, or a split is empty.
    """
    owner: dict[str, str] = {}
    for option, names in (("--validation", validation), ("--test", test)):
        for name in names:
            if name not in labels:
                raise InputError(f"{option}: no {what} {name!r}{did_you_mean(name, labels)}")
            if owner.get(name) == option:
                raise InputError(f"{option}: {what} {name} is named twice")
            if name in owner:
                raise InputError(f"{what} {name} is named by both {owner[name]} and {option}")
            owner[name] = option
    folds = {
        "train": [name for name in labels if name not in owner],
        "validation": [name for name in labels if owner.get(name) == "--validation"],
        "test": [name for name in labels if owner.get(name) == "--test"],
    }
    for split, names in folds.items():
        if not names:
            remedy = "leave at least one" if split == "train" else f"name {what}s with --{split}"
            raise InputError(f"the {split} split has no {what}: {remedy}")
    return folds


class Division(NamedTuple):
    """How a genome is divided.

    Attributes
    ----------
    lengths
        Chromosomes that take part and their lengths in bp.
    folds
        `SPLITS` -> labels.
    regions
        Label -> regions; None where each label is a whole chromosome.
    """

    lengths: dict[str, int]
    folds: dict[str, list[str]]
    regions: dict[str, list[Region]] | None


def divide_genome(
    genome: Genome,
    *,
    bin_width: int,
    test: Sequence[str] = (),
    validation: Sequence[str] = (),
    exclude: Sequence[str] = (),
    folds: int | None = None,
    contig_length: int = CONTIG_LENGTH,
    homology: str | os.PathLike[str] | None = None,
    seed: int = 0,
    label: str = "",
) -> Division:
    """Divide a genome by whole chromosomes, or into folds of random contigs.

    Parameters
    ----------
    genome
        The genome.
    bin_width
        Width of a bin in bp.
    test, validation
        Chromosomes of these splits (with `folds`, none: the first fold tests, the second
        validates, until `basenji_training.store.store.Store.choose` says otherwise).
    exclude
        Chromosomes, or patterns of them, that take no part.
    folds
        Number of folds; None to hold out whole chromosomes.
    contig_length, homology, seed
        Longest contig in bp, groups of regions that stay together, seed of the drawing; see
        `basenji_training.splits.random_contigs`.
    label
        Text before a progress bar while gaps are looked for; no bar if empty.

    Returns
    -------
    Division
        Who gets what.

    Raises
    ------
    InputError
        If names are unknown or stand in two places, or a split or fold would be empty.
    """
    if folds is None:
        if homology is not None:
            raise InputError("--homology needs --folds: chromosomes are held out as they are named")
        chosen = assign_folds(genome.lengths, test=test, validation=validation, exclude=exclude)
        members = {name for names in chosen.values() for name in names}
        lengths = {name: size for name, size in genome.lengths.items() if name in members}
        return Division(lengths, chosen, None)
    if test or validation:
        raise InputError("--folds draws contigs: leave --test and --validation out, or --folds")
    left_out = excluded(exclude, genome.lengths)
    lengths = {name: size for name, size in genome.lengths.items() if name not in left_out}
    gaps = find_gaps(genome, lengths, label=label)
    contigs = cut_contigs(lengths, gaps, contig_length, bin_width)
    groups = homologous_groups(contigs, homology, genome)
    regions = draw_folds(contigs, groups, folds, seed)
    return Division(lengths, divide(list(regions), test=["fold0"], validation=["fold1"]), regions)
