"""Linkage between variants: from genotypes, from a matrix, or none.

Linkage is r, the correlation of the numbers of ALT alleles, in the genome's alleles: where a panel
has REF and ALT the other way round, the sign of r is turned.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Union

import numpy as np

from basenji_kipoi.base.containers.npz import read_npz
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_is_there, text_lines
from basenji_kipoi.genome.contig_names import matching_contigs
from basenji_kipoi.genome.vcf import VariantFile
from basenji_kipoi.locus.variants import Matching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import pysam

    from basenji_kipoi.locus.variants import LocusVariant

__all__ = ["Key", "Linkage", "LinkageMatrix", "LinkagePanel", "Linked", "open_linkage"]

#: Contig, position from 1, REF and ALT, as `LocusVariant.key` gives it.
Key = tuple[str, int, str, str]
#: What linkage may come from.
Source = Union[str, "os.PathLike[str]"]
_SYMMETRIC = 1e-3
_VCF = (".vcf", ".vcf.gz", ".vcf.bgz", ".bcf")


class Linked(NamedTuple):
    """Linkage among variants.

    Attributes
    ----------
    r : ndarray, float64, shape (variants, variants)
        Correlations; NaN of variants that are absent or do not vary.
    present : ndarray, bool, shape (variants,)
        Which of them have linkage.
    """

    r: np.ndarray
    present: np.ndarray

    def with_lead(self, lead: int) -> np.ndarray:
        """Return r^2 of every variant with one of them; NaN where it is not known."""
        return self.r[lead] ** 2


class Linkage(ABC):
    """What tells the linkage between variants."""

    name: str

    @abstractmethod
    def among(self, keys: Sequence[Key]) -> Linked:
        """Find the linkage among variants, in the genome's alleles and in this order."""

    @abstractmethod
    def has(self, keys: Sequence[Key]) -> np.ndarray:
        """Tell which variants it is of (bool, of each)."""


def open_linkage(
    source: Source,
    variants: Sequence[LocusVariant],
    note: Callable[[str], object] = lambda _: None,
) -> Linkage:
    """Open linkage.

    Parameters
    ----------
    source
        Genotypes (VCF or BCF), or a matrix of r: ``.npz`` with ``r`` and ``variants``, or text.
        A text has the names of its variants (``chrom:pos:ref:alt``) in the first line and the
        first column. A matrix without names is of the table's variants, each once, in the table's
        order and alleles.
    variants
        The table's variants, in its order.
    note
        Called with a line if some of them have no linkage.

    Raises
    ------
    InputError
        If the file is none of these, a matrix is of another size, or none of the variants has
        linkage.
    """
    found = _opened(source, variants)
    keys = list(dict.fromkeys(each.key for each in variants if each.reason is None))
    # A malformed record is told now, too, not behind hours of predictions.
    there = int(np.count_nonzero(found.has(keys)))
    if keys and not there:
        raise InputError(
            f"{found.name} has none of the {len(keys):,} variants, the first of which is "
            f"{':'.join(map(str, keys[0]))}: expected linkage of the same assembly"
        )
    if there < len(keys):
        note(f"{found.name} has {there:,} of {len(keys):,} variants")
    return found


def _opened(source: Source, variants: Sequence[LocusVariant]) -> Linkage:
    path = Path(source)
    check_is_there(path, "linkage")
    if path.name.endswith(_VCF):
        return LinkagePanel(path)
    if path.suffix == ".bcor":
        raise InputError(
            f"{path} is LDstore's binary format: write it as a text matrix with LDstore "
            "(--bcor-to-text), or give genotypes"
        )
    if path.suffix == ".npz":
        return _matrix_of_npz(path, variants)
    return _matrix_of_text(path, variants)


