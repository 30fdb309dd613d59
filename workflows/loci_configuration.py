"""What the configuration of ``loci.smk`` may say, checked before anything runs."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from checking import is_shared, no_twins
from configuration import ModelConfig, Programs, Section, Shards
from inputs import check_places, name_of
from pydantic import Field, ValidationInfo, model_validator

__all__ = ["BOTH", "LociConfig", "LocusOptions", "RankOptions"]

#: Keys that are options of both commands.
BOTH = ("genes", "linkage", "rsids", "format", "column", "gap", "both_strands")
_SUFFIX = re.compile(r"(\.(tsv|csv|txt|parquet|vcf|bcf|snp))?(\.(gz|bgz))?$")
_OneOrMore = Annotated[int, Field(ge=1)]


class RankOptions(Section):
    """Options of ``basenji rank``, by their names there with ``_`` for ``-``."""

    score: str | None = None
    tracks: str | None = None
    group_by: Literal["assay", "sample", "track"] | None = None
    by: Literal["tracks", "gene"] | None = None
    weight: float | None = None
    signals: _OneOrMore | None = None
    random: _OneOrMore | None = None
    seed: Annotated[int, Field(ge=0)] | None = None
    memory: float | None = None


class LocusOptions(Section):
    """Options of ``basenji locus``, by their names there with ``_`` for ``-``."""

    tracks: str | None = None
    size: _OneOrMore | None = None
    observed: dict[str, str] | None = None
    explain: Annotated[int, Field(ge=0)] | None = None
    show_tracks: _OneOrMore | None = None
    draws: Annotated[int, Field(ge=1, le=1000)] | None = None
    seed: Annotated[int, Field(ge=0)] | None = None


class LociConfig(ModelConfig):
    """The configuration of ``loci.smk``: as `ModelConfig`, and what is said here.

    Attributes
    ----------
    tables
        Tables of loci; each is ranked on its own and named by its file.
    genes, linkage, rsids
        GTF; genotypes or a matrix of r; VCF of rsIDs.
    format, column, gap
        How tables are read; ``column`` has the names of columns by their role.
    both_strands
        Whether to average over both strands.
    background
        The ``background.parquet`` of another ranking by the same model.
    motifs, elements
        Known motifs, and BED of elements, for the pages.
    shards
        Jobs a table that make its pages.
    pages
        Whether there are any.
    rank, locus
        Options of ``basenji rank``, and of ``basenji locus``.
    costs
        What ``benchmarks/speed/cost_loci.py`` wrote: what a dry run tells rests on it.
    programs
        Where commands are, if neither beside this file nor on the ``PATH``.
    container
        Image that has them; jobs run in it where snakemake has ``--software-deployment-method
        apptainer``.
    """

    tables: Annotated[list[str], Field(min_length=1)]
    genes: str | None = None
    linkage: str | None = None
    rsids: str | None = None
    format: str | None = None
    column: dict[str, str] | None = None
    gap: _OneOrMore | None = None
    both_strands: bool | None = None
    background: str | None = None
    motifs: str | None = None
    elements: str | None = None
    shards: Shards = 1
    pages: bool = True
    rank: RankOptions = RankOptions()
    locus: LocusOptions = LocusOptions()
    costs: str | None = None
    programs: Programs = Field(default_factory=dict)
    container: str | None = None

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> LociConfig:
        no_twins(self.files, "tables", "a table's name without its ending")
        for name, path in self.files:
            if name.endswith(".shards"):
                raise ValueError(
                    f"tables: {path}: what ends in .shards is the folder of a table's shards: "
                    "name the file otherwise"
                )
        # What pages ask for would be told only behind the ranking.
        if self.elements and not self.genes:
            raise ValueError("elements: they are knocked out for genes: give genes, too")
        if self.rank.by == "gene" and not self.genes:
            raise ValueError("rank: by: gene needs genes: give them, too")
        observed = (self.locus.observed or {}).values()
        check_places(
            [*self.bundles, self.fasta, *self.tables, *self.others, *observed],
            [self.background, self.motif_file, *self.here(info)],
            shared=is_shared(info),
        )
        return self

    @property
    def files(self) -> list[tuple[str, str]]:
        """Name and path of each table."""
        return [(_SUFFIX.sub("", name_of(path)), path) for path in self.tables]

    @property
    def others(self) -> list[str | None]:
        """Files that ranking and pages read beside, which may be named by an address."""
        return [self.genes, self.linkage, self.rsids, self.elements]

    @property
    def motif_file(self) -> str | None:
        """The file of the motifs, if they do not come with the package."""
        if self.motifs is None or self.motifs.partition(":")[0] == "jaspar":
            return None
        return self.motifs
