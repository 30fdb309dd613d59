"""What the configuration of a workflow may say, checked before anything runs.

Paths are relative to the folder that snakemake runs in. Every mistake ends in one line.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from checking import NAME, checked, is_shared, no_twins
from inputs import check_blocks, check_places, is_address, name_of
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

__all__ = [
    "MODELS",
    "RECIPES",
    "UNPLANNED",
    "ModelConfig",
    "MutateConfig",
    "PredictConfig",
    "Programs",
    "ScoreConfig",
    "Section",
    "Shards",
    "TrainConfig",
    "checked",
]

#: Models that come with the package, by their names.
MODELS = ("yeast",)
#: Recipes that come with ``basenji-train``, by their names.
RECIPES = ("basenji2", "basenji2018", "small")
Shards = Annotated[int, Field(ge=1, le=100_000)]
Programs = dict[Literal["basenji", "basenji-train"], str]
_SUFFIX = re.compile(r"(\.vcf|\.bcf|\.vcf\.gz|\.vcf\.bgz)$")


class Section(BaseModel):
    """A part of a configuration, without keys that nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ScoreOptions(Section):
    """Options of ``basenji score``, by their names there with ``_`` for ``-``."""

    scores: str | None = None
    tracks: str | None = None
    genes: str | None = None
    bins: str | None = None
    window: str | None = None
    both_strands: bool | None = None
    shifts: str | None = None
    indels: str | None = None
    check_ref: Literal["warn", "fail", "skip", "off"] | None = None
    max_allele: int | None = None
    background: str | None = None
    counts: Literal[True] | None = None
    reporter: str | None = None
    activities: str | None = None
    insert: int | None = None
    places: str | None = None
    ends: str | None = None
    strand: Literal["both", "+", "-", "gene"] | None = None
    promoter: str | None = None
    part_size: int | None = None
    memory: float | None = None

    @field_validator("window")
    @classmethod
    def _is_placed(cls, given: str | None) -> str | None:
        if given is not None and not re.fullmatch(r"centred|grid|cluster:[1-9]\d*", given):
            raise ValueError("expected centred, grid or cluster:BP, such as cluster:1000")
        return given


#: Those that ``basenji plan-scores`` has not: no part depends on them.
UNPLANNED = set(ScoreOptions.model_fields) - {
    "scores", "tracks", "genes", "background", "check_ref", "part_size"
}  # fmt: skip