class LinkageMatrix(Linkage):
    """A matrix of r, and the variants that its rows are of.

    Parameters
    ----------
    name
        What messages call it.
    variants
        Its variants.
    r : ndarray, shape (variants, variants)
        Correlations of the numbers of ALT alleles.

    Raises
    ------
    InputError
        If its size is not that of the variants, it is not symmetric, or values lie outside -1 to 1.
    """

    def __init__(self, name: str, variants: Sequence[Key], r: np.ndarray) -> None:
        self.name = name
        if r.shape != (len(variants), len(variants)):
            raise InputError(
                f"{name} has linkage of {' x '.join(map(str, r.shape))}, but {len(variants)} "
                "variants: give a matrix with a row and a column for each"
            )
        known = r[~np.isnan(r)]
        if len(known) and np.abs(known).max() > 1 + _SYMMETRIC:
            raise InputError(f"{name} has values outside of -1 to 1: expected correlations r")
        if not np.allclose(r, r.T, atol=_SYMMETRIC, equal_nan=True):
            raise InputError(f"{name} is not symmetric: expected correlations r of variants")
        self._r = r
        self._rows = {key: row for row, key in enumerate(variants)}
        if len(self._rows) < len(variants):
            twice = next(key for key, number in Counter(variants).items() if number > 1)
            raise InputError(f"{name} has the variant {':'.join(map(str, twice))} twice")
        self._chroms = {key[0] for key in variants}

    def among(self, keys: Sequence[Key]) -> Linked:
        """Find the linkage among variants, in the genome's alleles and in this order."""
        rows, signs = self._places(keys)
        r = self._r[np.ix_(rows, rows)] * np.outer(signs, signs)
        return _without(r, rows >= 0)

    def has(self, keys: Sequence[Key]) -> np.ndarray:
        """Tell which variants it is of (bool, of each)."""
        return self._places(keys)[0] >= 0

    def _places(self, keys: Sequence[Key]) -> tuple[np.ndarray, np.ndarray]:
        """Find the row of each variant, -1 of those that are absent, and the sign of its r."""
        contigs = _theirs(keys, self._chroms)
        rows, signs = np.full(len(keys), -1), np.ones(len(keys))
        for number, (chrom, pos, ref, alt) in enumerate(keys):
            same, swapped = ((contigs.get(chrom), pos, *each) for each in ((ref, alt), (alt, ref)))
            if same in self._rows:
                rows[number] = self._rows[same]
            elif swapped in self._rows:
                rows[number], signs[number] = self._rows[swapped], -1
        return rows, signs


class LinkagePanel(Linkage):
    """Genotypes of people, phased or not: r is that of the numbers of alleles.

    Parameters
    ----------
    path
        VCF or BCF, with or without an index.

    Raises
    ------
    InputError
        If it cannot be read, or has fewer than two samples.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        with VariantFile(path) as variants:
            self.samples = len(variants.samples)
            if self.samples < 2:
                raise InputError(f"{path} has {self.samples} samples: linkage needs two or more")
            with variants.open() as file:
                self._chroms = set(file.header.contigs)

    def among(self, keys: Sequence[Key]) -> Linked:
        """Find the linkage among variants, in the genome's alleles and in this order."""
        counts = self.counts(keys)
        known = np.count_nonzero(~np.isnan(counts), axis=1)
        mean = np.nansum(counts, axis=1) / np.maximum(known, 1)
        # A genotype that is missing counts as the mean.
        centred = np.nan_to_num(counts - mean[:, None])
        length = np.sqrt((centred**2).sum(axis=1))
        varies = length > 0
        scaled = centred / np.where(varies, length, 1)[:, None]
        return _without(np.clip(scaled @ scaled.T, -1, 1), varies)

    def has(self, keys: Sequence[Key]) -> np.ndarray:
        """Tell which variants it is of (bool, of each)."""
        found = np.zeros(len(keys), dtype=bool)

        def take(number: int, record: pysam.VariantRecord) -> None:
            found[number] |= _is_of(keys[number], _alleles(record))

        self.visit(keys, take)
        return found

    def counts(self, keys: Sequence[Key]) -> np.ndarray:
        """Count ALT alleles, in the genome's alleles.

        Returns
        -------
        ndarray, float64, shape (variants, samples)
            0 to 2; NaN where a genotype is missing, and all along for a variant that is absent.
        """
        found = np.full((len(keys), self.samples), np.nan)

        def fill(number: int, record: pysam.VariantRecord) -> None:
            self._fill(found, number, keys[number], record)

        self.visit(keys, fill)
        return found

    def visit(
        self, keys: Sequence[Key], take: Callable[[int, pysam.VariantRecord], object]
    ) -> None:
        """Read the records of variants: number of a variant, and a record at its place.

        Raises
        ------
        InputError
            If a record is malformed.
        """
        if not keys:
            return
        with VariantFile(self._path) as variants, variants.open() as file:
            contigs = _theirs(keys, self._chroms or _chroms_of(variants))
            wanted: dict[tuple[str | None, int], list[int]] = {}
            for number, (chrom, pos, _, _) in enumerate(keys):
                wanted.setdefault((contigs.get(chrom), pos), []).append(number)
            try:
                for record in _records(file, wanted):
                    for number in wanted.get((record.chrom, record.pos), ()):
                        take(number, record)
            except (OSError, ValueError) as error:
                reason = " ".join(str(error).split())
                raise InputError(
                    f"{self.name} has a record that is malformed, or is damaged ({reason}): "
                    "`bcftools view` finds it"
                ) from None

    @staticmethod
    def _fill(found: np.ndarray, number: int, key: Key, record: pysam.VariantRecord) -> None:
        alleles = _alleles(record)
        if not _is_of(key, alleles):
            return
        place = alleles.index(key[3])
        found[number] = [
            np.nan
            if not called or None in called
            else 2 * sum(allele == place for allele in called) / len(called)
            for called in (sample.get("GT") for sample in record.samples.values())
        ]


