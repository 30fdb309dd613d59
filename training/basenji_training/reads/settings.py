"""What `basenji-train coverage` does with reads, and the recipes of assays.

The values of CAGE, DNase-seq, ATAC-seq and ChIP-seq are those that Basenji's author recommends for
the original program: multi-mapping reads shared by what lies within some bases, at most 12 of them
a position, light smoothing. Positions of starts are exact, and their tracks are not smoothed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from basenji_kipoi.base.errors import InputError

__all__ = ["RECIPES", "Duplicates", "Format", "Mode", "Multimap", "Settings"]

Mode = Literal["cut", "five-prime", "centre", "fragment", "read"]
Multimap = Literal["em", "uniform", "drop"]
Duplicates = Literal["keep", "mark", "drop"]
Format = Literal["auto", "alignments", "fragments"]

# Far beyond what any assay needs (bp): what a Gaussian reaches is held for every part.
_LARGEST_SD, _LARGEST_SHIFT = 10_000, 100_000


@dataclass(frozen=True)
class Settings:
    """How reads become coverage.

    Attributes
    ----------
    mode
        What counts: ``cut`` the 5' end of every read, or both ends of a fragment; ``five-prime``
        the 5' end of the chosen read; ``centre`` the middle base of the fragment; ``fragment``
        all its bases; ``read`` the aligned bases of a read, without introns.
    mate
        Which reads of a pair count in ``five-prime`` and ``read`` mode: 1, 2, or 0 for both.
    shift_forward, shift_reverse
        Bases added to the position of a forward and of a reverse read's 5' end (bp).
    move_fragments
        Whether they are added to the ends in fragment files too, whatever these say. Otherwise they
        are not where a file says that its ends have been moved; one that does not say is an error.
    stranded
        Whether the strands make tracks of their own.
    flip_strands
        Whether a fragment counts on the strand opposite to its read 1.
    multimap
        What happens to reads with several alignments.
    max_multimap
        Reads with more alignments are left out.
    multimap_sd
        Standard deviation (bp) of the Gaussian within which coverage attracts them.
    clip
        Largest coverage that they add to a position; None for no limit.
    gc
        Whether coverage is corrected for the fragments' GC content.
    smooth_sd
        Standard deviation (bp) of the Gaussian that smooths the result; 0 for none.
    duplicates
        ``keep`` counts all, ``mark`` leaves out those that the file marks (a fragment file: all but
        one of those that it counts), ``drop`` also all but one of the uniquely mapped fragments
        with the same ends and strand.
    min_mapq
        Least mapping quality of reads that map uniquely.
    max_soft_clip
        Most soft-clipped bases at the 5' end; None for no limit.
    fragment_length
        Length of single-end fragments (bp); None to estimate it.
    max_fragment
        Longest fragment of a pair (bp) in ``centre`` and ``fragment`` mode.
    format
        What the files of reads are: ``alignments`` (BAM, CRAM), ``fragments``, or ``auto``, told by
        what they hold.
    """

    mode: Mode
    mate: int = 0
    shift_forward: int = 0
    shift_reverse: int = 0
    move_fragments: bool = False
    stranded: bool = False
    flip_strands: bool = False
    multimap: Multimap = "em"
    max_multimap: int = 3
    multimap_sd: float = 16.0
    clip: float | None = 12.0
    gc: bool = False
    smooth_sd: float = 0.0
    duplicates: Duplicates = "mark"
    min_mapq: int = 10
    max_soft_clip: int | None = None
    fragment_length: int | None = None
    max_fragment: int = 2000
    format: Format = "auto"

    def __post_init__(self) -> None:
        """Check what no type says."""
        if self.mate not in (0, 1, 2):
            raise InputError(f"--mate is {self.mate}: expected 1, 2, or 0 for both reads of a pair")
        # Not (x > 0), so that NaN is caught.
        if not 0 < self.multimap_sd <= _LARGEST_SD:
            raise InputError(
                f"--multimap-sd is {self.multimap_sd}: it must be above 0 bp and at most "
                f"{_LARGEST_SD}"
            )
        if self.clip is not None and not 0 < self.clip < float("inf"):
            raise InputError(f"--clip is {self.clip}: it must be above 0, and finite")
        if not 0 <= self.smooth_sd <= _LARGEST_SD:
            raise InputError(f"--smooth is {self.smooth_sd}: it must be from 0 to {_LARGEST_SD} bp")
        for option in ("shift_forward", "shift_reverse"):
            if abs(getattr(self, option)) > _LARGEST_SHIFT:
                raise InputError(
                    f"--{option.replace('_', '-')} is {getattr(self, option)}: it must be at most "
                    f"{_LARGEST_SHIFT} bp either way"
                )

    @property
    def whole_fragments(self) -> bool:
        """Whether a pair of reads counts once, as the fragment between its ends."""
        return self.mode in ("centre", "fragment")

    @property
    def is_atac(self) -> bool:
        """Whether cuts are moved to the middle of Tn5's place."""
        return self.mode == "cut" and (self.shift_forward, self.shift_reverse) != (0, 0)

    @property
    def tracks(self) -> tuple[str, ...]:
        """Suffixes of the tracks' names."""
        return ("plus", "minus") if self.stranded else ("",)


#: Settings of each assay.
RECIPES: dict[str, Settings] = {
    # Tn5 leaves nine bases between the cuts of its two strands; the middle one is their place.
    "atac": Settings("cut", shift_forward=4, shift_reverse=-4, gc=True, smooth_sd=8),
    "dnase": Settings("cut", gc=True, smooth_sd=8),
    "chip": Settings("centre", gc=True, smooth_sd=8),
    "cage": Settings(
        "five-prime", mate=1, stranded=True, multimap_sd=4, smooth_sd=2, duplicates="keep"
    ),
    # Depth, not places: a limit would hide genes that have copies and are highly expressed.
    "rna": Settings("read", stranded=True, duplicates="keep", clip=None),
    # Reverse transcription adds up to three bases to the cap; a longer overhang is no start.
    "stripe": Settings(
        "five-prime", mate=1, stranded=True, multimap_sd=4, duplicates="keep", max_soft_clip=3
    ),
}
