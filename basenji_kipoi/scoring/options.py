"""The options of a run that scores a file of variants."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.memory import MEMORY_BYTES

if TYPE_CHECKING:
    from basenji_kipoi.effects.passes import IndelMode

__all__ = ["ScoreOptions", "parse_shard", "parse_shifts"]


@dataclass(frozen=True)
class ScoreOptions:
    """What is scored, and how: the options of ``basenji score`` of the same names.

    Attributes
    ----------
    model : tuple of Path
        Bundles, whose predictions are averaged.
    fasta, vcf, out : Path, str, Path
        The genome, the variants (``-``: standard input), and the output.
    scores, tracks : str
        Names, separated by commas; ``tracks`` None for all.
    genes : Path or None
        GTF file of genes to be scored too.
    bins, window : str
        ``all`` or ``center:N``; ``centred``, ``grid`` or ``cluster:BP``.
    both_strands : bool or None
        Whether predictions are averaged over the strands; None as each model's metadata says.
    shifts : str
        Shifts of the window (bp), separated by commas.
    indels : {"anchor", "stitch"}
        What alleles of another length are compared with.
    check_ref : str or None
        ``warn``, ``fail``, ``skip`` or ``off``; None: ``warn``, but end early if most REFs differ.
    max_allele : int or None
        Longest REF or ALT (bp); None: a quarter of the predicted part of a window.
    background : Path or None
        Table of the background set.
    long : bool
        Whether tables have one row a value.
    shard : str
        ``i/n``.
    part_size : int or None
        Alleles that are saved together; None: as `Scoring.part_size` has it.
    memory : float
        Memory for the engine (GiB).
    """

    model: tuple[Path, ...]
    fasta: Path
    vcf: str
    out: Path
    scores: str = "SAD"
    tracks: Optional[str] = None
    genes: Optional[Path] = None
    bins: str = "all"
    window: str = "centred"
    both_strands: Optional[bool] = None
    shifts: str = "0"
    indels: IndelMode = "anchor"
    check_ref: Optional[str] = None
    max_allele: Optional[int] = None
    background: Optional[Path] = None
    long: bool = False
    shard: str = "1/1"
    part_size: Optional[int] = None
    memory: float = MEMORY_BYTES / (1 << 30)


def parse_shard(text: str) -> tuple[int, int]:
    """Read which of how many parts a shard is, counted from 1."""
    match = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if not match or int(match[1]) > int(match[2]):
        raise InputError(
            f"--shard: expected i/n with i from 1 to n, for instance 2/8, not {text!r}"
        )
    return int(match[1]), int(match[2])


def parse_shifts(options: ScoreOptions) -> list[int]:
    """Read the shifts of the window (bp)."""
    words = [word.strip() for word in options.shifts.split(",")]
    if not all(re.fullmatch(r"[+-]?\d+", word) for word in words):
        raise InputError(
            f"--shifts: expected whole numbers of bases, for instance -1,0,1, not "
            f"{options.shifts!r}"
        )
    return [int(word) for word in words]
