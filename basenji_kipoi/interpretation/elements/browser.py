"""What elements do to genes, for genome browsers: BEDPE, BED and bigWigs.

``links.bedpe`` has a line for each element and output: the element, the gene's nearest start, the
element's and the gene's name, a score from 0 to 1000, and strands; further columns are the output,
the effect, its spread, the gradient, the distance and the class. ``elements.bed`` has the elements
with the same score. Of each gene there is a folder: ``gradient`` has bigWigs of gradient times
features, ``knock-out`` of the effects of pieces of the window.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.atomic import Folder, file_names
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import table_line
from basenji_kipoi.genome.intervals import Interval
from basenji_kipoi.models.targets import Target
from basenji_kipoi.prediction.writers import FORMATS, PredictionTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path
    from typing import TextIO

    from basenji_kipoi.interpretation.attribution.outputs import Output
    from basenji_kipoi.interpretation.elements.asking import Asked
    from basenji_kipoi.interpretation.elements.effects import Found
    from basenji_kipoi.interpretation.elements.options import ElementOptions

__all__ = ["BROWSER", "check_browser", "write_browser"]

BROWSER = Folder("a folder of links for genome browsers", holds=("links.bedpe", "elements.bed"))
_COLUMNS = (
    *("chrom1", "start1", "end1", "chrom2", "start2", "end2", "name", "score", "strand1"),
    *("strand2", "track", "effect", "spread", "gradient", "distance", "class"),
)
#: Genes that get folders at most.
_MOST_GENES = 2000


def check_browser(asked: Sequence[Asked], outputs: Sequence[Output]) -> None:
    """Check that the files can be written; raise InputError if not."""
    FORMATS["bigwig"].prepare([])
    if len(asked) > _MOST_GENES:
        raise InputError(
            f"--browser would write bigWigs of {len(asked):,} genes and {len(outputs):,} outputs: "
            "name fewer genes with --gene"
        )


def write_browser(
    folder: Path,
    asked: Sequence[Asked],
    found: Iterable[Found],
    outputs: Sequence[Output],
    options: ElementOptions,
    lengths: Mapping[str, int],
    attributes: Mapping[str, str | int],
) -> None:
    """Write the files.

    Parameters
    ----------
    folder
        Directory to be made.
    asked, found
        The genes, and what was found of each.
    outputs, options
        What was read of a gene, and what was asked.
    lengths
        Length of each contig (bp).
    attributes
        What the bigWigs say of themselves.
    """
    folder.mkdir()
    tracks = [
        Target(index=index, identifier=re.sub(r"\s", "_", each.name), strand_pair=index)
        for index, each in enumerate(outputs)
    ]
    names = file_names([each.gene.name or each.gene.gene_id for each in asked])
    with (
        (folder / "links.bedpe").open("w", encoding="utf-8") as links,
        (folder / "elements.bed").open("w", encoding="utf-8") as bed,
    ):
        links.write("#" + table_line(_COLUMNS) + "\n")
        for name, one, effects in zip(names, asked, found):
            _write_links(links, bed, one, effects, outputs, options)
            place = folder / name
            place.mkdir()
            described = {"gene": one.gene.gene_id, **attributes}
            if options.has_gradient:
                start, stride = int(effects.first), int(effects.stride)
                profile, skipped = effects.profile, max(0, -start) // stride
                profile = profile[skipped:]
                start += skipped * stride
                end = min(start + len(profile) * stride, lengths[one.gene.contig])
                profile = profile[: -(-(end - start) // stride)]
                _write_bigwigs(
                    place / "gradient", one, (start, end), stride, profile, tracks,
                    lengths, described,
                )  # fmt: skip
            if options.has_knock_out and options.elements is None:
                size = int((one.ends - one.starts).max())
                edges = int(one.starts[0]), int(one.ends[-1])
                if (one.starts[0] - one.question.window) % size == 0:
                    _write_bigwigs(
                        place / "knock-out", one, edges, size, effects.effects, tracks,
                        lengths, described,
                    )  # fmt: skip


def _write_bigwigs(
    path: Path,
    asked: Asked,
    span: tuple[int, int],
    size: int,
    values: np.ndarray,
    tracks: Sequence[Target],
    lengths: Mapping[str, int],
    attributes: Mapping[str, str | int],
) -> None:
    place = Interval(asked.gene.contig, *span, name=asked.gene.gene_id)
    table = PredictionTable([place], tracks, size, lengths, attributes)
    with FORMATS["bigwig"](path, table) as writer:
        writer.append(values.astype(np.float32))


def _write_links(
    links: TextIO,
    bed: TextIO,
    asked: Asked,
    found: Found,
    outputs: Sequence[Output],
    options: ElementOptions,
) -> None:
    gene = asked.gene
    main = found.effects if options.has_knock_out else found.gradient
    largest = np.abs(main).max(axis=0)
    scores = np.round(1000 * np.abs(main) / np.where(largest > 0, largest, 1)).astype(int)
    distances, classes = asked.distances, asked.classes(options)
    sites = np.array(gene.tss)
    middles = (asked.starts + asked.ends) // 2
    nearest = sites[np.abs(middles[:, None] - sites).argmin(axis=1)]
    label = gene.name or gene.gene_id
    effects, spread = found.effects, found.spread
    for row in np.flatnonzero(found.is_reached).tolist():
        start, end, site = int(asked.starts[row]), int(asked.ends[row]), int(nearest[row])
        strongest = int(scores[row].max())
        bed.write(f"{gene.contig}\t{start}\t{end}\t{asked.names[row]}>{label}\t{strongest}\t.\n")
        for column, output in enumerate(outputs):
            numbers = (effects[row, column], spread[row, column], found.gradient[row, column])
            cells = (
                gene.contig, start, end, gene.contig, site, site + 1,
                f"{asked.names[row]}>{label}", int(scores[row, column]), ".", gene.strand,
                output.name, *("." if np.isnan(number) else f"{number:.6g}" for number in numbers),
                int(distances[row]), classes[row],
            )  # fmt: skip
            links.write(table_line(cells) + "\n")
