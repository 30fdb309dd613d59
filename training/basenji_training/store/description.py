"""What a store says about itself, and whether its files are all there and of the right form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.text_files import check_seekable
from basenji_kipoi.models.targets import Target, Targets
from basenji_training.splits.regions import Region

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "FORMAT",
    "FORMAT_VERSION",
    "MAKE_AGAIN",
    "REPORTERS",
    "WIDEST_BIN",
    "StoreDescription",
    "TrackStatistics",
    "chromosome_folder",
    "find_damage",
    "read_description",
]

FORMAT = "basenji-store"
FORMAT_VERSION = 1
#: What to do about a store that is damaged.
MAKE_AGAIN = "get the store again, or make it again with `basenji-train data`"
#: File that a store of reporters has.
REPORTERS = "reporters.json"
#: File with the attributes of a Zarr group, or the form of an array.
METADATA = "zarr.json"
#: Longest chromosome that is believed (bp): the largest that are known have some 4 Gb.
_LONGEST = 2**34
#: Widest bin that a store has (bp).
WIDEST_BIN = 2**20
#: Bytes of the largest description that is read.
_LARGEST_DESCRIPTION = 2**30

_Length = Annotated[int, Field(ge=1, le=_LONGEST)]
_Place = Annotated[int, Field(ge=0, le=_LONGEST)]
_Split = Literal["train", "validation", "test"]


class TrackStatistics(NamedTuple):
    """What a track looks like in the store.

    Attributes
    ----------
    identifier
        Name of the track.
    bins
        Bins with a value.
    missing
        Bins without.
    clipped
        Bins above a threshold.
    mean, maximum
        Of the values, scaled and clipped; None without any.
    """

    identifier: str
    bins: int
    missing: int
    clipped: int
    mean: float | None
    maximum: float | None


class StoreDescription(BaseModel):
    """The attributes of a store's root; those that nothing reads are kept as they are."""

    model_config = ConfigDict(extra="allow", frozen=True, allow_inf_nan=False)

    format: Literal["basenji-store"]
    format_version: Literal[1]
    #: None where each label is a whole chromosome.
    regions: dict[str, list[tuple[str, _Place, _Place]]] | None = None
    name: str | None = None
    bin: int = Field(ge=1, le=WIDEST_BIN)
    lengths: dict[str, _Length] = Field(min_length=1)
    folds: dict[_Split, list[str]]
    targets: list[Target] = Field(min_length=1)
    statistics: list[TrackStatistics] = []
    missing_share: float = Field(default=1.0, ge=0, le=1)
    #: Of chromosomes that are excerpts: contig of the genome, and first base there, which may lie
    #: before the contig's own.
    positions: dict[str, tuple[str, Annotated[int, Field(ge=-_LONGEST, le=_LONGEST)]]] | None = None
    #: Whether each piece of the arrays is there and has a checksum.
    checksums: bool = False
    command: str = ""

    @model_validator(mode="after")
    def _fits(self) -> StoreDescription:
        lacking = {"train", "validation", "test"} - set(self.folds)
        if lacking:
            raise ValueError(f"folds have no {min(lacking)}")
        labels = self.regions_of_labels()
        for split, members in self.folds.items():
            for label in members:
                if label not in labels:
                    raise ValueError(f"folds: {split} has {label!r}, which is no part of the store")
        for label, regions in labels.items():
            for chromosome, start, end in regions:
                length = self.lengths.get(chromosome)
                if length is None or not start < end <= length:
                    raise ValueError(
                        f"regions: {label} has {chromosome}:{start}-{end}, which is no part of "
                        "the store's chromosomes"
                    )
        if self.positions is not None and set(self.positions) != set(self.lengths):
            raise ValueError("positions are of other chromosomes than lengths")
        if self.statistics and len(self.statistics) != len(self.targets):
            raise ValueError("statistics are of other tracks than targets")
        return self

    def regions_of_labels(self) -> dict[str, list[Region]]:
        """Return the regions of each label."""
        if self.regions is None:
            return {name: [Region(name, 0, length)] for name, length in self.lengths.items()}
        return {
            label: [Region(*region) for region in regions]
            for label, regions in self.regions.items()
        }


class _Root(BaseModel):
    """What stands in the root's file."""

    zarr_format: Literal[3]
    node_type: Literal["group"]
    attributes: dict[str, Any] = {}


class _Grid(BaseModel):
    class Configuration(BaseModel):
        chunk_shape: list[Annotated[int, Field(ge=1)]]

    name: Literal["regular"]
    configuration: Configuration


class _Codec(BaseModel):
    name: str
    configuration: _Codecs | None = None


class _Codecs(BaseModel):
    """Settings of a codec; that of shards has codecs of its own."""

    codecs: list[_Codec] = []


class _Array(BaseModel):
    """What stands in an array's file, as far as it tells whether the array is whole."""

    zarr_format: Literal[3]
    node_type: Literal["array"]
    shape: list[Annotated[int, Field(ge=0)]]
    data_type: str
    chunk_grid: _Grid
    codecs: list[_Codec]


