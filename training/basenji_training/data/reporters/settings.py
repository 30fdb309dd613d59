"""What `basenji-train reporters` makes of tables: columns, construct, splits, pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field

from basenji_kipoi.base.errors import InputError
from basenji_training.data.settings import Names
from basenji_training.splits.kmers import LONGEST_KMER

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NO_GROUPS", "ReporterSettings"]

#: Value of ``group`` that leaves a column of groups out.
NO_GROUPS = "none"

# Headings of the options in --help.
_COLUMNS, _CONSTRUCT, _SPLITS, _PAIRS = "Columns", "Construct", "Splits", "Pairs"

_SHORTEST_KMER = 8


class ReporterSettings(BaseModel):
    """What a store of reporters is to hold.

    Each field is declared here alone: it is an option of `basenji-train reporters` and a row of the
    table in ``docs/how-to/reporters.md``, with its description, unit and bounds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sequence: str = Field(
        default="sequence",
        description="Column of sequences.",
        json_schema_extra={"group": _COLUMNS, "option": "--sequence-column"},
    )
    activities: tuple[str, ...] = Field(
        default=(),
        description="Column of measurements.",
        json_schema_extra={
            "group": _COLUMNS,
            "option": "--activity",
            "otherwise": "expression or activity",
            "repeated": True,
        },
    )
    unit: str = Field(
        default="",
        description="Unit of the activities.",
        json_schema_extra={"group": _COLUMNS, "otherwise": "none"},
    )
    weight: str | None = Field(
        default=None,
        description="Column that rows are weighted by.",
        json_schema_extra={"group": _COLUMNS},
    )
    weight_kind: Literal["counts", "errors", "weights"] | None = Field(
        default=None,
        description="What it holds: counts of cells or reads (weight: their square root), standard "
        "errors (1 / square), or weights.",
        json_schema_extra={"group": _COLUMNS},
    )
    most_counts: float = Field(
        default=900,
        gt=0,
        description="Counts beyond this weigh no more.",
        json_schema_extra={"group": _COLUMNS},
    )
    set: str | None = Field(
        default=None,
        description="Column of parts of the library.",
        json_schema_extra={
            "group": _COLUMNS,
            "option": "--set-column",
            "otherwise": "set, if there",
        },
    )
    group: str | None = Field(
        default=None,
        description="Column of groups that stay in one split; 'none': find groups that share "
        "k-mers.",
        json_schema_extra={
            "group": _COLUMNS,
            "option": "--group-column",
            "otherwise": "group, if there",
        },
    )
    context: Path | None = Field(
        default=None,
        description="Construct that sequences are put into: FASTA (or a string in .json) with a "
        "run of N where they stand.",
        json_schema_extra={"group": _CONSTRUCT},
    )
    flanks: str | None = Field(
        default=None,
        description="Instead, what stands on either side: LEFT,RIGHT.",
        json_schema_extra={"group": _CONSTRUCT},
    )
    fasta: Path | None = Field(
        default=None,
        description="Genome that sequences may come from, plain or bgzip.",
        json_schema_extra={"group": _SPLITS},
    )
    test: Names = Field(
        default=(),
        description="Contigs of the genome whose sequences test.",
        json_schema_extra={"group": _SPLITS, "option": "--test-contigs"},
    )
    validation: Names = Field(
        default=(),
        description="Contigs of the genome whose sequences validate.",
        json_schema_extra={"group": _SPLITS, "option": "--validation-contigs"},
    )
    test_share: int = Field(
        default=8,
        ge=0,
        le=99,
        description="Share of the other groups that test.",
        json_schema_extra={"group": _SPLITS, "unit": "percent"},
    )
    validation_share: int = Field(
        default=8,
        ge=0,
        le=99,
        description="Share of the other groups that validate.",
        json_schema_extra={"group": _SPLITS, "unit": "percent"},
    )
    kmer: int = Field(
        default=20,
        ge=_SHORTEST_KMER,
        le=LONGEST_KMER,
        description="Sequences that share so many bases stay in one split.",
        json_schema_extra={"group": _SPLITS, "unit": "bases"},
    )
    pairs: Path | None = Field(
        default=None,
        description="Table of pairs: sequence_a (reference) and sequence_b.",
        json_schema_extra={"group": _PAIRS, "otherwise": "all one substitution apart within a set"},
    )
    indels: bool = Field(
        default=False,
        description="Take pairs that differ in length, too.",
        json_schema_extra={"group": _PAIRS, "option": "--indels"},
    )
    name: str | None = Field(
        default=None,
        description="Name of the store.",
        json_schema_extra={"otherwise": "the output's stem"},
    )

    @property
    def shares(self) -> int:
        """Percent of groups that are held out by name."""
        return self.test_share + self.validation_share

    def check(self) -> None:
        """Check that settings that each are right go together.

        Raises
        ------
        InputError
            If they do not.
        """
        if self.context is not None and self.flanks is not None:
            raise InputError("--context and --flanks say the same: pass one of them")
        if (self.weight is None) != (self.weight_kind is None):
            raise InputError(
                "--weight and --weight-kind belong together: the column, and whether it holds "
                "counts, errors or weights"
            )
        if (self.test or self.validation) and self.fasta is None:
            raise InputError("contigs are held out: pass --fasta, the genome that has them")
        if self.fasta is not None and not (self.test or self.validation):
            raise InputError("--fasta: say with --test-contigs which of its contigs are held out")
        both = sorted({*self.test} & {*self.validation})
        if both:
            raise InputError(f"{both[0]} cannot be both of --test-contigs and --validation-contigs")
        if self.shares >= 100:
            raise InputError(
                f"--test-share {self.test_share} --validation-share {self.validation_share}: "
                "expected percent, together below 100"
            )

    def decisions(self) -> dict[str, str]:
        """Say what decides on each split."""

        def decides(contigs: Sequence[str], first: int, last: int) -> str:
            from_genome = (
                f"groups with a {self.kmer}-mer of {', '.join(contigs)}" if contigs else ""
            )
            by_name = f"groups whose name's CRC-32 modulo 100 is {first} to {last - 1}"
            return "; ".join(filter(None, (from_genome, by_name if last > first else ""))) or "none"

        return {
            "train": "all other groups",
            "validation": decides(self.validation, self.test_share, self.shares),
            "test": decides(self.test, 0, self.test_share),
        }
