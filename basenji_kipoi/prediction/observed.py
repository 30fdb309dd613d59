"""Measured coverage of bins, beside what is predicted of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from basenji_kipoi.base.bigwig.damage import damage_is_an_error
from basenji_kipoi.base.bigwig.form import check_form
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.text_files import check_seekable
from basenji_kipoi.faces import library
from basenji_kipoi.genome.contig_names import did_you_mean, matching_contigs

if TYPE_CHECKING:
    import os

    from basenji_kipoi.models.targets import Target

__all__ = ["read_observed"]


def read_observed(
    path: str | os.PathLike[str], track: Target, chrom: str, edges: np.ndarray
) -> np.ndarray:
    """Read what was measured in bins: the track's statistic of a bigWig's values.

    Parameters
    ----------
    path
        The bigWig.
    track
        The track; its ``sum_stat`` says how the bases of a bin become one number (the sum, for
        ``sum_sqrt``).
    chrom
        Contig.
    edges : ndarray, int, shape (bins + 1,)
        Where equally long bins begin and end (bp, 0-based). What lies behind the contig's end is 0,
        as are bases without a value.

    Returns
    -------
    ndarray, float64, shape (bins,)
        Coverage.

    Raises
    ------
    InputError
        If the file cannot be read or has no such contig, or pybigtools is not installed.
    """
    pybigtools = library("pybigtools", "reading bigWigs")
    check_seekable(Path(path), "bigWig")
    start, end, width = int(edges[0]), int(edges[-1]), int(edges[1] - edges[0])
    values = np.zeros(end - start)
    check_form(Path(path))
    problem = f"{path}: not a readable bigWig file"
    with damage_is_an_error(problem), pybigtools.open(str(path)) as file:
        lengths = file.chroms()
        name = chrom if chrom in lengths else matching_contigs([chrom], lengths).get(chrom)
        if name is None:
            raise InputError(
                f"{path} has no contig {chrom!r}{did_you_mean(chrom, lengths)}: expected "
                "coverage of this genome"
            )
        last = min(end, lengths[name])
        if last > start:
            values[: last - start] = file.values(name, start, last, fillna=0.0)
    rows = values.reshape(-1, width)
    return {"mean": rows.mean, "max": rows.max}.get(track.sum_stat, rows.sum)(axis=1)
