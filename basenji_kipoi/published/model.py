"""Networks in the files of the original programs, used as they are or kept as bundles.

A family of such files says where its variables lie (`PublishedWeights`), its parameter file says
which network they belong to; this module brings the two together and checks that they fit.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Callable, Literal, NamedTuple

import numpy as np

from basenji_kipoi.base.atomic import atomic_path, check_output
from basenji_kipoi.base.checksum import checksum
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import ALPHABET, one_hot
from basenji_kipoi.models.bundle import BUNDLE, Bundle, check_targets, save_bundle
from basenji_kipoi.models.inspection import count_parameters
from basenji_kipoi.models.targets import Target, Targets
from basenji_kipoi.models.trained import TrainedModel
from basenji_kipoi.models.training_record import ImportedFile, SelfCheck, TrainingRecord
from basenji_kipoi.models.weights import check_finite
from basenji_kipoi.published.tracks import read_table

if TYPE_CHECKING:
    import os
    from collections.abc import Collection, Iterable, Mapping, Sequence

    import keras

    from basenji_kipoi.models.networks.architecture import Architecture

__all__ = ["PublishedModel", "PublishedWeights", "StoredVariable", "check_sequence"]

#: What `check_sequence` is made of.
CHECK_SEQUENCE = 'SHAKE-128 of "basenji", a base for each byte modulo 4'

Kind = Literal["convolution", "normalisation", "head"]


class StoredVariable(NamedTuple):
    """A variable of a file that has not been read yet.

    Attributes
    ----------
    shape : tuple of int
        As the network has it: kernels are (positions, inputs, outputs), those of a head (inputs,
        outputs).
    dtype : str
        NumPy's name of its type.
    read : callable
        Reads it: () -> ndarray of this shape.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], np.ndarray]


class PublishedWeights(ABC):
    """The weights in a file, or a few, of an original program.

    Attributes
    ----------
    path : Path
        What messages call them.
    family : str
        The networks that such files hold, for messages.
    """

    path: Path
    family: str

    @property
    @abstractmethod
    def files(self) -> list[Path]:
        """The files themselves."""

    @abstractmethod
    def variables(self) -> dict[str, StoredVariable]:
        """Find the network's variables by their names, "layer/variable".

        What training left beside them (slots of an optimiser, counters) is no part of it.

        Raises
        ------
        InputError
            If the file is missing, damaged or of another kind.
        """

    @abstractmethod
    def layer(self, kind: Kind, number: int, stored: Collection[str]) -> str:
        """Name a layer as the file does, or would if it had it.

        Parameters
        ----------
        kind, number
            The layer: the n-th of its kind, counted from 0 from the sequence.
        stored
            Names of the variables in the file.
        """


