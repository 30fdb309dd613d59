"""What a bundle holds, as data and as a page for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from basenji_kipoi.base.sequence import ALPHABET
from basenji_kipoi.models.networks.operations import Activation, channels_of, weights_of

if TYPE_CHECKING:
    from basenji_kipoi.models.bundle import Bundle
    from basenji_kipoi.models.networks.architecture import Architecture
    from basenji_kipoi.models.networks.operations import Operation

__all__ = ["count_parameters", "describe"]


def count_parameters(architecture: Architecture) -> dict[str, int]:
    """Count the weights of the network that an architecture describes, without building it.

    Parameters
    ----------
    architecture
        The description.

    Returns
    -------
    dict of str to int
        ``trainable`` weights, and the ``fixed`` moving statistics of the normalisations.
    """
    trainable, fixed = weights_of(architecture.trunk, len(ALPHABET))
    trainable += sum(
        head.tracks * (architecture.channels + 1) for head in architecture.heads.values()
    )
    for reporter in architecture.reporters.values():
        own = reporter.weights(architecture.trunk, len(ALPHABET))
        trainable, fixed = trainable + own[0], fixed + own[1]
    return {"trainable": trainable, "fixed": fixed}


def describe(bundle: Bundle) -> dict[str, Any]:
    """Collect what is known of a bundle.

    Parameters
    ----------
    bundle
        A bundle, loaded with its checksums verified.

    Returns
    -------
    dict
        Values that JSON can hold. Lengths are in bp, ``crop`` in bins on each side.
    """
    architecture, metadata = bundle.architecture, bundle.metadata
    return {
        "path": str(bundle.path),
        "name": metadata.name,
        "assembly": metadata.assembly,
        "window": architecture.window,
        "bin": architecture.bin,
        "crop": architecture.crop,
        "bins": architecture.bins,
        "receptive_field": architecture.receptive_field,
        "parameters": count_parameters(architecture),
        "members": len(metadata.weights),
        "layers": _layers(architecture),
        "reporters": {name: assay.model_dump() for name, assay in bundle.assays.items()},
        "tracks": [track.model_dump() for track in bundle.targets],
        "training": metadata.training.content(),
        "evaluation": bundle.evaluation,
        "versions": metadata.versions,
        "sha256": metadata.sha256,
    }


def _layers(architecture: Architecture) -> list[dict[str, Any]]:
    """List the trunk's operations and the heads with the shapes of their outputs."""
    layers = []
    length, channels = architecture.window, len(ALPHABET)
    for operation in architecture.trunk:
        weights = operation.weights(channels)
        length = operation.output_length(length)
        channels = channels_of([operation], channels)
        layers.append(
            {
                "operation": operation.op,
                "options": _options(operation),
                "length": length,
                "channels": channels,
                "parameters": sum(weights),
            }
        )
    for name, head in architecture.heads.items():
        layers.append(
            {
                "operation": f"head {name}",
                "options": head.activation,
                "length": length,
                "channels": head.tracks,
                "parameters": head.tracks * (channels + 1),
            }
        )
    for name, reporter in architecture.reporters.items():
        layers.append(
            {
                "operation": f"reporter {name}",
                "options": f"window={reporter.window}",
                "length": 1,
                "channels": reporter.activities,
                "parameters": sum(reporter.weights(architecture.trunk, len(ALPHABET))),
            }
        )
    return layers


def _options(operation: Operation) -> str:
    """Put an operation's options on one line; of a branch, its operations."""
    if hasattr(operation, "branch"):
        return " > ".join(
            inner.function
            if isinstance(inner, Activation)
            else f"{inner.op} {_options(inner)}".strip()
            for inner in operation.branch
        )
    defaults = {name: f.default for name, f in type(operation).model_fields.items()}
    return " ".join(
        f"{name}={value}"
        for name, value in operation.model_dump(exclude={"op"}).items()
        if value != defaults[name]
    )
