"""Published networks behind Kipoi's interface, from the very files that were published."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

_DIRECTORY = Path(__file__).resolve().parent
_MODELS = _DIRECTORY.parent
# Kipoi loads this file by its path; the classes that it builds on stand beside it and above.
for _folder in (_MODELS.parent, _MODELS / "variant_effects"):
    if str(_folder) not in sys.path:
        sys.path.append(str(_folder))

from basenji_variant_effects import BasenjiVariantEffects

from basenji_kipoi.base.errors import InputError
from basenji_kipoi.base.remote.download import download
from basenji_kipoi.kipoi_compatibility import Postprocessing
from basenji_kipoi.published.family_2018 import read_checkpoint
from basenji_kipoi.published.family_2020 import read_keras_file
from basenji_model import BasenjiModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from basenji_kipoi.published.model import PublishedModel

__all__ = [
    "PublishedBasenji2",
    "PublishedBasenji2Effects",
    "PublishedBasenji2018",
    "PublishedBasenji2018Effects",
]

#: Names of a checkpoint's files, which belong together by them.
_CHECKPOINT = "model.tf"
_SUFFIXES = {"index": ".index", "data": ".data-00000-of-00001"}
#: kipoi-veff's block of the models that sum over bins: the shipped model's.
_EFFECTS = Postprocessing("../variant_effects/model.yaml", _DIRECTORY)


class PublishedBasenji2018(BasenjiModel):
    """A network of the 2018 family, from its TensorFlow 1 checkpoint.

    Parameters
    ----------
    checkpoint
        ``index`` and ``data``, each with ``url`` and ``md5``, as Kipoi's own TensorFlow models
        have them. Kipoi leaves files that are nested in its description to the model, whose
        downloads go on where they stopped and are verified.
    params
        The params.txt, relative to the directory that Kipoi loads the model from.
    model_dir
        Where the downloaded files are kept, relative in the same way.
    options
        As `BasenjiModel` takes them.

    Raises
    ------
    InputError
        If a file cannot be downloaded or is another one, or they do not fit each other.
    """

    #: None: kipoi-veff refuses an output of bins and tracks.
    postprocessing: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        checkpoint: Mapping[str, Any],
        params: str = "params.txt",
        model_dir: str = "downloaded",
        **options: Any,  # noqa: ANN401 - each documented at `BasenjiModel`
    ) -> None:
        self._checkpoint = checkpoint
        self._params = params
        super().__init__(model_dir=model_dir, **options)

    def _open(self, model_dir: str) -> PublishedModel:
        prefix = Path(model_dir) / _CHECKPOINT
        for part, suffix in _SUFFIXES.items():
            remote = self._checkpoint[part]
            download(remote.url, prefix.with_name(f"{_CHECKPOINT}{suffix}"), remote.md5)
        return read_checkpoint(prefix, self._params)


class PublishedBasenji2(BasenjiModel):
    """A network of the 2020 family, from its Keras 2 file, which the user has put in place.

    Parameters
    ----------
    file
        Name of the file in ``model_dir``.
    location
        Where it is published, for the message if it is missing. Its checksum is not published, so
        that a download could not be verified.
    params
        The params.json, relative to the directory that Kipoi loads the model from.
    model_dir
        The file's folder, relative in the same way.
    options
        As `BasenjiModel` takes them.

    Raises
    ------
    InputError
        If the file is missing, or does not fit the params.json.
    """

    postprocessing: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        file: str,
        location: str,
        params: str = "params.json",
        model_dir: str = "downloaded",
        **options: Any,  # noqa: ANN401 - each documented at `BasenjiModel`
    ) -> None:
        self._file = file
        self._location = location
        self._params = params
        super().__init__(model_dir=model_dir, **options)

    def _open(self, model_dir: str) -> PublishedModel:
        path = Path(model_dir) / self._file
        if not path.is_file():
            raise InputError(
                f"{path.absolute()} is missing: get {self._location} and save it there"
            )
        return read_keras_file(path, self._params)


class PublishedBasenji2018Effects(PublishedBasenji2018, BasenjiVariantEffects):
    """`PublishedBasenji2018`, read as `BasenjiVariantEffects` reads ours: summed over the bins."""

    postprocessing = _EFFECTS


class PublishedBasenji2Effects(PublishedBasenji2, BasenjiVariantEffects):
    """`PublishedBasenji2`, read as `BasenjiVariantEffects` reads ours: summed over the bins."""

    postprocessing = _EFFECTS