def read_description(path: Path) -> tuple[StoreDescription, dict[str, Any]]:
    """Read what a store says about itself.

    Parameters
    ----------
    path
        The store.

    Returns
    -------
    StoreDescription
    dict
        The same as it was written.

    Raises
    ------
    InputError
        If it is no store, one of another format version, or damaged; names the entry.
    """
    file = path / METADATA
    check_seekable(file, "Zarr")
    if not file.is_file():
        if (path / REPORTERS).is_file():
            raise InputError(
                f"{path} is a store of reporters, which has sequences and no tracks: it is for "
                "`basenji-train fit` and `basenji-train evaluate-reporter`"
            )
        raise InputError(f"{path} is not a store: make one with `basenji-train data`")
    if file.stat().st_size > _LARGEST_DESCRIPTION:
        raise InputError(f"{file} has {file.stat().st_size:,} bytes: it is no store's description")
    attributes = read_json(_Root, file).attributes
    if attributes.get("format") != FORMAT:
        raise InputError(
            f"{path} is a Zarr group but not a store: make one with `basenji-train data`"
        )
    if attributes.get("format_version") != FORMAT_VERSION:
        raise InputError(
            f"{path} has store format {attributes.get('format_version')}, this program reads "
            f"{FORMAT_VERSION}: make it again with `basenji-train data`"
        )
    try:
        description = StoreDescription.model_validate(attributes)
        Targets(description.targets)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"])
        place = f"attributes.{place}" if place else "attributes"
        raise InputError(f"{file}: {place}: {first['msg']}: {MAKE_AGAIN}") from None
    except InputError as error:
        raise InputError(f"{file}: {error}: {MAKE_AGAIN}") from None
    return description, attributes


_TYPES = {"sequence": "uint8", "coverage": "float32", "covered": "bool"}


def chromosome_folder(name: str) -> str:
    """Return the name of the folder, in a store, of a chromosome.

    It is the chromosome's name, unless no folder can be called so: ``a/b`` is ``a%2Fb``, and a
    percent sign that could be mistaken for such a one is ``%25``.
    """
    if set(name) <= {"."} or name.startswith("__"):
        return f"%{ord(name[:1] or '.'):X}{name[1:]}"
    return re.sub(r"/|%(?=[0-9A-F]{2})", lambda found: f"%{ord(found[0]):X}", name)


def find_damage(path: Path, description: StoreDescription) -> None:
    """Look whether the arrays of a store have the lengths that it tells of, and all their files.

    What the files hold is not read: `basenji-train check` does that.

    Parameters
    ----------
    path
        The store.
    description
        What it says about itself.

    Raises
    ------
    InputError
        If an array is missing, has another form, or lacks a file; names it.
    """
    for name, length in description.lengths.items():
        bins = length // description.bin
        shapes = {
            "sequence": [length],
            "coverage": [bins, len(description.targets)],
            "covered": [bins],
        }
        for kind, shape in shapes.items():
            folder = path / chromosome_folder(name) / kind
            check_seekable(folder / METADATA, "Zarr")
            array = read_json(_Array, folder / METADATA)
            if array.shape != shape or array.data_type != _TYPES[kind]:
                raise InputError(
                    f"{folder} has the shape {_shown(array.shape)} of {array.data_type}, and the "
                    f"store's description asks for {_shown(shape)} of {_TYPES[kind]}: {MAKE_AGAIN}"
                )
            grid = array.chunk_grid.configuration.chunk_shape
            if len(grid) != len(shape):
                raise InputError(f"{folder / METADATA}: its chunks have another form: {MAKE_AGAIN}")
            if description.checksums:
                _find_lost(folder, shape, grid, array.codecs)


def _find_lost(folder: Path, shape: list[int], grid: list[int], codecs: list[_Codec]) -> None:
    """Look whether all chunks of an array are there, with checksums."""
    if not _has_checksums(codecs):
        raise InputError(f"{folder / METADATA}: no checksums, which the store has: {MAKE_AGAIN}")
    counts = [-(-extent // step) for extent, step in zip(shape, grid, strict=True)]
    # All tracks are in one chunk: only the first axis has several.
    inner = "/0" * (len(shape) - 1)
    for number in range(counts[0]):
        chunk = folder / f"c/{number}{inner}"
        try:
            is_empty = chunk.stat().st_size == 0
        except OSError:
            is_empty = True
        if is_empty:
            raise InputError(
                f"{chunk} is missing or empty, one of {counts[0]} parts of the array: {MAKE_AGAIN}"
            )


def _has_checksums(codecs: list[_Codec]) -> bool:
    """Tell whether chunks have checksums, or those within shards."""
    inner = [part for codec in codecs if codec.configuration for part in codec.configuration.codecs]
    return any(codec.name == "crc32c" for codec in inner or codecs)


def _shown(shape: list[int]) -> str:
    return " x ".join(f"{extent:,}" for extent in shape)
