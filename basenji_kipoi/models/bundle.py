"""A trained model as a directory that describes and checks itself."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    JsonValue,
    RootModel,
    field_serializer,
    model_validator,
)

from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.text_files import check_seekable, text_lines
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.assays import Assay
from basenji_kipoi.models.shipped.shipped import model_folder
from basenji_kipoi.models.targets import Targets
from basenji_kipoi.models.trained import TrainedModel
from basenji_kipoi.models.training_record import TrainingRecord
from basenji_kipoi.models.weights import check_finite, halve, load_weights, save_weights

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    import keras

    from basenji_kipoi.models.networks.building import Networks

__all__ = ["BUNDLE", "REPORTERS", "Bundle", "Metadata", "read_assays", "save_bundle"]

ARCHITECTURE = "architecture.json"
WEIGHTS = "model.weights.h5"
TARGETS = "targets.tsv"
LABELS = "targets.txt"
METADATA = "metadata.json"
REPORTERS = "reporters.json"
EVALUATION = "evaluation.json"
MODEL_CARD = "MODEL_CARD.md"
#: What tells a bundle from other folders.
BUNDLE = Folder("a model", holds=(METADATA, ARCHITECTURE))
#: Files beside the weights whose checksums the metadata holds.
CHECKED_FILES = (ARCHITECTURE, TARGETS, LABELS, EVALUATION, MODEL_CARD)


class Metadata(BaseModel):
    """``metadata.json``: what a bundle was made from and what it must contain.

    ``window`` and ``receptive_field`` are in bp, ``bin`` in bp, ``crop`` in bins on each side. They
    repeat what follows from the architecture, for readers that have only this file.
    ``both_strands`` says how the model is meant to be read, and was evaluated: as the mean of its
    predictions for the sequence and for its reverse complement, or for the sequence alone.
    ``weights`` are the files of an ensemble's members, whose predictions are averaged; a bundle of
    one network does not list its only file. Format 2 has them, format 1 does not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1, 2] = 1
    name: str
    assembly: str
    window: int
    bin: int
    crop: int
    receptive_field: int
    tracks: int
    both_strands: bool = False
    training: TrainingRecord = TrainingRecord()
    versions: dict[str, str] = {}
    weights: tuple[str, ...] = (WEIGHTS,)
    sha256: dict[str, str]

    @field_serializer("training")
    def _as_it_was_said(self, training: TrainingRecord) -> dict[str, Any]:
        return training.content()

    @model_validator(mode="after")
    def _fit_format(self) -> Metadata:
        if (self.format == 2) != ("weights" in self.model_fields_set):
            raise ValueError(f"expected weights in format 2 and only there, not in {self.format}")
        if not self.weights or any(Path(name).name != name for name in self.weights):
            raise ValueError("expected weights to be names of files beside the metadata")
        return self


class _Figures(RootModel[dict[str, JsonValue]]):
    """``evaluation.json``: figures by their names, as whoever measured them has them."""


class _Assays(RootModel[dict[str, Assay]]):
    """``reporters.json``: the assay of each reporter of the architecture."""


