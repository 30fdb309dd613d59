"""Files of the 2020 family (Basenji2, Kelley 2020): params.json and Keras 2 weights (HDF5)."""

from __future__ import annotations

import math
import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.models.networks.architecture import MOST_NUMBER, MOST_OPERATIONS, Architecture
from basenji_kipoi.models.networks.operations import ActivationName
from basenji_kipoi.published.gelu import GELUS, Gelu
from basenji_kipoi.published.model import (
    Kind,
    PublishedModel,
    PublishedWeights,
    StoredVariable,
    listed,
)
from basenji_kipoi.published.tracks import published_table

if TYPE_CHECKING:
    import os
    from collections.abc import Collection

    import numpy as np

__all__ = ["KerasFile", "Params", "read_keras_file"]

#: What Keras calls layers of a kind, with a number behind it from the second on.
_LAYERS: dict[Kind, str] = {
    "convolution": "conv1d",
    "normalisation": "batch_normalization",
    "head": "dense",
}


#: Numbers of a params.json; `Architecture` bounds what they make together.
_Positive = Annotated[int, Field(gt=0, le=MOST_NUMBER)]
_Factor = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Rate = Annotated[float, Field(ge=0, lt=1)]
_Repeat = Annotated[int, Field(gt=0, le=MOST_OPERATIONS)]


