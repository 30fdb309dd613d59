"""The outputs of a run's shards, joined to what the run would have made without shards."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import progress_bar
from basenji_kipoi.scoring.metadata import METADATA_LINE, open_text, read_metadata
from basenji_kipoi.scoring.outputs import genes_path, index_path
from basenji_kipoi.scoring.tables import METADATA_KEY
from basenji_kipoi.scoring.writers import ParquetWriter, make_index, suffix_of, text_output

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["merge_shards"]

#: What may differ between the shards of a run.
_OWN = ("shard", "commands")


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
    ordered = _in_order(found)
    metadata = {
        **found[ordered[0]],
        "shard": "1/1",
        "commands": [command for shard in ordered for command in found[shard]["commands"]],
    }
    joined = [(ordered, out)]
    if metadata["genes"] is not None:
        tables = [genes_path(shard) for shard in ordered]
        missing = next((table for table in tables if not table.is_file()), None)
        if missing is not None:
            raise InputError(f"the shards' table of genes {missing} does not exist")
        joined.insert(0, (tables, genes_path(out)))
    for _, path in joined:
        check_output(path, overwrite=overwrite)
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
    schema = pyarrow.parquet.read_schema(shards[0]).with_metadata({METADATA_KEY: metadata})
    with ParquetWriter(path, schema) as writer:
        for shard in shards:
            with pyarrow.parquet.ParquetFile(shard) as file:
                for group in range(file.num_row_groups):
                    rows = file.read_row_group(group)
                    writer.append(rows.replace_schema_metadata(schema.metadata))
            advance(1)


def _merge_text(
    shards: Sequence[Path], path: Path, metadata: str, advance: Callable[[int], object]
) -> None:
    """Join TSV or VCF: the first one's header with other metadata, and the rows of all."""
    with text_output(path) as text:
        for number, shard in enumerate(shards):
            with open_text(shard) as lines:
                for line in lines:
                    header = line.startswith(b"##")
                    if number == 0:
                        ours = line.startswith(METADATA_LINE)
                        text.write(METADATA_LINE + metadata.encode() + b"\n" if ours else line)
                    if not header:  # the names of the columns
                        break
                shutil.copyfileobj(lines, text, 1 << 20)
            advance(1)