class ModelConfig(Section):
    """What a workflow of a model's predictions is told, whatever it makes.

    Attributes
    ----------
    model
        Bundles, or names of models that come with the package; several are an ensemble.
    fasta
        The genome.
    """

    model: Annotated[list[str], Field(min_length=1)]
    fasta: str

    @field_validator("model", mode="before")
    @classmethod
    def _one_or_more(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value

    @property
    def bundles(self) -> list[str]:
        """Those models that are folders."""
        return [name for name in self.model if name not in MODELS or Path(name).exists()]

    def here(self, info: ValidationInfo) -> list[str]:
        """List the files that are read where snakemake is begun, if that is here."""
        return [self.costs] if self.costs and is_shared(info) else []


class ScoreConfig(ModelConfig):
    """The configuration of ``score.smk``: as `ModelConfig`, and what is said here.

    Attributes
    ----------
    variants
        Files of variants; each is scored on its own and named by its file.
    shards
        Jobs a file.
    vcf
        Whether to write the scores as VCF too.
    options
        Options of ``basenji score``.
    costs
        What ``benchmarks/speed/cost.py`` wrote: what a dry run tells rests on it.
    programs
        Where commands are, if neither beside this file nor on the ``PATH``.
    container
        Image that has them; jobs run in it where snakemake has ``--software-deployment-method
        apptainer``.
    """

    variants: Annotated[list[str], Field(min_length=1)]
    shards: Shards = 1
    vcf: bool = False
    options: ScoreOptions = ScoreOptions()
    costs: str | None = None
    programs: Programs = {}
    container: str | None = None

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> ScoreConfig:
        no_twins(self.files, "variants", "a file's name without its ending")
        check_places(
            [*self.bundles, self.fasta, *self.variants, self.options.genes],
            [self.options.background, *self.here(info)],
            shared=is_shared(info),
        )
        check_blocks(self.variants, shared=is_shared(info))
        return self

    @property
    def files(self) -> list[tuple[str, str]]:
        """Name and path of each file of variants."""
        return [(_SUFFIX.sub("", name_of(path)), path) for path in self.variants]


class PredictOptions(Section):
    """Options of ``basenji predict``, by their names there with ``_`` for ``-``."""

    tracks: str | None = None
    batch_size: int | None = None
    dtype: Literal["float32", "bfloat16"] | None = None
    both_strands: bool | None = None
    counts: Literal[True] | None = None


class MutateOptions(Section):
    """Options of ``basenji mutate``, by their names there with ``_`` for ``-``."""

    mutations: str | None = None
    tracks: str | None = None
    scores: str | None = None
    both_strands: bool | None = None
    indels: str | None = None
    counts: Literal[True] | None = None
    reporter: str | None = None
    activities: str | None = None
    insert: int | None = None
    places: str | None = None
    ends: str | None = None
    strand: str | None = None
    memory: float | None = None


class PredictConfig(ModelConfig):
    """The configuration of ``predict.smk``: as `ModelConfig`, but for what is said here.

    Attributes
    ----------
    model
        Bundle, or the name of a model that comes with the package.
    bed
        Intervals; the whole genome, if left out.
    out
        The output: ``x.h5``, ``x.zarr``, or the name of a folder for a bigWig a track.
    shards
        Jobs.
    options
        Options of ``basenji predict``.
    costs, programs, container
        As `ScoreConfig` has them.
    """

    _endings: ClassVar[tuple[str, ...]] = ("", ".h5", ".zarr")

    model: Annotated[list[str], Field(min_length=1, max_length=1)]
    bed: str | None = None
    out: str
    shards: Shards = 1
    options: PredictOptions = PredictOptions()
    costs: str | None = None
    programs: Programs = {}
    container: str | None = None

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> PredictConfig:
        if not NAME.fullmatch(self.out):
            raise ValueError(f"out: {self.out!r} cannot name a file: use letters, digits and _ . -")
        if Path(self.out).suffix not in self._endings:
            known = ", ".join(f"x{ending}" for ending in self._endings)
            raise ValueError(f"out: {self.out} names no format: expected {known}")
        check_places([*self.bundles, self.fasta, self.bed], self.here(info), shared=is_shared(info))
        if self.bed is None and (is_address(self.fasta) or not is_shared(info)):
            raise ValueError(
                "bed: give intervals: contigs of a genome elsewhere are not known here"
            )
        return self


class MutateConfig(PredictConfig):
    """The configuration of ``mutate.smk``: as `PredictConfig`, but for what is said here.

    Attributes
    ----------
    model
        Bundles, or names of models that come with the package; several are an ensemble.
    out
        The output: ``x.h5`` or ``x.zarr``.
    options
        Options of ``basenji mutate``.
    """

    _endings: ClassVar[tuple[str, ...]] = (".h5", ".zarr")

    model: Annotated[list[str], Field(min_length=1)]
    options: MutateOptions = MutateOptions()


class StoreOptions(Section):
    """The store: what is held out, and options of ``basenji-train data``."""

    test: str | None = None
    validation: str | None = None
    folds: Annotated[int, Field(ge=3)] | None = None
    tested_folds: list[str] | None = Field(default=None, min_length=1)
    bin: Annotated[int, Field(ge=1)] | None = None
    contig_length: Annotated[int, Field(ge=1)] | None = None
    exclude: str | None = None
    blacklist: str | None = None
    seed: int | None = None

    @model_validator(mode="after")
    def _one_way(self) -> StoreOptions:
        held_out = self.test is not None and self.validation is not None
        if held_out == (self.folds is not None):
            raise ValueError("give test and validation (chromosomes), or folds (how many)")
        if self.tested_folds is not None:
            there = [f"fold{number}" for number in range(self.folds or 0)]
            strange = [name for name in self.tested_folds if name not in there]
            if strange or len(set(self.tested_folds)) < len(self.tested_folds):
                raise ValueError(
                    f"tested_folds are {', '.join(self.tested_folds)}: expected some of "
                    f"{', '.join(there) or 'none, without folds'}, each once"
                )
        return self

    @property
    def parts(self) -> list[str]:
        """What is tested on in turn: folds, or the one test part."""
        if self.folds is None:
            return ["test"]
        return self.tested_folds or [f"fold{number}" for number in range(self.folds)]


class EvaluateOptions(Section):
    """Options of ``basenji-train evaluate``."""

    resolution: int | None = None
    tss_flank: int | None = None
    both_strands: bool | None = None


class TrainConfig(Section):
    """The configuration of ``train.smk``.

    Attributes
    ----------
    name, assembly, description
        Of the models.
    fasta, genes
        The genome, and its genes if there are any.
    samples
        The sample sheet: tab-separated, with the columns sample, assay and reads.
    store
        What is held out, and how the store is made.
    recipes
        Recipes of ``basenji-train fit``: names of those it comes with, or ``.json`` files.
    seeds
        A run for each recipe, held-out part and seed; the seeds' runs are an ensemble.
    hosts
        Hosts that train each run together, by JAX.
    evaluate
        Options of the evaluation.
    costs
        What ``benchmarks/speed/cost_train.py`` wrote: a dry run looks there first.
    programs
        Where commands are, if neither beside this file nor on the ``PATH``.
    container
        Image that has them; jobs run in it where snakemake has ``--software-deployment-method
        apptainer``.
    """

    name: str
    assembly: str
    description: str = ""
    fasta: str
    genes: str | None = None
    samples: str
    store: StoreOptions
    recipes: Annotated[list[str], Field(min_length=1)] = ["small"]
    seeds: Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=1)] = [0]
    hosts: Annotated[int, Field(ge=1, le=1024)] = 1
    evaluate: EvaluateOptions = EvaluateOptions()
    costs: str | None = None
    programs: Programs = {}
    container: str | None = None

    @model_validator(mode="after")
    def _consistent(self, info: ValidationInfo) -> TrainConfig:
        strange = [each for each in self.recipes if not each.endswith(".json")]
        strange = [each for each in strange if each not in RECIPES]
        if strange:
            raise ValueError(
                f"recipes: there is no recipe {strange[0]}: expected {', '.join(RECIPES)}, or a "
                ".json file"
            )
        no_twins(self.named_recipes, "recipes", "a recipe's file without its ending")
        no_twins([(str(seed), "") for seed in self.seeds], "seeds", "a seed")
        if self.hosts > 1 and self.store.folds is not None:
            raise ValueError(
                "hosts: several hosts train a run that holds chromosomes out: give test and "
                "validation in the place of folds"
            )
        if not is_shared(info):
            raise ValueError(
                "jobs of train.smk share a file system: give the profile local or slurm"
            )
        files = [recipe for recipe in self.recipes if recipe.endswith(".json")]
        files += [self.fasta, self.genes, self.samples, self.store.blacklist, self.costs]
        check_places([], files, shared=True)
        return self

    @property
    def named_recipes(self) -> list[tuple[str, str]]:
        """Name and recipe."""
        return [(Path(recipe).name.removesuffix(".json"), recipe) for recipe in self.recipes]
