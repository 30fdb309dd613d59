"""Tables of loci: read, by whatever format, into variants in the genome's alleles."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import NOT_IN_CELLS, check_is_there, check_seekable
from basenji_kipoi.genome.fasta import open_genome
from basenji_kipoi.genome.vcf import VariantFile
from basenji_kipoi.locus.alleles import Matched, Placed, match_alleles
from basenji_kipoi.locus.files import read_content
from basenji_kipoi.locus.finemapping import z_of_log10_p
from basenji_kipoi.locus.formats import FORMATS, NO_SET, recognised
from basenji_kipoi.locus.rsids import KnownAllele, places_of_rsids
from basenji_kipoi.locus.variants import LocusTable, LocusVariant, Matching, Reason

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from basenji_kipoi.genome.fasta import Genome
    from basenji_kipoi.locus.files import Content
    from basenji_kipoi.locus.formats import Format

__all__ = ["check_table", "read_loci"]

#: A variant in one word: contig, position, two alleles, and what GTEx writes behind.
_WORD = re.compile(r"(.+?)[:_](\d+)[:_]([^:_]+)[:_>/]([^:_]+?)(?:_b\d\d)?")
_MISSING = frozenset({"", "NA", "NaN", "nan", ".", "None", "null", "-inf", "inf"})
#: Rows of a table without a locus that lie further from the one before are another locus (bp).
GAP = 500_000
#: Roles of numbers, with their smallest and largest value.
_NUMBERS = {
    "pip": (0, 1 + 1e-6),
    "p": (0, 1),
    "log10_p": (0, math.inf),
    "beta": (-math.inf, math.inf),
    "se": (0, math.inf),
    "z": (-math.inf, math.inf),
    "frequency": (0, 1),
}


@dataclass(frozen=True)
class _Row:
    """A row, before its alleles are matched."""

    placed: Placed
    texts: Mapping[str, str]
    numbers: Mapping[str, Optional[float]]


def check_table(path: str | os.PathLike[str]) -> None:
    """Check that there is a table, before anything long is done.

    Raises
    ------
    InputError
        If there is none, or it can be read only once.
    """
    check_is_there(Path(path), "table of variants")
    check_seekable(path, "such")


def read_loci(
    path: str | os.PathLike[str],
    genome: Genome | str | os.PathLike[str],
    *,
    format: str | None = None,  # noqa: A002 - as the option is called
    columns: Mapping[str, str] | None = None,
    rsids: str | os.PathLike[str] | None = None,
    gap: int = GAP,
) -> LocusTable:
    """Read the variants of loci, and match their alleles to the genome.

    Parameters
    ----------
    path
        Credible sets or summary statistics: Parquet, or text separated by tabs, commas or blanks,
        plain or gzip; or VCF and BCF, whose INFO tags are columns.
    genome
        The genome, or its FASTA file.
    format
        Name of a format of `basenji_kipoi.locus.formats.FORMATS`; by default the one whose columns
        the table has.
    columns
        Columns by role, where they are not called as usual.
    rsids
        VCF that has the places and alleles of rsIDs, for rows without a position.
    gap
        Where the table does not name loci, variants further apart lie in two (bp).

    Returns
    -------
    LocusTable
        A variant a row; one that cannot be scored has the reason.

    Raises
    ------
    InputError
        If something of the input cannot be used, or most alleles fit the genome on neither strand.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> table = bk.read_loci("locus.tsv", "genome.fa")
    >>> table.format, len(table), table.counts()
    ('plain', 6, {'same': 4, 'swapped': 1, 'ref_mismatch': 1})
    >>> table.variants[0].name, table.variants[0].pip
    ('chrA:20050:A:C', 0.4)
    """
    check_table(path)
    name = str(path)
    columns = dict(columns or {})
    with open_genome(genome) as opened:
        if _is_vcf(Path(path)):
            found, rows = FORMATS["plain"], list(_rows_of_vcf(path, columns))
        else:
            content = read_content(Path(path))
            found = recognised(content.header, name, format)
            rows = list(_rows(content, found, columns, name))
        if not rows:
            raise InputError(f"{name} has no rows")
        _check_texts(rows, f"{name}: record " if _is_vcf(Path(path)) else f"{name}:")
        rows = _with_rsids(rows, rsids, name)
        matched = match_alleles([row.placed for row in rows], opened, name)
    has_sets = any(row.texts.get("credible_set") for row in rows)
    loci = _loci(rows, matched, gap)
    variants = tuple(
        _variant(row, each, locus, signed=found.signed)
        for row, each, locus in zip(rows, matched, loci)
    )
    return LocusTable(name, found.name if not _is_vcf(Path(path)) else "vcf", variants, has_sets)


def _is_vcf(path: Path) -> bool:
    return any(path.name.endswith(end) for end in (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf"))


def _rows_of_vcf(path: str | os.PathLike[str], columns: Mapping[str, str]) -> Iterator[_Row]:
    """Yield alleles of a VCF; INFO tags are what ``columns`` says, by role, or called as usual."""
    with VariantFile(path) as variants:
        tags = FORMATS["plain"].roles(variants.info_tags, columns)
        texts = [role for role in ("locus", "trait", "gene", "credible_set") if role in tags]
        numbers = [role for role in _NUMBERS if role in tags]
        for number, record in variants.records(samples=False):
            with variants.naming(number):
                yield from _rows_of_record(
                    record, number + 1, {role: tags[role] for role in (*texts, *numbers)}, variants
                )


def _rows_of_record(
    record: Any,  # noqa: ANN401 - pysam has no type hints
    number: int,
    tags: Mapping[str, str],
    variants: VariantFile,
) -> Iterator[_Row]:
    for place, alt in enumerate(record.alts or ()):
        cells = {role: _info(record, tag, place) for role, tag in tags.items()}
        placed = Placed(number, record.chrom, record.pos, record.ref.upper(), alt.upper(), True)
        where = f"{variants.name}: record {number}"
        yield _Row(
            placed,
            {
                **{role: cell for role, cell in cells.items() if role not in _NUMBERS},
                "rsid": record.id or "",
            },
            {role: _number(cell, role, where) for role, cell in cells.items() if role in _NUMBERS},
        )


def _info(record: Any, tag: str, place: int) -> str:  # noqa: ANN401 - pysam has no type hints
    value = record.info.get(tag)
    # A tag has a value, one for each alternative allele, or none.
    if isinstance(value, tuple):
        value = value[place] if len(value) == len(record.alts) else value[0]
    return "" if value is None else str(value)


def _check_texts(rows: Iterable[_Row], where: str) -> None:
    """Check that a table can hold what rows say: what is written is written last."""
    for row in rows:
        for text in (row.placed.chrom, row.placed.first, row.placed.second, *row.texts.values()):
            if any(letter in text for letter in NOT_IN_CELLS):
                raise InputError(f"{where}{row.placed.row}: {text!r} has a tab or a line end")


# ---- rows to variants ----


def _rows(content: Content, found: Format, columns: Mapping[str, str], name: str) -> Iterator[_Row]:
    roles = found.roles(content.header, columns)
    place = _placer(roles, name, content.header)
    numbers = [role for role in _NUMBERS if role in roles]
    texts = [role for role in ("rsid", "trait", "gene", "credible_set", "locus") if role in roles]
    for number, cells in content.rows:
        where = f"{name}:{number}"
        row = {role: cells[roles[role]] for role in texts}
        row = {role: "" if text in _MISSING else text for role, text in row.items()}
        if row.get("credible_set") in NO_SET:
            row["credible_set"] = ""
        if found.locus_from and "locus" not in roles:
            row["locus"] = " ".join(cells[column] for column in found.locus_from)
        yield _Row(
            place(number, cells, row.get("rsid", ""), where),
            row,
            {role: _number(cells[roles[role]], role, where) for role in numbers},
        )


def _placer(
    roles: Mapping[str, str], name: str, header: Sequence[str]
) -> Callable[[int, Mapping[str, str], str, str], Placed]:
    """Make what finds a row's place, by the columns that there are."""
    pairs = [pair for pair in (("ref", "alt"), ("other", "effect")) if set(pair) <= set(roles)]
    has_place = {"chrom", "pos"} <= set(roles)
    if not ("variant" in roles or (has_place and pairs) or "rsid" in roles):
        shown = ", ".join(header[:8]) + (", …" if len(header) > 8 else "")
        raise InputError(
            f"{name}: no columns of a variant, chrom, pos, ref and alt, or rsid, among {shown}: "
            "name them with --column, for instance --column pos=NAME"
        )

    def cell(cells: Mapping[str, str], role: str) -> str:
        text = cells[roles[role]] if role in roles else ""
        return "" if text in _MISSING else text

    def place(number: int, cells: Mapping[str, str], rsid: str, where: str) -> Placed:
        first, second = pairs[0] if pairs else ("ref", "alt")
        alleles = cell(cells, first).upper(), cell(cells, second).upper()
        if "variant" in roles and not (has_place and pairs):
            word = cell(cells, "variant")
            match = _WORD.fullmatch(word)
            if match:
                chrom, pos, ref, alt = match.groups()
                at = _position(pos, roles["variant"], where)
                return Placed(number, chrom, at, ref.upper(), alt.upper(), True)
            if word and not rsid:
                raise InputError(
                    f"{where}: {roles['variant']} {word!r} is no variant: expected "
                    "chrom:pos:ref:alt or chrom_pos_ref_alt"
                )
        text = cell(cells, "pos")
        if not (has_place and text):
            reason = None if rsid else Reason.no_place
            return Placed(number, "", 0, *alleles, first == "ref", reason)
        pos = _position(text, roles["pos"], where)
        return Placed(number, cell(cells, "chrom"), pos, *alleles, first == "ref")

    return place


