"""Stores of measured sequences: reporter assays, as training and evaluation read them.

A store is a directory: `reporters.json` describes it, `sequences.parquet` has a row a sequence with
its split, group, set and measurements, `pairs.parquet` has pairs of these rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, encode_rows
from basenji_kipoi.models.networks.assays import Activity
from basenji_training.splits.folds import SPLITS
from basenji_training.store.reporter_description import (
    DESCRIPTION,
    MAKE_REPORTERS_AGAIN,
    PAIRS,
    REPORTER_FORMAT,
    SEQUENCES,
    ReporterDescription,
    read_reporter_description,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

__all__ = ["Measurements", "ReporterStore", "write_reporters"]

_LETTERS = np.frombuffer((ALPHABET + "N").encode(), np.uint8)
_TEXTS = ("sequence", "split", "group", "set", "identifier")
_NUMBERS = ("value", "weight", "count")
_PAIR = ("reference", "alternative")


@dataclass(frozen=True, eq=False, kw_only=True)
class Measurements:
    """Sequences and what was measured of them.

    Attributes
    ----------
    activities
        What was measured.
    left, right
        What stands before and behind a sequence in the assay, without what the sequences carry.
    codes : ndarray, uint8, shape (sequences, longest)
        Sequences, unknown behind their ends.
    lengths : ndarray, int32, shape (sequences,)
        Their lengths (bp).
    values : ndarray, float32, shape (sequences, activities)
        Measurements; NaN where there is none.
    weights : ndarray, float32, shape (sequences, activities)
        What each counts: 0 where there is none, 1 on average over an activity's others.
    counts : ndarray, float32, shape (sequences, activities)
        Cells or reads; NaN where they are not known.
    groups : ndarray, int32, shape (sequences,)
        Group of each sequence.
    group_names
        Name of each group.
    sets, identifiers : ndarray of str, shape (sequences,)
        Part of the library, and name, of each sequence; may be empty.
    split : ndarray, uint8, shape (sequences,)
        0 train, 1 validation, 2 test.
    pairs : ndarray, int64, shape (pairs, 2)
        Rows of reference and alternative, both of one split.
    """

    activities: Sequence[Activity]
    left: str
    right: str
    codes: np.ndarray
    lengths: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    counts: np.ndarray
    groups: np.ndarray
    group_names: Sequence[str]
    sets: np.ndarray
    identifiers: np.ndarray
    split: np.ndarray
    pairs: np.ndarray

    def __len__(self) -> int:
        return len(self.codes)

    def sequence(self, row: int) -> str:
        """Return the letters of a sequence."""
        return _LETTERS[self.codes[row, : self.lengths[row]]].tobytes().decode()

    def rows_of(self, split: str) -> np.ndarray:
        """Return the rows of a split (train, validation or test): int64, (rows,)."""
        return np.flatnonzero(self.split == SPLITS.index(split))

    def pairs_of(self, split: str) -> np.ndarray:
        """Return the pairs of a split: int64, (pairs, 2)."""
        return self.pairs[self.split[self.pairs[:, 0]] == SPLITS.index(split)]


@dataclass(frozen=True, eq=False, kw_only=True)
class ReporterStore(Measurements):
    """A store that is open.

    Attributes
    ----------
    path
        Its directory.
    name
        Its name: letters, digits, dots, dashes and underscores.
    folds
        What decided which sequences train, validate and test.
    attrs
        All that the store says about itself.
    content_sha256
        Checksum of what it holds.
    """

    path: Path
    name: str
    folds: Mapping[str, str]
    attrs: Mapping[str, Any]
    content_sha256: str

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> ReporterStore:
        """Open a store and read all of it.

        Raises
        ------
        InputError
            If it is none, or damaged or incomplete; names the file.
        """
        path = Path(path)
        description = read_reporter_description(path)
        for name in (SEQUENCES, PAIRS):
            if not (path / name).is_file():
                raise InputError(f"{path / name} is missing: {MAKE_REPORTERS_AGAIN}")
            if checksum(path / name) != description.files[name]:
                raise InputError(
                    f"{path / name} is damaged, its checksum is another one: {MAKE_REPORTERS_AGAIN}"
                )
        try:
            content = _read(path, description)
        except (pa.ArrowException, OSError, ValueError, LookupError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{path} does not hold what its description says ({reason}): {MAKE_REPORTERS_AGAIN}"
            ) from None
        return cls(
            path=path,
            name=description.name,
            folds=dict(description.folds),
            attrs=description.model_dump(),
            content_sha256=description.content_sha256,
            **{field.name: getattr(content, field.name) for field in fields(content)},
        )


def _read(path: Path, description: ReporterDescription) -> Measurements:
    table = pyarrow.parquet.read_table(path / SEQUENCES)
    names = [activity.identifier for activity in description.activities]
    texts = {name: table[name].cast(pa.string()).to_pylist() for name in _TEXTS}
    numbers = {
        kind: np.stack(
            [np.asarray(table[f"{kind}:{name}"].to_numpy(), dtype=np.float32) for name in names],
            axis=1,
        )
        for kind in _NUMBERS
    }
    pairs = pyarrow.parquet.read_table(path / PAIRS)
    pairs = np.stack([pairs[name].to_numpy().astype(np.int64) for name in _PAIR], axis=1)
    if len(table) != description.sequences or len(pairs) != description.pairs:
        raise ValueError(f"{len(table)} sequences and {len(pairs)} pairs")
    split = np.array([SPLITS.index(name) for name in texts["split"]], dtype=np.uint8)
    if len(pairs) and not (pairs.min() >= 0 and pairs.max() < len(split)):
        raise ValueError("a pair of no sequences")
    if (split[pairs[:, 0]] != split[pairs[:, 1]]).any():
        raise ValueError("a pair of two splits")
    weights = numbers["weight"]
    if not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError("weights that are none")
    codes, lengths = encode_rows(texts["sequence"])
    group_names = list(dict.fromkeys(texts["group"]))
    number_of = {name: number for number, name in enumerate(group_names)}
    return Measurements(
        activities=list(description.activities),
        left=description.left,
        right=description.right,
        codes=codes,
        lengths=lengths,
        values=numbers["value"],
        weights=weights,
        counts=numbers["count"],
        groups=np.array([number_of[name] for name in texts["group"]], dtype=np.int32),
        group_names=group_names,
        sets=np.array(texts["set"], dtype=str),
        identifiers=np.array(texts["identifier"], dtype=str),
        split=split,
        pairs=pairs,
    )


def write_reporters(
    path: Path,
    content: Measurements,
    *,
    name: str,
    folds: Mapping[str, str],
    findings: Mapping[str, Any],
    command: str = "",
) -> None:
    """Write a store into a directory that is empty or not there; see `atomic_path`.

    Parameters
    ----------
    path
        The directory.
    content
        What it holds.
    name
        Its name.
    folds
        What decided which sequences train, validate and test.
    findings
        What was found while it was made, as JSON can hold it.
    command
        The command that makes it.
    """
    path.mkdir(exist_ok=True)
    columns: dict[str, Any] = {
        "sequence": [content.sequence(row) for row in range(len(content))],
        "split": [SPLITS[number] for number in content.split],
        "group": [content.group_names[number] for number in content.groups],
        "set": content.sets.tolist(),
        "identifier": content.identifiers.tolist(),
    }
    for kind, numbers in zip(
        _NUMBERS, (content.values, content.weights, content.counts), strict=True
    ):
        for activity, column in zip(content.activities, numbers.T, strict=True):
            columns[f"{kind}:{activity.identifier}"] = np.ascontiguousarray(column, np.float32)
    pyarrow.parquet.write_table(pa.table(columns), path / SEQUENCES, compression="zstd")
    pairs = {name: content.pairs[:, side].astype(np.int64) for side, name in enumerate(_PAIR)}
    pyarrow.parquet.write_table(pa.table(pairs), path / PAIRS, compression="zstd")
    description = ReporterDescription(
        format=REPORTER_FORMAT,
        format_version=1,
        name=name,
        activities=list(content.activities),
        left=content.left,
        right=content.right,
        sequences=len(content),
        pairs=len(content.pairs),
        folds=dict(folds),
        files={file: checksum(path / file) for file in (SEQUENCES, PAIRS)},
        content_sha256=_content_sha256(content),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        findings=dict(findings),
    )
    (path / DESCRIPTION).write_text(description.model_dump_json(indent=2) + "\n")


def _content_sha256(content: Measurements) -> str:
    digest = hashlib.sha256()
    texts = [content.left, content.right, *(each.identifier for each in content.activities)]
    digest.update("\n".join(texts).encode())
    for array in (
        content.codes,
        content.lengths,
        content.values,
        content.weights,
        content.counts,
        content.groups,
        content.split,
        content.pairs,
    ):
        digest.update(str((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
