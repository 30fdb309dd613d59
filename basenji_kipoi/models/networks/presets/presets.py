"""Architectures that come with the package, one JSON file each.

``basenji2018`` is the network of Kelley et al. 2018 (131,072 bp, bins of 128 bp, one human head),
``basenji2`` its successor of 2020 (the same window and bins, a human and a mouse head), ``small`` a
network of 0.35 million parameters for genomes of yeast's size (16,384 bp, bins of 32 bp).
"""

from __future__ import annotations

from importlib import resources

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.models.networks import presets
from basenji_kipoi.models.networks.architecture import Architecture

__all__ = ["preset_names", "read_preset"]

_SUFFIX = ".json"


def preset_names() -> list[str]:
    """List the names that `read_preset` knows, sorted."""
    names = (entry.name for entry in resources.files(presets).iterdir())
    return sorted(name[: -len(_SUFFIX)] for name in names if name.endswith(_SUFFIX))


def read_preset(name: str) -> Architecture:
    """Read one of the architectures of the package.

    Parameters
    ----------
    name
        One of `preset_names`.

    Returns
    -------
    Architecture
        The description; weights are not part of it.

    Raises
    ------
    InputError
        If there is none of this name.
    """
    names = preset_names()
    if name not in names:
        raise InputError(f"no preset network {name!r}: expected one of {', '.join(names)}")
    content = resources.files(presets).joinpath(name + _SUFFIX).read_bytes()
    return Architecture.model_validate_json(content)