def _position(text: str, column: str, where: str) -> int:
    """Read a position; no contig is longer than what ten digits count."""
    if not re.fullmatch(r"[0-9]{1,10}(\.0)?", text):
        shown = text if len(text) < 40 else f"{text[:37]}..."
        raise InputError(f"{where}: {column} {shown!r} is no position")
    return int(float(text))


def _number(text: str, role: str, where: str) -> float | None:
    if text in _MISSING:
        return None
    low, high = _NUMBERS[role]
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{where}: {role} {text!r} is no number") from None
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(f"{where}: {role} {text} is not within {low:g} to {high:g}")
    return value


def _with_rsids(rows: list[_Row], rsids: str | os.PathLike[str] | None, name: str) -> list[_Row]:
    """Give rows without a position that of their rsID."""
    lacking = {row.texts["rsid"] for row in rows if not row.placed.pos and row.texts.get("rsid")}
    if not lacking:
        return rows
    if rsids is None:
        raise InputError(
            f"{name} has rows with an rsID and no position ({sorted(lacking)[0]}): give a VCF that "
            "has both with --rsids"
        )
    known = places_of_rsids(rsids, lacking)
    return [
        _Row(_place_of(row, known), row.texts, row.numbers)
        if not row.placed.pos and row.texts.get("rsid")
        else row
        for row in rows
    ]


