"""A VCF as other programs want it: sorted, compressed by bgzip, with an index."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pysam
import pysam.bcftools

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.genome.vcf import STANDARD_INPUT, VariantFile

if TYPE_CHECKING:
    import os

__all__ = ["index_vcf"]

#: Positions that a tabix index can hold end here (bp).
_TABIX_END = 1 << 29
#: Lines of a header that define what records name, and pysam's types of them.
_DEFINITION = re.compile(r"##(\w+)=<ID=([^,>]+)")
_DEFINED = ("CONTIG", "FILTER", "INFO", "FORMAT")


def index_vcf(
    vcf: str | os.PathLike[str], out: str | os.PathLike[str], *, overwrite: bool = False
) -> tuple[int, Path]:
    """Sort the records of a VCF, compress it by bgzip, and index it.

    Records keep what they say. The header gets a line for each contig, filter and tag that it
    lacks, as htslib wants it; contigs come in the order of the header.

    Parameters
    ----------
    vcf
        VCF or BCF, plain, gzip or bgzip, in any order; ``-`` is standard input.
    out
        The output, ``x.vcf.gz``. Its index stands beside it: ``x.vcf.gz.tbi``, or ``.csi`` where a
        contig is longer than 512 Mb, which the older index cannot hold.
    overwrite
        Whether existing ones may be replaced.

    Returns
    -------
    int, Path
        Number of records, and the index.

    Raises
    ------
    InputError
        If the file cannot be read or a record is malformed (names the line), or the outputs may not
        be written.
    """
    out = Path(out)
    if not out.name.endswith(".vcf.gz"):
        raise InputError(f"the output {out}: expected a name that ends in .vcf.gz")
    given = None if str(vcf) == STANDARD_INPUT else vcf
    indexes = [Path(f"{out}.{kind}") for kind in ("tbi", "csi")]
    for path in (out, *indexes):
        check_output(path, overwrite=overwrite, inputs=[given])
    with VariantFile(vcf) as variants:
        header, records, last = _survey(variants)
        index = indexes[last > _TABIX_END]
        with (
            atomic_path(out, overwrite=overwrite) as path,
            atomic_path(index, overwrite=overwrite) as index_path,
        ):
            with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
                _sort(variants, header, path, Path(scratch))
            variants.check_unchanged()
            kind = {"preset": "vcf", "index": str(index_path), "force": True}
            pysam.tabix_index(str(path), csi=index.suffix == ".csi", **kind)
    # An index of the other kind would be of a file that is gone.
    for other in indexes:
        if other != index:
            other.unlink(missing_ok=True)
    return records, index


def _survey(variants: VariantFile) -> tuple[str, int, int]:
    """Read every record: the header that they need, their number, and where the last one ends."""
    number, last = 0, 0
    with variants.open() as file:
        records = iter(file)
        while True:
            try:
                record = next(records)
            except StopIteration:
                # By now it has a line for whatever the records name.
                return _header(variants, file.header), number, last
            except (OSError, ValueError) as error:
                raise variants.malformed(number, error) from None
            number += 1
            last = max(last, record.stop)


def _header(variants: VariantFile, parsed: pysam.VariantHeader) -> str:
    """Write a header as text; bytes of lines that are no UTF-8 stay as they are."""
    try:
        return str(parsed)
    except UnicodeDecodeError:
        *given, columns = variants.header_lines()
    known = {match.groups() for line in given if (match := _DEFINITION.match(line))}
    try:
        added = [
            str(record).rstrip("\n")
            for record in parsed.records
            if record.type in _DEFINED and (record.key, record.get("ID")) not in known
        ]
    except UnicodeDecodeError:
        raise InputError(
            f"{variants.name}: a record has a contig, filter or tag whose name is no UTF-8 text, "
            "and no line of the header names it: name it otherwise"
        ) from None
    return "\n".join([*given, *added, columns, ""])


def _sort(variants: VariantFile, header: str, out: Path, scratch: Path) -> None:
    """Write the records in order, compressed; bcftools keeps in files what memory does not hold."""
    source = variants.path
    if variants.is_text:
        source = scratch / "whole.vcf"
        with source.open("wb") as file:
            file.write(header.encode("utf-8", "surrogateescape"))
            file.writelines(line for line in variants.text_lines() if line[:1] not in b"#\n")
    parts = ("-T", str(scratch / "part"))
    try:
        pysam.bcftools.sort("-O", "z", *parts, "-o", str(out), str(source), catch_stdout=False)
    except pysam.SamtoolsError as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{variants.name} cannot be sorted: {reason}") from None