class PublishedModel(TrainedModel):
    """A trained model of one network, whose weights are those of published files.

    Nothing says how it was evaluated, so that it is read on one strand.

    Parameters
    ----------
    architecture
        The network that the parameter file describes; one head.
    weights
        Where its weights are.
    params
        The parameter file, for messages.
    targets
        The tracks' table; without one, their places stand for their names (`unnamed_targets`).
    name, assembly
        The model's name and the genome assembly that it was trained on.

    Raises
    ------
    InputError
        If the table is bad, or its rows are not as many as the network's tracks.
    """

    def __init__(
        self,
        architecture: Architecture,
        weights: PublishedWeights,
        *,
        params: str | os.PathLike[str],
        targets: str | os.PathLike[str] | None = None,
        name: str = "published",
        assembly: str = "not stated",
    ) -> None:
        if targets is None:
            tracks = unnamed_targets(architecture.tracks)
        else:
            tracks = read_table(targets)
            check_targets(architecture, tracks, targets)
        super().__init__(weights.path, architecture, tracks, both_strands=False)
        self.weights = weights
        self.params = Path(params)
        self.name, self.assembly = name, assembly

    @property
    def members(self) -> list[PublishedModel]:
        """The model itself, of one network."""
        return [self]

    def _trained_networks(self, *, head: str | None, dtype: str) -> list[keras.Model]:
        # Keras takes seconds to import; describing a model must not.
        from basenji_kipoi.models.networks.building import build_network  # noqa: PLC0415

        network = build_network(self.architecture, head=head, dtype=dtype)
        stored = self.weights.variables()
        places = self._places(network, stored)
        self._check(places, stored)
        for name, variable in places.items():
            values = stored[name].read()
            check_finite(values, name, self.weights.path)
            variable.assign(values)
        return [network]

    def _places(self, network: keras.Model, stored: Collection[str]) -> dict[str, keras.Variable]:
        """Find the network's variables by the names that the file must give them."""
        # Keras takes seconds to import; describing a model must not.
        import keras  # noqa: PLC0415

        kinds: dict[Kind, type] = {
            "convolution": keras.layers.Conv1D,
            "normalisation": keras.layers.BatchNormalization,
            "head": keras.layers.Dense,
        }
        places = {}
        for kind, layer_type in kinds.items():
            # Layers with weights follow each other, so Keras lists them as they compute.
            layers = [layer for layer in network.layers if isinstance(layer, layer_type)]
            for number, layer in enumerate(layers):
                name = self.weights.layer(kind, number, stored)
                places.update({f"{name}/{variable.name}": variable for variable in layer.weights})
        return places

    def _check(
        self, places: Mapping[str, keras.Variable], stored: Mapping[str, StoredVariable]
    ) -> None:
        missing = [name for name in places if name not in stored]
        unknown = [name for name in stored if name not in places]
        if len(missing) == len(places):
            raise InputError(
                f"{self.weights.path} holds no network of {self.weights.family}: it has "
                f"{listed(unknown) or 'no variables'}, but not {listed(missing)}"
            )
        for name, variable in places.items():
            if name in stored and stored[name].shape != tuple(variable.shape):
                raise InputError(
                    f"{self.weights.path}: {name} has the shape {stored[name].shape}, but "
                    f"{self.params} makes it {tuple(variable.shape)} ({variable.path}): these "
                    "files do not belong together"
                )
        if missing or unknown:
            lacks = f"lacks {listed(missing)}" if missing else ""
            has = f"has {listed(unknown)} besides" if unknown else ""
            raise InputError(
                f"{self.weights.path} {' and '.join(filter(None, (lacks, has)))}: expected the "
                f"{len(places)} variables of the network that {self.params} describes"
            )
        for name in places:
            if stored[name].dtype != "float32":
                raise InputError(
                    f"{self.weights.path}: {name} is {stored[name].dtype}; expected float32"
                )

    def save(
        self, path: str | os.PathLike[str], *, command: str = "", overwrite: bool = False
    ) -> Bundle:
        """Keep the model as a bundle, once that has been seen to predict what the files do.

        The network as read from the files and the network as loaded back from the bundle must have
        the same weights, bit by bit, and predict the same for one sequence (`check_sequence`), all
        of it finite. Mean and largest prediction stay in the metadata.

        Parameters
        ----------
        path
            The bundle's directory.
        command
            The command that imports, for the metadata.
        overwrite
            Whether an existing bundle may be replaced.

        Returns
        -------
        Bundle
            What was written.

        Raises
        ------
        InputError
            If the files do not fit each other, the network predicts values that are not finite, or
            the output may not be written.
        """
        inputs = (self.params, *self.weights.files)
        check_output(path, overwrite=overwrite, inputs=inputs, folder=BUNDLE)
        with atomic_path(path, overwrite=overwrite) as folder:
            network = self.network()
            sequence = one_hot(check_sequence(self.architecture.window)[None])
            predicted = network.predict_on_batch(sequence)
            if not np.isfinite(predicted).all():
                raise InputError(
                    f"{self.weights.path}: the network predicts values that are not finite: the "
                    "weights are damaged, or belong to another network"
                )
            check = SelfCheck(
                sequence=CHECK_SEQUENCE,
                mean=float(predicted.mean(dtype=np.float64)),
                largest=float(predicted.max()),
            )
            sources = [
                ImportedFile(file=file.name, sha256=checksum(file))
                for file in (self.params, *self.weights.files)
            ]
            training = TrainingRecord(imported_from=sources, commands=[command], self_check=check)
            bundle = save_bundle(
                folder,
                network=network,
                architecture=self.architecture,
                targets=self.targets,
                name=self.name,
                assembly=self.assembly,
                training=training,
                evaluation={},  # the files hold no figures
                model_card=self._model_card(sources, check),
            )
            _compare(network, bundle.network(), sequence, predicted)
        return Bundle.load(path)

    def _model_card(self, sources: Sequence[ImportedFile], check: SelfCheck) -> str:
        shape = self.architecture
        listing = "\n".join(f"- {source.file} {source.sha256}" for source in sources)
        return f"""# {self.name}

A network of {self.weights.family}, imported from published files. Genome assembly:
{self.assembly}.

{len(self.targets):,} tracks for a window of {shape.window:,} bp: {shape.bins} bins of {shape.bin}
bp, {shape.crop} bins cropped at each end. {count_parameters(shape)["trainable"]:,} trained weights.

Files, with their sha256:

{listing}

Nothing was trained or evaluated here; the publication says what the network was trained on and how
well it predicts. On the check sequence the mean of all bins and tracks is {check.mean:.6g}, the
largest value {check.largest:.6g}.
"""


def _compare(
    network: keras.Model, again: keras.Model, sequence: np.ndarray, predicted: np.ndarray
) -> None:
    """Compare a network, and what it predicts for a sequence, with its copy."""
    for variable, left, right in zip(network.weights, network.get_weights(), again.get_weights()):
        if not np.array_equal(left, right):
            raise ArithmeticError(f"{variable.path} was changed by saving it")
    difference = np.abs(again.predict_on_batch(sequence) - predicted).max()
    # Equal weights may still be summed in another order.
    if difference > 1e-5 * np.abs(predicted).max():
        raise ArithmeticError(f"the bundle's predictions differ from the files' by {difference}")


def unnamed_targets(tracks: int) -> Targets:
    """Describe tracks of which only their places in the output are known."""
    return Targets(
        [
            Target(index=i, identifier=f"track_{i}", strand_pair=i, description="not described")
            for i in range(tracks)
        ]
    )


def check_sequence(length: int) -> np.ndarray:
    """Make the sequence that imported networks are checked with, the same everywhere.

    Parameters
    ----------
    length
        Bases (bp).

    Returns
    -------
    ndarray, uint8, shape (length,)
        Codes of A, C, G and T.
    """
    digest = hashlib.shake_128(b"basenji").digest(length)
    return np.frombuffer(digest, dtype=np.uint8) % len(ALPHABET)


def listed(names: Iterable[str], shown: int = 3) -> str:
    """Put the first names on a line, with the number of those left out."""
    names = list(names)
    rest = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + rest
