"""The outputs of scoring runs: made of a run's parts, or of the outputs of its shards."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyarrow import compute

from basenji_kipoi.scoring.tables import output_schema, output_tables
from basenji_kipoi.scoring.writers import VcfWriter, make_index, suffix_of, table_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from basenji_kipoi.genome.vcf import VariantFile
    from basenji_kipoi.scoring.parts import Parts
    from basenji_kipoi.scoring.tables import ScoreTable
    from basenji_kipoi.scoring.writers import ScoreWriter

__all__ = ["Summary", "genes_path", "index_path", "outputs_of", "write_outputs"]


@dataclass
class Summary:
    """What a run did.

    Attributes
    ----------
    scores, tracks : int
        Scores, their quantiles included, and tracks.
    statuses : Counter of str
        Alleles of each status.
    mismatches : int
        Alleles that were scored although REF is not the genome's sequence.
    """

    scores: int
    tracks: int
    statuses: Counter[str] = field(default_factory=Counter)
    mismatches: int = 0

    @property
    def alleles(self) -> int:
        """All alleles."""
        return sum(self.statuses.values())

    def counted(self, batches: Iterable[Any], advance: Callable[[int], object]) -> Iterator[Any]:
        """Count the batches of the alleles' table while they pass; tell when one is through."""
        for batch in batches:
            status, match = batch.column("status"), batch.column("ref_match")
            for row in compute.value_counts(status).to_pylist():
                self.statuses[row["values"]] += row["counts"]
            differ = compute.and_(compute.equal(status, "ok"), compute.invert(match))
            self.mismatches += compute.sum(differ).as_py() or 0
            yield batch
            advance(batch.num_rows)


def genes_path(out: Path) -> Path:
    """Name the table of genes of an output: ``x.genes.parquet``; that of a VCF is TSV."""
    suffix = suffix_of(out)
    stem = out.name[: -len(suffix)]
    return out.with_name(f"{stem}.genes{suffix.replace('.vcf', '.tsv')}")


def index_path(out: Path) -> Path:
    """Name the index of a compressed VCF."""
    return out.with_name(f"{out.name}.tbi")


def outputs_of(out: Path, *, genes: bool) -> list[Path]:
    """List the files that a run makes, whose last one completes it; a VCF's index is not listed.

    Raises InputError if the output's name tells no format.
    """
    suffix_of(out)
    return [*([genes_path(out)] if genes else []), out]


def write_outputs(
    parts: Parts,
    numbers: Sequence[int],
    out: Path,
    tables: Mapping[str, ScoreTable],
    variants: VariantFile,
    *,
    is_long: bool,
    advance: Callable[[int], object],
) -> Summary:
    """Write the outputs of the parts, in order, and remove the parts.

    Parameters
    ----------
    parts, numbers
        The parts, and which of them.
    out
        The output.
    tables
        What the parts' tables are.
    variants
        The file that the alleles were read from.
    is_long
        Whether to write the long form; a VCF has none.
    advance
        Called with a number of alleles that are written.

    Returns
    -------
    Summary
        What is in them.
    """
    folder = parts.finished()
    outputs = outputs_of(out, genes="genes" in tables)
    alleles = tables["alleles"]
    summary = Summary(len(alleles.scores), len(alleles.tracks))
    for name, path in zip(sorted(tables, reverse=True), outputs):
        table, target = tables[name], folder / path.name
        batches = parts.read(numbers, name)
        if name == "alleles":
            batches = summary.counted(batches, advance)
        if ".vcf" in suffix_of(path):
            writer: ScoreWriter = VcfWriter(target, table, variants)
            rows = batches
        else:
            writer = table_writer(target, output_schema(table, is_long=is_long))
            rows = output_tables(batches, table, is_long=is_long)
        with writer:
            for each in rows:
                writer.append(each)
    if ".vcf" in suffix_of(out):
        if make_index(folder / out.name):
            outputs.insert(-1, index_path(out))
        else:
            # That of an output which is replaced would lead readers astray.
            index_path(out).unlink(missing_ok=True)
    parts.publish(outputs)
    return summary
