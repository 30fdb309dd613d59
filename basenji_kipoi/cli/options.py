"""What the options of several commands share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from basenji_kipoi.base.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from basenji_kipoi.effects.reporters.oligos import Oligos
    from basenji_kipoi.effects.windows import WindowRule

__all__ = [
    "MODEL_HELP",
    "Activities",
    "BothStrands",
    "ChosenTracks",
    "Counts",
    "Devices",
    "Ends",
    "Fasta",
    "Figure",
    "Gene",
    "Group",
    "Indels",
    "Insert",
    "JoinShards",
    "Memory",
    "Model",
    "Models",
    "Overwrite",
    "Places",
    "Plots",
    "Quiet",
    "Resume",
    "Shard",
    "Tracks",
    "read_bins",
    "read_named",
    "read_names",
    "read_oligos",
    "read_shard",
    "read_shifts",
    "read_window",
]

#: What names a model in every command.
MODEL_HELP = (
    "Directory of the trained model (a bundle) or its address, or yeast, which comes with "
    "the package."
)
Model = Annotated[Path, typer.Option(help=MODEL_HELP)]
Models = Annotated[
    list[Path],
    typer.Option(
        help=f"{MODEL_HELP} Given several times, predictions are averaged over the models."
    ),
]
Fasta = Annotated[
    Path, typer.Option(help="Genome: FASTA, plain or compressed with bgzip, or its address.")
]
Figure = Annotated[Path, typer.Option(help="The figure: x.png, x.svg or x.pdf.")]
Tracks = Annotated[
    Optional[str],
    typer.Option(
        help="Tracks, by identifier, index or pattern, separated by commas. Patterns fit "
        "identifiers (stripe_*), or else descriptions (DNASE:*liver*).",
        show_default="all",
    ),
]
BothStrands = Annotated[
    Optional[bool],
    typer.Option(
        "--both-strands/--one-strand",
        "--rc",
        help="Average predictions over both strands, or not.",
        show_default="as the model was evaluated",
    ),
]
Counts = Annotated[
    bool,
    typer.Option(
        "--counts",
        help="Give counts of the coverage: scale, soft clipping and power of each track undone. "
        "What a hard clip took is not known.",
        show_default="units of the targets table",
    ),
]
Indels = Annotated[
    Literal["stitch", "anchor"],
    typer.Option(
        "--indels",
        "--indel",
        help="Alleles of another length than the reference: the window's first base stays up to "
        "the variant and its last one behind it (stitch), or the first one alone (anchor).",
    ),
]
Gene = Annotated[
    Optional[str],
    typer.Option(help="Genes by identifier or name, separated by commas.", show_default="all"),
]
ChosenTracks = Annotated[
    Optional[str],
    typer.Option(
        help="Tracks, each by itself: identifiers, patterns, indices, assay:NAME or sample:NAME, "
        "separated by commas.",
        show_default="all",
    ),
]
Group = Annotated[
    Optional[list[str]],
    typer.Option(help="NAME=TRACKS: the mean of some tracks; may be repeated."),
]
Activities = Annotated[
    Optional[str],
    typer.Option(help="Activities of the reporter, by commas.", show_default="all"),
]
Insert = Annotated[
    Optional[int],
    typer.Option(
        help="Bases of the genome in an oligo of the reporter.",
        show_default="as the assay's usual sequence",
    ),
]
Places = Annotated[
    Optional[str],
    typer.Option(
        help="Where the first base that differs lies in the insert (from 0, by commas): an "
        "oligo for each, whose activities are averaged.",
        show_default="a quarter, half and three quarters",
    ),
]
Ends = Annotated[
    Optional[str],
    typer.Option(
        help="What an oligo has before and behind the insert: LEFT,RIGHT.",
        show_default="what the assay's sequences begin and end with",
    ),
]
Plots = Annotated[
    Optional[Path],
    typer.Option(help="Directory of figures to write, one for each interval and track or output."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with a run that was interrupted.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an existing output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show neither progress nor a summary.")]
Memory = Annotated[
    float, typer.Option(min=0.1, help="Memory for predictions and what they share (GiB).")
]

Devices = Annotated[
    Optional[str],
    typer.Option(
        help="Processes that share the work: N, each on its share of the cores, or gpu:0,1, each "
        "with a GPU. The memory of each is what one would take.",
        show_default="one, on all cores",
    ),
]
Shard = Annotated[
    Optional[str],
    typer.Option(
        help="i/n does the i-th of n parts of the work, for jobs on several machines, which "
        "becomes a folder in OUT.shards.",
        show_default="all of it",
    ),
]
JoinShards = Annotated[
    bool, typer.Option("--join-shards", help="Write the output of all shards, which are done.")
]


def read_names(text: str) -> tuple[str, ...]:
    """Read names that are separated by commas."""
    return tuple(name.strip() for name in text.split(","))


def read_named(option: str, texts: Sequence[str]) -> dict[str, str]:
    """Read what is called how, each as ``ROLE=NAME``."""
    named = {}
    for text in texts:
        role, equals, name = text.partition("=")
        if not (role and equals and name):
            raise InputError(f"{option}: expected ROLE=NAME, for instance chrom=chr, not {text!r}")
        named[role] = name
    return named


def read_shifts(text: str) -> tuple[int, ...]:
    """Read shifts of the window (bp), separated by commas."""
    words = read_names(text)
    if not all(re.fullmatch(r"[+-]?\d+", word) for word in words):
        raise InputError(
            f"--shifts: expected whole numbers of bases, for instance -1,0,1, not {text!r}"
        )
    return tuple(map(int, words))


def read_bins(text: str) -> int | None:
    """Read ``center:N``, or None from ``all``."""
    if text == "all":
        return None
    if match := re.fullmatch(r"cent(?:er|re):(\d+)", text):
        return int(match[1])
    raise InputError(f"--bins: expected all or center:N, N bins from 1 on, not {text!r}")


def read_window(text: str) -> WindowRule:
    """Read ``centred``, ``grid`` or ``cluster:BP``."""
    from basenji_kipoi.effects.windows import WindowRule  # noqa: PLC0415 - as in the commands

    if text in ("centred", "grid"):
        return WindowRule(text)
    if match := re.fullmatch(r"cluster:([1-9]\d*)", text):
        return WindowRule("cluster", int(match[1]))
    raise InputError(
        f"--window: expected centred, grid or cluster:BP (for instance cluster:1000), not {text!r}"
    )


def read_shard(text: str) -> tuple[int, int]:
    """Read ``i/n``: which of how many parts, counted from 1."""
    match = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if not match or int(match[1]) > int(match[2]):
        raise InputError(
            f"--shard: expected i/n with i from 1 to n, for instance 2/8, not {text!r}"
        )
    return int(match[1]), int(match[2])


def read_oligos(
    insert: int | None,
    places: str | None,
    ends: str | None,
    strand: Literal["both", "+", "-", "gene"],
    activities: str | None,
    promoter: str = "300,50",
) -> Oligos:
    """Read what the oligos of a reporter are from the options of these names."""
    from basenji_kipoi.effects.reporters.oligos import Oligos  # noqa: PLC0415 - as in the commands

    both_ends = None if ends is None else read_names(ends)
    if both_ends is not None and len(both_ends) != 2:
        raise InputError(f"--ends {ends}: expected LEFT,RIGHT, one of which may be empty")
    around = _read_numbers("--promoter", promoter, "300,50")
    if len(around) != 2:
        raise InputError(f"--promoter {promoter}: expected two numbers, for instance 300,50")
    return Oligos(
        insert=insert,
        places=None if places is None else _read_numbers("--places", places, "20,40,60"),
        ends=both_ends,
        strand=strand,
        promoter=around,
        activities=read_names(activities) if activities else (),
    )


def _read_numbers(option: str, text: str, example: str) -> tuple[int, ...]:
    words = read_names(text)
    if not all(re.fullmatch(r"\d{1,9}", word) for word in words):
        raise InputError(f"{option}: expected whole numbers, for instance {example}, not {text!r}")
    return tuple(map(int, words))
