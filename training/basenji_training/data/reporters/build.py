"""A store of reporter sequences, made from tables."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN, encode_rows
from basenji_kipoi.base.text_files import check_is_there
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.models.networks.assays import Activity
from basenji_training.data.reporters.context import (
    Ends,
    carried,
    common_ends,
    parse_flanks,
    read_context,
    without_ends,
)
from basenji_training.data.reporters.pairs import one_substitution_apart, read_pairs
from basenji_training.data.reporters.settings import NO_GROUPS, ReporterSettings
from basenji_training.data.reporters.tables import (
    Joined,
    ReporterTable,
    join_tables,
    read_reporter_table,
)
from basenji_training.splits.folds import SPLITS, known_chromosomes
from basenji_training.splits.sequence_groups import (
    group_sequences,
    leaks,
    occur_in_contigs,
    split_groups,
)
from basenji_training.store.reporter_description import DESCRIPTION, NAME, SEQUENCES
from basenji_training.store.reporters import Measurements, write_reporters

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

__all__ = ["build_reporters"]


def build_reporters(
    tables: Sequence[str],
    settings: ReporterSettings,
    *,
    out: str | os.PathLike[str],
    overwrite: bool = False,
    command: str = "",
) -> dict[str, Any]:
    """Make a store of tables of measured sequences.

    Parameters
    ----------
    tables
        A table, or several, each as ``NAME=TABLE`` or named by its file.
    settings
        What it is to hold.
    out
        Store to write.
    overwrite
        Whether an existing store may be replaced.
    command
        The command, to be kept with the store.

    Returns
    -------
    dict
        What was found, as the store's description has it.

    Raises
    ------
    InputError
        If a table, or what goes with it, is not what it should be.
    """
    out = Path(out)
    named = _named(tables)
    inputs = [*named.values(), settings.fasta, settings.context, settings.pairs]
    kind = Folder("a store of reporters", holds=(DESCRIPTION, SEQUENCES))
    check_output(out, overwrite=overwrite, inputs=inputs, folder=kind)
    name = _checked_name(settings.name, out)
    settings.check()
    for path, what in ((settings.pairs, "table of pairs"), (settings.context, "FASTA")):
        if path is not None:
            check_is_there(path, what)
    left, right = (
        read_context(settings.context) if settings.context else parse_flanks(settings.flanks or ",")
    )
    if settings.fasta is not None:
        with Genome(settings.fasta) as genome:
            known_chromosomes(settings.test, genome.lengths, "--test-contigs")
            known_chromosomes(settings.validation, genome.lengths, "--validation-contigs")
    read = [read_reporter_table(label, path, settings) for label, path in named.items()]
    _check_columns(read, settings)
    joined = join_tables(read, settings)
    codes, lengths = encode_rows(joined.sequences)
    inside = carried(codes, lengths, left, right)
    left, right = left[: len(left) - inside.left], right[inside.right :]
    common = common_ends(codes, lengths, settings.kmer)
    vector = Ends(*map(max, common, inside))
    inserts, others = without_ends(codes, lengths, vector)
    numbers, group_names, split = _split(inserts, joined, settings)
    _check_leakage(inserts, joined, split, settings)
    _check_folds(split, settings)
    if settings.pairs is None:
        found, left_out = one_substitution_apart(codes, lengths, joined.sets), Counter()
    else:
        found, left_out = read_pairs(settings.pairs, joined.sequences, indels=settings.indels)
    is_one = split[found[:, 0]] == split[found[:, 1]]
    left_out["lie in two splits"] += int((~is_one).sum())
    content = Measurements(
        activities=_activities(read, settings),
        left=left,
        right=right,
        codes=codes,
        lengths=lengths,
        values=joined.values,
        weights=joined.weights,
        counts=joined.counts,
        groups=numbers,
        group_names=group_names,
        sets=np.array(joined.sets, dtype=str),
        identifiers=np.array(joined.identifiers, dtype=str),
        split=split,
        pairs=found[is_one],
    )
    known = (inserts != UNKNOWN).sum(axis=1)
    opposite = leaks(inserts, settings.kmer, split, either_strand=True)
    findings = {
        "tables": [_described(table) for table in read],
        "sequences_of_several_tables": sum(len(set(table.sequences)) for table in read)
        - len(codes),
        "listed_again": sum(joined.listed),
        "measured_again": sum(map(len, joined.replicates)),
        "carried_of_context": list(inside),
        "vector": list(vector),
        "without_vector": others,
        "without_kmer": int((known < settings.kmer).sum()),
        "groups": len(group_names),
        "splits": _sizes(content),
        "shared_with_other_strand": len(np.unique(opposite)),
        "pairs_left_out": {reason: number for reason, number in left_out.items() if number},
    }
    # Takes seconds to import.
    from basenji_training.data.reporters.picture import plot_reporters  # noqa: PLC0415

    with atomic_path(out, overwrite=overwrite) as path:
        folds = settings.decisions()
        write_reporters(path, content, name=name, folds=folds, findings=findings, command=command)
        plot_reporters(content, joined.replicates, path / "reporters.png")
    return findings


def _named(tables: Sequence[str]) -> dict[str, Path]:
    """Divide ``NAME=TABLE``; a table without a name is called by its file."""
    named: dict[str, Path] = {}
    for text in tables:
        name, sign, file = text.partition("=")
        if not sign or Path(text).exists():
            name, file = re.sub(r"(\.[A-Za-z]+)+$", "", Path(text).name), text
        if not re.fullmatch(NAME, name) or not file:
            raise InputError(
                f"{text}: expected NAME=TABLE, the name of letters, digits, dots, dashes and "
                "underscores"
            )
        if name in named:
            raise InputError(f"two tables are called {name}: name them, as in {name}2={file}")
        named[name] = Path(file)
    return named


def _checked_name(name: str | None, out: Path) -> str:
    if name is None:
        return re.sub(r"[^A-Za-z0-9_.-]", "_", out.stem)
    if not re.fullmatch(NAME, name):
        raise InputError(f"--name {name}: expected letters, digits, dots, dashes and underscores")
    return name


def _check_columns(tables: Sequence[ReporterTable], settings: ReporterSettings) -> None:
    """Check that each column that was asked for is in one of the tables."""
    group = None if settings.group == NO_GROUPS else settings.group
    wanted = [*settings.activities, settings.weight, settings.set, group]
    there = frozenset().union(*(table.columns for table in tables))
    for column in wanted:
        if column is not None and column not in there:
            files = " and ".join(str(table.path) for table in tables)
            raise InputError(f"{files}: no column {column!r}: there are {', '.join(sorted(there))}")


def _activities(tables: Sequence[ReporterTable], settings: ReporterSettings) -> list[Activity]:
    found = []
    for table in tables:
        for column in table.activities:
            name = column
            if len(tables) > 1:
                name = table.name if len(table.activities) == 1 else f"{table.name}/{column}"
            source = f"{column} of {table.path.name}"
            found.append(Activity(identifier=name, description=source, unit=settings.unit))
    return found


def _split(
    inserts: np.ndarray, joined: Joined, settings: ReporterSettings
) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Group sequences and divide the groups: numbers, names, split of each sequence."""
    given = [None if settings.group == NO_GROUPS else group or None for group in joined.groups]
    numbers, names = group_sequences(inserts, settings.kmer, given)
    # In the order of the rows, as a store that is opened numbers them.
    order = {number: place for place, number in enumerate(dict.fromkeys(numbers.tolist()))}
    numbers = np.array([order[number] for number in numbers.tolist()], dtype=np.int32)
    names = [names[number] for number in order]
    nowhere = np.zeros(len(inserts), dtype=bool)
    origin = {"test": nowhere, "validation": nowhere}
    if settings.fasta is not None:
        contigs = {"test": settings.test, "validation": settings.validation}
        with Genome(settings.fasta) as genome:
            origin = occur_in_contigs(inserts, settings.kmer, genome, contigs)
    own = [name or names[number] for name, number in zip(given, numbers, strict=True)]
    shares = {"test": settings.test_share, "validation": settings.validation_share}
    return numbers, names, split_groups(numbers, own, origin, shares)