class Bundle(TrainedModel):
    """A trained model in a directory of its own. Use `Bundle.load`.

    Attributes
    ----------
    path : Path
        Its directory.
    metadata : Metadata
        What it was made from.
    assays : dict of str to Assay
        What each reporter of the architecture measures; none for most.
    """

    def __init__(
        self,
        path: Path,
        architecture: Architecture,
        targets: Targets,
        metadata: Metadata,
        assays: Mapping[str, Assay] | None = None,
    ) -> None:
        super().__init__(path, architecture, targets, both_strands=metadata.both_strands)
        self.metadata = metadata
        self.assays = dict(assays or {})

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, verify: bool = True) -> Bundle:
        """Read a bundle and check that its files belong together.

        Parameters
        ----------
        path
            The directory, or the name of a model that comes with the package: ``yeast``.
        verify
            Whether to compute the checksums (a few milliseconds for each MB).

        Raises
        ------
        InputError
            If a file is missing or was changed, or the parts do not fit each other.
        """
        path = model_folder(path)
        # A pipe would be waited for.
        check_seekable(path / METADATA, "bundle")
        metadata = read_json(Metadata, path / METADATA)
        reporters = [REPORTERS] if REPORTERS in metadata.sha256 else []
        for name in (*CHECKED_FILES, *metadata.weights, *reporters):
            if name not in metadata.sha256:
                raise InputError(f"{path / METADATA}: no sha256 of {name}")
            if not (path / name).is_file():
                raise InputError(f"{path / name} is missing: the model at {path} is incomplete")
            if verify and checksum(path / name) != metadata.sha256[name]:
                raise InputError(
                    f"{path / name} is not the file that {METADATA} describes (its sha256 "
                    "differs): get the model again"
                )
        architecture = Architecture.read(path / ARCHITECTURE)
        for name, value in geometry_of(architecture).items():
            if getattr(metadata, name) != value:
                raise InputError(
                    f"{path / METADATA}: {name} is {getattr(metadata, name)}, but {ARCHITECTURE} "
                    f"makes it {value}"
                )
        targets = Targets.read(path / TARGETS)
        check_targets(architecture, targets, path / TARGETS)
        with text_lines(path / LABELS, "list of tracks") as lines:
            labels = [line for _, line in lines]
        if labels != targets.labels:
            raise InputError(f"{path / LABELS} does not list the identifiers of {TARGETS} in order")
        assays = read_assays(path / REPORTERS, architecture)
        return cls(path, architecture, targets, metadata, assays)

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """What ``evaluation.json`` holds."""
        check_seekable(self.path / EVALUATION, "bundle")
        return read_json(_Figures, self.path / EVALUATION).root

    @property
    def members(self) -> list[Bundle]:
        """The networks of an ensemble as bundles of one network each; a single one is itself."""
        if len(self.metadata.weights) == 1:
            return [self]
        return [
            Bundle(
                self.path,
                self.architecture,
                self.targets,
                self.metadata.model_copy(update={"weights": (name,)}),
                self.assays,
            )
            for name in self.metadata.weights
        ]

    @property
    def weights_sha256(self) -> list[str]:
        """Checksum of each file of weights: what tells models apart."""
        return [self.metadata.sha256[name] for name in self.metadata.weights]

    def _trained_networks(self, *, head: str | None, dtype: str) -> list[keras.Model]:
        # Keras takes seconds to import; reading a bundle must not.
        from basenji_kipoi.models.networks.building import build_network  # noqa: PLC0415

        if self.architecture.reporters and self.architecture.heads:
            return [networks.profiles for networks in self.networks(dtype=dtype)]
        members = []
        for name in self.metadata.weights:
            members.append(build_network(self.architecture, head=head, dtype=dtype))
            self._load_weights(members[-1], name)
        return members

    def networks(self, *, dtype: str = "float32") -> list[Networks]:
        """Build the network of each member with all heads and reporters, and load its weights.

        Raises
        ------
        InputError
            If the weights do not fit the architecture.
        """
        from basenji_kipoi.models.networks.building import build_networks  # noqa: PLC0415

        members = []
        for name in self.metadata.weights:
            members.append(build_networks(self.architecture, dtype=dtype))
            self._load_weights(members[-1].whole, name)
        return members

    def _load_weights(self, network: keras.Model, file: str) -> None:
        """Give a fresh network the weights of a file."""
        load_weights(network, self.path / file, ARCHITECTURE)
        path = self.path / file
        for variable in network.weights:
            check_finite(variable.numpy(), variable.path, path)


