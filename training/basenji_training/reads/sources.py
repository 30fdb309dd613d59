"""Opens files of reads and checks them against the genome, before any work is spent on them."""

from __future__ import annotations

import contextlib
import logging
import struct
import sys
import zlib
from collections import Counter
from typing import TYPE_CHECKING

import pysam

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable, open_bytes
from basenji_kipoi.genome.contig_names import matching_contigs
from basenji_training.reads.alignments import Alignments
from basenji_training.reads.fragments import MAGIC, Fragments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from basenji_kipoi.genome.fasta import Genome
    from basenji_training.reads.settings import Settings

__all__ = ["check_sources", "contig_lengths", "open_source"]

_log = logging.getLogger(__name__)
_ALIGNMENTS = (".bam", ".cram")


def check_sources(paths: Sequence[Path], settings: Settings) -> None:
    """Check that files of reads exist and can be read as what they are.

    Raises
    ------
    InputError
        If one is missing, a folder, or alignments in a pipe.
    """
    for path in paths:
        if not path.exists() or path.is_dir():
            raise InputError(f"there is no file of reads {path}")
        if _holds_alignments(path, settings):
            check_seekable(path, "BAM and CRAM")


def _holds_alignments(path: Path, settings: Settings) -> bool:
    """Tell whether a file of reads holds alignments (BAM, CRAM); else it holds fragments.

    Of a pipe, from which nothing can be read twice, the name or the settings tell.
    """
    if settings.format != "auto":
        return settings.format == "alignments"
    if path.suffix in _ALIGNMENTS:
        return True
    if not path.is_file():
        return False
    with contextlib.suppress(OSError, EOFError, zlib.error), open_bytes(path) as file:
        return file.read(4).startswith(MAGIC)
    return False


def contig_lengths(
    paths: Sequence[Path], genome: Genome | None, settings: Settings
) -> dict[str, int]:
    """Tell the contigs of the output.

    Parameters
    ----------
    paths
        Files of reads.
    genome
        The genome, if one was given.
    settings
        Which format the files have.

    Returns
    -------
    dict of str to int
        Names and lengths (bp): of the genome, else of the first file of alignments.

    Raises
    ------
    InputError
        If there is neither.
    """
    if genome is not None:
        return dict(genome.lengths)
    for path in paths:
        if _holds_alignments(path, settings):
            with _open(path, None) as file:
                if not file.is_cram:
                    return dict(zip(file.references, file.lengths, strict=True))
    raise InputError(
        f"{paths[0]} does not tell how long its contigs are (BAM files do), or its reference is "
        "needed to read it (CRAM): pass the genome with --fasta"
    )


def open_source(
    path: Path, lengths: dict[str, int], genome: Genome | None, settings: Settings, scratch: Path
) -> Alignments | Fragments:
    """Open a file of reads.

    Parameters
    ----------
    path
        BAM, CRAM, or fragments (BED).
    lengths
        Contigs of the output and their lengths (bp).
    genome
        The genome, if one was given.
    settings
        Which format the file has.
    scratch
        Path, without suffix, for an index, if the file has none.

    Raises
    ------
    InputError
        If the file is missing, truncated, not sorted, empty, or of another assembly, or has two
        names of one contig.
    """
    if not _holds_alignments(path, settings):
        return Fragments(path, lengths, named=settings.format == "fragments")
    with _open(path, genome) as file:
        named = dict(zip(file.references, file.lengths, strict=True))
        order = file.header.to_dict().get("HD", {}).get("SO", "unknown")
        if order in ("unsorted", "queryname"):
            raise InputError(
                f"{path} is not sorted by position (its header says {order}): run 'samtools sort'"
            )
        index, is_cram = _index(path, file, scratch), file.is_cram
    matched = (
        matching_contigs(named, genome.lengths) if genome else {n: n for n in named if n in lengths}
    )
    for name, contig in matched.items():
        if named[name] != lengths[contig]:
            raise InputError(
                f"{path} is of another assembly: contig {name} has {named[name]:,} bp there, and "
                f"{contig} {lengths[contig]:,} bp in {genome.path if genome else 'the first file'}"
            )
    twice = [contig for contig, times in Counter(matched.values()).items() if times > 1]
    if twice:
        names = " and ".join(name for name, contig in matched.items() if contig == twice[0])
        raise InputError(
            f"{path} has two names of one contig: {names} are both taken for {twice[0]}: leave one "
            "out (samtools view) or rename it (samtools reheader)"
        )
    missing = [name for name in named if name not in matched]
    if not matched or (missing and is_cram):
        raise InputError(
            f"{path} has contigs that the genome lacks, such as {missing[0]}: pass the genome to "
            "which the reads were aligned"
        )
    if missing:
        shown = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
        _log.warning("%s: contigs that the genome lacks are left out: %s", path, shown)
    numbers = {name: number for number, name in enumerate(lengths)}
    return Alignments(
        path=path,
        fasta=genome.path if genome else None,
        index=index,
        contigs={name: numbers[contig] for name, contig in matched.items()},
        is_cram=is_cram,
    )


