"""A run that scores a file of variants: its options, its parts, its outputs."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from basenji_kipoi.base import __version__
from basenji_kipoi.base.atomic import check_output
from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.effects.scores import scores_named
from basenji_kipoi.genome.fasta import Genome
from basenji_kipoi.genome.genes import read_genes
from basenji_kipoi.genome.variant_checks import AlleleChecks, CheckRef, check_assembly
from basenji_kipoi.genome.vcf import VariantFile
from basenji_kipoi.models.ensembles import load_members
from basenji_kipoi.scoring.background import Background
from basenji_kipoi.scoring.metadata import (
    describe_run,
    first_difference,
    read_metadata,
    settings_of,
)
from basenji_kipoi.scoring.outputs import Summary, outputs_of, write_outputs
from basenji_kipoi.scoring.part import Scoring, longest_allele
from basenji_kipoi.scoring.parts import Parts, cut, shard_of
from basenji_kipoi.scoring.writers import check_vcf_output, suffix_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.scoring.options import ScoreOptions

__all__ = ["score_file"]

#: Errors of a disk, a quota or a file size that is used up.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def score_file(
    options: ScoreOptions,
    *,
    command: str,
    resume: bool = False,
    overwrite: bool = False,
    quiet: bool,
    note: Callable[[str], object],
) -> Summary | None:
    """Score a file of variants.

    Parameters
    ----------
    options
        What is scored.
    command
        The command, which the output will name.
    resume
        Whether to go on with what an interrupted run left.
    overwrite
        Whether to replace an output, and to delete what an interrupted run left.
    quiet
        Whether to show no progress bar.
    note
        Called with what the user should know, a line each.

    Returns
    -------
    Summary or None
        What is in the output; None if an earlier run of the same made it already.

    Raises
    ------
    InputError
        If something of the input cannot be used; names it.
    """
    if options.long and ".vcf" in suffix_of(options.out):
        raise InputError("--long: a VCF has one form only: write .parquet or .tsv")
    asked = scores_named(options.scores)
    outputs = outputs_of(options.out, genes=options.genes is not None)
    for path in outputs:
        check_output(path, overwrite=overwrite or resume)
    bundles = load_members(options.model)
    targets = bundles[0].targets
    columns = targets.columns_of(options.tracks)
    tracks = [targets[column].identifier for column in columns]
    longest = options.max_allele or longest_allele(bundles[0].architecture)
    placed = {
        "model": [bundle.weights_sha256[0] for bundle in bundles],
        **options.placed,
    }
    background = None
    if options.background:
        background = Background(options.background, [score.name for score in asked], tracks, placed)
    check_ref = CheckRef(options.check_ref or CheckRef.warn)
    with Genome(options.fasta) as genome, VariantFile(options.vcf) as variants:
        if ".vcf" in suffix_of(options.out):
            check_vcf_output(variants)
        checks = AlleleChecks(genome, variants.name, check_ref, longest)
        scoring = Scoring(
            bundles,
            genome,
            checks,
            scores=asked,
            tracks=columns,
            bins=options.bins,
            window=options.window,
            both_strands=options.both_strands,
            shifts=options.shifts,
            indels=options.indels,
            genes=read_genes(options.genes, genome) if options.genes else None,
            background=background,
            memory_bytes=int(options.memory * (1 << 30)),
        )
        if options.check_ref is None:
            check_assembly(variants, checks)
        size = options.part_size or scoring.part_size
        with progress_bar(
            "" if quiet else "reading the variants", total=None, unit="alleles"
        ) as advance:
            lengths = _survey(variants, checks, size, advance)
        if checks.renamed:
            note(_renamed(checks.renamed, variants.name))
        fasta_sha256 = _checksum(options.fasta, quiet=quiet)
        settings = {
            "version": __version__,
            **placed,
            "fasta": fasta_sha256,
            "vcf": checksum(variants.path),
            "scores": [score.name for score in asked],
            "tracks": tracks,
            "genes": checksum(options.genes) if options.genes else None,
            "check_ref": check_ref.value,
            "max_allele": longest,
            "background": checksum(options.background) if options.background else None,
            "part_size": size,
            "memory": options.memory,
            "shard": "{}/{}".format(*options.shard),
        }
        numbers = shard_of(lengths, options.shard)
        is_new = Parts.begun(options.out) or not any(path.exists() for path in outputs)
        if resume and not is_new and _is_of(options, settings, outputs, overwrite=overwrite):
            return None
        with Parts(
            options.out, settings, command=command, resume=resume, overwrite=overwrite
        ) as parts:
            total = sum(lengths[number] for number in numbers)
            done = sum(lengths[number] for number in numbers if parts.has(number))
            try:
                with progress_bar(
                    "" if quiet else "scoring", total=total, done=done, unit="alleles"
                ) as advance:
                    for number, part in enumerate(cut(variants, size)):
                        if number in numbers and not parts.has(number):
                            parts.save(number, scoring.score(part, advance))
                metadata = describe_run(options, settings, bundles, asked, parts.command)
                with progress_bar(
                    "" if quiet else "writing", total=total, unit="alleles"
                ) as advance:
                    return write_outputs(
                        parts,
                        numbers,
                        options.out,
                        scoring.tables(metadata),
                        variants,
                        is_long=options.long,
                        advance=advance,
                    )
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                raise InputError(
                    f"{options.out} cannot be written: {os.strerror(error.errno).lower()}: make "
                    "space and go on with --resume"
                ) from error


def _is_of(
    options: ScoreOptions, settings: dict[str, Any], outputs: Sequence[Path], *, overwrite: bool
) -> bool:
    """Tell whether outputs are those of a run; raise InputError if they must not be replaced."""
    settings = {**settings, "long": options.long}
    try:
        there = [path.exists() for path in outputs]
        if not all(there):
            raise InputError(f"{outputs[there.index(True)]} exists without its other outputs")
        if difference := first_difference(settings_of(read_metadata(outputs[-1])), settings):
            raise InputError(f"{outputs[-1]} was made with {difference}")
    except InputError as error:
        if overwrite:
            return False
        raise InputError(f"{error}: name another output, or pass --overwrite") from None
    return True


def _survey(
    variants: VariantFile, checks: AlleleChecks, size: int, advance: Callable[[int], object]
) -> list[int]:
    """Read all variants once: the alleles of each part, and the contigs that they lie on.

    What is malformed in the file ends the run here, before work is spent.
    """
    lengths = []
    for part in cut(variants, size):
        lengths.append(len(part))
        advance(len(part))
        for variant in part:
            checks.contig(variant.chrom)
    return lengths


def _checksum(fasta: Path, *, quiet: bool) -> str:
    label, megabytes = "" if quiet else "checking the genome", fasta.stat().st_size // 10**6
    with progress_bar(label, total=megabytes, unit="MB") as advance:
        return checksum(fasta, advance=lambda read: advance(read / 1e6))


def _renamed(renamed: dict[str, str], name: str) -> str:
    theirs, ours = next(iter(renamed.items()))
    more = f" (and {len(renamed) - 1} more contigs likewise)" if len(renamed) > 1 else ""
    return f"the contig {theirs} of {name} is read as {ours} of the genome{more}"
