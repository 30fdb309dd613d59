"""The operations of a network's trunk, and the geometry of any chain of them.

Intervals are 0-based and half-open, in positions of the tensor at hand: bases at a trunk's input,
bins at its output. They may lie outside the tensor; what that means is up to the caller.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple, Protocol, Union

from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "Activation",
    "ActivationName",
    "Chained",
    "Concatenate",
    "Convolution",
    "Crop",
    "Dropout",
    "Normalisation",
    "Operation",
    "Pooling",
    "Residual",
    "Span",
    "WeightCount",
    "affected_by",
    "channels_of",
    "needed_by",
    "operations_of",
    "padding_of",
    "weights_of",
]

ActivationName = Literal[
    "relu", "gelu_tanh", "gelu_sigmoid", "gelu_erf", "softplus", "exp_linear", "linear"
]
Span = tuple[int, int]


class WeightCount(NamedTuple):
    """Weights of an operation: trained ones, and ``fixed`` ones such as moving statistics."""

    trainable: int = 0
    fixed: int = 0


class _Operation(BaseModel, ABC):
    """One step of a trunk: how it moves intervals, lengths and channels, and what it weighs."""

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

    @abstractmethod
    def weights(self, channels: int) -> WeightCount:
        """Count the weights for an input of so many channels."""

    @property
    def is_pointwise(self) -> bool:
        """Whether an output position is computed from the same input position alone."""
        return self.needed(0, 1) == (0, 1)

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


class _Weightless(_Operation):
    """An operation that nothing is trained of."""

    def weights(self, channels: int) -> WeightCount:
        return WeightCount()


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

    def weights(self, channels: int) -> WeightCount:
        return WeightCount(self.filters * (self.kernel * channels + self.bias))


class Normalisation(_Pointwise):
    """Batch normalisation; ``gamma`` is the initial scale (zeros silence a residual branch)."""

    op: Literal["normalisation"] = "normalisation"
    momentum: float = Field(default=0.9, gt=0, lt=1)
    epsilon: float = Field(default=1e-3, gt=0, allow_inf_nan=False)
    gamma: Literal["ones", "zeros"] = "ones"

    def weights(self, channels: int) -> WeightCount:
        # Scale and shift; mean and variance.
        return WeightCount(2 * channels, 2 * channels)


class Activation(_Pointwise, _Weightless):
    """A fixed non-linear function."""

    op: Literal["activation"] = "activation"
    function: ActivationName


class Pooling(_Weightless):
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


class Dropout(_Pointwise, _Weightless):
    """Random zeros in training; nothing in inference."""

    op: Literal["dropout"] = "dropout"
    rate: float = Field(ge=0, lt=1)


class Crop(_Weightless):
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

    def weights(self, channels: int) -> WeightCount:
        return weights_of(self.branch, channels)


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


class Chained(Protocol):
    """What geometry asks of a link of a chain, be it an operation or what became of it."""

    def needed(self, first: int, last: int) -> Span:
        """Input positions that the output positions [first, last) are computed from."""

    def affected(self, first: int, last: int) -> Span:
        """Output positions that a change of the input positions [first, last) can reach."""

    def output_channels(self, channels: int) -> int:
        """Channels of the output for an input of so many channels."""


def needed_by(operations: Sequence[Chained], first: int, last: int) -> Span:
    """Input positions that the output positions [first, last) of a chain are computed from."""
    for operation in reversed(operations):
        first, last = operation.needed(first, last)
    return first, last


def affected_by(operations: Sequence[Chained], first: int, last: int) -> Span:
    """Output positions of a chain that a change of the input positions [first, last) can reach."""
    for operation in operations:
        first, last = operation.affected(first, last)
    return first, last


def channels_of(operations: Sequence[Chained], channels: int) -> int:
    """Channels at the end of a chain whose input has so many."""
    for operation in operations:
        channels = operation.output_channels(channels)
    return channels


def weights_of(operations: Sequence[Operation], channels: int) -> WeightCount:
    """Weights of a chain whose input has so many channels."""
    trainable = fixed = 0
    for operation in operations:
        count = operation.weights(channels)
        trainable, fixed = trainable + count.trainable, fixed + count.fixed
        channels = operation.output_channels(channels)
    return WeightCount(trainable, fixed)


def operations_of(operation: Operation) -> int:
    """Count an operation and those of its branch."""
    return 1 + sum(map(operations_of, getattr(operation, "branch", ())))


def padding_of(operation: Operation) -> int:
    """Positions that an operation adds to its input while it computes."""
    if not isinstance(operation, Convolution):
        return 0
    first, last = operation.needed(0, 0)
    return last - first
