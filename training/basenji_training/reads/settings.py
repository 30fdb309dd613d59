"""What `basenji-train coverage` does with reads, and the recipes of assays.

The values of CAGE, DNase-seq, ATAC-seq and ChIP-seq are those that Basenji's author recommends for
the original program: multi-mapping reads shared by what lies within some bases, at most 12 of them
a position, light smoothing. Positions of starts are exact, and their tracks are not smoothed.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["RECIPES", "Duplicates", "Format", "FragmentEnds", "Mode", "Multimap", "Settings"]

Mode = Literal["cut", "five-prime", "centre", "fragment", "read"]
Multimap = Literal["em", "uniform", "drop"]
Duplicates = Literal["keep", "mark", "drop"]
FragmentEnds = Literal["ask", "moved", "unmoved"]
Format = Literal["auto", "alignments", "fragments"]

# Far beyond what any assay needs (bp): what a Gaussian reaches is held for every part.
_LARGEST_SD, _LARGEST_SHIFT = 10_000, 100_000

# Headings of the options in --help.
_CHOICE, _WHAT, _HOW = "Which reads count", "What counts", "Corrections"


class Settings(BaseModel):
    """How reads become coverage.

    Each field is declared here alone: it is an option of `basenji-train coverage` and a row of the
    table in ``docs/how-to/coverage.md``, with its description, unit and bounds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    format: Format = Field(
        default="auto",
        description="What the files are: alignments (BAM, CRAM), fragments, or told by what they "
        "hold (auto).",
        json_schema_extra={"group": _CHOICE},
    )
    mode: Mode = Field(
        description="Count the 5' end of every read or both ends of a fragment (cut), the 5' end "
        "of the chosen read, the fragment's middle or all its bases, or a read's aligned bases, "
        "without introns.",
        json_schema_extra={"group": _WHAT},
    )
    mate: int = Field(
        default=0,
        ge=0,
        le=2,
        description="Read of a pair that counts in five-prime and read mode; 0: both.",
        json_schema_extra={"group": _WHAT},
    )
    shift_forward: int = Field(
        default=0,
        ge=-_LARGEST_SHIFT,
        le=_LARGEST_SHIFT,
        description="Added to the 5' ends of forward reads.",
        json_schema_extra={"group": _WHAT, "unit": "bp"},
    )
    shift_reverse: int = Field(
        default=0,
        ge=-_LARGEST_SHIFT,
        le=_LARGEST_SHIFT,
        description="Added to the 5' ends of reverse reads: -4 is what is written -5 where a "
        "read's end is the base behind its last.",
        json_schema_extra={"group": _WHAT, "unit": "bp"},
    )
    fragment_ends: FragmentEnds = Field(
        default="ask",
        description="Whether the maker of a fragment file has moved its ends already, so that they "
        "count where they are; if neither this nor the file says, it is an error where ends are to "
        "be moved.",
        json_schema_extra={"group": _WHAT},
    )
    stranded: bool = Field(
        default=False,
        description="A track for each strand.",
        json_schema_extra={"group": _WHAT, "option": "--stranded/--unstranded"},
    )
    flip_strands: bool = Field(
        default=False,
        description="The transcript is on the strand opposite to read 1 (dUTP).",
        json_schema_extra={"group": _WHAT},
    )
    multimap: Multimap = Field(
        default="em",
        description="Reads with several alignments: share them by the coverage around each "
        "(expectation-maximisation), evenly, or leave them out.",
        json_schema_extra={"group": _HOW},
    )
    max_multimap: int = Field(
        default=3,
        ge=2,
        description="Reads with more alignments are left out.",
        json_schema_extra={"group": _HOW},
    )
    multimap_sd: float = Field(
        default=16.0,
        gt=0,
        le=_LARGEST_SD,
        description="Standard deviation of the Gaussian within which coverage attracts them.",
        json_schema_extra={"group": _HOW, "unit": "bp"},
    )
    clip: float | None = Field(
        default=12.0,
        gt=0,
        description="Largest coverage that they add to a position.",
        json_schema_extra={"group": _HOW},
    )
    gc: bool = Field(
        default=False,
        description="Correct for the fragments' GC content.",
        json_schema_extra={"group": _HOW},
    )
    smooth_sd: float = Field(
        default=0.0,
        ge=0,
        le=_LARGEST_SD,
        description="Standard deviation of the Gaussian that smooths the track; 0: none.",
        json_schema_extra={"group": _HOW, "unit": "bp", "option": "--smooth"},
    )
    duplicates: Duplicates = Field(
        default="mark",
        description="Count all; leave out those marked in the file, or that a fragment file "
        "counts; or also all but one of the uniquely mapped fragments with the same ends and "
        "strand.",
        json_schema_extra={"group": _CHOICE},
    )
    min_mapq: int = Field(
        default=10,
        ge=0,
        le=254,
        description="Least mapping quality of reads with one alignment.",
        json_schema_extra={"group": _CHOICE},
    )
    max_soft_clip: int | None = Field(
        default=None,
        ge=0,
        description="Most soft-clipped bases at a read's 5' end.",
        json_schema_extra={"group": _CHOICE, "unit": "bp", "otherwise": "no limit"},
    )
    fragment_length: int | None = Field(
        default=None,
        ge=1,
        description="Length of single-end fragments.",
        json_schema_extra={"group": _WHAT, "unit": "bp", "otherwise": "estimated"},
    )
    max_fragment: int = Field(
        default=2000,
        ge=1,
        description="Longest fragment to count whole or by its centre.",
        json_schema_extra={"group": _CHOICE, "unit": "bp"},
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
    "atac": Settings(mode="cut", shift_forward=4, shift_reverse=-4, gc=True, smooth_sd=8),
    "dnase": Settings(mode="cut", gc=True, smooth_sd=8),
    "chip": Settings(mode="centre", gc=True, smooth_sd=8),
    "cage": Settings(
        mode="five-prime", mate=1, stranded=True, multimap_sd=4, smooth_sd=2, duplicates="keep"
    ),
    # Depth, not places: a limit would hide genes that have copies and are highly expressed.
    "rna": Settings(mode="read", stranded=True, duplicates="keep", clip=None),
    # Reverse transcription adds up to three bases to the cap; a longer overhang is no start.
    "stripe": Settings(
        mode="five-prime", mate=1, stranded=True, multimap_sd=4, duplicates="keep", max_soft_clip=3
    ),
}