def save_bundle(
    path: str | os.PathLike[str],
    *,
    network: keras.Model | Sequence[keras.Model],
    assays: Mapping[str, Assay] | None = None,
    architecture: Architecture,
    targets: Targets,
    name: str,
    assembly: str,
    training: TrainingRecord,
    evaluation: dict[str, Any],
    model_card: str,
    both_strands: bool = False,
    half: bool = False,
    overwrite: bool = False,
) -> Bundle:
    """Write a bundle, whole or not at all.

    Parameters
    ----------
    path
        The directory to be made.
    network
        The trained network, as `basenji_kipoi.models.networks.building.build_network` built it, or
        with reporters the whole of `build_networks`; several make an ensemble, whose predictions
        are averaged.
    assays
        The assay of each reporter, if the network has some.
    architecture, targets
        Its description and its tracks.
    name, assembly
        The model's name and the genome assembly that it was trained on.
    training
        What it was trained on and how.
    evaluation
        The content of ``evaluation.json``.
    model_card
        The content of ``MODEL_CARD.md``.
    both_strands
        Whether predictions are meant to be averaged over both strands.
    half
        Whether the file holds weights in float16: half of the size, three digits. Networks compute
        with them in float32.
    overwrite
        Whether an existing bundle may be replaced.

    Returns
    -------
    Bundle
        The bundle as `Bundle.load` reads it back.

    Raises
    ------
    InputError
        If the output may not be written or the targets do not fit the network.
    """
    import keras  # noqa: PLC0415 - takes seconds; only writers of models need it here
    import numpy as np  # noqa: PLC0415

    check_targets(architecture, targets, "the targets table")
    assays = dict(assays or {})
    check_assays(architecture, assays, "the assays")
    check_output(path, overwrite=overwrite, folder=BUNDLE)
    networks = list(network) if isinstance(network, (list, tuple)) else [network]
    weights = [WEIGHTS]
    if len(networks) > 1:
        weights = [f"member_{number + 1}.weights.h5" for number in range(len(networks))]
    with atomic_path(path, overwrite=overwrite) as folder:
        folder.mkdir()
        architecture.write(folder / ARCHITECTURE)
        for member, file in zip(networks, weights):
            save_weights(member, folder / file)
            if half:
                halve(folder / file)
        targets.write(folder / TARGETS)
        (folder / LABELS).write_text("\n".join([*targets.labels, ""]), encoding="utf-8")
        (folder / EVALUATION).write_text(_json(evaluation), encoding="utf-8")
        (folder / MODEL_CARD).write_text(model_card, encoding="utf-8")
        files = _in_order(weights)
        if assays:
            content = _Assays(assays).model_dump()
            (folder / REPORTERS).write_text(_json(content), encoding="utf-8")
            files.append(REPORTERS)
        metadata = Metadata(
            name=name,
            assembly=assembly,
            both_strands=both_strands,
            training=training,
            versions={
                "keras": keras.__version__,
                "backend": keras.config.backend(),
                "numpy": np.__version__,
            },
            sha256={file: checksum(folder / file) for file in files},
            **({"format": 2, "weights": weights} if len(networks) > 1 else {}),
            **geometry_of(architecture),
        )
        # Programs of format 1 read bundles of one network: those look as they always did.
        hidden = {"weights"} if len(networks) == 1 else None
        content = metadata.model_dump(exclude=hidden)
        (folder / METADATA).write_text(_json(content), encoding="utf-8")
    return Bundle.load(path)


def _in_order(weights: Sequence[str]) -> list[str]:
    """List the checked files, weights behind the architecture that they fill."""
    return [ARCHITECTURE, *weights, *CHECKED_FILES[1:]]


def geometry_of(architecture: Architecture) -> dict[str, int]:
    """Collect the figures of an architecture that the metadata repeat."""
    return {
        "window": architecture.window,
        "bin": architecture.bin,
        "crop": architecture.crop,
        "receptive_field": architecture.receptive_field,
        "tracks": architecture.tracks,
    }


def check_targets(
    architecture: Architecture, targets: Targets, where: str | os.PathLike[str]
) -> None:
    """Check that a table (``where``) has as many rows as the network has tracks."""
    if len(targets) != architecture.tracks:
        raise InputError(
            f"{where} has {len(targets)} rows, but the network predicts {architecture.tracks} "
            "tracks"
        )


def read_assays(path: Path, architecture: Architecture) -> dict[str, Assay]:
    """Read the assay of each reporter of a network; none where it has none.

    Raises
    ------
    InputError
        If the file is missing or damaged, or describes other reporters.
    """
    if not architecture.reporters:
        return {}
    assays = read_json(_Assays, path).root
    check_assays(architecture, assays, path)
    return assays


def check_assays(
    architecture: Architecture, assays: Mapping[str, Assay], where: str | os.PathLike[str]
) -> None:
    """Check that each reporter of a network has its assay, with as many activities."""
    described = {name: len(assay.activities) for name, assay in assays.items()}
    there = {name: reporter.activities for name, reporter in architecture.reporters.items()}
    if described != there:
        raise InputError(
            f"{where}: reporters with {described or 'no'} activities are described, but the "
            f"network has {there or 'none'}"
        )


def _json(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
