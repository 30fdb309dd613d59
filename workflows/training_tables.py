"""The tables of a training: the sample sheet that it begins with, targets, the summary."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from checking import NAME, first_mistake
from configuration import Section
from pydantic import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["TRACKS", "Sample", "read_samples", "write_summary", "write_targets"]

#: What the summary tells of a group of tracks.
_FIGURES = ("assay", "sample", "tracks", "pearson_log1p", "pearson", "spearman", "auprc")

Assay = Literal["atac", "dnase", "chip", "cage", "stripe", "rna"]
#: Tracks that the recipe of an assay makes: one, or one for each strand.
TRACKS = {"atac": 1, "dnase": 1, "chip": 1, "cage": 2, "stripe": 2, "rna": 2}


class Sample(Section):
    """A row of a sample sheet."""

    sample: str
    assay: Assay
    reads: list[str]


def read_samples(path: str) -> list[Sample]:
    """Read a sample sheet; files of reads are relative to it.

    Raises
    ------
    SystemExit
        With the line that is wrong: a column that is missing, a file that does not exist, an
        unknown assay, a name that is given twice or cannot name a file.
    """
    samples: list[Sample] = []
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise SystemExit(f"error: {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SystemExit(
            f"error: {path} is no text in UTF-8: expected a sample sheet, not compressed"
        ) from None
    with io.StringIO(text, newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        lacking = set(Sample.model_fields) - set(rows.fieldnames or ())
        if lacking:
            raise SystemExit(
                f"error: {path}: its header has no column {min(lacking)}: expected "
                f"{', '.join(Sample.model_fields)}, separated by tabs"
            )
        for row in rows:
            where = f"error: {path}, line {rows.line_num}"
            if None in row or None in row.values():
                raise SystemExit(f"{where}: it has other columns than the header")
            names = [name.strip() for name in row["reads"].split(",")]
            if not all(names):
                raise SystemExit(f"{where}: reads: expected files, separated by commas")
            reads = [str(Path(path).parent / name) for name in names]
            try:
                sample = Sample(sample=row["sample"], assay=row["assay"], reads=reads)
            except ValidationError as error:
                raise SystemExit(f"{where}: {first_mistake(error, Sample)}") from None
            if not NAME.fullmatch(sample.sample):
                raise SystemExit(
                    f"{where}: the sample {sample.sample!r} cannot name a file: use letters, "
                    "digits and _ . -"
                )
            if sample.sample in {each.sample for each in samples}:
                raise SystemExit(
                    f"{where}: the sample {sample.sample} is there twice: names are of one line "
                    "each; a sample's files of reads stand in one line, separated by commas"
                )
            for name in reads:
                if not Path(name).is_file():
                    raise SystemExit(f"{where}: there is no file {name}")
            samples.append(sample)
    if not samples:
        raise SystemExit(f"error: {path}: it has no sample")
    return samples


def write_targets(samples: Iterable[Sample], folder: Path, path: str) -> None:
    """Write the targets table of the tracks that coverage was made of.

    Parameters
    ----------
    samples
        The samples.
    folder
        What ``basenji-train coverage`` wrote of each: ``SAMPLE.json``, and one bigWig, or one for
        each strand.
    path
        The table, beside the folder.
    """
    rows: list[tuple[object, ...]] = []
    for sample in samples:
        told = json.loads((folder / f"{sample.sample}.json").read_text(encoding="utf-8"))
        names = told["bigwigs"]
        first = len(rows)
        for number, name in enumerate(names):
            partner = first + (len(names) - 1 - number)
            rows.append(
                (len(rows), name.removesuffix(".bw"), f"{folder.name}/{name}", partner,
                 sample.assay, sample.sample)
            )  # fmt: skip
    with Path(path).open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines, delimiter="\t", lineterminator="\n")
        table.writerow(("index", "identifier", "file", "strand_pair", "assay", "sample"))
        table.writerows(rows)


def write_summary(evaluations: Mapping[tuple[str, str], Path], path: str) -> None:
    """Write a line for each recipe, held-out part and group of tracks.

    Parameters
    ----------
    evaluations
        What ``basenji-train evaluate`` wrote for each recipe and held-out part.
    path
        The table, tab-separated.
    """
    with Path(path).open("w", encoding="utf-8", newline="") as lines:
        table = csv.writer(lines, delimiter="\t", lineterminator="\n")
        table.writerow(("recipe", "held_out", *_FIGURES))
        for key, evaluation in evaluations.items():
            for group in json.loads(evaluation.read_text(encoding="utf-8"))["groups"]:
                table.writerow((*key, *("" if group[n] is None else group[n] for n in _FIGURES)))
