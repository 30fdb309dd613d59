"""The declarative description of a network, and the geometry that follows from it.

A network is a trunk, a list of operations that turns a window of sequence into bins of features,
and one or more heads that turn features into tracks. Everything else that a program needs to know
(bin, crop, receptive field, which bins a base can reach) is computed from the list, for any list.

Intervals are 0-based and half-open, in positions of the tensor at hand: bases at a trunk's input,
bins at its output. They may lie outside the tensor; what that means is up to the caller.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, model_validator

from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.sequence import ALPHABET

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

__all__ = [
    "Activation",
    "Architecture",
    "Concatenate",
    "Convolution",
    "Crop",
    "Dropout",
    "Head",
    "Normalisation",
    "Operation",
    "Pooling",
    "Residual",
]

ActivationName = Literal["relu", "gelu_tanh", "softplus", "exp_linear", "linear"]
Span = tuple[int, int]


class _Operation(BaseModel, ABC):
    """One step of a trunk: how it moves intervals, lengths and channels."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    op: str

    @property
    def stride(self) -> int:
        """Input positions for each output position."""
        return 1

    @abstractmethod
    def needed(self, first: int, last: int) -> Span:
        """Input positions that the output positions [first, last) are computed from."""

    @abstractmethod
    def affected(self, first: int, last: int) -> Span:
        """Output positions that a change of the input positions [first, last) can reach."""

    def output_length(self, length: int) -> int:
        """Length of the output for an input of a length."""
        return length

    def output_channels(self, channels: int) -> int:
        """Channels of the output for an input of so many channels."""
        return channels


class _Pointwise(_Operation):
    """An operation that treats every position alone."""

    def needed(self, first: int, last: int) -> Span:
        return first, last

    def affected(self, first: int, last: int) -> Span:
        return first, last


class Convolution(_Operation):
    """A convolution that keeps the length ('same' padding with zeros)."""

    op: Literal["convolution"] = "convolution"
    filters: int = Field(gt=0)
    kernel: int = Field(gt=0)
    dilation: int = Field(default=1, gt=0)
    bias: bool = False

    @property
    def _padding(self) -> Span:
        # An even kernel reaches one position further to the right, as all Keras backends have it.
        total = self.dilation * (self.kernel - 1)
        return total // 2, total - total // 2

    def needed(self, first: int, last: int) -> Span:
        left, right = self._padding
        return first - left, last + right

    def affected(self, first: int, last: int) -> Span:
        left, right = self._padding
        return first - right, last + left

    def output_channels(self, channels: int) -> int:
        return self.filters


class Normalisation(_Pointwise):
    """Batch normalisation; ``gamma`` is the initial scale (zeros silence a residual branch)."""

    op: Literal["normalisation"] = "normalisation"
    momentum: float = Field(default=0.9, gt=0, lt=1)
    epsilon: float = Field(default=1e-3, gt=0)
    gamma: Literal["ones", "zeros"] = "ones"


class Activation(_Pointwise):
    """A fixed non-linear function."""

    op: Literal["activation"] = "activation"
    function: ActivationName


class Pooling(_Operation):
    """The maximum over consecutive, not overlapping groups of positions."""

    op: Literal["pooling"] = "pooling"
    size: int = Field(gt=1)

    @property
    def stride(self) -> int:
        return self.size

    def needed(self, first: int, last: int) -> Span:
        return first * self.size, last * self.size

    def affected(self, first: int, last: int) -> Span:
        return first // self.size, -(-last // self.size)

    def output_length(self, length: int) -> int:
        if length % self.size:
            raise ValueError(f"a length of {length} cannot be pooled by {self.size} without a rest")
        return length // self.size


class Dropout(_Pointwise):
    """Random zeros in training; nothing in inference."""

    op: Literal["dropout"] = "dropout"
    rate: float = Field(ge=0, lt=1)


