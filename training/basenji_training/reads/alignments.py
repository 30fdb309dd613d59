"""Reads BAM and CRAM files, one contig at a time, into tables of rows.

oxbow decodes records into Arrow columns, 2 to 5 times as fast as a loop over pysam's records, so
that nothing here loops over reads.

A read has several alignments if its ``NH`` tag says so (its other alignments are records of their
own, as STAR, HISAT2 and TopHat write them), if the ``XA`` tag of bwa lists some with at most as
many mismatches, or if secondary records without ``NH`` bear its name (bowtie2 ``-k``, bwa ``-a``,
minimap2).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import oxbow
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from basenji_kipoi.base.errors import InputError
from basenji_training.reads.cigars import Cigars
from basenji_training.reads.rows import (
    CONTINUED,
    MINUS,
    REVERSE,
    ROW,
    SECOND,
    SHARED,
    empty,
    first_of_each,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from basenji_training.reads.settings import Settings

__all__ = ["Alignments", "Decoded", "decode"]

_BATCH = 1 << 17  # records
_PAIRED, _PROPER, _UNMAPPED, _REVERSE = 0x1, 0x2, 0x4, 0x10
_FIRST, _SECOND, _SECONDARY = 0x40, 0x80, 0x100
_FAILED, _DUPLICATE, _SUPPLEMENTARY = 0x200, 0x400, 0x800
_NO_QUALITY = 255  # the format's word for an unknown mapping quality; STAR's for a unique one
_ALTERNATIVE = (
    r"^(?P<contig>.+),(?P<strand>[+-])(?P<position>\d{1,10}),"
    r"(?P<cigar>(?:\d{1,8}[MIDNSHP=X])+),(?P<nm>\d{1,9})$"
)
# Bowtie 1 writes XA:i, the mismatches of the seed, which lists nothing.
_STRATUM = r"^-?\d+$"


@dataclass(frozen=True)
class Alignments:
    """A file of alignments, sorted and indexed.

    Attributes
    ----------
    path
        BAM or CRAM file.
    fasta
        The reference of a CRAM file.
    index
        Its index.
    contigs
        The file's contigs -> the index of the output's, of those that are in it.
    is_cram
        Whether it is CRAM.
    """

    path: Path
    fasta: Path | None
    index: Path
    contigs: dict[str, int]
    is_cram: bool

    def batches(self, contig: str, *, cigars: bool) -> Iterator[pa.RecordBatch]:
        """Read the records of a contig, a batch at a time, positions 0-based and half-open."""
        fields = ["qname", "flag", "rname", "pos", "end", "mapq", "tlen"]
        tags = [("NH", "C"), ("XA", "Z"), ("NM", "C")]
        arguments = {
            "fields": [*fields, "cigar"] if cigars else fields,
            "tag_defs": tags,
            "coords": "01",
            # A colon would be read as that of a range.
            "regions": None if ":" in contig else contig,
            "index": str(self.index),
            "batch_size": _BATCH,
        }
        try:
            if self.is_cram:
                file = oxbow.from_cram(str(self.path), reference=str(self.fasta), **arguments)
            else:
                file = oxbow.from_bam(str(self.path), **arguments)
            for each in file.batches():
                batch = pa.record_batch(each)
                # A slice of a CRAM file holds reads of several contigs.
                yield batch.filter(pc.equal(batch["rname"].cast(pa.string()), contig))
        except Exception as error:
            # oxbow raises nothing more specific.
            if type(error) is not Exception:
                raise
            raise InputError(
                f"{self.path} is truncated, damaged or does not fit its index: cannot read the "
                f"alignments of {contig} ({error}); check it with 'samtools quickcheck -v', index "
                "it again with 'samtools index'"
            ) from error


class Decoded(NamedTuple):
    """What a contig holds.

    Attributes
    ----------
    unique : ndarray of `ROW` (of `SHARED` if read by names)
        Reads with one alignment.
    shared : ndarray of `SHARED`
        Alignments of reads with several.
    tally
        How many alignments there were, by what became of them.
    lengths : ndarray, int64
        Number of fragments of each length (bp) among the uniquely mapped pairs.
    """

    unique: np.ndarray
    shared: np.ndarray
    tally: Counter[str]
    lengths: np.ndarray


def decode(source: Alignments, contig: str, settings: Settings, *, named: bool) -> Decoded:
    """Read a contig's alignments.

    Parameters
    ----------
    source
        The file.
    contig
        The file's name of the contig.
    settings
        Which reads count, and how.
    named
        Whether the rows of unique reads bear the reads' names too, because a secondary record
        without ``NH`` may have the same.

    Raises
    ------
    InputError
        If the file cannot be read or an ``XA`` tag is malformed.
    """
    tally: Counter[str] = Counter()
    cigars = Cigars()
    unique, shared, numbers, shared_numbers = [], [], [], []
    lengths = np.zeros(settings.max_fragment + 1, np.int64)
    with_cigars = settings.mode == "read" or settings.max_soft_clip is not None
    for batch in source.batches(contig, cigars=with_cigars):
        batch = _chosen(batch, settings, tally)
        rows = _rows(batch, settings)
        rows["contig"] = source.contigs[contig]
        number = cigars.number(batch["cigar"]) if with_cigars else np.zeros(len(rows), np.int64)
        if settings.max_soft_clip is not None:
            side = np.where(
                rows["flags"] & REVERSE,
                cigars.column("right_clip", number),
                cigars.column("left_clip", number),
            )
            fits = side <= settings.max_soft_clip
            tally["5' end clipped"] += int((~fits).sum())
            batch, rows, number = batch.filter(pa.array(fits)), rows[fits], number[fits]
        secondary = _column(batch, "flag") & _SECONDARY > 0
        untagged = secondary & (rows["hits"] == 0)
        listed, listed_numbers, owners = _listed(batch, rows, source, cigars)
        several = rows["hits"] > 1
        several[owners] = True
        tally["secondary without NH"] += int(untagged.sum())
        if named:
            several |= untagged
        to_name = (several | (rows["hits"] == 0)) if named else several
        rows["unit"][to_name] = _names(batch, to_name)
        many = several & (rows["hits"] > settings.max_multimap)
        tally["too many alignments"] += int(many.sum())
        listed["unit"] = rows["unit"][listed["unit"]]
        fits = listed["hits"] <= settings.max_multimap
        single = ~several & ~untagged
        quality = _column(batch, "mapq", _NO_QUALITY)
        low = single & (quality < settings.min_mapq)
        tally["low mapping quality"] += int(low.sum())
        if settings.multimap == "drop":
            tally["several alignments"] += int((several & ~many).sum())
        else:
            shared += [rows[several & ~many], listed[fits]]
            shared_numbers += [number[several & ~many], listed_numbers[fits]]
        single &= ~low
        unique.append(rows[single] if named else rows[single][list(ROW.names)].astype(ROW))
        numbers.append(number[single])
        paired = single & (rows["length"] > 0) & (rows["flags"] & SECOND == 0)
        sizes = np.minimum(rows["length"][paired], settings.max_fragment)
        lengths += np.bincount(sizes, minlength=len(lengths))
    first, code = _joined(unique, numbers, SHARED if named else ROW)
    if settings.duplicates == "drop":
        keep = first_of_each(first)
        tally["duplicates by position"] += len(first) - len(keep)
        first, code = first[keep], code[keep]
    second, second_code = _joined(shared, shared_numbers, SHARED)
    if settings.mode == "read":
        first, second = _split(first, code, cigars), _split(second, second_code, cigars)
    return Decoded(first, second, tally, lengths)


def _column(batch: pa.RecordBatch, name: str, missing: int = 0) -> np.ndarray:
    return batch[name].fill_null(missing).to_numpy(zero_copy_only=False)


def _tag(batch: pa.RecordBatch, name: str) -> pa.Array:
    return pc.struct_field(batch["tags"], name)


def _names(batch: pa.RecordBatch, chosen: np.ndarray) -> np.ndarray:
    """Hash the names of reads; the two reads of a pair differ."""
    names = batch["qname"].filter(pa.array(chosen)).to_numpy(zero_copy_only=False)
    mate = _column(batch, "flag")[chosen] & (_FIRST | _SECOND)
    return pd.util.hash_array(names, categorize=False) ^ mate.astype(np.uint64)


def _chosen(batch: pa.RecordBatch, settings: Settings, tally: Counter[str]) -> pa.RecordBatch:
    """Keep the alignments that may count; count the others by the first reason that applies."""
    flag = _column(batch, "flag")
    paired, second = flag & _PAIRED > 0, flag & _SECOND > 0
    mapped = flag & _UNMAPPED == 0
    tally["alignments"] += int(mapped.sum())
    tally["paired"] += int((paired & mapped).sum())
    reasons = {
        "unmapped": ~mapped,
        "failed quality control": flag & _FAILED > 0,
        "supplementary": flag & _SUPPLEMENTARY > 0,
    }
    # Before duplicates are left out, so that their share refers to what would have counted.
    if settings.whole_fragments:
        length = np.abs(_column(batch, "tlen"))
        reasons["read 2 of its pair"] = paired & second
        reasons["not a proper pair"] = paired & ((flag & _PROPER == 0) | (length == 0))
        reasons["fragment too long"] = paired & (length > settings.max_fragment)
    elif settings.mode != "cut" and settings.mate:
        reasons["the other read of its pair"] = paired & (second != (settings.mate == 2))
    reasons["marked as duplicate"] = flag & _DUPLICATE > 0
    keep = np.ones(len(flag), bool)
    for reason, wrong in reasons.items():
        if reason == "marked as duplicate":
            tally["marked as duplicate"] += int((wrong & keep).sum())
            if settings.duplicates == "keep":
                continue
        elif reason != "unmapped":
            tally[reason] += int((wrong & keep).sum())
        keep &= ~wrong
    return batch.filter(pa.array(keep))


def _rows(batch: pa.RecordBatch, settings: Settings) -> np.ndarray:
    flag = _column(batch, "flag")
    reverse = flag & _REVERSE > 0
    second = (flag & _PAIRED > 0) & (flag & _SECOND > 0)
    rows = np.zeros(len(flag), SHARED)
    rows["start"], rows["end"] = _column(batch, "pos"), _column(batch, "end")
    rows["five"] = np.where(reverse, rows["end"] - 1, rows["start"])
    proper = (flag & _PAIRED > 0) & (flag & _PROPER > 0)
    rows["length"] = np.where(proper, np.abs(_column(batch, "tlen")), 0)
    rows["count"] = 1
    # A cut has the strand of its read, everything else that of the fragment's read 1.
    minus = reverse if settings.mode == "cut" else reverse ^ second
    if settings.flip_strands:
        minus = ~minus
    rows["flags"] = REVERSE * reverse + MINUS * minus + SECOND * second
    rows["hits"] = pc.fill_null(_tag(batch, "NH"), 0).to_numpy(zero_copy_only=False)
    return rows


def _listed(
    batch: pa.RecordBatch, rows: np.ndarray, source: Alignments, cigars: Cigars
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Make rows of the alignments that XA tags list.

    Returns them, with the index of the record that lists them as ``unit``, their CIGAR numbers,
    and the indices of the records that list any.
    """
    tags, primary = _tag(batch, "XA"), _column(batch, "flag") & _SECONDARY == 0
    lists = pc.invert(pc.match_substring_regex(tags, _STRATUM)).fill_null(False)
    tagged = np.flatnonzero(lists.to_numpy(zero_copy_only=False) & primary)
    tagged = tagged[rows["hits"][tagged] == 0]
    if not len(tagged):
        return empty(SHARED), np.zeros(0, np.int64), tagged
    parts = pc.split_pattern(pc.utf8_rtrim(tags.take(tagged), characters=";"), ";")
    owner = tagged[pc.list_parent_indices(parts).to_numpy()]
    fields = pc.extract_regex(pc.list_flatten(parts), _ALTERNATIVE)
    position = pc.struct_field(fields, "position").cast(pa.int64())
    odd = pc.or_kleene(fields.is_null(), pc.greater(position, np.iinfo(np.int32).max))
    if pc.any(odd).as_py():
        wrong = owner[np.argmax(odd.to_numpy(zero_copy_only=False))]
        raise InputError(
            f"{source.path}: read {batch['qname'][wrong]} has the XA tag {tags[wrong]}: expected "
            "'contig,±position,CIGAR,mismatches;' for each alignment, as bwa writes it"
        )
    nm = _tag(batch, "NM").fill_null(np.iinfo(np.int32).max).to_numpy(zero_copy_only=False)
    names = pc.struct_field(fields, "contig").dictionary_encode()
    index = np.array([source.contigs.get(name, -1) for name in names.dictionary.to_pylist()])
    contig = index[names.indices.to_numpy()]
    # Only what is as good as the alignment itself could as well be the read's origin.
    fits = pc.struct_field(fields, "nm").cast(pa.int64()).to_numpy() <= nm[owner]
    fits &= contig >= 0
    fields, owner, contig = fields.filter(pa.array(fits)), owner[fits], contig[fits]
    numbers = cigars.number(pc.struct_field(fields, "cigar"))
    owners, counts = np.unique(owner, return_counts=True)
    rows["hits"][owners] = counts + 1
    alternative = rows[owner]
    alternative["unit"], alternative["contig"] = owner, contig
    alternative["start"] = pc.struct_field(fields, "position").cast(pa.int32()).to_numpy() - 1
    alternative["end"] = alternative["start"] + cigars.column("span", numbers)
    reverse = pc.equal(pc.struct_field(fields, "strand"), "-").to_numpy(zero_copy_only=False)
    turned = reverse ^ (alternative["flags"] & REVERSE > 0)
    alternative["flags"] ^= np.where(turned, REVERSE | MINUS, 0).astype(np.uint8)
    alternative["five"] = np.where(reverse, alternative["end"] - 1, alternative["start"])
    return alternative, numbers, owners


def _joined(
    tables: list[np.ndarray], numbers: list[np.ndarray], dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    if not tables:
        return empty(dtype), np.zeros(0, np.int64)
    return np.concatenate(tables), np.concatenate(numbers)


def _split(rows: np.ndarray, numbers: np.ndarray, cigars: Cigars) -> np.ndarray:
    """Make a row of each aligned block, so that introns do not count."""
    owner, start, end = cigars.blocks(numbers)
    blocks = rows[owner]
    blocks["start"] = rows["start"][owner] + start
    blocks["end"] = rows["start"][owner] + end
    blocks["flags"][1:] |= np.where(owner[1:] == owner[:-1], CONTINUED, 0).astype(np.uint8)
    return blocks