class _Block(BaseModel):
    """A block of the trunk. Options that it does not list are refused: they change the network."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _ConvBlock(_Block):
    name: Literal["conv_block"]
    filters: _Positive
    kernel_size: _Positive = 1
    pool_size: _Positive = 1
    dropout: _Rate = 0


class _ConvTower(_Block):
    name: Literal["conv_tower"]
    filters_init: _Positive
    filters_mult: _Factor = 1
    kernel_size: _Positive = 1
    pool_size: _Positive = 1
    dropout: _Rate = 0
    repeat: _Repeat = 1


class _DilatedResidual(_Block):
    name: Literal["dilated_residual"]
    filters: _Positive
    kernel_size: _Positive = 3
    rate_mult: _Factor = 2
    dropout: _Rate = 0
    repeat: _Repeat = 1
    round: bool = False


class _Cropping(_Block):
    name: Literal["Cropping1D"]
    cropping: int = Field(ge=0)


class _Head(_Block):
    name: Literal["final", "dense"]
    units: _Positive
    activation: ActivationName


class _Network(BaseModel):
    """The entry "model": what of it makes the network. Heads are entries named "head..."."""

    model_config = ConfigDict(extra="allow", frozen=True)

    seq_length: _Positive
    trunk: list[
        Annotated[
            Union[_ConvBlock, _ConvTower, _DilatedResidual, _Cropping], Field(discriminator="name")
        ]
    ]
    activation: Literal["gelu", "relu"]
    norm_type: Literal["batch"] = "batch"
    batch_norm: Literal[True] = True  # an early spelling of the same
    bn_momentum: float = Field(default=0.99, gt=0, lt=1)
    padding: Literal["same"] = "same"


class Params(BaseModel):
    """The network that a params.json describes; entries of training are passed over.

    Use `Params.read`.
    """

    model: _Network
    _gelu: Gelu = PrivateAttr("tanh")

    @classmethod
    def read(cls, path: str | os.PathLike[str], *, gelu: Gelu | None = None) -> Params:
        """Read a params.json.

        Parameters
        ----------
        path
            The file.
        gelu
            Which function its "gelu" is; by default that of the original program today.

        Raises
        ------
        InputError
            If the file is missing, is not JSON, or holds an unsupported block or option; names it.
        """
        params = read_json(cls, path)
        if not params.heads:
            raise InputError(f"{path}: no head: expected an entry of model named head or head_...")
        if gelu is not None:
            if params.model.activation != "gelu":
                raise InputError(f"--gelu {gelu}: the activation of {path} is relu: leave it out")
            params._gelu = gelu
        return params

    @property
    def heads(self) -> list[str]:
        """Names of the heads, in the order in which the original program makes them."""
        return sorted(_head_name(key) for key in self.model.model_extra if key.startswith("head"))

    def architecture(self, head: str) -> Architecture:
        """Describe the network that ends with one of the heads.

        Raises
        ------
        InputError
            If there is no such head, or the parts do not fit together.
        """
        if head not in self.heads:
            raise InputError(f"no head {head!r}: expected {' or '.join(self.heads)}")
        given = next(v for k, v in self.model.model_extra.items() if _head_name(k) == head)
        try:
            tracks = _Head.model_validate(given)
            return Architecture.model_validate(
                {
                    "window": self.model.seq_length,
                    "trunk": self._trunk(),
                    "heads": {head: {"tracks": tracks.units, "activation": tracks.activation}},
                }
            )
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(step) for step in first["loc"]) or "the network"
            raise InputError(f"head {head}: {place}: {first['msg']}") from None
        except ValueError as error:
            raise InputError(f"head {head}: the trunk: {error}") from None

    def _trunk(self) -> list[dict[str, Any]]:
        trunk: list[dict[str, Any]] = []
        width = len(ALPHABET)
        for part in self.model.trunk:
            if isinstance(part, _ConvBlock):
                width = part.filters
                trunk += self._block(width, part.kernel_size, part.pool_size, part.dropout)
            elif isinstance(part, _ConvTower):
                for step in range(part.repeat):
                    width = _bounded(part.filters_init, part.filters_mult, step)
                    trunk += self._block(width, part.kernel_size, part.pool_size, part.dropout)
            elif isinstance(part, _DilatedResidual):
                _bounded(1, part.rate_mult, part.repeat)
                rate = 1.0
                for _ in range(part.repeat):
                    branch = self._block(part.filters, part.kernel_size, dilation=round(rate))
                    branch += self._block(width, dropout=part.dropout, gamma="zeros")
                    trunk.append({"op": "residual", "branch": branch})
                    rate *= part.rate_mult
                    rate = round(rate) if part.round else rate
            else:
                trunk.append({"op": "crop", "bins": part.cropping})
        return [*trunk, self._activation]

    def _block(
        self,
        filters: int,
        kernel: int = 1,
        pool: int = 1,
        dropout: float = 0,
        *,
        dilation: int = 1,
        gamma: str = "ones",
    ) -> list[dict[str, Any]]:
        """Describe activation, convolution, normalisation, dropout and pooling, in this order."""
        convolution = {"filters": filters, "kernel": kernel, "dilation": dilation}
        momentum = self.model.bn_momentum
        block = [
            self._activation,
            {"op": "convolution", **convolution},
            {"op": "normalisation", "momentum": momentum, "gamma": gamma},
        ]
        if dropout:
            block.append({"op": "dropout", "rate": dropout})
        if pool > 1:
            block.append({"op": "pooling", "size": pool})
        return block

    @property
    def _activation(self) -> dict[str, str]:
        relu = self.model.activation == "relu"
        return {"op": "activation", "function": "relu" if relu else GELUS[self._gelu]}


def _bounded(first: int, factor: float, steps: int) -> int:
    """Multiply a number by a factor in some steps, as far as a network's size can go."""
    try:
        number = first * factor**steps
    except OverflowError:
        number = math.inf
    if number > MOST_NUMBER:
        raise ValueError(f"{first} x {factor} ** {steps} is more than {MOST_NUMBER:,}")
    return round(number)


def _head_name(key: str) -> str:
    return key[len("head") :].lstrip("_") or "final"


