"""Import of training data in the published format (Basenji, Borzoi): TFRecords to a store.

A folder holds ``sequences.bed`` (the central, predicted part of each record and its split),
``statistics.json`` (lengths), ``targets.txt`` (the tracks) and ``tfrecords/<split>-<number>.tfr``
(zlib; features ``sequence``, uint8, and ``target``, float16, already clipped and scaled).

A record becomes a chromosome of the store, named after its interval, as records lie on no common
grid of bins. Its whole sequence is kept; bins outside of the central part are missing.
"""

from __future__ import annotations

import itertools
import logging
import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import zarr
from pydantic import BaseModel, Field

from basenji_kipoi.base.atomic import check_output
from basenji_kipoi.base.checksum import checksum, fingerprint
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.base.sequence import UNKNOWN, codes_of
from basenji_kipoi.base.sharing.processes import executor
from basenji_kipoi.base.text_files import check_seekable
from basenji_kipoi.base.unfinished import unfinished_folder
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.intervals import read_bed
from basenji_training.data.described_targets import read_described_targets
from basenji_training.splits.folds import SPLITS, divide
from basenji_training.splits.regions import Region
from basenji_training.store.description import TrackStatistics, chromosome_folder
from basenji_training.store.store import STORE
from basenji_training.store.unfinished import unfinished_store
from basenji_training.store.writing import (
    Layout,
    Sums,
    create_store,
    describe_store,
    summarise,
    write_bins,
    write_sequence,
)
from basenji_training.tracks.bins import coarsen, thresholds

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

__all__ = ["import_tfrecords"]

_log = logging.getLogger(__name__)

_HELD_OUT = ("valid", "test")
_FULL_NAMES = {"valid": "validation"}


class _Statistics(BaseModel):
    """What ``statistics.json`` says about all records; lengths in bp, `target_length` in bins."""

    seq_length: int = Field(gt=0)
    pool_width: int = Field(gt=0)
    crop_bp: int = Field(ge=0)
    target_length: int = Field(gt=0)


class _Record(NamedTuple):
    """An excerpt of a chromosome; `start` and `end` are the whole input's (bp, may be negative)."""

    chromosome: str
    start: int
    end: int
    split: str

    @property
    def name(self) -> str:
        return f"{self.chromosome}:{self.start}-{self.end}"


