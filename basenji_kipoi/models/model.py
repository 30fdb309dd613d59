"""A model as it is used from Python: one network, or several whose predictions are averaged."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, Union

import numpy as np

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.sequence import UNKNOWN, encode, one_hot
from basenji_kipoi.faces import html_table
from basenji_kipoi.models.bundle import Bundle
from basenji_kipoi.models.ensembles import check_alike
from basenji_kipoi.models.shipped.shipped import model_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import keras

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.assays import Assay
    from basenji_kipoi.models.targets import Targets

__all__ = ["Model", "Strands", "batch_size_of", "load", "loaded", "paths_of"]

#: Bases of a batch by default: one window of the networks of 2018 and 2020 (about 1 GB of memory).
_BATCH_BASES = 131_072

#: What is averaged: both strands, one, or (None) what each model's metadata say.
Strands = Union[bool, None]


def batch_size_of(architecture: Architecture) -> int:
    """Return how many windows are predicted at a time where that is not said."""
    return max(1, _BATCH_BASES // architecture.window)


class Model:
    """A trained model: a bundle, or several whose predictions are averaged. Use `load`.

    Parameters
    ----------
    bundles
        The bundles, at least one.

    Attributes
    ----------
    bundles : tuple of Bundle
        The bundles.
    members : tuple of Bundle
        Their networks, one each: every one counts the same in the mean.
    architecture : Architecture
        The geometry: ``architecture.window`` (bp), ``bin`` (bp), ``bins`` predicted, ``crop``
        (bins on each side).
    targets : Targets
        The tracks, in the order of the predictions.

    Raises
    ------
    InputError
        If the models differ in window, bins or tracks.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> model = bk.load("model_files")
    >>> model
    <Model basenji-yeast: 18 tracks, windows of 16,384 bp, bins of 32 bp, 2 networks, sacCer3>
    >>> model.targets.labels[:3]
    ['atac', 'stripe_wt_plus', 'stripe_wt_minus']
    >>> model.architecture.window, model.architecture.bins
    (16384, 448)
    """

    def __init__(self, bundles: Sequence[Bundle]) -> None:
        if not bundles:
            raise InputError("no model: expected the directory of one bundle at least")
        self.bundles = tuple(bundles)
        self.members = tuple(member for bundle in bundles for member in bundle.members)
        check_alike(self.members)
        self.architecture: Architecture = bundles[0].architecture
        self.targets: Targets = bundles[0].targets
        self._plain: dict[str, list[keras.Model]] = {}
        self._networks: dict[tuple[str, Strands], keras.Model] = {}
        self._reporters: dict[str, keras.Model] = {}

    @property
    def name(self) -> str:
        """Names of the bundles, separated by commas."""
        return ", ".join(bundle.metadata.name for bundle in self.bundles)

    @property
    def assembly(self) -> str:
        """The genome assembly that the model was trained on."""
        return self.bundles[0].metadata.assembly

    @property
    def weights_sha256(self) -> list[str]:
        """Checksum of each network's weights: what tells models apart."""
        return [member.weights_sha256[0] for member in self.members]

    def averages_strands(self, both_strands: Strands = None) -> list[bool]:
        """Tell of each network whether its predictions are means over both strands.

        Parameters
        ----------
        both_strands
            What was asked for; None for what each model's metadata say.
        """
        return [member.reads_both_strands(both_strands) for member in self.members]

    def network(
        self, *, dtype: Literal["float32", "bfloat16"] = "float32", both_strands: Strands = None
    ) -> keras.Model:
        """Have the network that predicts the mean; it is built once.

        Parameters
        ----------
        dtype
            Arithmetic of the network.
        both_strands
            Whether to average over both strands; None as each model's metadata say.

        Returns
        -------
        keras.Model
            float32 (batch, window, 4) -> float32 (batch, bins, tracks), for any batch size.

        Raises
        ------
        InputError
            If the weights do not fit the architecture, or there is no such dtype.

        Examples
        --------
        >>> import basenji_kipoi as bk
        >>> bk.load("model_files").network().output_shape
        (None, 448, 18)
        """
        if (dtype, both_strands) not in self._networks:
            # Keras takes seconds to import; loading a model must not.
            from basenji_kipoi.models.networks.building import (  # noqa: PLC0415
                average_networks,
                average_strands,
            )

            if dtype not in self._plain:
                self._plain[dtype] = [
                    member.network(dtype=dtype, both_strands=False) for member in self.members
                ]
            networks = self._plain[dtype]
            both = self.averages_strands(both_strands)
            permutation = self.targets.strand_permutation
            if all(both):
                network = average_strands(average_networks(networks), permutation)
            else:
                network = average_networks(
                    [
                        average_strands(each, permutation) if is_both else each
                        for each, is_both in zip(networks, both)
                    ]
                )
            self._networks[dtype, both_strands] = network
        return self._networks[dtype, both_strands]

    @property
    def assays(self) -> dict[str, Assay]:
        """What each reporter of the model measures; empty where it has none."""
        return self.bundles[0].assays

    def assay_of(self, reporter: str | None = None) -> tuple[str, Assay]:
        """Find a reporter and its assay.

        Parameters
        ----------
        reporter
            Its name; by default the only one.

        Raises
        ------
        InputError
            If the model has no reporter or not this one, or none is named and it has several.
        """
        names = list(self.assays)
        if not names:
            raise InputError(f"{self.name} has no reporter: it predicts tracks only")
        if reporter is None and len(names) == 1:
            reporter = names[0]
        if reporter not in self.assays:
            said = "several reporters" if reporter is None else f"no reporter {reporter!r}"
            raise InputError(f"{self.name} has {said}: expected one of {', '.join(names)}")
        for other in self.bundles[1:]:
            if other.assays[reporter] != self.assays[reporter]:
                raise InputError(
                    f"the models {self.bundles[0].path} and {other.path} cannot be averaged: their "
                    f"reporters {reporter} are of other assays"
                )
        return reporter, self.assays[reporter]

    def reporter_network(self, reporter: str) -> keras.Model:
        """Have the network that predicts a reporter's activities, of all members the mean.

        Parameters
        ----------
        reporter
            Its name.

        Returns
        -------
        keras.Model
            float32 (batch, window of the reporter, 4) -> float32 (batch, activities), in standard
            deviations (`Assay.raw` turns them into the assay's units).
        """
        if reporter not in self._reporters:
            from basenji_kipoi.models.networks.building import average_networks  # noqa: PLC0415

            self._reporters[reporter] = average_networks(
                [member.networks()[0].reporters[reporter] for member in self.members]
            )
        return self._reporters[reporter]

    def predict(
        self,
        sequences: str | Sequence[str] | np.ndarray,
        *,
        tracks: str | Sequence[str | int] | None = None,
        both_strands: Strands = None,
        dtype: Literal["float32", "bfloat16"] = "float32",
        batch_size: int | None = None,
    ) -> np.ndarray:
        """Predict sequences of exactly one window each.

        Parameters
        ----------
        sequences : str, sequence of str, or ndarray, integer, shape (..., window)
            Letters (lower case equals upper, whatever is not A, C, G or T is unknown), or codes:
            0 to 3 for A, C, G, T, and 4 for unknown.
        tracks
            Identifiers, patterns such as ``"tif_*"`` or indices of the tracks; all by default.
        both_strands
            Whether to average over both strands; None as the model was evaluated.
        dtype
            Arithmetic of the network.
        batch_size
            Windows at a time; by default as many as make 131,072 bp, at least one.

        Returns
        -------
        ndarray, float32, shape (..., bins, tracks)
            Values in the units of the targets table; one sequence alone gives (bins, tracks).

        Raises
        ------
        InputError
            If a sequence has another length or other codes, or there is no such track.

        Examples
        --------
        >>> import basenji_kipoi as bk
        >>> model = bk.load("model_files")
        >>> model.predict("ACGT" * 4096, tracks="tif_*").shape
        (448, 8)
        >>> genome = bk.Genome("genome.fa")
        >>> model.predict([genome.codes("chrA", 0, 16384), genome.codes("chrB", 0, 16384)]).shape
        (2, 448, 18)
        """
        codes = self._codes(sequences)
        columns = self.targets.columns_of(tracks, option="tracks")
        network = self.network(dtype=dtype, both_strands=both_strands)
        rows = codes.reshape(-1, self.architecture.window)
        size = max(1, min(batch_size or batch_size_of(self.architecture), len(rows)))
        values = np.empty((len(rows), self.architecture.bins, len(columns)), dtype=np.float32)
        # Every call has this size, so that it is compiled once.
        batch = np.full((size, self.architecture.window), UNKNOWN, dtype=np.uint8)
        for first in range(0, len(rows), size):
            taken = rows[first : first + size]
            batch[: len(taken)] = taken
            predicted = self.architecture.side_by_side(network.predict_on_batch(one_hot(batch)))
            values[first : first + size] = predicted[: len(taken), :, columns]
        return values.reshape(*codes.shape[:-1], self.architecture.bins, len(columns))

    def _codes(self, sequences: str | Sequence[str] | np.ndarray) -> np.ndarray:
        """Return codes: uint8 (..., window)."""
        window = self.architecture.window
        if isinstance(sequences, (str, bytes)):
            rows = [encode(sequences)]
        elif isinstance(sequences, np.ndarray):
            rows = [sequences]
        else:
            rows = [encode(s) if isinstance(s, (str, bytes)) else np.asarray(s) for s in sequences]
        for row in rows:
            if row.shape[-1:] != (window,):
                raise InputError(
                    f"a sequence has {row.shape[-1] if row.ndim else 0:,} bases: expected "
                    f"{window:,}, the model's window"
                )
            if not np.issubdtype(row.dtype, np.integer) or ((row < 0) | (row > UNKNOWN)).any():
                raise InputError(
                    "a sequence has values that are no codes: expected letters, or whole numbers "
                    "from 0 to 3 (A, C, G, T) and 4 (unknown)"
                )
        if isinstance(sequences, (str, bytes, np.ndarray)):
            return rows[0].astype(np.uint8)
        return np.stack(rows).astype(np.uint8) if rows else np.empty((0, window), dtype=np.uint8)

    def __repr__(self) -> str:
        networks = "1 network" if len(self.members) == 1 else f"{len(self.members)} networks"
        return (
            f"<Model {self.name}: {len(self.targets):,} tracks, windows of "
            f"{self.architecture.window:,} bp, bins of {self.architecture.bin} bp, {networks}, "
            f"{self.assembly}>"
        )

    def _repr_html_(self) -> str:
        both = self.averages_strands()
        strands = "both, averaged" if all(both) else "as they are"
        return html_table(
            f"Model {self.name}",
            [
                ("tracks", f"{len(self.targets):,}"),
                ("window", f"{self.architecture.window:,} bp"),
                ("bins", f"{self.architecture.bins:,} of {self.architecture.bin} bp"),
                ("networks", len(self.members)),
                ("strands", strands if all(both) or not any(both) else "both in some networks"),
                ("assembly", self.assembly),
                *(
                    (f"reporter {name}", ", ".join(assay.identifiers))
                    for name, assay in self.assays.items()
                ),
            ],
        )


def load(model: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Model:
    """Load a model.

    Parameters
    ----------
    model
        The directory of a bundle, or several, whose predictions are averaged; every network of an
        ensemble counts as one. ``"yeast"`` is the model that comes with the package.

    Returns
    -------
    Model
        The model. Its networks are built when they are first used.

    Raises
    ------
    InputError
        If a file is missing or was changed, or the models differ in window, bins or tracks.

    Examples
    --------
    >>> import basenji_kipoi as bk
    >>> bk.load("yeast").name
    'basenji-yeast'
    >>> len(bk.load(["model_files", "model_files"]).members)
    4
    """
    paths = [model] if isinstance(model, str) or hasattr(model, "__fspath__") else model
    return Model([Bundle.load(path) for path in paths])


def loaded(model: Model | str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> Model:
    """Return a model as it is, or load it."""
    return model if isinstance(model, Model) else load(model)


def paths_of(
    model: Model | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
) -> list[Path]:
    """List the folders of a model, loaded or not."""
    if isinstance(model, Model):
        return [member.path for member in model.members]
    paths = [model] if isinstance(model, (str, os.PathLike)) else model
    return [model_folder(path) for path in paths]
