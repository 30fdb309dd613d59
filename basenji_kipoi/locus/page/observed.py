"""Observed tracks of a locus, from bigWigs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.bigwig.damage import damage_is_an_error
from basenji_kipoi.base.bigwig.form import check_form
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable
from basenji_kipoi.faces import library
from basenji_kipoi.genome.contig_names import matching_contigs
from basenji_kipoi.locus.page.view import OBSERVED_BINS

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_observed"]


def read_observed(path: Path, chrom: str, start: int, end: int) -> np.ndarray:
    """Read means of equal parts of [start, end): float64 (`OBSERVED_BINS`,), NaN where none is.

    Raises
    ------
    InputError
        If the file is no bigWig, or lacks the contig.
    """
    tracks = library("pybigtools", "observed tracks", otherwise="or leave out --observed")
    check_seekable(path, "bigWig")
    check_form(path)
    values = np.full(OBSERVED_BINS, np.nan)
    problem = f"{path}: not a readable bigWig file"
    with damage_is_an_error(problem), tracks.open(str(path)) as file:
        lengths = file.chroms()
        name = matching_contigs([chrom], lengths).get(chrom)
        if name is None:
            raise InputError(f"{path} has no contig {chrom}")
        last = min(end, lengths[name])
        if last > start:
            bins = max(OBSERVED_BINS * (last - start) // (end - start), 1)
            values[:bins] = file.values(name, start, last, bins=bins, summary="mean", fillna=None)
    return values
