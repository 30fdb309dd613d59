"""Plans: where the parts of a file of variants begin, found in one reading of the file.

A part is what a run computes and saves at a time; a shard is some consecutive parts. Who has a plan
reads the parts that it needs and nothing else, and need not compute checksums again. Who makes one
for himself keeps the alleles of that reading (`KeptParts`), and reads the file no second time.
"""

from __future__ import annotations

import tempfile
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Optional

import pyarrow as pa
from pydantic import BaseModel

from basenji_kipoi.base.checksum import FileIdentity
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.genome.variant_checks import assembly_checked
from basenji_kipoi.genome.vcf import Variant
from basenji_kipoi.scoring.tables import ALLELE_COLUMNS

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Sequence

    from basenji_kipoi.genome.variant_checks import AlleleChecks
    from basenji_kipoi.genome.vcf import VariantFile

__all__ = [
    "KeptParts",
    "Part",
    "Plan",
    "check_can_be_planned",
    "cut",
    "make_plan",
    "read_parts",
    "read_plan",
]


#: Columns of alleles that are kept, a record batch a part.
_KEPT = pa.schema([ALLELE_COLUMNS.field(name) for name in Variant._fields])


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
    vcf, fasta, genes, background : FileIdentity
        The variants and the genome; the genes and the background's scores, None without any.
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
    background: Optional[FileIdentity] = None
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


def make_plan(
    variants: VariantFile,
    checks: AlleleChecks,
    *,
    genes: Path | None,
    background: Path | None = None,
    model: Sequence[str],
    part_size: int,
    is_assembly_checked: bool,
    kept: KeptParts | None = None,
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
    genes, background
        File of genes, and table of the background's scores.
    model
        Checksums of the networks' weights.
    part_size
        Alleles of a part.
    is_assembly_checked
        Whether the run ends if most REFs are not the genome's.
    kept
        What keeps the alleles of each part, for who will need them again.
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
            if kept is not None:
                kept.append(part)
            advance(len(part))
    plan = Plan(
        vcf=FileIdentity.of(variants.path),
        fasta=FileIdentity.of(checks.genome.path, "" if quiet else "checking the genome"),
        genes=FileIdentity.of(genes) if genes else None,
        background=FileIdentity.of(background) if background else None,
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
    background: Path | None,
    model: Sequence[str],
    part_size: int | None,
    quiet: bool,
) -> Plan:
    """Read a plan, and check that it is for these files.

    Parameters
    ----------
    path
        The plan.
    variants, fasta, genes, background, model
        What is to be scored, and with what. Genes and background may be others than the plan's, or
        more than it has, since no part depends on them.
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
    for name, given in (("genes", genes), ("background", background)):
        identity = getattr(plan, name)
        if given is None or identity is None or not identity.is_of(given):
            identity = FileIdentity.of(given) if given is not None else None
            plan = plan.model_copy(update={name: identity})
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


class KeptParts:
    """The alleles of the parts of a file, as they were read. A context manager.

    They wait in a file without a name, which is gone with the process, however that ends.

    Parameters
    ----------
    folder
        Where there is room for them.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        self._writer = pa.ipc.new_file(self._file, _KEPT, options=options)

    def __enter__(self) -> KeptParts:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def append(self, part: Sequence[Variant]) -> None:
        """Keep the alleles of the next part."""
        columns = [pa.array(column, type=kept.type) for column, kept in zip(zip(*part), _KEPT)]
        self._writer.write_batch(pa.record_batch(columns, schema=_KEPT))

    def read(self, numbers: Iterable[int]) -> Iterator[list[Variant]]:
        """Yield the alleles of some parts; then there are no more to be kept."""
        self._writer.close()
        kept = pa.ipc.open_file(self._file)
        for number in numbers:
            columns = (column.to_pylist() for column in kept.get_batch(number).columns)
            yield [Variant(*row) for row in zip(*columns)]


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
        yield alleles
        following = number + 1
