"""Opens files of reads and checks them against the genome, before any work is spent on them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pysam

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.contig_names import matching_contigs
from basenji_training.reads.alignments import Alignments
from basenji_training.reads.fragments import Fragments

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from basenji_kipoi.genome.fasta import Genome

__all__ = ["contig_lengths", "open_source"]

_log = logging.getLogger(__name__)
_ALIGNMENTS = (".bam", ".cram")


def contig_lengths(paths: Sequence[Path], genome: Genome | None) -> dict[str, int]:
    """Tell the contigs of the output.

    Parameters
    ----------
    paths
        Files of reads.
    genome
        The genome, if one was given.

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
        if path.suffix == ".bam":
            with _open(path, None) as file:
                return dict(zip(file.references, file.lengths, strict=True))
    raise InputError(
        f"{paths[0]} does not tell how long its contigs are (BAM files do), or its reference is "
        "needed to read it (CRAM): pass the genome with --fasta"
    )


def open_source(
    path: Path, lengths: dict[str, int], genome: Genome | None, scratch: Path
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
    scratch
        Path, without suffix, for an index, if the file has none.

    Raises
    ------
    InputError
        If the file is missing, truncated, not sorted, empty, or of another assembly.
    """
    if path.suffix not in _ALIGNMENTS:
        if not path.is_file():
            raise InputError(f"there is no file of reads {path}")
        return Fragments(path, lengths)
    with _open(path, genome) as file:
        named = dict(zip(file.references, file.lengths, strict=True))
        order = file.header.to_dict().get("HD", {}).get("SO", "unknown")
        if order in ("unsorted", "queryname"):
            raise InputError(
                f"{path} is not sorted by position (its header says {order}): run 'samtools sort'"
            )
        index = _index(path, file, scratch)
    matched = (
        matching_contigs(named, genome.lengths) if genome else {n: n for n in named if n in lengths}
    )
    for name, contig in matched.items():
        if named[name] != lengths[contig]:
            raise InputError(
                f"{path} is of another assembly: contig {name} has {named[name]:,} bp there, and "
                f"{contig} {lengths[contig]:,} bp in {genome.path if genome else 'the first file'}"
            )
    missing = [name for name in named if name not in matched]
    if not matched or (missing and path.suffix == ".cram"):
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
    )


def _open(path: Path, genome: Genome | None) -> pysam.AlignmentFile:
    if not path.is_file():
        raise InputError(f"there is no file of reads {path}")
    try:
        # The message of HTSlib would stand beside ours.
        verbosity = pysam.set_verbosity(0)
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
    return file


def _index(path: Path, file: pysam.AlignmentFile, scratch: Path) -> Path:
    """Find the file's index, or make one in the scratch folder: the file's may be read-only."""
    for suffix in (".bai", ".csi", ".crai"):
        for index in (path.with_name(path.name + suffix), path.with_suffix(suffix)):
            if index.is_file():
                if index.stat().st_mtime < path.stat().st_mtime:
                    raise InputError(
                        f"{index} is older than {path}: index the file again ('samtools index')"
                    )
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
