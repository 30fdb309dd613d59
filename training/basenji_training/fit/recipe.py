"""Recipes: a network and how to train it, in a JSON file that can be read."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.json_files import read_json
from basenji_kipoi.models.networks.architecture import Architecture
from basenji_kipoi.models.networks.presets.presets import read_preset
from basenji_training.fit import recipes
from basenji_training.optimisation.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from basenji_training.store.reporters import ReporterStore
    from basenji_training.store.store import Store

__all__ = ["Recipe", "read_network", "read_recipe", "settings_of"]

_SUFFIX = ".json"


class Recipe(BaseModel):
    """What a recipe's file holds.

    Attributes
    ----------
    description
        Where it comes from.
    network
        A preset network or an architecture file, relative to the recipe's folder.
    settings
        How to train; what is left out has its default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    network: str
    settings: Settings


def read_recipe(name: str) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    name
        A ``.json`` file, or the name of a recipe that comes with the package.

    Raises
    ------
    InputError
        If there is none, or it does not say what a recipe says.
    """
    if name.endswith(_SUFFIX):
        recipe = read_json(Recipe, name)
        if recipe.network.endswith(_SUFFIX):
            network = str(Path(name).parent / recipe.network)
            return recipe.model_copy(update={"network": network})
        return recipe
    files = {
        entry.name.removesuffix(_SUFFIX): entry
        for entry in resources.files(recipes).iterdir()
        if entry.name.endswith(_SUFFIX)
    }
    if name not in files:
        raise InputError(
            f"no recipe {name!r}: expected one of {', '.join(sorted(files))}, or a .json file"
        )
    return Recipe.model_validate_json(files[name].read_bytes())


def read_network(name: str) -> Architecture:
    """Read a network.

    Parameters
    ----------
    name
        A ``.json`` file, or the name of a network that comes with `basenji_kipoi`.

    Raises
    ------
    InputError
        If there is none, or it does not describe a network.
    """
    return Architecture.read(name) if name.endswith(_SUFFIX) else read_preset(name)


def settings_of(
    recipe: Recipe,
    given: Mapping[str, Any],
    architecture: Architecture,
    stores: Sequence[Store | ReporterStore],
) -> Settings:
    """Join a recipe with what was asked for besides; fill in what follows from data and machine.

    Parameters
    ----------
    recipe
        The recipe.
    given
        Settings that win over it, by their names.
    architecture, stores
        What is trained on what: the usual `jitter` follows from them.

    Returns
    -------
    Settings
        What neither the recipe nor `given` says has its usual value.
    """
    # Beyond a contig that is as short as a window there is nothing to see but padding.
    # Reporter stores have no contigs.
    lengths = [max(store.chromosomes.values()) for store in stores if hasattr(store, "chromosomes")]
    half = architecture.bins * architecture.bin // 2
    has_room = min(lengths, default=0) > architecture.window
    usual = {"jitter": half if has_room else 0, "dtype": "auto"}
    return Settings(**{**usual, **recipe.settings.model_dump(exclude_unset=True), **given})