def _alleles(record: pysam.VariantRecord) -> list[str]:
    return [each.upper() for each in record.alleles or ()]


def _is_of(key: Key, alleles: Sequence[str]) -> bool:
    """Tell whether a record at a variant's place has its alleles, in either order."""
    _, _, ref, alt = key
    return {ref, alt} <= set(alleles) and alleles[0] in (ref, alt)


def _records(
    file: pysam.VariantFile, wanted: Iterable[tuple[str | None, int]]
) -> Iterator[pysam.VariantRecord]:
    """Yield records that may be wanted: by the index if there is one, else all of them."""
    if file.index is None:
        yield from file
        return
    spans: dict[str, tuple[int, int]] = {}
    for chrom, pos in wanted:
        if chrom is not None:
            low, high = spans.get(chrom, (pos, pos))
            spans[chrom] = min(low, pos), max(high, pos)
    for chrom, (low, high) in spans.items():
        if chrom in file.index:
            yield from file.fetch(chrom, low - 1, high)


def _chroms_of(variants: VariantFile) -> set[str]:
    return {variant.chrom for variant in variants}


def _theirs(keys: Sequence[Key], chroms: set[str]) -> dict[str, str]:
    """Map the genome's contigs to a file's names of them."""
    return matching_contigs(dict.fromkeys(key[0] for key in keys), chroms)


def _without(r: np.ndarray, present: np.ndarray) -> Linked:
    r = np.where(present[:, None] & present[None], r, np.nan)
    np.fill_diagonal(r, np.where(present, 1.0, np.nan))
    return Linked(r, present)


def _parse(text: str, name: str) -> Key:
    parts = text.replace("_", ":").rsplit(":", 3) if text.count(":") < 3 else text.rsplit(":", 3)
    if len(parts) != 4 or not re.fullmatch("[0-9]{1,10}", parts[1]):
        raise InputError(f"{name}: {text!r} is no variant: expected chrom:pos:ref:alt")
    return parts[0], int(parts[1]), parts[2].upper(), parts[3].upper()


def _matrix_of_npz(path: Path, variants: Sequence[LocusVariant]) -> LinkageMatrix:
    arrays = read_npz(path, "linkage")
    r, names = arrays.get("r"), arrays.get("variants")
    if r is None:
        raise InputError(f"{path} has no array 'r', but {', '.join(sorted(arrays)) or 'none'}")
    if r.dtype.kind not in "fiu":
        raise InputError(f"{path}: the array 'r' holds {r.dtype}: expected correlations r")
    if names is None:
        return _matrix_of_table(path, r, variants)
    keys = [_parse(str(each), str(path)) for each in names.ravel()]
    return LinkageMatrix(str(path), keys, r.astype(float))


def _matrix_of_text(path: Path, variants: Sequence[LocusVariant]) -> LinkageMatrix:
    with text_lines(path, "linkage") as lines:
        rows = [line.replace(",", "\t").split() for _, line in lines if line.strip()]
        if not rows:
            raise InputError(f"{path} is empty")
        header = None if _is_number(rows[0][-1]) else rows.pop(0)
        if header is not None:
            named = [row.pop(0) for row in rows]
            header = header[-len(named) :]
            if named != header:
                raise InputError(
                    f"{path}: the variants of its rows are not those of its columns, in one order"
                )
        widths = {len(row) for row in rows}
        if len(widths) > 1:
            raise InputError(f"{path}: rows have from {min(widths)} to {max(widths)} values")
        try:
            r = np.array([[float(cell) for cell in row] for row in rows])
        except ValueError as error:
            raise InputError(f"{path}: {error}") from None
    if header is None:
        return _matrix_of_table(path, r, variants)
    return LinkageMatrix(str(path), [_parse(each, str(path)) for each in header], r)


def _matrix_of_table(path: Path, r: np.ndarray, variants: Sequence[LocusVariant]) -> LinkageMatrix:
    """Take a matrix without names for one of the table's variants."""
    swapped = Matching.swapped, Matching.flipped_swapped
    keys = [
        (each.chrom, each.pos, each.alt, each.ref) if each.matching in swapped else each.key
        for each in variants
    ]
    return LinkageMatrix(str(path), list(dict.fromkeys(keys)), np.asarray(r, float))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
