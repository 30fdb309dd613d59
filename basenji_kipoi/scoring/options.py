"""The options of a run that scores a file of variants."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.resources import MEMORY
from basenji_kipoi.effects.passes import IndelMode
from basenji_kipoi.effects.reporters.oligos import Oligos
from basenji_kipoi.effects.windows import WindowRule

__all__ = ["ScoreOptions"]


@dataclass(frozen=True)
class ScoreOptions:
    """What is scored, and how: the options of ``basenji score`` of the same names, as values.

    Attributes
    ----------
    model : tuple of Path
        Bundles, whose predictions are averaged.
    fasta, vcf, out : Path, str, Path
        The genome, the variants (``-``: standard input), and the output.
    also : Path or None
        A second output, in another format.
    scores : tuple of str
        Names of scores.
    tracks : tuple of str or int, or None
        Identifiers, patterns or indices of tracks; None for all.
    genes : Path or None
        GTF file of genes to be scored too.
    bins : int or None
        Bins around the variant's that count; None for all.
    window : WindowRule
        Where windows lie.
    both_strands : bool or None
        Whether predictions are averaged over the strands; None as each model's metadata says.
    shifts : tuple of int
        Shifts of the window (bp) over which predictions are averaged.
    indels : {"anchor", "stitch"}
        What alleles of another length are compared with.
    check_ref : str or None
        ``warn``, ``fail``, ``skip`` or ``off``; None: ``warn``, but end early if most REFs differ.
    max_allele : int or None
        Longest REF or ALT (bp); None: a quarter of the predicted part of a window, of a reporter
        the insert.
    reporter : str or None
        Name of the reporter whose activities are scored; None for tracks.
    oligos : Oligos
        What the reporter's oligos are.
    counts : bool
        Whether scores are of counts of the coverage.
    background : Path or None
        Table of the background set.
    long : bool
        Whether tables have one row a value.
    shard : tuple of int
        Which part of the file, counted from 1, and of how many.
    plan : Path or None
        Plan of the file that `basenji_kipoi.scoring.run.plan_file` wrote; None to make one first.
    part_size : int or None
        Alleles that are saved together; None: as `Scoring.part_size` has it.
    memory : float
        Memory for the engine (GiB), of each process.
    devices : str or None
        Processes that score, as `basenji_kipoi.base.sharing.processes.devices_of` reads them;
        None for this one, on all that it may use.

    Raises
    ------
    InputError
        If there is no such shard.
    """

    model: tuple[Path, ...]
    fasta: Path
    vcf: str
    out: Path
    also: Optional[Path] = None
    scores: tuple[str, ...] = ("SAD",)
    tracks: Optional[tuple[Union[str, int], ...]] = None
    genes: Optional[Path] = None
    bins: Optional[int] = None
    window: WindowRule = WindowRule()  # noqa: RUF009 - as immutable as a number
    both_strands: Optional[bool] = None
    shifts: tuple[int, ...] = (0,)
    indels: IndelMode = "stitch"
    check_ref: Optional[str] = None
    max_allele: Optional[int] = None
    reporter: Optional[str] = None
    oligos: Oligos = Oligos()  # noqa: RUF009 - as immutable as a number
    counts: bool = False
    background: Optional[Path] = None
    long: bool = False
    shard: tuple[int, int] = (1, 1)
    plan: Optional[Path] = None
    part_size: Optional[int] = None
    memory: float = MEMORY
    devices: Optional[str] = None

    def __post_init__(self) -> None:
        number, shards = self.shard
        if not 1 <= number <= shards:
            raise InputError(f"--shard: there is no part {number} of {shards}")