def _place_of(row: _Row, known: Mapping[str, list[KnownAllele]]) -> Placed:
    placed = row.placed
    alleles = known.get(row.texts["rsid"], [])
    given = {placed.first, placed.second} - {""}
    # Alleles of the other strand are among none; the genome tells what they are.
    fitting = [each for each in alleles if given <= {each.ref, each.alt}] or alleles
    if len(fitting) != 1:
        reason = Reason.rsid_several if fitting else Reason.rsid_unknown
        return replace(placed, reason=reason)
    chrom, pos, ref, alt = fitting[0]
    if not given:
        return Placed(placed.row, chrom, pos, ref, alt, True)
    is_ref = placed.is_ref or (placed.first, placed.second) == (ref, alt)
    return replace(placed, chrom=chrom, pos=pos, is_ref=is_ref)


def _loci(rows: Sequence[_Row], matched: Sequence[Matched], gap: int) -> list[str]:
    """Name the locus of each row: what the table says, else where its variants lie."""
    if any(row.texts.get("locus") for row in rows):
        return [row.texts.get("locus", "") or "no locus" for row in rows]
    names = [""] * len(rows)
    placed = sorted((each.chrom, each.pos, number) for number, each in enumerate(matched))
    begun: list[int] = []
    for place, (chrom, pos, number) in enumerate(placed):
        if begun and (placed[place - 1][0] != chrom or pos - placed[place - 1][1] > gap):
            _name(begun, matched, names)
            begun = []
        begun.append(number)
    _name(begun, matched, names)
    return names


def _name(numbers: Sequence[int], matched: Sequence[Matched], names: list[str]) -> None:
    places = [matched[number].pos for number in numbers]
    chrom = matched[numbers[0]].chrom
    name = f"{chrom}:{min(places)}-{max(places)}" if places[-1] else "no place"
    for number in numbers:
        names[number] = name


def _variant(row: _Row, matched: Matched, locus: str, *, signed: bool) -> LocusVariant:
    numbers = row.numbers
    beta, se, z = numbers.get("beta"), numbers.get("se") or None, numbers.get("z")
    log10_p = numbers.get("log10_p")
    if log10_p is None and numbers.get("p"):
        log10_p = -math.log10(numbers["p"])
    if z is None and beta is not None and se is not None:
        z = beta / se
    if z is None and log10_p is not None:
        z = math.copysign(z_of_log10_p(log10_p), beta if beta else 1)
        sign_known = beta is not None
    else:
        sign_known = z is not None
    sign_known = sign_known and signed
    frequency = numbers.get("frequency")
    if matched.matching in (Matching.swapped, Matching.flipped_swapped):
        beta, z = (None if each is None else -each for each in (beta, z))
        frequency = None if frequency is None else 1 - frequency
    if not sign_known:
        beta, z = (beta if signed else None), None if z is None else abs(z)
    texts = {role: row.texts.get(role, "") for role in ("rsid", "trait", "gene", "credible_set")}
    return LocusVariant(
        row=row.placed.row,
        chrom=matched.chrom,
        pos=matched.pos,
        ref=matched.ref,
        alt=matched.alt,
        locus=locus,
        pip=None if numbers.get("pip") is None else min(numbers["pip"], 1.0),
        log10_p=log10_p,
        beta=beta,
        se=se,
        z=z,
        sign_known=sign_known,
        frequency=frequency,
        matching=matched.matching,
        reason=matched.reason,
        **texts,
    )
