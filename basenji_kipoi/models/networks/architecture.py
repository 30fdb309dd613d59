"""The declarative description of a network, and the geometry that follows from it.

A network is a trunk, a list of operations that turns a window of sequence into bins of features,
and one or more heads that turn features into tracks. Everything else that a program needs to know
(bin, crop, receptive field, which bins a base can reach) is computed from the list, for any list.

Intervals are 0-based and half-open, in positions of the tensor at hand: bases at a trunk's input,
bins at its output. They may lie outside the tensor; what that means is up to the caller.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.models.networks.operations import (
    ActivationName,
    Crop,
    Operation,
    Span,
    affected_by,
    channels_of,
    needed_by,
    operations_of,
    padding_of,
    weights_of,
)
from basenji_kipoi.models.networks.reporter_heads import ReporterHead

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

__all__ = ["MOST_NUMBER", "MOST_OPERATIONS", "Architecture", "Head"]


#: What one network may have: bounds that published ones keep by a factor of ten and more, so that
#: a damaged or made-up description is refused before anything is allocated for it.
MOST_OPERATIONS = 400
#: Any number that describes one: bases, filters, distances.
MOST_NUMBER = 1 << 40
MOST_TRACKS = 1_000_000
#: Weights (8 GiB in float32), and values of one window between two operations (16 GiB).
MOST_WEIGHTS, MOST_VALUES = 1 << 31, 1 << 32


class Head(BaseModel):
    """The last, pointwise linear layer: tracks and the link that keeps them positive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracks: int = Field(gt=0)
    activation: ActivationName = "softplus"


#: Names of heads become parts of names in the files of weights.
HeadName = Annotated[str, Field(pattern=r"^[\w.+-]+$", max_length=100)]