def _open(path: Path, genome: Genome | None) -> pysam.AlignmentFile:
    hooks = sys.excepthook, sys.unraisablehook
    try:
        # What HTSlib says would stand beside our message, and what pysam prints when it cannot
        # close what it could not open.
        verbosity = pysam.set_verbosity(0)
        sys.excepthook = sys.unraisablehook = _ignore
        file = pysam.AlignmentFile(
            str(path), reference_filename=str(genome.path) if genome else None
        )
        file.check_truncation()
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read: {error}; check it with 'samtools quickcheck -v'"
        ) from error
    finally:
        pysam.set_verbosity(verbosity)
        sys.excepthook, sys.unraisablehook = hooks
    return file


def _ignore(*_: object) -> None:
    """Print nothing."""


def _index(path: Path, file: pysam.AlignmentFile, scratch: Path) -> Path:
    """Find the file's index, or make one in the scratch folder: the file's may be read-only."""
    for suffix in (".bai", ".csi", ".crai"):
        for index in (path.with_name(path.name + suffix), path.with_suffix(suffix)):
            if index.is_file():
                if index.stat().st_mtime < path.stat().st_mtime:
                    raise InputError(
                        f"{index} is older than {path}: index the file again ('samtools index')"
                    )
                _check_index(index, len(file.references))
                return index
    suffix = ".crai" if file.is_cram else ".csi" if max(file.lengths) >= 1 << 29 else ".bai"
    index = scratch.with_name(f"{scratch.name}{suffix}")
    try:
        options = ["-c"] if suffix == ".csi" else []
        pysam.index(*options, "-o", str(index), str(path))
    except pysam.SamtoolsError as error:
        reason = " ".join(str(error).split())
        raise InputError(
            f"{path} has no index, and none can be made ({reason}): is it sorted by position? "
            "('samtools sort', 'samtools index')"
        ) from error
    return index


def _check_index(path: Path, contigs: int) -> None:
    """Check that what an index tells of its own parts lies in it.

    HTSlib takes numbers of parts from the file as they come, and ends the process where there is
    not so much memory.
    """
    try:
        with open_bytes(path) as file:
            if path.suffix == ".crai":
                file.read()  # lines of text, which HTSlib reads one by one
                return
            content = file.read()
        if content[:4] == b"BAI\1":
            _walk_index(content, 4, contigs, is_csi=False)
        elif content[:4] == b"CSI\1":
            (more,) = struct.unpack_from("<i", content, 12)
            _walk_index(content, 16 + more, contigs, is_csi=True)
        else:
            raise ValueError("it does not begin as one")
    except (ValueError, EOFError, OSError, zlib.error, struct.error) as error:
        raise InputError(
            f"{path} is no readable index ({error}): remove it, or index the file again ('samtools "
            "index')"
        ) from None


def _walk_index(content: bytes, place: int, contigs: int, *, is_csi: bool) -> None:
    """Visit all parts of a BAI or CSI index."""
    count, head = struct.Struct("<i"), 16 if is_csi else 8
    (number,) = count.unpack_from(content, place)
    if number != contigs:
        raise ValueError(f"it is of {number:,} contigs, the file has {contigs:,}")
    place += 4
    for _ in range(number):
        (bins,) = count.unpack_from(content, place)
        place += 4
        for _ in range(bins):
            (chunks,) = count.unpack_from(content, place + head - 4)
            place = _behind(content, place + head, chunks, 16)
        if not is_csi:
            (intervals,) = count.unpack_from(content, place)
            place = _behind(content, place + 4, intervals, 8)


def _behind(content: bytes, place: int, number: int, size: int) -> int:
    """Return what follows so many entries."""
    if number < 0 or place + number * size > len(content):
        raise ValueError(f"it ends at {len(content):,}, before {number:,} entries at {place:,}")
    return place + number * size