def import_tfrecords(
    folder: str | os.PathLike[str],
    *,
    out: str | os.PathLike[str],
    bin_width: int | None = None,
    fasta: str | os.PathLike[str] | None = None,
    name: str | None = None,
    resume: bool = False,
    overwrite: bool = False,
    command: str = "",
    label: str = "",
) -> list[TrackStatistics]:
    """Make a store of a folder of TFRecords.

    That records stand in the order of ``sequences.bed`` is checked as far as it shows: numbers of
    records of each split, sequences of intervals that overlap, and with `fasta` every sequence.

    Parameters
    ----------
    folder
        The folder.
    out
        Store to be written.
    bin_width
        Width of a bin in bp, a multiple of the records'; theirs by default. How bins are joined,
        `basenji_training.tracks.bins.coarsen` says.
    fasta
        The genome, to compare sequences with.
    name, resume, overwrite, command, label
        As `basenji_training.data.build.build_store` takes them; what is resumed goes on behind the
        last whole file of records.

    Returns
    -------
    list of TrackStatistics
        One a track.

    Raises
    ------
    InputError
        If a file is missing or damaged, files contradict each other, the output may not be
        written, or what is to be resumed was begun with other inputs or options.
    """
    folder, out = Path(folder), Path(out)
    is_begun = resume and unfinished_folder(out).exists()
    check_output(out, overwrite=overwrite or is_begun, inputs=(folder, fasta), folder=STORE)
    shape = _read_statistics(folder / "statistics.json")
    bin_width = bin_width or shape.pool_width
    target_bp = shape.target_length * shape.pool_width
    factor, rest = divmod(bin_width, shape.pool_width)
    if rest or not factor or shape.crop_bp % bin_width or target_bp % bin_width:
        raise InputError(
            f"--bin {bin_width} does not fit the records of {folder}, which have bins of "
            f"{shape.pool_width} bp and {target_bp} bp between two crops of {shape.crop_bp} bp"
        )
    targets = read_described_targets(folder / "targets.txt")
    records = _read_records(folder / "sequences.bed", shape)
    _report_leaks(records, shape.crop_bp)
    lengths = {record.name: shape.seq_length for record in records}
    layout = Layout.of(bin_width, len(targets))
    limits = thresholds(targets)
    limit = limits["scale"] * np.minimum(limits["clip_soft"], limits["clip"])
    files = _files(folder, records)
    described = ("sequences.bed", "statistics.json", "targets.txt")
    settings = {
        "bin": bin_width,
        "name": name or out.stem,
        **{each: fingerprint(folder / each) for each in described},
        "tfrecords": [fingerprint(path) for paths in files.values() for path in paths],
        "fasta": fasta and fingerprint(Path(fasta)),
    }

    def write(record: _Record, codes: np.ndarray, values: np.ndarray) -> Sums:
        values = np.where(np.isinf(values), np.nan, values)
        if factor > 1:
            values = coarsen(values, targets, factor)
        write_sequence(store.path, record.name, 0, codes)
        clipped = (values > limit).sum(axis=0)
        # Bins of the crop have no value, and are written as such.
        crop = shape.crop_bp // bin_width
        bins = shape.seq_length // bin_width
        values = np.pad(values, ((crop, bins - crop - len(values)), (0, 0)), constant_values=np.nan)
        return write_bins(store.path, record.name, 0, values, clipped)

    with (
        unfinished_store(
            out,
            "basenji-train import-tfrecords",
            settings,
            command=command,
            resume=resume,
            overwrite=overwrite,
        ) as store,
        executor(1) as here,
        progress_bar(label, total=len(records), unit="records") as advance,
    ):
        if store.is_new:
            here.submit(create_store, store.path, layout, lengths).result()
        known = {file: (count, infinite) for file, count, infinite in store.finished}
        for split, paths in files.items():
            mine = [record for record in records if record.split == split]
            left = iter(mine)
            for path in paths:
                if path.name in known:
                    done = sum(1 for _ in itertools.islice(left, known[path.name][0]))
                    advance(done)
                    continue
                sums, infinite = [], 0
                for codes, values in _examples(path, shape, len(targets)):
                    record = next(left, None)
                    if record is None:
                        raise InputError(_miscounted(folder, split, "more", len(mine)))
                    infinite += int(np.isinf(values).sum())
                    sums.append(here.submit(write, record, codes, values).result())
                    advance(1)
                store.add((path.name, len(sums), infinite), Sums.of(sums, len(targets)))
            if rest := len(list(left)):
                found = str(len(mine) - rest)
                raise InputError(_miscounted(folder, split, found, len(mine)))
        saturated = sum(infinite for _, _, infinite in store.finished)
        if saturated:
            _log.warning(
                "%s: %d values are infinite, beyond the float16 of the records: they count as "
                "missing",
                folder,
                saturated,
            )
        here.submit(_check_sequences, store.path, records, fasta).result()
        sums = list(store.finished.values())
        statistics = summarise(targets, sums, len(records) * target_bp // bin_width)
        regions, folds = _divide(records, shape)
        here.submit(
            describe_store,
            store.path,
            name=name or out.stem,
            layout=layout,
            lengths=lengths,
            folds=folds,
            regions=regions,
            targets=targets,
            statistics=statistics,
            command=store.command,
            positions={record.name: [record.chromosome, record.start] for record in records},
            source={each: checksum(folder / each) for each in described},
        ).result()
    return statistics


def _read_statistics(path: Path) -> _Statistics:
    if not path.is_file():
        raise InputError(
            f"{path} is {'no file' if path.exists() else 'missing'}: expected a folder with "
            "statistics.json, sequences.bed, targets.txt and tfrecords/"
        )
    shape = read_json(_Statistics, path)
    if shape.target_length * shape.pool_width + 2 * shape.crop_bp != shape.seq_length:
        raise InputError(
            f"{path}: seq_length {shape.seq_length} is not target_length {shape.target_length} x "
            f"pool_width {shape.pool_width} + 2 x crop_bp {shape.crop_bp}"
        )
    return shape


def _read_records(path: Path, shape: _Statistics) -> list[_Record]:
    records = []
    for interval in read_bed(path):
        if len(interval) != shape.seq_length - 2 * shape.crop_bp or interval.name == ".":
            raise InputError(
                f"{path}: {interval} ({interval.name}): expected an interval of "
                f"{shape.seq_length - 2 * shape.crop_bp} bp and its split in the fourth column"
            )
        start, end = interval.start - shape.crop_bp, interval.end + shape.crop_bp
        records.append(_Record(interval.chrom, start, end, interval.name))
    if len({record.name for record in records}) < len(records):
        raise InputError(f"{path} lists an interval twice")
    return records


def _divide(
    records: Sequence[_Record], shape: _Statistics
) -> tuple[dict[str, list[Region]], dict[str, list[str]]]:
    """Make regions of the records' central parts, and choose splits of their labels."""
    regions: dict[str, list[Region]] = {}
    for record in records:
        label = _FULL_NAMES.get(record.split, record.split)
        part = Region(record.name, shape.crop_bp, shape.seq_length - shape.crop_bp)
        regions.setdefault(label, []).append(part)
    if set(regions) == set(SPLITS):
        return regions, {split: [split] for split in SPLITS}
    labels = sorted(regions, key=_by_number)
    regions = {label: regions[label] for label in labels}
    return regions, divide(labels, test=labels[:1], validation=labels[1:2])


def _by_number(text: str) -> list[object]:
    """Sort key by which fold10 comes after fold9."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", text)]


def _files(folder: Path, records: Sequence[_Record]) -> dict[str, list[Path]]:
    """Find the files of each split, in the order of their numbers."""
    files = {}
    for split in dict.fromkeys(record.split for record in records):
        found = (folder / "tfrecords").glob(f"{split}-*.tfr")
        files[split] = sorted(found, key=lambda path: _by_number(path.name))
        if not files[split]:
            raise InputError(f"{folder / 'tfrecords'} has no file {split}-0.tfr")
        for path in files[split]:
            check_seekable(path, "TFRecord")
    return files


def _miscounted(folder: Path, split: str, found: str, listed: int) -> str:
    return (
        f"{folder}: the files of the split {split} hold {found} records, sequences.bed lists "
        f"{listed}: files are missing, or of another data set"
    )


def _examples(
    path: Path, shape: _Statistics, tracks: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    import tensorflow as tf  # noqa: PLC0415 - takes seconds, and only this import needs it

    features = {key: tf.io.FixedLenFeature([], tf.string) for key in ("sequence", "target")}
    try:
        for number, raw in enumerate(tf.data.TFRecordDataset(str(path), "ZLIB")):
            example = tf.io.parse_single_example(raw, features)
            codes = np.frombuffer(example["sequence"].numpy(), np.uint8)
            values = np.frombuffer(example["target"].numpy(), np.float16)
            where = f"{path}, record {number + 1}"
            yield _codes(codes, shape, where), _values(values, shape, tracks, where)
    except tf.errors.OpError as error:
        reason = str(error.message).splitlines()[0]
        raise InputError(f"{path} is damaged or not a TFRecord file ({reason})") from None


def _codes(codes: np.ndarray, shape: _Statistics, where: str) -> np.ndarray:
    """Read codes, or the channels that older files hold."""
    if codes.size == 4 * shape.seq_length:
        codes = codes_of(codes.reshape(1, -1, 4))[0][0]
    if codes.size != shape.seq_length or codes.max(initial=0) > UNKNOWN:
        raise InputError(
            f"{where}: expected a sequence of {shape.seq_length} codes from 0 to {UNKNOWN}, found "
            f"{codes.size} bytes up to {codes.max(initial=0)}"
        )
    return codes


def _values(values: np.ndarray, shape: _Statistics, tracks: int, where: str) -> np.ndarray:
    if values.size != shape.target_length * tracks:
        raise InputError(
            f"{where}: expected {shape.target_length} bins x {tracks} tracks of targets.txt, "
            f"found {values.size} values"
        )
    if (values < 0).any():
        raise InputError(f"{where}: negative coverage {values.min():g}")
    return values.reshape(shape.target_length, tracks).astype(np.float32)


def _report_leaks(records: Sequence[_Record], crop: int) -> None:
    """Warn of inputs that reach into what another split predicts."""
    ordered = sorted(records)
    leaks: set[_Record] = set()
    for i, record in enumerate(ordered):
        for other in ordered[i + 1 :]:
            if other.chromosome != record.chromosome or other.start >= record.end:
                break
            for one, two in ((record, other), (other, record)):
                may_train = one.split not in _HELD_OUT and one.split != two.split
                if may_train and two.start + crop < one.end and one.start < two.end - crop:
                    leaks.add(one)
    if leaks:
        _log.warning(
            "%d records read sequence of the predicted part of a record of another split, as the "
            "data set was published",
            len(leaks),
        )


def _check_sequences(
    path: Path, records: Sequence[_Record], fasta: str | os.PathLike[str] | None
) -> None:
    """Compare sequences of overlapping records, and all with a genome."""
    root = zarr.open_group(str(path), mode="r")
    written = {each.name: root[f"{chromosome_folder(each.name)}/sequence"] for each in records}
    if fasta is not None:
        with Genome(fasta) as genome:
            for record in records:
                expected = genome.codes(record.chromosome, record.start, record.end)
                if not np.array_equal(expected, written[record.name][:]):
                    raise InputError(
                        f"the record of {record.name} does not hold the sequence of {fasta}: "
                        "another assembly, or records in another order than sequences.bed"
                    )
    ordered = sorted(records)
    for one, two in itertools.pairwise(ordered):
        if one.chromosome == two.chromosome and two.start < one.end:
            first = written[one.name][two.start - one.start :]
            second = written[two.name][: one.end - two.start]
            if not np.array_equal(first, second):
                raise InputError(
                    f"the records of {one.name} and {two.name} have different sequences where "
                    "they overlap: records stand in another order than sequences.bed"
                )