class KerasFile(PublishedWeights):
    """An HDF5 file of Keras 2: a whole model or its weights, with one head or several.

    Parameters
    ----------
    path
        The file.
    heads
        The heads that its network has; if the file holds a single one, it is the wanted one.
    head
        The wanted one.
    """

    family = "the 2020 family"

    def __init__(self, path: str | os.PathLike[str], heads: list[str], head: str) -> None:
        self.path = Path(path)
        self.heads = heads
        self.head = head

    @property
    def files(self) -> list[Path]:
        """The file."""
        return [self.path]

    def variables(self) -> dict[str, StoredVariable]:
        """Find the network's variables; see `PublishedWeights.variables`."""
        # Quick beside TensorFlow, but only readers of such files need it.
        import h5py  # noqa: PLC0415

        from basenji_kipoi.base.array_files import open_hdf5  # noqa: PLC0415 - likewise

        found: dict[str, StoredVariable] = {}

        def visit(place: str, node: Any) -> None:  # noqa: ANN401 - of h5py, which is not imported
            if isinstance(node, h5py.Dataset):
                layer, variable = place.split("/")[0], place.split("/")[-1].partition(":")[0]
                read = partial(self._read, node.name)
                found[f"{layer}/{variable}"] = StoredVariable(node.shape, node.dtype.name, read)

        with open_hdf5(self.path) as file:
            weights = file.get("model_weights", file)
            if "layer_names" not in weights.attrs:
                raise InputError(
                    f"{self.path} holds no weights of Keras 2: expected the model_best.h5 of a "
                    "2020 network"
                )
            weights.visititems(visit)
        unwanted = set(self._layers("head", found)) - {self.layer("head", 0, found)}
        return {name: v for name, v in found.items() if name.split("/")[0] not in unwanted}

    def _read(self, place: str) -> np.ndarray:
        import h5py  # noqa: PLC0415 - as above

        try:
            # `variables` has seen that the array lies in this file.
            with h5py.File(self.path) as file:
                return file[place][()]
        except (OSError, RuntimeError, KeyError, ValueError) as error:
            raise InputError(
                f"{self.path}: {place} cannot be read; the file is damaged or incomplete, get it "
                f"again: {str(error).splitlines()[0]}"
            ) from error

    def layer(self, kind: Kind, number: int, stored: Collection[str]) -> str:
        """Name a layer; see `PublishedWeights.layer`."""
        layers = self._layers(kind, stored)
        if kind == "head" and len(layers) > 1:
            if len(layers) != len(self.heads):
                raise InputError(
                    f"{self.path} has {len(layers)} heads ({listed(layers)}), but params.json has "
                    f"{len(self.heads)} ({listed(self.heads)})"
                )
            number = self.heads.index(self.head)
        return layers[number] if number < len(layers) else f"{_LAYERS[kind]}_{number}"

    def _layers(self, kind: Kind, stored: Collection[str]) -> list[str]:
        """List a kind's layers: Keras counts on within a process, so the first may not be 0."""
        pattern = re.compile(rf"{_LAYERS[kind]}(?:_(\d+))?")
        found = {name.split("/")[0] for name in stored}
        numbered = {int(m[1] or 0): m[0] for m in map(pattern.fullmatch, found) if m}
        return [numbered[number] for number in sorted(numbered)]


def read_keras_file(
    path: str | os.PathLike[str],
    params: str | os.PathLike[str],
    *,
    head: str | None = None,
    gelu: Gelu | None = None,
    targets: str | os.PathLike[str] | None = None,
    **details: Any,  # noqa: ANN401 - each documented at `PublishedModel`
) -> PublishedModel:
    """Open a network of the 2020 family.

    Parameters
    ----------
    path
        The Keras 2 file.
    params
        Its params.json.
    head
        The head to end with; needed where there are several.
    gelu
        Which function "gelu" of the parameter file is; by default the one by tanh, as the original
        program has it today.
    targets
        The tracks' table; by default, of a network with as many tracks as a head of Basenji2, the
        published names that come with the package.
    details
        Name and assembly, as `PublishedModel` takes them.

    Raises
    ------
    InputError
        If the parameter file is bad or the head is not given. The weights are read, and checked,
        when the network is built.
    """
    described = Params.read(params, gelu=gelu)
    if head is None:
        if len(described.heads) > 1:
            raise InputError(f"{params} has the heads {', '.join(described.heads)}: choose --head")
        (head,) = described.heads
    try:
        architecture = described.architecture(head)
    except InputError as error:
        raise InputError(f"{params}: {error}") from None
    weights = KerasFile(path, described.heads, head)
    targets = targets or published_table(architecture.tracks)
    return PublishedModel(architecture, weights, params=params, targets=targets, **details)
