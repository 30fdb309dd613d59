"""From a bundle to a directory that Kipoi takes for a model, with all its views."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

from basenji_kipoi.base.atomic import atomic_path
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.kipoi_directories.description import kinds_of, readme, with_info
from basenji_kipoi.kipoi_directories.example import write_example
from basenji_kipoi.models.bundle import Bundle
from basenji_kipoi.models.shipped.shipped import model_folder

__all__ = ["write_kipoi_directory"]

#: Where the files lie that Kipoi finds first: beside this package, in a clone.
_SOURCE = Path(__file__).resolve().parents[2]
_FILES = ("model.yaml", "dataloader.yaml", "dataloader.py", "basenji_model.py", "LICENSE")
_EXPECTED = "examples/make_expected.py"
#: Bases that a mutation map mutates (bp); a window holds them.
_REGION = 128
_NEEDED = ("kipoi", "kipoiseq", "pysam")


def write_kipoi_directory(
    model: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    author: str = "not stated",
    licence: str = "not stated",
    overwrite: bool = False,
) -> Bundle:
    """Write a directory that `kipoi test`, `kipoi predict` and kipoi-veff take for a model.

    It holds the bundle, the program, the views of the model with their descriptions, and an
    example with the predictions that are expected for it, as Kipoi computes them.

    Parameters
    ----------
    model
        The bundle.
    out
        The directory to be made.
    author, licence
        Whom and what the descriptions name.
    overwrite
        Whether such a directory may be replaced.

    Returns
    -------
    Bundle
        The bundle as it was read.

    Raises
    ------
    InputError
        If the bundle cannot be used, the output may not be written, or Kipoi or its files are not
        there.
    """
    model, out = model_folder(model), Path(out)
    bundle = Bundle.load(model)
    if bundle.architecture.window < _REGION:
        raise InputError(
            f"{model} reads windows of {bundle.architecture.window} bp: Kipoi's mutation map needs "
            f"{_REGION} or more"
        )
    inside, outside = model.resolve(), out.resolve()
    if inside == outside or outside in inside.parents:
        raise InputError(f"{out} holds the model {model}: name another directory")
    if out.exists() and overwrite and not (out / "model.yaml").is_file():
        raise InputError(f"{out} is no Kipoi directory: it is not replaced; name another one")
    if not all((_SOURCE / name).is_file() for name in (*_FILES, _EXPECTED)):
        raise InputError(
            f"Kipoi's files are not beside {_SOURCE / 'basenji_kipoi'}: run this from a clone of "
            "the repository (make install)"
        )
    for name in _NEEDED:
        if importlib.util.find_spec(name) is None:
            raise InputError(f"a Kipoi directory needs {name} to be installed (pip install {name})")
    with atomic_path(out, overwrite=overwrite) as folder:
        _copy(bundle, folder)
        for name, kind in kinds_of(bundle).items():
            path = folder / name / "model.yaml"
            text = path.read_text(encoding="utf-8")
            text = with_info(text, bundle, kind, author=author, licence=licence)
            path.write_text(text, encoding="utf-8")
        (folder / "README.md").write_text(readme(bundle), encoding="utf-8")
        write_example(folder / "examples" / "data", bundle.architecture.window)
        _fit(folder)
    return bundle


def _copy(bundle: Bundle, folder: Path) -> None:
    """Copy the bundle, the program and Kipoi's files."""
    ignored = shutil.ignore_patterns("__pycache__", "downloaded", "*.fai")
    for name in ("basenji_kipoi", *(folder for folder in kinds_of(bundle) if folder != ".")):
        shutil.copytree(_SOURCE / name, folder / name, ignore=ignored)
    for name in (*_FILES, _EXPECTED):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(_SOURCE / name, folder / name)
    (folder / "examples" / "data").mkdir()
    # Links become the files that they lead to.
    shutil.copytree(bundle.path, folder / "model_files", ignore=ignored)


def _fit(folder: Path) -> None:
    """Let Kipoi itself compute what `kipoi test` is to expect, in a process of its own.

    This package never imports Kipoi, and what is measured is the directory as it will be used.
    """
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    ran = subprocess.run(
        [sys.executable, _EXPECTED],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ran.returncode:
        last = (ran.stdout.strip().splitlines() or ["it says nothing"])[-1]
        raise InputError(f"Kipoi cannot predict with this model: {last}")
    for index in folder.rglob("*.fai"):
        index.unlink()  # made anew by whoever reads the genome where it comes to lie
