"""Plans: where the parts of a file of variants begin, found in one reading of the file.

A part is what a run computes and saves at a time; a shard is some consecutive parts. Who has a plan
reads the parts that it needs and nothing else, and need not compute checksums again.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Optional

from pydantic import BaseModel

from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.genome.variant_checks import assembly_checked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from basenji_kipoi.genome.variant_checks import AlleleChecks
    from basenji_kipoi.genome.vcf import Variant, VariantFile

__all__ = [
    "FileIdentity",
    "Part",
    "Plan",
    "check_can_be_planned",
    "cut",
    "make_plan",
    "read_parts",
    "read_plan",
    "shard_of",
]


class FileIdentity(BaseModel):
    """What tells whether a file is still the same.

    Attributes
    ----------
    name : str
        Name without folder.
    size : int
        Bytes.
    modified_ns : int
        Time of the last change (ns).
    sha256 : str
        Checksum.
    """

    name: str
    size: int
    modified_ns: int
    sha256: str

    @classmethod
    def of(cls, path: Path, label: str = "") -> FileIdentity:
        """Identify a file; with a label, a bar shows how far the checksum is."""
        found = path.stat()
        sha256 = _checksum(path, label)
        return cls(name=path.name, size=found.st_size, modified_ns=found.st_mtime_ns, sha256=sha256)

    def is_of(self, path: Path, label: str = "") -> bool:
        """Tell whether a file is this one: by size and time, by content if only the time differs.

        A copy on another machine has another time, and is the same all the same.
        """
        found = path.stat()
        if found.st_size != self.size:
            return False
        return found.st_mtime_ns == self.modified_ns or _checksum(path, label) == self.sha256


class Part(NamedTuple):
    """A part of a file of variants, of whole records.

    Attributes
    ----------
    record : int
        Number of its first record, from 0.
    offset : int
        Where that begins, as `basenji_kipoi.genome.vcf.Alleles.offset` tells it.
    alleles : int
        Its alternative alleles.
    """

    record: int
    offset: int
    alleles: int


class Plan(BaseModel):
    """Where the parts of a file begin, and which file, genome and model they are for.

    Attributes
    ----------
    vcf, fasta, genes : FileIdentity
        The variants, the genome, and the genes, None without any.
    model : list of str
        Checksums of the networks' weights.
    part_size : int
        A part ends with the record by which it has so many alleles.
    contigs : list of str
        Contigs that variants lie on, by the file's names.
    parts : list of Part
        The parts, in the order of the file.
    """

    format: Literal["basenji-plan"] = "basenji-plan"
    format_version: Literal[1] = 1
    vcf: FileIdentity
    fasta: FileIdentity
    genes: Optional[FileIdentity] = None
    model: list[str]
    part_size: int
    contigs: list[str]
    parts: list[Part]


def cut(variants: Iterable[Variant], alleles: int) -> Iterator[list[Variant]]:
    """Cut a stream of alleles into parts, each of whole records.

    Parameters
    ----------
    variants
        Alleles in the order of their file.
    alleles
        A part ends with the record by which it has at least so many alleles.

    Yields
    ------
    list of Variant
        The alleles of a part. The stream has then given the first allele of the next one.
    """
    part: list[Variant] = []
    for variant in variants:
        if len(part) >= alleles and variant.record != part[-1].record:
            yield part
            part = []
        part.append(variant)
    if part:
        yield part


def shard_of(parts: Sequence[object], shard: tuple[int, int]) -> range:
    """Find the parts of a shard.

    Parameters
    ----------
    parts
        All parts.
    shard
        Number of the shard, from 1, and number of shards.

    Returns
    -------
    range
        Numbers of its parts, which are consecutive; shards differ by one part at most.
    """
    number, shards = shard
    return range(len(parts) * (number - 1) // shards, len(parts) * number // shards)


def make_plan(
    variants: VariantFile,
    checks: AlleleChecks,
    *,
    genes: Path | None,
    model: Sequence[str],
    part_size: int,
    is_assembly_checked: bool,
    quiet: bool,
) -> Plan:
    """Read all variants, once, and compute the checksums of the files.

    What is malformed in the file of the variants ends the run here, before work is spent.

    Parameters
    ----------
    variants
        The file.
    checks
        The checks that its alleles will pass; they know the genome.
    genes
        File of genes.
    model
        Checksums of the networks' weights.
    part_size
        Alleles of a part.
    is_assembly_checked
        Whether the run ends if most REFs are not the genome's.
    quiet
        Whether to show no progress bar.

    Raises
    ------
    InputError
        If a record is malformed, or the variants belong to another genome.
    """
    parts: list[Part] = []
    contigs: dict[str, None] = {}  # in the order of the file
    stream = variants.alleles()
    offset = stream.offset
    alleles: Iterable[Variant] = stream
    if is_assembly_checked:
        alleles = assembly_checked(stream, checks, variants.contig_lengths)
    label = "" if quiet else "reading the variants"
    with progress_bar(label, total=None, unit="alleles") as advance:
        for part in cut(alleles, part_size):
            parts.append(Part(part[0].record, offset, len(part)))
            offset = stream.offset  # of the next part, whose first allele was read
            contigs.update((variant.chrom, None) for variant in part)
            advance(len(part))
    plan = Plan(
        vcf=FileIdentity.of(variants.path),
        fasta=FileIdentity.of(checks.genome.path, "" if quiet else "checking the genome"),
        genes=FileIdentity.of(genes) if genes else None,
        model=list(model),
        part_size=part_size,
        contigs=list(contigs),
        parts=parts,
    )
    variants.check_unchanged()
    return plan


def read_plan(
    path: Path,
    variants: VariantFile,
    *,
    fasta: Path,
    genes: Path | None,
    model: Sequence[str],
    part_size: int | None,
    quiet: bool,
) -> Plan:
    """Read a plan, and check that it is for these files.

    Parameters
    ----------
    path
        The plan.
    variants, fasta, genes, model
        What is to be scored, and with what. Genes may be others than the plan's, or more than it
        has, since no part depends on them.
    part_size
        Alleles of a part that are asked for; None for whatever the plan has.
    quiet
        Whether to show no progress bar.

    Raises
    ------
    InputError
        If the file is no plan, or was made for another VCF, genome, model or part size.
    """
    check_can_be_planned(variants)
    plan = read_json(Plan, path)
    again = "make it again with basenji plan-scores"
    label = "" if quiet else "checking the genome"
    for what, identity, found, shown in (
        ("VCF", plan.vcf, variants.path, ""),
        ("genome", plan.fasta, fasta, label),
    ):
        if not identity.is_of(found, shown):
            raise InputError(
                f"{path} was made for another {what} than {found}, or that was changed: {again}"
            )
    if plan.model != list(model):
        raise InputError(f"{path} was made for another model: {again}")
    if part_size not in (None, plan.part_size):
        raise InputError(
            f"{path} was made with --part-size {plan.part_size}, not {part_size}: leave "
            f"--part-size out, or {again}"
        )
    if genes is None:
        return plan.model_copy(update={"genes": None})
    if plan.genes is None or not plan.genes.is_of(genes):
        return plan.model_copy(update={"genes": FileIdentity.of(genes)})
    return plan


def check_can_be_planned(variants: VariantFile) -> None:
    """Check that a file can be read from the middle on, again and again.

    Raises
    ------
    InputError
        If it is standard input, or gzip that is not bgzip.
    """
    if variants.is_copy:
        raise InputError(
            f"{variants.name} can be read from its beginning only, so there is no plan of it: "
            "give a file, plain or compressed by bgzip, or BCF"
        )


def read_parts(
    variants: VariantFile, parts: Sequence[Part], numbers: Iterable[int]
) -> Iterator[list[Variant]]:
    """Read parts of a file, and nothing else of it.

    Parameters
    ----------
    variants
        The file.
    parts
        All parts of it.
    numbers
        Which of them are read, in ascending order.

    Yields
    ------
    list of Variant
        The alleles of a part.

    Raises
    ------
    InputError
        If the file is not any more what it was when it was cut into parts.
    """
    following, stream = -1, iter(())
    for number in numbers:
        part = parts[number]
        if number != following:
            stream = iter(variants.alleles(record=part.record, offset=part.offset))
        alleles = list(islice(stream, part.alleles))
        if len(alleles) != part.alleles:
            raise variants.changed()
        # What is saved of a run is of one file, whatever becomes of the file later.
        variants.check_unchanged()
        yield alleles
        following = number + 1


def _checksum(path: Path, label: str) -> str:
    megabytes = path.stat().st_size // 10**6
    with progress_bar(label, total=megabytes, unit="MB") as advance:
        return checksum(path, advance=lambda read: advance(read / 1e6))
