"""What every trained model is, whatever files it is kept in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import keras

    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.targets import Targets

__all__ = ["TrainedModel"]


class TrainedModel(ABC):
    """A network's description, its tracks and trained weights.

    Attributes
    ----------
    path : Path
        Where it is kept.
    architecture : Architecture
        The network's description.
    targets : Targets
        The tracks, in the order of the network's output.
    both_strands : bool
        Whether it is meant to be read, and was evaluated, as the mean of both strands.
    """

    def __init__(
        self, path: Path, architecture: Architecture, targets: Targets, *, both_strands: bool
    ) -> None:
        self.path = path
        self.architecture = architecture
        self.targets = targets
        self.both_strands = both_strands

    @property
    @abstractmethod
    def members(self) -> Sequence[TrainedModel]:
        """The networks of an ensemble as models of one network each; a single one is itself."""

    @abstractmethod
    def _trained_networks(self, *, head: str | None, dtype: str) -> list[keras.Model]:
        """Build the network of each member, of one strand, with its weights."""

    def reads_both_strands(self, asked: bool | None = None) -> bool:
        """Tell whether to average over both strands: as ``asked``, or else as it is meant."""
        return self.both_strands if asked is None else asked

    def network(
        self, *, head: str | None = None, dtype: str = "float32", both_strands: bool | None = None
    ) -> keras.Model:
        """Build the network and load its weights; of an ensemble, the mean of its members.

        Parameters
        ----------
        head, dtype
            As `basenji_kipoi.models.networks.building.build_network` takes them.
        both_strands
            Whether to average over both strands
            (`basenji_kipoi.models.networks.building.average_strands`), as `reads_both_strands`
            takes it.

        Returns
        -------
        keras.Model
            float32 (batch, window, 4) -> float32 (batch, bins, tracks), for any batch size.

        Raises
        ------
        InputError
            If the weights do not fit the architecture.
        """
        # Keras takes seconds to import; reading a model's description must not.
        from basenji_kipoi.models.networks.building import (  # noqa: PLC0415
            average_networks,
            average_strands,
        )

        network = average_networks(self._trained_networks(head=head, dtype=dtype))
        if self.reads_both_strands(both_strands):
            return average_strands(network, self.targets.strand_permutation)
        return network
