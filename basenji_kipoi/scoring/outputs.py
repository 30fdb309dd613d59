"""The outputs of scoring runs: made of a run's parts, or of the outputs of its shards."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import zlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet
from pyarrow import compute

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.scoring.metadata import METADATA_LINE, open_text, read_metadata
from basenji_kipoi.scoring.tables import METADATA_KEY, output_schema, output_tables, read_batches
from basenji_kipoi.scoring.writers import (
    ParquetWriter,
    TextOutput,
    VcfWriter,
    make_index,
    suffix_of,
    table_writer,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from basenji_kipoi.base.unfinished import UnfinishedRun
    from basenji_kipoi.genome.vcf import VariantFile
    from basenji_kipoi.scoring.plan import Part
    from basenji_kipoi.scoring.tables import ScoreTable
    from basenji_kipoi.scoring.writers import ScoreWriter

__all__ = [
    "Summary",
    "genes_path",
    "index_path",
    "merge_shards",
    "outputs_of",
    "write_outputs",
]

#: What may differ between the shards of a run.
_OWN = ("shard", "commands", "rows")


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


def outputs_of(out: Path, *, genes: bool, also: Path | None = None) -> list[Path]:
    """List the files that a run makes; a VCF's index, which not every VCF has, is not listed.

    Genes have a table of their own. With ``also`` there are the same again in another format.
    Raises InputError if a name tells no format, or two outputs are one file.
    """
    outputs = []
    for path in (out, also):
        if path is not None:
            suffix_of(path)
            outputs += [path, *([genes_path(path)] if genes else [])]
    if len(set(outputs)) < len(outputs):
        twin = next(path for path in outputs if outputs.count(path) > 1)
        raise InputError(f"--also {also}: {twin} would be written twice: name another")
    return outputs


def write_outputs(
    run: UnfinishedRun,
    folders: Sequence[Path],
    tables: Mapping[str, ScoreTable],
    variants: VariantFile,
    first: Part | None,
    *,
    is_long: bool,
    advance: Callable[[int], object],
) -> Summary:
    """Write the outputs of a run's parts, in order; the run places them.

    Parameters
    ----------
    run
        The run, whose outputs are `outputs_of`.
    folders
        Where the parts were saved.
    tables
        What the parts' tables are.
    variants, first
        The file that the alleles were read from, and the first part of them, None if there is none.
    is_long
        Whether to write the long form; a VCF has none.
    advance
        Called with a number of alleles that are written.

    Returns
    -------
    Summary
        What is in them.
    """
    alleles = tables["alleles"]
    summary = Summary(len(alleles.scores), len(alleles.tracks))
    outputs = list(run.outputs)
    for number, (name, path) in enumerate(zip(cycle(sorted(tables)), outputs)):
        table, target = tables[name], run.output(path)
        batches = (batch for folder in folders for batch in read_batches(folder, name))
        if number == 0:
            batches = summary.counted(batches, advance)
        if ".vcf" in suffix_of(path):
            writer: ScoreWriter = VcfWriter(target, table, variants, first)
            rows = batches
        else:
            writer = table_writer(target, output_schema(table, is_long=is_long))
            rows = output_tables(batches, table, is_long=is_long)
        with writer:
            for each in rows:
                writer.append(each)
        if ".vcf" in suffix_of(path):
            if make_index(target):
                run.outputs.append(index_path(path))
            else:
                # That of an output which is replaced would lead readers astray.
                index_path(path).unlink(missing_ok=True)
    return summary


def merge_shards(
    shards: Sequence[Path],
    out: Path,
    *,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Join the outputs of all shards of a run, and their tables of genes.

    Parameters
    ----------
    shards
        The outputs, in any order and of one format.
    out
        The output to be made, of the same format.
    overwrite
        Whether it may be replaced.
    quiet
        Whether to show no progress bar.

    Raises
    ------
    InputError
        If an output is no table of scores, is of another run, or is missing or given twice.
    """
    suffix = suffix_of(out)
    for shard in shards:
        if shards.count(shard) > 1:
            raise InputError(f"the shard {shard} is given twice")
        if not shard.is_file():
            raise InputError(f"the shard {shard} does not exist")
        if suffix_of(shard) != suffix:
            raise InputError(f"{shard} is not of the format of {out}: name an output like it")
    found = {shard: read_metadata(shard) for shard in shards}
    for shard, each in found.items():
        lacking = [name for name in ("commands", "shard", "genes") if name not in each]
        if lacking:
            raise InputError(f"{shard}: its metadata have no {lacking[0]}: score it again")
    ordered = _in_order(found)
    metadata = {
        **found[ordered[0]],
        "shard": "1/1",
        "commands": [command for shard in ordered for command in found[shard]["commands"]],
    }
    metadata.pop("rows", None)  # the output's own will be told
    joined = [(ordered, out)]
    if metadata["genes"] is not None:
        tables = [genes_path(shard) for shard in ordered]
        missing = next((table for table in tables if not table.is_file()), None)
        if missing is not None:
            raise InputError(f"the shards' table of genes {missing} does not exist")
        joined.insert(0, (tables, genes_path(out)))
    every = [table for tables, _ in joined for table in tables]
    for _, path in joined:
        check_output(path, overwrite=overwrite, inputs=every)
    number = sum(len(tables) for tables, _ in joined)
    with progress_bar("" if quiet else "joining", total=number, unit="files") as advance:
        for tables, path in joined:
            _merge(tables, path, json.dumps(metadata), overwrite=overwrite, advance=advance)


