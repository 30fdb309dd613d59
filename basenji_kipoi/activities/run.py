"""Activities of sequences: in memory, or from a file to a file."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.activities.files import open_sequences, output_columns, write_lines
from basenji_kipoi.activities.passes import BATCH, standardised_activities
from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.sequence import UNKNOWN, encode
from basenji_kipoi.base.text_files import check_is_there
from basenji_kipoi.models.model import loaded, paths_of

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from basenji_kipoi.models.model import Model
    from basenji_kipoi.models.networks.assays import Assay

__all__ = ["activity", "activity_file"]

_NOT_A_BASE = re.compile("[^ACGTNacgtn]")
_PIECE = 8192


def activity(
    model: Model | str | os.PathLike[str],
    sequences: str | Sequence[str],
    *,
    reporter: str | None = None,
    activities: Sequence[str] = (),
    batch_size: int = BATCH,
    progress: bool | None = None,
) -> np.ndarray:
    """Predict what a reporter assay would measure of sequences.

    Each is put into the assay's construct, at several places of the window whose predictions are
    averaged. A reporter reads in one direction: strands are not averaged.

    Parameters
    ----------
    model
        A model with a reporter, or the directory of a bundle.
    sequences
        Letters A, C, G, T, of either case, and N for an unknown base; one sequence or several.
    reporter
        Name of the reporter; by default the only one.
    activities
        Names of the activities; by default all of the reporter.
    batch_size
        Sequences that are predicted at a time.
    progress
        Whether to show a progress bar; None: at a terminal and in a notebook.

    Returns
    -------
    ndarray, float32, shape (sequences, activities)
        In the assay's units; one sequence alone gives (activities,).

    Raises
    ------
    InputError
        If the model has no such reporter or activity, or a sequence is empty, has other letters, or
        is longer than the reporter's window.
    """
    model = loaded(model)
    name, assay = model.assay_of(reporter)
    columns = assay.columns_of(activities)
    rows = [sequences] if isinstance(sequences, str) else list(sequences)
    for number, sequence in enumerate(rows, 1):
        reason = _reason(sequence, model.architecture.reporters[name].window)
        if reason:
            raise InputError(f"sequence {number}: {reason}")
    values = np.empty((len(rows), len(columns)), dtype=np.float32)
    with progress_bar(
        label_of("predicting", progress), total=len(rows), unit="sequences"
    ) as advance:
        for first in range(0, len(rows), _PIECE):
            part = rows[first : first + _PIECE]
            values[first : first + len(part)] = _predicted(model, name, assay, part, batch_size)[
                :, columns
            ]
            advance(len(part))
    return values[0] if isinstance(sequences, str) else values


def activity_file(
    model: Model | str | os.PathLike[str],
    sequences: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    reporter: str | None = None,
    activities: Sequence[str] = (),
    batch_size: int = BATCH,
    overwrite: bool = False,
    progress: bool | None = None,
) -> Counter[str]:
    """Predict the sequences of a file, into a table.

    Parameters
    ----------
    model, reporter, activities, batch_size, progress
        As `activity` takes them.
    sequences
        FASTA, or tab-separated text with a column ``sequence``; plain or gzip.
    out
        Tab-separated text (gzip where the name ends in .gz): the columns of the input (``name`` and
        ``sequence`` of FASTA), one for each activity, and ``status``, which is ``ok`` or tells why
        a sequence has no activity. Rows are in the input's order.
    overwrite
        Whether an existing output may be replaced.

    Returns
    -------
    Counter
        How many sequences there are of each status.

    Raises
    ------
    InputError
        If the model has no such reporter or activity, the file is no such file, or the output may
        not be written.
    """
    sequences, out = Path(sequences), Path(out)
    check_is_there(sequences, "sequence")
    check_output(out, overwrite=overwrite, inputs=[sequences, *paths_of(model)])
    model = loaded(model)
    name, assay = model.assay_of(reporter)
    columns = assay.columns_of(activities)
    names = [assay.identifiers[column] for column in columns]
    window = model.architecture.reporters[name].window
    counts: Counter[str] = Counter()
    label = label_of("predicting", progress)
    with (
        open_sequences(sequences) as file,
        progress_bar(label, total=None, unit="sequences") as advance,
        atomic_path(out, overwrite=overwrite) as temporary,
        write_lines(temporary, is_gzip=out.suffix == ".gz") as lines,
    ):
        lines.write("\t".join(output_columns(file.columns, names)) + "\n")
        for records in file.pieces(_PIECE):
            reasons = [_reason(record.sequence, window) for record in records]
            good = [r.sequence for r, reason in zip(records, reasons) if not reason]
            found = iter(_predicted(model, name, assay, good, batch_size)[:, columns])
            for record, reason in zip(records, reasons):
                cells = [""] * len(columns) if reason else [f"{v:.6g}" for v in next(found)]
                lines.write("\t".join([*record.cells, *cells, reason or "ok"]) + "\n")
            counts.update(reason or "ok" for reason in reasons)
            advance(len(records))
    return counts


def _reason(sequence: str, window: int) -> str:
    """Tell why a sequence cannot be predicted; empty if it can."""
    if not sequence:
        return "no sequence"
    if found := _NOT_A_BASE.search(sequence):
        return f"{found[0]!r} is no base"
    if len(sequence) > window:
        return f"longer than the window of {window:,} bp"
    return ""


def _predicted(
    model: Model, reporter: str, assay: Assay, sequences: Sequence[str], batch_size: int
) -> np.ndarray:
    """Predict sequences: float32 (sequences, activities of the assay)."""
    if not sequences:
        return np.empty((0, len(assay.activities)), dtype=np.float32)
    lengths = np.array([len(each) for each in sequences], dtype=np.int64)
    codes = np.full((len(lengths), lengths.max()), UNKNOWN, dtype=np.uint8)
    codes[np.arange(codes.shape[1]) < lengths[:, None]] = encode("".join(sequences))
    predicted = standardised_activities(
        model.reporter_network(reporter),
        model.architecture,
        reporter,
        assay,
        codes,
        lengths,
        batch_size=batch_size,
    )
    return assay.raw(predicted)