class Crop(_Operation):
    """Removal of positions at both ends."""

    op: Literal["crop"] = "crop"
    bins: int = Field(ge=0)

    def needed(self, first: int, last: int) -> Span:
        return first + self.bins, last + self.bins

    def affected(self, first: int, last: int) -> Span:
        return first - self.bins, last - self.bins

    def output_length(self, length: int) -> int:
        if length <= 2 * self.bins:
            raise ValueError(f"a length of {length} cannot be cropped by {self.bins} on each side")
        return length - 2 * self.bins


class _Branch(_Operation):
    """An operation whose output joins the output of a branch with its own input."""

    branch: list[Operation] = Field(min_length=1)

    @model_validator(mode="after")
    def _keeps_positions(self) -> _Branch:
        for operation in self.branch:
            if operation.stride != 1 or isinstance(operation, Crop):
                raise ValueError(f"a {operation.op} cannot stand within a branch: lengths differ")
        return self

    def needed(self, first: int, last: int) -> Span:
        begin, end = needed_by(self.branch, first, last)
        return min(first, begin), max(last, end)

    def affected(self, first: int, last: int) -> Span:
        begin, end = affected_by(self.branch, first, last)
        return min(first, begin), max(last, end)


class Residual(_Branch):
    """The input plus the branch's output."""

    op: Literal["residual"] = "residual"

    def output_channels(self, channels: int) -> int:
        out = channels_of(self.branch, channels)
        if out != channels:
            raise ValueError(
                f"a residual branch must give back its input's {channels} channels, not {out}"
            )
        return channels


class Concatenate(_Branch):
    """The input's channels followed by the branch's."""

    op: Literal["concatenate"] = "concatenate"

    def output_channels(self, channels: int) -> int:
        return channels + channels_of(self.branch, channels)


Operation = Annotated[
    Union[Convolution, Normalisation, Activation, Pooling, Dropout, Crop, Residual, Concatenate],
    Field(discriminator="op"),
]
for _model in (_Branch, Residual, Concatenate):
    _model.model_rebuild()


def needed_by(operations: Sequence[_Operation], first: int, last: int) -> Span:
    """Input positions that the output positions [first, last) of a chain are computed from."""
    for operation in reversed(operations):
        first, last = operation.needed(first, last)
    return first, last


def affected_by(operations: Sequence[_Operation], first: int, last: int) -> Span:
    """Output positions of a chain that a change of the input positions [first, last) can reach."""
    for operation in operations:
        first, last = operation.affected(first, last)
    return first, last


def channels_of(operations: Sequence[_Operation], channels: int) -> int:
    """Channels at the end of a chain whose input has so many."""
    for operation in operations:
        channels = operation.output_channels(channels)
    return channels


class Head(BaseModel):
    """The last, pointwise linear layer: tracks and the link that keeps them positive."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tracks: int = Field(gt=0)
    activation: ActivationName = "softplus"


class Architecture(BaseModel):
    """A network: ``window`` bp of sequence, the trunk's operations, and the heads by name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    window: int = Field(gt=0)
    trunk: list[Operation] = Field(min_length=1)
    heads: dict[str, Head] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Architecture:
        length, channels, cropped = self.window, len(ALPHABET), False
        for position, operation in enumerate(self.trunk):
            if cropped and not isinstance(operation, Crop) and _is_wide(operation):
                raise ValueError(
                    f"operation {position} of the trunk ({operation.op}) mixes or pools positions "
                    "behind a crop: crop as the last step that is not pointwise"
                )
            try:
                length = operation.output_length(length)
                channels = operation.output_channels(channels)
            except ValueError as error:
                raise ValueError(
                    f"operation {position} of the trunk ({operation.op}): {error}"
                ) from None
            cropped = cropped or isinstance(operation, Crop)
        return self

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
        first = next(iter(self.heads.values()))
        heads = {
            name: {**self.heads.get(name, first).model_dump(), "tracks": number}
            for name, number in tracks.items()
        }
        return Architecture.model_validate({**self.model_dump(), "heads": heads})

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
        Path(path).write_text("\n".join(["{", *lines, "}", ""]), encoding="utf-8")


def _is_wide(operation: _Operation) -> bool:
    return operation.needed(0, 1) != (0, 1)