def _in_order(found: dict[Path, dict[str, Any]]) -> list[Path]:
    """Put shards in order, and check that they are those of one run, each once."""
    first, expected = next(iter(found.items()))
    for shard, metadata in found.items():
        for name in {**expected, **metadata}:
            if name not in _OWN and metadata.get(name) != expected.get(name):
                raise InputError(
                    f"{shard} and {first} are no shards of one run: their {name} differs"
                )
    of = {shard: metadata["shard"].split("/") for shard, metadata in found.items()}
    number = {shard: int(text) for shard, (text, _) in of.items()}
    shards = int(of[first][1])
    if any(int(total) != shards for _, total in of.values()):
        raise InputError(f"the shards of {first} are {shards}, those of others another number")
    for wanted in range(1, shards + 1):
        count = list(number.values()).count(wanted)
        if count != 1:
            problem = "is missing" if count == 0 else "is given twice"
            raise InputError(f"the shard {wanted}/{shards} {problem}: give all {shards}, each once")
    if len(found) > shards:
        raise InputError(f"{len(found)} outputs are given of a run with {shards} shards")
    return sorted(found, key=number.__getitem__)


def _merge(
    shards: Sequence[Path],
    out: Path,
    metadata: str,
    *,
    overwrite: bool,
    advance: Callable[[int], object],
) -> None:
    with atomic_path(out, overwrite=overwrite) as path:
        if path.suffix == ".parquet":
            _merge_parquet(shards, path, metadata, advance)
            return
        _merge_text(shards, path, metadata, advance)
        if ".vcf" not in suffix_of(out):
            return
        index_path(out).unlink(missing_ok=True)
        if make_index(path):
            with atomic_path(index_path(out), overwrite=True) as index:
                index_path(path).replace(index)


def _merge_parquet(
    shards: Sequence[Path], path: Path, metadata: str, advance: Callable[[int], object]
) -> None:
    with shards[0].open("rb") as first:
        schema = pyarrow.parquet.read_schema(first)
    schema = schema.with_metadata({METADATA_KEY: metadata})
    with ParquetWriter(path, schema) as writer:
        for shard in shards:
            count = 0
            for rows in _row_groups(shard):
                if not rows.schema.equals(schema):
                    raise InputError(f"{shard} has other columns than {shards[0]}: score it again")
                writer.append(rows.replace_schema_metadata(schema.metadata))
                count += len(rows)
            _check_rows(shard, count)
            advance(1)


def _row_groups(shard: Path) -> Iterator[Any]:
    """Read a Parquet file, whose pages have checksums."""
    try:
        with (
            shard.open("rb") as content,
            pyarrow.parquet.ParquetFile(content, page_checksum_verification=True) as file,
        ):
            for group in range(file.num_row_groups):
                yield file.read_row_group(group)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{shard} is damaged ({error}): score it again") from None


def _check_rows(shard: Path, number: int, sha256: str | None = None) -> None:
    """Check that a shard has the rows that its metadata tell of."""
    told = read_metadata(shard).get("rows")
    if told is None:
        raise InputError(
            f"{shard} does not tell how many rows it has: it was written by another version, or "
            "changed since: score it again"
        )
    if told["number"] != number:
        raise InputError(
            f"{shard} has {number:,} rows of {told['number']:,}: it was truncated or changed: "
            "score it again"
        )
    if told.get("sha256") != sha256:
        raise InputError(
            f"{shard} has other rows than were written (their sha256 differs): it was damaged or "
            "changed: score it again"
        )


def _merge_text(
    shards: Sequence[Path], path: Path, metadata: str, advance: Callable[[int], object]
) -> None:
    """Join TSV or VCF: the first one's header with other metadata, and the rows of all."""
    before, after = _header_of(shards[0])
    text = TextOutput(path, before, metadata, after)
    try:
        for shard in shards:
            digest, number = hashlib.sha256(), 0
            for rows in _rows_of(shard, after):
                digest.update(rows)
                number += rows.count(b"\n")
                text.write(rows)
            _check_rows(shard, number, digest.hexdigest())
            advance(1)
        text.complete()
    finally:
        text.close()


def _header_of(shard: Path) -> tuple[bytes, bytes]:
    """Read the header's lines before the metadata, and those behind."""
    before, after, found = [], [], []
    with _readable(shard) as lines:
        for line in lines:
            if line.startswith(METADATA_LINE):
                found.append(line)
            else:
                (after if found else before).append(line)
            if not line.startswith(b"##"):  # the names of the columns
                break
    return b"".join(before), b"".join(after)


def _rows_of(shard: Path, header: bytes) -> Iterator[bytes]:
    """Read the rows behind the header, a block at a time."""
    names = header.splitlines()[-1:]
    with _readable(shard) as lines:
        for line in lines:
            if not line.startswith(b"##"):
                if line.splitlines() != names:
                    raise InputError(f"{shard} has other columns than its fellows: score it again")
                break
        while rows := lines.read(1 << 20):
            yield rows


@contextlib.contextmanager
def _readable(shard: Path) -> Iterator[Any]:
    """Open a text output; say of which shard it is that it is damaged."""
    with open_text(shard) as lines:
        try:
            yield lines
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise InputError(f"{shard} is damaged ({error}): score it again") from None
