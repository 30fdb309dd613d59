"""Scores as files for sldp and PolyFun, and summed over linked variants.

- ``sldp``: ``CHR.sannot.gz`` of each contig, tab-separated: SNP, A1 (ALT, whose effect it is), A2
  (REF), and a column a score. The names of contigs lose ``chr``, as sldp counts them.
- ``polyfun``: ``annotations.CHR.annot.parquet``: SNP, CHR, BP, A1, A2, and a column a score.
- ``linked``: ``linked.tsv.gz``: the alleles, and each score summed over linked variants.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Optional

import pyarrow as pa
import pyarrow.parquet

from basenji_kipoi.base.atomic import Folder, atomic_path, check_output, file_names
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.progress import label_of, progress_bar
from basenji_kipoi.base.text_files import table_line, write_lines
from basenji_kipoi.locus.exports.linked import REACH, linked_scores
from basenji_kipoi.locus.exports.scores import read_scores
from basenji_kipoi.locus.linkage import open_linkage
from basenji_kipoi.locus.variants import LocusVariant

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np

    from basenji_kipoi.locus.exports.scores import AlleleScores

__all__ = ["Exported", "export_scores"]

_FOLDERS = {
    "sldp": Folder("a folder of annotations for sldp", only=".sannot.gz"),
    "polyfun": Folder("a folder of annotations for PolyFun", only=".annot.parquet"),
}


class Exported(NamedTuple):
    """What was written: files, alleles (of genes, pairs), and those without scores."""

    files: int
    rows: int
    left_out: int


def export_scores(
    scores: Path,
    out: Path,
    *,
    kind: Literal["sldp", "polyfun", "linked"],
    columns: Sequence[str] = (),
    linkage: Optional[Path] = None,
    reach: int = REACH,
    overwrite: bool = False,
    progress: bool | None = None,
    note: Callable[[str], object] = lambda _: None,
) -> Exported:
    """Write scores for other programs.

    Parameters
    ----------
    scores
        Parquet file of `basenji score`; of genes (``x.genes.parquet``) with ``linked`` alone.
    out
        Folder to write; with ``linked`` a table, ``x.tsv`` or ``x.tsv.gz``.
    kind
        ``sldp``, ``polyfun`` or ``linked``.
    columns
        Columns ``SCORE/TRACK``; all by default.
    linkage
        Genotypes or a matrix, as `open_linkage` takes it; with it, ``sldp`` and ``polyfun`` have
        the sums over linked variants.
    reach
        Variants further apart are taken for not linked (bp).
    overwrite
        Whether an output may be replaced.
    progress
        Whether to show a progress bar.
    note
        Called with what the user should know, a line each.

    Raises
    ------
    InputError
        If something of the input cannot be used.

    Examples
    --------
    >>> from pathlib import Path
    >>> import basenji_kipoi as bk
    >>> from basenji_kipoi.locus import export_scores
    >>> import pyarrow.parquet
    >>> table = bk.score("model_files", "genome.fa", "variants.vcf.gz", tracks="atac")
    >>> pyarrow.parquet.write_table(table, "scores.parquet")
    >>> export_scores(Path("scores.parquet"), Path("sldp"), kind="sldp")
    Exported(files=2, rows=10, left_out=0)
    """
    if kind == "linked" and linkage is None:
        raise InputError("sums over linked variants need --linkage")
    found = read_scores(scores, columns)
    if kind != "linked" and any(found.genes):
        raise InputError(
            f"{scores} has a row an allele and gene, and {kind} takes one an allele: pass the "
            "table of alleles"
        )
    check_output(out, overwrite=overwrite, inputs=(scores, linkage), folder=_FOLDERS.get(kind))
    values = found.values
    if linkage is not None:
        alleles = enumerate(dict.fromkeys(found.keys), 1)
        opened = open_linkage(linkage, [LocusVariant(row, *key) for row, key in alleles], note)
        label = label_of("linked", progress)
        with progress_bar(label, total=len(found.keys), unit="variants") as advance:
            values = linked_scores(found, opened, reach=reach, advance=advance)
    with atomic_path(out, overwrite=overwrite) as temporary:
        if kind == "linked":
            _write_linked(temporary, out, found, values)
            files = 1
        else:
            files = _write_annotations(temporary, found, values, kind)
    return Exported(files, len(found.keys), found.left_out)


def _write_linked(path: Path, out: Path, found: AlleleScores, values: np.ndarray) -> None:
    genes = ["gene_id"] if any(found.genes) else []
    header = ["chrom", "pos", "id", "ref", "alt", *genes]
    names = [f"{name.partition('/')[0]}-LD/{name.partition('/')[2]}" for name in found.columns]
    with write_lines(path, is_gzip=out.suffix == ".gz") as lines:
        lines.write(table_line([*header, *names]) + "\n")
        for (chrom, pos, ref, alt), name, gene, row in zip(
            found.keys, found.ids, found.genes, values.tolist()
        ):
            cells = [chrom, pos, name, ref, alt, *([gene] if genes else [])]
            lines.write(table_line([*cells, *(f"{value:.6g}" for value in row)]) + "\n")


def _write_annotations(folder: Path, found: AlleleScores, values: np.ndarray, kind: str) -> int:
    folder.mkdir()
    by_contig: dict[str, list[int]] = {}
    for row, key in enumerate(found.keys):
        by_contig.setdefault(key[0], []).append(row)
    # Both programs split columns at blanks.
    names = [re.sub(r"\s", "_", name) for name in found.columns]
    numbers = [re.sub(r"^chr", "", contig, flags=re.IGNORECASE) for contig in by_contig]
    for number, file, rows in zip(numbers, file_names(numbers), by_contig.values()):
        rows.sort(key=lambda row: found.keys[row][1])
        if kind == "sldp":
            with write_lines(folder / f"{file}.sannot.gz", is_gzip=True) as lines:
                lines.write(table_line(["SNP", "A1", "A2", *names]) + "\n")
                for row in rows:
                    *_, ref, alt = found.keys[row]
                    cells = [found.ids[row], alt, ref, *(f"{v:.6g}" for v in values[row].tolist())]
                    lines.write(table_line(cells) + "\n")
            continue
        keys = [found.keys[row] for row in rows]
        columns = {
            "SNP": [found.ids[row] for row in rows],
            "CHR": [int(number) if number.isdecimal() else number for _ in rows],
            "BP": [pos for _, pos, _, _ in keys],
            "A1": [alt for *_, alt in keys],
            "A2": [ref for _, _, ref, _ in keys],
            **{name: values[rows, column] for column, name in enumerate(names)},
        }
        pyarrow.parquet.write_table(pa.table(columns), folder / f"annotations.{file}.annot.parquet")
    return len(by_contig)
