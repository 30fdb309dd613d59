"""The files of a ranking: those that it reads, and the folder that it writes."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet

from basenji_kipoi.base import __version__
from basenji_kipoi.base.atomic import Folder
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import write_table
from basenji_kipoi.locus.reading import check_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_kipoi.locus.linkage import Key
    from basenji_kipoi.locus.ranking.options import RankOptions
    from basenji_kipoi.locus.ranking.result import Ranking

__all__ = [
    "BACKGROUND",
    "FOLDER",
    "RankInputs",
    "digest_of",
    "is_made_of",
    "write_ranking",
    "write_vcf",
]

#: Scores of the random variants.
BACKGROUND = "background.parquet"
_RECORD = "rank.json"
FOLDER = Folder("a folder of ranked variants", holds=(_RECORD, "variants.tsv"))


@dataclass(frozen=True)
class RankInputs:
    """The files of a ranking: the options of ``basenji rank`` of the same names.

    Attributes
    ----------
    model : tuple of Path
        Bundles, whose predictions are averaged.
    fasta, variants : Path
        The genome, and the table of loci.
    genes, linkage, rsids, background : Path or None
        GTF; genotypes or a matrix of r; VCF of rsIDs; the ``background.parquet`` of another
        ranking.
    """

    model: tuple[Path, ...]
    fasta: Path
    variants: Path
    genes: Path | None = None
    linkage: Path | None = None
    rsids: Path | None = None
    background: Path | None = None

    @property
    def paths(self) -> list[Path]:
        """All that are given."""
        files = (self.fasta, self.variants, self.genes, self.linkage, self.rsids, self.background)
        return [*self.model, *(path for path in files if path is not None)]

    def check(self) -> None:
        """Check that what is named exists, before anything long is imported or done."""
        check_table(self.variants)
        # A model may be named without a path; opening it says what is wrong.
        for path in self.paths[len(self.model) :]:
            if not path.exists():
                raise InputError(f"the file {path} does not exist")


def write_vcf(path: Path, keys: Sequence[Key]) -> None:
    """Write variants as VCF, without anything else."""
    contigs = dict.fromkeys(key[0] for key in keys)
    lines = [
        "##fileformat=VCFv4.2",
        *(f"##contig=<ID={contig}>" for contig in contigs),
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
        *(f"{chrom}\t{pos}\t.\t{ref}\t{alt}\t.\t.\t." for chrom, pos, ref, alt in keys),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def digest_of(settings: Mapping[str, object]) -> str:
    """Tell by one word what a ranking is made of, for places of files are nobody else's business.

    Parameters
    ----------
    settings
        All that it depends on.
    """
    text = json.dumps(settings, sort_keys=True)
    return hashlib.sha256(text.encode(), usedforsecurity=False).hexdigest()


def is_made_of(folder: Path, digest: str) -> bool:
    """Tell whether a folder is the ranking that would be made of such settings."""
    with contextlib.suppress(OSError, ValueError, TypeError, LookupError, RecursionError):
        content = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        return bool(content["made_of"] == digest)
    return False


def write_ranking(
    found: Ranking,
    folder: Path,
    inputs: RankInputs,
    options: RankOptions,
    command: str,
    digest: str,
) -> None:
    """Write a ranking into a folder: its tables, and what made them.

    Parameters
    ----------
    found
        The ranking.
    folder
        The folder, which exists.
    inputs, options, command
        What it was made of, how and by which command.
    digest
        What tells whether another run would make the same (`digest_of`).
    """
    pyarrow.parquet.write_table(found.variants, folder / "variants.parquet")
    for name, table in (("variants", found.variants), ("sets", found.sets)):
        rows = (
            {key: _cell(value) for key, value in row.items()}
            for batch in table.to_batches()
            for row in batch.to_pylist()
        )
        write_table(folder / f"{name}.tsv", table.column_names, rows)
    content = {
        "format": "basenji-ranking",
        "format_version": 1,
        "version": __version__,
        "command": command,
        "made_of": digest,
        "files": {
            name: None if path is None else Path(path).name
            for name, path in vars(inputs).items()
            if name != "model"
        },
        "options": options.described(),
        "table": {"format": found.table.format, "rows": len(found.table), **found.table.counts()},
        "pips": found.method,
        "weight": found.weight._asdict(),
        "random_variants": found.random,
        "columns": found.columns,
    }
    text = json.dumps(content, indent=2) + "\n"
    (folder / _RECORD).write_text(text, encoding="utf-8")


def _cell(value: object) -> object:
    return f"{value:.6g}" if isinstance(value, float) else value
