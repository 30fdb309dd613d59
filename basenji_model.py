"""The Kipoi model: a window of sequence to bins of coverage, (window, 4) -> (bins, tracks)."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import numpy as np
from kipoi.model import BaseModel, GradientMixin, LayerActivationMixin

_ROOT = Path(__file__).resolve().parent
# Kipoi loads this file by its path and needs nothing of the project to be installed.
if str(_ROOT) not in sys.path:
    sys.path.append(str(_ROOT))

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.resources import MEMORY_BYTES
from basenji_kipoi.base.sequence import codes_of
from basenji_kipoi.kipoi_compatibility import Postprocessing, mend_kipoi_interpret
from basenji_kipoi.models.bundle import Bundle
from basenji_kipoi.models.tensorflow_notices import without_notices

if TYPE_CHECKING:
    from collections.abc import Sequence

    import keras

    from basenji_kipoi.models.incremental.shared_windows import AnsweredWindows
    from basenji_kipoi.models.trained import TrainedModel

__all__ = ["BasenjiModel"]

logger = logging.getLogger(__name__)


class BasenjiModel(BaseModel, GradientMixin, LayerActivationMixin):
    """A bundle behind Kipoi's interface.

    Parameters
    ----------
    model_dir
        The bundle's directory, relative to the directory that Kipoi loads the model from.
    dtype
        "float32", or "bfloat16" for bfloat16 arithmetic on float32 weights.
    incremental
        Whether to compute only what windows do not share with recent ones. Predictions are the
        same up to rounding. In bfloat16 every window is computed as a whole.
    cache_bytes
        Memory for what windows share (bytes); 2 GiB by default.
    counts
        Whether predictions are counts of the coverage: scale, soft clipping and power of each track
        undone. What a hard clip took is not known.

    Attributes
    ----------
    bundle : TrainedModel
        Architecture and targets, and what else its files say.
    network : keras.Model
        float32 (batch, window, 4) -> float32 of the shape that ``model.yaml`` states, averaged over
        both strands if the bundle says so.

    Raises
    ------
    InputError
        If the bundle is incomplete or damaged, the dtype is unknown or the memory negative.
    """

    postprocessing = Postprocessing("model.yaml", _ROOT)

    def __init__(
        self,
        model_dir: str = "model_files",
        dtype: str = "float32",
        incremental: bool = True,
        cache_bytes: int | None = None,
        counts: bool = False,
    ) -> None:
        # Keras takes seconds to import, and Kipoi also loads this module to read descriptions.
        with without_notices():
            from basenji_kipoi.interpretation.gradients_of_layers import LayerGradients  # noqa: PLC0415
            from basenji_kipoi.models.incremental.shared_windows import shared_windows  # noqa: PLC0415
            from basenji_kipoi.models.networks.building import (  # noqa: PLC0415
                average_networks,
                average_strands,
                in_counts,
            )

        self.bundle = self._open(model_dir)
        members = [
            member.network(dtype=dtype, both_strands=False) for member in self.bundle.members
        ]
        network, strands = average_networks(members), None
        if self.bundle.both_strands:
            strands = self.bundle.targets.strand_permutation
        self._bins = network if strands is None else average_strands(network, strands)
        self._counts = bool(counts)
        if self._counts:
            self._bins = in_counts(self._bins, self.bundle.targets)
        self.network = self._output(self._bins)
        #: One for each network; none if every window is computed as a whole.
        self._shared: list[AnsweredWindows] = []
        if incremental and dtype == "float32":
            memory = MEMORY_BYTES if cache_bytes is None else cache_bytes
            self._shared = [
                shared_windows(
                    self.bundle.architecture,
                    member,
                    strand_permutation=strands,
                    cache_bytes=memory // len(members),
                )
                for member in members
            ]
        self._layers = LayerGradients(self.network)

    def _open(self, model_dir: str) -> TrainedModel:
        """Open the files of the model."""
        return Bundle.load(model_dir)

    def _output(self, network: keras.Model) -> keras.Model:
        """Derive the model's output from the network's."""
        return network

    def predict_on_batch(self, x: np.ndarray) -> np.ndarray:
        """Predict a batch of any size.

        Parameters
        ----------
        x : ndarray, shape (batch, window, 4)
            One-hot windows, channels A, C, G, T. A position without any channel counts as unknown.

        Returns
        -------
        ndarray, float32
            Shape (batch, bins, tracks), in the units of the targets table or in counts.
        """
        return self._predict(self._windows(x))

    def _predict(self, windows: np.ndarray) -> np.ndarray:
        """Predict the bins of checked windows, float32 (batch, bins, tracks)."""
        if not self._shared:
            return self._bins.predict_on_batch(windows)
        return self._sequences_apart(
            windows,
            self._of_codes,
            self._bins.predict_on_batch,
        )

    def _of_codes(self, codes: np.ndarray) -> np.ndarray:
        """Predict windows of codes by what they share."""
        values = _mean([shared.predict(codes) for shared in self._shared])
        return self.bundle.targets.counts(values).astype(np.float32) if self._counts else values

    @staticmethod
    def _sequences_apart(
        windows: np.ndarray,
        of_codes: Callable[[np.ndarray], np.ndarray],
        of_windows: Callable[[np.ndarray], np.ndarray],
    ) -> np.ndarray:
        """Answer windows that are sequences by their codes, and others by the whole network."""
        codes, exact = codes_of(windows)
        if exact.all():
            return of_codes(codes)
        other = of_windows(windows[~exact])
        values = np.empty((len(windows), *other.shape[1:]), dtype=other.dtype)
        values[~exact] = other
        if exact.any():
            values[exact] = of_codes(codes[exact])
        return values

    @property
    def layer_names(self) -> list[str]:
        """Names of the layers, from the sequence to the output.

        ``trunk_0_convolution`` is the first operation of the trunk in ``architecture.json``, and so
        on; the head's layers, what the members of an ensemble predict, and the means over members
        and strands follow.
        """
        return self._layers.names

    def predict_activation_on_batch(
        self, x: np.ndarray, layer: str | int, pre_nonlinearity: bool = False
    ) -> np.ndarray:
        """Compute what one layer puts out.

        Parameters
        ----------
        x : ndarray, shape (batch, window, 4)
            As `predict_on_batch` takes it.
        layer
            Name of a layer, or its number in `layer_names` (also as text, as the command line has
            it); -1 is the model's output.
            Where the model averages over both strands, a layer inside the network reads the
            windows as they are: the forward strand. A layer that all members of an ensemble have
            is the first member's; ``member_2`` and so on are the members' predictions.
        pre_nonlinearity
            Whether to return what the layer's activation reads instead. Activations are layers of
            their own here, so for any other layer this makes no difference.

        Returns
        -------
        ndarray, shape (batch, ...)
        """
        part = self._layers.part(layer, before=pre_nonlinearity)
        return part.predict_on_batch(self._windows(x))

    def input_grad(
        self,
        x: np.ndarray,
        filter_idx: int | slice | list | tuple | None = None,
        avg_func: str | None = None,
        layer: str | int | None = None,
        final_layer: bool = True,
        selected_fwd_node: None = None,
        pre_nonlinearity: bool = False,
    ) -> np.ndarray:
        """Compute the gradient of one number a window with respect to the window's bases.

        Parameters
        ----------
        x : ndarray, shape (batch, window, 4)
            As `predict_on_batch` takes it.
        filter_idx
            What of the layer's output to keep, as Kipoi's Keras models have it: an index or a
            slice of the first axis behind the batch (bins), or a tuple of them for all axes, the
            batch's ``slice(None)`` included: ``(slice(None), slice(None), 3)`` is track 3 of
            every bin.
        avg_func
            How to turn what was kept into one value a window: "sum" (the default), "max", "min"
            or "absmax" (the largest magnitude). Each window has its own maximum.
        layer
            A layer as `predict_activation_on_batch` takes it, used if ``final_layer`` is false.
        final_layer
            Whether to take the model's output, whatever ``layer`` is.
        selected_fwd_node
            Not supported; Kipoi's Keras models do not support it either.
        pre_nonlinearity
            As for `predict_activation_on_batch`.

        Returns
        -------
        ndarray, float32, shape (batch, window, 4)

        Raises
        ------
        InputError
            If ``avg_func`` is unknown, ``filter_idx`` does not keep every window, the layer is
            missing or unknown, or ``selected_fwd_node`` is set.
        """
        # Keras takes seconds to import, and Kipoi also loads this module to read descriptions.
        from basenji_kipoi.interpretation.gradients_of_layers import REDUCTIONS  # noqa: PLC0415

        if selected_fwd_node is not None:
            raise InputError("selected_fwd_node is not supported: leave it out")
        mend_kipoi_interpret()
        if avg_func is not None and avg_func not in REDUCTIONS:
            raise InputError(f"no avg_func {avg_func!r}: expected one of {', '.join(REDUCTIONS)}")
        if layer is None and not final_layer:
            raise InputError("name a layer or set final_layer")
        return self._layers.gradient(
            self._windows(x),
            layer=-1 if final_layer else layer,
            before=pre_nonlinearity,
            index=_index(filter_idx),
            reduction=avg_func or "sum",
        )

    def _windows(self, x: np.ndarray) -> np.ndarray:
        windows = np.asarray(x, dtype=np.float32)
        expected = (self.bundle.architecture.window, 4)
        if windows.ndim != 3 or windows.shape[1:] != expected:
            raise InputError(
                f"the model reads one-hot windows of shape (batch, {expected[0]}, 4), "
                f"not {windows.shape}"
            )
        # kipoiseq codes lower case and ambiguous letters as no base at all.
        blank = windows[..., 0] == 0
        for channel in (1, 2, 3):
            blank &= windows[..., channel] == 0
        if blank.any():
            logger.warning(
                "%d positions of a batch have no base and are read as unknown (N). If the genome "
                "is soft-masked, give this tool an upper-case FASTA file.",
                np.count_nonzero(blank),
            )
            windows = np.where(blank[..., None], np.float32(0.25), windows)
        return windows


def _mean(predictions: Sequence[np.ndarray]) -> np.ndarray:
    """Average predictions of the members of an ensemble; those of one network are its own."""
    if len(predictions) == 1:
        return predictions[0]
    return np.mean(predictions, axis=0, dtype=predictions[0].dtype)


def _index(filter_idx: int | slice | list | tuple | None) -> tuple:
    """Complete Kipoi's filter index by the axis of the batch."""
    if filter_idx is None:
        return (slice(None),)
    axes = tuple(filter_idx) if isinstance(filter_idx, (tuple, list)) else (filter_idx,)
    if len(axes) == 1:
        return (slice(None), *axes)
    if axes[0] != slice(None):
        raise InputError(
            f"filter_idx {filter_idx!r} does not keep every window: its first entry is the axis "
            "of the batch and must be slice(None)"
        )
    return axes
