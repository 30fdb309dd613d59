"""Folders of comparisons, as the programs beside write them: a page, figures and rows of each."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from basenji_kipoi.base.atomic import Folder, atomic_path, check_output
from basenji_kipoi.base.errors import InputError
from basenji_kipoi.comparison.statistics import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from basenji_kipoi.comparison.run import Comparison

__all__ = ["write_comparisons"]

_KIND = Folder("these comparisons", holds=("figures.json",))


def write_comparisons(
    out: Path,
    make: Callable[[], tuple[Mapping[str, Comparison], Mapping[str, Any]]],
    *,
    overwrite: bool,
) -> None:
    """Compare, write a folder, and say what came out; what is wrong ends the program in one line.

    Parameters
    ----------
    out
        The folder. Whether it may be written is checked first.
    make
        Returns comparisons by the folders they lie in, where ``""`` is the output itself, and what
        else ``figures.json`` holds beside their figures.
    overwrite
        Whether to replace an existing folder.
    """
    try:
        check_output(out, overwrite=overwrite, folder=_KIND)
        found, more = make()
        with atomic_path(out, overwrite=overwrite) as folder:
            folder.mkdir()
            for name, comparison in found.items():
                (folder / name).mkdir(exist_ok=True)
                comparison.write(folder / name)
            figures = {name: as_json(each.figures) for name, each in found.items()}
            content = {**figures.get("", figures), **more}
            (folder / "figures.json").write_text(json.dumps(content, indent=2) + "\n")
    except InputError as problem:
        sys.exit(f"error: {problem}")
    for name, comparison in found.items():
        print(f"{name}: {comparison}" if name else comparison)