class Architecture(BaseModel):
    """A network: ``window`` bp of sequence, the trunk's operations, and the heads by name.

    ``heads`` predict tracks, a value a bin; ``reporters`` read whole sequences of a window of their
    own, a value a sequence. All share the trunk. There is one head at least, of either kind.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    window: int = Field(gt=0)
    trunk: list[Operation] = Field(min_length=1)
    heads: dict[HeadName, Head]
    reporters: dict[HeadName, ReporterHead] = {}

    @model_validator(mode="after")
    def _fits(self) -> Architecture:
        self._check_heads()
        self._check_numbers()
        length, channels, cropped = self.window, len(ALPHABET), False
        for position, operation in enumerate(self.trunk):
            if cropped and not (operation.is_pointwise or isinstance(operation, Crop)):
                raise ValueError(
                    f"operation {position} of the trunk ({operation.op}) mixes or pools positions "
                    "behind a crop: crop as the last step that is not pointwise"
                )
            try:
                check_size(operation, length, channels)
                length = operation.output_length(length)
                channels = operation.output_channels(channels)
            except ValueError as error:
                raise ValueError(
                    f"operation {position} of the trunk ({operation.op}): {error}"
                ) from None
            cropped = cropped or isinstance(operation, Crop)
        check_values("predictions", length, self.tracks)
        trainable, fixed = weights_of(self.trunk, len(ALPHABET))
        weights = trainable + fixed + self.tracks * (channels + 1)
        for name, reporter in self.reporters.items():
            try:
                self._check_readings(reporter)
            except ValueError as error:
                raise ValueError(f"reporter {name}: {error}") from None
            weights += sum(reporter.weights(self.trunk, len(ALPHABET)))
        if weights > MOST_WEIGHTS:
            raise ValueError(f"the network has {weights:,} weights, more than {MOST_WEIGHTS:,}")
        return self

    def _check_heads(self) -> None:
        """Check that there are heads, each of a name of its own."""
        if not self.heads and not self.reporters:
            raise ValueError("heads and reporters: there is none")
        if both := set(self.heads) & set(self.reporters):
            raise ValueError(f"{min(both)} is both a head and a reporter")

    def _check_numbers(self) -> None:
        """Check how many operations and tracks there are."""
        operations = sum(map(operations_of, self.trunk)) + len(self.heads)
        for reporter in self.reporters.values():
            for reading in reporter.readings:
                operations += sum(map(operations_of, reading.operations)) + 1
        if operations > MOST_OPERATIONS:
            raise ValueError(
                f"the network has {operations:,} operations and heads, more than "
                f"{MOST_OPERATIONS:,}"
            )
        if self.tracks > MOST_TRACKS:
            raise ValueError(f"the heads have {self.tracks:,} tracks, more than {MOST_TRACKS:,}")

    def _check_readings(self, reporter: ReporterHead) -> None:
        """Check that a reporter's window fits through the trunk, as far as it is read, and size."""
        for reading in reporter.readings:
            if reading.after > len(self.trunk):
                raise ValueError(
                    f"it reads after {reading.after} operations, and the trunk has "
                    f"{len(self.trunk)}"
                )
            length, channels = reporter.window, len(ALPHABET)
            for operation in reading.chain(self.trunk):
                if isinstance(operation, Crop):
                    raise ValueError("it reads behind a crop, where its window's ends are missing")
                check_size(operation, length, channels)
                length = operation.output_length(length)
                channels = operation.output_channels(channels)

    @property
    def bin(self) -> int:
        """Bases of one bin (bp)."""
        size = 1
        for operation in self.trunk:
            size *= operation.stride
        return size

    @property
    def crop(self) -> int:
        """Bins that the trunk removes at each end of the window."""
        return sum(operation.bins for operation in self.trunk if isinstance(operation, Crop))

    @property
    def bins(self) -> int:
        """Bins that the network predicts for one window."""
        return self.window // self.bin - 2 * self.crop

    @property
    def tracks(self) -> int:
        """Tracks of all heads together."""
        return sum(head.tracks for head in self.heads.values())

    @property
    def channels(self) -> int:
        """Features of a bin at the trunk's end."""
        return channels_of(self.trunk, len(ALPHABET))

    @property
    def receptive_field(self) -> int:
        """Bases that the prediction of one bin depends on (bp), its own included."""
        begin, end = self.needed_input(0, 1)
        return end - begin

    def needed_input(self, first: int, last: int) -> Span:
        """Find the bases that predicted bins depend on.

        Parameters
        ----------
        first, last
            Predicted bins [first, last), counted from the first one behind the crop.

        Returns
        -------
        tuple of int
            Bases [start, end) in the window. It is not limited to the window.
        """
        return needed_by(self.trunk, first, last)

    def affected_bins(self, start: int, end: int) -> Span:
        """Find the predicted bins that a change of bases can reach.

        Parameters
        ----------
        start, end
            Bases [start, end) of the window.

        Returns
        -------
        tuple of int
            Predicted bins [first, last), limited to those that exist.
        """
        first, last = affected_by(self.trunk, start, end)
        first, last = max(first, 0), min(last, self.bins)
        return first, max(first, last)

    def side_by_side(self, values: np.ndarray | Mapping[str, np.ndarray]) -> np.ndarray:
        """Put the tracks of all heads into one array.

        Parameters
        ----------
        values
            What a network predicts: (batch, bins, tracks) of its only head, or such arrays by the
            heads' names where it has several.

        Returns
        -------
        ndarray, shape (batch, bins, tracks)
            The heads' tracks in the order of `heads`.
        """
        if not isinstance(values, dict):
            return values
        return np.concatenate([values[name] for name in self.heads], axis=-1)

    def with_window(self, window: int) -> Architecture:
        """Return the same network for windows of another length (bp)."""
        return Architecture.model_validate({**self.model_dump(), "window": window})

    def with_tracks(self, tracks: int) -> Architecture:
        """Return the same network with its first head alone, for so many tracks."""
        return self.with_heads({next(iter(self.heads)): tracks})

    def with_heads(self, tracks: dict[str, int]) -> Architecture:
        """Return the same trunk with these heads.

        Parameters
        ----------
        tracks
            Number of tracks of each head by its name. A head of a new name is like the first one.
        """
        first = next(iter(self.heads.values()), Head(tracks=1))
        heads = {
            name: {**self.heads.get(name, first).model_dump(), "tracks": number}
            for name, number in tracks.items()
        }
        return Architecture.model_validate({**self.model_dump(), "heads": heads})

    def with_reporters(self, reporters: Mapping[str, ReporterHead]) -> Architecture:
        """Return the same network with these reporters, and the heads that it has."""
        return Architecture.model_validate(
            {**self.model_dump(), "reporters": {n: r.model_dump() for n, r in reporters.items()}}
        )

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Architecture:
        """Read an ``architecture.json``.

        Raises
        ------
        InputError
            If the file is missing, is not JSON, or does not describe a network.
        """
        return read_json(cls, path)

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write an ``architecture.json``, one operation a line."""
        content = self.model_dump(exclude_defaults=False)
        lines = [f'  "{key}": {json.dumps(content[key])},' for key in ("format", "window")]
        trunk = ",\n".join(f"    {json.dumps(operation)}" for operation in content["trunk"])
        lines += ['  "trunk": [', trunk, "  ],", f'  "heads": {json.dumps(content["heads"])}']
        if self.reporters:
            # Left out where there are none: earlier versions know networks without.
            lines[-1] += ","
            lines.append(f'  "reporters": {json.dumps(content["reporters"])}')
        Path(path).write_text("\n".join(["{", *lines, "}", ""]), encoding="utf-8")


def check_values(what: str, length: int, channels: int) -> None:
    """Check that one window's values are not more than memory is meant to hold."""
    if length * channels > MOST_VALUES:
        raise ValueError(
            f"{what} of one window are {length:,} positions x {channels:,} channels = "
            f"{length * channels:,} values, more than {MOST_VALUES:,}"
        )


def check_size(operation: Operation, length: int, channels: int) -> None:
    """Check what an operation and its branch need for an input of a length and of channels."""
    check_values("values", length + padding_of(operation), channels)
    width = channels
    for inner in getattr(operation, "branch", ()):
        check_size(inner, length, width)
        width = inner.output_channels(width)
    check_values("values", length, operation.output_channels(channels))