def _check_leakage(
    inserts: np.ndarray, joined: Joined, split: np.ndarray, settings: ReporterSettings
) -> None:
    found = leaks(inserts, settings.kmer, split, either_strand=False)
    if not len(found):
        return
    first, second = found[0]
    texts = [joined.identifiers[row] or joined.sequences[row] for row in (first, second)]
    raise InputError(
        f"{texts[0]} ({SPLITS[split[first]]}) and {texts[1]} ({SPLITS[split[second]]}) share "
        f"{settings.kmer} bases, one of {len(found):,} k-mers that are in two splits: the groups "
        "leak: pass --group-column none to have others found"
    )


def _check_folds(split: np.ndarray, settings: ReporterSettings) -> None:
    """Check that no split is empty that is to have something."""
    wanted = {
        "train": True,
        "validation": settings.validation or settings.validation_share,
        "test": settings.test or settings.test_share,
    }
    for number, name in enumerate(SPLITS):
        if wanted[name] and not (split == number).any():
            advice = (
                "most sequences are one group, or from held-out contigs: hold out less, or "
                "compare longer k-mers (--kmer)"
                if name == "train"
                else f"there are few groups: raise --{name}-share, or set it to 0"
            )
            raise InputError(f"no sequence is in the split {name}: {advice}")


def _described(table: ReporterTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "file": table.path.name,
        "sha256": table.sha256,
        "rows": table.rows,
        "of_no_weight": table.weightless,
        "without_value": table.unmeasured,
        "sequences": len(set(table.sequences)),
    }


def _sizes(content: Measurements) -> dict[str, Mapping[str, Any]]:
    """Count what each split has."""
    sizes = {}
    for split in SPLITS:
        rows = content.rows_of(split)
        sizes[split] = {
            "sequences": len(rows),
            "groups": len(np.unique(content.groups[rows])),
            "pairs": len(content.pairs_of(split)),
            "measured": np.isfinite(content.values[rows]).sum(axis=0).tolist(),
            "sets": dict(sorted(Counter(content.sets[rows].tolist()).items())),
        }
    return sizes
