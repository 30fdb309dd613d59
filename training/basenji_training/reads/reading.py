"""Reads all files of reads, contig by contig, and checks what was found."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_training.reads.alignments import Alignments, decode
from basenji_training.reads.fragment_length import estimate_fragment_length
from basenji_training.reads.plan import Plan, Reading
from basenji_training.reads.rows import REVERSE, ROW, SHARED, first_of_each
from basenji_training.reads.step_results import finished

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from basenji_training.reads.fragments import Fragments

__all__ = ["contig_rows", "read_contig", "read_fragments", "read_sources", "usual_length"]

# Any odd number whose multiples have little in common.
_SALT, _LARGEST = 0x9E3779B97F4A7C15, (1 << 64) - 1


def read_sources(
    plan: Plan, sources: Sequence[Alignments | Fragments], pool: Executor, label: str
) -> Reading:
    """Read all files into rows in the plan's folder.

    Parameters
    ----------
    plan
        The plan.
    sources
        The files.
    pool
        What reads.
    label
        Text before progress bars; none if empty.

    Raises
    ------
    InputError
        If a file cannot be read, holds both single and paired reads, or no read of it counts.
    """
    return _sum(
        plan, [_read(plan, number, source, pool, label) for number, source in enumerate(sources)]
    )


def _sum(plan: Plan, found: Iterable[Reading]) -> Reading:
    shared, tally, rows, lengths = zip(*found, strict=True)
    return Reading(
        np.concatenate(shared),
        sum(tally, Counter()),
        sum(rows, Counter()),
        sum(lengths, np.zeros(plan.settings.max_fragment + 1, np.int64)),
    )


def _read(
    plan: Plan, number: int, source: Alignments | Fragments, pool: Executor, label: str
) -> Reading:
    label = label and f"{label} {source.path.name}"
    if not isinstance(source, Alignments):
        with progress_bar(label, total=1, unit="files") as advance:
            step = f"read.{number}"
            call = (finished, plan, step, Reading, read_fragments, number, source)
            found = pool.submit(*call).result()
            advance(1)
        return _checked(source.path, found)
    found = _read_contigs(plan, number, source, pool, label, named=False)
    if found.tally["secondary without NH"] and plan.settings.multimap != "drop":
        # Only their names tell which other records are of the same reads.
        found = _read_contigs(plan, number, source, pool, label, named=True)
        found = finished(plan, f"moved.{number}", Reading, _moved_by_name, number, found)
    paired, every = found.tally["paired"], found.tally["alignments"]
    if 0 < paired < every:
        raise InputError(
            f"{source.path} holds both paired ({paired:,}) and single ({every - paired:,}) reads: "
            "divide them with 'samtools view -f 1' and '-F 1' and pass both files, whose coverage "
            "is added"
        )
    return _checked(source.path, found)


def _read_contigs(
    plan: Plan, number: int, source: Alignments, pool: Executor, label: str, *, named: bool
) -> Reading:
    total = sum(plan.sizes[index] for index in source.contigs.values())
    with progress_bar(label, total=total // 1000, unit="kb") as advance:
        kind = "named" if named else "read"
        futures = {
            contig: pool.submit(
                *(finished, plan, f"{kind}.{number}.{index}", Reading, read_contig),
                *(number, source, contig, named),
            )
            for contig, index in source.contigs.items()
        }
        found = []
        for contig, future in futures.items():
            found.append(future.result())
            advance(plan.sizes[source.contigs[contig]] / 1000)
    return _sum(plan, found)


def _checked(path: Path, found: Reading) -> Reading:
    if not found.rows.total() and not len(found.shared):
        reasons = ", ".join(f"{reason}: {n:,}" for reason, n in found.tally.items() if n)
        raise InputError(
            f"no read of {path} counts ({reasons or 'it has none'}): see the options that choose "
            "reads"
        )
    return found


def _moved_by_name(plan: Plan, number: int, found: Reading) -> Reading:
    """Move the reads that have secondary alignments to the shared ones."""
    units = np.unique(found.shared["unit"][found.shared["hits"] == 0])
    moved, rows = [found.shared], Counter()
    for contig, count in found.rows.items():
        if not count:
            continue
        table = np.fromfile(plan.path(contig, number, "named"), SHARED)
        several = np.isin(table["unit"], units)
        moved.append(table[several])
        table[~several][list(ROW.names)].astype(ROW).tofile(plan.path(contig, number, "rows"))
        rows[contig] = int((~several).sum())
    return found._replace(shared=np.concatenate(moved), rows=rows)


def usual_length(plan: Plan, reading: Reading) -> int:
    """Tell the length of fragments whose length is not known.

    Returns
    -------
    int
        Of pairs and fragment files the median (bp); of single-end reads the length that the
        settings give, else an estimate; 1 if nothing depends on it.
    """
    if reading.lengths.any():
        cumulative = np.cumsum(reading.lengths)
        return int(np.searchsorted(cumulative, cumulative[-1] / 2))
    if plan.settings.fragment_length is not None:
        return plan.settings.fragment_length
    if not (plan.settings.whole_fragments or plan.settings.gc):
        return 1
    contig, _ = reading.rows.most_common(1)[0]
    return estimate_fragment_length(contig_rows(plan, contig), plan.sizes[contig])


def read_contig(plan: Plan, number: int, source: Alignments, contig: str, named: bool) -> Reading:
    """Read one contig of the file ``number``, with the names of reads or without."""
    decoded = decode(source, contig, plan.settings, named=named)
    # The same name in another file is another read.
    other = np.uint64(number * _SALT & _LARGEST)
    decoded.shared["unit"] ^= other
    if named:
        decoded.unique["unit"] ^= other
    index = source.contigs[contig]
    if len(decoded.unique):
        decoded.unique.tofile(plan.path(index, number, "named" if named else "rows"))
    rows = Counter({index: len(decoded.unique)})
    return Reading(decoded.shared, decoded.tally, rows, decoded.lengths)


def read_fragments(plan: Plan, number: int, source: Fragments) -> Reading:
    """Read the fragment file ``number``."""
    tally: Counter[str] = Counter()
    rows: Counter[int] = Counter()
    lengths = np.zeros(plan.settings.max_fragment + 1, np.int64)
    for begun in plan.folder.glob(f"*.{number}.rows"):
        begun.unlink()
    for contig, table in source.rows(plan.settings, tally):
        with plan.path(contig, number, "rows").open("ab") as file:
            table.tofile(file)
        rows[contig] += len(table)
        once = table["length"][table["flags"] & REVERSE == 0]
        sizes = np.minimum(once, plan.settings.max_fragment)
        lengths += np.bincount(sizes, minlength=len(lengths))
    if plan.settings.duplicates == "drop":
        for contig in rows:
            # All of it at once: equal fragments may stand anywhere.
            table = np.fromfile(plan.path(contig, number, "rows"), ROW)
            first = table[first_of_each(table)]
            first.tofile(plan.path(contig, number, "rows"))
            dropped = (table["flags"] & REVERSE == 0).sum() - (first["flags"] & REVERSE == 0).sum()
            tally["duplicates by position"] += int(dropped)
            rows[contig] = len(first)
    return Reading(np.zeros(0, SHARED), tally, rows, lengths)


def contig_rows(plan: Plan, contig: int) -> np.ndarray:
    """Read the rows of reads with one alignment, of all files."""
    tables = [np.fromfile(p, ROW) for p in sorted(plan.folder.glob(f"{contig}.*.rows"))]
    return np.concatenate(tables) if tables else np.zeros(0, ROW)
