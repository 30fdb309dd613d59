"""Activities of sequences: in memory, or from a file to a file."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.activities.files import output_columns, read_sequences
from basenji_kipoi.base import __version__
from basenji_kipoi.base.array_files import load_piece, save_piece
from basenji_kipoi.base.atomic import check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.sequence import encode_rows
from basenji_kipoi.base.text_files import check_is_there, table_line, write_lines
from basenji_kipoi.base.unfinished import UnfinishedRun
from basenji_kipoi.models.model import loaded, paths_of
from basenji_kipoi.models.networks.reporter_passes import BATCH, standardised_activities

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from basenji_kipoi.models.model import Model

__all__ = ["activity", "activity_file"]

_NOT_A_BASE = re.compile("[^ACGTNacgtn]")
#: Sequences that are saved at a time: some seconds of work.
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

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model = bk.load("model_files")
    >>> model.assay_of()[1].identifiers
    ['rich', 'defined']
    >>> bk.activity(model, ["ACGT" * 20, "TTTA" * 20]).shape
    (2, 2)
    >>> bk.activity(model, "ACGT" * 20, activities=["rich"]).shape
    (1,)
    """
    model = loaded(model)
    name, assay = model.assay_of(reporter)
    columns = assay.columns_of(activities)
    rows = [sequences] if isinstance(sequences, str) else list(sequences)
    for number, sequence in enumerate(rows, 1):
        reason = _reason(sequence, model.architecture.reporters[name].window)
        if reason:
            raise InputError(f"sequence {number}: {reason}")
    values = np.empty((len(rows), len(assay.activities)), dtype=np.float32)
    label = label_of("predicting", progress)
    with progress_bar(label, total=len(rows), unit="sequences") as advance:
        for first in range(0, len(rows), _PIECE):
            part = slice(first, first + _PIECE)
            values[part] = _predicted(model, name, rows[part], batch_size)
            advance(len(rows[part]))
    values = values[:, columns]
    return values[0] if isinstance(sequences, str) else values


def activity_file(
    model: Model | str | os.PathLike[str],
    sequences: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    reporter: str | None = None,
    activities: Sequence[str] = (),
    batch_size: int = BATCH,
    resume: bool = False,
    overwrite: bool = False,
    progress: bool | None = None,
    command: str = "",
) -> Counter[str]:
    r"""Predict the sequences of a file, into a table.

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
    resume
        Whether to go on with what an interrupted run of the same left.
    overwrite
        Whether to replace an existing output, and to delete what an interrupted run left.
    command
        The command, to be kept with what is unfinished.

    Returns
    -------
    Counter
        How many sequences there are of each status.

    Raises
    ------
    InputError
        If the model has no such reporter or activity, the file is no such file, or the output may
        not be written.

    Examples
    --------
    >>> from pathlib import Path
    >>> from basenji_kipoi.activities import activity_file
    >>> _ = Path("sequences.fa").write_text(">one\nACGTACGTAC\n>two\nACRT\n")
    >>> counts = activity_file("model_files", "sequences.fa", "activities.tsv", progress=False)
    >>> counts["ok"], counts["'R' is no base"]
    (1, 1)
    """
    sequences, out = Path(sequences), Path(out)
    check_is_there(sequences, "sequence")
    check_output(out, overwrite=overwrite or resume, inputs=[sequences, *paths_of(model)])
    model = loaded(model)
    name, assay = model.assay_of(reporter)
    columns = assay.columns_of(activities)
    table = read_sequences(sequences)
    window = model.architecture.reporters[name].window
    reasons = [_reason(sequence, window) for sequence in table.sequences]
    good = [each for each, reason in zip(table.sequences, reasons) if not reason]
    settings = {
        "version": __version__,
        "model": model.weights_sha256,
        "reporter": name,
        "sequences": table.sha256(),
    }
    with UnfinishedRun(
        [out], "basenji activity", settings, command=command, resume=resume, overwrite=overwrite
    ) as run:
        names = [f"sequences-{first:012}.npz" for first in range(0, len(good), _PIECE)]
        parts = [good[first : first + _PIECE] for first in range(0, len(good), _PIECE)]
        done = sum(len(part) for part, piece in zip(parts, names) if run.has(piece))
        label = label_of("predicting", progress)
        with progress_bar(label, total=len(good), unit="sequences", done=done) as advance:
            for part, piece in zip(parts, names):
                if run.has(piece):
                    continue
                found = _predicted(model, name, part, batch_size)
                with run.piece(piece) as path:
                    save_piece(path, {"activities": found})
                advance(len(part))
        values = (row for piece in names for row in load_piece(run.path(piece))["activities"])
        written = [assay.identifiers[column] for column in columns]
        with write_lines(run.output(out), is_gzip=out.suffix == ".gz") as lines:
            lines.write(table_line(output_columns(table.columns, written)) + "\n")
            for line, reason in zip(table.lines, reasons):
                row = None if reason else next(values)
                cells = ["" if row is None else f"{row[column]:.6g}" for column in columns]
                lines.write("\t".join([line, *cells, reason or "ok"]) + "\n")
        run.place()
    return Counter(reason or "ok" for reason in reasons)


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
    model: Model, reporter: str, sequences: Sequence[str], batch_size: int
) -> np.ndarray:
    """Predict sequences: float32 (sequences, activities of the assay), in its units."""
    assay = model.assays[reporter]
    predicted = standardised_activities(
        model.reporter_network(reporter),
        model.architecture,
        reporter,
        assay,
        *encode_rows(sequences),
        batch_size=batch_size,
    )
    return assay.raw(predicted)
